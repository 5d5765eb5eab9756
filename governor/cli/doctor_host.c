/* SPDX-License-Identifier: Apache-2.0 */
/* Daemons, engines, and who may decide. Configurations are read, never written. */
#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>

#include "governor/cli/doctor.h"
#include "state/file.h"

#define ADMIN_GROUP   "dtgov-admin"
#define DOCKER_CONFIG "/etc/docker/daemon.json"
#define CONFIG_MAX    (256 * KIB)
#define GROUPS_MAX    1024

static void add_notes(struct doctor *d, const char *id, const struct json *health) {
        for (const struct json *e = children_of(health, "notes"); e; e = e->next)
                if (e->type == JSON_STRING)
                        diagnose(d, id, HEALTH_WARN, e->text, "");
}

static const struct json *check_daemon(
                struct cli *c, struct doctor *d, enum daemon daemon, const char *program) {
        const struct json *answer;

        if (ask(c, daemon, "Health", NULL, &answer) != EXIT_DONE) {
                diagnose(d, program, HEALTH_BROKEN,
                                out_format(&c->out, "does not answer in %s", c->run_dir),
                                out_format(&c->out, "sudo systemctl enable --now %s", program));
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
                                works ? "" : "journalctl -u dtgovd; df /var/lib/dtgov");
}

void check_daemons(struct cli *c, struct doctor *d) {
        const struct json *control = check_daemon(c, d, DAEMON_CONTROL, "dtgovd");
        const struct json *observer = check_daemon(c, d, DAEMON_OBSERVER, "dtgov-observer");

        if (control)
                check_journal(c, d, control);
        if (observer && !flag_of(observer, "link"))
                diagnose(d, "link", HEALTH_BROKEN, "dtgov-observer has no link to dtgovd",
                                "sudo systemctl restart dtgovd dtgov-observer");
        if (access("/run/systemd/system", F_OK) < 0)
                diagnose(d, "systemd", HEALTH_WARN,
                                "no systemd: nobody watches dtgovd and restarts it", "");
}

static bool is_program(const char *path) {
        return access(path, X_OK) == 0;
}

/* The first of the usual folders that has the program, NULL when none. */
static const char *find_program(struct cli *c, const char *name) {
        static const char *const folders[] = { "/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
                "/usr/bin", "/sbin", "/bin" };

        for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
                const char *path = out_format(&c->out, "%s/%s", folders[i], name);

                if (is_program(path))
                        return path;
        }
        return NULL;
}

static void check_runtimes(struct cli *c, struct doctor *d) {
        static const char *const names[] = { "runc", "crun", "sysbox-runc" };
        const char *found = "";

        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
                const char *path = find_program(c, names[i]);

                if (path)
                        found = out_format(&c->out, "%s%s%s", found, found[0] ? ", " : "", path);
        }
        diagnose(d, "runtimes", found[0] ? HEALTH_OK : HEALTH_WARN,
                        found[0] ? found : "no runc, crun or sysbox-runc",
                        found[0] ? "" : "sudo apt install runc");
}

static void check_hook(struct doctor *d) {
        if (is_program(DTGOV_LIBEXECDIR "/dtgov-hook") &&
                        is_program(DTGOV_LIBEXECDIR "/dtgov-runtime"))
                diagnose(d, "hook", HEALTH_OK, DTGOV_LIBEXECDIR "/dtgov-hook", "");
        else
                diagnose(d, "hook", HEALTH_WARN,
                                "dtgov-hook and dtgov-runtime are not in " DTGOV_LIBEXECDIR
                                ": containers are found late, and without network",
                                "sudo make install");
}

static void check_docker(struct doctor *d) {
        CLEANUP(freep) char *text = NULL;
        size_t len;
        int r = file_load_at(AT_FDCWD, DOCKER_CONFIG, CONFIG_MAX, &text, &len);

        if (r == 0 && strstr(text, "/dtgov-"))
                diagnose(d, "docker", HEALTH_OK, "dtgov's runtime is in " DOCKER_CONFIG, "");
        else if (r < 0 && r != -ENOENT)
                diagnose(d, "docker", HEALTH_WARN, DOCKER_CONFIG " cannot be read",
                                "sudo dtgov doctor");
        else
                diagnose(d, "docker", HEALTH_WARN,
                                "Docker does not start containers by dtgov's runtime: they are "
                                "found late",
                                "put \"default-runtime\": \"dtgov-runc\", \"runtimes\": "
                                "{\"dtgov-runc\": {\"path\": \"" DTGOV_LIBEXECDIR
                                "/dtgov-runc\"}} into " DOCKER_CONFIG
                                ", then: sudo systemctl reload docker");
}

static bool is_registered(const char *pattern) {
        bool found = false;
        glob_t files;

        if (glob(pattern, 0, NULL, &files) != 0)
                return false;
        for (size_t i = 0; i < files.gl_pathc && !found; i++) {
                CLEANUP(freep) char *text = NULL;
                size_t len;

                if (file_load_at(AT_FDCWD, files.gl_pathv[i], CONFIG_MAX, &text, &len) == 0)
                        found = strstr(text, "dtgov-hook") != NULL;
        }
        globfree(&files);
        return found;
}

static void check_podman(struct doctor *d) {
        if (is_registered("/etc/containers/oci/hooks.d/*.json") ||
                        is_registered("/usr/share/containers/oci/hooks.d/*.json"))
                diagnose(d, "podman", HEALTH_OK, "dtgov's hook is in hooks.d", "");
        else
                diagnose(d, "podman", HEALTH_WARN,
                                "dtgov's hook is not in /etc/containers/oci/hooks.d: containers "
                                "are found late",
                                "see dtgov-hook(8), Examples");
}

void check_engines(struct cli *c, struct doctor *d) {
        check_hook(d);
        check_runtimes(c, d);
        if (find_program(c, "dockerd"))
                check_docker(d);
        if (find_program(c, "podman"))
                check_podman(d);
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
                                "sudo groupadd --system " ADMIN_GROUP);
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
