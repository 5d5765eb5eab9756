/* SPDX-License-Identifier: Apache-2.0 */
/* What an engine's program finds when it is started, and what is said when it does not end. */
#include "governor/cli/setup/program.h"

#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#define NO_USER 4000000001U

/* Whether a caller of that uid has it started with that home, whatever $HOME says. */
static bool home_is(uid_t uid, const char *want) {
        static const char *const argv[] = { "sh", "-c", "printf %s \"$HOME\"", NULL };
        int status = 1;
        pid_t pid = fork();

        if (pid == 0) {
                CLEANUP(program_done) struct program_answer answer = { 0 };
                bool same;

                (void)setenv("HOME", "/tmp/of-another", 1);
                if (uid != getuid() && setresuid(uid, uid, uid) < 0)
                        _exit(2);
                same = program_run("", argv, 20, -1, &answer, NULL) == 0 &&
                       strcmp(answer.out, want) == 0;
                _exit(same ? 0 : 1);
        }
        return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static void a_program_has_the_home_of_its_caller(void **state) {
        uid_t uid = getuid() != 0 ? getuid() : 65534; /* nobody */
        const struct passwd *who = getpwuid(uid);
        char want[512];

        (void)state;
        assert_true(getuid() != 0 || home_is(0, "/root"));
        (void)snprintf(want, sizeof(want), "%s", who ? who->pw_dir : "/");
        assert_true(home_is(uid, want));
}

static void a_caller_whom_nobody_knows_has_no_home_of_root(void **state) {
        (void)state;
        if (getuid() != 0)
                skip();
        assert_true(home_is(NO_USER, "/"));
}

static void what_does_not_end_says_what_next(void **state) {
        static const char *const argv[] = { "sleep", "30", NULL };
        CLEANUP(program_done) struct program_answer answer = { 0 };
        struct error err = { 0 };

        (void)state;
        assert_int_equal(program_run("", argv, 1, -1, &answer, &err), -ETIME);
        assert_non_null(strstr(err.text, "'sleep' did not end within 1 s"));
        assert_non_null(strstr(err.text, "try again"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_program_has_the_home_of_its_caller),
                cmocka_unit_test(a_caller_whom_nobody_knows_has_no_home_of_root),
                cmocka_unit_test(what_does_not_end_says_what_next),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
