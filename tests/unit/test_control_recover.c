/* SPDX-License-Identifier: Apache-2.0 */
/* What recovery makes of what it finds, and a rollback without a daemon. */
#include "governor/control/recover.h"
#include "governor/control/steps.h"
#include "tests/unit/control_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void what_recovery_finds_on_the_way_is_its_own(void **state) {
        static const char *const values[] = { "150", "160", "170" };
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(values); i++) {
                struct run *run = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ false), *newer;

                run->steps_count = 1;
                run->steps[0].value.amount = 150;
                run->change.kept[0].amount = 160;
                run->change.kept_mask = 1;
                newer = fixture_add(f, 1000 + i, CHANGE_ROLLED_BACK);
                newer->change.kept_mask = 1;
                newer->change.kept[0].amount = 170;
                fixture_write(f, "pids.max", values[i]);
                assert_int_equal(recover_all(&f->control), 0);
                assert_int_equal(run->change.state, CHANGE_ROLLED_BACK);
                assert_string_equal(fixture_read(f, "pids.max"), FIXTURE_PIDS);
        }
}

static void what_recovery_finds_of_somebody_else_stays(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ false);
        struct run *newer = fixture_add(f, 1000, CHANGE_ROLLED_BACK);

        newer->change.kept_mask = 1; /* which is not what is there */
        newer->change.kept[0].amount = 170;
        fixture_write(f, "pids.max", "777");
        assert_int_equal(recover_all(&f->control), 0);
        assert_int_equal(run->change.state, CHANGE_CONFLICT);
        assert_string_equal(fixture_read(f, "pids.max"), "777");
}

static void a_file_that_is_gone_at_recovery_holds_nothing_of_it(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ false);

        fixture_remove(f, "pids.max");
        assert_int_equal(recover_all(&f->control), 0);
        assert_int_equal(run->change.state, CHANGE_REVERTED_EXTERNALLY);
}

static void a_rollback_that_was_asked_for_before_recovery_is_done_by_it(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ true);

        run->pending = true;
        assert_int_equal(engine_undo(&f->control, run, REASON_PERSON, NULL), 1);
        assert_int_equal(run->change.state, CHANGE_COMMITTED);
        assert_int_equal(recover_pending(&f->control), 0);
        assert_int_equal(run->change.state, CHANGE_ROLLED_BACK);
        assert_int_equal(recover_pending(&f->control), 0);
}

static void a_rollback_without_a_daemon_goes_newest_first(void **state) {
        struct fixture *f = *state;
        struct run *old = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ true);
        struct run *newer = fixture_apply(f, KNOB_PIDS_MAX, 300, /* end= */ true);

        assert_int_equal(recover_rollback(&f->control, "C1"), 1);
        assert_int_equal(old->change.state, CHANGE_COMMITTED);
        assert_int_equal(recover_rollback(&f->control, "--all"), 0);
        assert_int_equal(newer->change.state, CHANGE_ROLLED_BACK);
        assert_int_equal(recover_rollback(&f->control, "C1"), 0); /* it is over */
        assert_string_equal(fixture_read(f, "pids.max"), FIXTURE_PIDS);
}

static void a_rollback_of_what_is_not_to_be_found_fails(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ true);
        struct managed *m = TAKE(run->container);

        assert_int_equal(recover_rollback(&f->control, "C1"), 1);
        run->container = m;
        run->undos = 1; /* a thread that was given up has it */
        assert_int_equal(recover_rollback(&f->control, "c1"), 1);
        run->undos = 0;
}

static void containers_whose_ids_begin_alike_are_told_apart(void **state) {
        struct fixture *f = *state;
        struct run *one = fixture_add(f, 1, CHANGE_COMMITTED);
        struct run *two = fixture_add(f, 2, CHANGE_COMMITTED);

        (void)strcpy(two->change.container_id, "c22");
        assert_int_equal(recover_rollback(&f->control, "c"), -ENOTUNIQ);
        assert_int_equal(recover_rollback(&f->control, ""), -ENOTUNIQ);
        assert_int_equal(recover_rollback(&f->control, "c22"), 0);
        assert_int_equal(one->change.state, CHANGE_COMMITTED);
        two->change.state = CHANGE_COMMITTED; /* and once more */
        two->container = container_ref(f->container);
        (void)strcpy(one->change.container_id, "c22");
        assert_int_equal(recover_rollback(&f->control, ""), -ENOENT);
        assert_int_equal(recover_rollback(&f->control, "x"), -ENOENT);
        assert_int_equal(recover_rollback(&f->control, "c2"), 0);
        assert_int_equal(one->change.state, CHANGE_ROLLED_BACK);
        assert_int_equal(two->change.state, CHANGE_ROLLED_BACK);
}

static void what_may_be_there_is_not_given_up_by_recovery(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_add(f, 1, CHANGE_PROBATION);

        container_unref(TAKE(run->container));
        f->control.containers.unsure = true;
        assert_int_equal(recover_all(&f->control), 1);
        assert_int_equal(run->change.state, CHANGE_PROBATION);
        f->control.containers.unsure = false;
        assert_int_equal(recover_all(&f->control), 0);
        assert_int_equal(run->change.state, CHANGE_LAPSED);
}

static void recovery_says_why_a_change_never_was(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_add(f, 1, CHANGE_INTENT);

        assert_int_equal(recover_all(&f->control), 0);
        assert_int_equal(run->change.state, CHANGE_REFUSED);
        assert_non_null(strstr(run->text, "not applied"));
        run = fixture_add(f, 2, CHANGE_COMMITTED);
        run->this_boot = false;
        assert_int_equal(recover_all(&f->control), 0);
        assert_int_equal(run->change.state, CHANGE_LAPSED);
        assert_string_equal(run->text, reasons[REASON_REBOOT].text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_begin, fixture_end)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(what_recovery_finds_on_the_way_is_its_own),
                TEST(what_recovery_finds_of_somebody_else_stays),
                TEST(a_file_that_is_gone_at_recovery_holds_nothing_of_it),
                TEST(a_rollback_that_was_asked_for_before_recovery_is_done_by_it),
                TEST(a_rollback_without_a_daemon_goes_newest_first),
                TEST(a_rollback_of_what_is_not_to_be_found_fails),
                TEST(containers_whose_ids_begin_alike_are_told_apart),
                TEST(what_may_be_there_is_not_given_up_by_recovery),
                TEST(recovery_says_why_a_change_never_was),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
