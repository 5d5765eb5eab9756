/* SPDX-License-Identifier: Apache-2.0 */
/* daemon.json before and after dtgov setup docker, and after --undo. */
#include "governor/cli/setup/docker_edit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "state/text.h"

#define LIB "/l"
#define OURS                                                                                       \
        "{\"runtimes\": {\"dtgov\": {\"path\": \"/l/dtgov-runtime\"}}, \"default-runtime\": "      \
        "\"dtgov\"}"

static const struct docker_wish plain = { .libexec = LIB, .real = "" };

/* What setup makes of a daemon.json, and what stands behind dtgov then. */
static const struct {
        const char *text, *real, *program, *behind, *want;
} set_ups[] = {
        { "", "", "dtgov-runtime", "runc",
                        "{\n  \"runtimes\": {\n    \"dtgov\": {\n      \"path\": "
                        "\"/l/dtgov-runtime\"\n    }\n  },\n  \"default-runtime\": "
                        "\"dtgov\"\n}\n" },
        { " \n", "/opt/runc", "dtgov-runtime", "/opt/runc", NULL },
        { "{\"debug\": true}", "", "dtgov-runtime", "runc",
                        "{\"debug\": true, \"runtimes\": {\"dtgov\": {\"path\": "
                        "\"/l/dtgov-runtime\"}}, \"default-runtime\": \"dtgov\"}" },
        { "{\"default-runtime\": \"runc\", \"x\": 1e3}", "", "dtgov-runtime", "runc",
                        "{\"default-runtime\": \"dtgov\", \"x\": 1e3, \"runtimes\": "
                        "{\"dtgov\": {\"path\": \"/l/dtgov-runtime\"}}}" },
        { "{\"default-runtime\": \"io.containerd.runc.v2\"}", "", "dtgov-runtime", "runc", NULL },
        { "{\"default-runtime\":\"c\",\"runtimes\":{\"c\":{\"path\":\"/usr/bin/crun\"}}}", "",
                        "dtgov-crun", "/usr/bin/crun",
                        "{\"default-runtime\":\"dtgov\",\"runtimes\":{\"c\":{\"path\":\"/"
                        "usr/bin/crun\"},\"dtgov\":{\"path\":\"/l/dtgov-crun\"},"
                        "\"dtgov-c\":{\"path\":\"/l/dtgov-crun\"}}}" },
        { "{\"default-runtime\":\"nvidia\",\"runtimes\":{\"nvidia\":{\"path\":\"nvidia-"
          "container-runtime\",\"runtimeArgs\":[ \"--debug\" ]}}}",
                        "", "dtgov-nvidia-container-runtime", "nvidia-container-runtime",
                        "{\"default-runtime\":\"dtgov\",\"runtimes\":{\"nvidia\":{\"path\":"
                        "\"nvidia-container-runtime\",\"runtimeArgs\":[ \"--debug\" "
                        "]},\"dtgov\":{\"path\":\"/l/dtgov-nvidia-container-runtime\","
                        "\"runtimeArgs\":[ \"--debug\" ]},\"dtgov-nvidia\":{\"path\":"
                        "\"/l/dtgov-nvidia-container-runtime\",\"runtimeArgs\":[ \"--debug\" "
                        "]}}}" },
        { "{\"default-runtime\":\"s\",\"runtimes\":{\"s\":{\"path\":\"/usr/bin/"
          "sysbox-runc\"}"
          "}}",
                        "", "dtgov-sysbox-runc", "/usr/bin/sysbox-runc", NULL },
        { "{\"default-runtime\":\"c\",\"runtimes\":{\"c\":{\"path\":\"/opt/crun\"}}}", "/opt/crun",
                        "dtgov-runtime", "/opt/crun", NULL },
        /* What an undo left for the containers of before. */
        { "{\"default-runtime\":\"runc\",\"runtimes\":{\"dtgov\":{\"path\":\"/usr/bin/"
          "runc\"}}}",
                        "", "dtgov-runtime", "runc",
                        "{\"default-runtime\":\"dtgov\",\"runtimes\":{\"dtgov\":{\"path\":"
                        "\""
                        "/l/dtgov-runtime\"}}}" },
        /* What a person added to it is theirs. */
        { "{\"default-runtime\":\"runc\",\"runtimes\":{\"dtgov\":{\"path\":\"/old/dtgov-runtime\","
          "\"runtimeArgs\":[\"--debug\"]}}}",
                        "", "dtgov-runtime", "runc",
                        "{\"default-runtime\":\"dtgov\",\"runtimes\":{\"dtgov\":{\"path\":"
                        "\"/l/dtgov-runtime\",\"runtimeArgs\":[\"--debug\"]}}}" },
        /* dtgov's programs have moved. */
        { "{\"default-runtime\":\"dtgov\",\"runtimes\":{\"dtgov\":{\"path\":\"/old/"
          "dtgov-crun\"}}}",
                        "", "dtgov-crun", "crun",
                        "{\"default-runtime\":\"dtgov\",\"runtimes\":{\"dtgov\":{\"path\":"
                        "\""
                        "/l/dtgov-crun\"}}}" },
};

