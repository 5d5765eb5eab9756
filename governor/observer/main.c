/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dtgov-observer: samples, analyses, proposes. It holds no right: what it reads, everybody may
 * read; what it finds, dtgovd decides about.
 */
#include "governor/kernel/journald.h"
#include "governor/kernel/sandbox.h"
#include "governor/observer/manager.h"
#include "state/log.h"
#include "state/parse.h"

#include <getopt.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

static const char usage[] =
                "usage: dtgov-observer [--run-dir DIR] [--state-dir DIR] [--link-fd N] [--query-fd "
                "N]\n"
                "                      [--proc DIR] [--allow-unsandboxed] [--help] [--version]\n"
                "Started by systemd or by dtgovd, not by hand. See dtgov-observer(8).\n";

/* Everything that the event loop, varlink and the files of /proc and cgroups need. */
static const char *const syscalls[] = { "accept4", "brk", "clock_gettime", "clock_nanosleep",
        "close", "connect", "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2",
        "epoll_wait", "exit", "exit_group", "fcntl", "fdatasync", "fstat", "fstatfs", "fsync",
        "futex", "getdents64", "geteuid", "getegid", "getgid", "getpid", "getrandom", "getsockname",
        "getsockopt", "gettid", "getuid", "gettimeofday", "lseek", "madvise", "mmap", "mprotect",
        "mremap", "munmap", "newfstatat", "openat", "openat2", "ppoll", "poll", "prctl", "pread64",
        "pwrite64", "read", "readlinkat", "readv", "recvfrom", "recvmsg", "renameat", "renameat2",
        "restart_syscall", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sched_getaffinity",
        "sched_yield", "sendmsg", "sendto", "set_robust_list", "setsockopt", "shutdown",
        "sigaltstack", "signalfd4", "socket", "statx", "sysinfo", "tgkill", "timerfd_create",
        "timerfd_settime", "uname", "unlinkat", "write", "writev" };

static int parse_fd(const char *name, const char *text, int *ret, struct error *err) {
        uint64_t value;

        if (parse_u64(text, &value) < 0 || value < 3 || value > 65535)
                return error_set(err, -EINVAL, "%s: '%s' is no inherited fd: want 3 or more", name,
                                text);
        *ret = (int)value;
        return 0;
}

struct arguments {
        struct manager_options options;
        char history_dir[CONTAINER_PATH_SIZE];
};

enum { OPT_RUN_DIR = 256, OPT_STATE_DIR, OPT_LINK_FD, OPT_QUERY_FD, OPT_PROC, OPT_UNSANDBOXED };

/* Returns: 1 to go on, 0 all is said; below 0 with @err */
static int parse_arguments(int argc, char **argv, struct arguments *ret, struct error *err) {
        static const struct option options[] = {
                { "run-dir", required_argument, NULL, OPT_RUN_DIR },
                { "state-dir", required_argument, NULL, OPT_STATE_DIR },
                { "link-fd", required_argument, NULL, OPT_LINK_FD },
                { "query-fd", required_argument, NULL, OPT_QUERY_FD },
                { "proc", required_argument, NULL, OPT_PROC },
                { "allow-unsandboxed", no_argument, NULL, OPT_UNSANDBOXED },
                { "help", no_argument, NULL, 'h' },
                { "version", no_argument, NULL, 'V' },
                {},
        };
        struct manager_options *o = &ret->options;
        const char *state_dir = "/var/lib/dtgov";
        int c, r = 0;

        *o = (struct manager_options){
                .run_dir = "/run/dtgov", .proc_dir = "/proc", .link_fd = -1, .query_fd = -1
        };
        while (r >= 0 && (c = getopt_long(argc, argv, "hV", options, NULL)) >= 0) {
                if (c == OPT_RUN_DIR)
                        o->run_dir = optarg;
                else if (c == OPT_STATE_DIR)
                        state_dir = optarg;
                else if (c == OPT_PROC)
                        o->proc_dir = optarg;
                else if (c == OPT_LINK_FD)
                        r = parse_fd("--link-fd", optarg, &o->link_fd, err);
                else if (c == OPT_QUERY_FD)
                        r = parse_fd("--query-fd", optarg, &o->query_fd, err);
                else if (c == OPT_UNSANDBOXED)
                        o->allow_unsandboxed = true;
                else if (c == 'V')
                        return puts("dtgov-observer " DTGOV_VERSION) < 0 ? -EIO : 0;
                else if (c == 'h')
                        return fputs(usage, stdout) < 0 ? -EIO : 0;
                else
                        return error_set(err, -EINVAL, "see dtgov-observer --help");
        }
        if (r < 0)
                return r;
        if (optind < argc)
                return error_set(err, -EINVAL, "'%s' is one argument too many: see --help",
                                argv[optind]);

        (void)snprintf(ret->history_dir, sizeof(ret->history_dir), "%s/history", state_dir);
        o->history_dir = ret->history_dir;
        return 1;
}

