/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/control/recover.h"
#include "governor/control/steps.h"
#include "tests/unit/control_fixture.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define HIGH_NEW  943718400ULL
#define HIGH_TEXT "943718400"

static void a_wish_is_written_watched_and_committed(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_MEMORY_HIGH, HIGH_NEW, /* end= */ true);

        assert_string_equal(fixture_read(f, "memory.high"), HIGH_TEXT);
        assert_int_equal(run->change.reason, REASON_UNPROVEN);
        assert_string_equal(fixture_read(f, "cpu.max"), "100000 100000");
}

static void a_rollback_brings_the_old_value(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_MEMORY_HIGH, HIGH_NEW, /* end= */ false);

        assert_int_equal(engine_undo(&f->control, run, REASON_PERSON, NULL), 1);
        fixture_until(f, run, CHANGE_ROLLED_BACK);
        assert_string_equal(fixture_read(f, "memory.high"), FIXTURE_HIGH);
        assert_int_equal(engine_undo(&f->control, run, REASON_PERSON, NULL), 0);
}

static void a_kill_during_probation_takes_it_back(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_MEMORY_HIGH, HIGH_NEW, /* end= */ false);

        fixture_write(f, "memory.events.local", "oom 1\noom_kill 1\n");
        fixture_until(f, run, CHANGE_ROLLED_BACK);
        assert_int_equal(run->change.reason, REASON_OOM_KILL);
        assert_string_equal(fixture_read(f, "memory.high"), FIXTURE_HIGH);
}

/* Row 71 of the fault catalogue: what a container may write itself is its own affair. */
static void what_a_container_writes_below_its_cgroup_is_no_conflict(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_MEMORY_HIGH, HIGH_NEW, /* end= */ false);

        assert_int_equal(mkdirat(f->container->dir_fd, "own", 0700), 0);
        fixture_write(f, "own/memory.high", "1048576");
        fixture_write(f, "own/memory.max", "2097152");
        fixture_write(f, "own/cpu.max", "1000 100000");
        run->change.deadline_boottime_ns = 1;
        fixture_until(f, run, CHANGE_COMMITTED);
        assert_int_equal(run->change.reason, REASON_UNPROVEN);
        fixture_write(f, "own/memory.high", "max");
        assert_int_equal(engine_undo(&f->control, run, REASON_PERSON, NULL), 1);
        fixture_until(f, run, CHANGE_ROLLED_BACK);
        assert_string_equal(fixture_read(f, "memory.high"), FIXTURE_HIGH);
        assert_string_equal(fixture_read(f, "own/memory.high"), "max");
        assert_string_equal(fixture_read(f, "own/memory.max"), "2097152");
}

static void a_kill_of_a_nested_limit_does_not(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_MEMORY_HIGH, HIGH_NEW, /* end= */ false);

        fixture_write(f, "memory.events", "oom 5\noom_kill 5\n");
        run->change.deadline_boottime_ns = 1;
        fixture_until(f, run, CHANGE_COMMITTED);
}

static void refused_forks_take_a_lower_pids_max_back(void **state) {
        struct fixture *f = *state;
        struct run *run;

        fixture_write(f, "pids.max", "900");
        run = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ false);
        fixture_write(f, "pids.events", "max 7\n");
        fixture_until(f, run, CHANGE_ROLLED_BACK);
        assert_int_equal(run->change.reason, REASON_PIDS_REFUSED);
        assert_string_equal(fixture_read(f, "pids.max"), "900");
}

static void a_lower_memory_max_that_is_reached_goes_back(void **state) {
        struct fixture *f = *state;
        struct run *run;

        fixture_write(f, "memory.max", "1073741824");
        fixture_write(f, "memory.events.local", "max 3\noom 0\noom_kill 0\n");
        run = fixture_apply(f, KNOB_MEMORY_MAX, GIB - 4096, /* end= */ false);
        watch_look(&f->control, run, proc_boottime_ns());
        assert_int_equal(run->change.state, CHANGE_PROBATION); /* what was before counts not */
        fixture_write(f, "memory.events.local", "max 4\noom 0\noom_kill 0\n");
        fixture_until(f, run, CHANGE_ROLLED_BACK);
        assert_int_equal(run->change.reason, REASON_MEMORY_FULL);
        assert_string_equal(fixture_read(f, "memory.max"), "1073741824");
}

