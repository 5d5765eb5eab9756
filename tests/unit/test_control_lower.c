/* SPDX-License-Identifier: Apache-2.0 */
/* Memory on its way down: limit files are plain ones, and use follows memory.high as the test says.
 */
#include "governor/control/recover.h"
#include "governor/control/steps.h"
#include "policies/rules/ladder.h"
#include "state/parse.h"
#include "tests/unit/control_fixture.h"

#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define HIGH_OLD "943718400"
#define HIGH_NEW 536870912ULL
#define HIGH_END "536870912"

static uint64_t number_in(struct fixture *f, const char *file) {
        uint64_t number = 0;

        assert_int_equal(parse_u64(fixture_read(f, file), &number), 0);
        return number;
}

/* In one write, and without a moment of emptiness: a thread may read it just then. */
static void put(struct fixture *f, const char *file, const char *text) {
        int fd = openat(f->container->dir_fd, file, O_WRONLY | O_CLOEXEC);

        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        (void)close(fd);
}

static void use(struct fixture *f, uint64_t bytes) {
        char text[32];

        (void)snprintf(text, sizeof(text), "%09" PRIu64, bytes);
        put(f, "memory.current", text);
}

/* A container that uses all that memory.high allows; 400 MiB of it are files. */
static void begin_full(struct fixture *f) {
        fixture_write(f, "memory.high", HIGH_OLD);
        fixture_write(f, "memory.stat", "anon 1\ninactive_file 524288000\nslab_reclaimable 0\n");
        use(f, 943718400);
}

/* Runs the loop once; what is used comes down to memory.high. */
static void turn(struct fixture *f) {
        f->control.link.heard_ns = proc_boottime_ns();
        assert_true(sd_event_run(f->control.event, 10 * USEC_PER_MSEC) >= 0);
        use(f, u64_min(number_in(f, "memory.current"), number_in(f, "memory.high")));
}

/* Its last step counts as taken before it is written. */
static bool is_going_down(const struct run *run) {
        return run->change.state == CHANGE_PROBATION && (run->change.step_mask != 0 || run->busy);
}

static void until_step(struct fixture *f, const struct run *run, unsigned count) {
        uint64_t until = proc_boottime_ns() + 30 * NSEC_PER_SEC;

        while (run->change.steps_count < count) {
                assert_true(proc_boottime_ns() < until);
                turn(f);
        }
}

/* Until no step is to come, or it was taken back. Returns: the steps taken */
static unsigned until_down(struct fixture *f, const struct run *run) {
        uint64_t until = proc_boottime_ns() + 30 * NSEC_PER_SEC;

        while (is_going_down(run)) {
                assert_true(proc_boottime_ns() < until);
                turn(f);
        }
        return run->change.steps_count;
}

static void memory_is_lowered_in_steps_of_a_tenth_at_most(void **state) {
        struct fixture *f = *state;
        uint64_t at = 943718400, now;
        unsigned steps = 0;
        struct run *run;

        begin_full(f);
        run = fixture_apply(f, KNOB_MEMORY_HIGH, HIGH_NEW, /* end= */ false);
        assert_int_equal(run->change.steps_count, 1);
        for (bool more = true; more;) {
                more = is_going_down(run); /* what the last one wrote is looked at, too */
                now = number_in(f, "memory.high");
                assert_true(now >= at / 10 * 9 - 4096);
                steps += now != at;
                at = now;
                if (more)
                        turn(f);
        }
        assert_string_equal(fixture_read(f, "memory.high"), HIGH_END);
        assert_int_equal(run->change.steps_count, steps);
        assert_int_equal(run->change.state, CHANGE_PROBATION);
}

static void the_time_that_is_watched_counts_from_the_last_step(void **state) {
        struct fixture *f = *state;
        struct run *run;

        begin_full(f);
        run = fixture_apply(f, KNOB_MEMORY_HIGH, HIGH_NEW, /* end= */ false);
        assert_true(until_down(f, run) > 3);
        assert_true(run->change.deadline_boottime_ns - run->change.applied_boottime_ns >
                        f->control.probation_ns + 3 * f->control.soak_ns);
}

