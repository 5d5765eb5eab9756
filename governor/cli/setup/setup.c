/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/cli/setup/setup.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "governor/cli/setup/diff.h"
#include "governor/cli/setup/program.h"

const char *const setup_words[SETUP_WORD_COUNT] = {
        [SETUP_DIFF] = "diff",
        [SETUP_ADDS] = "adds",
        [SETUP_LEAVES] = "leaves out",
        [SETUP_NOTE] = "note",
        [SETUP_DONE] = "done",
        [SETUP_CHECKED] = "checked",
        [SETUP_NEXT] = "next",
};

static const struct {
        const char *name, *program;
        int (*run)(struct setup *s, struct error *err);
} engines[] = {
        { "docker", "dockerd", docker_run },
        { "podman", "podman", podman_run },
        { "containerd", "containerd", containerd_run },
        { "crio", "crio", crio_run },
};

const char *setup_engine(size_t i, const char **ret_program) {
        if (i >= ARRAY_LEN(engines))
                return NULL;
        *ret_program = engines[i].program;
        return engines[i].name;
}

void setup_say(const struct setup *s, enum setup_word word, const char *format, ...) {
        CLEANUP(freep) char *text = NULL;
        va_list args;
        int n;

        va_start(args, format);
        n = vasprintf(&text, format, args);
        va_end(args);
        if (n >= 0)
                s->say(s->userdata, word, text);
        else
                text = NULL;
}

int setup_run(struct setup *s, const char *engine, struct error *err) {
        if (s->opt_in && (s->undo || strcmp(engine, "docker") != 0))
                return error_set(err, -ENXIO,
                                "--opt-in: only \"setup docker\" takes it; its --undo undoes it");
        s->engine = engine;
        for (size_t i = 0; i < ARRAY_LEN(engines); i++)
                if (strcmp(engines[i].name, engine) == 0) {
                        int r = engines[i].run(s, err);

                        return r == SETUP_STOP ? 0 : r;
                }
        return error_set(err, -ENXIO, "%s: no such engine; want docker, podman, containerd or crio",
                        engine);
}

void setup_plan_done(struct setup_plan *p) {
        for (size_t i = 0; i < SETUP_CHANGES_MAX; i++) {
                conf_done(&p->changes[i].file);
                free(TAKE(p->changes[i].text));
                free(TAKE(p->before[i]));
        }
}

static int show_change(const struct setup *s, const struct setup_change *c, struct error *err) {
        CLEANUP(freep) char *diff = NULL;
        const struct conf_file *f = &c->file;
        int r;

        if (f->is_link) {
                if (f->exists)
                        setup_say(s, SETUP_DIFF, "--- %s -> %s", f->shown, f->text);
                if (c->text)
                        setup_say(s, SETUP_DIFF, "+++ %s -> %s (a symbolic link)", f->shown,
                                        c->text);
                return 0;
        }
        r = diff_texts(f->shown, f->exists ? f->text : NULL, c->text, &diff, err);
        if (r < 0)
                return r;
        setup_say(s, SETUP_DIFF, "%s", diff);
        if (!s->undo && f->exists && c->text && !c->is_mend)
                setup_say(s, SETUP_NOTE, "as it is now it is kept in %s" CONF_BACKUP, f->shown);
        return 0;
}

int setup_show(const struct setup *s, const struct setup_plan *p, struct error *err) {
        for (size_t i = 0; i < p->count; i++) {
                int r = p->changes[i].changes ? show_change(s, &p->changes[i], err) : 0;

                if (r < 0)
                        return r;
        }
        return 0;
}

int setup_decide(const struct setup *s, const char *question, struct error *err) {
        if (s->dry_run) {
                setup_say(s, SETUP_NOTE, "a dry run: nothing was written");
                setup_say(s, SETUP_NEXT, "to have it written: sudo dtgov setup %s%s%s", s->engine,
                                s->opt_in ? " --opt-in" : "", s->undo ? " --undo" : "");
                return SETUP_STOP;
        }
        if (geteuid() != 0 && s->root[0] == '\0')
                return error_set(err, -EACCES, "only root may write that; run it by sudo");
        return s->confirm(s->userdata, question);
}

static int write_change(struct setup_plan *p, size_t i, struct error *err) {
        struct setup_change *c = &p->changes[i];
        int r = 0;

        if (c->file.exists) {
                p->before[i] = strdup(c->file.text);
                if (!p->before[i])
                        return error_set(err, -ENOMEM, "out of memory");
        }
        if (c->text && !c->file.is_link && !c->is_mend)
                r = conf_back_up(&c->file, err);
        return r < 0 ? r : conf_write(&c->file, c->text, err);
}

static int restore(struct setup_plan *p, size_t count, struct error *err) {
        int r = 0;

        for (size_t i = count; i-- > 0;)
                if (p->changes[i].changes) {
                        int r2 = conf_write(&p->changes[i].file, p->before[i], err);

                        r = r2 < 0 ? r2 : r;
                }
        return r;
}

int setup_commit(const struct setup *s, struct setup_plan *p, struct error *err) {
        for (size_t i = 0; i < p->count; i++) {
                struct setup_change *c = &p->changes[i];
                int r = c->changes ? write_change(p, i, err) : 0;

                if (r < 0) {
                        (void)restore(p, i, NULL);
                        return r;
                }
                if (!c->changes)
                        continue;
                if (!c->text)
                        setup_say(s, SETUP_DONE, "%s is removed", c->file.shown);
                else if (p->before[i] && !c->file.is_link && !c->is_mend)
                        setup_say(s, SETUP_DONE, "%s is written; as it was: %s%s", c->file.shown,
                                        c->file.shown, CONF_BACKUP);
                else
                        setup_say(s, SETUP_DONE, "%s is written", c->file.shown);
        }
        return 0;
}

int setup_take_back(const struct setup *s, struct setup_plan *p, struct error *err) {
        int r = restore(p, p->count, err);

        if (r == 0)
                setup_say(s, SETUP_DONE, "all files are as they were before");
        return r;
}

int setup_check_programs(const struct setup *s, const char *program, struct error *err) {
        const char *const names[] = { program, "dtgov-hook" };

        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
                char path[CONF_PATH_MAX], found[CONF_PATH_MAX];

                (void)snprintf(path, sizeof(path), "%s/%s", s->libexec, names[i]);
                if (!program_find(s->root, path, found, sizeof(found)))
                        return error_set(err, -ENOENT,
                                        "%s is missing: install dtgov first (sudo make install)",
                                        path);
        }
        return 0;
}
