/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starts dtgovd with the sockets that a service manager would pass, plays the observer, and makes
 * requests. The sockets outlive the daemons, so that nobody has to wait for them to appear.
 */
#include "tests/faults/faults.h"

#include "governor/kernel/proc.h"
#include "governor/varlink/varlink.h"
#include "state/link.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#define UP_NS     (60 * NSEC_PER_SEC)
#define CALL_USEC (30 * USEC_PER_SEC)
#define SETTLE_NS (20 * NSEC_PER_SEC)
#define AFTER_WRITE_USEC                                                                           \
        400000          /* what follows the write of a step: it is read back, and watched          \
                         */
#define CALLS_BURST  12 /* a uid has some 20 at once */
#define CALLS_IN_ONE 8

static int listen_on(struct lane *l, const char *name, int type) {
        struct sockaddr_un at = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        (void)snprintf(at.sun_path, sizeof(at.sun_path), "%.90s/run/%s", l->dir, name);
        (void)unlink(at.sun_path);
        if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 64) < 0)
                return -errno;
        return fd;
}

static int open_sockets(struct lane *l) {
        if (l->control_fd > 0)
                (void)close(l->control_fd);
        if (l->link_fd > 0)
                (void)close(l->link_fd);
        l->control_fd = listen_on(l, "control.sock", SOCK_STREAM);
        l->link_fd = listen_on(l, "link.sock", SOCK_SEQPACKET);
        return l->control_fd < 0 || l->link_fd < 0 ? -EIO : 0;
}

static _Noreturn void exec_daemon(struct lane *l, bool recover, bool traced) {
        char run[300], state[300], etc[300], log[300], pid[16];
        sigset_t none;
        const char *argv[20] = { l->dtgovd, "--run-dir", run, "--state-dir", state, "--config-dir",
                etc, "--cgroup-root", l->root, "--observer-user", "0", "--probation", "900",
                "--soak", "1", NULL };

        (void)snprintf(run, sizeof(run), "%s/run", l->dir);
        (void)snprintf(state, sizeof(state), "%s/state", l->dir);
        (void)snprintf(etc, sizeof(etc), "%s/etc", l->dir);
        (void)snprintf(log, sizeof(log), "%s/log", l->dir);
        if (recover) {
                argv[15] = "--recover";
        } else {
                int control = fcntl(l->control_fd, F_DUPFD, 16),
                    link = fcntl(l->link_fd, F_DUPFD, 16);

                (void)snprintf(pid, sizeof(pid), "%d", getpid());
                if (dup2(control, 3) < 0 || dup2(link, 4) < 0)
                        _exit(120);
                (void)setenv("LISTEN_PID", pid, 1);
                (void)setenv("LISTEN_FDS", "2", 1);
                (void)setenv("LISTEN_FDNAMES", "control:link", 1);
        }
        (void)close_range(recover ? 3 : 5, ~0U, 0);
        (void)dup2(open(log, O_WRONLY | O_CREAT | O_APPEND, 0644), 2);
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)sigemptyset(&none);
        (void)sigprocmask(SIG_SETMASK, &none, NULL);
        if (traced)
                trace_me();
        (void)execv(argv[0], (char **)(uintptr_t)argv);
        _exit(121);
}

pid_t daemon_spawn(struct lane *l, bool recover, bool traced) {
        pid_t pid;

        if (!recover && open_sockets(l) < 0) /* nothing of an earlier request waits there */
                return -1;
        pid = fork();
        if (pid == 0)
                exec_daemon(l, recover, traced);
        if (!recover) {
                l->daemon_pid = pid;
                l->calls = 0;
                l->started_ns = proc_boottime_ns();
        }
        return pid;
}