static void a_verdict_of_before_the_last_step_proves_nothing(void **state) {
        struct fixture *f = *state;
        struct run *run;

        begin_full(f);
        run = fixture_apply(f, KNOB_MEMORY_HIGH, HIGH_NEW, /* end= */ false);
        engine_verdict(&f->control, run->change.number, VERDICT_BETTER, 0, NULL);
        assert_int_equal(run->change.proven, 0);
        (void)until_down(f, run);
        engine_verdict(&f->control, run->change.number, VERDICT_BETTER, 0, NULL);
        assert_int_equal(run->change.proven, 1);
}

static void a_kill_on_the_way_takes_all_steps_back(void **state) {
        struct fixture *f = *state;
        struct run *run;

        begin_full(f);
        run = fixture_apply(f, KNOB_MEMORY_HIGH, HIGH_NEW, /* end= */ false);
        until_step(f, run, 3);
        put(f, "memory.events.local", "oom 1\noom_kill 1\n");
        fixture_until(f, run, CHANGE_ROLLED_BACK);
        assert_int_equal(run->change.reason, REASON_OOM_KILL);
        assert_string_equal(fixture_read(f, "memory.high"), HIGH_OLD);
}

static void use_that_does_not_come_down_takes_it_back(void **state) {
        struct fixture *f = *state;
        struct run *run;

        begin_full(f);
        run = fixture_apply(f, KNOB_MEMORY_HIGH, HIGH_NEW, /* end= */ false);
        fixture_until(f, run, CHANGE_ROLLED_BACK);
        assert_int_equal(run->change.reason, REASON_HEADROOM);
        assert_int_equal(run->change.steps_count, 1);
        assert_non_null(strstr(run->text, "is needed"));
        assert_string_equal(fixture_read(f, "memory.high"), HIGH_OLD);
}

static void refaults_take_it_back(void **state) {
        struct fixture *f = *state;
        uint64_t pages = 0;
        struct run *run;
        char text[128];

        begin_full(f);
        run = fixture_apply(f, KNOB_MEMORY_HIGH, HIGH_NEW, /* end= */ false);
        for (int i = 0; i < 1000 && run->change.state == CHANGE_PROBATION; i++) {
                (void)snprintf(text, sizeof(text),
                                "inactive_file 524288000\nworkingset_refault_file %09" PRIu64 "\n",
                                pages += 1000);
                put(f, "memory.stat", text);
                turn(f);
        }
        fixture_until(f, run, CHANGE_ROLLED_BACK);
        assert_int_equal(run->change.reason, REASON_HEADROOM);
        assert_true(run->change.steps_count <= 2);
}

static void a_step_on_the_way_goes_back_after_a_crash(void **state) {
        struct fixture *f = *state;
        struct run *run;

        begin_full(f);
        run = fixture_apply(f, KNOB_MEMORY_HIGH, HIGH_NEW, /* end= */ false);
        until_step(f, run, 3);
        assert_string_not_equal(fixture_read(f, "memory.high"), HIGH_OLD);
        fixture_crash(f);
        assert_int_equal(recover_all(&f->control), 0);
        run = f->control.engine.runs;
        assert_int_equal(run->change.state, CHANGE_ROLLED_BACK);
        assert_int_equal(run->change.reason, REASON_DAEMON_STOPPED);
        assert_string_equal(fixture_read(f, "memory.high"), HIGH_OLD);
}

static void no_step_is_taken_while_dtgov_is_paused(void **state) {
        struct fixture *f = *state;
        struct run *run;

        begin_full(f);
        run = fixture_apply(f, KNOB_MEMORY_HIGH, HIGH_NEW, /* end= */ false);
        f->control.paused = true;
        for (int i = 0; i < 100; i++)
                turn(f);
        assert_true(run->change.steps_count <= 2);
        f->control.paused = false;
        (void)until_down(f, run);
        assert_string_equal(fixture_read(f, "memory.high"), HIGH_END);
}

