/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dtgovd: sets up with full rights, confines itself, recovers what a predecessor left open, and
 * serves. Exit status: 0 ended as asked, 1 an error, 2 wrong usage.
 */
#include "governor/control/api.h"
#include "governor/control/confine.h"
#include "governor/control/control.h"
#include "governor/control/recover.h"
#include "governor/control/setup.h"
#include "governor/kernel/journald.h"
#include "state/file.h"
#include "state/log.h"
#include "state/parse.h"

#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>

#define FILES_MIN      131072 /* as the observer's unit has it */
#define SCAN_TRIES     5 /* where the host lacked something, without a daemon that tries later */
#define SCAN_WAIT_USEC (200 * USEC_PER_MSEC)

static const char usage[] =
                "usage: dtgovd [OPTION...]\n"
                "  --run-dir DIR         sockets and registry            (/run/dtgov)\n"
                "  --state-dir DIR       the undo journal                (/var/lib/dtgov)\n"
                "  --config-dir DIR      dtgov.json                      (/etc/dtgov)\n"
                "  --cgroup-root DIR     govern only what is below       (the cgroup2 mount)\n"
                "  --observer-user USER  name or uid of the observer     (dtgov)\n"
                "  --probation SECONDS   watch over a fresh change       (by its rule)\n"
                "  --soak SECONDS        between two steps down of memory (10)\n"
                "  --allow-unsandboxed   go on where the kernel lacks Landlock or seccomp\n"
                "  --no-observer         do not start dtgov-observer: no new changes then\n"
                "  --recover             end what a dead dtgovd left open, and exit\n"
                "  --rollback WHAT       without a dtgovd: C17, a container's id, or --all\n"
                "  --version, --help\n";

enum option_id { /* texts, then switches, as parse_options() has them */
        OPT_RUN_DIR = 256,
        OPT_STATE_DIR,
        OPT_CONFIG_DIR,
        OPT_CGROUP_ROOT,
        OPT_OBSERVER_USER,
        OPT_ROLLBACK,
        OPT_UNSANDBOXED,
        OPT_NO_OBSERVER,
        OPT_RECOVER,
        OPT_PROBATION,
        OPT_SOAK,
        OPT_VERSION,
        OPT_HELP,
};

static const struct option long_options[] = {
        { "run-dir", required_argument, NULL, OPT_RUN_DIR },
        { "state-dir", required_argument, NULL, OPT_STATE_DIR },
        { "config-dir", required_argument, NULL, OPT_CONFIG_DIR },
        { "cgroup-root", required_argument, NULL, OPT_CGROUP_ROOT },
        { "observer-user", required_argument, NULL, OPT_OBSERVER_USER },
        { "probation", required_argument, NULL, OPT_PROBATION },
        { "soak", required_argument, NULL, OPT_SOAK },
        { "allow-unsandboxed", no_argument, NULL, OPT_UNSANDBOXED },
        { "no-observer", no_argument, NULL, OPT_NO_OBSERVER },
        { "recover", no_argument, NULL, OPT_RECOVER },
        { "rollback", required_argument, NULL, OPT_ROLLBACK },
        { "version", no_argument, NULL, OPT_VERSION },
        { "help", no_argument, NULL, OPT_HELP },
        { NULL, 0, NULL, 0 },
};

/* Returns: 1 go on, 0 done (help), -EINVAL usage */
static int parse_options(int argc, char **argv, struct options *o) {
        const char **const texts[] = { &o->run_dir, &o->state_dir, &o->config_dir, &o->cgroup_root,
                &o->observer_user, &o->rollback };
        bool *const switches[] = { &o->allow_unsandboxed, &o->no_observer, &o->recover };
        int opt;

        while ((opt = getopt_long(argc, argv, "", long_options, NULL)) != -1)
                switch (opt) {
                case OPT_RUN_DIR ... OPT_ROLLBACK:
                        *texts[opt - OPT_RUN_DIR] = optarg;
                        break;
                case OPT_UNSANDBOXED ... OPT_RECOVER:
                        *switches[opt - OPT_UNSANDBOXED] = true;
                        break;
                case OPT_PROBATION:
                        if (parse_u64(optarg, &o->probation_sec) < 0 || o->probation_sec > 86400)
                                return -EINVAL;
                        break;
                case OPT_SOAK:
                        if (parse_u64(optarg, &o->soak_sec) < 0 || o->soak_sec > 86400)
                                return -EINVAL;
                        break;
                case OPT_VERSION:
                        (void)puts("dtgovd " DTGOV_VERSION);
                        return 0;
                case OPT_HELP:
                        (void)fputs(usage, stdout);
                        return 0;
                default:
                        return -EINVAL;
                }
        return optind == argc && !(o->rollback && !*o->rollback) ? 1 : -EINVAL;
}

