/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of a change about which nothing is known at the end of its probation. */
#include "governor/control/steps.h"
#include "tests/unit/control_fixture.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define HIGH_OLD "943718400"
#define HIGH_NEW 536870912ULL

/* memory.high lowered, and held after @probation_ns. */
static struct run *lower(struct fixture *f, uint64_t probation_ns) {
        struct run *run;

        f->control.probation_ns = probation_ns;
        fixture_write(f, "memory.high", HIGH_OLD);
        run = fixture_apply(f, KNOB_MEMORY_HIGH, HIGH_NEW, /* end= */ false);
        fixture_until(f, run, CHANGE_HELD);
        assert_int_equal(run->change.reason, REASON_NO_EVIDENCE);
        assert_non_null(strstr(run->text, "dtgov keep"));
        return run;
}

static void a_lowering_without_evidence_is_watched_once_more_and_goes_back(void **state) {
        struct fixture *f = *state;
        struct run *run = lower(f, NSEC_PER_SEC);
        uint64_t watched_ns;

        assert_true(run->change.deadline_boottime_ns > proc_boottime_ns());
        fixture_until(f, run, CHANGE_ROLLED_BACK);
        watched_ns = run->change.ended_boottime_ns - run->change.applied_boottime_ns;
        assert_true(watched_ns >= 2 * NSEC_PER_SEC);
        assert_int_equal(run->change.reason, REASON_NO_EVIDENCE);
        assert_string_equal(fixture_read(f, "memory.high"), HIGH_OLD);
}

static void evidence_while_it_is_held_commits_a_lowering(void **state) {
        struct fixture *f = *state;
        struct run *run = lower(f, NSEC_PER_SEC);

        engine_verdict(&f->control, run->change.number, VERDICT_BETTER, 0, NULL);
        fixture_until(f, run, CHANGE_COMMITTED);
        assert_int_equal(run->change.reason, REASON_PROVEN);
        assert_string_equal(fixture_read(f, "memory.high"), "536870912");
}

static void a_person_may_keep_what_is_held(void **state) {
        struct fixture *f = *state;
        struct run *run = lower(f, NSEC_PER_SEC);

        run->change.deadline_boottime_ns += 3600 * NSEC_PER_SEC;
        assert_true(engine_keep(&f->control, run));
        fixture_until(f, run, CHANGE_COMMITTED);
        assert_int_equal(run->change.reason, REASON_PERSON);
}

static void a_lowering_that_is_kept_early_is_watched_to_its_end(void **state) {
        struct fixture *f = *state;
        struct run *run;

        f->control.probation_ns = NSEC_PER_SEC;
        fixture_write(f, "memory.high", HIGH_OLD);
        run = fixture_apply(f, KNOB_MEMORY_HIGH, HIGH_NEW, /* end= */ false);
        assert_true(engine_keep(&f->control, run));
        assert_int_equal(run->change.state, CHANGE_PROBATION);
        fixture_until(f, run, CHANGE_COMMITTED);
        assert_int_equal(run->change.reason, REASON_PERSON);
        assert_true(run->change.ended_boottime_ns - run->change.applied_boottime_ns >=
                        NSEC_PER_SEC);
}

static void a_kill_takes_back_what_is_held(void **state) {
        struct fixture *f = *state;
        struct run *run = lower(f, NSEC_PER_SEC);

        run->change.deadline_boottime_ns += 3600 * NSEC_PER_SEC;
        fixture_write(f, "memory.events.local", "oom 1\noom_kill 1\n");
        fixture_until(f, run, CHANGE_ROLLED_BACK);
        assert_int_equal(run->change.reason, REASON_OOM_KILL);
}

static void what_is_held_goes_back_when_the_observer_is_lost(void **state) {
        struct fixture *f = *state;
        struct run *run = lower(f, NSEC_PER_SEC);

        run->change.deadline_boottime_ns += 3600 * NSEC_PER_SEC;
        engine_observer_lost(&f->control);
        fixture_until(f, run, CHANGE_ROLLED_BACK);
        assert_int_equal(run->change.reason, REASON_OBSERVER_SILENT);
}

/* pids.max raised, and held since a signal cannot be read at its end. */
static struct run *hold_blind(struct fixture *f) {
        struct run *run;

        f->control.probation_ns = NSEC_PER_SEC;
        run = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ false);
        assert_int_equal(unlinkat(f->container->dir_fd, "pids.events", 0), 0);
        fixture_until(f, run, CHANGE_HELD);
        assert_int_equal(run->change.reason, REASON_BLIND);
        return run;
}

/* Invariant I4: no good end without having looked. */
static void a_signal_that_cannot_be_read_at_the_end_takes_a_raise_back(void **state) {
        struct fixture *f = *state;
        struct run *run = hold_blind(f);

        fixture_until(f, run, CHANGE_ROLLED_BACK);
        assert_int_equal(run->change.reason, REASON_BLIND);
        assert_string_equal(fixture_read(f, "pids.max"), FIXTURE_PIDS);
}

static void nobody_keeps_what_could_not_be_watched(void **state) {
        struct fixture *f = *state;
        struct run *run = hold_blind(f);

        assert_null(strstr(run->text, "keep"));
        run->change.deadline_boottime_ns += 3600 * NSEC_PER_SEC;
        assert_true(engine_keep(&f->control, run));
        watch_look(&f->control, run, proc_boottime_ns());
        assert_int_equal(run->change.state, CHANGE_HELD);
}

/* A kill between the write and the first look that could be would have gone unseen. */
static void a_signal_that_was_unknown_at_the_write_proves_nothing(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ false);

        run->signals[SIGNAL_KILL_LOCAL] = SIGNAL_UNKNOWN;
        run->unseen = true;
        run->change.deadline_boottime_ns = 1;
        fixture_until(f, run, CHANGE_HELD);
        assert_int_equal(run->change.reason, REASON_BLIND);
}

static void a_signal_that_can_be_read_again_lets_a_raise_stay(void **state) {
        struct fixture *f = *state;
        struct run *run = hold_blind(f);

        fixture_write(f, "pids.events", "max 0\n");
        fixture_until(f, run, CHANGE_COMMITTED);
        assert_int_equal(run->change.reason, REASON_UNPROVEN);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_begin, fixture_end)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(a_lowering_without_evidence_is_watched_once_more_and_goes_back),
                TEST(evidence_while_it_is_held_commits_a_lowering),
                TEST(a_person_may_keep_what_is_held),
                TEST(a_lowering_that_is_kept_early_is_watched_to_its_end),
                TEST(a_kill_takes_back_what_is_held),
                TEST(what_is_held_goes_back_when_the_observer_is_lost),
                TEST(a_signal_that_cannot_be_read_at_the_end_takes_a_raise_back),
                TEST(nobody_keeps_what_could_not_be_watched),
                TEST(a_signal_that_was_unknown_at_the_write_proves_nothing),
                TEST(a_signal_that_can_be_read_again_lets_a_raise_stay),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
