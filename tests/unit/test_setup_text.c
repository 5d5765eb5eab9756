/* SPDX-License-Identifier: Apache-2.0 */
/* What setup does with texts: members of JSON changed in place, and the diff that people see. */
#include "governor/cli/setup/diff.h"
#include "governor/cli/setup/json_splice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define PATH(...)                                                                                  \
        (const char *const[]) {                                                                    \
                __VA_ARGS__, NULL                                                                  \
        }

static void a_member_is_set_and_all_else_stays(void **state) {
        static const struct {
                const char *text, *path[4], *want;
        } rows[] = {
                { "{}", { "a" }, "{\n  \"a\": 1\n}" },
                { "{ }\n", { "a", "b" }, "{\n  \"a\": {\n    \"b\": 1\n  }\n}\n" },
                { "{\"x\":1e5}", { "a", "b" }, "{\"x\":1e5,\"a\":{\"b\":1}}" },
                { "{ \"x\": 1.50 }", { "a" }, "{ \"x\": 1.50, \"a\": 1 }" },
                { "{\n\t\"x\" : [ ]\n}\n", { "a", "b" },
                                "{\n\t\"x\" : [ ],\n\t\"a\": {\n\t\t\"b\": 1\n\t}\n}\n" },
                { "{\r\n  \"x\": 0\r\n}\r\n", { "a" }, "{\r\n  \"x\": 0,\r\n  \"a\": 1\r\n}\r\n" },
                { "{\"a\": 2, \"y\": \"}\\\"{\"}", { "a" }, "{\"a\": 1, \"y\": \"}\\\"{\"}" },
                { "{\"\\u0061\": {\"b\": [1, {\"c\": 2}]}}", { "a", "b" },
                                "{\"\\u0061\": {\"b\": 1}}" },
                { "{\n    \"a\": {\n        \"x\": 1\n    },\n    \"z\": 18446744073709551616\n}",
                                { "a", "b" },
                                "{\n    \"a\": {\n        \"x\": 1,\n        \"b\": 1\n    },\n    "
                                "\"z\": 18446744073709551616\n}" },
                { "{\n  \"a\": {},\n  \"z\": 1\n}", { "a", "b" },
                                "{\n  \"a\": {\n    \"b\": 1\n  },\n  \"z\": 1\n}" },
                { "{\n  \"z\": 1,\n  \"a\": null\n}", { "a", "b" },
                                "{\n  \"z\": 1,\n  \"a\": {\n    \"b\": 1\n  }\n}" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                CLEANUP(freep) char *got = NULL;
                struct error err = { "" };

                assert_int_equal(json_splice_set(rows[i].text, rows[i].path, "1", &got, &err), 0);
                assert_string_equal(got, rows[i].want);
        }
}

static void what_is_no_json_object_is_refused(void **state) {
        static const char *const rows[] = { "", "[]", "\"a\"", "{", "{\"a\":1,}", "{\"a\":1} x",
                "{\"a\":1,\"a\":2}", "// no\n{}", "{'a':1}", "\xef\xbb\xbf{}", "{\"a\": [1]}" };
        struct error err;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                CLEANUP(freep) char *got = NULL;

                if (json_splice_set(rows[i], PATH("a", "b"), "1", &got, &err) != -EINVAL)
                        fail_msg("%s: %s", rows[i], got);
                assert_null(got);
        }
        assert_string_equal(err.text, "'a' is not an object");
}

static void a_member_is_removed_with_its_comma(void **state) {
        static const struct {
                const char *text, *path[4], *want;
        } rows[] = {
                { "{\"a\": 1}", { "a" }, "{}" },
                { "{\n  \"a\": 1\n}\n", { "a" }, "{}\n" },
                { "{\"a\": 1, \"b\": 2, \"c\": 3}", { "b" }, "{\"a\": 1, \"c\": 3}" },
                { "{\"a\": 1, \"b\": 2}", { "a" }, "{\"b\": 2}" },
                { "{\n \"x\": 1,\n \"a\": {\"b\": 1}\n}", { "a" }, "{\n \"x\": 1\n}" },
                { "{\"x\": {\"a\": 1, \"b\": 2}}", { "x", "b" }, "{\"x\": {\"a\": 1}}" },
        };
        CLEANUP(freep) char *none = NULL;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                CLEANUP(freep) char *got = NULL;

                assert_int_equal(json_splice_remove(rows[i].text, rows[i].path, &got, NULL), 0);
                assert_string_equal(got, rows[i].want);
        }
        assert_int_equal(json_splice_remove("{\"a\": {}}", PATH("a", "b"), &none, NULL), -ENOENT);
        assert_int_equal(json_splice_remove("{}", PATH("a", "b"), &none, NULL), -ENOENT);
}

