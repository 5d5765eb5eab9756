/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/cli/table.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct column columns[] = { { "ID", 0 }, { "ENVIRONMENT", 0 }, { "WHAT", COLUMN_CUT },
        { "TASKS", COLUMN_RIGHT | COLUMN_SPARE }, { "RUNTIME", COLUMN_SPARE } };
static const char *const line[] = { "F12", "shop/web (shop-web-1)",
        "CPU is throttled in all of its periods", "12 / max", "crun" };

/* What a table of that one line looks like on a terminal so wide. */
static void print(size_t terminal, char *ret, size_t size) {
        CLEANUP(table_freep) struct table *t = NULL;
        FILE *file = tmpfile();
        struct output o;
        size_t n;

        assert_non_null(file);
        out_init(&o, file);
        o.columns = terminal;
        assert_int_equal(table_new(&t, &o, columns, ARRAY_LEN(columns)), 0);
        assert_int_equal(table_line(t, line), 0);
        assert_int_equal(table_print(t), 0);
        rewind(file);
        n = fread(ret, 1, size - 1, file);
        ret[n] = '\0';
        out_done(&o);
        (void)fclose(file);
}

static int start(void **state) {
        (void)state;
        return setlocale(LC_CTYPE, "C.UTF-8") ? 0 : -1;
}

static void off_a_terminal_nothing_is_cut(void **state) {
        char text[512];

        (void)state;
        print(0, text, sizeof(text));
        assert_string_equal(text,
                        "ID  ENVIRONMENT           WHAT                                      "
                        "TASKS RUNTIME\n"
                        "F12 shop/web (shop-web-1) CPU is throttled in all of its periods "
                        "12 / max crun\n");
}

static void what_can_be_spared_is_left_out_first_and_from_the_right(void **state) {
        char text[512];

        (void)state;
        print(74, text, sizeof(text));
        assert_null(strstr(text, "RUNTIME"));
        assert_non_null(strstr(text, "TASKS\n"));
        assert_non_null(strstr(text, "in all of its periods 12 / max\n"));
        print(64, text, sizeof(text));
        assert_null(strstr(text, "TASKS"));
        assert_non_null(strstr(text, "in all of its periods\n"));
}

static void what_is_cut_says_so_and_fits(void **state) {
        char text[512];

        (void)state;
        print(50, text, sizeof(text));
        assert_non_null(strstr(text, "F12 shop/web (shop-web-1) CPU is throttled in all\u2026\n"));
        assert_int_equal(out_width(strstr(text, "F12")), 50 + 1); /* and the end of the line */
}

static void in_ascii_three_dots_say_so(void **state) {
        char text[512];

        (void)state;
        assert_non_null(setlocale(LC_CTYPE, "C"));
        print(50, text, sizeof(text));
        assert_non_null(strstr(text, "(shop-web-1) CPU is throttled in a...\n"));
}

static void a_name_stays_whole_however_narrow_the_terminal(void **state) {
        char text[512];

        (void)state;
        print(10, text, sizeof(text));
        assert_non_null(strstr(text, "F12 shop/web (shop-web-1) CPU is thro\u2026\n"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(off_a_terminal_nothing_is_cut, start),
                cmocka_unit_test_setup(
                                what_can_be_spared_is_left_out_first_and_from_the_right, start),
                cmocka_unit_test_setup(what_is_cut_says_so_and_fits, start),
                cmocka_unit_test_setup(in_ascii_three_dots_say_so, start),
                cmocka_unit_test_setup(a_name_stays_whole_however_narrow_the_terminal, start),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
