/* SPDX-License-Identifier: Apache-2.0 */
#include "policies/rules/undo.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* One knob of a change that went from @old to @new MiB, as the kernel shows it now. */
static struct undo_knob decide(enum knob_id id, uint64_t old_mib, uint64_t new_mib,
                uint64_t current_mib, uint64_t in_use) {
        const struct knob_value step = { 700 * MIB, 0 };
        struct knob_change change = {
                .knob = id, .old = { old_mib * MIB, 0 }, .new = { new_mib * MIB, 0 }
        };
        struct undo_input input = { .current = { current_mib * MIB, 0 },
                .in_use = in_use,
                .steps = &step,
                .steps_count = 1 };

        return undo_decide(&change, &input);
}

static void the_old_value_is_written_where_the_new_one_or_a_step_is(void **state) {
        (void)state;
        for (uint64_t current = 700; current <= 1024; current += 324) {
                struct undo_knob undo = decide(KNOB_MEMORY_MAX, 512, 1024, current, 100 * MIB);

                assert_int_equal(undo.action, UNDO_WRITE);
                assert_true(undo.value.amount == 512 * MIB);
                assert_false(undo.kept);
        }
}

static void the_old_value_is_left_alone_and_so_is_somebody_elses(void **state) {
        (void)state;
        assert_int_equal(decide(KNOB_MEMORY_MAX, 512, 1024, 512, GIB).action, UNDO_NOTHING);
        assert_int_equal(decide(KNOB_MEMORY_MAX, 512, 1024, 800, 0).action, UNDO_CONFLICT);
}

static void a_period_that_differs_is_somebody_elses_value(void **state) {
        struct knob_change change = {
                .knob = KNOB_CPU_MAX, .old = { 100000, 100000 }, .new = { 200000, 100000 }
        };
        struct undo_input input = { .current = { 100000, 50000 } };

        (void)state;
        assert_int_equal(undo_decide(&change, &input).action, UNDO_CONFLICT);
        input.current = change.new;
        assert_int_equal(undo_decide(&change, &input).action, UNDO_WRITE);
}

static void the_undo_of_a_raise_keeps_what_is_in_use_and_a_tenth_of_it(void **state) {
        static const struct {
                uint64_t in_use, value;
                enum undo_action action;
                bool kept;
        } rows[] = {
                { 600 * MIB, 660 * MIB, UNDO_WRITE, true },
                { 600 * MIB + 1, 660 * MIB + 4096, UNDO_WRITE, true },
                { 465 * MIB, 512 * MIB, UNDO_WRITE, false }, /* and a tenth: 511.5 */
                { 466 * MIB, 512 * MIB + 629146, UNDO_WRITE, true },
                { 1000 * MIB, 1024 * MIB, UNDO_NOTHING, true }, /* all of it is needed */
                { 2 * GIB, 1024 * MIB, UNDO_NOTHING, true },
                { UINT64_MAX, 1024 * MIB, UNDO_NOTHING, true },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct undo_knob undo = decide(KNOB_MEMORY_MAX, 512, 1024, 1024, rows[i].in_use);

                assert_int_equal(undo.action, rows[i].action);
                assert_int_equal(undo.kept, rows[i].kept);
                assert_in_range(undo.value.amount, rows[i].value, rows[i].value + 4095);
                assert_int_equal(undo.value.amount % 4096, 0);
        }
}

static void a_small_container_keeps_at_least_eight_mebibytes(void **state) {
        (void)state;
        assert_true(decide(KNOB_MEMORY_MAX, 16, 64, 64, 20 * MIB).value.amount == 28 * MIB);
}

static void what_was_kept_before_is_never_raised_again(void **state) {
        struct undo_knob undo;

        (void)state;
        undo = decide(KNOB_MEMORY_MAX, 512, 1024, 700, 690 * MIB);
        assert_int_equal(undo.action, UNDO_NOTHING);
        assert_true(undo.kept && undo.value.amount == 700 * MIB);
}