static void a_raised_memory_max_that_is_reached_stays(void **state) {
        struct fixture *f = *state;
        struct run *run;

        fixture_write(f, "memory.max", "536870912");
        run = fixture_apply(f, KNOB_MEMORY_MAX, GIB, /* end= */ false);
        fixture_write(f, "memory.events.local", "max 4\noom 0\noom_kill 0\n");
        run->change.deadline_boottime_ns = 1;
        fixture_until(f, run, CHANGE_COMMITTED);
}

/* The lower limit would refuse more of them. */
static void refused_forks_leave_a_raise_of_pids_max(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ false);

        fixture_write(f, "pids.events", "max 7\n");
        run->change.deadline_boottime_ns = 1;
        fixture_until(f, run, CHANGE_COMMITTED);
        assert_string_equal(fixture_read(f, "pids.max"), "200");
}

static struct limits others_after(const char *pids_max) {
        struct limits after = { 0 };

        after.text[KNOB_PIDS_MAX] = strdup(pids_max);
        return after;
}

/* As when systemd, told of one limit, writes another one too. */
static void a_file_that_changed_with_it_goes_back_too(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_MEMORY_HIGH, HIGH_NEW, /* end= */ false);

        fixture_write(f, "pids.max", "150");
        run->others = 1ULL << KNOB_PIDS_MAX;
        run->after = others_after("150");
        assert_int_equal(engine_undo(&f->control, run, REASON_OTHER_CHANGED, NULL), 1);
        fixture_until(f, run, CHANGE_ROLLED_BACK);
        assert_string_equal(fixture_read(f, "pids.max"), FIXTURE_PIDS);
}

static void a_file_that_changed_with_it_and_then_by_somebody_else_stays(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_MEMORY_HIGH, HIGH_NEW, /* end= */ false);

        fixture_write(f, "pids.max", "333");
        run->others = 1ULL << KNOB_PIDS_MAX;
        run->after = others_after("150");
        assert_int_equal(engine_undo(&f->control, run, REASON_OTHER_CHANGED, NULL), 1);
        fixture_until(f, run, CHANGE_ROLLED_BACK);
        assert_string_equal(fixture_read(f, "pids.max"), "333");
        assert_string_equal(fixture_read(f, "memory.high"), FIXTURE_HIGH);
}

static void a_silent_observer_takes_it_back(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ false);

        engine_observer_lost(&f->control);
        fixture_until(f, run, CHANGE_ROLLED_BACK);
        assert_int_equal(run->change.reason, REASON_OBSERVER_SILENT);
}

static void a_verdict_proves_or_takes_back(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ false);

        engine_verdict(&f->control, run->change.number, VERDICT_BETTER, 0, NULL);
        run->change.deadline_boottime_ns = 1;
        fixture_until(f, run, CHANGE_COMMITTED);
        assert_int_equal(run->change.reason, REASON_PROVEN);

        engine_verdict(&f->control, run->change.number, VERDICT_WORSE, 0, NULL);
        assert_int_equal(run->change.state, CHANGE_COMMITTED);

        run = fixture_apply(f, KNOB_PIDS_MAX, 300, /* end= */ false);
        engine_verdict(&f->control, run->change.number, VERDICT_WORSE, 0, NULL);
        fixture_until(f, run, CHANGE_ROLLED_BACK);
        assert_string_equal(fixture_read(f, "pids.max"), "200");
}

static void a_third_value_is_left_alone(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ false);

        fixture_write(f, "pids.max", "333");
        assert_int_equal(engine_undo(&f->control, run, REASON_PERSON, NULL), 1);
        fixture_until(f, run, CHANGE_CONFLICT);
        assert_string_equal(fixture_read(f, "pids.max"), "333");
        assert_non_null(strstr(run->text, "333"));
        assert_non_null(strstr(run->text, "100"));
        assert_non_null(strstr(run->text, "200"));
}

static void use_above_the_old_memory_max_is_kept_and_said(void **state) {
        struct fixture *f = *state;
        struct run *run;

        fixture_write(f, "memory.max", "536870912");
        fixture_write(f, "memory.high", "max");
        run = fixture_apply(f, KNOB_MEMORY_MAX, HIGH_NEW, /* end= */ false);
        fixture_write(f, "memory.current", "629145600");
        assert_int_equal(engine_undo(&f->control, run, REASON_PERSON, NULL), 1);
        fixture_until(f, run, CHANGE_ROLLED_BACK);
        assert_int_equal(run->change.reason, REASON_KEPT);
        assert_int_equal(run->change.kept_mask, 1);
        assert_true(run->change.kept[0].amount > 629145600);
        assert_non_null(strstr(run->text, "kept"));
}

