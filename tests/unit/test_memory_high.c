/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/samples.h"

#include "state/knob.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct field braked[] = {
        { SAMPLE_MEMORY_CURRENT, GIB, 0 },
        { SAMPLE_MEMORY_EVENTS_HIGH, 5, 40 },
        { SAMPLE_LIMIT_MEMORY_MAX, 4 * GIB, 0 },
        { SAMPLE_LIMIT_MEMORY_HIGH, GIB, 0 },
        { SAMPLE_LADDER_MEMORY_5, 0, 2 },
        { SAMPLE_LADDER_MEMORY_20, 0, 2 },
        { SAMPLE_LADDER_MEMORY_40, 0, 2 },
};

static void make(struct series *s, size_t count) {
        series_make(s, count, braked, ARRAY_LEN(braked));
}

static bool evaluate(const struct series *s, struct finding *ret) {
        return analysis_evaluate(RULE_MEMORY_HIGH, &s->view, ret);
}

static void stall_at_high_far_below_max_is_a_finding(void **state) {
        struct finding f;
        struct series s;

        (void)state;
        make(&s, 31);
        assert_true(evaluate(&s, &f));
        assert_int_equal(f.evidence[EVIDENCE_HIGH_HIGH], GIB);
        assert_int_equal(f.evidence[EVIDENCE_HIGH_MAX], 4 * GIB);
        assert_int_equal(f.evidence[EVIDENCE_HIGH_CURRENT], GIB);
        assert_int_equal(f.evidence[EVIDENCE_HIGH_HITS], 30 * 40);
        assert_in_range(f.lost_usec_per_min, 60 * 399000, 60 * 400000);
}

static void without_memory_max_any_high_is_far_below(void **state) {
        struct finding f;
        struct series s;

        (void)state;
        make(&s, 31);
        series_set(&s, SAMPLE_LIMIT_MEMORY_MAX, 0, KNOB_MAX);
        assert_true(evaluate(&s, &f));
}

static void high_close_to_max_is_a_brake_and_no_finding(void **state) {
        struct finding f;
        struct series s;

        (void)state;
        make(&s, 31);
        series_set(&s, SAMPLE_LIMIT_MEMORY_MAX, 0, GIB / 10 * 11);
        assert_false(evaluate(&s, &f));
}

static void reclaim_at_high_without_stall_is_no_finding(void **state) {
        struct finding f;
        struct series s;

        (void)state;
        make(&s, 31);
        series_set(&s, SAMPLE_LADDER_MEMORY_5, 0, 0);
        assert_false(evaluate(&s, &f));
}

static void stall_without_hits_at_high_is_no_finding(void **state) {
        struct finding f;
        struct series s;

        (void)state;
        make(&s, 31);
        series_set(&s, SAMPLE_MEMORY_EVENTS_HIGH, 0, 5);
        assert_false(evaluate(&s, &f));
}

static void without_memory_high_nothing_is_found(void **state) {
        struct finding f;
        struct series s;

        (void)state;
        make(&s, 31);
        series_set(&s, SAMPLE_LIMIT_MEMORY_HIGH, 0, KNOB_MAX);
        assert_false(evaluate(&s, &f));
        make(&s, 0);
        assert_false(evaluate(&s, &f));
}

static void twenty_eight_seconds_are_too_few(void **state) {
        struct finding f;
        struct series s;

        (void)state;
        make(&s, 29);
        assert_false(evaluate(&s, &f));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(stall_at_high_far_below_max_is_a_finding),
                cmocka_unit_test(without_memory_max_any_high_is_far_below),
                cmocka_unit_test(high_close_to_max_is_a_brake_and_no_finding),
                cmocka_unit_test(reclaim_at_high_without_stall_is_no_finding),
                cmocka_unit_test(stall_without_hits_at_high_is_no_finding),
                cmocka_unit_test(without_memory_high_nothing_is_found),
                cmocka_unit_test(twenty_eight_seconds_are_too_few),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
