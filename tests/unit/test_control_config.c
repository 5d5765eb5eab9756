/* SPDX-License-Identifier: Apache-2.0 */
/* dtgov.json: what it may say, where it may lie, and what dtgovd takes from it. */
#include "governor/control/config.h"

#include "governor/control/steps.h"
#include "tests/unit/control_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static void write_config(struct fixture *f, const char *text, mode_t mode) {
        char path[256];
        FILE *stream;

        (void)snprintf(path, sizeof(path), "%s/" CONFIG_FILE, f->dir);
        stream = fopen(path, "we");
        assert_non_null(stream);
        (void)fputs(text, stream);
        (void)fclose(stream);
        assert_int_equal(chmod(path, mode), 0);
}

static void a_configuration_is_read_or_refused_with_its_reason(void **state) {
        struct fixture *f = *state;
        struct config config;
        struct error err;
        static const struct {
                const char *text, *complaint;
                mode_t mode;
                int code;
        } rows[] = {
                { "{\"guard\":{\"pids_max\":10}}", "", 0644, 0 },
                { "{\"gard\":{}}", "'gard'", 0644, -EINVAL },
                { "{\"guard\":{\"pids\":1}}", "'guard.pids'", 0644, -EINVAL },
                { "{\"allow_unsandboxed\":1}", "allow_unsandboxed", 0644, -EINVAL },
                { "{\"probation\":{\"cpu\":60}}", "'probation.cpu'", 0644, -EINVAL },
                { "{\"probation\":{\"cpu-quota\":0}}", "1 to 86400", 0644, -EINVAL },
                { "{\"probation\":60}", "'probation'", 0644, -EINVAL },
                { "{\"policies\":[{\"mode\":\"auto\"}]}", "policy 1: 'at_most'", 0644, -EINVAL },
                { "{\"policies\":[{\"mode\":\"auto\",\"at_most\":{\"cpu.max\":\"4\"}}],"
                  "\"guard\":{\"pids_max\":10}}",
                                "", 0644, 0 },
                { "{\"guard\":1}", "'guard' is not an object", 0644, -EINVAL },
                { "{\"guard\":{\"pids_max\":\"x\"}}", "pids_max", 0644, -EINVAL },
                { "{\"guard\":{\"lower_memory_max\":1}}", "lower_memory_max", 0644, -EINVAL },
                { "{\"guard\":{\"lower_memory_max\":true,\"pids_max\":10}}", "", 0644, 0 },
                { "{\"probation\":{\"cpu-quota\":\"x\"}}", "cpu-quota", 0644, -EINVAL },
                { "{\"probation\":{\"cpu-quota\":86401}}", "1 to 86400", 0644, -EINVAL },
                { "[]", "not an object", 0644, -EINVAL },
                { "{", CONFIG_FILE, 0644, -EINVAL },
                { "{}", "E_UNSAFE_PATH", 0666, -EPERM },
        };

        assert_int_equal(config_load(f->dir, &config, &err), 0); /* absent: defaults */
        assert_true(config.guard.pids_max == KNOB_MAX);
        assert_int_equal(config.policies.count, 0);
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                write_config(f, rows[i].text, rows[i].mode);
                assert_int_equal(config_load(f->dir, &config, &err), rows[i].code);
                if (rows[i].code < 0)
                        assert_non_null(strstr(err.text, rows[i].complaint));
                else
                        assert_int_equal(config.guard.pids_max, 10);
        }
}

static void a_configuration_that_is_no_file_in_a_safe_place_is_refused(void **state) {
        struct fixture *f = *state;
        struct config config;
        struct error err = { "" };
        char path[128];

        (void)snprintf(path, sizeof(path), "%s/" CONFIG_FILE, f->dir);
        assert_int_equal(symlink("/dev/null", path), 0);
        assert_int_equal(config_load(f->dir, &config, &err), -ELOOP);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(mkdir(path, 0755), 0);
        assert_int_equal(config_load(f->dir, &config, &err), -EMEDIUMTYPE);
        assert_non_null(strstr(err.text, path));
        assert_int_equal(rmdir(path), 0);
        write_config(f, "{}", 0644);
        assert_int_equal(config_load(path, &config, &err), -ENOTDIR);
        assert_int_equal(chmod(f->dir, 0777), 0);
        assert_int_equal(config_load(f->dir, &config, &err), -EPERM);
        assert_non_null(strstr(err.text, "E_UNSAFE_PATH"));
        assert_int_equal(chmod(f->dir, 0700), 0);
        if (geteuid() != 0)
                return;
        assert_int_equal(chown(path, 4711, 0), 0);
        assert_int_equal(config_load(f->dir, &config, &err), -EPERM);
}

