/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dtgov-identify: answers one question on its standard input, a connected SOCK_SEQPACKET, and ends.
 * Uid 0 without a capability, since the sockets of engines are root's; it can open /proc and
 * nothing else, and sends an engine nothing but one GET. Exit status: 0 answered, 1 an error, 2
 * wrong usage.
 */
#include "governor/identify/identify.h"
#include "governor/kernel/sandbox.h"

#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define CONNECTION_FD     STDIN_FILENO
#define REQUEST_WAIT_MSEC 5000
#define MEMORY_MAX        (384 * MIB) /* of a document of 4 MiB, whatever is in it */

static const char usage[] =
                "usage: dtgov-identify [--docker SOCKET]... [--podman SOCKET]... [--proc DIR]\n"
                "                      [--allow-unsandboxed] [--help] [--version]\n"
                "Started by systemd when dtgovd asks, not by hand. See dtgov-identify(8).\n";

static const char *const syscalls[] = { "brk", "clock_gettime", "close", "connect", "exit",
        "exit_group", "fcntl", "fstat", "futex", "getegid", "geteuid", "getgid", "getpid",
        "getrandom", "getsockopt", "gettid", "getuid", "lseek", "madvise", "mmap", "mprotect",
        "mremap", "munmap", "newfstatat", "openat", "poll", "ppoll", "read", "recvfrom", "recvmsg",
        "restart_syscall", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sendmsg", "sendto",
        "setsockopt", "socket", "tgkill", "write", "writev" };

struct options {
        struct identify_sockets sockets;
        const char *proc_dir;
        bool allow_unsandboxed;
};

enum { OPT_DOCKER = 256, OPT_PODMAN, OPT_PROC, OPT_UNSANDBOXED };

static int add_socket(
                struct options *o, enum engine_kind engine, const char *path, struct error *err) {
        struct identify_sockets *s = &o->sockets;

        if (s->count == IDENTIFY_SOCKETS_MAX)
                return error_set(err, -EINVAL, "more than %d sockets", IDENTIFY_SOCKETS_MAX);
        s->list[s->count++] = (struct identify_socket){ engine, path };
        return 0;
}

/* Returns: 1 to go on, 0 all is said; below 0 with @err */
static int parse_arguments(int argc, char **argv, struct options *o, struct error *err) {
        static const struct option options[] = {
                { "docker", required_argument, NULL, OPT_DOCKER },
                { "podman", required_argument, NULL, OPT_PODMAN },
                { "proc", required_argument, NULL, OPT_PROC },
                { "allow-unsandboxed", no_argument, NULL, OPT_UNSANDBOXED },
                { "help", no_argument, NULL, 'h' },
                { "version", no_argument, NULL, 'V' },
                {},
        };
        int c, r = 0;

        while (r >= 0 && (c = getopt_long(argc, argv, "hV", options, NULL)) >= 0) {
                if (c == OPT_DOCKER || c == OPT_PODMAN)
                        r = add_socket(o, c == OPT_DOCKER ? ENGINE_DOCKER : ENGINE_PODMAN, optarg,
                                        err);
                else if (c == OPT_PROC)
                        o->proc_dir = optarg;
                else if (c == OPT_UNSANDBOXED)
                        o->allow_unsandboxed = true;
                else if (c == 'V')
                        return puts("dtgov-identify " DTGOV_VERSION) < 0 ? -EIO : 0;
                else if (c == 'h')
                        return fputs(usage, stdout) < 0 ? -EIO : 0;
                else
                        return error_set(err, -EINVAL, "see dtgov-identify --help");
        }
        if (r < 0)
                return r;
        if (optind < argc)
                return error_set(err, -EINVAL, "'%s' is one argument too many", argv[optind]);
        if (o->sockets.count == 0) {
                (void)add_socket(o, ENGINE_DOCKER, "/run/docker.sock", err);
                (void)add_socket(o, ENGINE_PODMAN, "/run/podman/podman.sock", err);
        }
        return 1;
}

static int confine(const struct options *o, struct error *err) {
        const struct sandbox_path paths[] = { { o->proc_dir, SANDBOX_READ } };
        const struct rlimit memory = { MEMORY_MAX, MEMORY_MAX };
        struct sandbox s = { .uid = (uid_t)-1,
                .gid = (gid_t)-1,
                .paths = paths,
                .paths_count = ARRAY_LEN(paths),
                .syscalls = syscalls,
                .syscalls_count = ARRAY_LEN(syscalls),
                .allow_unsandboxed = o->allow_unsandboxed };
        int r;

        (void)setrlimit(RLIMIT_AS, &memory);
        r = sandbox_drop(&s, err);
        if (r >= 0)
                r = sandbox_enter(&s, err);
        if (r == 0)
                r = sandbox_selftest("/sys/fs/cgroup", err);
        return r;
}

/* Only the same user may ask: root, which is dtgovd. */
static int check_peer(struct error *err) {
        struct ucred peer;
        socklen_t len = sizeof(peer);

        if (getsockopt(CONNECTION_FD, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
                return error_errno(err, -errno, "standard input is no connection");
        if (peer.uid != geteuid())
                return error_set(err, -EPERM, "uid %u may not ask", (unsigned)peer.uid);
        return 0;
}

static int receive(struct identity_request *ret, struct error *err) {
        struct pollfd p = { .fd = CONNECTION_FD, .events = POLLIN };
        struct container *c = &ret->container;
        ssize_t n;

        if (poll(&p, 1, REQUEST_WAIT_MSEC) <= 0)
                return error_set(err, -ETIMEDOUT, "nothing was asked");
        n = recv(CONNECTION_FD, ret, sizeof(*ret), MSG_DONTWAIT | MSG_TRUNC);
        if (n != (ssize_t)sizeof(*ret) || ret->version != IDENTITY_VERSION || ret->size != n)
                return error_set(
                                err, -EPROTO, "the question is of another version: restart dtgovd");
        c->id[sizeof(c->id) - 1] = c->cgroup[sizeof(c->cgroup) - 1] = '\0';
        c->bundle[sizeof(c->bundle) - 1] = '\0';
        return container_id_valid(c->id) ? 0 : error_set(err, -EINVAL, "no id of a container");
}

static int answer(const struct options *o, struct error *err) {
        CLEANUP(closep) int proc_fd = open(o->proc_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        struct identity_request request;
        struct identity identity;
        int r;

        if (proc_fd < 0)
                return error_errno(err, -errno, "%s", o->proc_dir);
        r = check_peer(err);
        if (r >= 0)
                r = receive(&request, err);
        if (r < 0)
                return r;
        identify(&o->sockets, proc_fd, IDENTIFY_WAIT_USEC, &request.container, &identity);
        if (send(CONNECTION_FD, &identity, sizeof(identity), MSG_NOSIGNAL) < 0)
                return error_errno(err, -errno, "the answer");
        return 0;
}

int main(int argc, char **argv) {
        struct options o = { .proc_dir = "/proc" };
        struct error err = { "" };
        int r = parse_arguments(argc, argv, &o, &err);

        if (r < 0) {
                (void)fprintf(stderr, "dtgov-identify: %s\n", err.text);
                return 2;
        }
        if (r == 0)
                return 0;
        r = confine(&o, &err);
        if (r >= 0)
                r = answer(&o, &err);
        if (r < 0)
                (void)fprintf(stderr, "%sdtgov-identify: %s\n",
                                secure_getenv("JOURNAL_STREAM") ? "<3>" : "", err.text);
        return r < 0 ? 1 : 0;
}