static void a_pause_does_not_keep_use_held_down(void **state) {
        struct fixture *f = *state;
        struct run *run;

        begin_full(f);
        run = fixture_apply(f, KNOB_MEMORY_HIGH, HIGH_NEW, /* end= */ false);
        f->control.paused = true;
        fixture_until(f, run, CHANGE_ROLLED_BACK);
        assert_int_equal(run->change.reason, REASON_HEADROOM);
        assert_string_equal(fixture_read(f, "memory.high"), HIGH_OLD);
}

static void what_stands_in_memory_high_after_the_way_down_is_nobodys_but_its_writers(void **state) {
        struct fixture *f = *state;
        struct run *run, *next;

        begin_full(f);
        fixture_write(f, "memory.max", HIGH_OLD);
        run = fixture_apply(f, KNOB_MEMORY_MAX, HIGH_NEW, /* end= */ false);
        (void)until_down(f, run);
        assert_int_equal(engine_keep(&f->control, run), true);
        run->change.deadline_boottime_ns = 1;
        fixture_until(f, run, CHANGE_COMMITTED);
        fixture_write(f, "memory.high", HIGH_END); /* it was that on the way, too */
        use(f, 400000000);
        next = fixture_apply(f, KNOB_MEMORY_HIGH, 805306368, /* end= */ false);
        assert_null(engine_newer(&f->control, run));
        assert_int_equal(engine_undo(&f->control, next, REASON_PERSON, NULL), 1);
        fixture_until(f, next, CHANGE_ROLLED_BACK);
        assert_int_equal(engine_undo(&f->control, run, REASON_PERSON, NULL), 1);
        fixture_until(f, run, CHANGE_ROLLED_BACK);
        assert_string_equal(fixture_read(f, "memory.max"), HIGH_OLD);
        assert_string_equal(fixture_read(f, "memory.high"), HIGH_END);
}

/* Of memory.high, and then the way down of memory.max by the same file. */
static struct run *older_change(struct fixture *f, struct run **ret_newer) {
        struct run *run;

        begin_full(f);
        fixture_write(f, "memory.max", HIGH_OLD);
        use(f, 805306368);
        run = fixture_apply(f, KNOB_MEMORY_HIGH, 855638016, /* end= */ false);
        assert_int_equal(engine_keep(&f->control, run), true);
        run->change.deadline_boottime_ns = 1;
        fixture_until(f, run, CHANGE_COMMITTED);
        *ret_newer = fixture_apply(f, KNOB_MEMORY_MAX, HIGH_NEW, /* end= */ false);
        until_step(f, *ret_newer, 3);
        return run;
}

static void a_way_down_by_the_same_file_is_nobody_elses_value(void **state) {
        struct fixture *f = *state;
        struct run *newer, *run = older_change(f, &newer);

        assert_true(number_in(f, "memory.high") < 855638016);
        run->drift_ns = 0;
        watch_calm(&f->control, run, proc_boottime_ns() + ENGINE_DRIFT_CALM_NS);
        assert_ptr_equal(engine_newer(&f->control, run), newer);
        assert_int_equal(run->change.state, CHANGE_COMMITTED);
}

static void an_older_change_waits_for_the_way_down_to_be_taken_back(void **state) {
        struct fixture *f = *state;
        struct run *newer, *run = older_change(f, &newer);

        assert_int_equal(engine_undo(&f->control, run, REASON_PERSON, NULL), 1);
        assert_int_equal(run->change.state, CHANGE_COMMITTED);
        assert_int_equal(engine_undo(&f->control, newer, REASON_PERSON, NULL), 1);
        fixture_until(f, newer, CHANGE_ROLLED_BACK);
        fixture_until(f, run, CHANGE_ROLLED_BACK);
        assert_string_equal(fixture_read(f, "memory.high"), HIGH_OLD);
}

static void somebody_elses_value_on_the_way_stays(void **state) {
        struct fixture *f = *state;
        struct run *run;

        begin_full(f);
        run = fixture_apply(f, KNOB_MEMORY_HIGH, HIGH_NEW, /* end= */ false);
        fixture_write(f, "memory.high", "999997440");
        fixture_until(f, run, CHANGE_CONFLICT);
        assert_string_equal(fixture_read(f, "memory.high"), "999997440");
}

