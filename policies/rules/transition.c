/* SPDX-License-Identifier: Apache-2.0 */
#include "policies/rules/transition.h"

#define TO(state) (1U << CHANGE_##state)

_Static_assert(CHANGE_STATE_COUNT <= 32, "a row is a mask of 32 bits");

/*
 * One row a state, one bit for each that may follow. Rows of ended states are empty, but for a
 * committed change, which can be taken back as long as its container lives, and for one that was
 * taken back while a writer was given up: when that comes back, all is looked at once more. What
 * recovery decides is part of the table: an intent whose first write never came is refused, what
 * was on probation and shows the old values was taken back by somebody else.
 */
static const uint32_t follows[CHANGE_STATE_COUNT] = {
        [CHANGE_PROPOSED] = TO(APPROVED) | TO(REJECTED) | TO(EXPIRED) | TO(STALE) | TO(REFUSED) |
                            TO(SUPERSEDED) | TO(LAPSED),
        [CHANGE_APPROVED] = TO(PRECHECK) | TO(REFUSED) | TO(STALE) | TO(SUPERSEDED) | TO(LAPSED),
        [CHANGE_PRECHECK] = TO(INTENT) | TO(REFUSED) | TO(STALE) | TO(LAPSED),
        [CHANGE_INTENT] = TO(APPLYING) | TO(REFUSED) | TO(STALE) | TO(ROLLING_BACK) | TO(CONFLICT) |
                          TO(LAPSED),
        [CHANGE_APPLYING] = TO(VERIFY) | TO(REFUSED) | TO(ROLLING_BACK) | TO(CONFLICT) | TO(LAPSED),
        [CHANGE_VERIFY] =
                        TO(PROBATION) | TO(REFUSED) | TO(ROLLING_BACK) | TO(CONFLICT) | TO(LAPSED),
        [CHANGE_PROBATION] = TO(COMMITTED) | TO(HELD) | TO(ROLLING_BACK) | TO(CONFLICT) |
                             TO(REVERTED_EXTERNALLY) | TO(LAPSED),
        [CHANGE_HELD] = TO(COMMITTED) | TO(ROLLING_BACK) | TO(CONFLICT) | TO(REVERTED_EXTERNALLY) |
                        TO(LAPSED),
        [CHANGE_COMMITTED] =
                        TO(ROLLING_BACK) | TO(SUPERSEDED) | TO(REVERTED_EXTERNALLY) | TO(LAPSED),
        [CHANGE_ROLLING_BACK] = TO(ROLLED_BACK) | TO(ROLLBACK_FAILED) | TO(CONFLICT) |
                                TO(REVERTED_EXTERNALLY) | TO(LAPSED),
        [CHANGE_ROLLED_BACK] = TO(ROLLING_BACK),
        [CHANGE_CONFLICT] = TO(ROLLING_BACK),
        [CHANGE_ROLLBACK_FAILED] =
                        TO(ROLLING_BACK) | TO(REVERTED_EXTERNALLY) | TO(CONFLICT) | TO(LAPSED),
};

bool transition_allowed(enum change_state from, enum change_state to) {
        return from < CHANGE_STATE_COUNT && to < CHANGE_STATE_COUNT && (follows[from] >> to & 1);
}

bool knob_change_lowers(const struct knob_change *change) {
        return knob_compare(change->knob, change->new, change->old) < 0;
}

bool change_lowers(const struct change *x) {
        for (unsigned i = 0; i < x->changes_count; i++)
                if (knob_change_lowers(&x->changes[i]))
                        return true;
        return false;
}

bool change_lowers_memory(const struct change *x) {
        for (unsigned i = 0; i < x->changes_count; i++)
                if ((x->changes[i].knob == KNOB_MEMORY_MAX ||
                                    x->changes[i].knob == KNOB_MEMORY_HIGH) &&
                                knob_change_lowers(&x->changes[i]))
                        return true;
        return false;
}

/* Whether @a is written before @b. */
static bool earlier(const struct knob_change *a, const struct knob_change *b) {
        if (knob_change_lowers(a) != knob_change_lowers(b))
                return knob_change_lowers(b);
        return knob_change_lowers(a) ? a->knob > b->knob : a->knob < b->knob;
}

void transition_order(const struct change *c, unsigned ret[static PROPOSAL_KNOBS_MAX]) {
        for (unsigned i = 0; i < c->changes_count; i++) {
                unsigned at = i;

                for (; at > 0 && earlier(&c->changes[i], &c->changes[ret[at - 1]]); at--)
                        ret[at] = ret[at - 1];
                ret[at] = i;
        }
}
