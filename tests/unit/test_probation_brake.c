/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a brake helped, by what its victim loses. */
#include "governor/observer/probation.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define LIMIT (4 * MIB)

/* The victim, and the one that was slowed down: a test sets what they do in a second. */
struct world {
        struct sample victim, own;
        struct probation p;
        uint64_t io_at_40, busy_usec, throttled_usec, own_bytes, own_io_at_40;
};

static void pass(struct world *w, unsigned seconds) {
        w->victim.boottime_ns += seconds * NSEC_PER_SEC;
        w->own.boottime_ns += seconds * NSEC_PER_SEC;
        for (int i = SAMPLE_LADDER_IO_5; i <= SAMPLE_LADDER_IO_40; i++) {
                w->victim.value[i] += seconds * w->io_at_40;
                w->own.value[i] += seconds * w->own_io_at_40;
        }
        w->victim.value[SAMPLE_CPU_USAGE] += seconds * w->busy_usec;
        w->victim.value[SAMPLE_CPU_THROTTLED] += seconds * w->throttled_usec;
        w->victim.value[SAMPLE_CPU_THROTTLED_PERIODS] += seconds * 10;
        w->own.value[SAMPLE_IO_WRITE_BYTES] += seconds * w->own_bytes;
}

/* A minute in which the victim waits most of the time, then a brake on writes. */
static struct world *world(void) {
        static struct world w;
        struct change c = { .number = 17, .changes_count = 1, .victim = 7 };
        struct sample first;

        w = (struct world){ .io_at_40 = 2, .busy_usec = 50000, .own_bytes = 9 * MIB };
        w.victim.present = w.own.present = UINT64_MAX >> (64 - SAMPLE_COUNT);
        w.victim.boottime_ns = w.own.boottime_ns = 1000 * NSEC_PER_SEC;
        w.victim.value[SAMPLE_LIMIT_CPU_PERIOD] = 100000;
        c.changes[0].knob = KNOB_IO_MAX;
        c.changes[0].old = (struct knob_value){ .amount = KNOB_MAX, .key = io_key(8, 0, IO_WBPS) };
        c.changes[0].new = (struct knob_value){ .amount = LIMIT, .key = io_key(8, 0, IO_WBPS) };
        first = w.victim;
        pass(&w, 60);
        probation_begin(&w.p, &c, &first, &w.victim, &w.victim);
        w.own_bytes = LIMIT;
        return &w;
}

static enum verdict after(struct world *w, unsigned seconds) {
        for (unsigned i = 0; i < seconds; i++) {
                pass(w, 1);
                probation_braked(&w->p, &w->own);
                probation_step(&w->p, &w->victim);
        }
        return w->p.report.verdict;
}

static void a_victim_that_waits_half_as_long_is_better(void **state) {
        struct world *w = world();

        (void)state;
        w->io_at_40 = 1;
        assert_int_equal(after(w, 29), VERDICT_NONE);
        assert_int_equal(after(w, 2), VERDICT_BETTER);
        assert_int_equal(w->p.report.effect.before_usec_per_min, 24 * USEC_PER_SEC);
        assert_int_equal(w->p.report.effect.after_usec_per_min, 12 * USEC_PER_SEC);
}

static void a_victim_that_waits_as_long_as_before_proves_nothing(void **state) {
        struct world *w = world();

        (void)state;
        assert_int_equal(after(w, 60), VERDICT_NONE);
}

static void what_the_braked_one_itself_loses_is_meant_so(void **state) {
        struct world *w = world();

        (void)state;
        w->io_at_40 = 0;
        w->own_io_at_40 = 2;
        assert_int_equal(after(w, 31), VERDICT_BETTER);
}

static void a_victim_that_has_gone_quiet_was_not_helped(void **state) {
        struct world *w = world();

        (void)state;
        w->io_at_40 = 0;
        w->busy_usec = 20000;
        assert_int_equal(after(w, 60), VERDICT_NONE);
}

static void a_brake_that_nobody_runs_into_has_not_helped(void **state) {
        struct world *w = world();

        (void)state;
        w->io_at_40 = 0;
        w->own_bytes = LIMIT / 2 - 1;
        assert_int_equal(after(w, 60), VERDICT_NONE);
}

static void a_victim_that_waits_longer_is_worse(void **state) {
        struct world *w = world();

        (void)state;
        w->io_at_40 = 4;
        assert_int_equal(after(w, 11), VERDICT_WORSE);
        assert_int_equal(w->p.report.cause, LOSS_IO + 1);
}

static void a_victim_that_now_runs_into_its_quota_is_no_harm(void **state) {
        struct world *w = world();

        (void)state;
        w->io_at_40 = 0;
        w->throttled_usec = 900000;
        assert_int_equal(after(w, 31), VERDICT_BETTER);
}

static void without_a_victim_that_is_known_nothing_is_judged(void **state) {
        struct change c = { .number = 17, .changes_count = 1, .victim = 7 };
        struct sample none = {};
        struct world *w = world();

        (void)state;
        c.changes[0].knob = KNOB_IO_MAX;
        c.changes[0].new = (struct knob_value){ .amount = LIMIT, .key = io_key(8, 0, IO_WBPS) };
        probation_begin(&w->p, &c, &none, &none, &none);
        w->io_at_40 = 0;
        assert_int_equal(after(w, 60), VERDICT_NONE);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_victim_that_waits_half_as_long_is_better),
                cmocka_unit_test(a_victim_that_waits_as_long_as_before_proves_nothing),
                cmocka_unit_test(what_the_braked_one_itself_loses_is_meant_so),
                cmocka_unit_test(a_victim_that_has_gone_quiet_was_not_helped),
                cmocka_unit_test(a_brake_that_nobody_runs_into_has_not_helped),
                cmocka_unit_test(a_victim_that_waits_longer_is_worse),
                cmocka_unit_test(a_victim_that_now_runs_into_its_quota_is_no_harm),
                cmocka_unit_test(without_a_victim_that_is_known_nothing_is_judged),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