static void open_proc(struct control *c) {
        char text[16];

        (void)proc_cgroup(c->proc_fd, getpid(), c->self_cgroup);
        c->psi_available = file_read_at(c->proc_fd, "pressure/cpu", text, sizeof(text)) != -ENOENT;
}

/* Everything that a recovery needs, and a daemon too. */
static int open_all(
                struct control *c, const struct options *o, struct setup *s, struct error *err) {
        const struct group *admins = getgrnam(ADMIN_GROUP);
        int r;

        c->admin_gid = admins ? admins->gr_gid : (gid_t)-1;
        c->started_boottime_ns = proc_boottime_ns();
        c->probation_ns = o->probation_sec * NSEC_PER_SEC;
        c->link.fd = -1;
        c->proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        c->sys_fd = open("/sys",
                        O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* without it: no disk is known */
        r = config_load(o->config_dir, &c->config, err);
        if (r < 0 && (o->recover || o->rollback)) {
                log_warning("%s; taking changes back goes on without it", err->text);
                config_default(&c->config);
                r = 0;
        }
        c->soak_ns = (o->soak_sec ? o->soak_sec : c->config.soak_sec) * NSEC_PER_SEC;
        if (r >= 0)
                r = proc_host(c->proc_fd, &c->host, err);
        if (r >= 0)
                r = cgroup_root_open(o->cgroup_root, &c->root, err);
        if (r >= 0)
                r = setup_observer_user(o, s, err);
        if (r >= 0)
                r = setup_directories(c, o, s, err);
        if (r >= 0)
                r = setup_lock(o, s, err);
        if (r >= 0)
                r = journal_open(c->journal_fd, c->host.boot_id, &c->journal, err);
        if (r < 0)
                return r;
        open_proc(c);
        pause_init(c);
        if (journal_health(c->journal) != JOURNAL_OK)
                log_event(LOG_WARNING, EVENT_JOURNAL_DEGRADED, "%s",
                                journal_health_text(c->journal));
        return engine_load(c);
}

/* Two for each container and, in the observer, who inherits the limit, up to fifteen. */
static void raise_files(void) {
        struct rlimit files = { 0 };

        (void)getrlimit(RLIMIT_NOFILE, &files);
        files.rlim_cur = files.rlim_max = u64_max(files.rlim_max, FILES_MIN);
        if (setrlimit(RLIMIT_NOFILE, &files) == 0)
                return;
        (void)getrlimit(RLIMIT_NOFILE, &files);
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
}

typedef int (*part)(struct control *c);

/* Begins each, up to the first that cannot be had. */
static int begin_each(struct control *c, const part *parts, size_t count) {
        int r = 0;

        for (size_t i = 0; i < count && r >= 0; i++)
                r = parts[i](c);
        return r;
}

static int begin_event(struct control *c) {
        return sd_event_default(&c->event);
}

static int begin_proposals(struct control *c) {
        return proposals_init(&c->proposals);
}

static int begin_writers(struct control *c) {
        return writers_new(&c->writers, c->event);
}

/* Threads and the observer, then never again a new process. */
static int start(struct control *c, const struct options *o, struct setup *s, struct error *err) {
        static const part parts[] = { begin_event, begin_proposals, begin_writers };
        int r = setup_sockets(o, s, err);

        if (r >= 0)
                r = setup_observer(o, s, err);
        if (r < 0)
                return r;
        (void)signal(SIGCHLD, SIG_IGN); /* the observer's end is seen on the link */
        (void)signal(SIGPIPE, SIG_IGN);
        r = confine(c, o, err);
        if (r > 0)
                log_event(LOG_WARNING, EVENT_UNSANDBOXED, "running without its whole sandbox: %s",
                                err->text);
        if (r < 0)
                return r;
        r = begin_each(c, parts, ARRAY_LEN(parts));
        return r < 0 ? error_errno(err, r, "the event loop") : r;
}

static int on_signal(sd_event_source *s, const struct signalfd_siginfo *info, void *userdata) {
        (void)userdata;
        (void)info;
        return sd_event_exit(sd_event_source_get_event(s), 0);
}

static int add_signals(struct control *c) {
        static const int signals[] = { SIGTERM, SIGINT };
        sigset_t mask;
        int r = 0;

        (void)sigemptyset(&mask);
        for (size_t i = 0; i < ARRAY_LEN(signals); i++)
                (void)sigaddset(&mask, signals[i]);
        (void)sigprocmask(SIG_BLOCK, &mask, NULL);
        for (size_t i = 0; i < ARRAY_LEN(signals) && r >= 0; i++)
                r = sd_event_add_signal(c->event, NULL, signals[i], on_signal, c);
        return r;
}

static int serve(struct control *c, const struct options *o, const struct setup *s,
                struct error *err) {
        static const part parts[] = { containers_init, registries_init, engine_init, durable_init,
                add_signals };
        int r;

        containers_scan(c);
        (void)recover_all(c);
        r = begin_each(c, parts, ARRAY_LEN(parts));
        if (r >= 0)
                r = observer_link_init(c, s->link_fd, s->link_listen_fd, s->observer_uid);
        if (r >= 0)
                r = identifier_init(c, o->run_dir);
        if (r >= 0)
                r = api_init(c, s->control_fd);
        if (r < 0)
                return error_errno(err, r, "starting");
        (void)sd_event_set_watchdog(c->event, true);
        (void)sd_notify(/* unset_environment= */ 0, "READY=1");
        log_info("dtgovd " DTGOV_VERSION ": %u containers below %s", c->containers.count,
                        c->root.path);
        r = sd_event_loop(c->event);
        (void)sd_notify(/* unset_environment= */ 0, "STOPPING=1");
        return r;
}

/*
 * An end on purpose leaves as little open as a crash after its recovery. A thread that hangs in the
 * kernel or on the disk holds up no rollback: it ends with the process, and what it uses stays.
 */
static void stop(struct control *c) {
        bool idle;

        varlink_server_free(c->server);
        observer_link_done(c);
        identifier_done(c);
        idle = writers_free(c->writers);
        (void)recover_all(c);
        if (!idle || c->engine.lost) {
                log_warning("a write or the disk hangs: ending without waiting for it");
                journal_close(c->journal);
                return;
        }
        durable_done(c);
        engine_done(c);
        registries_done(c);
        containers_done(c);
        journal_close(c->journal);
        sd_event_unref(c->event);
}

static int once(struct control *c, const struct options *o, struct error *err) {
        int r;

        for (unsigned tries = 0;; tries++) {
                containers_scan(c);
                r = (int)recover_all(c);
                if (!c->containers.unsure || tries == SCAN_TRIES)
                        break;
                usleep(SCAN_WAIT_USEC);
        }
        if (o->rollback) {
                int more = recover_rollback(c, o->rollback);

                if (more == -ENOTUNIQ)
                        return error_set(err, more,
                                        "several containers' ids begin with '%s': give "
                                        "more of it",
                                        o->rollback);
                if (more == -ENOENT)
                        return error_set(err, -ENOENT, "no change or container '%s' on record",
                                        o->rollback);
                r += more;
        }
        return r == 0 ? 0 : error_set(err, -EIO, "%d changes could not be taken back", r);
}

int main(int argc, char **argv) {
        static struct control control = { .proc_fd = -1,
                .sys_fd = -1,
                .containers_fd = -1,
                .journal_fd = -1,
                .containers.unsure = true };
        struct options o = {
                .run_dir = "/run/dtgov",
                .state_dir = "/var/lib/dtgov",
                .config_dir = "/etc/dtgov",
                .observer_user = "dtgov",
        };
        struct setup s = { -1, -1, -1, -1, -1, 0, 0 };
        struct error err = { "" };
        int r = parse_options(argc, argv, &o);

        if (r < 0)
                (void)fputs(usage, stderr);
        if (r <= 0)
                return r < 0 ? 2 : 0;
        journald_take_log("dtgovd");
        raise_files();
        r = open_all(&control, &o, &s, &err);
        if (r >= 0 && (o.recover || o.rollback)) {
                r = once(&control, &o, &err);
        } else if (r >= 0) {
                r = start(&control, &o, &s, &err);
                if (r >= 0)
                        r = serve(&control, &o, &s, &err);
        }
        if (control.engine.runs || control.event)
                stop(&control);
        if (r < 0)
                log_error("%s", err.text[0] ? err.text : strerror(-r));
        return r < 0 ? 1 : 0;
}