static void memory_max_comes_last_and_memory_high_is_as_before(void **state) {
        struct fixture *f = *state;
        struct run *run;

        begin_full(f);
        fixture_write(f, "memory.max", HIGH_OLD);
        run = fixture_apply(f, KNOB_MEMORY_MAX, HIGH_NEW, /* end= */ false);
        assert_string_equal(fixture_read(f, "memory.max"), HIGH_OLD);
        while (number_in(f, "memory.high") > HIGH_NEW && is_going_down(run)) {
                assert_string_equal(fixture_read(f, "memory.max"), HIGH_OLD);
                turn(f);
        }
        (void)until_down(f, run);
        assert_string_equal(fixture_read(f, "memory.max"), HIGH_END);
        assert_string_equal(fixture_read(f, "memory.high"), HIGH_OLD);
        assert_int_equal(engine_undo(&f->control, run, REASON_PERSON, NULL), 1);
        fixture_until(f, run, CHANGE_ROLLED_BACK);
        assert_string_equal(fixture_read(f, "memory.max"), HIGH_OLD);
        assert_string_equal(fixture_read(f, "memory.high"), HIGH_OLD);
}

static void without_a_journal_no_further_step_is_taken(void **state) {
        struct fixture *f = *state;
        struct run *run;

        begin_full(f);
        run = fixture_apply(f, KNOB_MEMORY_HIGH, HIGH_NEW, /* end= */ false);
        until_step(f, run, 2);
        while (is_going_down(run)) {
                f->control.durable.stuck = true; /* a disk that does not answer, again and again */
                turn(f);
        }
        fixture_until(f, run, CHANGE_ROLLED_BACK);
        assert_int_equal(run->change.reason, REASON_JOURNAL);
        assert_true(run->change.steps_count <= 4);
        assert_string_equal(fixture_read(f, "memory.high"), HIGH_OLD);
}

static void a_trial_that_ends_on_the_way_takes_it_back(void **state) {
        struct fixture *f = *state;
        struct proposal p;
        struct run *run;

        begin_full(f);
        f->control.soak_ns = 600 * NSEC_PER_SEC;
        p = fixture_wish(f, KNOB_MEMORY_HIGH, HIGH_NEW);
        f->control.link.heard_ns = proc_boottime_ns();
        assert_int_equal(engine_begin(&f->control, &p, 0, NSEC_PER_SEC, NULL), 0);
        run = f->control.engine.runs;
        fixture_until(f, run, CHANGE_ROLLED_BACK);
        assert_int_equal(run->change.reason, REASON_TRIAL);
        assert_string_equal(fixture_read(f, "memory.high"), HIGH_OLD);
}

#define LOWER_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_begin, fixture_end)

int main(void) {
        const struct CMUnitTest tests[] = {
                LOWER_TEST(memory_is_lowered_in_steps_of_a_tenth_at_most),
                LOWER_TEST(the_time_that_is_watched_counts_from_the_last_step),
                LOWER_TEST(a_verdict_of_before_the_last_step_proves_nothing),
                LOWER_TEST(a_kill_on_the_way_takes_all_steps_back),
                LOWER_TEST(use_that_does_not_come_down_takes_it_back),
                LOWER_TEST(refaults_take_it_back),
                LOWER_TEST(a_step_on_the_way_goes_back_after_a_crash),
                LOWER_TEST(no_step_is_taken_while_dtgov_is_paused),
                LOWER_TEST(a_pause_does_not_keep_use_held_down),
                LOWER_TEST(what_stands_in_memory_high_after_the_way_down_is_nobodys_but_its_writers),
                LOWER_TEST(a_way_down_by_the_same_file_is_nobody_elses_value),
                LOWER_TEST(an_older_change_waits_for_the_way_down_to_be_taken_back),
                LOWER_TEST(somebody_elses_value_on_the_way_stays),
                LOWER_TEST(memory_max_comes_last_and_memory_high_is_as_before),
                LOWER_TEST(without_a_journal_no_further_step_is_taken),
                LOWER_TEST(a_trial_that_ends_on_the_way_takes_it_back),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
