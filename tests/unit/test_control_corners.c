/* SPDX-License-Identifier: Apache-2.0 */
/* Seldom states of the engine, of the watch and of steps down, one by one. */
#include "governor/control/steps.h"
#include "policies/rules/ladder.h"
#include "tests/unit/control_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define HIGH_NEW  943718400ULL
#define HIGH_TEXT "943718400"

/* --- the list --- */

static void the_oldest_ended_change_makes_room(void **state) {
        struct fixture *f = *state;
        struct engine *e = &f->control.engine;
        struct waiter w = { .end = true };
        struct run *oldest = fixture_add(f, 1, CHANGE_ROLLED_BACK),
                   *second = fixture_add(f, 2, CHANGE_ROLLED_BACK);

        run_wait(oldest, &w);
        (void)fixture_add(f, 3, CHANGE_COMMITTED);
        e->ended = ENGINE_ENDED_MAX + 1;
        second->jobs = 1; /* a thread still has it */
        (void)fixture_add(f, 4, CHANGE_COMMITTED);
        assert_ptr_equal(engine_find(&f->control, 1), oldest);
        assert_ptr_equal(engine_find(&f->control, 2), second);
        second->jobs = 0;
        (void)fixture_add(f, 5, CHANGE_COMMITTED);
        assert_null(engine_find(&f->control, 2));
        assert_int_equal(e->ended, ENGINE_ENDED_MAX);
        oldest->waiters = NULL;
}

static void the_first_of_two_approvals_is_not_in_its_own_way(void **state) {
        struct fixture *f = *state;
        uint64_t inode = f->container->container.cgroup_inode, number = 0;
        struct run *first = fixture_add(f, 0, CHANGE_PRECHECK),
                   *second = fixture_add(f, 0, CHANGE_PRECHECK);

        first->change.proposal = 1;
        second->change.proposal = 2;
        assert_false(engine_is_taken(&f->control, inode, 1, &number));
        assert_true(engine_is_taken(&f->control, inode, 2, &number));
        assert_false(engine_is_taken(&f->control, inode + 1, 2, &number));
        second->change.state = CHANGE_APPLYING;
        assert_true(engine_is_taken(&f->control, inode, 1, &number));
}

static void only_changes_of_rules_count_for_their_pace(void **state) {
        struct fixture *f = *state;
        uint64_t inode = f->container->container.cgroup_inode;
        struct run *run = fixture_add(f, 1, CHANGE_COMMITTED);

        run->change.approved_boottime_ns = 1000;
        assert_int_equal(engine_changes_since(&f->control, inode, 500), 0);
        run->change.rule = RULE_PIDS_LIMIT;
        assert_int_equal(engine_changes_since(&f->control, inode, 500), 1);
        assert_int_equal(engine_changes_since(&f->control, inode, 1500), 0);
        assert_int_equal(engine_changes_since(&f->control, inode + 1, 500), 0);
        run->change.number = 0; /* it was refused */
        assert_int_equal(engine_changes_since(&f->control, inode, 500), 0);
}

static void what_a_newer_undo_kept_is_dtgovs_own(void **state) {
        struct fixture *f = *state;
        struct run *old = fixture_add(f, 1, CHANGE_COMMITTED),
                   *newer = fixture_add(f, 2, CHANGE_ROLLED_BACK);
        struct knob_value kept;

        assert_false(run_newer_kept(&f->control, old, 0, &kept));
        newer->change.kept_mask = 1;
        newer->change.kept[0].amount = 150;
        assert_true(run_newer_kept(&f->control, old, 0, &kept));
        assert_int_equal(kept.amount, 150);
        newer->change.changes[0].knob = KNOB_CPU_WEIGHT;
        assert_false(run_newer_kept(&f->control, old, 0, &kept));
        newer->change.cgroup_inode++;
        assert_false(run_newer_kept(&f->control, old, 0, &kept));
}

