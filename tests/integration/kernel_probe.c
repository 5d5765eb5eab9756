/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kernel_probe COMMAND [ARG...]: lets a script use governor/kernel on a real kernel and systemd.
 *
 *   root                      the mount, what is governed
 *   open PATH                inode of a cgroup
 *   limits PATH              every limit file and its text, a line each
 *   write PATH FILE WORDS    as a person writes them
 *   parent PATH FILE         the tightest ancestor
 *   ladder PATH SECONDS      arms it; how often each trigger fired
 *   scan                     id, flags, pid and path of every container
 *   unit PATH                the unit whose cgroup it is
 *   check PATH | tell PATH   of that unit
 *   stale PATH               holds the cgroup, waits for a line, then opens through what it held
 *   sandbox PATH             confined like dtgovd: the self-test, then what it has to do
 *   attempt WHAT             confined likewise: exec, ptrace, mount, fork, inet, exec-map, thread,
 * late
 *
 * Status 0 when it worked; else 1 and "CODE: TEXT" on standard output.
 */
#include "governor/kernel/cgroup.h"
#include "governor/kernel/cgroup_write.h"
#include "governor/kernel/proc.h"
#include "governor/kernel/psi_arm.h"
#include "governor/kernel/sandbox.h"
#include "governor/kernel/scan.h"
#include "governor/kernel/systemd.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "state/file.h"

static struct cgroup_root root;
static struct error err;

static int open_cgroup(const char *path, uint64_t *ret_inode) {
        int fd = -1, r;

        r = cgroup_open(&root, path, &fd, ret_inode, &err);
        return r < 0 ? r : fd;
}

static int do_root(char **args) {
        (void)args;
        (void)printf("%s governs '%s'\n", root.path, root.prefix);
        return 0;
}

static int do_open(char **args) {
        uint64_t inode = 0;
        int fd = open_cgroup(args[0], &inode);

        if (fd < 0)
                return fd;
        (void)printf("%llu\n", (unsigned long long)inode);
        return 0;
}

static int do_limits(char **args) {
        CLEANUP(limits_done) struct limits limits = { 0 };
        int r, fd = open_cgroup(args[0], NULL);

        if (fd < 0)
                return fd;
        r = cgroup_read_limits(fd, &limits);
        for (int i = 0; r == 0 && i < KNOB_COUNT; i++)
                if (limits.text[i])
                        (void)printf("%s=%s\n", knobs[i].file, limits.text[i]);
        return r;
}

static int do_write(char **args) {
        int r, id = knob_find(args[1]), fd = open_cgroup(args[0], NULL);
        struct knob_value value;

        if (id < 0 || fd < 0)
                return id < 0 ? id : fd;
        r = knob_parse((enum knob_id)id, args[2], &value, &err);
        return r < 0 ? r : cgroup_write(fd, (enum knob_id)id, value);
}

static int do_parent(char **args) {
        char path[CONTAINER_PATH_SIZE], text[KNOB_VALUE_TEXT_MAX];
        int r, id = knob_find(args[1]);
        struct knob_value value;

        if (id < 0)
                return id;
        r = cgroup_parent_limit(
                        &root, args[0], (enum knob_id)id, (struct knob_value){ 0 }, &value, path);
        knob_write_text((enum knob_id)id, value, text, sizeof(text));
        (void)printf("%s %s\n", path, text);
        return r;
}

static int do_ladder(char **args) {
        uint64_t end = proc_boottime_ns() + strtoull(args[1], NULL, 10) * NSEC_PER_SEC;
        struct pollfd polls[LINK_LADDER_FDS] = { 0 };
        unsigned fired[LINK_LADDER_FDS] = { 0 }, mask;
        int fds[LINK_LADDER_FDS], fd = open_cgroup(args[0], NULL);
        nfds_t count = 0;

        if (fd < 0)
                return fd;
        mask = psi_ladder_arm(fd, fds);
        for (nfds_t i = 0; i < (nfds_t)__builtin_popcount(mask); i++)
                polls[count++] = (struct pollfd){ .fd = fds[i], .events = POLLPRI };
        while (proc_boottime_ns() < end && poll(polls, count, 100) >= 0)
                for (nfds_t i = 0; i < count; i++)
                        fired[i] += (polls[i].revents & POLLPRI) != 0;
        (void)printf("mask %o fired", mask);
        for (nfds_t i = 0; i < count; i++)
                (void)printf(" %u", fired[i]);
        (void)printf("\n");
        return 0;
}

