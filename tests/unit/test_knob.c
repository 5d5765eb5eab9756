/* SPDX-License-Identifier: Apache-2.0 */
#include "state/knob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define SDA_WBPS (8ULL << 34 | 1) /* io_key(8, 0, IO_WBPS) */

static void what_the_kernel_shows_is_read_whole_or_refused(void **state) {
        static const struct {
                enum knob_id id;
                const char *text;
                int code;
                uint64_t amount, period;
        } rows[] = {
                { KNOB_MEMORY_MAX, "max\n", 0, KNOB_MAX, 0 },
                { KNOB_MEMORY_MAX, "0", 0, 0, 0 },
                { KNOB_MEMORY_MAX, "18446744073709551615", 0, KNOB_MAX, 0 },
                { KNOB_MEMORY_MAX, "18446744073709551616", -ERANGE, 0, 0 },
                { KNOB_MEMORY_MAX, "12abc", -EINVAL, 0, 0 },
                { KNOB_MEMORY_MAX, "maxi", -EINVAL, 0, 0 },
                { KNOB_MEMORY_MAX, "", -EINVAL, 0, 0 },
                { KNOB_MEMORY_MAX, "1\n\n", -EINVAL, 0, 0 },
                { KNOB_CPU_MAX, "max 100000\n", 0, KNOB_MAX, 100000 },
                { KNOB_CPU_MAX, "33333 50000", 0, 33333, 50000 },
                { KNOB_CPU_MAX, "33333", -EINVAL, 0, 0 },
                { KNOB_CPU_MAX, "33333 max", -EINVAL, 0, 0 },
                { KNOB_CPU_MAX, "1 2 3", -EINVAL, 0, 0 },
                { KNOB_CPU_WEIGHT, "100", 0, 100, 0 },
                { KNOB_CPU_WEIGHT, "max", -EINVAL, 0, 0 },
                { KNOB_IO_WEIGHT, "default 100\n", 0, 100, 0 },
                { KNOB_IO_WEIGHT, "default 100\n8:0 50\n", 0, 100, 0 },
                { KNOB_IO_WEIGHT, "default 100 8:0", -EINVAL, 0, 0 },
                { KNOB_IO_WEIGHT, "default max", -EINVAL, 0, 0 },
                { KNOB_IO_WEIGHT, "100", -EINVAL, 0, 0 },
                { KNOB_IO_LATENCY, "8:0 target=1", -EOPNOTSUPP, 0, 0 },
                { KNOB_IO_MAX, "8:0 wbps=9\n", 0, 9, SDA_WBPS },
                { KNOB_IO_MAX, "8:0 wbps=max", 0, KNOB_MAX, SDA_WBPS },
                { KNOB_IO_MAX, "8:0 wbps=9 rbps=9", -EINVAL, 0, 0 },
                { KNOB_IO_MAX, "max", -EINVAL, 0, 0 },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct knob_value value = { 0 };

                assert_int_equal(knob_read_text(rows[i].id, rows[i].text, &value), rows[i].code);
                assert_true(value.amount == rows[i].amount);
                assert_true(value.period_usec == rows[i].period);
        }
}