/* A thread that is still traced has to be waited for too: until then its process does not end. */
static void wait_threads(pid_t pid) {
        char path[64];
        struct dirent *e;
        DIR *dir;

        (void)snprintf(path, sizeof(path), "/proc/%d/task", pid);
        dir = opendir(path);
        while (dir && (e = readdir(dir))) {
                pid_t tid = (pid_t)strtol(e->d_name, NULL, 10);

                if (tid > 0 && tid != pid)
                        (void)waitpid(tid, NULL, __WALL);
        }
        if (dir)
                (void)closedir(dir);
}

void daemon_kill(struct lane *l) {
        if (l->daemon_pid > 0 && kill(l->daemon_pid, SIGKILL) == 0) {
                wait_threads(l->daemon_pid);
                (void)waitpid(l->daemon_pid, NULL, __WALL);
        }
        l->daemon_pid = 0;
}

static bool is_running(struct lane *l) {
        if (l->daemon_pid > 0 && waitpid(l->daemon_pid, NULL, WNOHANG) != 0)
                l->daemon_pid = 0;
        return l->daemon_pid > 0;
}

static unsigned calls_left(const struct lane *l) {
        unsigned back = (unsigned)((proc_boottime_ns() - l->started_ns) / (NSEC_PER_SEC / 20));

        return l->calls < CALLS_BURST + back ? CALLS_BURST + back - l->calls : 0;
}

/* One that a failed call made end may be on its way out still: another one is started then. */
int daemon_up(struct lane *l) {
        uint64_t deadline = proc_boottime_ns() + UP_NS;
        bool spawned = false;

        if (is_running(l) && calls_left(l) < CALLS_IN_ONE)
                daemon_kill(l);
        for (;;) {
                if (!is_running(l)) {
                        if (spawned || daemon_spawn(l, false, false) < 0)
                                break;
                        spawned = true;
                }
                if (l->shared->daemon_pid == l->daemon_pid)
                        return 0;
                if (proc_boottime_ns() > deadline)
                        break;
                usleep(500);
        }
        (void)snprintf(l->why, sizeof(l->why), "dtgovd does not start again");
        daemon_kill(l);
        return -1;
}

/* --- the observer ------------------------------------------------------------------------------
 */

static int connect_link(const struct lane *l) {
        struct sockaddr_un at = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

        (void)snprintf(at.sun_path, sizeof(at.sun_path), "%.90s/run/link.sock", l->dir);
        if (connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0)
                return fd;
        (void)close(fd);
        return -1;
}

static void observe(struct lane *l, int fd) {
        struct link_hello hello = { .version = LINK_VERSION, .pid = (uint32_t)getpid() };
        struct pollfd p = { .fd = fd, .events = POLLIN };
        uint64_t last = proc_boottime_ns();

        if (link_send(fd, LINK_HELLO, &hello, NULL, 0) < 0)
                return;
        for (;;) {
                union link_message message;
                struct link_alive alive = { .boottime_ns = proc_boottime_ns() };
                int fds[LINK_FDS_MAX], r = 1;
                size_t count = 0;

                if (alive.boottime_ns - last > NSEC_PER_SEC) {
                        last = alive.boottime_ns;
                        if (link_send(fd, LINK_ALIVE, &alive, NULL, 0) < 0)
                                return;
                }
                if (poll(&p, 1, 300) > 0)
                        r = link_receive(fd, &message, fds, LINK_FDS_MAX, &count);
                else
                        continue;
                for (size_t i = 0; i < count; i++)
                        (void)close(fds[i]);
                if (r <= 0 && r != -EAGAIN)
                        return;
                if (r > 0 && message.head.type == LINK_HELLO)
                        l->shared->daemon_pid = (pid_t)message.hello.pid;
        }
}

int observer_start(struct lane *l) {
        l->observer_pid = fork();
        if (l->observer_pid != 0)
                return l->observer_pid < 0 ? -errno : 0;
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) {
                int fd = connect_link(l);

                if (fd >= 0) {
                        observe(l, fd);
                        (void)close(fd);
                        l->shared->daemon_pid = 0;
                }
                usleep(1000);
        }
}

