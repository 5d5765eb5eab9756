/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/cli/commands.h"
#include "governor/cli/words.h"

/* The version of a daemon, NULL when it does not answer. */
static const char *version_of(struct cli *c, enum daemon d) {
        const struct json *answer;

        return ask(c, d, "Health", NULL, &answer) == EXIT_DONE ? text_of(answer, "version") : NULL;
}

int run_version(struct cli *c, char *const *arguments, unsigned count) {
        CLEANUP(json_writer_freep) struct json_writer *w = NULL;
        const char *control = version_of(c, DAEMON_CONTROL);
        const char *observer = version_of(c, DAEMON_OBSERVER);

        (void)arguments;
        (void)count;
        if (!given(c, OPTION_JSON)) {
                (void)fprintf(c->out.file, "dtgov %s\n", DTGOV_VERSION);
                if (control)
                        (void)fprintf(c->out.file, "dtgovd %s\n", out_text(&c->out, control));
                if (observer)
                        (void)fprintf(c->out.file, "dtgov-observer %s\n",
                                        out_text(&c->out, observer));
                return EXIT_DONE;
        }
        if (json_writer_new(&w) < 0)
                return complain(c, EXIT_ERROR, "out of memory");
        json_open_object(w, NULL);
        json_put_string(w, "version", DTGOV_VERSION);
        json_put_string(w, "dtgovd", control);
        json_put_string(w, "observer", observer);
        json_close_object(w);
        return print_json(c, w);
}
