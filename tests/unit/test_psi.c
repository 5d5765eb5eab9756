/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/kernel/psi.h"
#include "governor/kernel/psi_arm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tree.h"

#define AVERAGES "avg10=0.00 avg60=1.50 avg300=99.99"

static void totals_are_read_from_both_lines(void **state) {
        uint64_t some = 0, full = 0;

        (void)state;
        assert_int_equal(psi_parse("some " AVERAGES " total=12345\nfull " AVERAGES " total=678\n",
                                         &some, &full),
                        0);
        assert_int_equal(some, 12345);
        assert_int_equal(full, 678);
        assert_int_equal(psi_parse("some " AVERAGES " total=9", &some, &full), 0);
        assert_int_equal(some, 9);
        assert_int_equal(full, 0);
}

static void what_is_no_pressure_file_is_refused(void **state) {
        static const char *const texts[] = {
                "",
                "full " AVERAGES " total=1\n",
                "some " AVERAGES "\n",
                "some " AVERAGES "\nfull " AVERAGES " total=5\n",
                "some " AVERAGES " total=1x\n",
                "some " AVERAGES " total=18446744073709551616\n",
                "some " AVERAGES " total=1\nfull " AVERAGES " total=-1\n",
        };
        uint64_t some, full;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(texts); i++)
                assert_int_equal(psi_parse(texts[i], &some, &full), -EINVAL);
}

/* A fixture stands for a kernel without PSI in all but one file. */
static void the_ladder_arms_what_there_is(void **state) {
        struct tree tree = tree_make();
        int fds[LINK_LADDER_FDS];

        (void)state;
        assert_int_equal(psi_ladder_arm(tree.fd, fds), 0);
        tree_write(&tree, "memory.pressure", "");
        assert_int_equal(psi_ladder_arm(tree.fd, fds), 07 << 3);
        for (int i = 0; i < 3; i++) {
                static const char *const wanted[] = { "some 25000 500000", "some 100000 500000",
                        "some 200000 500000" };

                assert_true(lseek(fds[i], 0, SEEK_CUR) == (off_t)strlen(wanted[i]) + 1);
                (void)close(fds[i]);
        }
        tree_remove(&tree);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(totals_are_read_from_both_lines),
                cmocka_unit_test(what_is_no_pressure_file_is_refused),
                cmocka_unit_test(the_ladder_arms_what_there_is),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
