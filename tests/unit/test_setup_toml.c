/* SPDX-License-Identifier: Apache-2.0 */
/* Walking TOML, and containerd's config.toml before and after dtgov setup containerd. */
#include "governor/cli/setup/containerd_edit.h"
#include "governor/cli/setup/toml_scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define D TOML_DOT

/* As Debian has it. */
static const char debian[] = "version = 2\n"
                             "\n"
                             "[plugins]\n"
                             "  [plugins.\"io.containerd.grpc.v1.cri\"]\n"
                             "    [plugins.\"io.containerd.grpc.v1.cri\".cni]\n"
                             "      bin_dir = \"/usr/lib/cni\"\n"
                             "  [plugins.\"io.containerd.internal.v1.opt\"]\n"
                             "    path = \"/var/lib/containerd/opt\"\n";

static void every_key_is_found_with_its_table_and_line(void **state) {
        static const char text[] = "# a comment\n"
                                   "a = 1 # one\n"
                                   "b.c = [ \"x]\", # [\n"
                                   "  'y' ]\n"
                                   "[t . \"u.v\"]\r\n"
                                   "d = \"\"\"\n"
                                   "[no]\n"
                                   "\\\"\"\"\"\"\n"
                                   "\t'e f' = { g = '}' }\n"
                                   "\n"
                                   "[[w]]\n"
                                   "h = 1979-05-27 07:32:00Z";
        static const struct {
                const char *key, *value;
                unsigned line;
        } rows[] = {
                { "a", "1", 2 },
                { "b" D "c", "[ \"x]\", # [\n  'y' ]", 3 },
                { "t" D "u.v", NULL, 5 },
                { "t" D "u.v" D "d", "\"\"\"\n[no]\n\\\"\"\"\"\"", 6 },
                { "t" D "u.v" D "e f", "{ g = '}' }", 9 },
                { "w", NULL, 11 },
                { "w" D "h", "1979-05-27 07:32:00Z", 12 },
        };
        struct toml_walk walk = { .next = text };
        struct toml_item item;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                assert_int_equal(toml_next(&walk, &item, NULL), 1);
                assert_string_equal(item.key, rows[i].key);
                assert_int_equal(item.line, rows[i].line);
                assert_int_equal(item.is_table, rows[i].value == NULL);
                if (rows[i].value) {
                        assert_int_equal(item.value_len, strlen(rows[i].value));
                        assert_memory_equal(item.value, rows[i].value, item.value_len);
                }
        }
        assert_int_equal(toml_next(&walk, &item, NULL), 0);
}

static void what_is_no_toml_is_refused_with_its_line(void **state) {
        static const char *const rows[] = { "{\"a\": 1}", "a", "a =", "a = [1", "a = 'x", "= 1",
                "[a", "[]", "[[a]", "a = \"x\ny\"", "[a] b", "a b = 1", "a = ]", "a = '''x", "a: 1",
                "a = \"x\" \"\ny" };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct error err = { "" };
                struct toml_item item;
                char text[64];

                (void)snprintf(text, sizeof(text), "# x\n%s\n", rows[i]);
                if (toml_find(text, "none", &item, &err) != -EINVAL)
                        fail_msg("taken for TOML: %s", rows[i]);
                assert_string_equal(err.text, "not TOML (line 2)");
        }
}

static void the_string_and_the_array_of_a_value_are_read(void **state) {
        struct toml_item item;
        char out[8];

        (void)state;
        assert_int_equal(toml_find("a = 'x y'", "a", &item, NULL), 1);
        assert_int_equal(toml_string(&item, out, sizeof(out)), 0);
        assert_string_equal(out, "x y");
        assert_int_equal(toml_find("a = \"12345678\"", "a", &item, NULL), 1);
        assert_int_equal(toml_string(&item, out, sizeof(out)), -EINVAL);
        assert_int_equal(toml_find("a = [\n\"/x\", # \"/n\"\n'/y']", "a", &item, NULL), 1);
        assert_true(toml_array_has(&item, "/x"));
        assert_true(toml_array_has(&item, "/y"));
        assert_false(toml_array_has(&item, "/n"));
}

