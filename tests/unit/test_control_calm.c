/* SPDX-License-Identifier: Apache-2.0 */
/* Changes that are in force, and others who write the same files; who is meant by a rollback. */
#include "governor/control/recover.h"
#include "governor/control/steps.h"
#include "tests/unit/control_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define HIGH_NEW 943718400ULL

static void settle(struct fixture *f, struct run *run, enum change_state state) {
        fixture_until(f, run, state);
        if (state == CHANGE_PROBATION) {
                run->change.deadline_boottime_ns = 1;
                fixture_until(f, run, CHANGE_COMMITTED);
        }
}

/* Of memory.high and pids.max. */
static struct run *commit_two(struct fixture *f) {
        struct proposal p = fixture_wish(f, KNOB_MEMORY_HIGH, HIGH_NEW);
        struct proposal other = fixture_wish(f, KNOB_PIDS_MAX, 200);

        p.changes[p.changes_count++] = other.changes[0];
        f->control.link.heard_ns = proc_boottime_ns();
        assert_int_equal(engine_begin(&f->control, &p, 0, 0, NULL), 0);
        settle(f, f->control.engine.runs, CHANGE_PROBATION);
        return f->control.engine.runs;
}

static void somebody_writes_both(struct fixture *f) {
        fixture_write(f, "memory.high", "629145600");
        fixture_write(f, "pids.max", "333");
}

static void look_again(struct fixture *f, struct run *run) {
        run->drift_ns = 0;
        watch_calm(&f->control, run, proc_boottime_ns());
}

static void what_is_still_ours_can_be_taken_back_after_somebody_wrote_the_rest(void **state) {
        struct fixture *f = *state;
        struct run *run = commit_two(f);

        fixture_write(f, "memory.high", "629145600");
        look_again(f, run);
        assert_int_equal(run->change.state, CHANGE_COMMITTED);
        assert_int_equal(engine_undo(&f->control, run, REASON_PERSON, NULL), 1);
        fixture_until(f, run, CHANGE_CONFLICT);
        assert_string_equal(fixture_read(f, "pids.max"), FIXTURE_PIDS);
        assert_string_equal(fixture_read(f, "memory.high"), "629145600");
}

static void a_change_of_which_nothing_is_left_is_superseded(void **state) {
        struct fixture *f = *state;
        struct run *run = commit_two(f);

        somebody_writes_both(f);
        look_again(f, run);
        assert_int_equal(run->change.state, CHANGE_SUPERSEDED);
}

static void a_change_whose_old_values_are_back_is_reverted(void **state) {
        struct fixture *f = *state;
        struct run *run = commit_two(f);

        fixture_write(f, "memory.high", FIXTURE_HIGH);
        fixture_write(f, "pids.max", FIXTURE_PIDS);
        look_again(f, run);
        assert_int_equal(run->change.state, CHANGE_REVERTED_EXTERNALLY);
}

/* PID 1 keeps what it was told, and writes it again. */
static void a_unit_change_ends_only_after_its_owner_was_told(void **state) {
        struct fixture *f = *state;
        struct run *run = commit_two(f);

        run->change.owner = OWNER_SYSTEMD;
        somebody_writes_both(f);
        look_again(f, run);
        assert_int_equal(run->change.state, CHANGE_COMMITTED);
        assert_true(run->busy);
        fixture_until(f, run, CHANGE_SUPERSEDED);
}

static void a_unit_change_that_its_owner_wrote_again_stays(void **state) {
        struct fixture *f = *state;
        struct run *run = commit_two(f);

        assert_int_equal(calm_told(&f->control, run, 0), STEP_NONE);
        assert_int_equal(run->change.state, CHANGE_COMMITTED);
}

static void a_rollback_while_the_owner_is_told_is_done_after_it(void **state) {
        struct fixture *f = *state;
        struct run *run = commit_two(f);

        run->change.owner = OWNER_SYSTEMD;
        somebody_writes_both(f);
        look_again(f, run);
        assert_int_equal(engine_undo(&f->control, run, REASON_PERSON, NULL), 1);
        fixture_until(f, run, CHANGE_CONFLICT);
}

/* A descriptor was missing for a moment: 7 of before are no kill of now. */
static void a_signal_that_was_not_known_at_first_is_none(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ false);

        fixture_write(f, "memory.events.local", "low 0\noom 7\noom_kill 7\n");
        run->signals[SIGNAL_KILL_LOCAL] = SIGNAL_UNKNOWN;
        watch_look(&f->control, run, proc_boottime_ns());
        assert_int_equal(run->change.state, CHANGE_PROBATION);
        fixture_write(f, "memory.events.local", "low 0\noom 8\noom_kill 8\n");
        watch_look(&f->control, run, proc_boottime_ns());
        fixture_until(f, run, CHANGE_ROLLED_BACK);
        assert_int_equal(run->change.reason, REASON_OOM_KILL);
}

static void a_signal_that_cannot_be_read_is_no_growth(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ false);

        fixture_write(f, "memory.events.local", "");
        watch_look(&f->control, run, proc_boottime_ns());
        assert_int_equal(run->change.state, CHANGE_PROBATION);
}

static void a_rollback_of_nobody_takes_nothing_back(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ true);

        assert_int_equal(recover_rollback(&f->control, ""), -ENOENT);
        assert_int_equal(recover_rollback(&f->control, "c2"), -ENOENT);
        assert_int_equal(run->change.state, CHANGE_COMMITTED);
}

static void a_rollback_takes_the_beginning_of_one_id_alone(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ true);
        struct run *other = fixture_apply(f, KNOB_CPU_WEIGHT, 200, /* end= */ true);

        (void)strcpy(run->change.container_id, "abc1");
        (void)strcpy(other->change.container_id, "abc2");
        assert_int_equal(recover_rollback(&f->control, "abc"), -ENOTUNIQ);
        assert_int_equal(run->change.state, CHANGE_COMMITTED);
        assert_int_equal(recover_rollback(&f->control, "abc1"), 0);
        assert_int_equal(run->change.state, CHANGE_ROLLED_BACK);
        assert_int_equal(other->change.state, CHANGE_COMMITTED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_begin, fixture_end)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(what_is_still_ours_can_be_taken_back_after_somebody_wrote_the_rest),
                TEST(a_change_of_which_nothing_is_left_is_superseded),
                TEST(a_change_whose_old_values_are_back_is_reverted),
                TEST(a_unit_change_ends_only_after_its_owner_was_told),
                TEST(a_unit_change_that_its_owner_wrote_again_stays),
                TEST(a_rollback_while_the_owner_is_told_is_done_after_it),
                TEST(a_signal_that_was_not_known_at_first_is_none),
                TEST(a_signal_that_cannot_be_read_is_no_growth),
                TEST(a_rollback_of_nobody_takes_nothing_back),
                TEST(a_rollback_takes_the_beginning_of_one_id_alone),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
