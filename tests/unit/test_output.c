/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/cli/output.h"

#include <locale.h>
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct bench {
        struct output out;
        FILE *file;
};

static int start(void **state) {
        struct bench *b = calloc(1, sizeof(*b));

        assert_non_null(b);
        assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
        b->file = tmpfile();
        assert_non_null(b->file);
        out_init(&b->out, b->file);
        *state = b;
        return 0;
}

static int stop(void **state) {
        struct bench *b = *state;

        out_done(&b->out);
        (void)fclose(b->file);
        free(b);
        return 0;
}

static void a_step_has_its_unit_once(void **state) {
        struct bench *b = *state;
        struct output *o = &b->out;

        assert_string_equal(out_step(o, "cpu.max", "50000 100000", "150000 100000"),
                        "cpu.max 0.5 \u2192 1.5 CPU");
        assert_string_equal(out_step(o, "memory.max", "536870912", "1073741824"),
                        "memory.max 512 MiB \u2192 1 GiB");
        assert_string_equal(out_step(o, "memory.max", "1073741824", "max"),
                        "memory.max 1 GiB \u2192 max");
        assert_string_equal(out_step(o, "pids.max", "100", "200"), "pids.max 100 \u2192 200");
        assert_string_equal(out_step(o, "io.max", "8:0 rbps=1", "8:0 rbps=2"),
                        "io.max 8:0 rbps=1 B/s \u2192 8:0 rbps=2 B/s");
}

static void numbers_have_units(void **state) {
        struct bench *b = *state;
        struct output *o = &b->out;

        assert_string_equal(out_bytes(o, 0), "0 B");
        assert_string_equal(out_bytes(o, 1536 * MIB), "1.5 GiB");
        assert_string_equal(out_cpus(o, 530000, 1000000), "0.53");
        assert_string_equal(out_cpus(o, 1, 0), "0.00");
        assert_string_equal(out_cpus(o, UINT64_MAX / 2, 1000000), "9223372036854.77");
        assert_string_equal(out_share(o, 9640), "96 %");
        assert_string_equal(out_duration(o, 0), "0 ms");
        assert_string_equal(out_duration(o, 41 * USEC_PER_SEC), "41 s");
        assert_string_equal(out_duration(o, 3600 * USEC_PER_SEC), "60 min");
        assert_string_equal(out_duration(o, 24 * 3600 * USEC_PER_SEC), "24 h");
        assert_string_equal(out_duration(o, 72 * 3600 * USEC_PER_SEC), "3 d");
}

static void text_from_containers_commands_no_terminal(void **state) {
        struct bench *b = *state;

        assert_string_equal(out_text(&b->out, "a\033[2Jb\n\xff"), "a\\x1b[2Jb\\x0a\\xff");
        assert_string_equal(out_text(&b->out, "\u202eabc"), "\\u{202e}abc");
        assert_string_equal(out_text(&b->out, "h\u00e4ll"), "h\u00e4ll");
}

static void without_utf8_all_is_ascii(void **state) {
        struct bench *b = *state;

        assert_non_null(setlocale(LC_CTYPE, "C"));
        out_init(&b->out, b->file);
        assert_string_equal(out_step(&b->out, "cpu.max", "50000 100000", "150000 100000"),
                        "cpu.max 0.5 -> 1.5 CPU");
        assert_string_equal(out_from(&b->out), "<-");
        assert_string_equal(out_text(&b->out, "h\u00e4"), "h??");
}

static void text_that_is_cut_says_so(void **state) {
        struct bench *b = *state;

        assert_string_equal(out_cut(&b->out, "h\u00e4ll", 4), "h\u00e4ll");
        assert_string_equal(out_cut(&b->out, "h\u00e4llo", 4), "h\u00e4l\u2026");
        assert_string_equal(out_cut(&b->out, "\u6f22\u5b57\u6f22\u5b57", 6), "\u6f22\u5b57\u2026");
        assert_string_equal(out_cut(&b->out, "hello", 0), "\u2026");
}

static const char *wrapped(struct bench *b, size_t columns, const char *text) {
        static char read[256];
        size_t n;

        b->out.columns = columns;
        rewind(b->file);
        out_wrap(&b->out, 2, text);
        n = (size_t)ftell(b->file);
        rewind(b->file);
        n = fread(read, 1, n, b->file);
        read[n] = '\0';
        return read;
}

static void long_text_goes_on_in_the_next_line(void **state) {
        struct bench *b = *state;

        assert_string_equal(wrapped(b, 0, "one two  three"), "one two  three\n");
        assert_string_equal(wrapped(b, 9, "one two three"), "one two\n  three\n");
        assert_string_equal(wrapped(b, 8, "one two three"), "one\n  two\n  three\n");
        assert_string_equal(wrapped(b, 4, "longer than it"), "longer\n  than\n  it\n");
}

static void a_terminal_says_how_wide_it_is_and_columns_overrules_it(void **state) {
        struct winsize size = { .ws_row = 24, .ws_col = 100 };
        struct output o;
        int master, terminal;
        FILE *file;

        (void)state;
        assert_int_equal(openpty(&master, &terminal, NULL, NULL, &size), 0);
        file = fdopen(terminal, "w");
        assert_non_null(file);
        (void)unsetenv("COLUMNS");
        out_init(&o, file);
        assert_int_equal(o.columns, 100);
        assert_int_equal(setenv("COLUMNS", "60", 1), 0);
        out_init(&o, file);
        assert_int_equal(o.columns, 60);
        (void)unsetenv("COLUMNS");
        (void)fclose(file);
        (void)close(master);
}

static void colour_is_for_terminals(void **state) {
        struct bench *b = *state;

        assert_string_equal(out_color(&b->out, COLOR_BAD, "x"), "x");
        b->out.color = true;
        assert_string_equal(out_color(&b->out, COLOR_BAD, "x"), "\033[31mx\033[0m");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_step_has_its_unit_once, start, stop),
                cmocka_unit_test_setup_teardown(numbers_have_units, start, stop),
                cmocka_unit_test_setup_teardown(
                                text_from_containers_commands_no_terminal, start, stop),
                cmocka_unit_test_setup_teardown(without_utf8_all_is_ascii, start, stop),
                cmocka_unit_test_setup_teardown(text_that_is_cut_says_so, start, stop),
                cmocka_unit_test_setup_teardown(long_text_goes_on_in_the_next_line, start, stop),
                cmocka_unit_test(a_terminal_says_how_wide_it_is_and_columns_overrules_it),
                cmocka_unit_test_setup_teardown(colour_is_for_terminals, start, stop),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
