/* SPDX-License-Identifier: Apache-2.0 */
/* Both are a person's word to dtgovd, and no change of any container: they ask nothing. */
#include "governor/cli/commands.h"
#include "governor/cli/words.h"

static int say(struct cli *c, const char *method, const char *words) {
        static const struct parameter none[] = { {} };
        CLEANUP(json_writer_freep) struct json_writer *w = NULL;
        const struct json *answer;
        int r = ask_or_complain(c, DAEMON_CONTROL, method, none, &answer);

        if (r != EXIT_DONE)
                return r;
        if (!given(c, OPTION_JSON)) {
                (void)fputs(words, c->out.file);
                if (text_of(answer, "text")[0])
                        (void)fprintf(c->out.file, "But %s\n",
                                        out_text(&c->out, text_of(answer, "text")));
                return EXIT_DONE;
        }
        if (given(c, OPTION_ROLLBACK_PROBATION))
                return EXIT_DONE; /* the rollback's answer is the document */
        if (json_writer_new(&w) < 0)
                return EXIT_ERROR;
        json_put_value(w, NULL, answer);
        return print_json(c, w);
}

int run_pause(struct cli *c, char *const *arguments, unsigned count) {
        static const struct parameter probation[] = {
                { "all", .is_flag = true, .number = 1 },
                { "probation", .is_flag = true, .number = 1 },
                {},
        };
        int r = say(c, "Pause",
                        "Paused: nothing is applied. What is in force stays, and rollbacks work.\n"
                        "Go on: dtgov resume\n");

        (void)arguments;
        (void)count;
        return r == EXIT_DONE && given(c, OPTION_ROLLBACK_PROBATION) ? roll_back(c, probation) : r;
}

int run_resume(struct cli *c, char *const *arguments, unsigned count) {
        (void)arguments;
        (void)count;
        return say(c, "Resume", "Changes are applied again. What waits for you: dtgov proposals\n");
}
