/* SPDX-License-Identifier: Apache-2.0 */
/* Hook, runtimes, and the engines that call them. Configurations are read, never written. */
#include <stdio.h>
#include <string.h>

#include "governor/cli/doctor.h"
#include "governor/cli/setup/containerd_edit.h"
#include "governor/cli/setup/containerd_find.h"
#include "governor/cli/setup/docker_client.h"
#include "governor/cli/setup/docker_find.h"
#include "governor/cli/setup/hooks_dir.h"
#include "governor/cli/setup/program.h"
#include "governor/cli/setup/setup.h"

#define HOOK    DTGOV_LIBEXECDIR "/dtgov-hook"
#define RUNTIME DTGOV_LIBEXECDIR "/dtgov-runtime"

#define PODMAN_SOCKET "/run/podman/podman.sock"
#define LISTENING     " 00010000 " /* __SO_ACCEPTCON among the flags in /proc/net/unix */

static const char *root_of(const struct cli *c) {
        return c->root ? c->root : "";
}

static bool is_there(const struct cli *c, const char *program) {
        char path[512];

        return program_find(root_of(c), program, path, sizeof(path));
}

static void check_runtimes(struct cli *c, struct doctor *d) {
        static const char *const names[] = { "runc", "crun", "sysbox-runc" };
        const char *found = "";

        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
                char path[512];

                if (program_find(root_of(c), names[i], path, sizeof(path)))
                        found = out_format(&c->out, "%s%s%s", found, found[0] ? ", " : "",
                                        path + strlen(root_of(c)));
        }
        diagnose(d, "runtimes", found[0] ? HEALTH_OK : HEALTH_WARN,
                        found[0] ? found : "no runc, crun or sysbox-runc",
                        found[0] ? "" : "sudo apt install runc");
}

static void check_hook(struct cli *c, struct doctor *d) {
        const char *gone = !is_there(c, RUNTIME) ? RUNTIME : HOOK;

        if (is_there(c, HOOK) && is_there(c, RUNTIME))
                diagnose(d, "hook", HEALTH_OK, HOOK, "");
        else
                diagnose(d, "hook", HEALTH_WARN,
                                out_format(&c->out,
                                                "%s is missing: containers are found late, and "
                                                "without network",
                                                gone),
                                "sudo make install (or the package dtgov)");
}

/* What else a person should know of that Docker. */
static const char *docker_note(struct cli *c, const struct docker_engine *e) {
        const char *others = e->others[0] ? out_format(&c->out,
                                                            "; beside it is %s, which dtgov "
                                                            "leaves alone",
                                                            e->others)
                                          : "";

        return out_format(&c->out, "%s%s", e->pid ? "" : "; it does not run", others);
}

/* dtgov's runtime is Docker's default. */
static void check_default(struct cli *c, struct doctor *d, const struct docker_engine *e,
                const struct docker_config *config) {
        const struct client client = { .root = root_of(c) };
        const char *fault = wrapper_fault(c, config->default_path);
        char now[DOCKER_NAME_MAX];

        if (fault)
                diagnose(d, "docker", HEALTH_BROKEN,
                                out_format(&c->out, "%s names %s, %s: no new container starts",
                                                e->config, config->default_path, fault),
                                out_format(&c->out,
                                                "%s; or do without: sudo dtgov setup docker "
                                                "--undo",
                                                wrapper_mend(c, config->default_path)));
        else if (e->pid && client_default_runtime(&client, now, NULL) == 0 &&
                        strcmp(now, config->default_runtime) != 0)
                diagnose(d, "docker", HEALTH_WARN,
                                out_format(&c->out,
                                                "%s names dtgov's runtime; Docker has not read it",
                                                e->config),
                                "sudo systemctl reload docker");
        else
                diagnose(d, "docker", HEALTH_OK,
                                out_format(&c->out, "Docker %s starts new containers by %s%s",
                                                e->version, config->default_path,
                                                docker_note(c, e)),
                                "");
}

