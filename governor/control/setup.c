/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/control/setup.h"

#include "governor/control/control.h"
#include "state/file.h"
#include "state/parse.h"
#include "state/text.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#define LINK_FD_NUMBER  3 /* in the observer, as its arguments say */
#define QUERY_FD_NUMBER 4

int setup_directory(const char *path, mode_t mode, uid_t uid, gid_t gid, struct error *err) {
        CLEANUP(closep) int fd = -1;
        struct stat st;

        if (mkdir(path, mode) < 0 && errno != EEXIST)
                return error_errno(err, -errno, "%s", path);
        fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 && errno == ENOTDIR) /* a symbolic link too */
                return error_set(err, -EPERM,
                                "E_UNSAFE_PATH: %s is not a directory itself; look at it, then "
                                "run: rm %s",
                                path, path);
        if (fd < 0 || fstat(fd, &st) < 0)
                return error_errno(err, -errno, "%s", path);
        if (st.st_uid == geteuid() && (st.st_uid != uid || (st.st_mode & 07777) != mode)) {
                if (fchmod(fd, mode) < 0 || fchown(fd, uid, gid) < 0 || fstat(fd, &st) < 0)
                        return error_errno(err, -errno, "%s", path);
        }
        if (st.st_uid != uid || (st.st_mode & (S_IWGRP | S_IWOTH)))
                return error_set(err, -EPERM,
                                "E_UNSAFE_PATH: %s can be written by others; run: chown %u %s && "
                                "chmod %o %s",
                                path, (unsigned)uid, path, (unsigned)mode, path);
        return take_fd(&fd);
}

int setup_directories(
                struct control *c, const struct options *o, struct setup *s, struct error *err) {
        uid_t root = geteuid();
        const struct {
                const char *above, *name;
                mode_t mode;
                uid_t uid;
                gid_t gid;
                int *keep_fd;
        } dirs[] = {
                { o->run_dir, "", 0755, root, getegid(), NULL },
                { o->run_dir, "/containers", 0700, root, getegid(), &c->containers_fd },
                { o->run_dir, "/registries", 0700, root, getegid(), NULL },
                { o->state_dir, "", 0755, root, getegid(), NULL },
                { o->state_dir, "/journal", 0700, root, getegid(), &c->journal_fd },
                { o->state_dir, "/trusted", 0700, root, getegid(), NULL },
                { o->state_dir, "/history", 0700, s->observer_uid, s->observer_gid, NULL },
        };
        char path[512];

        for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
                int fd;

                if ((o->recover || o->rollback) && strcmp(dirs[i].name, "/history") == 0)
                        continue; /* the observer's own */
                (void)snprintf(path, sizeof(path), "%s%s", dirs[i].above, dirs[i].name);
                fd = setup_directory(path, dirs[i].mode, dirs[i].uid, dirs[i].gid, err);
                if (fd == -EACCES && dirs[i].uid != root)
                        continue; /* the observer's own already: no capability opens it here */
                if (fd < 0)
                        return fd;
                if (dirs[i].keep_fd)
                        *dirs[i].keep_fd = fd;
                else
                        (void)close(fd);
        }
        (void)snprintf(path, sizeof(path), "%s/registries", o->run_dir);
        return registries_open(c, path, err);
}

int setup_lock(const struct options *o, struct setup *s, struct error *err) {
        char path[512], pid[32] = "";
        int n;

        (void)snprintf(path, sizeof(path), "%s/dtgovd.lock", o->run_dir);
        s->lock_fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        /* Whoever may read a file may lock it. */
        if (s->lock_fd < 0 || fchmod(s->lock_fd, 0600) < 0)
                return error_errno(err, -errno, "%s", path);
        if (flock(s->lock_fd, LOCK_EX | LOCK_NB) < 0) {
                (void)file_read_fd(s->lock_fd, pid, sizeof(pid));
                return error_set(err, -EBUSY,
                                "already running (pid %s); to take changes back run: dtgov "
                                "rollback",
                                pid[0] ? pid : "unknown");
        }
        n = snprintf(pid, sizeof(pid), "%d", (int)getpid());
        if (ftruncate(s->lock_fd, 0) < 0 || pwrite(s->lock_fd, pid, (size_t)n, 0) < 0)
                return error_errno(err, -errno, "%s", path);
        return 0;
}

