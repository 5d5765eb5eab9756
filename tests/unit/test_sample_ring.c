/* SPDX-License-Identifier: Apache-2.0 */
#include "state/sample_ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static uint64_t random_state = 88172645463325252ULL;

static uint64_t random_u64(void) {
        random_state ^= random_state << 13;
        random_state ^= random_state >> 7;
        random_state ^= random_state << 17;
        return random_state;
}

/*
 * What a busy, throttled, writing container shows in second @n: the hot counters of time and bytes
 * move by about a million, those of events by some tens; the cold files come every tenth time.
 */
static struct sample busy_sample(unsigned n) {
        struct sample s = { .boottime_ns = (1000 + n) * NSEC_PER_SEC + 12345 * n };

        for (int i = 0; i < SAMPLE_COUNT; i++) {
                bool hot = i <= SAMPLE_PIDS_CURRENT || i >= SAMPLE_LADDER_CPU_5;
                uint64_t step = sample_fields[i].unit[0] != '\0' ? 900000 : 10;

                if (!hot && n % 10 != 0)
                        continue;
                s.present |= 1ULL << i;
                s.value[i] = step * (n + 1) + n % 7 * (unsigned)i;
        }
        s.value[SAMPLE_MEMORY_CURRENT] = 900 * MIB + n % 13 * 4096 * 37;
        for (int i = SAMPLE_LADDER_CPU_5; i < SAMPLE_COUNT; i++)
                s.value[i] = n / 8;
        return s;
}

static struct sample random_sample(uint64_t boottime_ns) {
        struct sample s = { .boottime_ns = boottime_ns };

        for (int i = 0; i < SAMPLE_COUNT; i++) {
                s.present |= 1ULL << i;
                s.value[i] = random_u64();
        }
        return s;
}

static void a_sample_comes_back_as_it_was_put_in(void **state) {
        struct sample_ring ring = {};
        struct sample_cursor cursor;
        struct sample got;

        (void)state;
        for (unsigned n = 0; n < 100; n++) {
                struct sample s = busy_sample(n);

                assert_int_equal(sample_ring_add(&ring, &s), 0);
        }
        sample_ring_seek(&ring, 0, &cursor);
        for (unsigned n = 0; n < 100; n++) {
                struct sample want = busy_sample(n);

                assert_true(sample_ring_next(&cursor, &got));
                assert_memory_equal(&got, &want, sizeof(want));
        }
        assert_false(sample_ring_next(&cursor, &got));
        sample_ring_done(&ring);
}

static void five_minutes_of_a_busy_container_fit(void **state) {
        struct sample_ring ring = {};

        (void)state;
        for (unsigned n = 0; n < 300; n++) {
                struct sample s = busy_sample(n);

                assert_int_equal(sample_ring_add(&ring, &s), 0);
        }
        print_message("%zu samples, %zu bytes each\n", sample_ring_count(&ring),
                        sample_ring_used(&ring) / sample_ring_count(&ring));
        assert_true(sample_ring_count(&ring) == 300);
        sample_ring_done(&ring);
}

static void samples_of_noise_stay_within_the_bound_and_the_newest_stay(void **state) {
        static struct sample put[300];
        struct sample_ring ring = {};
        struct sample_cursor cursor;
        struct sample got;
        size_t count;

        (void)state;
        for (unsigned n = 0; n < ARRAY_LEN(put); n++) {
                put[n] = random_sample((n + 1) * NSEC_PER_SEC);
                assert_int_equal(sample_ring_add(&ring, &put[n]), 0);
                assert_true(sizeof(ring) + sample_ring_used(&ring) <= SAMPLE_RING_BYTES);
        }
        count = sample_ring_count(&ring);
        assert_true(count >= 20 && count < 300);
        sample_ring_seek(&ring, 0, &cursor);
        for (size_t n = ARRAY_LEN(put) - count; n < ARRAY_LEN(put); n++) {
                assert_true(sample_ring_next(&cursor, &got));
                assert_memory_equal(&got, &put[n], sizeof(got));
        }
        assert_false(sample_ring_next(&cursor, &got));
        sample_ring_done(&ring);
}

