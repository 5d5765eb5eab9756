/* SPDX-License-Identifier: Apache-2.0 */
/* Daemons, and who may decide. */
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "governor/cli/doctor.h"

#define GROUPS_MAX 1024

static bool host_has(const struct cli *c, const char *path) {
        char whole[512];

        (void)snprintf(whole, sizeof(whole), "%s%s", c->root ? c->root : "", path);
        return access(whole, F_OK) == 0;
}

bool has_systemd(const struct cli *c) {
        return host_has(c, "/run/systemd/system");
}

/* That a daemon does not answer, and what starts it on this host. */
static void add_silent(struct cli *c, struct doctor *d, enum daemon daemon, const char *program) {
        const char *text = out_format(&c->out, "does not answer in %s", c->run_dir);
        const char *mend = "dtgovd starts it";

        if (!host_has(c, DTGOV_PREFIX "/sbin/dtgovd")) {
                text = "is not installed";
                mend = daemon == DAEMON_CONTROL ? "sudo make install (or the package dtgov)" : "";
        } else if (has_systemd(c)) {
                mend = out_format(&c->out, "sudo systemctl enable --now %s", program);
        } else if (daemon == DAEMON_CONTROL) {
                mend = "sudo dtgovd (in the foreground; it makes all that it needs, see dtgovd(8))";
        }
        diagnose(d, program, HEALTH_BROKEN, text, mend);
}

static void add_notes(struct doctor *d, const char *id, const struct json *health) {
        for (const struct json *e = children_of(health, "notes"); e; e = e->next)
                if (e->type == JSON_STRING)
                        diagnose(d, id, HEALTH_WARN, e->text, "");
}

static const struct json *check_daemon(
                struct cli *c, struct doctor *d, enum daemon daemon, const char *program) {
        const struct json *answer;

        if (ask(c, daemon, "Health", NULL, &answer) != EXIT_DONE) {
                add_silent(c, d, daemon, program);
                return NULL;
        }
        diagnose(d, program, HEALTH_OK,
                        out_format(&c->out, "answers, version %s", text_of(answer, "version")), "");
        add_notes(d, program, answer);
        return answer;
}

static void check_journal(struct cli *c, struct doctor *d, const struct json *health) {
        const char *state = text_of(health, "journal");
        bool works = strcmp(state, "ok") == 0 || strcmp(state, "repaired") == 0;

        if (state[0])
                diagnose(d, "journal", works ? HEALTH_OK : HEALTH_BROKEN,
                                out_format(&c->out, "%s%s", state,
                                                works ? "" : ": no new changes; rollbacks work"),
                                works            ? ""
                                : has_systemd(c) ? "journalctl -u dtgovd; df /var/lib/dtgov"
                                                 : "df /var/lib/dtgov");
}

void check_daemons(struct cli *c, struct doctor *d) {
        const struct json *control = check_daemon(c, d, DAEMON_CONTROL, "dtgovd");
        const struct json *observer = check_daemon(c, d, DAEMON_OBSERVER, "dtgov-observer");

        if (control)
                check_journal(c, d, control);
        if (observer && !flag_of(observer, "link"))
                diagnose(d, "link", HEALTH_BROKEN, "dtgov-observer has no link to dtgovd",
                                has_systemd(c) ? "sudo systemctl restart dtgovd dtgov-observer"
                                               : "end dtgovd, and start it again: sudo dtgovd");
        if (!has_systemd(c))
                diagnose(d, "systemd", HEALTH_WARN,
                                "no systemd: nobody watches dtgovd and restarts it", "");
}

/* Whether this process has the group; a membership counts from the next log in on. */
static bool has_group(gid_t gid) {
        gid_t groups[GROUPS_MAX];
        int count = getgroups(GROUPS_MAX, groups);

        for (int i = 0; i < count; i++)
                if (groups[i] == gid)
                        return true;
        return getegid() == gid;
}

static bool is_member(const struct group *g, const char *user) {
        for (char *const *m = g->gr_mem; *m; m++)
                if (strcmp(*m, user) == 0)
                        return true;
        return false;
}

void check_caller(struct cli *c, struct doctor *d) {
        const struct passwd *who = getpwuid(getuid());
        const char *user = who ? out_format(&c->out, "%s", who->pw_name) : "USER";
        const struct group *g = getgrnam(ADMIN_GROUP);

        if (!g)
                diagnose(d, "group", HEALTH_WARN,
                                "there is no group " ADMIN_GROUP ": only root decides",
                                out_format(&c->out,
                                                "%s; sudo usermod -aG " ADMIN_GROUP
                                                " %s, then log in again",
                                                has_systemd(c) ? "sudo systemd-sysusers"
                                                               : "sudo groupadd "
                                                                 "--system " ADMIN_GROUP,
                                                getuid() == 0 ? "USER" : user));
        else if (getuid() == 0 || has_group(g->gr_gid))
                diagnose(d, "group", HEALTH_OK, out_format(&c->out, "%s may decide", user), "");
        else if (is_member(g, user))
                diagnose(d, "group", HEALTH_WARN,
                                out_format(&c->out,
                                                "%s is in " ADMIN_GROUP " from the next log in on",
                                                user),
                                "log out and in again");
        else
                diagnose(d, "group", HEALTH_WARN,
                                out_format(&c->out, "%s may look, but not decide", user),
                                out_format(&c->out,
                                                "sudo usermod -aG " ADMIN_GROUP
                                                " %s, then log in again",
                                                user));
}
