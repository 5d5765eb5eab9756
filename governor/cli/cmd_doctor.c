/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "governor/cli/commands.h"
#include "governor/cli/doctor.h"
#include "governor/cli/words.h"

struct doctor {
        struct cli *cli;
        struct json_writer *json; /* NULL: for a person */
        unsigned warnings, broken;
};

void diagnose(struct doctor *d, const char *id, enum health health, const char *text,
                const char *mend) {
        static const char *const names[] = { "ok", "warn", "broken" };
        static const enum color colors[] = { COLOR_GOOD, COLOR_WARN, COLOR_BAD };
        struct output *o = &d->cli->out;
        int pad = 8 - (int)strlen(names[health]);

        d->warnings += health == HEALTH_WARN;
        d->broken += health == HEALTH_BROKEN;
        if (d->json) {
                json_open_object(d->json, NULL);
                json_put_string(d->json, "id", id);
                json_put_string(d->json, "state", names[health]);
                json_put_string(d->json, "text", text);
                json_put_string(d->json, "mend", mend[0] ? mend : NULL);
                json_close_object(d->json);
                return;
        }
        (void)fprintf(o->file, "%s%*s%-14s %s\n", out_color(o, colors[health], names[health]), pad,
                        "", id, out_text(o, text));
        if (mend[0])
                (void)fprintf(o->file, "%23s%s\n", "", out_text(o, mend));
}

int run_doctor(struct cli *c, char *const *arguments, unsigned count) {
        CLEANUP(json_writer_freep) struct json_writer *w = NULL;
        struct doctor d = { .cli = c };
        int r = EXIT_DONE;

        (void)arguments;
        (void)count;
        if (given(c, OPTION_JSON) && json_writer_new(&w) < 0)
                return complain(c, EXIT_ERROR, "out of memory");
        d.json = w;
        if (w)
                json_open_array(w, NULL);
        check_kernel(c, &d);
        check_daemons(c, &d);
        check_engines(c, &d);
        check_caller(c, &d);
        check_project(c, &d);
        if (w) {
                json_close_array(w);
                r = print_json(c, w);
        } else if (d.broken + d.warnings == 0) {
                (void)fputs("Nothing is missing.\n", c->out.file);
        }
        return d.broken > 0 ? EXIT_ERROR : r;
}