/* What the newer one's rollback kept is dtgov's own value still. */
static void an_older_change_goes_back_after_a_newer_one_kept_more(void **state) {
        struct fixture *f = *state;
        struct run *first, *second;

        fixture_write(f, "memory.max", "536870912");
        fixture_write(f, "memory.high", "max");
        first = fixture_apply(f, KNOB_MEMORY_MAX, 805306368, /* end= */ true);
        second = fixture_apply(f, KNOB_MEMORY_MAX, HIGH_NEW, /* end= */ true);
        fixture_write(f, "memory.current", "754974720");
        assert_int_equal(engine_undo(&f->control, second, REASON_PERSON, NULL), 1);
        fixture_until(f, second, CHANGE_ROLLED_BACK);
        assert_int_equal(second->change.kept_mask, 1);
        fixture_write(f, "memory.current", "104857600");
        assert_int_equal(engine_undo(&f->control, first, REASON_PERSON, NULL), 1);
        fixture_until(f, first, CHANGE_ROLLED_BACK);
        assert_string_equal(fixture_read(f, "memory.max"), "536870912");
}

/* Unknown use is no reason to write a limit that may kill. */
static void unknown_use_keeps_memory_max_until_it_is_known(void **state) {
        struct fixture *f = *state;
        struct run *run;

        fixture_write(f, "memory.max", "536870912");
        run = fixture_apply(f, KNOB_MEMORY_MAX, HIGH_NEW, /* end= */ false);
        fixture_write(f, "memory.current", "?");
        assert_int_equal(engine_undo(&f->control, run, REASON_PERSON, NULL), 1);
        fixture_until(f, run, CHANGE_ROLLBACK_FAILED);
        assert_string_equal(fixture_read(f, "memory.max"), HIGH_TEXT);
        fixture_write(f, "memory.current", "629145600");
        fixture_until(f, run, CHANGE_ROLLED_BACK);
        assert_int_equal(run->change.kept_mask, 1);
}

static void changes_of_a_container_go_back_newest_first(void **state) {
        struct fixture *f = *state;
        struct run *first = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ true);
        struct run *second = fixture_apply(f, KNOB_PIDS_MAX, 300, /* end= */ true);

        assert_ptr_equal(engine_newer(&f->control, first), second);
        assert_int_equal(engine_undo(&f->control, first, REASON_PERSON, NULL), 1);
        assert_int_equal(engine_undo(&f->control, second, REASON_PERSON, NULL), 1);
        fixture_until(f, second, CHANGE_ROLLED_BACK);
        fixture_until(f, first, CHANGE_ROLLED_BACK);
        assert_string_equal(fixture_read(f, "pids.max"), FIXTURE_PIDS);
}

static void what_was_on_probation_at_a_crash_goes_back(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ false);

        fixture_crash(f);
        assert_string_equal(fixture_read(f, "pids.max"), "200");
        assert_int_equal(recover_all(&f->control), 0);
        assert_string_equal(fixture_read(f, "pids.max"), FIXTURE_PIDS);
        run = f->control.engine.runs;
        assert_int_equal(run->change.state, CHANGE_ROLLED_BACK);
        assert_int_equal(run->change.reason, REASON_DAEMON_STOPPED);
}

/* Faults in the scan or in reading say nothing about the container. */
static void what_could_not_be_looked_at_stays_open_until_it_can(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_MEMORY_HIGH, HIGH_NEW, /* end= */ false);
        uint64_t number = run->change.number;
        struct managed *m;

        fixture_crash(f);
        run = engine_find(&f->control, number);
        m = run->container;
        run->container = NULL;
        f->control.containers.unsure = true;
        assert_int_equal(recover_all(&f->control), 1);
        assert_int_equal(run->change.state, CHANGE_PROBATION);
        assert_int_equal(engine_undo(&f->control, run, REASON_PERSON, NULL), 1);
        assert_int_equal(recover_pending(&f->control), 1);
        assert_string_equal(fixture_read(f, "memory.high"), HIGH_TEXT);

        run->container = m;
        f->control.containers.unsure = false;
        assert_int_equal(recover_pending(&f->control), 0);
        assert_int_equal(run->change.state, CHANGE_ROLLED_BACK);
        assert_string_equal(fixture_read(f, "memory.high"), FIXTURE_HIGH);
        assert_int_equal(recover_pending(&f->control), 0);
}