static void dtgov_stands_before_the_former_default(void **state) {
        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(set_ups); i++) {
                const struct docker_wish wish = { .libexec = LIB, .real = set_ups[i].real };
                CLEANUP(freep) char *got = NULL;
                struct docker_chain chain;
                struct docker_config after;
                struct error err = { "" };

                if (docker_edit_setup(set_ups[i].text, &wish, &chain, &got, &err) != 1)
                        fail_msg("%s: %s", set_ups[i].text, err.text);
                assert_string_equal(chain.program, set_ups[i].program);
                assert_string_equal(chain.real, set_ups[i].behind);
                if (set_ups[i].want)
                        assert_string_equal(got, set_ups[i].want);
                assert_int_equal(docker_config_read(got, &after, NULL), 0);
                assert_true(after.default_is_ours);
        }
}

static void what_is_set_up_is_left_alone(void **state) {
        CLEANUP(freep) char *got = NULL;
        struct docker_chain chain;

        (void)state;
        assert_int_equal(docker_edit_setup(OURS, &plain, &chain, &got, NULL), 0);
        assert_null(got);
        assert_string_equal(chain.real, "runc");
}

static void what_cannot_be_chained_is_refused_with_the_reason(void **state) {
        static const struct {
                const char *text;
                int error;
                const char *says;
        } rows[] = {
                { "{", -EINVAL, "not JSON" },
                { "version = 2", -EINVAL, "not JSON" },
                { "[]", -EINVAL, "not a JSON object" },
                { "{\"default-runtime\": 1}", -EINVAL, "want a string" },
                { "{\"runtimes\": []}", -EINVAL, "'runtimes' is not an object" },
                { "{\"runtimes\": {\"x\": 1}}", -EINVAL, "'x' is not an object" },
                { "{\"default-runtime\": \"x\"}", -EINVAL, "not among 'runtimes'" },
                { "{\"default-runtime\": \"x\", \"runtimes\": {\"x\": {\"runtimeType\": "
                  "\"io.containerd.runsc.v1\"}}}",
                                -ENOTSUP, "a shim of containerd" },
                { "{\"default-runtime\": \"x\", \"runtimes\": {\"x\": {\"path\": \"/opt/x\"}}}",
                                -ENOTSUP, "\"runtime /opt/x\" into /etc/dtgov/runtime.conf" },
                { "{\"runtimes\": {\"dtgov\": {\"path\": \"/opt/other\"}}}", -EEXIST,
                                "somebody else's: /opt/other" },
                { "{\"runtimes\": {\"s\": {\"path\": \"sysbox-runc\"}, \"dtgov-s\": {\"path\": "
                  "\"/opt/other\"}}}",
                                -EEXIST, "'dtgov-s' is somebody else's: /opt/other" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                CLEANUP(freep) char *got = NULL;
                struct docker_chain chain;
                struct error err = { "" };

                assert_int_equal(docker_edit_setup(rows[i].text, &plain, &chain, &got, &err),
                                rows[i].error);
                if (!strstr(err.text, rows[i].says))
                        fail_msg("%s: %s", rows[i].text, err.text);
                assert_null(got);
        }
}

static void undo_writes_the_former_default(void **state) {
        static const struct {
                const char *text, *former;
                bool keep;
                const char *real, *want;
        } rows[] = {
                { OURS, "runc", true, "",
                                "{\"runtimes\": {\"dtgov\": {\"path\": \"/l/dtgov-runtime\"}}, "
                                "\"default-runtime\": \"runc\"}" },
                { OURS, "runc", true, "/usr/bin/runc",
                                "{\"runtimes\": {\"dtgov\": {\"path\": \"/usr/bin/runc\"}}, "
                                "\"default-runtime\": \"runc\"}" },
                { OURS, "runc", false, "", "{\"default-runtime\": \"runc\"}" },
                { "{\"default-runtime\":\"dtgov\",\"runtimes\":{\"c\":{\"path\":\"/usr/bin/"
                  "crun\"},\"dtgov\":{\"path\":\"/l/dtgov-crun\"}}}",
                                "c", false, "",
                                "{\"default-runtime\":\"c\",\"runtimes\":{\"c\":{\"path\":\"/usr/"
                                "bin/"
                                "crun\"}}}" },
                /* The default is somebody's since; what is left of dtgov goes. */
                { "{\"default-runtime\":\"runc\",\"runtimes\":{\"dtgov\":{\"path\":\"/usr/bin/"
                  "runc\"},\"dtgov-crun\":{\"path\":\"/l/dtgov-crun\"}}}",
                                "runc", false, "", "{\"default-runtime\":\"runc\"}" },
                { "{\"debug\": true}", "runc", false, "", NULL },
                { "", "runc", true, "/usr/bin/runc", NULL },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                CLEANUP(freep) char *got = NULL;
                CLEANUP(freep) char *again = NULL;
                char reals[DOCKER_RUNTIMES_MAX][DOCKER_PATH_MAX] = { "" };

                assert_true(text_copy(reals[0], sizeof(reals[0]), rows[i].real));

                assert_int_equal(docker_edit_undo(rows[i].text, rows[i].former, rows[i].keep, reals,
                                                 &got, NULL),
                                rows[i].want != NULL);
                if (!rows[i].want)
                        continue;
                assert_string_equal(got, rows[i].want);
                assert_int_equal(docker_edit_undo(got, rows[i].former, rows[i].keep, reals, &again,
                                                 NULL),
                                0);
        }
}

static void each_leads_to_its_own_runtime_and_is_dtgovs_still(void **state) {
        static const char *const ours =
                        "{\"runtimes\":{\"sysbox-runc\":{\"path\":\"/usr/bin/"
                        "sysbox-runc\"},\"dtgov\":{\"path\":\"/l/dtgov-runtime\"},"
                        "\"dtgov-sysbox-runc\":{\"path\":\"/l/dtgov-sysbox-runc\"}}}";
        static const char *const lead =
                        "{\"runtimes\":{\"sysbox-runc\":{\"path\":\"/usr/bin/"
                        "sysbox-runc\"},\"dtgov\":{\"path\":\"/usr/bin/runc\"},"
                        "\"dtgov-sysbox-runc\":{\"path\":\"/usr/bin/sysbox-runc\"}}}";
        static const char *const gone = "{\"runtimes\":{\"sysbox-runc\":{\"path\":\"/usr/bin/"
                                        "sysbox-runc\"}}}";
        static const char reals[DOCKER_RUNTIMES_MAX][DOCKER_PATH_MAX] = { "/usr/bin/runc",
                "/usr/bin/sysbox-runc" };
        CLEANUP(freep) char *pointed = NULL;
        CLEANUP(freep) char *undone = NULL;

        (void)state;
        assert_int_equal(docker_edit_undo(ours, "runc", true, reals, &pointed, NULL), 1);
        assert_string_equal(pointed, lead);
        assert_int_equal(docker_edit_undo(pointed, "runc", false, NULL, &undone, NULL), 1);
        assert_string_equal(undone, gone);
}

static void a_runtime_of_dtgovs_stands_beside_each_that_it_knows(void **state) {
        static const char *const others = "{\"runtimes\":{\"sysbox-runc\":{\"path\":\"/usr/bin/"
                                          "sysbox-runc\"},\"kata\":{\"runtimeType\":\"k.v2\"},"
                                          "\"odd\":{\"path\":\"/opt/crun\"},\"fast\":{\"path\":"
                                          "\"crun\"}}}";
        CLEANUP(freep) char *got = NULL;
        CLEANUP(freep) char *again = NULL;
        CLEANUP(freep) char *undone = NULL;
        struct docker_chain chain;

        (void)state;
        assert_int_equal(docker_edit_setup(others, &plain, &chain, &got, NULL), 1);
        assert_string_equal(chain.others, "dtgov-sysbox-runc, dtgov-fast");
        assert_non_null(strstr(got, "\"dtgov-sysbox-runc\":{\"path\":\"/l/dtgov-sysbox-runc\"}"));
        assert_non_null(strstr(got, "\"dtgov-fast\":{\"path\":\"/l/dtgov-crun\"}"));
        assert_int_equal(docker_edit_setup(got, &plain, &chain, &again, NULL), 0);
        assert_int_equal(docker_edit_undo(got, "runc", false, NULL, &undone, NULL), 1);
        assert_null(strstr(undone, "dtgov"));
        assert_non_null(strstr(undone, "\"sysbox-runc\":{\"path\":\"/usr/bin/sysbox-runc\"}"));
}

static void a_runtime_that_came_later_gets_its_own_too(void **state) {
        CLEANUP(freep) char *got = NULL;
        struct docker_chain chain;

        (void)state;
        assert_int_equal(docker_edit_setup("{\"default-runtime\":\"dtgov\",\"runtimes\":{\"dtgov\":"
                                           "{\"path\":\"/l/dtgov-runtime\"},\"s\":{\"path\":"
                                           "\"sysbox-runc\"}}}",
                                         &plain, &chain, &got, NULL),
                        1);
        assert_non_null(strstr(got, "\"dtgov-s\":{\"path\":\"/l/dtgov-sysbox-runc\"}"));
}

static void who_opts_in_leaves_the_default_as_it_is(void **state) {
        const struct docker_wish wish = { .libexec = LIB, .real = "", .opt_in = true };
        static const struct {
                const char *text, *want;
        } rows[] = {
                { "{\"debug\": true}", "{\"debug\": true, \"runtimes\": {\"dtgov\": {\"path\": "
                                       "\"/l/dtgov-runtime\"}}}" },
                { "{\"default-runtime\":\"c\",\"runtimes\":{\"c\":{\"path\":\"crun\"}}}",
                                "{\"default-runtime\":\"c\",\"runtimes\":{\"c\":{\"path\":"
                                "\"crun\"},\"dtgov\":{\"path\":\"/l/dtgov-crun\"},\"dtgov-c\":{"
                                "\"path\":\"/l/dtgov-crun\"}}}" },
        };
        CLEANUP(freep) char *none = NULL;
        struct docker_config after;
        struct docker_chain chain;
        struct error err = { "" };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                CLEANUP(freep) char *got = NULL;
                CLEANUP(freep) char *again = NULL;
                CLEANUP(freep) char *all = NULL;

                assert_int_equal(docker_edit_setup(rows[i].text, &wish, &chain, &got, NULL), 1);
                assert_string_equal(got, rows[i].want);
                assert_int_equal(docker_edit_setup(got, &wish, &chain, &again, NULL), 0);
                assert_int_equal(docker_edit_setup(got, &plain, &chain, &all, NULL), 1);
                assert_int_equal(docker_config_read(all, &after, NULL), 0);
                assert_true(after.default_is_ours);
        }
        assert_int_equal(docker_edit_setup(OURS, &wish, &chain, &none, &err), -EEXIST);
        assert_non_null(strstr(err.text, "setup docker --undo"));
}

