/* SPDX-License-Identifier: Apache-2.0 */
#include "policies/rules/ending.h"
#include "policies/rules/signals.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct change change_of(enum knob_id knob, uint64_t old, uint64_t new) {
        struct change x = { .state = CHANGE_PROBATION, .changes_count = 1 };

        x.changes[0].knob = knob;
        x.changes[0].old = (struct knob_value){ .amount = old, .period_usec = 100000 };
        x.changes[0].new = (struct knob_value){ .amount = new, .period_usec = 100000 };
        return x;
}

static void each_probation_ends_as_the_header_says(void **state) {
        static const struct {
                bool lowers, held, proven, trial, kept, known;
                enum change_state state;
                enum reason reason;
        } rows[] = {
                { false, false, false, false, false, true, CHANGE_COMMITTED, REASON_UNPROVEN },
                { false, false, true, false, false, true, CHANGE_COMMITTED, REASON_PROVEN },
                { false, false, true, true, false, true, CHANGE_ROLLING_BACK, REASON_TRIAL },
                { false, false, true, false, true, false, CHANGE_HELD, REASON_BLIND },
                { false, true, true, false, true, false, CHANGE_ROLLING_BACK, REASON_BLIND },
                { false, true, false, false, false, true, CHANGE_COMMITTED, REASON_UNPROVEN },
                { true, false, false, false, false, true, CHANGE_HELD, REASON_NO_EVIDENCE },
                { true, false, true, false, false, true, CHANGE_COMMITTED, REASON_PROVEN },
                { true, false, false, false, true, true, CHANGE_COMMITTED, REASON_PERSON },
                { true, true, false, false, false, true, CHANGE_ROLLING_BACK, REASON_NO_EVIDENCE },
                { true, true, true, false, false, true, CHANGE_COMMITTED, REASON_PROVEN },
                { true, true, false, false, true, true, CHANGE_COMMITTED, REASON_PERSON },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct change x = change_of(KNOB_MEMORY_HIGH, 100, rows[i].lowers ? 50 : 200);
                struct ending_input in = { rows[i].trial, rows[i].kept, rows[i].known };
                struct ending ending;

                x.state = rows[i].held ? CHANGE_HELD : CHANGE_PROBATION;
                x.proven = rows[i].proven;
                ending = ending_decide(&x, &in);
                assert_int_equal(ending.state, rows[i].state);
                assert_int_equal(ending.reason, rows[i].reason);
        }
}

static void one_lowered_knob_makes_a_lowering(void **state) {
        struct change x = change_of(KNOB_MEMORY_HIGH, 100, 200);
        struct ending_input in = { .known = true };

        (void)state;
        x.changes[1] = (struct knob_change){
                .knob = KNOB_PIDS_MAX, .old.amount = 100, .new.amount = 99
        };
        x.changes_count = 2;
        assert_int_equal(ending_decide(&x, &in).state, CHANGE_HELD);
}

/* Nobody looks after what nobody asked for. */
static void what_a_policy_raised_needs_evidence_too(void **state) {
        struct change x = change_of(KNOB_CPU_MAX, 100, 200);
        struct ending_input in = { .known = true };

        (void)state;
        x.uid = CHANGE_UID_POLICY;
        assert_int_equal(ending_decide(&x, &in).state, CHANGE_HELD);
        x.state = CHANGE_HELD;
        assert_int_equal(ending_decide(&x, &in).state, CHANGE_ROLLING_BACK);
        assert_int_equal(ending_decide(&x, &in).reason, REASON_NO_EVIDENCE);
        in.kept = true;
        assert_int_equal(ending_decide(&x, &in).reason, REASON_PERSON);
        x.proven = 1;
        assert_int_equal(ending_decide(&x, &in).reason, REASON_PROVEN);
}

static void each_growth_counts_as_the_header_says(void **state) {
        static const struct {
                enum knob_id knob;
                uint64_t new, grown[SIGNALS];
                enum reason reason;
        } rows[] = {
                { KNOB_MEMORY_HIGH, 50, { 0 }, REASON_NONE },
                { KNOB_MEMORY_HIGH, 200, { [SIGNAL_KILL_LOCAL] = 1 }, REASON_OOM_KILL },
                { KNOB_MEMORY_HIGH, 200, { [SIGNAL_KILL_BELOW] = 1 }, REASON_NONE },
                { KNOB_MEMORY_HIGH, 200, { [SIGNAL_KILL_BELOW] = 1, [SIGNAL_OOM_LOCAL] = 1 },
                                REASON_OOM_KILL },
                { KNOB_PIDS_MAX, 50, { [SIGNAL_PIDS_REFUSED] = 1 }, REASON_PIDS_REFUSED },
                { KNOB_PIDS_MAX, 200, { [SIGNAL_PIDS_REFUSED] = 1 }, REASON_NONE },
                { KNOB_MEMORY_MAX, 50, { [SIGNAL_MEMORY_FULL] = 1 }, REASON_MEMORY_FULL },
                { KNOB_MEMORY_MAX, 200, { [SIGNAL_MEMORY_FULL] = 1 }, REASON_NONE },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct change x = change_of(rows[i].knob, 100, rows[i].new);
                uint64_t since[SIGNALS], now[SIGNALS];

                for (size_t k = 0; k < SIGNALS; k++) {
                        since[k] = 7;
                        now[k] = 7 + rows[i].grown[k];
                }
                assert_int_equal(signals_harm(&x, since, now), rows[i].reason);
                assert_true(signals_known(since, now));
        }
}

static void a_signal_unknown_before_the_write_begins_with_its_first_value(void **state) {
        struct change x = change_of(KNOB_MEMORY_HIGH, 100, 200);
        uint64_t since[SIGNALS] = { SIGNAL_UNKNOWN }, now[SIGNALS] = { 5 };

        (void)state;
        assert_int_equal(signals_harm(&x, since, now), REASON_NONE);
        now[0] = 6;
        assert_int_equal(signals_harm(&x, since, now), REASON_OOM_KILL);
}

static void a_signal_that_cannot_be_read_is_not_known(void **state) {
        uint64_t since[SIGNALS] = { 0 }, now[SIGNALS] = { 0 };

        (void)state;
        now[SIGNAL_PIDS_REFUSED] = SIGNAL_UNKNOWN;
        assert_false(signals_known(since, now));
        now[SIGNAL_PIDS_REFUSED] = SIGNAL_ABSENT; /* was there before the write */
        assert_false(signals_known(since, now));
        since[SIGNAL_PIDS_REFUSED] = SIGNAL_ABSENT; /* never was: its controller is off */
        assert_true(signals_known(since, now));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_probation_ends_as_the_header_says),
                cmocka_unit_test(one_lowered_knob_makes_a_lowering),
                cmocka_unit_test(what_a_policy_raised_needs_evidence_too),
                cmocka_unit_test(each_growth_counts_as_the_header_says),
                cmocka_unit_test(a_signal_unknown_before_the_write_begins_with_its_first_value),
                cmocka_unit_test(a_signal_that_cannot_be_read_is_not_known),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