/* --- requests ------------------------------------------------------------------------------- */

/* One call. Returns the document when it succeeded; else the outcome is in l->shared. */
static struct json_doc *call(struct lane *l, struct varlink *link) {
        CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
        const char *error = NULL, *text = "", *change = NULL;
        struct error err = { "" };

        if (varlink_call(link, CALL_USEC, &doc, &error, &err) < 0) {
                l->shared->outcome = OUTCOME_LOST;
                (void)snprintf(l->shared->text, TEXT_MAX, "%s", err.text);
                return NULL;
        }
        if (!error)
                return TAKE(doc);
        (void)json_get_string(json_get(json_root(doc), "parameters"), "text", &text, NULL);
        (void)snprintf(l->shared->text, TEXT_MAX, "%s: %s", error, text);
        if (json_get_string(json_get(json_root(doc), "parameters"), "change", &change, NULL) == 0 &&
                        change[0] == 'C')
                l->shared->change = strtoull(change + 1, NULL, 10);
        l->shared->outcome = strstr(error, ".Failed") ? OUTCOME_FAILED : OUTCOME_REFUSED;
        return NULL;
}

static int do_set(struct lane *l, struct varlink *link, const char *text) {
        CLEANUP(json_doc_freep) struct json_doc *proposal = NULL, *answer = NULL;
        const char *id, *digest, *change;
        const struct json *p;
        struct json_writer *w;

        varlink_call_begin(link, "org.dtgov.Control.Propose", &w);
        json_put_string(w, "containerId", l->id);
        json_put_u64(w, "cgroupInode", l->box_inode);
        json_put_string(w, "assignments", text);
        proposal = call(l, link);
        p = proposal ? json_get(json_get(json_root(proposal), "parameters"), "proposal") : NULL;
        if (json_get_string(p, "id", &id, NULL) < 0 ||
                        json_get_string(p, "digest", &digest, NULL) < 0)
                return -1;
        varlink_call_begin(link, "org.dtgov.Control.Approve", &w);
        json_put_string(w, "id", id);
        json_put_string(w, "digest", digest);
        answer = call(l, link);
        p = answer ? json_get(json_get(json_root(answer), "parameters"), "change") : NULL;
        if (json_get_string(p, "id", &change, NULL) < 0)
                return -1;
        l->shared->change = strtoull(change + 1, NULL, 10);
        return 0;
}

static int do_rollback(struct lane *l, struct varlink *link) {
        CLEANUP(json_doc_freep) struct json_doc *answer = NULL;
        struct json_writer *w;

        varlink_call_begin(link, "org.dtgov.Control.Rollback", &w);
        json_put_bool(w, "all", true);
        answer = call(l, link);
        return answer ? 0 : -1;
}

/* Whether a change is still under way; the one that was acknowledged has to be on record. */
static int look_at_changes(struct lane *l, struct varlink *link, bool *ret_open) {
        CLEANUP(json_doc_freep) struct json_doc *answer = NULL;
        bool found = l->acknowledged == 0;
        struct json_writer *w;

        *ret_open = false;
        varlink_call_begin(link, "org.dtgov.Control.ListChanges", &w);
        answer = call(l, link);
        if (!answer)
                return -1;
        const struct json *list = json_get(json_get(json_root(answer), "parameters"), "changes");

        for (const struct json *c = list ? list->child : NULL; c; c = c->next) {
                const char *id = "", *name = "";
                int state;

                (void)json_get_string(c, "id", &id, NULL);
                (void)json_get_string(c, "state", &name, NULL);
                state = change_state_from_name(name);
                *ret_open = *ret_open || state < 0 || change_states[state].open;
                found = found || (id[0] == 'C' && strtoull(id + 1, NULL, 10) == l->acknowledged);
        }
        if (found)
                return 0;
        (void)snprintf(l->shared->text, TEXT_MAX, "C%llu was acknowledged and is not on record",
                        (unsigned long long)l->acknowledged);
        l->shared->outcome = OUTCOME_FAILED;
        return -1;
}

