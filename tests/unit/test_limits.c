/* SPDX-License-Identifier: Apache-2.0 */
#include "state/knob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static char one[] = "1", also_one[] = "1", two[] = "2";

static void limits_differ_where_a_text_differs_or_a_file_is_only_in_one(void **state) {
        struct limits a = { .text = { [KNOB_CPU_MAX] = one, [KNOB_IO_MAX] = one } };
        struct limits b = { .text = { [KNOB_CPU_MAX] = also_one, [KNOB_IO_MAX] = two } };

        (void)state;
        assert_int_equal(limits_differ(&a, &b, 0), KNOB_IO_MAX);
        assert_int_equal(limits_differ(&a, &b, KNOB_IO_MAX + 1), -1);
        b.text[KNOB_MEMORY_MAX] = one;
        assert_int_equal(limits_differ(&a, &b, 0), KNOB_MEMORY_MAX);
        assert_int_equal(limits_differ(&b, &a, 0), KNOB_MEMORY_MAX);
        assert_int_equal(limits_differ(&a, &a, 0), -1);
}

static void limits_that_are_done_are_empty(void **state) {
        struct limits a = { .text = { [KNOB_CPU_MAX] = strdup("max 100000") } }, empty = { 0 };

        (void)state;
        limits_done(&a);
        assert_int_equal(limits_differ(&a, &empty, 0), -1);
        limits_done(&a);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(limits_differ_where_a_text_differs_or_a_file_is_only_in_one),
                cmocka_unit_test(limits_that_are_done_are_empty),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