static void without_its_registry_file_it_is_found_by_the_inode(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ false);
        uint64_t number = run->change.number;

        fixture_forget(f);
        run = engine_find(&f->control, number);
        assert_null(run->container);
        containers_scan(&f->control);
        assert_non_null(run->container);
        assert_string_equal(run->container->container.id, "c1");
        assert_int_equal(recover_all(&f->control), 0);
        assert_int_equal(run->change.state, CHANGE_ROLLED_BACK);
        f->container = run->container ? run->container : container_find(&f->control, "c1", 0);
        assert_string_equal(fixture_read(f, "pids.max"), FIXTURE_PIDS);
}

static void what_a_whole_scan_does_not_find_has_ended(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_MEMORY_HIGH, HIGH_NEW, /* end= */ false);
        uint64_t number = run->change.number;

        fixture_crash(f);
        run = engine_find(&f->control, number);
        container_unref(run->container);
        run->container = NULL;
        assert_int_equal(recover_all(&f->control), 0);
        assert_int_equal(run->change.state, CHANGE_LAPSED);
}

static void what_was_committed_stays_and_can_be_taken_back(void **state) {
        struct fixture *f = *state;
        char id[32];

        (void)fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ true);
        fixture_crash(f);
        assert_int_equal(recover_all(&f->control), 0);
        assert_string_equal(fixture_read(f, "pids.max"), "200");
        (void)snprintf(id, sizeof(id), "C%llu",
                        (unsigned long long)f->control.engine.runs->change.number);
        assert_int_equal(recover_rollback(&f->control, "C99999"), -ENOENT);
        assert_int_equal(recover_rollback(&f->control, id), 0);
        assert_string_equal(fixture_read(f, "pids.max"), FIXTURE_PIDS);
}

static void a_value_that_changed_meanwhile_is_stale(void **state) {
        struct fixture *f = *state;
        struct proposal p = fixture_wish(f, KNOB_PIDS_MAX, 200);

        fixture_write(f, "pids.max", "150");
        f->control.link.heard_ns = proc_boottime_ns();
        assert_int_equal(engine_begin(&f->control, &p, 0, 0, NULL), 0);
        for (int i = 0; i < 20 && f->control.engine.runs; i++)
                assert_true(sd_event_run(f->control.event, 100 * USEC_PER_MSEC) >= 0);
        assert_null(f->control.engine.runs); /* it never got a number */
        assert_string_equal(fixture_read(f, "pids.max"), "150");
}

static void begin(struct fixture *f, const struct proposal *p) {
        f->control.link.heard_ns = proc_boottime_ns();
        assert_int_equal(engine_begin(&f->control, p, 0, 0, NULL), 0);
        for (int i = 0; i < 20 && f->control.engine.runs && f->control.engine.runs->busy; i++)
                assert_true(sd_event_run(f->control.event, 100 * USEC_PER_MSEC) >= 0);
}

static void while_paused_nothing_is_applied(void **state) {
        struct fixture *f = *state;
        struct proposal p = fixture_wish(f, KNOB_PIDS_MAX, 200);

        assert_int_equal(pause_set(&f->control, true), 0);
        begin(f, &p);
        assert_null(f->control.engine.runs); /* it never got a number */
        assert_string_equal(fixture_read(f, "pids.max"), FIXTURE_PIDS);
}

static void what_is_in_force_can_be_taken_back_while_paused(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ false);

        assert_int_equal(pause_set(&f->control, true), 0);
        assert_int_equal(engine_undo(&f->control, run, REASON_PERSON, "a person"), 1);
        fixture_until(f, run, CHANGE_ROLLED_BACK);
        assert_string_equal(fixture_read(f, "pids.max"), FIXTURE_PIDS);
}

static void a_pause_outlives_dtgovd_until_it_is_ended(void **state) {
        struct fixture *f = *state;

        assert_int_equal(pause_set(&f->control, true), 0);
        fixture_crash(f);
        f->control.paused = false;
        pause_init(&f->control);
        assert_true(f->control.paused);
        assert_int_equal(pause_set(&f->control, false), 0);
        fixture_crash(f);
        pause_init(&f->control);
        assert_false(f->control.paused);
        (void)fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ false);
        assert_string_equal(fixture_read(f, "pids.max"), "200");
}