static int print_container(void *data, const struct container *c, unsigned flags) {
        (void)data;
        (void)printf("%s %u %d %s\n", c->id, flags, c->pid, c->cgroup);
        return 0;
}

static int do_scan(char **args) {
        CLEANUP(closep) int proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        (void)args;
        return scan_containers(&root, proc_fd, print_container, NULL);
}

static int with_unit(const char *path, const char *what) {
        CLEANUP(limits_done) struct limits limits = { 0 };
        const struct change none = { 0 };
        char unit[SYSTEMD_UNIT_SIZE];
        int r, fd = open_cgroup(path, NULL);

        if (fd < 0)
                return fd;
        if (!systemd_is_here())
                return error_set(&err, -ENOENT, "systemd does not run here");
        r = systemd_unit_of(path, unit);
        if (r <= 0)
                return r < 0 ? r : error_set(&err, -ENOENT, "no unit");
        if (strcmp(what, "unit") == 0) {
                (void)printf("%s\n", unit);
                return systemd_sync(&err);
        }
        r = cgroup_read_limits(fd, &limits);
        if (r < 0)
                return r;
        return strcmp(what, "tell") == 0 ? systemd_tell(unit, &limits, &none, &err)
                                         : systemd_check(unit, &limits, &none, &err);
}

static int do_unit(char **args) {
        return with_unit(args[0], "unit");
}

static int do_check(char **args) {
        return with_unit(args[0], "check");
}

static int do_tell(char **args) {
        return with_unit(args[0], "tell");
}

static int do_stale(char **args) {
        uint64_t value, before = 0, after = 0;
        int fd = open_cgroup(args[0], &before);
        int other;

        if (fd < 0)
                return fd;
        (void)printf("ready\n");
        (void)fflush(stdout);
        (void)getchar();
        other = open_cgroup(args[0], &after);
        (void)printf("read %d write %d populated %d limits %d successor %s\n",
                        cgroup_read_u64(fd, "memory.max", &value),
                        cgroup_write(fd, KNOB_MEMORY_MAX, (struct knob_value){ KNOB_MAX, 0 }),
                        cgroup_populated(fd), cgroup_read_limits(fd, &(struct limits){ 0 }),
                        other >= 0 && after != before ? "differs" : "is the same");
        return 0;
}

static const char *const syscalls[] = { "read", "write", "openat", "openat2", "close", "fstat",
        "newfstatat", "statfs", "fstatfs", "mkdirat", "lseek", "mmap", "munmap", "mprotect", "brk",
        "clone", "futex", "set_robust_list", "rseq", "exit", "exit_group", "rt_sigaction",
        "rt_sigprocmask", "rt_sigreturn", "getdents64", "fcntl", "socket", "connect", "bind",
        "sendmsg", "recvmsg", "sendto", "recvfrom", "getsockopt", "setsockopt", "getsockname",
        "getpeername", "ppoll", "poll", "getpid", "gettid", "getuid", "geteuid", "getgid",
        "getegid", "getrandom", "prctl", "faccessat", "faccessat2", "access", "unlinkat", "uname",
        "ioctl", "shutdown", "madvise", "clock_gettime", "readlinkat", "readlink" };
static const struct sandbox_path paths[] = {
        { "/sys/fs/cgroup", SANDBOX_WRITE },
        { "/proc", SANDBOX_READ },
        { "/run/systemd", SANDBOX_READ },
        { "/run/probe/make", SANDBOX_MAKE },
        { "/run/probe/unlink", SANDBOX_READ_UNLINK },
        { "/usr/lib", SANDBOX_READ },
        { "/lib", SANDBOX_READ },
        { "/nowhere", SANDBOX_READ },
};

static int confine(struct sandbox *s) {
        int r;

        *s = (struct sandbox){ .uid = (uid_t)-1,
                .gid = (gid_t)-1,
                .capabilities = 1ULL << CAP_SYS_RESOURCE,
                .paths = paths,
                .paths_count = ARRAY_LEN(paths),
                .syscalls = syscalls,
                .syscalls_count = ARRAY_LEN(syscalls) };
        r = sandbox_drop(s, &err);
        return r < 0 ? r : sandbox_enter(s, &err);
}

static bool can(const char *path, int flags) {
        CLEANUP(closep) int fd = open(path, flags | O_CLOEXEC, 0600);

        return fd >= 0;
}

