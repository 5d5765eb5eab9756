/* SPDX-License-Identifier: Apache-2.0 */
#include "state/container.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define GOOD                                                                                       \
        "{\"v\":1,\"id\":\"a1\",\"runtime\":\"runc\",\"pid\":7,\"starttime\":9,"                   \
        "\"cgroup\":\"/docker/a1\",\"cgroup_inode\":42,\"netns_inode\":4026531840,"                \
        "\"bundle\":\"/run/b\",\"created_boottime_ns\":5}"

static void an_id_is_one_harmless_component_of_a_path(void **state) {
        char longest[CONTAINER_ID_SIZE + 1];
        static const struct {
                const char *id;
                bool valid;
        } rows[] = {
                { "a", true },
                { "0123abcDEF", true },
                { "a_b.c-d", true },
                { "a..b", true },
                { "", false },
                { ".", false },
                { "..", false },
                { "../../x", false },
                { "-a", false },
                { "_a", false },
                { "a/b", false },
                { "a b", false },
                { "a\n", false },
                { "a\xc3\xa4", false },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                assert_int_equal(container_id_valid(rows[i].id), rows[i].valid);
        memset(longest, 'a', sizeof(longest));
        longest[CONTAINER_ID_SIZE] = '\0';
        assert_false(container_id_valid(longest));
        longest[CONTAINER_ID_SIZE - 1] = '\0';
        assert_true(container_id_valid(longest));
}

static void what_is_written_is_read_back(void **state) {
        CLEANUP(json_writer_freep) struct json_writer *w = NULL;
        struct container before = {
                .id = "c-1",
                .runtime = "r\"\\\n",
                .pid = INT32_MAX,
                .starttime_ticks = UINT64_MAX,
                .cgroup = "/system.slice/docker-c.scope",
                .cgroup_inode = 1ULL << 60,
                .netns_inode = 4026531840,
                .bundle = "/run/b",
                .created_boottime_ns = 12345678901234567890ULL,
        };
        struct container after;
        const char *text;
        size_t len;

        (void)state;
        assert_int_equal(json_writer_new(&w), 0);
        assert_int_equal(container_to_json(&before, w), 0);
        assert_int_equal(json_writer_end(w, &text, &len), 0);
        assert_int_equal(container_from_json(text, len, &after, NULL), 0);
        assert_memory_equal(&before, &after, sizeof(before));
}

static void a_container_without_a_valid_id_or_cgroup_is_not_written(void **state) {
        CLEANUP(json_writer_freep) struct json_writer *w = NULL;
        struct container c = { .id = "../x", .cgroup = "/a" };

        (void)state;
        assert_int_equal(json_writer_new(&w), 0);
        assert_int_equal(container_to_json(&c, w), -EINVAL);
        strcpy(c.id, "x");
        strcpy(c.cgroup, "/a/../b");
        assert_int_equal(container_to_json(&c, w), -EINVAL);
}

static void unknown_members_are_passed_over_and_optional_ones_may_lack(void **state) {
        static const char text[] = "{\"v\":1,\"id\":\"a\",\"pid\":0,\"starttime\":1,\"later\":[{}],"
                                   "\"cgroup\":\"/a/..b\",\"cgroup_inode\":3}";
        struct container c;

        (void)state;
        assert_int_equal(container_from_json(text, strlen(text), &c, NULL), 0);
        assert_string_equal(c.cgroup, "/a/..b");
        assert_string_equal(c.bundle, "");
        assert_int_equal(c.netns_inode, 0);
}

/* Replaces the first @from in GOOD by @to and parses that. */
static int parse_with(const char *from, const char *to, struct error *err) {
        char text[8192];
        const char *at = strstr(GOOD, from);
        struct container c;
        int n;

        assert_non_null(at);
        n = snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - GOOD), GOOD, to, at + strlen(from));
        return container_from_json(text, (size_t)n, &c, err);
}

static void wrong_types_and_ranges_are_refused(void **state) {
        static const struct {
                const char *from, *to;
                int code;
        } rows[] = {
                { "\"v\":1", "\"v\":1", 0 },
                { "\"v\":1", "\"v\":2", -EPROTONOSUPPORT },
                { "\"v\":1", "\"v\":0", -EINVAL },
                { "\"v\":1", "\"v\":\"1\"", -EINVAL },
                { "\"v\":1,", "", -EINVAL },
                { "\"id\":\"a1\"", "\"id\":\"../../x\"", -EINVAL },
                { "\"id\":\"a1\",", "", -EINVAL },
                { "\"id\":\"a1\"", "\"id\":7", -EINVAL },
                { "\"pid\":7", "\"pid\":-1", -EINVAL },
                { "\"pid\":7", "\"pid\":2147483648", -EINVAL },
                { "\"pid\":7", "\"pid\":1.5", -EINVAL },
                { "\"pid\":7", "\"pid\":1e400", -EINVAL },
                { "\"pid\":7", "\"pid\":null", -EINVAL },
                { "\"cgroup\":\"/docker/a1\"", "\"cgroup\":\"docker\"", -EINVAL },
                { "\"cgroup\":\"/docker/a1\"", "\"cgroup\":\"/..\"", -EINVAL },
                { "\"cgroup\":\"/docker/a1\"", "\"cgroup\":\"/a/../b\"", -EINVAL },
                { "\"cgroup\":\"/docker/a1\"", "\"cgroup\":\"/a\\u0000b\"", -EINVAL },
                { "\"cgroup_inode\":42", "\"cgroup_inode\":18446744073709551616", -EINVAL },
                { "\"bundle\":\"/run/b\"", "\"bundle\":\"b\"", -EINVAL },
                { "\"bundle\":\"/run/b\"", "\"bundle\":true", -EINVAL },
                { "\"runtime\":\"runc\"", "\"runtime\":\"0123456789012345678901234567890123\"",
                                -EINVAL },
                { "\"runtime\":\"runc\"", "\"id\":\"b\"", -EINVAL },
                { "{\"v\"", "[{\"v\"", -EINVAL },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct error err = { "" };

                assert_int_equal(parse_with(rows[i].from, rows[i].to, &err), rows[i].code);
                assert_int_equal(err.text[0] != '\0', rows[i].code != 0);
        }
}

static void no_cut_of_the_text_is_accepted(void **state) {
        struct container c;

        (void)state;
        for (size_t len = 0; len < strlen(GOOD); len++)
                assert_int_equal(container_from_json(GOOD, len, &c, NULL), -EINVAL);
}

static void only_cruns_own_cgroup_has_a_scope_around_it(void **state) {
        char scope[CONTAINER_PATH_SIZE];

        (void)state;
        assert_true(container_scope("/machine.slice/libpod-1.scope/container", scope));
        assert_string_equal(scope, "/machine.slice/libpod-1.scope");
        assert_false(container_scope("/machine.slice/libpod-1.scope", scope));
        assert_false(container_scope("/docker/container", scope));
        assert_false(container_scope("/x.scope/container/x", scope));
        assert_false(container_scope("/container", scope));
        assert_false(container_scope("", scope));
        assert_string_equal(scope, "");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(only_cruns_own_cgroup_has_a_scope_around_it),
                cmocka_unit_test(an_id_is_one_harmless_component_of_a_path),
                cmocka_unit_test(what_is_written_is_read_back),
                cmocka_unit_test(a_container_without_a_valid_id_or_cgroup_is_not_written),
                cmocka_unit_test(unknown_members_are_passed_over_and_optional_ones_may_lack),
                cmocka_unit_test(wrong_types_and_ranges_are_refused),
                cmocka_unit_test(no_cut_of_the_text_is_accepted),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