int setup_observer_user(const struct options *o, struct setup *s, struct error *err) {
        const struct passwd *user;
        uint64_t uid;

        s->observer_uid = geteuid();
        s->observer_gid = getegid();
        if (geteuid() != 0 || o->recover || o->rollback)
                return 0; /* a trial on a tree of one's own; or what needs no observer at all */
        if (parse_u64(o->observer_user, &uid) == 0) {
                s->observer_uid = (uid_t)uid;
                s->observer_gid = (gid_t)uid;
                return 0;
        }
        user = getpwnam(o->observer_user);
        if (!user)
                return error_set(err, -ENOENT,
                                "no user '%s': make it (useradd --system %s) or give "
                                "--observer-user UID",
                                o->observer_user, o->observer_user);
        s->observer_uid = user->pw_uid;
        s->observer_gid = user->pw_gid;
        return 0;
}

static int take_passed(struct setup *s) {
        char **names = NULL;
        int n = sd_listen_fds_with_names(/* unset_environment= */ 1, &names);

        for (int i = 0; i < n; i++) {
                int fd = SD_LISTEN_FDS_START + i;

                (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
                if (strcmp(names[i], "control") == 0)
                        s->control_fd = fd;
                else if (strcmp(names[i], "link") == 0)
                        s->link_listen_fd = fd;
                else
                        (void)close(fd);
                free(names[i]);
        }
        free(names);
        return n;
}

int setup_sockets(const struct options *o, struct setup *s, struct error *err) {
        char path[512];
        int r = take_passed(s);

        if (s->control_fd < 0) {
                (void)snprintf(path, sizeof(path), "%s/control.sock", o->run_dir);
                r = varlink_listen(path, 0666, &s->control_fd, err);
        }
        if (r >= 0 && s->link_listen_fd < 0 && !o->no_observer) {
                (void)snprintf(path, sizeof(path), "%s/query.sock", o->run_dir);
                r = varlink_listen(path, 0666, &s->query_fd, err);
        }
        return r < 0 ? r : 0;
}

/* Beside this program, as after "make"; else where it is installed. */
static void find_observer(char *path, size_t size) {
        ssize_t n = readlink("/proc/self/exe", path, size - 32);
        char *slash;

        path[n > 0 ? n : 0] = '\0';
        slash = strrchr(path, '/');
        if (slash)
                (void)text_copy(slash + 1, size - (size_t)(slash + 1 - path), "dtgov-observer");
        if (!slash || access(path, X_OK) < 0)
                (void)snprintf(path, size, "%s", DTGOV_LIBEXECDIR "/dtgov-observer");
}

/* Of the child: any failure is its end. */
static int must(int r) {
        if (r < 0)
                _exit(1);
        return r;
}

/* In the child: only system calls until the exec. */
static void run_observer(
                const struct options *o, const struct setup *s, int link_fd, const char *path) {
        int link_copy = must(fcntl(link_fd, F_DUPFD, 16));
        int query_copy = must(fcntl(s->query_fd, F_DUPFD, 16));

        (void)must(dup2(link_copy, LINK_FD_NUMBER));
        (void)must(dup2(query_copy, QUERY_FD_NUMBER));
        (void)must(close_range(QUERY_FD_NUMBER + 1, ~0U, 0));
        if (geteuid() == 0) {
                (void)must(setgroups(0, NULL));
                (void)must(setresgid(s->observer_gid, s->observer_gid, s->observer_gid));
                (void)must(setresuid(s->observer_uid, s->observer_uid, s->observer_uid));
        }
        (void)must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
        (void)execl(path, path, "--run-dir", o->run_dir, "--state-dir", o->state_dir, "--link-fd",
                        "3", "--query-fd", "4", o->allow_unsandboxed ? "--allow-unsandboxed" : NULL,
                        NULL);
        _exit(1);
}

int setup_observer(const struct options *o, struct setup *s, struct error *err) {
        char path[512];
        int pair[2];
        pid_t pid;

        if (s->link_listen_fd >= 0 || o->no_observer)
                return 0;
        find_observer(path, sizeof(path));
        if (access(path, X_OK) < 0)
                return error_errno(err, -errno, "%s (--no-observer goes without)", path);
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
                return error_errno(err, -errno, "the link");
        pid = fork();
        if (pid == 0)
                run_observer(o, s, pair[1], path);
        (void)close(pair[1]);
        (void)close(take_fd(&s->query_fd));
        s->link_fd = pair[0];
        return pid < 0 ? error_errno(err, -errno, "starting %s", path) : 0;
}