/* It is not the default, but an entry is there, for containers that were made by it. */
static void check_entry(struct cli *c, struct doctor *d, const struct docker_config *config) {
        const struct client client = { .root = root_of(c) };
        char names[512] = "";
        int count = client_containers(&client, config, names, sizeof(names), NULL);
        const char *fault = wrapper_fault(c, config->ours_path[0]);
        const char *mend = count > 0 ? "re-create them, then: sudo dtgov setup docker --undo"
                                     : "sudo dtgov setup docker, or --undo to remove the entry";

        if (fault)
                diagnose(d, "docker", count == 0 ? HEALTH_WARN : HEALTH_BROKEN,
                                out_format(&c->out,
                                                "the runtime %s leads to %s, %s: containers made "
                                                "by it do not start: %s",
                                                config->ours[0], config->ours_path[0], fault,
                                                count > 0 ? names : "none that is known"),
                                out_format(&c->out, "%s; or %s",
                                                wrapper_mend(c, config->ours_path[0]), mend));
        else if (docker_real_of(config->ours_path[0]))
                diagnose(d, "docker", HEALTH_OK,
                                out_format(&c->out,
                                                "containers that ask for the runtime %s start by "
                                                "it; others are found late",
                                                config->ours[0]),
                                "");
        else if (count > 0)
                diagnose(d, "docker", HEALTH_WARN,
                                out_format(&c->out,
                                                "not the default, but made by dtgov's runtime: %s",
                                                names),
                                mend);
        else
                diagnose(d, "docker", HEALTH_WARN,
                                out_format(&c->out,
                                                "the runtime %s is not the default: containers are "
                                                "found late",
                                                config->ours[0]),
                                mend);
}

static void check_docker(struct cli *c, struct doctor *d) {
        CLEANUP(conf_done) struct conf_file f = { 0 };
        struct docker_config config = { 0 };
        struct docker_engine e;
        struct error err = { "" };
        int r = docker_find(root_of(c), &e, &err);

        if (r == -ENOENT)
                return;
        if (r == 0)
                r = conf_load(root_of(c), e.config, &f, &err);
        if (r == 0) {
                r = docker_config_read(f.text, &config, &err);
                if (r < 0)
                        (void)error_prefix(&err, r, "%s", e.config);
        }
        if (r < 0)
                diagnose(d, "docker", r == -EINVAL ? HEALTH_BROKEN : HEALTH_WARN, err.text, "");
        else if (config.default_is_ours)
                check_default(c, d, &e, &config);
        else if (config.ours_count > 0)
                check_entry(c, d, &config);
        else
                diagnose(d, "docker", HEALTH_WARN,
                                out_format(&c->out,
                                                "Docker does not start containers by dtgov's "
                                                "runtime: they are found late%s",
                                                docker_note(c, &e)),
                                "sudo dtgov setup docker");
}

static void check_hooks(struct cli *c, struct doctor *d, const struct hooks_engine *e) {
        const char *mend = out_format(&c->out, "sudo dtgov setup %s", e->name);
        struct hooks_state state = { 0 };
        struct error err = { "" };
        int r = hooks_find(root_of(c), e, &err);

        if (r == -ENOENT)
                return;
        if (r == 0)
                r = hooks_read(root_of(c), e, &state, &err);
        if (r < 0)
                diagnose(d, e->name, r == -EINVAL ? HEALTH_BROKEN : HEALTH_WARN, err.text, "");
        else if (!state.has_link)
                diagnose(d, e->name, HEALTH_WARN,
                                out_format(&c->out,
                                                "%s does not call dtgov's hook: containers are "
                                                "found late",
                                                e->title),
                                mend);
        else if (state.leads_nowhere)
                diagnose(d, e->name, HEALTH_WARN,
                                out_format(&c->out, HOOKS_LINK " leads to %s, which is missing",
                                                state.target),
                                out_format(&c->out, "%s --undo, or install dtgov again", mend));
        else if (state.hook_is_missing)
                diagnose(d, e->name, HEALTH_BROKEN,
                                out_format(&c->out,
                                                HOOKS_LINK " names %s, which is missing: no "
                                                           "container starts",
                                                state.hook),
                                "sudo rm " HOOKS_LINK ", or install dtgov again");
        else if (!state.is_read)
                diagnose(d, e->name, HEALTH_WARN,
                                out_format(&c->out, "%s does not read the folder of " HOOKS_LINK,
                                                e->title),
                                mend);
        else
                diagnose(d, e->name, HEALTH_OK,
                                out_format(&c->out, "%s calls %s", e->title, state.hook), "");
}