static void an_end_lapses_what_is_in_force_and_of_that_container(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_add(f, 1, CHANGE_COMMITTED),
                   *ended = fixture_add(f, 2, CHANGE_ROLLED_BACK);
        struct run *pending = fixture_add(f, 3, CHANGE_COMMITTED),
                   *busy = fixture_add(f, 4, CHANGE_COMMITTED);

        pending->pending = busy->busy = true;
        engine_container_ended(&f->control, f->container);
        assert_int_equal(run->change.state, CHANGE_LAPSED);
        assert_int_equal(ended->change.state, CHANGE_ROLLED_BACK);
        assert_int_equal(pending->change.state, CHANGE_COMMITTED);
        assert_int_equal(busy->change.state, CHANGE_COMMITTED);
}

/* --- the watch --- */

static void time_that_nobody_watched_takes_it_back(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ false);

        run->looked_ns = 1; /* suspended */
        fixture_until(f, run, CHANGE_ROLLED_BACK);
        assert_int_equal(run->change.reason, REASON_BLIND);
}

static void harm_while_a_step_is_out_takes_it_back_after_it(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ false);
        uint64_t deadline = proc_boottime_ns() + 5 * NSEC_PER_SEC;

        run->busy = true;
        fixture_write(f, "memory.events.local", "oom 1\noom_kill 1\n");
        while (!run->undo_wanted && proc_boottime_ns() < deadline)
                (void)sd_event_run(f->control.event, 10 * USEC_PER_MSEC);
        assert_int_equal(run->undo_reason, REASON_OOM_KILL);
        assert_int_equal(run->change.state, CHANGE_PROBATION);
        run->busy = false;
}

static void a_change_without_its_container_is_not_looked_at(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_add(f, 1, CHANGE_PROBATION);
        uint64_t now = proc_boottime_ns();

        fixture_write(f, "memory.events.local", "oom 1\noom_kill 1\n");
        f->container->alive = false;
        watch_look(&f->control, run, now);
        run->change.state = CHANGE_COMMITTED;
        watch_calm(&f->control, run, now + 2 * ENGINE_DRIFT_CALM_NS);
        f->container->alive = true;
        container_unref(run->container);
        run->container = NULL;
        watch_calm(&f->control, run, now + 2 * ENGINE_DRIFT_CALM_NS);
        run->change.state = CHANGE_PROBATION;
        watch_look(&f->control, run, now);
        assert_int_equal(run->change.state, CHANGE_PROBATION);
}

static void a_value_that_cannot_be_read_may_well_be_ours(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ true);

        fixture_remove(f, "pids.max");
        run->drift_ns = 0;
        watch_calm(&f->control, run, proc_boottime_ns());
        assert_int_equal(run->change.state, CHANGE_COMMITTED);
        fixture_write(f, "pids.max", "none of it");
        run->drift_ns = 0;
        watch_calm(&f->control, run, proc_boottime_ns());
        assert_int_equal(run->change.state, CHANGE_COMMITTED);
}

static void what_a_newer_undo_kept_is_no_drift_and_another_value_is(void **state) {
        static const struct {
                const char *value;
                enum change_state state;
        } rows[] = { { "170", CHANGE_COMMITTED }, { "777", CHANGE_SUPERSEDED } };
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ true);
        struct run *newer = fixture_add(f, 1000, CHANGE_ROLLED_BACK);

        newer->change.kept_mask = 1;
        newer->change.kept[0].amount = 170;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                fixture_write(f, "pids.max", rows[i].value);
                run->drift_ns = 0;
                watch_calm(&f->control, run, proc_boottime_ns());
                assert_int_equal(run->change.state, rows[i].state);
        }
}

static void a_newer_change_of_a_knob_is_no_drift_of_the_older(void **state) {
        struct fixture *f = *state;
        struct run *old = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ true);

        (void)fixture_apply(f, KNOB_PIDS_MAX, 300, /* end= */ true);
        old->drift_ns = 0;
        watch_calm(&f->control, old, proc_boottime_ns());
        assert_int_equal(old->change.state, CHANGE_COMMITTED);
}

