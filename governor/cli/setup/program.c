/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/cli/setup/program.h"

#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#define PATH_MAX_ 512
#define EXTRA_FD  3

static const char *const folders[] = { "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin",
        "/sbin", "/bin" };

/* What comes from one pipe. */
struct stream {
        int fd;
        char *text;
        size_t used, size;
};

void program_done(struct program_answer *a) {
        free(TAKE(a->out));
        free(TAKE(a->said));
}

bool program_find(const char *root, const char *name, char *out, size_t size) {
        if (name[0] == '/') {
                int n = snprintf(out, size, "%s%s", root, name);

                return n > 0 && (size_t)n < size && access(out, X_OK) == 0;
        }
        for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
                int n = snprintf(out, size, "%s%s/%s", root, folders[i], name);

                if (n > 0 && (size_t)n < size && access(out, X_OK) == 0)
                        return true;
        }
        return false;
}

static uint64_t now_ms(void) {
        struct timespec t;

        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / NSEC_PER_MSEC;
}

/* Takes what there is; what is too much is read and dropped. Closes the stream at its end. */
static int take(struct stream *s) {
        char drop[4096];
        ssize_t n;

        if (s->size - s->used < sizeof(drop) && s->size < PROGRAM_OUTPUT_MAX) {
                size_t size = s->size ? s->size * 2 : 2 * sizeof(drop);
                char *text = realloc(s->text, size);

                if (!text)
                        return -ENOMEM;
                s->text = text;
                s->size = size;
        }
        if (s->size - s->used > 1)
                n = read(s->fd, s->text + s->used, s->size - s->used - 1);
        else
                n = read(s->fd, drop, sizeof(drop));
        if (n > 0 && s->size - s->used > 1)
                s->used += (size_t)n;
        if (n <= 0 && !(n < 0 && errno == EINTR)) {
                (void)close(s->fd);
                s->fd = -1;
        }
        s->text[s->used] = '\0';
        return 0;
}

/* Reads both streams to their end. Errors: -ETIME the time is over; -ENOMEM */
static int drain(struct stream streams[2], uint64_t deadline) {
        while (streams[0].fd >= 0 || streams[1].fd >= 0) {
                struct pollfd fds[2] = { { .fd = streams[0].fd, .events = POLLIN },
                        { .fd = streams[1].fd, .events = POLLIN } };
                uint64_t now = now_ms();

                if (now >= deadline)
                        return -ETIME;
                if (poll(fds, 2, (int)(deadline - now)) < 0 && errno != EINTR)
                        return -errno;
                for (size_t i = 0; i < 2; i++)
                        if (fds[i].revents && take(&streams[i]) < 0)
                                return -ENOMEM;
        }
        return 0;
}

/* Waits until @deadline for the end of the program. Errors: -ETIME */
static int reap(pid_t pid, uint64_t deadline, int *ret_status) {
        while (waitpid(pid, ret_status, WNOHANG) == 0) {
                if (now_ms() >= deadline)
                        return -ETIME;
                (void)usleep(5000);
        }
        return 0;
}

/* Of the real user, not of $HOME: sudo may leave root the one of another. */
static void home_of(uid_t uid, char *out, size_t size) {
        const struct passwd *who = uid == 0 ? NULL : getpwuid(uid);
        const char *home = who && who->pw_dir && who->pw_dir[0] == '/' ? who->pw_dir : "/";
        int n = snprintf(out, size, "HOME=%s", uid == 0 ? "/root" : home);

        if (n < 0 || (size_t)n >= size)
                (void)snprintf(out, size, "HOME=/");
}

static int spawn(
                const char *path, const char *const *argv, const int pipes[2], int fd, pid_t *ret) {
        char home[PATH_MAX_];
        const char *const environment[] = {
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C",
                home, NULL
        };
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        sigset_t none, standard;
        int r;

        home_of(getuid(), home, sizeof(home));
        (void)sigemptyset(&none);
        (void)sigemptyset(&standard);
        (void)sigaddset(&standard, SIGPIPE);
        if (posix_spawnattr_init(&attributes) != 0)
                return -ENOMEM;
        if (posix_spawn_file_actions_init(&actions) != 0) {
                (void)posix_spawnattr_destroy(&attributes);
                return -ENOMEM;
        }
        (void)posix_spawnattr_setflags(&attributes,
                        POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
        (void)posix_spawnattr_setsigmask(&attributes, &none);
        (void)posix_spawnattr_setsigdefault(&attributes, &standard);
        r = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        if (r == 0)
                r = posix_spawn_file_actions_adddup2(&actions, pipes[0], STDOUT_FILENO);
        if (r == 0)
                r = posix_spawn_file_actions_adddup2(&actions, pipes[1], STDERR_FILENO);
        if (r == 0 && fd >= 0)
                r = posix_spawn_file_actions_adddup2(&actions, fd, EXTRA_FD);
        if (r == 0)
                r = posix_spawn(ret, path, &actions, &attributes, (char *const *)(uintptr_t)argv,
                                (char *const *)(uintptr_t)environment);
        (void)posix_spawn_file_actions_destroy(&actions);
        (void)posix_spawnattr_destroy(&attributes);
        return -r;
}

/* Runs it and takes what it writes. Errors: -ETIME it was killed */
static int run(const char *path, const char *const *argv, unsigned seconds, int fd,
                struct stream streams[2], int *ret_status) {
        uint64_t deadline = now_ms() + seconds * 1000ULL;
        int out[2], said[2], r;
        pid_t pid = -1;

        if (pipe2(out, O_CLOEXEC) < 0)
                return -errno;
        if (pipe2(said, O_CLOEXEC) < 0) {
                r = -errno;
                (void)close(out[0]);
                (void)close(out[1]);
                return r;
        }
        streams[0].fd = out[0];
        streams[1].fd = said[0];
        r = spawn(path, argv, (int[]){ out[1], said[1] }, fd, &pid);
        (void)close(out[1]);
        (void)close(said[1]);
        if (r < 0)
                return r;
        r = drain(streams, deadline);
        if (r == 0)
                r = reap(pid, deadline, ret_status);
        if (r < 0 && pid > 0) {
                (void)kill(-pid, SIGKILL);
                (void)waitpid(pid, ret_status, 0);
        }
        return r;
}

int program_run(const char *root, const char *const *argv, unsigned seconds, int fd,
                struct program_answer *ret, struct error *err) {
        struct stream streams[2] = { { .fd = -1 }, { .fd = -1 } };
        char path[PATH_MAX_];
        int r, status = 0;

        *ret = (struct program_answer){ 0 };
        if (!program_find(root, argv[0], path, sizeof(path)))
                return error_set(err, -ENOENT, "there is no program '%s'", argv[0]);
        r = run(path, argv, seconds, fd, streams, &status);
        for (size_t i = 0; i < 2; i++)
                if (streams[i].fd >= 0)
                        (void)close(streams[i].fd);
        ret->out = streams[0].text ? streams[0].text : strdup("");
        ret->said = streams[1].text ? streams[1].text : strdup("");
        if (r == -ETIME)
                return error_set(err, r,
                                "'%s' did not end within %u s: the machine is busy, or it hangs: "
                                "try again",
                                argv[0], seconds);
        if (r < 0)
                return error_errno(err, r, "'%s' cannot be run", argv[0]);
        if (!ret->out || !ret->said)
                return error_set(err, -ENOMEM, "out of memory");
        for (size_t len = strlen(ret->said); len > 0 && strchr("\r\n", ret->said[len - 1]);)
                ret->said[--len] = '\0';
        ret->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        return 0;
}
