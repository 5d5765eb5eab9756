/* SPDX-License-Identifier: Apache-2.0 */
/* How the hook waits for its state, and how it ends. */
#include "hooks/hook.h"

#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

static uint64_t now_ms(void) {
        struct timespec ts;

        (void)clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / NSEC_PER_MSEC;
}

static void stdin_that_never_ends_is_left_after_the_wait(void **state) {
        static char buf[HOOK_STATE_MAX + 1];
        uint64_t before = now_ms();
        int fds[2];

        (void)state;
        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        assert_int_equal(write(fds[1], "{}", 2), 2);
        assert_int_equal(hook_read_state(fds[0], buf, 50 * NSEC_PER_MSEC), 2);
        assert_string_equal(buf, "{}");
        assert_in_range(now_ms() - before, 40, 5000);
        (void)close(fds[0]);
        (void)close(fds[1]);
}

/* A process that keeps a CPU busy, or writes its state when all others had their turns. */
static pid_t begin(void (*work)(int fd), int fd) {
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0) {
                (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
                work(fd);
                _exit(0);
        }
        return pid;
}

static void burn(int fd) {
        (void)fd;
        for (volatile unsigned long n = 0;; n++)
                ;
}

static void write_late(int fd) {
        (void)usleep(500000);
        if (write(fd, "{}", 2) != 2)
                _exit(1);
}

static void a_runtime_that_must_queue_for_a_cpu_is_waited_for(void **state) {
        static char buf[HOOK_STATE_MAX + 1];
        size_t count = (size_t)sysconf(_SC_NPROCESSORS_ONLN) + 1;
        CLEANUP(freep) pid_t *pids = calloc(count + 1, sizeof(*pids));
        int fds[2];

        (void)state;
        assert_non_null(pids);
        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        for (size_t i = 0; i < count; i++)
                pids[i] = begin(burn, -1);
        pids[count] = begin(write_late, fds[1]);
        (void)close(fds[1]);
        assert_int_equal(hook_read_state(fds[0], buf, 50 * NSEC_PER_MSEC), 2);
        assert_string_equal(buf, "{}");
        for (size_t i = 0; i <= count; i++) {
                (void)kill(pids[i], SIGKILL);
                assert_int_equal(waitpid(pids[i], NULL, 0), pids[i]);
        }
        (void)close(fds[0]);
}

static void an_endless_stream_is_left_after_the_wait(void **state) {
        static char buf[HOOK_STATE_MAX + 1];
        int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);

        (void)state;
        assert_int_equal(hook_read_state(fd, buf, 20 * NSEC_PER_MSEC), -EFBIG);
        (void)close(fd);
}

static void a_state_of_exactly_the_limit_is_kept_and_one_more_is_not(void **state) {
        static char buf[HOOK_STATE_MAX + 1];
        static const struct {
                off_t size;
                ssize_t code;
        } rows[] = {
                { 0, 0 },
                { HOOK_STATE_MAX, HOOK_STATE_MAX },
                { HOOK_STATE_MAX + 1, -EFBIG },
                { 5 * MIB, -EFBIG },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                FILE *file = tmpfile();

                assert_non_null(file);
                assert_int_equal(ftruncate(fileno(file), rows[i].size), 0);
                assert_int_equal(hook_read_state(fileno(file), buf, NSEC_PER_SEC), rows[i].code);
                (void)fclose(file);
        }
}

static void a_closed_stdin_is_an_error_and_no_crash(void **state) {
        static char buf[HOOK_STATE_MAX + 1];

        (void)state;
        assert_true(hook_read_state(-1, buf, 10 * NSEC_PER_MSEC) <= 0);
}

/* How the program itself ended that got a signal while it waited for its state. */
static int end_of_hook(const char *program, int number) {
        int input[2], status;
        pid_t pid;

        assert_int_equal(pipe(input), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                (void)dup2(input[0], STDIN_FILENO);
                (void)close(input[1]);
                (void)execl(program, "dtgov-hook", (char *)NULL);
                _exit(127);
        }
        /* Until it has read what was written, it may still stand before its first line. */
        assert_int_equal(write(input[1], "{", 1), 1);
        for (int waiting = 1; waiting > 0; (void)usleep(1000))
                assert_int_equal(ioctl(input[0], FIONREAD, &waiting), 0);
        (void)close(input[0]);
        assert_int_equal(kill(pid, number), 0);
        (void)close(input[1]);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        return status;
}

static void no_signal_shows_as_a_failed_hook(void **state) {
        static const int numbers[] = { SIGHUP, SIGINT, SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS,
                SIGFPE, SIGSEGV, SIGPIPE, SIGALRM, SIGTERM, SIGXCPU, SIGXFSZ, SIGSYS };
        char program[PATH_MAX];
        ssize_t len = readlink("/proc/self/exe", program, sizeof(program) - 32);

        (void)state;
        assert_true(len > 0);
        program[len] = '\0';
        (void)strcpy(strrchr(program, '/'), "/../../dtgov-hook");
        for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
                if (end_of_hook(program, numbers[i]) != 0)
                        fail_msg("signal %d", numbers[i]);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(stdin_that_never_ends_is_left_after_the_wait),
                cmocka_unit_test(a_runtime_that_must_queue_for_a_cpu_is_waited_for),
                cmocka_unit_test(an_endless_stream_is_left_after_the_wait),
                cmocka_unit_test(a_state_of_exactly_the_limit_is_kept_and_one_more_is_not),
                cmocka_unit_test(a_closed_stdin_is_an_error_and_no_crash),
                cmocka_unit_test(no_signal_shows_as_a_failed_hook),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
