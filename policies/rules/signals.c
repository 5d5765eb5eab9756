/* SPDX-License-Identifier: Apache-2.0 */
#include "policies/rules/signals.h"

#include "policies/rules/transition.h"

#define SIGNAL_ROW(id, file, key) [SIGNAL_##id] = { file, key },
const struct signal_row signal_rows[SIGNALS] = { SIGNAL_TABLE(SIGNAL_ROW) };
#undef SIGNAL_ROW

static bool is_number(uint64_t signal) {
        return signal != SIGNAL_UNKNOWN && signal != SIGNAL_ABSENT;
}

/* A limit that is still met after a raise is no harm that the lower one would mend. */
static bool lowers(const struct change *x, enum knob_id id) {
        for (unsigned i = 0; i < x->changes_count; i++)
                if (x->changes[i].knob == id && knob_change_lowers(&x->changes[i]))
                        return !(x->step_mask >> i & 1); /* not while it stands at its old value */
        return false;
}

enum reason signals_harm(const struct change *x, uint64_t since[static SIGNALS],
                const uint64_t now[static SIGNALS]) {
        uint64_t grown[SIGNALS];

        for (size_t i = 0; i < SIGNALS; i++) {
                if (!is_number(since[i]))
                        since[i] = now[i];
                grown[i] = is_number(now[i]) ? u64_sub(now[i], since[i]) : 0;
        }
        if (grown[SIGNAL_KILL_LOCAL] || (grown[SIGNAL_KILL_BELOW] && grown[SIGNAL_OOM_LOCAL]))
                return REASON_OOM_KILL;
        if (grown[SIGNAL_PIDS_REFUSED] && lowers(x, KNOB_PIDS_MAX))
                return REASON_PIDS_REFUSED;
        if (grown[SIGNAL_MEMORY_FULL] && lowers(x, KNOB_MEMORY_MAX))
                return REASON_MEMORY_FULL;
        return REASON_NONE;
}

bool signals_known(const uint64_t since[static SIGNALS], const uint64_t now[static SIGNALS]) {
        for (size_t i = 0; i < SIGNALS; i++)
                if (now[i] == SIGNAL_UNKNOWN || (now[i] == SIGNAL_ABSENT && is_number(since[i])))
                        return false;
        return true;
}
