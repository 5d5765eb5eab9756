/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/cli/words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define STEPS "[{\"file\":\"memory.max\",\"old\":\"25165824\",\"new\":\"37748736\"}]"

/* The command that keeps memory.max at 36 MiB in a container that is said to be so. */
static void assert_keeps(const char *container, const char *wanted) {
        CLEANUP(json_doc_freep) struct json_doc *doc = NULL, *steps = NULL;
        struct place place = { .name = "api", .container_id = "0123", .cgroup = "/docker/0123" };
        struct output o;

        assert_int_equal(json_parse(container, strlen(container), 8, &doc, NULL), 0);
        assert_int_equal(json_parse(STEPS, strlen(STEPS), 8, &steps, NULL), 0);
        place.json = json_root(doc);
        out_init(&o, stdout);
        assert_string_equal(keep_command(&o, &place, json_root(steps)->child), wanted);
        out_done(&o);
}

static void what_keeps_memory_leaves_swap_as_it_is(void **state) {
        (void)state;
        assert_keeps("{\"engine\":\"docker\",\"memorySwapMaxBytes\":0}",
                        "docker update --memory 36864k --memory-swap 36864k api");
        assert_keeps("{\"engine\":\"docker\",\"memorySwapMaxBytes\":1048576}",
                        "docker update --memory 36864k --memory-swap 37888k api");
        assert_keeps("{\"engine\":\"podman\",\"memorySwapMaxBytes\":null}",
                        "podman update --memory 36864k --memory-swap -1 api");
}

static void where_swap_is_not_known_it_is_what_engines_take(void **state) {
        (void)state;
        assert_keeps("{\"engine\":\"docker\"}",
                        "docker update --memory 36864k --memory-swap 73728k api");
}

static void a_finding_names_the_quota_that_throttled(void **state) {
        static const char finding[] = "{\"id\":\"F1\",\"containerId\":\"0123\",\"cgroupInode\":7,"
                                      "\"rule\":\"cpu-quota\",\"evidence\":["
                                      "{\"name\":\"quota\",\"value\":20000},"
                                      "{\"name\":\"period\",\"value\":100000}]}";
        static const char container[] = "{\"cpuQuotaUsec\":40000,\"cpuPeriodUsec\":100000}";
        CLEANUP(json_doc_freep) struct json_doc *doc = NULL, *now = NULL;
        struct place place = { .name = "api",
                .environment = "api",
                .container_id = "0123",
                .runtime = "",
                .cgroup = "",
                .cgroup_inode = 7 };
        struct cli c = { .places = &place, .places_count = 1, .places_loaded = true };

        (void)state;
        assert_int_equal(json_parse(finding, strlen(finding), 8, &doc, NULL), 0);
        assert_int_equal(json_parse(container, strlen(container), 8, &now, NULL), 0);
        place.json = json_root(now);
        out_init(&c.out, stdout);
        assert_non_null(strstr(finding_words(&c, json_root(doc)), "quota 0.2 of "));
        out_done(&c.out);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_keeps_memory_leaves_swap_as_it_is),
                cmocka_unit_test(a_finding_names_the_quota_that_throttled),
                cmocka_unit_test(where_swap_is_not_known_it_is_what_engines_take),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