/* As systemd passes them: query.sock, and the link of a dtgovd that starts the observer. */
static int take_activation(struct manager_options *o, struct error *err) {
        char **names = NULL;
        int n = sd_listen_fds_with_names(/* unset_environment= */ 1, &names);

        if (n < 0)
                return error_errno(err, n, "cannot read the sockets that were passed");
        for (int i = 0; i < n; i++) {
                int fd = SD_LISTEN_FDS_START + i;
                int *taker = strcmp(names[i], "link") == 0 ? &o->link_fd : &o->query_fd;

                if (*taker < 0)
                        *taker = fd;
                else
                        (void)close(fd);
                free(names[i]);
        }
        free(names);
        return 0;
}

/* Started as root it becomes the user dtgov before it opens anything. */
static int choose_user(struct sandbox *s, struct error *err) {
        const struct passwd *user;

        if (geteuid() != 0)
                return 0;
        user = getpwnam("dtgov");
        if (!user || user->pw_uid == 0)
                return error_set(err, -EPERM,
                                "started as root and there is no user 'dtgov': make one "
                                "(systemd-sysusers), or let dtgovd start the observer with "
                                "--observer-user UID");
        s->uid = user->pw_uid;
        s->gid = user->pw_gid;
        return 0;
}

static int run(const struct manager_options *o, struct error *err) {
        const struct sandbox_path paths[] = {
                { "/sys/fs/cgroup", SANDBOX_READ },
                { "/proc", SANDBOX_READ },
                { o->proc_dir, SANDBOX_READ },
                { o->history_dir, SANDBOX_MAKE },
        };
        struct sandbox s = { .uid = (uid_t)-1,
                .gid = (gid_t)-1,
                .paths = paths,
                .paths_count = ARRAY_LEN(paths),
                .syscalls = syscalls,
                .syscalls_count = ARRAY_LEN(syscalls),
                .allow_unsandboxed = o->allow_unsandboxed };
        struct rlimit files;
        struct manager *m;
        int r;

        /* Fifteen for each container. */
        if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
                files.rlim_cur = files.rlim_max;
                (void)setrlimit(RLIMIT_NOFILE, &files);
        }
        r = choose_user(&s, err);
        if (r >= 0)
                r = sandbox_drop(&s, err);
        if (r < 0)
                return r;
        r = manager_new(&m, o, err);
        if (r < 0)
                return r;

        r = sandbox_enter(&s, err);
        if (r > 0)
                log_warning("%s; going on without", err->text);
        else if (r == 0)
                r = sandbox_selftest("/sys/fs/cgroup", err);
        if (r >= 0)
                r = manager_run(m, err);
        manager_free(m);
        return r;
}

int main(int argc, char **argv) {
        struct arguments arguments;
        struct error err = {};
        int r;

        r = parse_arguments(argc, argv, &arguments, &err);
        if (r < 0) {
                (void)fprintf(stderr, "dtgov-observer: %s\n", err.text);
                return 2;
        }
        if (r == 0)
                return 0;

        journald_take_log("dtgov-observer");
        r = take_activation(&arguments.options, &err);
        if (r >= 0)
                r = run(&arguments.options, &err);
        if (r < 0) {
                (void)fprintf(stderr, "dtgov-observer: %s\n", err.text);
                return 1;
        }
        return 0;
}
