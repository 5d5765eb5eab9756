/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether dtgov's runtime can become the real one. It is run with --version, as engines do: what it
 * cannot find or understand it says itself, by the very code that a container's start would meet.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "governor/cli/doctor.h"
#include "governor/cli/setup/docker_edit.h"
#include "governor/cli/setup/program.h"
#include "state/runtime_conf.h"

#define CONF        "/etc/dtgov/runtime.conf"
#define ASK_SECONDS 10

/* What the wrapper said, without the name that it puts before its own words. */
static const char *reason_of(struct cli *c, const struct program_answer *answer) {
        static const char ours[] = "dtgov: ";
        const char *said = answer->said;

        if (said[0] == '\0')
                return out_format(&c->out, "it ended with status %d", answer->status);
        said += strncmp(said, ours, strlen(ours)) == 0 ? strlen(ours) : 0;
        return out_format(&c->out, "%.*s", (int)strcspn(said, "\n"), said);
}

static bool is_executable(const struct cli *c, const char *program) {
        char path[512];

        return program_find(c->root ? c->root : "", program, path, sizeof(path));
}

static bool has_conf(const struct cli *c) {
        char path[512];

        (void)snprintf(path, sizeof(path), "%s" CONF, c->root ? c->root : "");
        return access(path, F_OK) == 0;
}

const char *wrapper_fault(struct cli *c, const char *program) {
        const char *const argv[] = { program, "--version", NULL };
        CLEANUP(program_done) struct program_answer answer = { 0 };
        const char *root = c->root ? c->root : "";
        struct error err = { "" };
        char path[512];
        int r;

        if (!is_executable(c, program))
                return "which is missing";
        if (!docker_real_of(program))
                return NULL;
        (void)snprintf(path, sizeof(path), "%s" CONF, root);
        if (access(path, F_OK) == 0 && access(path, R_OK) < 0)
                return NULL; /* only root can tell, see check_wrapper() */
        r = program_run(root, argv, ASK_SECONDS, -1, &answer, &err);
        if (r == 0 && answer.status == 0)
                return NULL;
        return out_format(&c->out, "which starts nothing: %s",
                        r < 0 ? out_format(&c->out, "%s", err.text) : reason_of(c, &answer));
}

const char *wrapper_mend(struct cli *c, const char *program) {
        const char *real = docker_real_of(program);

        if (!is_executable(c, program))
                return "install dtgov again: sudo make install (or the package dtgov)";
        if (strcmp(real, "runc") == 0)
                return has_conf(c) ? "install that runtime again, or mend " CONF
                                     " (without it: runc)"
                                   : "sudo apt install runc";
        return out_format(&c->out, "install %s again", real);
}

/* A hook that its configuration names. Without one containers start, and are found late. */
static void check_named_hook(struct cli *c, struct doctor *d, const char *hook) {
        struct runtime_conf standard;

        runtime_conf_default(&standard);
        if (strcmp(hook, standard.hook) != 0 && !is_executable(c, hook))
                diagnose(d, "hook", HEALTH_WARN,
                                out_format(&c->out,
                                                CONF " names %s, which is missing: containers "
                                                     "start, but are found late",
                                                hook),
                                "sudoedit " CONF ": remove that line");
}

void check_wrapper(struct cli *c, struct doctor *d) {
        struct error err = { "" };
        struct runtime_conf conf;
        const char *fault;
        char path[512];
        int r;

        (void)snprintf(path, sizeof(path), "%s" CONF, c->root ? c->root : "");
        r = runtime_conf_load(path, &conf, &err);
        if (r == -ENOENT)
                return;
        if (r == -EACCES) {
                diagnose(d, "runtime", HEALTH_WARN,
                                "only root may read " CONF
                                ": whether its runtime is there is not known",
                                "sudo dtgov doctor");
                return;
        }
        if (r > 0)
                diagnose(d, "runtime", HEALTH_WARN, err.text, "sudoedit " CONF);
        check_named_hook(c, d, conf.hook);
        fault = wrapper_fault(c, DTGOV_LIBEXECDIR "/dtgov-runtime");
        if (fault)
                diagnose(d, "runtime", HEALTH_BROKEN,
                                out_format(&c->out, DTGOV_LIBEXECDIR "/dtgov-runtime, %s", fault),
                                wrapper_mend(c, DTGOV_LIBEXECDIR "/dtgov-runtime"));
        else
                diagnose(d, "runtime", HEALTH_OK,
                                out_format(&c->out, "dtgov-runtime becomes %s",
                                                conf.runtime[0] ? conf.runtime : "runc"),
                                "");
}
