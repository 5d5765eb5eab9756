/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/samples.h"

#include "state/knob.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* One CPU of quota, three threads that want one each, on four CPUs. */
static const struct field throttled[] = {
        { SAMPLE_CPU_USAGE, 7, 1000000 },
        { SAMPLE_CPU_PERIODS, 100, 10 },
        { SAMPLE_CPU_THROTTLED_PERIODS, 50, 10 },
        { SAMPLE_CPU_THROTTLED, 9, 2000000 },
        { SAMPLE_LIMIT_CPU_QUOTA, 100000, 0 },
        { SAMPLE_LIMIT_CPU_PERIOD, 100000, 0 },
};

static void make(struct series *s, size_t count) {
        series_make(s, count, throttled, ARRAY_LEN(throttled));
}

static void thirty_seconds_of_throttling_are_a_finding(void **state) {
        struct finding f;
        struct series s;

        (void)state;
        make(&s, 31);
        assert_true(analysis_evaluate(RULE_CPU_QUOTA, &s.view, &f));
        assert_int_equal(f.rule, RULE_CPU_QUOTA);
        assert_int_equal(f.evidence[EVIDENCE_CPU_QUOTA], 100000);
        assert_int_equal(f.evidence[EVIDENCE_CPU_PERIODS], 300);
        assert_int_equal(f.evidence[EVIDENCE_CPU_USAGE], 30000000);
        assert_int_equal(f.evidence[EVIDENCE_CPU_THROTTLED], 60000000);
        assert_true(f.until_boottime_ns == s.samples[30].boottime_ns);
        assert_true(f.until_boottime_ns - f.since_boottime_ns == 30 * NSEC_PER_SEC);
}

static void twenty_eight_seconds_are_too_few(void **state) {
        struct finding f;
        struct series s;

        (void)state;
        make(&s, 29);
        assert_false(analysis_evaluate(RULE_CPU_QUOTA, &s.view, &f));
}

static void the_time_lost_is_never_more_than_the_clock(void **state) {
        struct finding f;
        struct series s;

        (void)state;
        make(&s, 100);
        assert_true(analysis_evaluate(RULE_CPU_QUOTA, &s.view, &f));
        assert_true(f.lost_usec_per_min <= 60 * USEC_PER_SEC);
        assert_true(f.lost_usec_per_min >= 58 * USEC_PER_SEC);
}

static void since_when_goes_back_beyond_the_last_minute(void **state) {
        struct finding f;
        struct series s;

        (void)state;
        make(&s, 101);
        assert_true(analysis_evaluate(RULE_CPU_QUOTA, &s.view, &f));
        assert_true(f.until_boottime_ns - f.since_boottime_ns == 100 * NSEC_PER_SEC);
        assert_true(f.evidence[EVIDENCE_CPU_WINDOW] < 62 * USEC_PER_SEC);
}

static void ten_quiet_seconds_break_the_evidence(void **state) {
        struct finding f;
        struct series s;

        (void)state;
        make(&s, 41);
        series_pause(&s, SAMPLE_CPU_THROTTLED_PERIODS, 18, 32);
        assert_false(analysis_evaluate(RULE_CPU_QUOTA, &s.view, &f));
}

static void four_percent_of_periods_are_no_finding(void **state) {
        struct finding f;
        struct series s;

        (void)state;
        make(&s, 61);
        for (size_t i = 0; i < 61; i++) {
                s.samples[i].value[SAMPLE_CPU_PERIODS] = 100 * i;
                s.samples[i].value[SAMPLE_CPU_THROTTLED_PERIODS] = 4 * i;
        }
        assert_false(analysis_evaluate(RULE_CPU_QUOTA, &s.view, &f));
}

static void less_than_a_second_lost_a_minute_is_no_finding(void **state) {
        struct finding f;
        struct series s;

        (void)state;
        make(&s, 61);
        for (size_t i = 0; i < 61; i++)
                s.samples[i].value[SAMPLE_CPU_THROTTLED] = 15000 * i;
        assert_false(analysis_evaluate(RULE_CPU_QUOTA, &s.view, &f));
}

static void without_a_quota_nothing_is_found(void **state) {
        struct finding f;
        struct series s;

        (void)state;
        make(&s, 61);
        series_set(&s, SAMPLE_LIMIT_CPU_QUOTA, 0, KNOB_MAX);
        assert_false(analysis_evaluate(RULE_CPU_QUOTA, &s.view, &f));
}

static void a_new_quota_makes_the_evidence_under_the_old_one_void(void **state) {
        struct finding f;
        struct series s;

        (void)state;
        make(&s, 61);
        series_set(&s, SAMPLE_LIMIT_CPU_QUOTA, 40, 150000);
        assert_false(analysis_evaluate(RULE_CPU_QUOTA, &s.view, &f));
}

static void a_hole_in_the_samples_proves_nothing(void **state) {
        struct finding f;
        struct series s;

        (void)state;
        make(&s, 61);
        for (size_t i = 40; i < 61; i++)
                s.samples[i].boottime_ns += 20 * NSEC_PER_SEC;
        assert_false(analysis_evaluate(RULE_CPU_QUOTA, &s.view, &f));
}

static void no_samples_are_no_finding(void **state) {
        struct view none = {};
        struct finding f;

        (void)state;
        assert_false(analysis_evaluate(RULE_CPU_QUOTA, &none, &f));
        assert_false(analysis_evaluate(RULE_PERSON, &none, &f));
}

static void only_a_sample_with_the_symptom_is_worth_evaluating(void **state) {
        struct sample before, now;
        struct series s;

        (void)state;
        make(&s, 21);
        before = s.samples[10];
        now = s.samples[20];
        assert_int_equal(analysis_suspects(&before, &now), 1U << RULE_CPU_QUOTA);
        now.value[SAMPLE_CPU_THROTTLED_PERIODS] = before.value[SAMPLE_CPU_THROTTLED_PERIODS];
        assert_int_equal(analysis_suspects(&before, &now), 0);
        now = s.samples[20];
        now.present &= ~(1ULL << SAMPLE_CPU_THROTTLED);
        assert_int_equal(analysis_suspects(&before, &now), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(thirty_seconds_of_throttling_are_a_finding),
                cmocka_unit_test(twenty_eight_seconds_are_too_few),
                cmocka_unit_test(the_time_lost_is_never_more_than_the_clock),
                cmocka_unit_test(since_when_goes_back_beyond_the_last_minute),
                cmocka_unit_test(ten_quiet_seconds_break_the_evidence),
                cmocka_unit_test(four_percent_of_periods_are_no_finding),
                cmocka_unit_test(less_than_a_second_lost_a_minute_is_no_finding),
                cmocka_unit_test(without_a_quota_nothing_is_found),
                cmocka_unit_test(a_new_quota_makes_the_evidence_under_the_old_one_void),
                cmocka_unit_test(a_hole_in_the_samples_proves_nothing),
                cmocka_unit_test(no_samples_are_no_finding),
                cmocka_unit_test(only_a_sample_with_the_symptom_is_worth_evaluating),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