/* Whether somebody listens there; connecting would start the service behind it. -ENOENT: unknown */
static int listens(const struct cli *c, const char *socket) {
        CLEANUP(freep) char *line = NULL;
        size_t size = 0, len = strlen(socket);
        bool found = false;
        char path[512];
        FILE *f;

        (void)snprintf(path, sizeof(path), "%s/proc/net/unix", root_of(c));
        f = fopen(path, "re");
        if (!f)
                return -ENOENT;
        while (!found && getline(&line, &size, f) > 0) {
                size_t end = strcspn(line, "\n");

                found = end > len && strncmp(line + end - len, socket, len) == 0 &&
                        strstr(line, LISTENING);
        }
        (void)fclose(f);
        return found;
}

/* dtgov-identify asks Podman there. */
static void check_podman_socket(struct cli *c, struct doctor *d) {
        if (!is_there(c, "podman") || listens(c, PODMAN_SOCKET) != 0)
                return;
        diagnose(d, "podman.socket", HEALTH_WARN,
                        "nobody listens at " PODMAN_SOCKET
                        ": Podman's containers are called by their ids",
                        has_systemd(c) ? "sudo systemctl enable --now podman.socket"
                                       : "sudo podman system service --time=0 "
                                         "unix://" PODMAN_SOCKET " &");
}

static void check_containerd(struct cli *c, struct doctor *d) {
        CLEANUP(conf_done) struct conf_file f = { 0 };
        struct error err = { "" };
        const char *fault;
        char program[512];
        int r = containerd_find(root_of(c), &err);

        if (r == -ENOENT)
                return;
        if (r == 0)
                r = conf_load(root_of(c), CONTAINERD_CONFIG, &f, &err);
        if (r == 0)
                r = containerd_program(f.text, program, sizeof(program), &err);
        if (r < 0)
                diagnose(d, "containerd", r == -EINVAL ? HEALTH_BROKEN : HEALTH_WARN, err.text, "");
        else if (r == 0)
                diagnose(d, "containerd", HEALTH_OK,
                                "one container by dtgov's runtime: ctr run --runc-binary " RUNTIME,
                                "");
        else if (!(fault = wrapper_fault(c, program)))
                diagnose(d, "containerd", HEALTH_OK,
                                out_format(&c->out, "the handler \"dtgov\" is %s", program), "");
        else
                diagnose(d, "containerd", HEALTH_BROKEN,
                                out_format(&c->out,
                                                CONTAINERD_CONFIG
                                                " names %s, %s: pods with the handler \"dtgov\" "
                                                "do not start",
                                                program, fault),
                                out_format(&c->out,
                                                "%s; or do without: sudo dtgov setup "
                                                "containerd --undo",
                                                wrapper_mend(c, program)));
}

static void check_none(struct cli *c, struct doctor *d) {
        static const char *const programs[] = { "dockerd", "podman", "containerd", "crio" };

        for (size_t i = 0; i < ARRAY_LEN(programs); i++)
                if (is_there(c, programs[i]))
                        return;
        diagnose(d, "engines", HEALTH_OK,
                        "no Docker, Podman, containerd or CRI-O: containers of runc and crun are "
                        "found",
                        "");
}

void check_engines(struct cli *c, struct doctor *d) {
        check_hook(c, d);
        check_runtimes(c, d);
        check_wrapper(c, d);
        check_none(c, d);
        check_docker(c, d);
        check_hooks(c, d, &hooks_podman);
        check_podman_socket(c, d);
        check_containerd(c, d);
        check_hooks(c, d, &hooks_crio);
}
