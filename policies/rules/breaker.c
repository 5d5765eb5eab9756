/* SPDX-License-Identifier: Apache-2.0 */
#include "policies/rules/breaker.h"

#include <string.h>

bool breaker_is_harm(enum reason reason) {
        static const bool against[REASON_COUNT] = {
                [REASON_OOM_KILL] = true,
                [REASON_PIDS_REFUSED] = true,
                [REASON_MEMORY_FULL] = true,
                [REASON_OBSERVER_ASKED] = true,
                [REASON_UNHEALTHY] = true,
                [REASON_NO_EVIDENCE] = true,
                [REASON_HEADROOM] = true,
                [REASON_SLOW] = true,
        };

        return reason < REASON_COUNT && against[reason];
}

bool breaker_counts(const struct change *x) {
        return x->state == CHANGE_ROLLED_BACK && x->rule != RULE_PERSON &&
               (x->reason == REASON_PERSON || breaker_is_harm(x->reason));
}

static uint64_t apart(uint64_t a, uint64_t b) {
        return a > b ? a - b : b - a;
}

void breaker_boot(struct breaker *b) {
        b->count = 0;
}

void breaker_add(struct breaker *b, const struct change *x) {
        size_t most = ARRAY_LEN(b->ended_ns);

        if (!breaker_counts(x))
                return;
        if (b->count == most &&
                        apart(b->ended_ns[most - 1], x->ended_boottime_ns) <= BREAKER_WINDOW_NS)
                b->open = true;
        memmove(b->ended_ns + 1, b->ended_ns, (most - 1) * sizeof(*b->ended_ns));
        b->ended_ns[0] = x->ended_boottime_ns;
        if (b->count < most)
                b->count++;
}
