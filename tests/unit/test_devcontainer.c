/* SPDX-License-Identifier: Apache-2.0 */
#include "state/devcontainer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "state/json.h"

static int parse(const char *text, struct devcontainer_needs *ret, struct error *err) {
        char copy[1024];

        assert_true(strlen(text) < sizeof(copy));
        (void)strcpy(copy, text);
        return devcontainer_parse(copy, strlen(text), ret, err);
}

static void what_a_project_needs_is_read(void **state) {
        static const struct {
                const char *text;
                uint64_t cpus, memory, storage;
        } rows[] = {
                { "{\"hostRequirements\":{\"cpus\":4,\"memory\":\"8gb\",\"storage\":\"32gb\"}}", 4,
                                8 * GIB, 32 * GIB },
                { "{\"hostRequirements\":{\"memory\":\"512mb\"}}", 0, 512 * MIB, 0 },
                { "{\"hostRequirements\":{\"memory\":\"2tb\"}}", 0, 2048 * GIB, 0 },
                { "{\"hostRequirements\":{\"memory\":\"4kb\"}}", 0, 4096, 0 },
                { "{\"hostRequirements\":{\"memory\":\"1048576\"}}", 0, MIB, 0 },
                { "{\"hostRequirements\":{\"cpus\":2,\"gpu\":\"optional\"}}", 2, 0, 0 },
                { "{\"hostRequirements\":{\"cpus\":null}}", 0, 0, 0 },
                { "{\"hostRequirements\":null}", 0, 0, 0 },
                { "{\"image\":\"node:22\"}", 0, 0, 0 },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct devcontainer_needs needs = { 9, 9, 9 };

                assert_int_equal(parse(rows[i].text, &needs, NULL), 0);
                assert_int_equal(needs.cpus, rows[i].cpus);
                assert_int_equal(needs.memory_bytes, rows[i].memory);
                assert_int_equal(needs.storage_bytes, rows[i].storage);
        }
}

static void comments_and_last_commas_are_passed_over(void **state) {
        struct devcontainer_needs needs;

        (void)state;
        assert_int_equal(parse("// For format details, see https://aka.ms/devcontainer.json\n"
                               "{ /* a \" in a comment */ \"name\": \"a // b /* c */ \\\" , }\",\n"
                               "  \"forwardPorts\": [ 3000, /* last */ ],\n"
                               "  \"hostRequirements\": { \"cpus\": 2, // two\n"
                               "    \"memory\": \"4gb\", },\n"
                               "}\n// the end",
                                         &needs, NULL),
                        0);
        assert_int_equal(needs.cpus, 2);
        assert_int_equal(needs.memory_bytes, 4 * GIB);
}

static void what_is_wrong_stays_wrong(void **state) {
        static const char *const texts[] = { "", "{", "[]", "7", "{,}", "{\"a\":1,,}", "/* no end",
                "{\"a\":1}/", "{\"a\":\"no end", "{\"a\":\"\\", "{\"hostRequirements\":[]}",
                "{\"hostRequirements\":{\"cpus\":\"4\"}}", "{\"hostRequirements\":{\"cpus\":-1}}",
                "{\"hostRequirements\":{\"cpus\":1.5}}", "{\"hostRequirements\":{\"cpus\":65537}}",
                "{\"hostRequirements\":{\"memory\":4}}", "{\"hostRequirements\":{\"memory\":\"\"}}",
                "{\"hostRequirements\":{\"memory\":\"4 gb\"}}",
                "{\"hostRequirements\":{\"memory\":\"4GB\"}}",
                "{\"hostRequirements\":{\"memory\":\"1e400\"}}",
                "{\"hostRequirements\":{\"memory\":\"-4gb\"}}",
                "{\"hostRequirements\":{\"memory\":\"99999999999999999tb\"}}",
                "{\"hostRequirements\":{\"storage\":true}}" };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
                struct devcontainer_needs needs = { 9, 9, 9 };
                struct error err = { "" };

                assert_int_equal(parse(texts[i], &needs, &err), -EINVAL);
                assert_string_not_equal(err.text, "");
                assert_int_equal(needs.cpus, 9);
        }
}

static void lines_stay_where_they_are(void **state) {
        char text[] = "{/* a\nb */\"x\":1,// c\n}";

        (void)state;
        json_strip_comments(text, strlen(text));
        assert_string_equal(text, "{    \n    \"x\":1     \n}");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_a_project_needs_is_read),
                cmocka_unit_test(comments_and_last_commas_are_passed_over),
                cmocka_unit_test(what_is_wrong_stays_wrong),
                cmocka_unit_test(lines_stay_where_they_are),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
