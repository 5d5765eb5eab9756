/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/observer/probation.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* A container whose losses a test sets per second. */
struct world {
        struct sample now;
        uint64_t throttled_usec, periods, memory_at_40, refused, tasks, busy_usec, refaults,
                        io_at_40, host_cpu_usec, host_memory_usec, host_io_usec;
};

static struct world world_make(void) {
        struct world w = { .now.present = UINT64_MAX >> (64 - SAMPLE_COUNT), .busy_usec = 500000 };

        w.now.boottime_ns = 1000 * NSEC_PER_SEC;
        w.now.value[SAMPLE_LIMIT_CPU_PERIOD] = 100000;
        return w;
}

static void pass(struct world *w, unsigned seconds) {
        w->now.boottime_ns += seconds * NSEC_PER_SEC;
        w->now.value[SAMPLE_CPU_THROTTLED] += seconds * w->throttled_usec;
        w->now.value[SAMPLE_CPU_THROTTLED_PERIODS] += seconds * w->periods;
        for (int i = SAMPLE_LADDER_MEMORY_5; i <= SAMPLE_LADDER_MEMORY_40; i++)
                w->now.value[i] += seconds * w->memory_at_40;
        for (int i = SAMPLE_LADDER_IO_5; i <= SAMPLE_LADDER_IO_40; i++)
                w->now.value[i] += seconds * w->io_at_40;
        w->now.value[SAMPLE_HOST_CPU_SOME] += seconds * w->host_cpu_usec;
        w->now.value[SAMPLE_HOST_MEMORY_SOME] += seconds * w->host_memory_usec;
        w->now.value[SAMPLE_HOST_IO_SOME] += seconds * w->host_io_usec;
        w->now.value[SAMPLE_CPU_USAGE] += seconds * w->busy_usec;
        w->now.value[SAMPLE_REFAULT_FILE] += seconds * w->refaults;
        w->now.value[SAMPLE_PIDS_EVENTS_MAX] += seconds * w->refused;
        w->now.value[SAMPLE_PIDS_CURRENT] = w->tasks;
}

/* A minute before a change of @knob from 100 to @new, then the change. */
static void begin_to(struct probation *p, struct world *w, enum knob_id knob, uint64_t new) {
        struct change c = { .number = 17, .changes_count = 1 };
        struct sample first = w->now;

        c.changes[0].knob = knob;
        c.changes[0].old = (struct knob_value){ .amount = 100, .period_usec = 100000 };
        c.changes[0].new = (struct knob_value){ .amount = new, .period_usec = 100000 };
        pass(w, 60);
        probation_begin(p, &c, &first, &w->now, &w->now);
}

static void begin(struct probation *p, struct world *w, enum knob_id knob) {
        begin_to(p, w, knob, 200);
}

/* Passes seconds one by one. Returns the last verdict that was said, -1 none. */
static int steps(struct probation *p, struct world *w, unsigned seconds) {
        int last = -1;

        for (unsigned i = 0; i < seconds; i++) {
                pass(w, 1);
                p->due = false;
                probation_step(p, &w->now);
                if (p->due)
                        last = (int)p->report.verdict;
        }
        return last;
}

static void half_the_throttling_is_better(void **state) {
        struct world w = world_make();
        struct probation p;

        (void)state;
        w.throttled_usec = 600000;
        w.periods = 10;
        begin(&p, &w, KNOB_CPU_MAX);
        w.throttled_usec = 200000;
        assert_int_equal(steps(&p, &w, 29), -1);
        assert_int_equal(steps(&p, &w, 2), VERDICT_BETTER);
        assert_int_equal(steps(&p, &w, 60), -1);
}

static void a_little_less_throttling_cannot_be_judged(void **state) {
        struct world w = world_make();
        struct probation p;

        (void)state;
        w.throttled_usec = 600000;
        w.periods = 10;
        begin(&p, &w, KNOB_CPU_MAX);
        w.throttled_usec = 500000;
        assert_int_equal(steps(&p, &w, 60), VERDICT_NONE);
}

static void two_bad_windows_in_a_row_are_worse(void **state) {
        struct world w = world_make();
        struct probation p;

        (void)state;
        begin(&p, &w, KNOB_MEMORY_MAX);
        w.memory_at_40 = 2;
        assert_int_equal(steps(&p, &w, 6), -1);
        assert_int_equal(steps(&p, &w, 5), VERDICT_WORSE);
}

