/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/observer/manager.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tree.h"

#define FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

/* One sweep of ten parts, each of which takes @part_usec. Returns when it ended. */
static uint64_t sweep(struct manager *m, uint64_t begin_usec, uint64_t part_usec) {
        for (unsigned slot = 0; slot < MANAGER_SLOTS; slot++) {
                manager_swept(m, slot, begin_usec, begin_usec + part_usec / 2);
                begin_usec += part_usec;
        }
        return begin_usec;
}

static void a_container_is_sampled_every_second(void **state) {
        struct manager m = { 0 };
        uint64_t now = 7 * USEC_PER_SEC;

        (void)state;
        assert_int_equal(manager_interval_usec(&m), USEC_PER_SEC);
        for (int i = 0; i < 3; i++)
                now = sweep(&m, now, USEC_PER_SEC / MANAGER_SLOTS);
        assert_int_equal(manager_interval_usec(&m), USEC_PER_SEC);
        assert_int_equal(m.sweep_usec, USEC_PER_SEC / 2);
}

/* Row 54 of the fault catalogue. */
static void where_a_sweep_takes_longer_the_interval_grows_and_shrinks_again(void **state) {
        struct manager m = { 0 };
        uint64_t now = 7 * USEC_PER_SEC;

        (void)state;
        now = sweep(&m, now, 300 * USEC_PER_MSEC);
        now = sweep(&m, now, 300 * USEC_PER_MSEC);
        assert_int_equal(manager_interval_usec(&m), 3 * USEC_PER_SEC);
        now = sweep(&m, now, USEC_PER_SEC / MANAGER_SLOTS);
        (void)sweep(&m, now, USEC_PER_SEC / MANAGER_SLOTS);
        assert_int_equal(manager_interval_usec(&m), USEC_PER_SEC);
}

/* Row 40 of the fault catalogue: all that the observer keeps on the disk. */
static void numbers_that_are_missing_begin_anew_and_broken_ones_are_left_alone(void **state) {
        static const char *const broken[] = { "", "x\n", "0\n", "12", "-1\n", "\xff\n" };
        struct tree tree = tree_make();
        struct numbers n;
        struct error err;

        (void)state;
        assert_int_equal(numbers_open(&n, open(tree.path, FLAGS), &err), 0);
        assert_int_equal(numbers_next(&n), 1);
        numbers_done(&n);
        for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
                tree_write(&tree, NUMBERS_FILE, broken[i]);
                assert_int_equal(numbers_open(&n, open(tree.path, FLAGS), &err), -EINVAL);
                assert_non_null(strstr(err.text, "put a number above all"));
                assert_int_equal(numbers_next(&n), 0);
                numbers_done(&n);
        }
        tree_remove(&tree);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_container_is_sampled_every_second),
                cmocka_unit_test(where_a_sweep_takes_longer_the_interval_grows_and_shrinks_again),
                cmocka_unit_test(
                                numbers_that_are_missing_begin_anew_and_broken_ones_are_left_alone),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