static void somebody_elses_value_on_probation_takes_the_rest_back(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ false);

        fixture_write(f, "pids.max", FIXTURE_PIDS);
        run->drift_ns = 0;
        fixture_until(f, run, CHANGE_REVERTED_EXTERNALLY);
        run = fixture_apply(f, KNOB_PIDS_MAX, 300, /* end= */ false);
        fixture_write(f, "pids.max", "777");
        run->drift_ns = 0;
        fixture_until(f, run, CHANGE_CONFLICT);
        assert_string_equal(fixture_read(f, "pids.max"), "777");
}

static void what_needs_evidence_says_so_unless_it_is_kept_or_on_trial(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_add(f, 1, CHANGE_REFUSED);

        run->change.changes[0].new.amount = 50;
        watch_say(run);
        assert_non_null(strstr(run->text, "proves harmless at work"));
        run->trial_ns = 1;
        watch_say(run);
        assert_string_equal(run->text, "");
        run->trial_ns = 0;
        run->kept = true;
        watch_say(run);
        assert_string_equal(run->text, "");
}

static void an_observer_that_is_lost_during_a_write_has_it_taken_back(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_add(f, 1, CHANGE_APPLYING);

        run->busy = true;
        engine_observer_lost(&f->control);
        assert_true(run->undo_wanted);
        assert_int_equal(run->undo_reason, REASON_OBSERVER_SILENT);
        run->busy = false;
        run->change.state = CHANGE_REFUSED;
}

static void what_is_to_be_taken_back_is_not_kept(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ false);

        run->undo_wanted = true;
        assert_false(engine_keep(&f->control, run));
        run->undo_wanted = false;
        assert_true(engine_keep(&f->control, run));
        run->change.deadline_boottime_ns = 1;
        fixture_until(f, run, CHANGE_COMMITTED);
        assert_true(engine_keep(&f->control, run)); /* nothing more to do */
}

static void an_owner_that_was_told_after_the_end_ends_the_change(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ true);

        fixture_write(f, "pids.max", "777");
        assert_int_equal(calm_told(&f->control, run, -EIO), STEP_NONE);
        assert_int_equal(run->change.state, CHANGE_COMMITTED); /* it did not hear */
        fixture_remove(f, "cgroup.events");
        assert_int_equal(calm_told(&f->control, run, -ENODEV), STEP_NONE);
        assert_int_equal(run->change.state, CHANGE_LAPSED);
}

/* --- steps down --- */

static int look(struct fixture *f, struct run *run, int r) {
        struct change_job j = { .step = STEP_USE, .current_bytes = 500 * MIB, .used_ns = 1 };

        return lower_after(&f->control, run, &j, r);
}

static void use_that_cannot_be_read_ends_the_way_down(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ false);

        assert_int_equal(look(f, run, -EIO), STEP_UNDO);
        assert_int_equal(run->change.reason, REASON_WRITE);
}

static void a_container_that_ends_on_the_way_down_ends_the_change(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ false);

        f->container->alive = false;
        assert_int_equal(look(f, run, 0), STEP_NONE);
        assert_int_equal(run->change.state, CHANGE_LAPSED);
        f->container->alive = true;
}

static void a_rollback_while_use_is_read_comes_next(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ false);

        run->undo_wanted = true;
        run->undo_reason = REASON_PERSON;
        assert_int_equal(look(f, run, 0), STEP_UNDO);
        assert_int_equal(run->change.reason, REASON_PERSON);
}

static void where_nothing_is_left_to_lower_nothing_is_done(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ false);

        assert_int_equal(look(f, run, 0), STEP_NONE);
        assert_int_equal(run->change.state, CHANGE_PROBATION);
}

static void more_steps_than_are_journaled_end_the_way_down(void **state) {
        struct fixture *f = *state;
        struct run *run;

        fixture_write(f, "memory.high", HIGH_TEXT);
        run = fixture_apply(f, KNOB_MEMORY_HIGH, 536870912, /* end= */ false);
        run->change.step_mask = 1;
        run->change.step[0] = run->change.changes[0].old;
        run->change.steps_count = LADDER_STEPS_MAX;
        assert_int_equal(look(f, run, 0), STEP_UNDO);
        assert_int_equal(run->change.reason, REASON_RANGE);
        assert_non_null(strstr(run->text, "lower it in two changes"));
}