static void a_raise_that_the_host_suffers_from_is_worse(void **state) {
        struct world w = world_make();
        struct probation p;

        (void)state;
        w.host_memory_usec = 10000;
        begin(&p, &w, KNOB_MEMORY_MAX);
        w.host_memory_usec = 200000;
        assert_int_equal(steps(&p, &w, 11), VERDICT_WORSE);
        assert_int_equal(p.report.cause, LOSS_HOST_MEMORY + 1);

        w = world_make();
        w.host_cpu_usec = 200000;
        begin(&p, &w, KNOB_CPU_MAX);
        w.host_cpu_usec = 900000;
        assert_int_equal(steps(&p, &w, 11), VERDICT_WORSE);
        assert_int_equal(p.report.cause, LOSS_HOST_CPU + 1);
}

static void a_lowering_is_not_blamed_for_the_host(void **state) {
        struct world w = world_make();
        struct probation p;

        (void)state;
        begin_to(&p, &w, KNOB_CPU_MAX, 50);
        w.host_cpu_usec = 900000;
        assert_int_equal(steps(&p, &w, 31), VERDICT_BETTER);
}

static void its_own_wait_for_the_disk_is_not_the_hosts(void **state) {
        struct world w = world_make();
        struct probation p;

        (void)state;
        begin(&p, &w, KNOB_MEMORY_MAX);
        w.host_io_usec = 400000;
        w.io_at_40 = 1;
        assert_int_not_equal(steps(&p, &w, 31), VERDICT_WORSE);
        w.io_at_40 = 0;
        assert_int_equal(steps(&p, &w, 11), VERDICT_WORSE);
        assert_int_equal(p.report.cause, LOSS_HOST_IO + 1);
}

static void what_helps_on_the_way_down_raises_nothing(void **state) {
        struct change c = { .number = 17, .changes_count = 2 };
        struct world w = world_make();
        struct sample first = w.now;
        struct probation p;

        (void)state;
        c.changes[0] = (struct knob_change){
                .knob = KNOB_MEMORY_MAX, .old = { 200, 0 }, .new = { 100, 0 }
        };
        c.changes[1] = (struct knob_change){
                .knob = KNOB_MEMORY_HIGH, .old = { KNOB_MAX, 0 }, .new = { KNOB_MAX, 0 }
        };
        pass(&w, 60);
        probation_begin(&p, &c, &first, &w.now, &w.now);
        w.host_io_usec = 900000;
        assert_int_equal(steps(&p, &w, 31), VERDICT_BETTER);
}

static void a_host_that_was_as_busy_before_is_no_harm(void **state) {
        struct world w = world_make();
        struct probation p;

        (void)state;
        w.host_cpu_usec = 700000;
        begin(&p, &w, KNOB_CPU_MAX);
        w.host_cpu_usec = 900000;
        assert_int_equal(steps(&p, &w, 60), VERDICT_NONE);
}

static void a_host_without_pressure_files_is_not_judged(void **state) {
        struct world w = world_make();
        struct probation p;

        (void)state;
        w.now.present &= ~(1ULL << SAMPLE_HOST_CPU_SOME);
        begin(&p, &w, KNOB_CPU_MAX);
        w.now.present |= 1ULL << SAMPLE_HOST_CPU_SOME;
        w.now.value[SAMPLE_HOST_CPU_SOME] = 1000000000;
        w.host_cpu_usec = 900000;
        assert_int_equal(steps(&p, &w, 60), VERDICT_NONE);
}

static void one_bad_window_is_chance(void **state) {
        struct world w = world_make();
        struct probation p;

        (void)state;
        begin(&p, &w, KNOB_MEMORY_MAX);
        for (int i = 0; i < 4; i++) {
                w.memory_at_40 = 2;
                assert_int_not_equal(steps(&p, &w, 5), VERDICT_WORSE);
                w.memory_at_40 = 0;
                assert_int_not_equal(steps(&p, &w, 5), VERDICT_WORSE);
        }
}

static void as_bad_as_before_is_not_worse(void **state) {
        struct world w = world_make();
        struct probation p;

        (void)state;
        w.memory_at_40 = 2;
        begin(&p, &w, KNOB_MEMORY_MAX);
        assert_int_equal(steps(&p, &w, 60), VERDICT_NONE);
}

static void without_time_before_nothing_is_judged(void **state) {
        struct change c = { .number = 17, .changes_count = 1 };
        struct world w = world_make();
        struct probation p;
        struct sample first;

        (void)state;
        c.changes[0].knob = KNOB_MEMORY_MAX;
        first = w.now;
        pass(&w, 5);
        probation_begin(&p, &c, &first, &w.now, &w.now);
        w.memory_at_40 = 2;
        assert_int_equal(steps(&p, &w, 60), VERDICT_NONE);
}

