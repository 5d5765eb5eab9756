/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/stat.h>

#include "governor/cli/commands.h"
#include "governor/cli/setup/setup.h"
#include "governor/cli/words.h"

#define PATIENCE_MS 10000

/* Where the texts of a set-up go. */
struct listener {
        struct cli *cli;
        struct json_writer *json; /* NULL: for a person */
};

/* A line of somebody's file, made harmless; tabs stay what they are. */
static const char *line_text(struct cli *c, const char *line, const char *end) {
        const char *text = "";

        for (const char *tab; line < end && (tab = memchr(line, '\t', (size_t)(end - line)));
                        line = tab + 1)
                text = out_format(&c->out, "%s%s\t", text,
                                out_text(&c->out, out_format(&c->out, "%.*s", (int)(tab - line),
                                                                  line)));
        return out_format(&c->out, "%s%s", text,
                        out_text(&c->out, out_format(&c->out, "%.*s", (int)(end - line), line)));
}

/* A diff, its lines coloured. */
static void print_diff(struct cli *c, const char *text) {
        for (const char *line = text, *end; *line; line = *end ? end + 1 : end) {
                const char *shown;

                end = strchrnul(line, '\n');
                shown = line_text(c, line, end);
                if (line[0] == '+')
                        shown = out_color(&c->out, COLOR_GOOD, shown);
                else if (line[0] == '-')
                        shown = out_color(&c->out, COLOR_BAD, shown);
                (void)fprintf(c->out.file, "%s\n", shown);
        }
}

static void say(void *userdata, enum setup_word word, const char *text) {
        struct listener *l = userdata;
        struct cli *c = l->cli;
        const char *name = setup_words[word];

        if (l->json) {
                json_open_object(l->json, NULL);
                json_put_string(l->json, "id", name);
                json_put_string(l->json, "text", text);
                json_close_object(l->json);
                return;
        }
        if (word == SETUP_DIFF) {
                print_diff(c, text);
                return;
        }
        if (word == SETUP_ADDS || word == SETUP_LEAVES) {
                (void)fprintf(c->out.file, "  %-12s", name);
                out_wrap(&c->out, 14, out_text(&c->out, text));
                return;
        }
        for (const char *line = text, *end; *line; line = *end ? end + 1 : end, name = "") {
                end = strchrnul(line, '\n');
                (void)fprintf(c->out.file, "  %-11s %s\n", name, line_text(c, line, end));
        }
}

static int ask_person(void *userdata, const char *question) {
        struct listener *l = userdata;

        return confirm(l->cli, question);
}

static int exit_of(int r) {
        switch (r) {
        case -ENXIO:
                return EXIT_USAGE;
        case -EACCES:
                return EXIT_UNREACHABLE;
        case SETUP_TAKEN_BACK:
                return EXIT_REVERTED;
        default:
                return EXIT_ERROR;
        }
}

int run_setup(struct cli *c, char *const *arguments, unsigned count) {
        CLEANUP(json_writer_freep) struct json_writer *w = NULL;
        struct listener l = { .cli = c };
        struct setup s = { .root = c->root ? c->root : "",
                .libexec = DTGOV_LIBEXECDIR,
                .undo = given(c, OPTION_UNDO),
                .opt_in = given(c, OPTION_OPT_IN),
                .dry_run = given(c, OPTION_DRY_RUN),
                .patience_ms = PATIENCE_MS,
                .userdata = &l,
                .say = say,
                .confirm = ask_person };
        struct error err = { "" };
        int r, printed = EXIT_DONE;

        (void)count;
        if (given(c, OPTION_JSON) && json_writer_new(&w) < 0)
                return complain(c, EXIT_ERROR, "out of memory");
        l.json = w;
        if (w)
                json_open_array(w, NULL);
        /* Others than root must be able to read what an engine of theirs reads, too. */
        (void)umask(S_IWGRP | S_IWOTH);
        r = setup_run(&s, arguments[0], &err);
        if (w) {
                json_close_array(w);
                printed = print_json(c, w);
        }
        if (r < 0)
                return complain(c, exit_of(r), "%s", out_text(&c->out, err.text));
        return r > 0 ? r : printed;
}
