/* SPDX-License-Identifier: Apache-2.0 */
#include "state/parse.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void a_number_is_all_of_the_text(void **state) {
        static const struct {
                const char *text;
                int code;
                uint64_t value;
        } rows[] = {
                { "0", 0, 0 },
                { "18446744073709551615", 0, UINT64_MAX },
                { "18446744073709551616", -ERANGE, 0 },
                { "", -EINVAL, 0 },
                { "12abc", -EINVAL, 0 },
                { " 1", -EINVAL, 0 },
                { "-1", -EINVAL, 0 },
                { "+1", -EINVAL, 0 },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                uint64_t value = 0;

                assert_int_equal(parse_u64(rows[i].text, &value), rows[i].code);
                if (rows[i].code == 0)
                        assert_true(value == rows[i].value);
        }
}

static void sizes_have_binary_units(void **state) {
        static const struct {
                const char *text;
                int code;
                uint64_t value;
        } rows[] = {
                { "4G", 0, 4 * GIB },
                { "1.5G", 0, 3 * GIB / 2 },
                { "512MiB", 0, 512 * MIB },
                { "18446744073709551615", 0, UINT64_MAX },
                { "5GiBB", -EINVAL, 0 },
                { "1.", -EINVAL, 0 },
                { "99999999999999T", -ERANGE, 0 },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                uint64_t value = 0;

                assert_int_equal(parse_bytes(rows[i].text, &value), rows[i].code);
                if (rows[i].code == 0)
                        assert_true(value == rows[i].value);
        }
}

static void a_decimal_is_scaled_without_floats(void **state) {
        uint64_t value = 0;

        (void)state;
        assert_int_equal(parse_decimal("1.5", 2, &value), 0);
        assert_int_equal(value, 150);
        assert_int_equal(parse_decimal("0.07", 2, &value), 0);
        assert_int_equal(value, 7);
        assert_int_equal(parse_decimal("1.005", 2, &value), -EINVAL);
        assert_int_equal(parse_decimal(".5", 2, &value), -EINVAL);
}

static void durations_have_units(void **state) {
        uint64_t usec = 0;

        (void)state;
        assert_int_equal(parse_duration_usec("10m", &usec), 0);
        assert_true(usec == 600 * USEC_PER_SEC);
        assert_int_equal(parse_duration_usec("90", &usec), 0);
        assert_true(usec == 90 * USEC_PER_SEC);
        assert_int_equal(parse_duration_usec("10x", &usec), -EINVAL);
}

static void flat_keyed_files_may_lack_add_and_reorder_keys(void **state) {
        static const char *const keys[] = { "usage_usec", "nr_periods", "absent" };
        uint64_t values[3] = { 7, 7, 7 };

        (void)state;
        assert_int_equal(parse_flat_keyed("nr_periods 3\nnew_key 9\nusage_usec 12\nbad x\nodd",
                                         keys, 3, values),
                        3);
        assert_int_equal(values[0], 12);
        assert_int_equal(values[1], 3);
        assert_int_equal(values[2], 7);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_number_is_all_of_the_text),
                cmocka_unit_test(sizes_have_binary_units),
                cmocka_unit_test(a_decimal_is_scaled_without_floats),
                cmocka_unit_test(durations_have_units),
                cmocka_unit_test(flat_keyed_files_may_lack_add_and_reorder_keys),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
