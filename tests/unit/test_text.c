/* SPDX-License-Identifier: Apache-2.0 */
#include "state/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void what_does_not_fit_is_not_appended_and_ends_all_appending(void **state) {
        char out[8];
        size_t used;

        (void)state;
        used = text_append(out, sizeof(out), 0, "abc");
        used = text_append_u64(out, sizeof(out), used, 1234);
        assert_int_equal(used, 7);
        assert_string_equal(out, "abc1234");
        used = text_append(out, sizeof(out), used, "x");
        assert_int_equal(used, sizeof(out));
        assert_int_equal(text_append(out, sizeof(out), used, ""), sizeof(out));
        assert_string_equal(out, "abc1234");
}

static void every_number_has_its_digits(void **state) {
        char out[24];

        (void)state;
        assert_int_equal(text_append_u64(out, sizeof(out), 0, 0), 1);
        assert_string_equal(out, "0");
        assert_int_equal(text_append_u64(out, sizeof(out), 0, UINT64_MAX), 20);
        assert_string_equal(out, "18446744073709551615");
}

static void a_terminal_is_not_given_orders(void **state) {
        char out[64];

        (void)state;
        text_printable("a\x1b[31m\xc2\x9b\xe2\x80\xae\xff\xc3\xa4", out, sizeof(out));
        assert_string_equal(out, "a\\x1b[31m\\u{9b}\\u{202e}\\xff\xc3\xa4");
}

static void what_hides_or_reorders_text_is_shown_by_its_number(void **state) {
        static const struct {
                const char *text, *shown;
        } rows[] = {
                { "a\xc2\xad", "a\\u{ad}" },
                { "a\xd8\x9c", "a\\u{61c}" },
                { "a\xe2\x81\xa0", "a\\u{2060}" },
                { "a\xe2\x81\xa4", "a\\u{2064}" },
                { "a\xf3\xa0\x80\x81", "a\\u{e0001}" },
                { "a\xf3\xa0\x80\xa0", "a\\u{e0020}" },
                { "a\xf3\xa0\x81\xbf", "a\\u{e007f}" },
                { "\xc2\xac\xc2\xae\xd8\x9b\xd8\x9d\xe2\x81\xb0\xf3\xa0\x84\x80",
                                "\xc2\xac\xc2\xae\xd8\x9b\xd8\x9d\xe2\x81\xb0\xf3\xa0\x84\x80" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                char out[64];

                text_printable(rows[i].text, out, sizeof(out));
                assert_string_equal(out, rows[i].shown);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_does_not_fit_is_not_appended_and_ends_all_appending),
                cmocka_unit_test(every_number_has_its_digits),
                cmocka_unit_test(a_terminal_is_not_given_orders),
                cmocka_unit_test(what_hides_or_reorders_text_is_shown_by_its_number),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