static void each_rule_has_a_time_of_its_own_on_probation(void **state) {
        struct fixture *f = *state;
        struct error err = { "" };
        struct run *run;

        write_config(f, "{\"probation\":{\"set\":7,\"soak_sec\":3}}", 0600);
        assert_int_equal(config_load(f->dir, &f->control.config, &err), 0);
        assert_int_equal(f->control.config.soak_sec, 3);
        assert_int_equal(f->control.config.probation_sec[RULE_MEMORY_LIMIT], 120);
        f->control.probation_ns = 0;
        run = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ false);
        assert_int_equal(run->change.deadline_boottime_ns - run->change.applied_boottime_ns,
                        7 * NSEC_PER_SEC);
        f->control.probation_ns = 9 * NSEC_PER_SEC; /* --probation counts for all */
        assert_int_equal(watch_probation_ns(&f->control, run), 9 * NSEC_PER_SEC);
}

static void a_registry_of_an_engine_in_a_container_is_below_a_cgroup(void **state) {
        static const char *const refused[] = { "\"daytona\"", "{\"../x\":\"/a\"}", "{\"\":\"/a\"}",
                "{\"x\":\"/\"}", "{\"x\":\"a\"}", "{\"x\":\"/a/\"}", "{\"x\":\"/a/../b\"}",
                "{\"x\":\"/.\"}", "{\"x\":\"//\"}", "{\"x\":7}" };
        struct fixture *f = *state;
        struct config config;
        struct error err = { "" };

        write_config(f, "{\"registries\":{\"daytona\":\"/daytona.slice\"}}", 0600);
        assert_int_equal(config_load(f->dir, &config, &err), 0);
        assert_int_equal(config.registries_count, 1);
        assert_string_equal(config.registries[0].name, "daytona");
        assert_string_equal(config.registries[0].below, "/daytona.slice");
        for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
                char text[256];

                (void)snprintf(text, sizeof(text), "{\"registries\":%s}", refused[i]);
                write_config(f, text, 0600);
                assert_int_equal(config_load(f->dir, &config, &err), -EINVAL);
                assert_non_null(strstr(err.text, "'registries"));
        }
}

static void names_and_cgroups_of_registries_have_bounds(void **state) {
        static const struct {
                int name, below;
        } rows[] = { { CONTAINER_ID_SIZE - 2, 8 }, { 300, 8 }, { 8, CONTAINER_PATH_SIZE } };
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                char text[CONTAINER_PATH_SIZE + 512];
                struct config config;
                struct error err = { "" };

                (void)snprintf(text, sizeof(text), "{\"registries\":{\"%0*d\":\"/%0*d\"}}",
                                rows[i].name, 0, rows[i].below, 0);
                write_config(f, text, 0600);
                assert_int_equal(config_load(f->dir, &config, &err), -EINVAL);
                assert_non_null(strstr(err.text, "'registries"));
        }
}

static void registries_have_a_bound(void **state) {
        char text[512] = "{\"registries\":{";
        struct fixture *f = *state;
        struct config config;
        struct error err = { "" };

        for (size_t i = 0; i <= CONFIG_REGISTRIES_MAX; i++)
                (void)snprintf(text + strlen(text), sizeof(text) - strlen(text),
                                "%s\"r%zu\":\"/a\"", i ? "," : "", i);
        (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "}}");
        write_config(f, text, 0600);
        assert_int_equal(config_load(f->dir, &config, &err), -EINVAL);
        assert_non_null(strstr(err.text, "more than 8"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_begin, fixture_end)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(a_configuration_is_read_or_refused_with_its_reason),
                TEST(a_configuration_that_is_no_file_in_a_safe_place_is_refused),
                TEST(each_rule_has_a_time_of_its_own_on_probation),
                TEST(a_registry_of_an_engine_in_a_container_is_below_a_cgroup),
                TEST(names_and_cgroups_of_registries_have_bounds),
                TEST(registries_have_a_bound),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
