/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compare-and-set: only a value that this change wrote is replaced. The check and the write are two
 * steps, since the kernel has no such operation; the caller reads back and asks again.
 *
 * memory.max below what cannot be reclaimed kills at once, on every kernel and with O_NONBLOCK too;
 * memory.high and pids.max below use only throttle and refuse. So memory.max alone keeps more.
 */
#include "policies/rules/undo.h"

static bool is_ours(const struct knob_change *change, const struct undo_input *input) {
        if (knob_equal(input->current, change->new))
                return true;
        for (unsigned i = 0; i < input->steps_count; i++)
                if (knob_equal(input->current, input->steps[i]))
                        return true;
        return false;
}

uint64_t undo_needed_bytes(enum knob_id id, uint64_t in_use) {
        uint64_t room = in_use / 10000 * UNDO_HEADROOM_PERMYRIAD +
                        in_use % 10000 * UNDO_HEADROOM_PERMYRIAD / 10000;
        struct knob_value need = { 0 };
        uint64_t wanted;

        if (in_use >= INT64_MAX ||
                        __builtin_add_overflow(in_use, u64_max(room, UNDO_HEADROOM_BYTES), &wanted))
                return KNOB_MAX;
        for (uint64_t more = 0; need.amount < wanted; more += 4 * KIB)
                need = knob_round(id, (struct knob_value){ .amount = wanted + more });
        return need.amount;
}

struct undo_knob undo_decide(const struct knob_change *change, const struct undo_input *input) {
        struct undo_knob undo = { .action = UNDO_WRITE, .value = change->old };

        if (knob_equal(input->current, change->old))
                undo.action = UNDO_NOTHING;
        else if (!is_ours(change, input))
                undo.action = UNDO_CONFLICT;
        if (undo.action != UNDO_WRITE || knobs[change->knob].danger != DANGER_KILL ||
                        knob_compare(change->knob, change->old, input->current) > 0)
                return undo;

        uint64_t need = undo_needed_bytes(change->knob, input->in_use);

        if (need <= change->old.amount)
                return undo;
        undo.kept = true;
        if (need < input->current.amount)
                undo.value.amount = need;
        else {
                undo.action = UNDO_NOTHING;
                undo.value = input->current;
        }
        return undo;
}

/* Of a change that was being written when dtgovd stopped. */
static enum change_state recover_applying(bool any_new, bool any_foreign, enum reason *ret_reason) {
        *ret_reason = any_new       ? REASON_DAEMON_STOPPED
                      : any_foreign ? REASON_EXTERNAL
                                    : REASON_NOT_APPLIED;
        return any_new ? CHANGE_ROLLING_BACK : any_foreign ? CHANGE_CONFLICT : CHANGE_REFUSED;
}

enum change_state recover_decide(enum change_state state, bool same_boot, bool alive, bool any_new,
                bool any_foreign, enum reason *ret_reason) {
        *ret_reason = REASON_NONE;
        if (!change_states[state].open && state != CHANGE_COMMITTED)
                return state;

        if (!same_boot || !alive) {
                *ret_reason = same_boot ? REASON_EXITED : REASON_REBOOT;
                return CHANGE_LAPSED;
        }

        switch (state) {
        case CHANGE_PROPOSED:
                *ret_reason = REASON_EXPIRED;
                return CHANGE_EXPIRED;
        case CHANGE_APPROVED:
        case CHANGE_PRECHECK:
                *ret_reason = REASON_NOT_APPLIED;
                return CHANGE_REFUSED;
        case CHANGE_INTENT:
        case CHANGE_APPLYING:
        case CHANGE_VERIFY:
                return recover_applying(any_new, any_foreign, ret_reason);
        case CHANGE_PROBATION:
        case CHANGE_HELD:
                *ret_reason = any_new ? REASON_DAEMON_STOPPED : REASON_EXTERNAL;
                return any_new       ? CHANGE_ROLLING_BACK
                       : any_foreign ? CHANGE_CONFLICT
                                     : CHANGE_REVERTED_EXTERNALLY;
        case CHANGE_ROLLBACK_FAILED:
                return CHANGE_ROLLING_BACK;
        default: /* rolling back goes on, committed stays */
                return state;
        }
}
