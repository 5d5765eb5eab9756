/* SPDX-License-Identifier: Apache-2.0 */
#include "policies/rules/transition.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "policies/rules/undo.h"

static void the_way_of_a_change_is_allowed_and_no_short_cut(void **state) {
        static const enum change_state way[] = { CHANGE_PROPOSED, CHANGE_APPROVED, CHANGE_PRECHECK,
                CHANGE_INTENT, CHANGE_APPLYING, CHANGE_VERIFY, CHANGE_PROBATION, CHANGE_COMMITTED };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(way); i++)
                for (size_t k = 0; k < ARRAY_LEN(way); k++)
                        assert_int_equal(transition_allowed(way[i], way[k]), k == i + 1);
}

static void what_has_ended_stays_so_but_for_an_undo(void **state) {
        (void)state;
        for (enum change_state from = 0; from < CHANGE_STATE_COUNT; from++) {
                unsigned ways = 0;

                if (change_states[from].open || from == CHANGE_COMMITTED)
                        continue;
                for (enum change_state to = 0; to < CHANGE_STATE_COUNT; to++)
                        ways += to != CHANGE_ROLLING_BACK && transition_allowed(from, to);
                assert_int_equal(ways, 0);
        }
        assert_true(transition_allowed(CHANGE_COMMITTED, CHANGE_ROLLING_BACK));
        assert_true(transition_allowed(
                        CHANGE_ROLLED_BACK, CHANGE_ROLLING_BACK)); /* a late writer */
        assert_false(transition_allowed(CHANGE_LAPSED, CHANGE_ROLLING_BACK));
        assert_false(transition_allowed(CHANGE_STATE_COUNT, CHANGE_LAPSED));
        assert_false(transition_allowed(CHANGE_PROPOSED, CHANGE_STATE_COUNT));
}

static void after_the_first_write_a_change_ends_only_undone_proven_or_overtaken(void **state) {
        (void)state;
        assert_false(transition_allowed(CHANGE_PROBATION, CHANGE_REFUSED));
        assert_false(transition_allowed(CHANGE_ROLLING_BACK, CHANGE_COMMITTED));
        assert_false(transition_allowed(CHANGE_ROLLBACK_FAILED, CHANGE_COMMITTED));
        assert_false(transition_allowed(CHANGE_HELD, CHANGE_HELD));
        assert_true(transition_allowed(CHANGE_ROLLBACK_FAILED, CHANGE_ROLLING_BACK));
}

static void recovery_decides_only_what_the_table_allows(void **state) {
        (void)state;
        for (unsigned bits = 0; bits < 16; bits++)
                for (enum change_state from = 0; from < CHANGE_STATE_COUNT; from++) {
                        enum reason reason;
                        enum change_state to = recover_decide(from, bits & 1, bits >> 1 & 1,
                                        bits >> 2 & 1, bits >> 3, &reason);

                        assert_true(to == from || transition_allowed(from, to));
                }
}

static struct knob_change lower(enum knob_id id) {
        return (struct knob_change){ .knob = id, .old = { 4096, 0 }, .new = { 1024, 0 } };
}

static struct knob_change raise_knob(enum knob_id id) {
        return (struct knob_change){ .knob = id, .old = { 1024, 0 }, .new = { KNOB_MAX, 0 } };
}

static void memory_max_is_raised_first_and_lowered_last(void **state) {
        struct change c = { .changes_count = 5,
                .changes = { lower(KNOB_MEMORY_MAX), raise_knob(KNOB_CPU_MAX),
                                lower(KNOB_MEMORY_HIGH), raise_knob(KNOB_PIDS_MAX),
                                raise_knob(KNOB_MEMORY_LOW) } };
        unsigned order[PROPOSAL_KNOBS_MAX];
        static const unsigned wanted[] = { 4, 1, 3, 2, 0 };

        (void)state;
        transition_order(&c, order);
        for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
                assert_int_equal(order[i], wanted[i]);

        c = (struct change){ .changes_count = 2,
                .changes = { raise_knob(KNOB_MEMORY_HIGH), raise_knob(KNOB_MEMORY_MAX) } };
        transition_order(&c, order);
        assert_int_equal(order[0], 1);
        assert_int_equal(order[1], 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_way_of_a_change_is_allowed_and_no_short_cut),
                cmocka_unit_test(what_has_ended_stays_so_but_for_an_undo),
                cmocka_unit_test(
                                after_the_first_write_a_change_ends_only_undone_proven_or_overtaken),
                cmocka_unit_test(recovery_decides_only_what_the_table_allows),
                cmocka_unit_test(memory_max_is_raised_first_and_lowered_last),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