/* What dtgovd has to do after the sandbox is shut, and what it must not. */
static int do_sandbox(char **args) {
        CLEANUP(limits_done) struct limits limits = { 0 };
        int fds[LINK_LADDER_FDS], fd, r;
        struct sandbox s;

        r = confine(&s);
        if (r == 0)
                r = sandbox_selftest(root.path, &err);
        if (r != 0)
                return r < 0 ? r : -EOPNOTSUPP;

        fd = open_cgroup(args[0], NULL);
        if (fd < 0)
                return fd;
        (void)printf("limits %d ", cgroup_read_limits(fd, &limits));
        (void)printf("write %d ", cgroup_write(fd, KNOB_PIDS_MAX, (struct knob_value){ 77, 0 }));
        (void)printf("ladder %d ", __builtin_popcount(psi_ladder_arm(fd, fds)));
        (void)printf("make %d ", can("/run/probe/make/new", O_CREAT | O_RDWR));
        (void)printf("truncate %d ", can("/run/probe/make/old", O_TRUNC | O_RDWR));
        (void)printf("remove %d ", unlinkat(AT_FDCWD, "/run/probe/make/old", 0) == 0);
        (void)printf("unlink %d ", unlinkat(AT_FDCWD, "/run/probe/unlink/old", 0) == 0);
        (void)printf("etc %d ", can("/etc/passwd", O_RDONLY));
        (void)printf("make-other %d ", can("/run/probe/unlink/new", O_CREAT | O_RDWR));
        (void)printf("mkdir %d ", mkdirat(AT_FDCWD, "/sys/fs/cgroup/x", 0755) == 0);
        (void)printf("rmdir %d ", unlinkat(AT_FDCWD, "/sys/fs/cgroup/empty", AT_REMOVEDIR) == 0);
        (void)printf("systemd %s\n", !systemd_is_here()        ? "none"
                                     : systemd_sync(&err) == 0 ? "answers"
                                                               : err.text);
        return 0;
}

static void *stay(void *data) {
        (void)pause();
        return data;
}

static void *run_thread(void *data) {
        *(int *)data = 1;
        return NULL;
}

static int do_attempt(char **args) {
        static char *nothing[] = { NULL };
        const char *what = args[0];
        struct sandbox s;
        pthread_t thread;
        int r, ran = 0;

        if (strcmp(what, "late") == 0)
                (void)pthread_create(&thread, NULL, stay, NULL);
        r = confine(&s);
        if (r < 0)
                return r;
        if (strcmp(what, "exec") == 0)
                r = execve("/bin/true", nothing, nothing);
        else if (strcmp(what, "ptrace") == 0)
                r = ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 ? -1 : 0;
        else if (strcmp(what, "mount") == 0)
                r = mount("none", "/mnt", "tmpfs", 0, NULL);
        else if (strcmp(what, "fork") == 0)
                r = fork();
        else if (strcmp(what, "inet") == 0)
                r = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        else if (strcmp(what, "exec-map") == 0)
                r = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
                                                    MAP_FAILED
                                    ? -1
                                    : 0;
        else if (strcmp(what, "thread") == 0) {
                r = -pthread_create(&thread, NULL, run_thread, &ran);
                if (r == 0)
                        r = pthread_join(thread, NULL) == 0 && ran ? 0 : -EIO;
                return r;
        }
        return r < 0 ? -errno : 0;
}

static const struct command {
        const char *name;
        int args;
        int (*run)(char **args);
} commands[] = {
        { "root", 0, do_root },
        { "open", 1, do_open },
        { "limits", 1, do_limits },
        { "write", 3, do_write },
        { "parent", 2, do_parent },
        { "ladder", 2, do_ladder },
        { "scan", 0, do_scan },
        { "unit", 1, do_unit },
        { "check", 1, do_check },
        { "tell", 1, do_tell },
        { "stale", 1, do_stale },
        { "sandbox", 1, do_sandbox },
        { "attempt", 1, do_attempt },
};

int main(int argc, char **argv) {
        for (size_t i = 0; argc > 1 && i < ARRAY_LEN(commands); i++) {
                int r;

                if (strcmp(commands[i].name, argv[1]) != 0 || argc - 2 < commands[i].args)
                        continue;
                r = cgroup_root_open(getenv("PROBE_ROOT"), &root, &err);
                if (r == 0)
                        r = commands[i].run(argv + 2);
                if (r < 0)
                        (void)printf("%s: %s\n", strerrorname_np(-r), err.text);
                return r < 0;
        }
        (void)fprintf(stderr, "usage: kernel_probe COMMAND [ARG...]\n");
        return 2;
}