static void a_pause_that_cannot_be_kept_holds_until_dtgovd_ends(void **state) {
        struct fixture *f = *state;

        assert_int_equal(mkdirat(f->control.journal_fd, "paused", 0700), 0);
        assert_int_equal(pause_set(&f->control, true), -EISDIR);
        assert_true(f->control.paused);
        assert_int_equal(unlinkat(f->control.journal_fd, "paused", AT_REMOVEDIR), 0);
}

/* The newest change, on trial for @trial_ns. */
static struct run *try(struct fixture *f, uint64_t trial_ns) {
        struct proposal p = fixture_wish(f, KNOB_PIDS_MAX, 200);
        struct run *run;

        f->control.link.heard_ns = proc_boottime_ns();
        assert_int_equal(engine_begin(&f->control, &p, 0, trial_ns, NULL), 0);
        run = f->control.engine.runs;
        fixture_until(f, run, CHANGE_PROBATION);
        assert_string_equal(fixture_read(f, "pids.max"), "200");
        return run;
}

static void a_trial_that_nobody_keeps_goes_back(void **state) {
        struct fixture *f = *state;
        struct run *run = try(f, NSEC_PER_SEC);

        fixture_until(f, run, CHANGE_ROLLED_BACK);
        assert_int_equal(run->change.reason, REASON_TRIAL);
        assert_string_equal(fixture_read(f, "pids.max"), FIXTURE_PIDS);
        assert_false(engine_keep(&f->control, run));
}

static void a_trial_that_is_kept_stays_after_the_watch_that_all_have(void **state) {
        struct fixture *f = *state;
        struct run *run;

        f->control.probation_ns = NSEC_PER_SEC;
        run = try(f, 3600 * NSEC_PER_SEC);
        assert_true(engine_keep(&f->control, run));
        assert_int_equal(run->change.state, CHANGE_PROBATION);
        fixture_until(f, run, CHANGE_COMMITTED);
        assert_string_equal(fixture_read(f, "pids.max"), "200");
        assert_true(engine_keep(&f->control, run));
}

static void a_trial_ends_with_dtgovd(void **state) {
        struct fixture *f = *state;

        (void)try(f, 3600 * NSEC_PER_SEC);
        fixture_crash(f);
        assert_int_equal(recover_all(&f->control), 0);
        assert_string_equal(fixture_read(f, "pids.max"), FIXTURE_PIDS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_begin, fixture_end)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(a_wish_is_written_watched_and_committed),
                TEST(a_rollback_brings_the_old_value),
                TEST(a_kill_during_probation_takes_it_back),
                TEST(what_a_container_writes_below_its_cgroup_is_no_conflict),
                TEST(a_kill_of_a_nested_limit_does_not),
                TEST(refused_forks_take_a_lower_pids_max_back),
                TEST(refused_forks_leave_a_raise_of_pids_max),
                TEST(a_lower_memory_max_that_is_reached_goes_back),
                TEST(a_raised_memory_max_that_is_reached_stays),
                TEST(a_file_that_changed_with_it_goes_back_too),
                TEST(a_file_that_changed_with_it_and_then_by_somebody_else_stays),
                TEST(a_silent_observer_takes_it_back),
                TEST(a_verdict_proves_or_takes_back),
                TEST(a_third_value_is_left_alone),
                TEST(use_above_the_old_memory_max_is_kept_and_said),
                TEST(an_older_change_goes_back_after_a_newer_one_kept_more),
                TEST(unknown_use_keeps_memory_max_until_it_is_known),
                TEST(changes_of_a_container_go_back_newest_first),
                TEST(a_trial_that_nobody_keeps_goes_back),
                TEST(a_trial_that_is_kept_stays_after_the_watch_that_all_have),
                TEST(a_trial_ends_with_dtgovd),
                TEST(while_paused_nothing_is_applied),
                TEST(what_is_in_force_can_be_taken_back_while_paused),
                TEST(a_pause_outlives_dtgovd_until_it_is_ended),
                TEST(a_pause_that_cannot_be_kept_holds_until_dtgovd_ends),
                TEST(what_was_on_probation_at_a_crash_goes_back),
                TEST(what_could_not_be_looked_at_stays_open_until_it_can),
                TEST(without_its_registry_file_it_is_found_by_the_inode),
                TEST(what_a_whole_scan_does_not_find_has_ended),
                TEST(what_was_committed_stays_and_can_be_taken_back),
                TEST(a_value_that_changed_meanwhile_is_stale),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