static void less_memory_stall_is_better(void **state) {
        struct world w = world_make();
        struct probation p;

        (void)state;
        w.memory_at_40 = 1;
        begin(&p, &w, KNOB_MEMORY_HIGH);
        w.memory_at_40 = 0;
        assert_int_equal(steps(&p, &w, 31), VERDICT_BETTER);
}

static void the_gain_of_another_resource_does_not_count(void **state) {
        struct world w = world_make();
        struct probation p;

        (void)state;
        w.memory_at_40 = 1;
        begin(&p, &w, KNOB_CPU_MAX);
        w.memory_at_40 = 0;
        assert_int_equal(steps(&p, &w, 31), VERDICT_NONE);
}

static void more_tasks_than_the_old_limit_are_better(void **state) {
        struct world w = world_make();
        struct probation p;

        (void)state;
        begin(&p, &w, KNOB_PIDS_MAX);
        w.tasks = 101;
        assert_int_equal(steps(&p, &w, 31), VERDICT_BETTER);
        begin(&p, &w, KNOB_PIDS_MAX);
        w.refused = 1;
        assert_int_equal(steps(&p, &w, 31), VERDICT_NONE);
        w.refused = 0;
        w.tasks = 100;
        begin(&p, &w, KNOB_PIDS_MAX);
        assert_int_equal(steps(&p, &w, 31), VERDICT_NONE);
}

static void a_load_that_went_away_was_not_helped(void **state) {
        struct world w = world_make();
        struct probation p;

        (void)state;
        w.throttled_usec = 600000;
        w.periods = 10;
        begin(&p, &w, KNOB_CPU_MAX);
        w.throttled_usec = 0;
        w.busy_usec = 1000;
        assert_int_equal(steps(&p, &w, 60), VERDICT_NONE);
        w.memory_at_40 = 1;
        w.busy_usec = 500000;
        begin(&p, &w, KNOB_MEMORY_MAX);
        w.memory_at_40 = 0;
        w.busy_usec = 240000;
        assert_int_equal(steps(&p, &w, 60), VERDICT_NONE);
}

static void a_lowering_that_hurts_nobody_at_work_is_proven(void **state) {
        struct world w = world_make();
        struct probation p;

        (void)state;
        begin_to(&p, &w, KNOB_MEMORY_HIGH, 50);
        w.busy_usec = 250000;
        assert_int_equal(steps(&p, &w, 29), -1);
        assert_int_equal(steps(&p, &w, 2), VERDICT_BETTER);
}

static void a_lowering_of_an_idle_container_proves_nothing(void **state) {
        struct world w = world_make();
        struct probation p;

        (void)state;
        begin_to(&p, &w, KNOB_MEMORY_HIGH, 50);
        w.busy_usec = 240000; /* idler than before */
        assert_int_equal(steps(&p, &w, 60), VERDICT_NONE);
        w.busy_usec = 9999; /* as idle as before */
        begin_to(&p, &w, KNOB_MEMORY_HIGH, 50);
        assert_int_equal(steps(&p, &w, 60), VERDICT_NONE);
}

static void refaults_and_disk_waits_are_worse_after_a_lowering_of_memory_alone(void **state) {
        struct world w = world_make();
        struct probation p;

        (void)state;
        begin_to(&p, &w, KNOB_MEMORY_HIGH, 50);
        w.refaults = 101;
        assert_int_equal(steps(&p, &w, 11), VERDICT_WORSE);
        w.refaults = 0;
        begin_to(&p, &w, KNOB_MEMORY_HIGH, 50);
        w.io_at_40 = 1;
        assert_int_equal(steps(&p, &w, 11), VERDICT_WORSE);
        w.refaults = w.io_at_40 = 0;
        begin(&p, &w, KNOB_CPU_MAX);
        w.refaults = 1000;
        w.io_at_40 = 2;
        assert_int_equal(steps(&p, &w, 60), VERDICT_NONE);
}

static void what_was_lost_before_and_after_is_measured(void **state) {
        struct world w = world_make();
        struct probation p;

        (void)state;
        w.throttled_usec = 600000;
        w.periods = 10;
        begin(&p, &w, KNOB_CPU_MAX);
        assert_int_equal(p.report.effect.after_usec_per_min, LOST_UNKNOWN);
        w.throttled_usec = 200000;
        (void)steps(&p, &w, 31);
        assert_int_equal(p.report.effect.before_usec_per_min, 36 * USEC_PER_SEC);
        assert_int_equal(p.report.effect.after_usec_per_min, 12 * USEC_PER_SEC);
}

static void tasks_cost_nothing_that_could_be_measured(void **state) {
        struct world w = world_make();
        struct probation p;

        (void)state;
        begin(&p, &w, KNOB_PIDS_MAX);
        (void)steps(&p, &w, 31);
        assert_int_equal(p.report.effect.before_usec_per_min, LOST_UNKNOWN);
        assert_int_equal(p.report.effect.after_usec_per_min, LOST_UNKNOWN);
}

