/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/samples.h"

#include "governor/kernel/psi_arm.h"
#include "state/knob.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

_Static_assert(LADDER_WINDOW_USEC == PSI_WINDOW_USEC, "rules know the window that is armed");

static const struct field thrashing[] = {
        { SAMPLE_MEMORY_CURRENT, GIB, 0 },
        { SAMPLE_MEMORY_EVENTS_MAX, 5, 40 },
        { SAMPLE_MEMORY_EVENTS_OOM_KILL, 0, 0 },
        { SAMPLE_REFAULT_FILE, 1000, 300 },
        { SAMPLE_REFAULT_ANON, 0, 0 },
        { SAMPLE_LIMIT_MEMORY_MAX, GIB, 0 },
        { SAMPLE_LIMIT_MEMORY_HIGH, KNOB_MAX, 0 },
        { SAMPLE_LADDER_MEMORY_5, 0, 2 },
        { SAMPLE_LADDER_MEMORY_20, 0, 1 },
        { SAMPLE_LADDER_MEMORY_40, 0, 0 },
};

static void make(struct series *s, size_t count) {
        series_make(s, count, thrashing, ARRAY_LEN(thrashing));
}

static bool evaluate(const struct series *s, struct finding *ret) {
        return analysis_evaluate(RULE_MEMORY_LIMIT, &s->view, ret);
}

static void hits_stalls_and_refaults_are_a_finding(void **state) {
        struct finding f;
        struct series s;

        (void)state;
        make(&s, 61);
        assert_true(evaluate(&s, &f));
        assert_int_equal(f.evidence[EVIDENCE_LIMIT_MAX], GIB);
        assert_true(f.evidence[EVIDENCE_LIMIT_HIGH] == KNOB_MAX);
        assert_int_equal(f.evidence[EVIDENCE_LIMIT_HITS], 60 * 40);
        assert_int_equal(f.evidence[EVIDENCE_LIMIT_REFAULTS], 60 * 300);
        assert_int_equal(f.evidence[EVIDENCE_LIMIT_OOM_KILLS], 0);
}

static void what_was_lost_is_what_the_ladder_proves(void **state) {
        struct finding f;
        struct series s;

        (void)state;
        make(&s, 61);
        assert_true(evaluate(&s, &f));
        /* A second has one event of 5 % alone and one of 20 %, of half a second each. */
        assert_in_range(f.lost_usec_per_min, 60 * 124000, 60 * 125000);
}

static void only_cache_at_the_limit_is_no_finding(void **state) {
        struct finding f;
        struct series s;

        (void)state;
        make(&s, 61);
        series_set(&s, SAMPLE_REFAULT_FILE, 0, 1000);
        series_set(&s, SAMPLE_LADDER_MEMORY_5, 0, 0);
        assert_false(evaluate(&s, &f));
}

static void a_limit_that_is_hit_without_stall_is_no_finding(void **state) {
        struct finding f;
        struct series s;

        (void)state;
        make(&s, 61);
        series_set(&s, SAMPLE_LADDER_MEMORY_5, 0, 7);
        assert_false(evaluate(&s, &f));
}

static void stall_without_refaults_is_no_finding(void **state) {
        struct finding f;
        struct series s;

        (void)state;
        make(&s, 61);
        series_set(&s, SAMPLE_REFAULT_FILE, 0, 1000);
        assert_false(evaluate(&s, &f));
}

static void nine_refaults_a_second_are_too_few(void **state) {
        struct finding f;
        struct series s;

        (void)state;
        make(&s, 61);
        for (size_t i = 0; i < 61; i++)
                s.samples[i].value[SAMPLE_REFAULT_FILE] = 9 * i;
        assert_false(evaluate(&s, &f));
}

static void a_killed_process_counts_without_refaults(void **state) {
        struct finding f;
        struct series s;

        (void)state;
        make(&s, 61);
        series_set(&s, SAMPLE_REFAULT_FILE, 0, 1000);
        series_set(&s, SAMPLE_MEMORY_EVENTS_OOM_KILL, 50, 1);
        assert_true(evaluate(&s, &f));
        assert_int_equal(f.evidence[EVIDENCE_LIMIT_OOM_KILLS], 1);
}

static void unread_refaults_are_no_evidence(void **state) {
        struct finding f;
        struct series s;

        (void)state;
        make(&s, 61);
        for (size_t i = 0; i < 61; i++)
                s.samples[i].present &= ~(1ULL << SAMPLE_REFAULT_FILE);
        assert_false(evaluate(&s, &f));
}

static void stall_below_the_limit_is_no_finding(void **state) {
        struct finding f;
        struct series s;

        (void)state;
        make(&s, 61);
        series_set(&s, SAMPLE_MEMORY_EVENTS_MAX, 0, 5);
        assert_false(evaluate(&s, &f));
}

static void one_bad_moment_is_no_finding(void **state) {
        struct finding f;
        struct series s;

        (void)state;
        make(&s, 61);
        series_pause(&s, SAMPLE_MEMORY_EVENTS_MAX, 20, 55);
        assert_false(evaluate(&s, &f));
}

static void without_a_limit_nothing_is_found(void **state) {
        struct finding f;
        struct series s;

        (void)state;
        make(&s, 61);
        series_set(&s, SAMPLE_LIMIT_MEMORY_MAX, 0, KNOB_MAX);
        assert_false(evaluate(&s, &f));
}

static void pressure_totals_do_not_matter(void **state) {
        struct finding f;
        struct series s;

        (void)state;
        make(&s, 61);
        series_set(&s, SAMPLE_LADDER_MEMORY_5, 0, 0);
        for (size_t i = 0; i < 61; i++) {
                s.samples[i].present |= 1ULL << SAMPLE_PSI_MEMORY_SOME;
                s.samples[i].value[SAMPLE_PSI_MEMORY_SOME] = i * 900000;
        }
        assert_false(evaluate(&s, &f));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(hits_stalls_and_refaults_are_a_finding),
                cmocka_unit_test(what_was_lost_is_what_the_ladder_proves),
                cmocka_unit_test(only_cache_at_the_limit_is_no_finding),
                cmocka_unit_test(a_limit_that_is_hit_without_stall_is_no_finding),
                cmocka_unit_test(stall_without_refaults_is_no_finding),
                cmocka_unit_test(nine_refaults_a_second_are_too_few),
                cmocka_unit_test(a_killed_process_counts_without_refaults),
                cmocka_unit_test(unread_refaults_are_no_evidence),
                cmocka_unit_test(stall_below_the_limit_is_no_finding),
                cmocka_unit_test(one_bad_moment_is_no_finding),
                cmocka_unit_test(without_a_limit_nothing_is_found),
                cmocka_unit_test(pressure_totals_do_not_matter),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
