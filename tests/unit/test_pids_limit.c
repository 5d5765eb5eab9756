/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/samples.h"

#include "state/knob.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct field full[] = {
        { SAMPLE_PIDS_CURRENT, 95, 0 },
        { SAMPLE_PIDS_EVENTS_MAX, 0, 0 },
        { SAMPLE_LIMIT_PIDS_MAX, 100, 0 },
};

static void make(struct series *s, size_t count) {
        series_make(s, count, full, ARRAY_LEN(full));
}

static bool evaluate(const struct series *s, struct finding *ret) {
        return analysis_evaluate(RULE_PIDS_LIMIT, &s->view, ret);
}

static void thirty_seconds_at_nine_tenths_are_a_finding(void **state) {
        struct finding f;
        struct series s;

        (void)state;
        make(&s, 31);
        assert_true(evaluate(&s, &f));
        assert_int_equal(f.evidence[EVIDENCE_PIDS_PEAK], 95);
        assert_int_equal(f.evidence[EVIDENCE_PIDS_MAX], 100);
        assert_int_equal(f.lost_usec_per_min, 0);
}

static void just_below_nine_tenths_is_no_finding(void **state) {
        struct finding f;
        struct series s;

        (void)state;
        make(&s, 31);
        series_set(&s, SAMPLE_PIDS_CURRENT, 0, 89);
        assert_false(evaluate(&s, &f));
}

static void peaks_in_every_ten_seconds_count(void **state) {
        struct finding f;
        struct series s;

        (void)state;
        make(&s, 31);
        for (size_t i = 0; i < 31; i++)
                s.samples[i].value[SAMPLE_PIDS_CURRENT] = i % 5 == 0 ? 99 : 20;
        assert_true(evaluate(&s, &f));
        assert_int_equal(f.evidence[EVIDENCE_PIDS_PEAK], 99);
}

static void one_peak_is_no_finding(void **state) {
        struct finding f;
        struct series s;

        (void)state;
        make(&s, 31);
        for (size_t i = 0; i < 31; i++)
                s.samples[i].value[SAMPLE_PIDS_CURRENT] = i == 15 ? 99 : 20;
        assert_false(evaluate(&s, &f));
}

static void refused_forks_count_whatever_the_number_in_between(void **state) {
        struct finding f;
        struct series s;

        (void)state;
        make(&s, 31);
        for (size_t i = 0; i < 31; i++) {
                s.samples[i].value[SAMPLE_PIDS_CURRENT] = 20;
                s.samples[i].value[SAMPLE_PIDS_EVENTS_MAX] = i;
        }
        assert_true(evaluate(&s, &f));
        assert_int_equal(f.evidence[EVIDENCE_PIDS_REFUSED], 30);
}

static void without_a_limit_nothing_is_found(void **state) {
        struct finding f;
        struct series s;

        (void)state;
        make(&s, 31);
        series_set(&s, SAMPLE_LIMIT_PIDS_MAX, 0, KNOB_MAX);
        assert_false(evaluate(&s, &f));
        make(&s, 0);
        assert_false(evaluate(&s, &f));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(thirty_seconds_at_nine_tenths_are_a_finding),
                cmocka_unit_test(just_below_nine_tenths_is_no_finding),
                cmocka_unit_test(peaks_in_every_ten_seconds_count),
                cmocka_unit_test(one_peak_is_no_finding),
                cmocka_unit_test(refused_forks_count_whatever_the_number_in_between),
                cmocka_unit_test(without_a_limit_nothing_is_found),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
