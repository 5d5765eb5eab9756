/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signal mask, ignored signals, pending signals and the alarm survive an execve(2), and each of
 * them could harm the runtime: so the way out is the same for a crash and for the plain end, and it
 * ends with exactly what was found at the start. A signal that came meanwhile and is still pending
 * is dropped by ignoring it for a moment (signal(7), POSIX: a pending signal set to SIG_IGN is
 * discarded); with its old disposition it would kill the runtime.
 */
#include "hooks/runtime_guard.h"

#include "hooks/runtime_edit.h"
#include "state/cpus.h"

#include <signal.h>

#define STACK_SIZE (64 * KIB) /* the main stack may be what is broken */

static const int guarded[] = { SIGALRM, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGXFSZ };

static struct {
        const char *path;
        char *const *argv;
        struct sigaction before[ARRAY_LEN(guarded)];
        sigset_t mask;
        unsigned alarm_left_sec; /* of an alarm that the caller had set; 0 none */
        unsigned passed_sec;
        char stack[STACK_SIZE];
} guard;

void runtime_guard_end(void) {
        const struct sigaction ignore = { .sa_handler = SIG_IGN };

        (void)alarm(0);
        for (size_t i = 0; i < ARRAY_LEN(guarded); i++) {
                (void)sigaction(guarded[i], &ignore, NULL);
                (void)sigaction(guarded[i], &guard.before[i], NULL);
        }
        (void)sigprocmask(SIG_SETMASK, &guard.mask, NULL);
        if (guard.alarm_left_sec > 0)
                (void)alarm(guard.alarm_left_sec);
}

static void fall_back(int signal) {
        (void)signal;
        runtime_edit_abandon();
        runtime_guard_end();
        (void)execve(guard.path, guard.argv, environ);
        _exit(127);
}

/* Without hooks a container is only found later: that is no answer to a host that is busy. */
static void on_alarm(int signal) {
        int saved = errno;

        guard.passed_sec += RUNTIME_GUARD_SEC;
        if (guard.passed_sec >= RUNTIME_BUSY_SEC || !cpus_are_short())
                fall_back(signal);
        (void)alarm(RUNTIME_GUARD_SEC);
        errno = saved;
}

/* SIGXFSZ ignored, a write beyond the limit of file size fails, and the log says so. */
static void (*handler_of(int signal))(int) {
        return signal == SIGXFSZ ? SIG_IGN : signal == SIGALRM ? on_alarm : fall_back;
}

void runtime_guard_start(const char *path, char *const argv[]) {
        const stack_t stack = { .ss_sp = guard.stack, .ss_size = sizeof(guard.stack) };
        struct sigaction action = { .sa_flags = SA_ONSTACK | SA_RESTART };
        sigset_t open;

        guard.path = path;
        guard.argv = argv;
        (void)sigaltstack(&stack, NULL);
        (void)sigfillset(&action.sa_mask);
        (void)sigemptyset(&open);
        for (size_t i = 0; i < ARRAY_LEN(guarded); i++) {
                action.sa_handler = handler_of(guarded[i]);
                (void)sigaction(guarded[i], &action, &guard.before[i]);
                (void)sigaddset(&open, guarded[i]);
        }
        (void)sigprocmask(SIG_UNBLOCK, &open, &guard.mask);
        guard.alarm_left_sec = alarm(RUNTIME_GUARD_SEC);
}
