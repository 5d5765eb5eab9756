/* SPDX-License-Identifier: Apache-2.0 */
#include "hooks/runtime_args.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define ARGS_MAX 20

struct row {
        const char *line; /* split at spaces; "" is written as '' */
        int code;
        bool edit;
        const char *command, *bundle, *log;
};

static void same(const char *a, const char *b) {
        if (a && b)
                assert_string_equal(a, b);
        else
                assert_true(!a && !b);
}

static void check(const struct row *row) {
        char text[512], *argv[ARGS_MAX + 1] = { NULL }, *rest = text;
        struct runtime_args args;
        int argc = 0;

        assert_true(strlen(row->line) < sizeof(text));
        strcpy(text, row->line);
        for (char *arg; argc < ARGS_MAX && (arg = strsep(&rest, " "));)
                argv[argc++] = strcmp(arg, "''") == 0 ? arg + 2 : arg;

        assert_int_equal(runtime_args_parse(argc, argv, &args), row->code);
        assert_int_equal(args.edit, row->edit);
        same(args.command, row->command);
        same(args.bundle, row->bundle);
        same(args.log, row->log);
}

static void check_all(const struct row *rows, size_t count) {
        for (size_t i = 0; i < count; i++)
                check(&rows[i]);
}

static void the_bundle_is_found_in_every_form(void **state) {
        static const struct row rows[] = {
                { "r create --bundle /b c1", 0, true, "create", "/b", NULL },
                { "r create --bundle=/b c1", 0, true, "create", "/b", NULL },
                { "r create -bundle /b c1", 0, true, "create", "/b", NULL },
                { "r create -bundle=/b c1", 0, true, "create", "/b", NULL },
                { "r create -b /b c1", 0, true, "create", "/b", NULL },
                { "r create -b=/b c1", 0, true, "create", "/b", NULL },
                { "r create --b /b c1", 0, true, "create", "/b", NULL },
                { "r create -b/b c1", 0, true, "create", "/b", NULL },
                { "r create c1 --bundle /b", 0, true, "create", "/b", NULL },
                { "r create --bundle /a --bundle /b c1", 0, true, "create", "/b", NULL },
                { "r create -b /a c1 --bundle=/b", 0, true, "create", "/b", NULL },
                { "r create c1", 0, true, "create", NULL, NULL },
                { "r create --bundle= c1", 0, true, "create", NULL, NULL },
                { "r create --bundle '' c1", 0, true, "create", NULL, NULL },
                { "r create c1 --bundle", 0, true, "create", NULL, NULL },
                { "r create -- c1 --bundle /b", 0, true, "create", NULL, NULL },
                { "r run -d --pid-file /p -b b c1", 0, true, "run", "b", NULL },
                { "r restore --image-path /i --bundle /b c1", 0, true, "restore", "/b", NULL },
        };

        (void)state;
        check_all(rows, ARRAY_LEN(rows));
}

static void values_are_not_mistaken_for_flags_or_commands(void **state) {
        static const struct row rows[] = {
                { "r --root create start c1", 0, false, "start", NULL, NULL },
                { "r --log run delete c1", 0, false, "delete", NULL, "run" },
                { "r --log=/l --log-format json --root /x create -b /b c", 0, true, "create", "/b",
                                "/l" },
                { "r --root /x --log /l --log-format json --systemd-cgroup create --bundle /b "
                  "--pid-file /b/init.pid --console-socket /s c",
                                0, true, "create", "/b", "/l" },
                { "r create --pid-file --bundle /b", 0, true, "create", NULL, NULL },
                { "r create --console-socket=-b /b", 0, true, "create", NULL, NULL },
                { "r create --preserve-fds 3 -b create create", 0, true, "create", "create", NULL },
                { "r create --no-pivot --no-new-keyring -b /b c", 0, true, "create", "/b", NULL },
                { "r --cgroup-manager cgroupfs --rootless true --criu x run c", 0, true, "run",
                                NULL, NULL },
                { "r --debug=true -systemd-cgroup run c", 0, true, "run", NULL, NULL },
                { "r -log /l run c", 0, true, "run", NULL, "/l" },
        };

        (void)state;
        check_all(rows, ARRAY_LEN(rows));
}

static void only_create_run_and_restore_are_edited(void **state) {
        static const struct row rows[] = {
                { "r", 0, false, NULL, NULL, NULL },
                { "r --version", 0, false, NULL, NULL, NULL },
                { "r start create", 0, false, "start", NULL, NULL },
                { "r state c1", 0, false, "state", NULL, NULL },
                { "r kill --all c1", 0, false, "kill", NULL, NULL },
                { "r delete --force create", 0, false, "delete", NULL, NULL },
                { "r exec --process /p c1 run", 0, false, "exec", NULL, NULL },
                { "r features", 0, false, "features", NULL, NULL },
                { "r spec -b /b", 0, false, "spec", NULL, NULL },
                { "r checkpoint c1", 0, false, "checkpoint", NULL, NULL },
                { "r creates c1", 0, false, "creates", NULL, NULL },
                { "r - create", 0, false, "-", NULL, NULL },
                { "r -- create c1", 0, true, "create", NULL, NULL },
                { "r create --help", 0, false, "create", NULL, NULL },
                { "r --help create", 0, false, "create", NULL, NULL },
        };

        (void)state;
        check_all(rows, ARRAY_LEN(rows));
}

static void an_unknown_global_flag_ends_all_guessing(void **state) {
        static const struct row rows[] = {
                { "r --new-flag create -b /b c", -EINVAL, false, NULL, NULL, NULL },
                { "r --log /l --new-flag=1 create c", -EINVAL, false, NULL, NULL, "/l" },
                { "r -x create c", -EINVAL, false, NULL, NULL, NULL },
                { "r ---root x create c", -EINVAL, false, NULL, NULL, NULL },
                { "r -bx create c", -EINVAL, false, NULL, NULL, NULL },
                { "r --=x create c", -EINVAL, false, NULL, NULL, NULL },
        };

        (void)state;
        check_all(rows, ARRAY_LEN(rows));
}

static void the_name_of_the_configuration_is_taken_from_crun(void **state) {
        char *const argv[] = { (char[]){ "crun" }, (char[]){ "run" }, (char[]){ "-f" },
                (char[]){ "other.json" }, (char[]){ "c" }, NULL };
        struct runtime_args args;

        (void)state;
        assert_int_equal(runtime_args_parse(5, argv, &args), 0);
        assert_string_equal(args.config, "other.json");
        assert_null(args.bundle);
}

static void no_arguments_at_all_are_no_command(void **state) {
        char *const argv[] = { NULL };
        struct runtime_args args;

        (void)state;
        assert_int_equal(runtime_args_parse(0, argv, &args), 0);
        assert_false(args.edit);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_bundle_is_found_in_every_form),
                cmocka_unit_test(values_are_not_mistaken_for_flags_or_commands),
                cmocka_unit_test(only_create_run_and_restore_are_edited),
                cmocka_unit_test(an_unknown_global_flag_ends_all_guessing),
                cmocka_unit_test(the_name_of_the_configuration_is_taken_from_crun),
                cmocka_unit_test(no_arguments_at_all_are_no_command),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