static void the_words_of_a_person_become_values_that_the_kernel_keeps(void **state) {
        static const struct {
                enum knob_id id;
                const char *words, *text;
        } rows[] = {
                { KNOB_MEMORY_MAX, "4G", "4294967296" },
                { KNOB_MEMORY_MAX, "1.5GiB", "1610612736" },
                { KNOB_MEMORY_MAX, "300000001", "299999232" },
                { KNOB_MEMORY_MAX, "max", "max" },
                { KNOB_MEMORY_LOW, "0", "0" },
                { KNOB_CPU_MAX, "1.5", "150000 100000" },
                { KNOB_CPU_MAX, "150%", "150000 100000" },
                { KNOB_CPU_MAX, "0.5%", NULL },
                { KNOB_CPU_MAX, "0.01", "1000 100000" },
                { KNOB_CPU_MAX, "0.333333", "33000 100000" },
                { KNOB_CPU_MAX, "33333 50000", "33000 50000" },
                { KNOB_CPU_MAX, "1500 100000", "1000 100000" },
                { KNOB_CPU_MAX, "1010 10000", "1000 10000" },
                { KNOB_CPU_MAX, "1000 1000", "1000 1000" },
                { KNOB_CPU_MAX, "max", "max 100000" },
                { KNOB_CPU_MAX, "max 50000", "max 50000" },
                { KNOB_PIDS_MAX, "512", "512" },
                { KNOB_PIDS_MAX, "max", "max" },
                { KNOB_CPU_WEIGHT, "10000", "10000" },
                { KNOB_IO_WEIGHT, "200", "default 200" },
                { KNOB_IO_WEIGHT, "default 200", "default 200" },
                { KNOB_IO_BFQ_WEIGHT, "1000", "default 1000" },
                { KNOB_IO_MAX, "8:0 wbps=10M", "8:0 wbps=10485760" },
                { KNOB_IO_MAX, "259:1 riops=100", "259:1 riops=100" },
                { KNOB_IO_MAX, "259:1 rbps=max", "259:1 rbps=max" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                char text[KNOB_VALUE_TEXT_MAX];
                struct knob_value value, again;
                struct error err;
                int r = knob_parse(rows[i].id, rows[i].words, &value, &err);

                assert_int_equal(r, rows[i].text ? 0 : -ERANGE);
                if (r < 0)
                        continue;
                knob_write_text(rows[i].id, value, text, sizeof(text));
                assert_string_equal(text, rows[i].text);
                assert_int_equal(knob_read_text(rows[i].id, text, &again), 0);
                assert_true(knob_equal(value, again));
                assert_true(knob_equal(value, knob_round(rows[i].id, value)));
        }
}

static void words_that_are_no_value_are_refused_with_what_is_wanted(void **state) {
        static const struct {
                enum knob_id id;
                const char *words;
                int code;
                const char *part; /* of the text */
        } rows[] = {
                { KNOB_MEMORY_MAX, "12abc", -EINVAL, "memory.max: '12abc' is not a value: want" },
                { KNOB_MEMORY_MAX, "", -EINVAL, "like 512M" },
                { KNOB_MEMORY_MAX, "-1", -EINVAL, "like 512M" },
                { KNOB_MEMORY_MAX, "1048575", -ERANGE, "want 1 MiB to max" },
                { KNOB_MEMORY_MAX, "0", -ERANGE, "want 1 MiB to max" },
                { KNOB_MEMORY_MAX, "99999999999T", -ERANGE, "too large" },
                { KNOB_CPU_MAX, "0.009", -ERANGE, "at least 0.01 CPU" },
                { KNOB_CPU_MAX, "0", -ERANGE, "at least 0.01 CPU" },
                { KNOB_CPU_MAX, "999 50000", -ERANGE, "1000 us" },
                { KNOB_CPU_MAX, "1000 1000000", -ERANGE, "at least 0.01 CPU" },
                { KNOB_CPU_MAX, "50000 999", -ERANGE, "period" },
                { KNOB_CPU_MAX, "50000 1000001", -ERANGE, "period" },
                { KNOB_CPU_MAX, "18446744073709551614 100000", -ERANGE, "any machine" },
                { KNOB_CPU_MAX, "150000  100000", -EINVAL, "like 1.5" },
                { KNOB_CPU_MAX, "150000 100000 ", -EINVAL, "like 1.5" },
                { KNOB_CPU_MAX, "", -EINVAL, "like 1.5" },
                { KNOB_CPU_MAX, "%", -EINVAL, "like 1.5" },
                { KNOB_PIDS_MAX, "0", -ERANGE, "want 1 to 4194304, or max" },
                { KNOB_PIDS_MAX, "4194305", -ERANGE, "want 1 to 4194304, or max" },
                { KNOB_CPU_WEIGHT, "max", -EINVAL, "from 1 to 10000" },
                { KNOB_CPU_WEIGHT, "10001", -ERANGE, "want 1 to 10000" },
                { KNOB_CPU_WEIGHT, "18446744073709551615", -ERANGE, "want 1 to 10000" },
                { KNOB_IO_WEIGHT, "10001", -ERANGE, "want 1 to 10000" },
                { KNOB_IO_WEIGHT, "0", -ERANGE, "want 1 to 10000" },
                { KNOB_IO_WEIGHT, "max", -EINVAL, "like 200" },
                { KNOB_IO_WEIGHT, "8:0 200", -EINVAL, "like 200" },
                { KNOB_IO_BFQ_WEIGHT, "1001", -ERANGE, "want 1 to 1000" },
                { KNOB_IO_LATENCY, "1", -EOPNOTSUPP, "only watched" },
                { KNOB_IO_MAX, "1", -EINVAL, "like '8:0 wbps=10M'" },
                { KNOB_IO_MAX, "max", -EINVAL, "like '8:0 wbps=10M'" },
                { KNOB_IO_MAX, "8:0 wbps=1M rbps=1M", -EINVAL, "one limit of one disk" },
                { KNOB_IO_MAX, "8:0 wbps=18446744073709551615", -ERANGE, "too large" },
                { KNOB_IO_MAX, "8:0 wbps=65535", -ERANGE, "want 65536 to" },
                { KNOB_IO_MAX, "8:0 riops=9", -ERANGE, "want 10 to 4294967294, or max" },
                { KNOB_IO_MAX, "8:0 riops=4294967295", -ERANGE, "want 10 to 4294967294" },
                { KNOB_IO_MAX, "8:0 riops=1K", -EINVAL, "like '8:0" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct knob_value value = { 0 };
                struct error err = { "" };

                assert_int_equal(knob_parse(rows[i].id, rows[i].words, &value, &err), rows[i].code);
                if (!strstr(err.text, rows[i].part))
                        fail_msg("'%s' lacks '%s'", err.text, rows[i].part);
                assert_int_equal(value.amount, 0);
        }
}

static void only_the_word_max_is_no_limit(void **state) {
        static const struct {
                enum knob_id id;
                const char *words;
        } rows[] = {
                { KNOB_MEMORY_MAX, "18446744073709551615" },
                { KNOB_MEMORY_MAX, "18446744073709551614" },
                { KNOB_MEMORY_MAX, "9223372036854775807" },
                { KNOB_MEMORY_LOW, "18446744073709551615" },
                { KNOB_MEMORY_SWAP_MAX, "8388608T" },
                { KNOB_CPU_MAX, "18446744073709551615 100000" },
                { KNOB_PIDS_MAX, "18446744073709551615" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct knob_value value = { 0 };
                struct error err = { "" };

                assert_int_equal(knob_parse(rows[i].id, rows[i].words, &value, &err), -ERANGE);
                if (!strstr(err.text, "is too large: want"))
                        fail_msg("'%s'", err.text);
                assert_int_equal(value.amount, 0);
        }
}

static void people_see_units_and_two_decimals_at_most(void **state) {
        static const struct {
                enum knob_id id;
                struct knob_value value;
                const char *text;
        } rows[] = {
                { KNOB_MEMORY_MAX, { 4 * GIB, 0 }, "4 GiB" },
                { KNOB_MEMORY_MAX, { 3 * GIB / 2, 0 }, "1.5 GiB" },
                { KNOB_MEMORY_MAX, { GIB + 256 * MIB, 0 }, "1.25 GiB" },
                { KNOB_MEMORY_MAX, { 589 * MIB, 0 }, "589 MiB" },
                { KNOB_MEMORY_MAX, { KNOB_MAX, 0 }, "max" },
                { KNOB_MEMORY_MAX, { KNOB_MAX - 1, 0 }, "15 EiB" },
                { KNOB_MEMORY_LOW, { 0, 0 }, "0 B" },
                { KNOB_CPU_MAX, { 50000, 100000 }, "0.5 CPU" },
                { KNOB_CPU_MAX, { 50000, 0 }, "0.5 CPU" },
                { KNOB_CPU_MAX, { 1000, 100000 }, "0.01 CPU" },
                { KNOB_CPU_MAX, { 200000, 50000 }, "4 CPU" },
                { KNOB_CPU_MAX, { KNOB_MAX, 50000 }, "max" },
                { KNOB_PIDS_MAX, { 512, 0 }, "512" },
                { KNOB_IO_MAX, { 10 * MIB, SDA_WBPS }, "8:0 wbps=10 MiB/s" },
                { KNOB_IO_MAX, { KNOB_MAX, SDA_WBPS }, "8:0 wbps=max" },
                { KNOB_IO_MAX, { 100, SDA_WBPS + 1 }, "8:0 riops=100" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                char text[KNOB_VALUE_TEXT_MAX];

                knob_format(rows[i].id, rows[i].value, text, sizeof(text));
                assert_string_equal(text, rows[i].text);
        }
}

static void a_quota_is_rounded_to_what_the_kernel_and_systemd_take(void **state) {
        static const struct knob_value rows[][2] = {
                { { 500, 100000 }, { 1000, 100000 } },
                { { 500, 50000 }, { 1000, 50000 } },
                { { 33333, 0 }, { 33000, 100000 } },
                { { KNOB_MAX, 50000 }, { KNOB_MAX, 50000 } },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                assert_true(knob_equal(knob_round(KNOB_CPU_MAX, rows[i][0]), rows[i][1]));
}

static void a_weight_is_written_into_its_own_line_alone(void **state) {
        const struct knob_value weight = { 200, 0 };
        char text[64];

        (void)state;
        assert_int_equal(knob_merge_text(KNOB_IO_WEIGHT, weight, "default 100\n8:0 50\n8:16 70",
                                         text, sizeof(text)),
                        0);
        assert_string_equal(text, "default 200\n8:0 50\n8:16 70");
        assert_int_equal(knob_merge_text(KNOB_IO_WEIGHT, weight, "default 100\n8:0 50", text, 16),
                        -E2BIG);
        assert_int_equal(knob_merge_text(KNOB_CPU_WEIGHT, weight, "100", text, sizeof(text)), 0);
        assert_string_equal(text, "200");
}

static void of_io_max_one_limit_is_read_and_merged(void **state) {
        static const char *const shown = "8:0 rbps=max wbps=9 riops=5 wiops=max\n"
                                         "8:16 rbps=7 wbps=max riops=max wiops=max";
        struct knob_value value, like = { .key = io_key(8, 0, IO_WBPS) };
        char text[128];

        (void)state;
        assert_int_equal(like.key, SDA_WBPS);
        assert_int_equal(knob_read_file(KNOB_IO_MAX, shown, like, &value), 0);
        assert_int_equal(value.amount, 9);
        assert_int_equal(value.key, like.key);
        like.key = io_key(8, 16, IO_WBPS);
        assert_int_equal(knob_read_file(KNOB_IO_MAX, shown, like, &value), 0);
        assert_true(value.amount == KNOB_MAX);
        assert_false(knob_equal(value, (struct knob_value){ KNOB_MAX, SDA_WBPS }));
        value.amount = 3;
        assert_int_equal(knob_merge_text(KNOB_IO_MAX, value, shown, text, sizeof(text)), 0);
        assert_string_equal(text, "8:0 rbps=max wbps=9 riops=5 wiops=max\n"
                                  "8:16 rbps=7 wbps=3 riops=max wiops=max");
        assert_int_equal(knob_read_file(KNOB_PIDS_MAX, "7", like, &value), 0);
        assert_int_equal(value.amount, 7);
        assert_int_equal(value.key, 0);
}

static void quotas_compare_as_shares_of_their_periods(void **state) {
        const struct knob_value half = { 50000, 100000 }, same = { 25000, 50000 };
        const struct knob_value one = { 100000, 0 }, none = { KNOB_MAX, 100000 };

        (void)state;
        assert_int_equal(knob_compare(KNOB_CPU_MAX, half, same), 0);
        assert_false(knob_equal(half, same));
        assert_true(knob_compare(KNOB_CPU_MAX, half, one) < 0);
        assert_true(knob_compare(KNOB_CPU_MAX, none, one) > 0);
        assert_true(knob_compare(KNOB_CPU_MAX, one, none) < 0);
        assert_int_equal(knob_compare(KNOB_CPU_MAX, none, none), 0);
        assert_true(knob_compare(KNOB_MEMORY_MAX, half, one) < 0);
}

static void every_file_has_one_row_and_raises_come_before_what_they_hold(void **state) {
        (void)state;
        for (int i = 0; i < KNOB_COUNT; i++) {
                assert_int_equal(knob_find(knobs[i].file), i);
                assert_true(strlen(knobs[i].file) < KNOB_NAME_MAX);
                assert_true(knobs[i].settable == (knobs[i].unit != UNIT_TEXT));
        }
        assert_int_equal(knob_find("memory.reclaim"), -ENOENT);
        assert_true(KNOB_MEMORY_MAX < KNOB_MEMORY_HIGH);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_the_kernel_shows_is_read_whole_or_refused),
                cmocka_unit_test(the_words_of_a_person_become_values_that_the_kernel_keeps),
                cmocka_unit_test(words_that_are_no_value_are_refused_with_what_is_wanted),
                cmocka_unit_test(only_the_word_max_is_no_limit),
                cmocka_unit_test(people_see_units_and_two_decimals_at_most),
                cmocka_unit_test(a_quota_is_rounded_to_what_the_kernel_and_systemd_take),
                cmocka_unit_test(a_weight_is_written_into_its_own_line_alone),
                cmocka_unit_test(of_io_max_one_limit_is_read_and_merged),
                cmocka_unit_test(quotas_compare_as_shares_of_their_periods),
                cmocka_unit_test(every_file_has_one_row_and_raises_come_before_what_they_hold),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