static int do_settled(struct lane *l, struct varlink *link) {
        uint64_t deadline = proc_boottime_ns() + SETTLE_NS;
        bool open = true;

        while (proc_boottime_ns() < deadline) {
                if (look_at_changes(l, link, &open) < 0)
                        return -1;
                if (!open)
                        return 0;
                usleep(100000);
        }
        (void)snprintf(l->shared->text, TEXT_MAX, "a change is still under way");
        l->shared->outcome = OUTCOME_FAILED;
        return -1;
}

/* The steps come by themselves. Who gave up has the old value there again. */
static int do_lowered(struct lane *l) {
        uint64_t deadline = proc_boottime_ns() + SETTLE_NS;
        char text[FILE_TEXT_MAX] = "";

        while (proc_boottime_ns() < deadline) {
                if (file_text(l->box, "memory.high", text, sizeof(text)) == 0 &&
                                strcmp(text, LOWERED_TEXT) == 0) {
                        usleep(AFTER_WRITE_USEC);
                        return 0;
                }
                if (strcmp(text, "12582912") == 0)
                        break;
                usleep(20000);
        }
        l->shared->outcome = OUTCOME_FAILED;
        (void)snprintf(l->shared->text, TEXT_MAX, "memory.high is %.64s", text);
        return -1;
}

static _Noreturn void be_client(struct lane *l, enum request request, int go) {
        struct varlink *link = NULL;
        CLEANUP(json_doc_freep) struct json_doc *hello = NULL;
        struct json_writer *w;
        char path[300], byte;
        int r = -1;

        (void)snprintf(path, sizeof(path), "%s/run/control.sock", l->dir);
        l->shared->outcome = OUTCOME_LOST;
        if (varlink_connect(&link, path, NULL) < 0)
                _exit(0);
        varlink_call_begin(link, "org.varlink.service.GetInfo", &w);
        hello = call(l, link); /* the connection is accepted now */
        if (!hello || write(go, "+", 1) != 1 || read(go, &byte, 1) != 1)
                _exit(0);
        switch (request) {
        case REQUEST_SET:
                r = do_set(l, link, assignments);
                break;
        case REQUEST_SET_KEPT:
                r = do_set(l, link, kept_assignments);
                break;
        case REQUEST_LOWER:
                r = do_set(l, link, lower_assignments);
                break;
        case REQUEST_LOWERED:
                r = do_lowered(l);
                break;
        case REQUEST_ROLLBACK:
                r = do_rollback(l, link);
                break;
        case REQUEST_SETTLED:
                r = do_settled(l, link);
                break;
        }
        if (r == 0)
                l->shared->outcome = OUTCOME_OK;
        _exit(0);
}

pid_t request_start(struct lane *l, enum request request, int *ret_go) {
        int fds[2];
        char byte;
        pid_t pid;

        l->shared->change = 0;
        l->shared->text[0] = '\0';
        l->calls += 3;
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
                return -1;
        pid = fork();
        if (pid == 0) {
                (void)close(fds[1]);
                be_client(l, request, fds[0]);
        }
        (void)close(fds[0]);
        *ret_go = fds[1];
        if (read(fds[1], &byte, 1) == 1)
                return pid;
        (void)waitpid(pid, NULL, 0);
        (void)close(fds[1]);
        return -1;
}

enum outcome request_wait(struct lane *l, pid_t pid) {
        if (pid > 0)
                (void)waitpid(pid, NULL, 0);
        return (enum outcome)l->shared->outcome;
}

enum outcome request_do(struct lane *l, enum request request) {
        int go;
        pid_t pid = request_start(l, request, &go);

        if (pid < 0)
                return OUTCOME_LOST;
        (void)send(go, "+", 1, MSG_NOSIGNAL);
        (void)close(go);
        return request_wait(l, pid);
}
