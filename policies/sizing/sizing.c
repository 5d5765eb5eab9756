/* SPDX-License-Identifier: Apache-2.0 */
#include "policies/sizing/sizing.h"

#include <string.h>

static enum reason (*const sizers[RULE_COUNT])(
                const struct finding *f, const struct sizing_host *host, struct proposal *p) = {
        [RULE_CPU_QUOTA] = sizing_cpu,
        [RULE_MEMORY_LIMIT] = sizing_memory_limit,
        [RULE_MEMORY_HIGH] = sizing_memory_high,
        [RULE_PIDS_LIMIT] = sizing_pids,
        [RULE_IO_BRAKE] = sizing_io_brake,
};

void sizing_add(struct proposal *p, enum knob_id knob, struct knob_value old, uint64_t amount) {
        struct knob_value new = { amount, old.period_usec };

        p->changes[p->changes_count++] = (struct knob_change){
                .knob = knob, .old = old, .new = knob_round(knob, new)
        };
}

/* A brake is a step down, all else is one up. */
static bool is_step(const struct proposal *p) {
        int direction = knob_compare(p->changes[0].knob, p->changes[0].new, p->changes[0].old);

        return p->rule == RULE_IO_BRAKE ? direction < 0 : direction > 0;
}

bool sizing_propose(const struct finding *f, const struct sizing_host *host, struct proposal *ret,
                enum reason *ret_reason) {
        struct proposal p = {
                .cgroup_inode = f->cgroup_inode,
                .rule = f->rule,
                .risk = RISK_LOW,
                .finding = f->number,
                .lost_usec_per_min = f->lost_usec_per_min,
        };
        enum reason reason = REASON_NO_CHANGE;

        memcpy(p.container_id, f->container_id, sizeof(p.container_id));
        memcpy(p.evidence, f->evidence, sizeof(p.evidence));
        if (f->rule < RULE_COUNT && sizers[f->rule])
                reason = sizers[f->rule](f, host, &p);
        if (reason == REASON_NONE && !is_step(&p))
                reason = REASON_NO_CHANGE;
        if (reason != REASON_NONE) {
                *ret_reason = reason;
                return false;
        }

        *ret = p;
        return true;
}
