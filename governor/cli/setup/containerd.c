/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dtgov setup containerd: a runtime for CRI, by which pods may run. ctr and nerdctl name the
 * program with each container, and need nothing of this.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "governor/cli/setup/containerd_edit.h"
#include "governor/cli/setup/containerd_find.h"
#include "governor/cli/setup/program.h"
#include "governor/cli/setup/setup.h"

static void say_flags(const struct setup *s, const char *program) {
        setup_say(s, SETUP_NEXT, "one container by ctr: ctr run --runc-binary %s IMAGE ID",
                        program);
        setup_say(s, SETUP_NEXT, "one container by nerdctl: nerdctl run --runtime %s IMAGE",
                        program);
}

/* Has the engine itself read the text. */
static int validate(const struct setup *s, const char *text, struct error *err) {
        static const char *const argv[] = { "containerd", "--config", "/proc/self/fd/3", "config",
                "dump", NULL };
        CLEANUP(program_done) struct program_answer answer = { 0 };
        CLEANUP(closep) int fd = memfd_create("config.toml", MFD_CLOEXEC);
        char program[512];
        int r;

        if (fd < 0)
                return error_errno(err, -errno, "memfd_create");
        r = file_write_all(fd, text, strlen(text));
        if (r < 0)
                return error_errno(err, r, "memfd");
        r = program_run(s->root, argv, PROGRAM_PATIENCE_S, fd, &answer, err);
        if (r < 0)
                return r;
        if (answer.status != 0)
                return error_set(err, -EINVAL, "containerd does not take it: %s", answer.said);
        if (!s->undo && containerd_program(answer.out, program, sizeof(program), err) != 1)
                return error_set(err, -EINVAL,
                                "containerd would not see the runtime: another file overrules it");
        return 0;
}

/* The lines that a person may add, where it cannot be done safely. */
static int refuse(const struct setup *s, const char *text, const char *program, int error,
                struct error *err) {
        CLEANUP(freep) char *lines = NULL;

        if (error == -EEXIST && containerd_lines(text, program, &lines, NULL) == 0)
                setup_say(s, SETUP_NOTE, "these lines would do it, by hand:\n%s", lines);
        if (error == -ENOTSUP)
                say_flags(s, program);
        return error_prefix(err, error, "%s", CONTAINERD_CONFIG);
}

static int plan(const struct setup *s, struct setup_change *c, const char *program,
                struct error *err) {
        int r = s->undo ? containerd_edit_undo(c->file.text, &c->text, err)
                        : containerd_edit_setup(c->file.text, program, &c->text, err);

        if (r < 0)
                return refuse(s, c->file.text, program, r, err);
        if (r == 0)
                return 0;
        if (s->undo && c->text[0] == '\0') { /* dtgov made the file */
                free(TAKE(c->text));
                return 1;
        }
        r = validate(s, c->text, err);
        return r < 0 ? r : 1;
}

static void say_coverage(const struct setup *s) {
        setup_say(s, SETUP_ADDS,
                        "a runtime \"dtgov\" for pods whose RuntimeClass has that handler: it adds "
                        "a hook and then becomes runc; dtgov watches pods and changes nothing of "
                        "them");
        setup_say(s, SETUP_LEAVES,
                        "pods without that RuntimeClass, and what ctr and nerdctl start");
        setup_say(s, SETUP_LEAVES, "the containerd that Docker uses: dtgov setup docker");
}

static int write_plan(const struct setup *s, struct setup_plan *p, struct error *err) {
        CLEANUP(conf_done) struct conf_file backup = { 0 };
        struct conf_file *f = &p->changes[0].file;
        int r;

        r = setup_show(s, p, err);
        if (r < 0)
                return r;
        if (s->undo)
                setup_say(s, SETUP_NOTE, "pods with the handler \"dtgov\" do not start then");
        else
                say_coverage(s);
        r = setup_decide(s, "Write that?", err);
        if (r != 0)
                return r;
        if (!s->undo)
                return setup_commit(s, p, err);
        r = conf_write(f, p->changes[0].text, err);
        if (r < 0)
                return r;
        setup_say(s, SETUP_DONE, "%s is %s", f->shown, f->exists ? "written" : "removed");
        if (conf_load_backup(s->root, CONTAINERD_CONFIG, &backup, NULL) == 0 && backup.exists &&
                        strcmp(backup.text, f->text) == 0)
                (void)conf_write(&backup, NULL, NULL);
        return 0;
}

int containerd_run(struct setup *s, struct error *err) {
        CLEANUP(setup_plan_done) struct setup_plan p = { .count = 1 };
        char program[512];
        int r;

        (void)snprintf(program, sizeof(program), "%s/dtgov-runtime", s->libexec);
        r = containerd_find(s->root, err);
        if (r == 0 && !s->undo)
                r = setup_check_programs(s, "dtgov-runtime", err);
        if (r == 0)
                r = conf_load(s->root, CONTAINERD_CONFIG, &p.changes[0].file, err);
        if (r == 0)
                r = plan(s, &p.changes[0], program, err);
        if (r < 0)
                return r;
        p.changes[0].changes = r > 0;
        if (r == 0) {
                setup_say(s, SETUP_DONE, "nothing to %s in %s", s->undo ? "undo" : "do",
                                CONTAINERD_CONFIG);
                return 0;
        }
        r = write_plan(s, &p, err);
        if (r != 0 || s->dry_run)
                return r;
        setup_say(s, SETUP_NEXT,
                        "containerd reads it when it starts, and cannot reload. A restart stops no "
                        "container, and is yours to choose: sudo systemctl restart containerd");
        if (!s->undo)
                say_flags(s, program);
        return 0;
}