static void shortly_before_its_end_what_was_measured_is_said_again(void **state) {
        struct world w = world_make();
        struct probation p;

        (void)state;
        begin(&p, &w, KNOB_CPU_MAX);
        p.deadline_ns = w.now.boottime_ns + 60 * NSEC_PER_SEC;
        assert_int_equal(steps(&p, &w, 31), VERDICT_NONE);
        assert_int_equal(steps(&p, &w, 22), -1);
        assert_int_equal(steps(&p, &w, 6), VERDICT_NONE);
}

static void each_step_of_a_lowering_is_judged_by_its_own_time(void **state) {
        struct change c = { .number = 17, .steps_count = 1 };
        struct world w = world_make();
        struct probation p;

        (void)state;
        begin_to(&p, &w, KNOB_MEMORY_HIGH, 50);
        assert_int_equal(steps(&p, &w, 25), -1);
        probation_change(&p, &c, &w.now);
        assert_int_equal(steps(&p, &w, 29), -1);
        assert_int_equal(steps(&p, &w, 2), VERDICT_BETTER);
}

static void a_bad_window_of_the_step_before_counts(void **state) {
        struct change c = { .number = 17, .steps_count = 1 };
        struct world w = world_make();
        struct probation p;

        (void)state;
        begin_to(&p, &w, KNOB_MEMORY_HIGH, 50);
        w.memory_at_40 = 2;
        assert_int_equal(steps(&p, &w, 6), -1);
        probation_change(&p, &c, &w.now);
        assert_int_equal(steps(&p, &w, 5), VERDICT_WORSE);
}

static void no_change_has_no_verdict(void **state) {
        struct world w = world_make();
        struct probation p = {};

        (void)state;
        w.memory_at_40 = 2;
        assert_int_equal(steps(&p, &w, 60), -1);
}

static void what_was_lost_is_never_more_than_the_clock(void **state) {
        struct world w = world_make();
        struct sample first = w.now;
        struct loss loss;

        (void)state;
        w.throttled_usec = 9000000;
        w.periods = 20;
        w.memory_at_40 = 100;
        pass(&w, 10);
        loss = probation_loss(&first, &w.now);
        assert_int_equal(loss.per_sec[LOSS_CPU], USEC_PER_SEC);
        assert_int_equal(loss.per_sec[LOSS_MEMORY], USEC_PER_SEC);
        loss = probation_loss(&w.now, &w.now);
        assert_int_equal(loss.per_sec[LOSS_CPU], 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(half_the_throttling_is_better),
                cmocka_unit_test(a_little_less_throttling_cannot_be_judged),
                cmocka_unit_test(two_bad_windows_in_a_row_are_worse),
                cmocka_unit_test(a_raise_that_the_host_suffers_from_is_worse),
                cmocka_unit_test(a_lowering_is_not_blamed_for_the_host),
                cmocka_unit_test(its_own_wait_for_the_disk_is_not_the_hosts),
                cmocka_unit_test(what_helps_on_the_way_down_raises_nothing),
                cmocka_unit_test(a_host_that_was_as_busy_before_is_no_harm),
                cmocka_unit_test(a_host_without_pressure_files_is_not_judged),
                cmocka_unit_test(one_bad_window_is_chance),
                cmocka_unit_test(as_bad_as_before_is_not_worse),
                cmocka_unit_test(without_time_before_nothing_is_judged),
                cmocka_unit_test(less_memory_stall_is_better),
                cmocka_unit_test(the_gain_of_another_resource_does_not_count),
                cmocka_unit_test(more_tasks_than_the_old_limit_are_better),
                cmocka_unit_test(a_load_that_went_away_was_not_helped),
                cmocka_unit_test(a_lowering_that_hurts_nobody_at_work_is_proven),
                cmocka_unit_test(a_lowering_of_an_idle_container_proves_nothing),
                cmocka_unit_test(
                                refaults_and_disk_waits_are_worse_after_a_lowering_of_memory_alone),
                cmocka_unit_test(what_was_lost_before_and_after_is_measured),
                cmocka_unit_test(tasks_cost_nothing_that_could_be_measured),
                cmocka_unit_test(shortly_before_its_end_what_was_measured_is_said_again),
                cmocka_unit_test(each_step_of_a_lowering_is_judged_by_its_own_time),
                cmocka_unit_test(a_bad_window_of_the_step_before_counts),
                cmocka_unit_test(no_change_has_no_verdict),
                cmocka_unit_test(what_was_lost_is_never_more_than_the_clock),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
