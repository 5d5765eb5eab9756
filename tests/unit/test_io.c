/* SPDX-License-Identifier: Apache-2.0 */
#include "state/io.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define SDA  "8:0 rbps=max wbps=1048576 riops=max wiops=7"
#define NVME "259:0 rbps=5 wbps=max riops=max wiops=max"

static const char both[] = NVME "\n" SDA;

static void the_weights_of_both_controllers_stand_for_each_other(void **state) {
        static const uint64_t rows[][2] = { { 1, 1 }, { 100, 100 }, { 200, 109 }, { 1200, 200 },
                { IO_WEIGHT_MOST, IO_BFQ_MOST } };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                assert_int_equal(io_weight_to_bfq(rows[i][0]), rows[i][1]);
        for (uint64_t bfq = 1; bfq <= IO_BFQ_MOST; bfq++)
                assert_int_equal(io_weight_to_bfq(io_weight_of_bfq(bfq)), bfq);
}

static void a_key_names_one_limit_of_one_device(void **state) {
        char device[IO_DEVICE_SIZE];
        const char *end = NULL;
        uint64_t key = 0;

        (void)state;
        assert_int_equal(io_key_parse("259:1048575 riops=100", &key, &end), 0);
        assert_int_equal(key, io_key(259, 1048575, IO_RIOPS));
        assert_int_equal(io_key_limit(key), IO_RIOPS);
        io_key_device(key, device);
        assert_string_equal(device, "259:1048575");
        assert_string_equal(end, "100");
        assert_true(io_key(8, 0, IO_WBPS) != io_key(8, 0, IO_RBPS));
        assert_true(io_key(8, 0, IO_WBPS) != io_key(8, 16, IO_WBPS));
}

static void what_names_no_limit_is_refused(void **state) {
        static const char *const texts[] = { "", "8", "8:0", "8:0 ", "8:0 wbps", "8:0  wbps=1",
                "0:0 wbps=1", "8:0 bps=1", "8:-1 wbps=1", "sda wbps=1", "8:4294967296 wbps=1",
                "1073741824:0 wbps=1", "8:0 Wbps=1" };
        const char *end;
        uint64_t key;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(texts); i++)
                assert_int_equal(io_key_parse(texts[i], &key, &end), -EINVAL);
}

static void each_limit_is_read_from_the_line_of_its_device(void **state) {
        static const struct {
                uint64_t major, minor;
                enum io_limit limit;
                uint64_t amount;
        } rows[] = {
                { 8, 0, IO_WBPS, 1048576 },
                { 8, 0, IO_WIOPS, 7 },
                { 8, 0, IO_RBPS, UINT64_MAX },
                { 259, 0, IO_RBPS, 5 },
                { 259, 0, IO_WBPS, UINT64_MAX },
                { 8, 1, IO_WBPS, UINT64_MAX },
                { 59, 0, IO_RBPS, UINT64_MAX },
        };
        uint64_t amount;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                uint64_t key = io_key(rows[i].major, rows[i].minor, rows[i].limit);

                assert_int_equal(io_max_read(both, key, &amount), 0);
                assert_true(amount == rows[i].amount);
        }
        assert_int_equal(io_max_read("8:0 rbps=x", io_key(8, 0, IO_RBPS), &amount), -EINVAL);
        assert_int_equal(io_max_read("8:0 rbps=5\n8:1 wbps=6", io_key(8, 0, IO_WBPS), &amount),
                        -EINVAL);
}

static void one_limit_is_merged_and_all_others_stay(void **state) {
        static const struct {
                const char *before;
                uint64_t major;
                enum io_limit limit;
                uint64_t amount;
                const char *after;
        } rows[] = {
                { "", 8, IO_WBPS, 9, "8:0 rbps=max wbps=9 riops=max wiops=max" },
                { NVME, 8, IO_WBPS, 9, NVME "\n8:0 rbps=max wbps=9 riops=max wiops=max" },
                { NVME "\n" SDA, 8, IO_WBPS, UINT64_MAX,
                                NVME "\n8:0 rbps=max wbps=max riops=max wiops=7" },
                { NVME "\n" SDA, 259, IO_RBPS, UINT64_MAX, SDA },
                { NVME, 259, IO_RBPS, UINT64_MAX, "" },
                { "", 8, IO_WBPS, UINT64_MAX, "" },
        };
        char text[256];

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                uint64_t key = io_key(rows[i].major, 0, rows[i].limit);

                assert_int_equal(io_max_merge(rows[i].before, key, rows[i].amount, text,
                                                 sizeof(text)),
                                0);
                assert_string_equal(text, rows[i].after);
        }
        assert_int_equal(io_max_merge(both, io_key(8, 0, IO_RBPS), 1, text, 60), -E2BIG);
        assert_int_equal(io_max_merge("8:0 x", io_key(8, 0, IO_RBPS), 1, text, sizeof(text)),
                        -EINVAL);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_weights_of_both_controllers_stand_for_each_other),
                cmocka_unit_test(a_key_names_one_limit_of_one_device),
                cmocka_unit_test(what_names_no_limit_is_refused),
                cmocka_unit_test(each_limit_is_read_from_the_line_of_its_device),
                cmocka_unit_test(one_limit_is_merged_and_all_others_stay),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
