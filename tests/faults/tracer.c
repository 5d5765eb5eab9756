/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ptrace(2) with PTRACE_SEIZE: from one stop at a system call to the next. A call that is to fail
 * is replaced by getpid(2), which seccomp allows, and its result by the errno; so it has no effect.
 */
#include "tests/faults/faults.h"

#include "governor/kernel/proc.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
/* after sys/ptrace.h */
#include <linux/futex.h>
#include <linux/ptrace.h>

#define DELAY_NS (600 * NSEC_PER_MSEC) /* longer than from one tick of the engine to the next */
#define OPTIONS  (PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL)

static struct thread *find_thread(struct traced *t, pid_t tid) {
        for (unsigned i = 0; i < t->threads_count; i++)
                if (t->threads[i].tid == tid)
                        return &t->threads[i];
        return NULL;
}

static struct thread *add_thread(struct traced *t, pid_t tid) {
        struct thread *thread = find_thread(t, tid);

        if (thread || t->threads_count == THREADS_MAX)
                return thread;
        thread = &t->threads[t->threads_count++];
        *thread = (struct thread){ .tid = tid };
        return thread;
}

static void forget_thread(struct traced *t, pid_t tid) {
        struct thread *thread = find_thread(t, tid);

        if (thread)
                *thread = t->threads[--t->threads_count];
}

/* A path that the program passed, as far as it can be read. */
static bool opens(const struct traced *t, pid_t tid, const struct ptrace_syscall_info *info) {
        char path[256] = "";
        struct iovec to = { path, strlen(t->from) + 1 },
                     from = { (void *)(uintptr_t)info->entry.args[1], strlen(t->from) + 1 };

        return info->entry.nr == SYS_openat &&
               process_vm_readv(tid, &to, 1, &from, 1, 0) == (ssize_t)to.iov_len &&
               strcmp(path, t->from) == 0;
}

/* The message to PID 1 that sets properties; sd-bus sends a head and a body. */
static bool tells(pid_t tid, const struct ptrace_syscall_info *info) {
        static const char member[] = "SetUnitProperties";
        char text[512];
        struct msghdr m;
        struct iovec part, to = { &m, sizeof(m) },
                           from = { (void *)(uintptr_t)info->entry.args[1], sizeof(m) };

        if (info->entry.nr != SYS_sendmsg ||
                        process_vm_readv(tid, &to, 1, &from, 1, 0) != (ssize_t)sizeof(m))
                return false;
        to = (struct iovec){ &part, sizeof(part) };
        from = (struct iovec){ m.msg_iov, sizeof(part) };
        if (m.msg_iovlen == 0 || process_vm_readv(tid, &to, 1, &from, 1, 0) < 0)
                return false;
        if (part.iov_len > sizeof(text))
                part.iov_len = sizeof(text);
        to = (struct iovec){ text, part.iov_len };
        return process_vm_readv(tid, &to, 1, &part, 1, 0) == (ssize_t)part.iov_len &&
               memmem(text, part.iov_len, member, sizeof(member) - 1);
}

/* The open that precedes each write of a limit. */
static bool is_writer(const struct ptrace_syscall_info *info) {
        return info->entry.nr == SYS_openat && (info->entry.args[2] & O_ACCMODE) == O_WRONLY;
}

