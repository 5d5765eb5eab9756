/* SPDX-License-Identifier: Apache-2.0 */
/* What a shell is offered, and that the commands list themselves. */
#include "tests/unit/cli_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void commands_list_themselves(void **state) {
        struct bench *b = *state;

        assert_int_equal(run_line(b, "--list-commands"), EXIT_DONE);
        assert_int_equal(strncmp(b->out, "status\nps\n", 10), 0);
        assert_int_equal(run_line(b, "--help"), EXIT_DONE);
        assert_int_equal(run_line(b, "approve --help"), EXIT_DONE);
        assert_int_equal(strncmp(b->out, "  dtgov approve P17 --dry-run", 29), 0);
}

static void every_command_is_completed(void **state) {
        struct bench *b = *state;
        char line[64];

        for (size_t i = 0; i < commands_count; i++) {
                (void)snprintf(line, sizeof(line), "--complete %s", commands[i].name);
                assert_int_equal(run_line(b, line), EXIT_DONE);
                assert_non_null(strstr(b->out, commands[i].name));
                assert_non_null(strstr(b->out, commands[i].summary));
        }
}

static void every_option_of_a_command_is_completed(void **state) {
        struct bench *b = *state;
        char line[64];

        for (size_t i = 0; i < commands_count; i++) {
                (void)snprintf(line, sizeof(line), "--complete %s -", commands[i].name);
                assert_int_equal(run_line(b, line), EXIT_DONE);
                for (size_t o = 0; o < option_help_count; o++)
                        assert_int_equal(strstr(b->out, option_help[o].help) != NULL,
                                        (commands[i].options & option_help[o].option) != 0);
                assert_non_null(strstr(b->out, "--help\t"));
        }
}

static void what_lives_is_completed(void **state) {
        struct bench *b = *state;

        assert_int_equal(run_line(b, "--complete approve P"), EXIT_DONE);
        assert_int_equal(strncmp(b->out, "P17\tapi: cpu.max 0.5", 20), 0);
        assert_int_equal(run_line(b, "--complete show F1"), EXIT_DONE);
        assert_string_equal(b->out, "F12\tapi: CPU throttled\n");
        assert_int_equal(run_line(b, "--complete ps a"), EXIT_DONE);
        assert_string_equal(b->out, "api\trunc\n");
        assert_int_equal(run_line(b, "--complete set api cpu.max=1 pids"), EXIT_DONE);
        assert_string_equal(b->out, "pids.max=\t\n");
        assert_int_equal(run_line(b, "--complete --json --run-dir /tmp ps a"), EXIT_DONE);
        assert_string_equal(b->out, "api\trunc\n");
}

/* Those that are installed come first; behind the engine come the options. */
static void engines_are_completed(void **state) {
        struct bench *b = *state;

        assert_int_equal(run_line(b, "--complete setup c"), EXIT_DONE);
        assert_non_null(strstr(b->out, "containerd\tis "));
        assert_non_null(strstr(b->out, "crio\tis "));
        assert_null(strstr(b->out, "docker\t"));
        assert_int_equal(run_line(b, "--complete setup docker -"), EXIT_DONE);
        assert_non_null(strstr(b->out, "--undo\ttake it out again\n"));
        assert_int_equal(run_line(b, "--complete ps --by t"), EXIT_DONE);
        assert_string_equal(b->out, "template\t\n");
        assert_int_equal(run_line(b, "--complete help setu"), EXIT_DONE);
        assert_int_equal(strncmp(b->out, "setup\t", 6), 0);
}

static void nothing_is_completed_where_nothing_is_known(void **state) {
        struct bench *b = *state;
        static const char *const lines[] = { "--complete approve P17 P", "--complete approve X",
                "--complete nonsense P", "--complete approve P17 --reason P",
                "--complete --run-dir P" };

        for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
                assert_int_equal(run_line(b, lines[i]), EXIT_DONE);
                assert_string_equal(b->out, "");
        }
}

/* It would stand in the command line of whoever pressed the key, to be executed. */
static void a_name_that_a_shell_would_execute_is_not_completed(void **state) {
        struct bench *b = *state;

        b->fakes_count = 0;
        fake_answer(b, "ListContainers", NULL,
                        "{\"containers\":[{\"id\":\"a;reboot\",\"containerId\":\"a;reboot\","
                        "\"cgroupInode\":7},{\"id\":\"a$(reboot)\",\"containerId\":\"a1\","
                        "\"cgroupInode\":8},{\"id\":\"a-b\",\"containerId\":\"a2\","
                        "\"cgroupInode\":9}]}");
        assert_int_equal(run_line(b, "--complete ps a"), EXIT_DONE);
        assert_string_equal(b->out, "a-b\t\n");
}

#define AGAINST_DAEMONS(test) cmocka_unit_test_setup_teardown(test, fake_start, fake_stop)

int main(void) {
        const struct CMUnitTest tests[] = {
                AGAINST_DAEMONS(commands_list_themselves),
                AGAINST_DAEMONS(every_command_is_completed),
                AGAINST_DAEMONS(every_option_of_a_command_is_completed),
                AGAINST_DAEMONS(what_lives_is_completed),
                AGAINST_DAEMONS(engines_are_completed),
                AGAINST_DAEMONS(nothing_is_completed_where_nothing_is_known),
                AGAINST_DAEMONS(a_name_that_a_shell_would_execute_is_not_completed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