static void the_undo_of_a_lowering_and_of_what_cannot_kill_is_written_whole(void **state) {
        struct undo_knob undo;

        (void)state;
        undo = decide(KNOB_MEMORY_MAX, 1024, 512, 512, 2 * GIB);
        assert_true(undo.action == UNDO_WRITE && undo.value.amount == GIB && !undo.kept);
        undo = decide(KNOB_MEMORY_HIGH, 512, 1024, 1024, 2 * GIB);
        assert_true(undo.action == UNDO_WRITE && undo.value.amount == 512 * MIB && !undo.kept);
        undo = decide(KNOB_PIDS_MAX, 512, 1024, 1024, 2 * GIB);
        assert_true(undo.action == UNDO_WRITE && undo.value.amount == 512 * MIB && !undo.kept);
}

static void recovery_judges_by_boot_life_and_what_the_kernel_shows(void **state) {
        static const struct {
                enum change_state from;
                bool same_boot, alive, any_new, any_foreign;
                enum change_state to;
                enum reason reason;
        } rows[] = {
                { CHANGE_PROBATION, false, true, true, false, CHANGE_LAPSED, REASON_REBOOT },
                { CHANGE_COMMITTED, false, false, true, false, CHANGE_LAPSED, REASON_REBOOT },
                { CHANGE_APPLYING, true, false, true, false, CHANGE_LAPSED, REASON_EXITED },
                { CHANGE_PROPOSED, true, true, false, false, CHANGE_EXPIRED, REASON_EXPIRED },
                { CHANGE_APPROVED, true, true, false, false, CHANGE_REFUSED, REASON_NOT_APPLIED },
                { CHANGE_PRECHECK, true, true, false, true, CHANGE_REFUSED, REASON_NOT_APPLIED },
                { CHANGE_INTENT, true, true, false, false, CHANGE_REFUSED, REASON_NOT_APPLIED },
                { CHANGE_INTENT, true, true, false, true, CHANGE_CONFLICT, REASON_EXTERNAL },
                { CHANGE_APPLYING, true, true, true, true, CHANGE_ROLLING_BACK,
                                REASON_DAEMON_STOPPED },
                { CHANGE_VERIFY, true, true, true, false, CHANGE_ROLLING_BACK,
                                REASON_DAEMON_STOPPED },
                { CHANGE_PROBATION, true, true, true, false, CHANGE_ROLLING_BACK,
                                REASON_DAEMON_STOPPED },
                { CHANGE_HELD, true, true, false, true, CHANGE_CONFLICT, REASON_EXTERNAL },
                { CHANGE_PROBATION, true, true, false, false, CHANGE_REVERTED_EXTERNALLY,
                                REASON_EXTERNAL },
                { CHANGE_ROLLING_BACK, true, true, false, false, CHANGE_ROLLING_BACK, REASON_NONE },
                { CHANGE_ROLLBACK_FAILED, true, true, true, false, CHANGE_ROLLING_BACK,
                                REASON_NONE },
                { CHANGE_COMMITTED, true, true, false, true, CHANGE_COMMITTED, REASON_NONE },
                { CHANGE_CONFLICT, false, false, true, true, CHANGE_CONFLICT, REASON_NONE },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                enum reason reason;

                assert_int_equal(recover_decide(rows[i].from, rows[i].same_boot, rows[i].alive,
                                                 rows[i].any_new, rows[i].any_foreign, &reason),
                                rows[i].to);
                assert_int_equal(reason, rows[i].reason);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_old_value_is_written_where_the_new_one_or_a_step_is),
                cmocka_unit_test(the_old_value_is_left_alone_and_so_is_somebody_elses),
                cmocka_unit_test(a_period_that_differs_is_somebody_elses_value),
                cmocka_unit_test(the_undo_of_a_raise_keeps_what_is_in_use_and_a_tenth_of_it),
                cmocka_unit_test(a_small_container_keeps_at_least_eight_mebibytes),
                cmocka_unit_test(what_was_kept_before_is_never_raised_again),
                cmocka_unit_test(the_undo_of_a_lowering_and_of_what_cannot_kill_is_written_whole),
                cmocka_unit_test(recovery_judges_by_boot_life_and_what_the_kernel_shows),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