static bool is_wait(uint64_t futex_op) {
        return (futex_op & FUTEX_CMD_MASK) == FUTEX_WAIT ||
               (futex_op & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET;
}

static bool can_fail(const struct ptrace_syscall_info *info, int action) {
        /* brk(2) fails in a way of its own; the others have none of these errors. */
        static const long never[] = { SYS_exit, SYS_exit_group, SYS_rt_sigreturn, SYS_execve,
                SYS_restart_syscall, SYS_brk, SYS_rseq, SYS_set_robust_list, SYS_set_tid_address,
                SYS_getpid, SYS_gettid, SYS_getppid, SYS_getuid, SYS_geteuid, SYS_getgid,
                SYS_getegid, SYS_umask, SYS_sched_yield, SYS_timerfd_settime };
        long number = (long)info->entry.nr;

        /* Of the errors only that of a wait that is interrupted exists; glibc aborts at others. */
        if (number == SYS_futex && (action != EINTR || !is_wait(info->entry.args[1])))
                return false;
        for (size_t i = 0; i < ARRAY_LEN(never); i++)
                if (number == never[i])
                        return false;
        return true;
}

static void set_register(pid_t tid, bool result, uint64_t value) {
        size_t at = result ? offsetof(struct user_regs_struct, rax)
                           : offsetof(struct user_regs_struct, orig_rax);

        (void)ptrace(PTRACE_POKEUSER, tid, at, value);
}

static void look_at_first(struct traced *t, const struct ptrace_syscall_info *info) {
        char path[64];
        ssize_t n;

        (void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", t->pid, (int)info->entry.args[0]);
        n = readlink(path, t->first, sizeof(t->first) - 1);
        t->first[n > 0 ? n : 0] = '\0';
}

static void on_entry(
                struct traced *t, struct thread *thread, const struct ptrace_syscall_info *info) {
        thread->inside = true;
        if (!t->counting && t->from && opens(t, thread->tid, info))
                t->counting = true;
        if (!t->counting || (t->action > 0 && !can_fail(info, t->action)) ||
                        (t->only_writers && !is_writer(info)))
                return;
        if (t->to_systemd && tells(thread->tid, info) && ++t->tells == t->tell) {
                thread->tells = true;
                (void)owner_freeze();
        }
        if (t->tell > 0 && !t->told)
                return;
        ++t->seen;
        if (t->seen != t->at || t->action == 0)
                return;
        t->hit = true;
        t->number = (long)info->entry.nr;
        look_at_first(t, info);
        if (t->action == FAULT_KILL) {
                (void)kill(t->pid, SIGKILL);
                return;
        }
        if (t->action == FAULT_DELAY) {
                t->held = thread->tid;
                t->release_ns = proc_boottime_ns() + DELAY_NS;
                return;
        }
        set_register(thread->tid, /* result= */ false, SYS_getpid);
        thread->replaced = true;
}

static void on_syscall(struct traced *t, struct thread *thread) {
        struct ptrace_syscall_info info;

        if (ptrace(PTRACE_GET_SYSCALL_INFO, thread->tid, sizeof(info), &info) < 0)
                return;
        if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
                on_entry(t, thread, &info);
        } else if (info.op == PTRACE_SYSCALL_INFO_EXIT) {
                thread->inside = false;
                if (thread->replaced)
                        set_register(thread->tid, /* result= */ true, (uint64_t)-t->action);
                t->told = t->told || thread->tells;
                thread->replaced = thread->tells = false;
        }
}

/* A new thread is traced from its start, and its own first stop may come later than this. */
static void add_new(struct traced *t, pid_t tid, int status) {
        unsigned long new = 0;

        if (status >> 16 == PTRACE_EVENT_CLONE && ptrace(PTRACE_GETEVENTMSG, tid, 0, &new) == 0)
                (void)add_thread(t, (pid_t) new);
}

/* Returns: whether the thread may go on now (it stopped) */
static bool on_stop(struct traced *t, pid_t tid, int status) {
        struct thread *thread = add_thread(t, tid);
        int stop = WSTOPSIG(status), event = status >> 16, signal = 0;

        if (!thread)
                return false;
        add_new(t, tid, status);
        if (stop == (SIGTRAP | 0x80))
                on_syscall(t, thread);
        else if (event == 0)
                signal = stop;
        if (tid != t->held)
                (void)ptrace(PTRACE_SYSCALL, tid, 0, signal);
        return true;
}

static void on_end(struct traced *t, pid_t pid, int status) {
        forget_thread(t, pid);
        if (pid != t->pid)
                return;
        t->dead = true;
        t->status = status;
}

static bool over(struct traced *t) {
        t->stuck = t->stuck || proc_boottime_ns() > t->deadline_ns;
        return t->stuck;
}

static void release(struct traced *t) {
        if (t->held > 0)
                (void)ptrace(PTRACE_SYSCALL, t->held, 0, 0);
        t->held = 0;
}

/*
 * The next child that stopped or ended, whichever it is. SIGCHLD is blocked (points.c), so that it
 * waits here for who looks too early. Returns: -ETIMEDOUT at the deadline; -ECHILD
 */
static pid_t wait_any(struct traced *t, int *ret_status) {
        const struct timespec second = { .tv_sec = 1 }, moment = { .tv_nsec = 20000000 };
        sigset_t set;

        (void)sigemptyset(&set);
        (void)sigaddset(&set, SIGCHLD);
        for (;;) {
                pid_t pid = waitpid(-1, ret_status, __WALL | WNOHANG);

                if (pid != 0)
                        return pid < 0 ? -errno : pid;
                if (over(t))
                        return -ETIMEDOUT;
                if (t->held > 0 && proc_boottime_ns() >= t->release_ns)
                        release(t);
                (void)sigtimedwait(&set, NULL, t->held > 0 ? &moment : &second);
        }
}

int trace_attach(struct traced *t) {
        char path[64];
        struct dirent *e;
        DIR *dir;

        (void)snprintf(path, sizeof(path), "/proc/%d/task", t->pid);
        dir = opendir(path);
        if (!dir)
                return -errno;
        while ((e = readdir(dir))) {
                pid_t tid = (pid_t)strtol(e->d_name, NULL, 10);

                if (tid <= 0 || ptrace(PTRACE_SEIZE, tid, 0, OPTIONS) < 0)
                        continue;
                (void)add_thread(t, tid);
                (void)ptrace(PTRACE_INTERRUPT, tid, 0, 0);
        }
        (void)closedir(dir);

        for (bool all = false; !all;) {
                int status;
                pid_t pid = wait_any(t, &status);

                if (pid < 0 || over(t))
                        return -ETIMEDOUT;
                if (pid == t->helper)
                        t->helper = 0;
                else if (WIFSTOPPED(status))
                        (void)on_stop(t, pid, status);
                else
                        on_end(t, pid, status);
                if (t->dead)
                        return -ESRCH;
                all = true;
                for (unsigned i = 0; i < t->threads_count; i++)
                        all = all && t->threads[i].inside;
        }
        t->counting = true;
        return 0;
}

void trace_me(void) {
        (void)raise(SIGSTOP);
}

int trace_began(struct traced *t) {
        int status;

        if (waitpid(t->pid, &status, WUNTRACED) != t->pid || !WIFSTOPPED(status))
                return -ECHILD;
        if (ptrace(PTRACE_SEIZE, t->pid, 0, OPTIONS) < 0)
                return -errno;
        (void)add_thread(t, t->pid);
        t->counting = t->from == NULL;
        (void)kill(t->pid, SIGCONT);
        (void)ptrace(PTRACE_INTERRUPT, t->pid, 0, 0);
        return 0;
}

/* Lets go of every thread at its next stop. */
static void let_go(struct traced *t) {
        release(t);
        for (unsigned i = 0; i < t->threads_count; i++)
                (void)ptrace(PTRACE_INTERRUPT, t->threads[i].tid, 0, 0);
        while (t->threads_count > 0 && !t->dead) {
                int status;
                pid_t pid = wait_any(t, &status);
                struct thread *thread = find_thread(t, pid);
                int signal = 0;

                if (pid < 0)
                        return;
                if (pid == t->helper) {
                        t->helper_status = status;
                        t->helper = 0;
                } else if (!WIFSTOPPED(status)) {
                        on_end(t, pid, status);
                } else if (thread && thread->replaced) {
                        (void)on_stop(t, pid,
                                        status); /* its result first; then it is asked again */
                        (void)ptrace(PTRACE_INTERRUPT, pid, 0, 0);
                } else {
                        add_new(t, pid, status);
                        if (status >> 16 == 0 && WSTOPSIG(status) != (SIGTRAP | 0x80))
                                signal = WSTOPSIG(status);
                        (void)ptrace(PTRACE_DETACH, pid, 0, signal);
                        forget_thread(t, pid);
                }
        }
}

static void wait_helper(struct traced *t) {
        while (t->helper > 0 && !over(t)) {
                int status;
                pid_t pid = wait_any(t, &status);

                if (pid < 0)
                        return;
                if (pid == t->helper) {
                        t->helper_status = status;
                        t->helper = 0;
                } else if (pid == t->pid && !WIFSTOPPED(status)) {
                        on_end(t, pid, status);
                        return;
                }
        }
}

void trace_run(struct traced *t) {
        bool waits_for_helper = t->helper > 0;

        while (!t->dead && !over(t) && (!waits_for_helper || t->helper > 0)) {
                int status;
                pid_t pid = wait_any(t, &status);

                if (pid < 0)
                        break;
                if (pid == t->helper) {
                        t->helper_status = status;
                        t->helper = 0;
                } else if (WIFSTOPPED(status)) {
                        (void)on_stop(t, pid, status);
                } else {
                        on_end(t, pid, status);
                }
                /* What was to happen has happened: no need to look on. */
                if (t->hit && t->action > 0 && waits_for_helper) {
                        let_go(t);
                        wait_helper(t);
                        return;
                }
        }
        if (!t->dead)
                let_go(t);
}