static void the_former_default_comes_from_the_backup_else_from_the_program(void **state) {
        static const struct {
                const char *text, *backup, *want;
        } rows[] = {
                { OURS, NULL, "runc" },
                { OURS, "{\"default-runtime\": \"c\"}", "c" },
                { OURS, "{}", "runc" },
                { OURS, "not JSON", "runc" },
                { OURS, OURS, "runc" },
                { "{\"default-runtime\":\"dtgov\",\"runtimes\":{\"c\":{\"path\":\"/usr/bin/"
                  "crun\"},\"dtgov\":{\"path\":\"/l/dtgov-crun\"}}}",
                                NULL, "c" },
                { "{\"default-runtime\":\"dtgov\",\"runtimes\":{\"dtgov\":{\"path\":\"/l/"
                  "dtgov-crun\"}}}",
                                NULL, "runc" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                char got[DOCKER_NAME_MAX];

                docker_former(rows[i].text, rows[i].backup, got);
                assert_string_equal(got, rows[i].want);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(dtgov_stands_before_the_former_default),
                cmocka_unit_test(what_is_set_up_is_left_alone),
                cmocka_unit_test(what_cannot_be_chained_is_refused_with_the_reason),
                cmocka_unit_test(undo_writes_the_former_default),
                cmocka_unit_test(each_leads_to_its_own_runtime_and_is_dtgovs_still),
                cmocka_unit_test(a_runtime_of_dtgovs_stands_beside_each_that_it_knows),
                cmocka_unit_test(a_runtime_that_came_later_gets_its_own_too),
                cmocka_unit_test(who_opts_in_leaves_the_default_as_it_is),
                cmocka_unit_test(the_former_default_comes_from_the_backup_else_from_the_program),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