static void containerd_gets_a_runtime_and_undo_takes_it_away(void **state) {
        static const struct {
                const char *text, *added;
        } rows[] = {
                { debian, "[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.dtgov]\n" },
                { "", "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes." },
                { "version = 3\n",
                                "[plugins.\"io.containerd.cri.v1.runtime\".containerd.runtimes."
                                "dtgov."
                                "options]\n    BinaryName = \"/l/dtgov-runtime\"\n# dtgov: end." },
                { "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc."
                  "options]\nSystemdCgroup = true\n",
                                "SystemdCgroup = true\n# dtgov: end.\n" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                CLEANUP(freep) char *got = NULL;
                CLEANUP(freep) char *again = NULL;
                CLEANUP(freep) char *undone = NULL;
                char program[64];

                assert_int_equal(
                                containerd_edit_setup(rows[i].text, "/l/dtgov-runtime", &got, NULL),
                                1);
                assert_int_equal(strncmp(got, rows[i].text, strlen(rows[i].text)), 0);
                assert_non_null(strstr(got, rows[i].added));
                assert_int_equal(containerd_program(got, program, sizeof(program), NULL), 1);
                assert_string_equal(program, "/l/dtgov-runtime");
                assert_int_equal(containerd_edit_setup(got, "/l/dtgov-runtime", &again, NULL), 0);
                assert_int_equal(containerd_edit_undo(got, &undone, NULL), 1);
                assert_string_equal(undone, rows[i].text);
                assert_int_equal(containerd_edit_undo(undone, &again, NULL), 0);
        }
}

static void where_lines_cannot_be_put_safely_it_is_refused(void **state) {
        static const struct {
                const char *text;
                int error;
                const char *says;
        } rows[] = {
                { "{}", -EINVAL, "not TOML (line 1)" },
                { "disabled_plugins = [\"cri\"]\n", -ENOTSUP, "CRI is switched off" },
                { "root = \"/x\"\n", -EEXIST, "version" },
                { "version = 1\n", -EEXIST, "version" },
                { "version = 2\nplugins = { a = 1 }\n", -EEXIST, "line 2" },
                { "version = 2\n[plugins.'io.containerd.grpc.v1.cri']\ncontainerd = { }\n", -EEXIST,
                                "line 3" },
                { "version = 2\n[plugins.'io.containerd.grpc.v1.cri'.containerd.runtimes.dtgov]\n"
                  "runtime_type = 'x'\n",
                                -EEXIST, "by other hands (line 2)" },
        };
        CLEANUP(freep) char *lines = NULL;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                CLEANUP(freep) char *got = NULL;
                struct error err = { "" };

                assert_int_equal(containerd_edit_setup(rows[i].text, "/l/x", &got, &err),
                                rows[i].error);
                if (!strstr(err.text, rows[i].says))
                        fail_msg("%s: %s", rows[i].text, err.text);
                assert_null(got);
        }
        assert_int_equal(containerd_lines(rows[4].text, "/l/x", &lines, NULL), 0);
        assert_non_null(strstr(lines, "BinaryName = \"/l/x\"\n"));
}

static void undo_without_the_closing_line_is_refused(void **state) {
        CLEANUP(freep) char *set = NULL;
        CLEANUP(freep) char *got = NULL;
        struct error err = { "" };

        (void)state;
        assert_int_equal(containerd_edit_setup(debian, "/l/x", &set, NULL), 1);
        *strstr(set, "# dtgov: end.") = '\0';
        assert_int_equal(containerd_edit_undo(set, &got, &err), -EINVAL);
        assert_string_equal(err.text, "the line \"# dtgov: end.\" is missing");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_key_is_found_with_its_table_and_line),
                cmocka_unit_test(what_is_no_toml_is_refused_with_its_line),
                cmocka_unit_test(the_string_and_the_array_of_a_value_are_read),
                cmocka_unit_test(containerd_gets_a_runtime_and_undo_takes_it_away),
                cmocka_unit_test(where_lines_cannot_be_put_safely_it_is_refused),
                cmocka_unit_test(undo_without_the_closing_line_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