static void what_was_set_and_removed_leaves_no_trace(void **state) {
        static const char *const rows[] = { "{\"x\":1}", "{ \"x\": 1 }", "{\n  \"x\": {\n  }\n}\n",
                "{\r\n\t\"x\": 1\r\n}" };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                CLEANUP(freep) char *set = NULL;
                CLEANUP(freep) char *got = NULL;

                assert_int_equal(json_splice_set(rows[i], PATH("a", "b"), "{}", &set, NULL), 0);
                assert_int_equal(json_splice_remove(set, PATH("a"), &got, NULL), 0);
                assert_string_equal(got, rows[i]);
        }
}

static void the_text_of_a_value_is_as_it_stands(void **state) {
        CLEANUP(freep) char *got = NULL;
        CLEANUP(freep) char *string = NULL;

        (void)state;
        assert_int_equal(json_splice_get("{\"a\": {\"b\": [ 1e2 , \"]\" ] }}", PATH("a", "b"), &got,
                                         NULL),
                        0);
        assert_string_equal(got, "[ 1e2 , \"]\" ]");
        assert_int_equal(json_splice_string("a\"\\\n", &string), 0);
        assert_string_equal(string, "\"a\\\"\\\\\\n\"");
}

static void a_diff_shows_what_changes_and_three_lines_around(void **state) {
        static const struct {
                const char *old, *new, *want;
        } rows[] = {
                { "a\n", "a\n", "" },
                { NULL, "a\n", "--- /dev/null\n+++ /f\n@@ -0,0 +1 @@\n+a\n" },
                { "a\nb\n", NULL, "--- /f\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-a\n-b\n" },
                { "1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nx\n6\n7\n8\n9\n",
                                "--- /f\n+++ /f\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+x\n 6\n 7\n "
                                "8\n" },
                { "1\n2\n3\n4\n5\n6\n7\n8\n9\n", "2\n3\n4\n5\n6\n7\n8\nx\n9\n",
                                "--- /f\n+++ /f\n@@ -1,4 +1,3 @@\n-1\n 2\n 3\n 4\n@@ -6,4 +5,5 "
                                "@@\n "
                                "6\n 7\n 8\n+x\n 9\n" },
                { "a", "a\n",
                                "--- /f\n+++ /f\n@@ -1 +1 @@\n-a\n\\ No newline at end of "
                                "file\n+a\n" },
                { "a\nb\n", "b\na\n", "--- /f\n+++ /f\n@@ -1,2 +1,2 @@\n-a\n b\n+a\n" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                CLEANUP(freep) char *got = NULL;

                assert_int_equal(diff_texts("/f", rows[i].old, rows[i].new, &got, NULL), 0);
                assert_string_equal(got, rows[i].want);
        }
}

/* 3,000 lines each, none in common: more than the table takes. */
static void texts_too_large_to_compare_are_replaced_whole(void **state) {
        char old[3000 * 2 + 1], new[3000 * 2 + 1];
        CLEANUP(freep) char *got = NULL;

        (void)state;
        for (size_t i = 0; i < sizeof(old) - 1; i += 2) {
                memcpy(old + i, "a\n", 3);
                memcpy(new + i, "b\n", 3);
        }
        assert_int_equal(diff_texts("/f", old, new, &got, NULL), 0);
        assert_int_equal(strncmp(got, "--- /f\n+++ /f\n@@ -1,3000 +1,3000 @@\n-a\n", 39), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_member_is_set_and_all_else_stays),
                cmocka_unit_test(what_is_no_json_object_is_refused),
                cmocka_unit_test(a_member_is_removed_with_its_comma),
                cmocka_unit_test(what_was_set_and_removed_leaves_no_trace),
                cmocka_unit_test(the_text_of_a_value_is_as_it_stands),
                cmocka_unit_test(a_diff_shows_what_changes_and_three_lines_around),
                cmocka_unit_test(texts_too_large_to_compare_are_replaced_whole),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