static void what_is_older_than_five_minutes_goes_with_its_block(void **state) {
        struct sample_ring ring = {};
        struct sample_cursor cursor;
        struct sample got;

        (void)state;
        for (unsigned n = 0; n < 2000; n++) {
                struct sample s = busy_sample(n);

                assert_int_equal(sample_ring_add(&ring, &s), 0);
        }
        sample_ring_seek(&ring, 0, &cursor);
        assert_true(sample_ring_next(&cursor, &got));
        assert_true(got.boottime_ns > 1500 * NSEC_PER_SEC);
        sample_ring_done(&ring);
}

static void a_limit_may_go_from_max_to_zero_and_back(void **state) {
        static const uint64_t values[] = { UINT64_MAX, 0, UINT64_MAX, 1ULL << 63, 1 };
        struct sample_ring ring = {};
        struct sample_cursor cursor;
        struct sample got;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(values); i++) {
                struct sample s = { .boottime_ns = i, .present = 1ULL << SAMPLE_LIMIT_MEMORY_MAX };

                s.value[SAMPLE_LIMIT_MEMORY_MAX] = values[i];
                assert_int_equal(sample_ring_add(&ring, &s), 0);
        }
        sample_ring_seek(&ring, 0, &cursor);
        for (size_t i = 0; i < ARRAY_LEN(values); i++) {
                assert_true(sample_ring_next(&cursor, &got));
                assert_true(got.value[SAMPLE_LIMIT_MEMORY_MAX] == values[i]);
        }
        sample_ring_done(&ring);
}

static void reading_may_start_near_a_given_time(void **state) {
        struct sample_ring ring = {};
        struct sample_cursor cursor;
        struct sample got;

        (void)state;
        for (unsigned n = 0; n < 280; n++) {
                struct sample s = busy_sample(n);

                assert_int_equal(sample_ring_add(&ring, &s), 0);
        }
        sample_ring_seek(&ring, 1200 * NSEC_PER_SEC, &cursor);
        assert_true(sample_ring_next(&cursor, &got));
        assert_true(got.boottime_ns <= 1201 * NSEC_PER_SEC);
        assert_true(got.boottime_ns > 1100 * NSEC_PER_SEC);
        sample_ring_done(&ring);
}

static void a_sample_from_before_the_last_is_refused(void **state) {
        struct sample_ring ring = {};
        struct sample s = { .boottime_ns = 10 };

        (void)state;
        assert_int_equal(sample_ring_add(&ring, &s), 0);
        s.boottime_ns = 9;
        assert_int_equal(sample_ring_add(&ring, &s), -EINVAL);
        assert_int_equal(sample_ring_count(&ring), 1);
        sample_ring_done(&ring);
}

static void an_empty_ring_has_nothing_to_read(void **state) {
        struct sample_ring ring = {};
        struct sample_cursor cursor;
        struct sample got;

        (void)state;
        sample_ring_seek(&ring, 5, &cursor);
        assert_false(sample_ring_next(&cursor, &got));
        sample_ring_done(&ring);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_sample_comes_back_as_it_was_put_in),
                cmocka_unit_test(five_minutes_of_a_busy_container_fit),
                cmocka_unit_test(samples_of_noise_stay_within_the_bound_and_the_newest_stay),
                cmocka_unit_test(what_is_older_than_five_minutes_goes_with_its_block),
                cmocka_unit_test(a_limit_may_go_from_max_to_zero_and_back),
                cmocka_unit_test(reading_may_start_near_a_given_time),
                cmocka_unit_test(a_sample_from_before_the_last_is_refused),
                cmocka_unit_test(an_empty_ring_has_nothing_to_read),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
