/* SPDX-License-Identifier: Apache-2.0 */
#include "hooks/runtime_log.h"
#include "state/file.h"
#include "tests/unit/tree.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct said {
        char file[512], err[512]; /* of DIR/log and of stderr */
};

/* Says "no hook" in the directory, where a relative path would be made. */
static struct said say(
                const struct tree *tree, void (*how)(const char *, const char *), const char *log) {
        int saved = dup(STDERR_FILENO), before = open(".", O_PATH | O_CLOEXEC), fd;
        struct said said = { "", "" };

        fd = openat(tree->fd, "err", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(fchdir(tree->fd), 0);
        assert_true(dup2(fd, STDERR_FILENO) >= 0);
        how(log, "no hook");
        assert_true(dup2(saved, STDERR_FILENO) >= 0);
        assert_int_equal(fchdir(before), 0);
        assert_true(file_read_at(tree->fd, "err", said.err, sizeof(said.err)) >= 0);
        (void)file_read_at(tree->fd, "log", said.file, sizeof(said.file));
        (void)unlinkat(tree->fd, "log", 0);
        (void)close(saved);
        (void)close(before);
        (void)close(fd);
        return said;
}

static void a_warning_is_a_line_of_the_log_and_nothing_on_stderr(void **state) {
        struct tree tree = tree_make();
        struct said said = say(&tree, runtime_log_warning, "log");

        (void)state;
        assert_non_null(strstr(said.file, "{\"level\":\"warning\",\"msg\":\"dtgov: no hook\""));
        assert_string_equal(said.err, "");
        said = say(&tree, runtime_log_warning, NULL);
        assert_string_equal(said.file, "");
        assert_string_equal(said.err, "");
        tree_remove(&tree);
}

static void a_log_that_is_no_file_becomes_none_and_the_warning_goes_to_stderr(void **state) {
        static const char *const logs[] = { "journald:TAG", "syslog:TAG", "journald:" };
        struct tree tree = tree_make();

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(logs); i++) {
                assert_string_equal(
                                say(&tree, runtime_log_warning, logs[i]).err, "dtgov: no hook\n");
                assert_string_equal(say(&tree, runtime_log_error, logs[i]).err, "dtgov: no hook\n");
                assert_int_equal(faccessat(tree.fd, logs[i], F_OK, 0), -1);
        }
        tree_remove(&tree);
}

static void a_log_that_is_called_a_file_is_that_file(void **state) {
        struct tree tree = tree_make();
        struct said said = say(&tree, runtime_log_warning, "file:log");

        (void)state;
        assert_non_null(strstr(said.file, "dtgov: no hook"));
        assert_string_equal(said.err, "");
        assert_int_equal(faccessat(tree.fd, "file:log", F_OK, 0), -1);
        assert_string_equal(runtime_log_path("/run/file:log"), "/run/file:log");
        tree_remove(&tree);
}

static void an_error_is_on_stderr_and_in_the_log(void **state) {
        struct tree tree = tree_make();
        struct said said = say(&tree, runtime_log_error, "log");

        (void)state;
        assert_non_null(strstr(said.file, "{\"level\":\"error\",\"msg\":\"dtgov: no hook\""));
        assert_string_equal(said.err, "dtgov: no hook\n");
        tree_remove(&tree);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_warning_is_a_line_of_the_log_and_nothing_on_stderr),
                cmocka_unit_test(a_log_that_is_no_file_becomes_none_and_the_warning_goes_to_stderr),
                cmocka_unit_test(a_log_that_is_called_a_file_is_that_file),
                cmocka_unit_test(an_error_is_on_stderr_and_in_the_log),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
