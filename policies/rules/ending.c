/* SPDX-License-Identifier: Apache-2.0 */
#include "policies/rules/ending.h"

#include "policies/rules/transition.h"

uint64_t ending_probation_sec(enum rule_id rule) {
        return rule == RULE_MEMORY_LIMIT || rule == RULE_MEMORY_HIGH ? 120 : 60;
}

bool ending_needs_evidence(const struct change *x) {
        return change_lowers(x) || change_by_policy(x);
}

/* Once more as long; what is not known by then is not going to be. */
static struct ending hold(const struct change *x, enum reason reason) {
        return (struct ending){ x->state == CHANGE_HELD ? CHANGE_ROLLING_BACK : CHANGE_HELD,
                reason };
}

struct ending ending_decide(const struct change *x, const struct ending_input *in) {
        if (in->trial)
                return (struct ending){ CHANGE_ROLLING_BACK, REASON_TRIAL };
        if (!in->known)
                return hold(x, REASON_BLIND);
        if (x->proven)
                return (struct ending){ CHANGE_COMMITTED, REASON_PROVEN };
        if (in->kept)
                return (struct ending){ CHANGE_COMMITTED, REASON_PERSON };
        if (ending_needs_evidence(x))
                return hold(x, REASON_NO_EVIDENCE);
        return (struct ending){ CHANGE_COMMITTED, REASON_UNPROVEN };
}
