/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/control/confine.h"

#include "governor/control/control.h"
#include "governor/control/setup.h"
#include "governor/kernel/sandbox.h"

#include <linux/capability.h>
#include <stdio.h>
#include <string.h>

/*
 * In the order of what needs them: the event loop, files, sockets (control, link, PID 1, the log),
 * threads, memory, time, and what the C library does by itself.
 */
#define SYSCALLS                                                                                   \
        "epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd2 timerfd_create "     \
        "timerfd_settime timerfd_gettime signalfd4 inotify_init1 inotify_add_watch poll ppoll "    \
        "openat openat2 close close_range read pread64 write pwrite64 writev lseek fstat "         \
        "newfstatat statx fstatfs statfs getdents64 fcntl flock fsync fdatasync fallocate "        \
        "ftruncate renameat renameat2 rename unlinkat unlink readlinkat readlink faccessat "       \
        "faccessat2 access dup dup3 umask ioctl fadvise64 "                                        \
        "socket connect accept4 listen bind getsockopt setsockopt getsockname getpeername "        \
        "recvmsg recvfrom sendmsg sendto shutdown socketpair "                                     \
        "clone clone3 futex rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack tgkill "          \
        "restart_syscall "                                                                         \
        "sched_yield sched_getaffinity exit exit_group set_robust_list rseq membarrier "           \
        "brk mmap munmap mremap mprotect madvise "                                                 \
        "clock_gettime clock_getres clock_nanosleep gettimeofday nanosleep getpid gettid getppid " \
        "pidfd_open "                                                                              \
        "getuid geteuid getgid getegid getgroups getrandom sysinfo uname prctl prlimit64"

int confine(struct control *c, const struct options *o, struct error *err) {
        char names[] = SYSCALLS, *rest = names, *one;
        const char *syscalls[sizeof(names) / 2]; /* of a letter and a space at least */
        size_t syscalls_count = 0;
        char containers[512], registries[512], journal[512], trusted[512];
        const struct sandbox_path paths[] = {
                { c->root.path, SANDBOX_WRITE },
                { "/proc", SANDBOX_READ },
                { "/sys/block", SANDBOX_READ },
                { "/sys/devices", SANDBOX_READ },
                { o->run_dir, SANDBOX_READ },
                { containers, SANDBOX_READ_UNLINK },
                { registries, SANDBOX_READ_UNLINK },
                { o->config_dir, SANDBOX_READ },
                { journal, SANDBOX_MAKE },
                { trusted, SANDBOX_MAKE },
                { "/run/systemd", SANDBOX_READ },
                { "/run/dbus", SANDBOX_READ },
                { "/usr/lib", SANDBOX_READ },
                { "/lib", SANDBOX_READ },
                { "/lib64", SANDBOX_READ },
                { "/etc/ld.so.cache", SANDBOX_READ },
                { "/etc/nsswitch.conf", SANDBOX_READ },
                { "/etc/passwd", SANDBOX_READ },
                { "/etc/group", SANDBOX_READ },
                { "/etc/localtime", SANDBOX_READ },
        };
        struct sandbox s = {
                .uid = (uid_t)-1,
                .gid = (gid_t)-1,
                .capabilities = 1ULL << CAP_SYS_RESOURCE,
                .paths = paths,
                .paths_count = ARRAY_LEN(paths),
                .syscalls = syscalls,
                .allow_unsandboxed = o->allow_unsandboxed || c->config.allow_unsandboxed,
        };
        int r;

        while ((one = strsep(&rest, " ")))
                syscalls[syscalls_count++] = one;
        s.syscalls_count = syscalls_count;
        (void)snprintf(containers, sizeof(containers), "%s/containers", o->run_dir);
        (void)snprintf(registries, sizeof(registries), "%s/registries", o->run_dir);
        (void)snprintf(journal, sizeof(journal), "%s/journal", o->state_dir);
        (void)snprintf(trusted, sizeof(trusted), "%s/trusted", o->state_dir);
        r = sandbox_drop(&s, err);
        if (r >= 0)
                r = sandbox_enter(&s, err);
        if (r == 0)
                r = sandbox_selftest(c->root.path, err);
        c->sandboxed = r == 0;
        return r;
}