static void memory_without_a_high_to_go_down_by_is_lowered_at_once(void **state) {
        static const struct {
                const char *high;
                bool ladder;
        } rows[] = { { NULL, false }, { "many", false }, { "max", true } };
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct run *run = fixture_add(f, 10 + i, CHANGE_REFUSED);
                struct change_job j = { .current_bytes = 900 * MIB };
                char text[16];

                run->change.changes[0] = (struct knob_change){
                        .knob = KNOB_MEMORY_MAX, .old = { GIB, 0 }, .new = { 512 * MIB, 0 }
                };
                if (rows[i].high)
                        j.limits.text[KNOB_MEMORY_HIGH] = strcpy(text, rows[i].high);
                lower_begin(run, &j);
                assert_int_equal(run->change.step_mask != 0, rows[i].ladder);
        }
}

static void a_trial_ends_when_it_was_to_whatever_steps_it_takes(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_add(f, 1, CHANGE_PROBATION);

        run->change.deadline_boottime_ns = 77;
        run->trial_ns = NSEC_PER_SEC;
        lower_taken(&f->control, run);
        assert_int_equal(run->change.deadline_boottime_ns, 77);
        run->trial_ns = 0;
        lower_taken(&f->control, run);
        assert_int_not_equal(run->change.deadline_boottime_ns, 77);
        run->change.state = CHANGE_REFUSED;
}

/* --- an undo's last look --- */

static void a_container_that_ends_while_its_owner_is_told_ends_the_change(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ false);
        struct change_job j = { .step = STEP_TELL };

        f->container->alive = false;
        assert_int_equal(run_after(&f->control, run, &j, 0), STEP_NONE);
        assert_int_equal(run->change.state, CHANGE_LAPSED);
        f->container->alive = true;
}

static void a_kept_value_that_cannot_be_journaled_is_not_written(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ false);
        struct change_job j = { .step = STEP_UNDO, .position = 7, .keep = { 150, 0 } };

        assert_int_equal(undo_begin(&f->control, run, REASON_PERSON), STEP_UNDO);
        assert_int_equal(undo_after(&f->control, run, &j, UNDO_KEEP_FIRST), STEP_NONE);
        assert_int_equal(run->change.state, CHANGE_ROLLBACK_FAILED);
        assert_non_null(strstr(run->text, "cannot be journaled"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_begin, fixture_end)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(the_oldest_ended_change_makes_room),
                TEST(the_first_of_two_approvals_is_not_in_its_own_way),
                TEST(only_changes_of_rules_count_for_their_pace),
                TEST(what_a_newer_undo_kept_is_dtgovs_own),
                TEST(an_end_lapses_what_is_in_force_and_of_that_container),
                TEST(time_that_nobody_watched_takes_it_back),
                TEST(harm_while_a_step_is_out_takes_it_back_after_it),
                TEST(a_change_without_its_container_is_not_looked_at),
                TEST(a_value_that_cannot_be_read_may_well_be_ours),
                TEST(what_a_newer_undo_kept_is_no_drift_and_another_value_is),
                TEST(a_newer_change_of_a_knob_is_no_drift_of_the_older),
                TEST(somebody_elses_value_on_probation_takes_the_rest_back),
                TEST(what_needs_evidence_says_so_unless_it_is_kept_or_on_trial),
                TEST(an_observer_that_is_lost_during_a_write_has_it_taken_back),
                TEST(memory_without_a_high_to_go_down_by_is_lowered_at_once),
                TEST(a_trial_ends_when_it_was_to_whatever_steps_it_takes),
                TEST(what_is_to_be_taken_back_is_not_kept),
                TEST(an_owner_that_was_told_after_the_end_ends_the_change),
                TEST(use_that_cannot_be_read_ends_the_way_down),
                TEST(a_container_that_ends_on_the_way_down_ends_the_change),
                TEST(a_rollback_while_use_is_read_comes_next),
                TEST(where_nothing_is_left_to_lower_nothing_is_done),
                TEST(more_steps_than_are_journaled_end_the_way_down),
                TEST(a_container_that_ends_while_its_owner_is_told_ends_the_change),
                TEST(a_kept_value_that_cannot_be_journaled_is_not_written),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
