/* SPDX-License-Identifier: Apache-2.0 */
/* A trial is an approval that is taken back by itself, unless a person keeps it. */
#include "governor/cli/commands.h"
#include "governor/cli/words.h"
#include "state/change.h"
#include "state/parse.h"

#include <string.h>

/* "10" might be minutes as well. */
static bool has_unit(const char *text) {
        size_t len = strlen(text);

        return len > 0 && (text[len - 1] < '0' || text[len - 1] > '9');
}

int run_trial(struct cli *c, char *const *arguments, unsigned count) {
        uint64_t usec;

        (void)count;
        if (!has_unit(arguments[1]) || parse_duration_usec(arguments[1], &usec) < 0 ||
                        usec < USEC_PER_SEC || usec > TRIAL_SEC_MAX * USEC_PER_SEC)
                return complain(c, EXIT_USAGE,
                                "%s: no time to try it for; want 90s, 10m or 2h, at most a day",
                                out_text(&c->out, arguments[1]));
        c->trial_sec = usec / USEC_PER_SEC;
        return run_approve(c, arguments, 1);
}

int run_keep(struct cli *c, char *const *arguments, unsigned count) {
        const struct parameter parameters[] = { { "change", .text = arguments[0] }, {} };
        CLEANUP(json_writer_freep) struct json_writer *w = NULL;
        const struct json *answer, *change;
        int r = want_id(c, arguments[0], 'C');

        (void)count;
        if (r == EXIT_DONE)
                r = ask_or_complain(c, DAEMON_CONTROL, "Keep", parameters, &answer);
        if (r != EXIT_DONE)
                return r;
        change = json_get(answer, "change");
        if (given(c, OPTION_JSON)) {
                if (!change || json_writer_new(&w) < 0)
                        return EXIT_ERROR;
                put_object(c, w, NULL, change);
                return print_json(c, w);
        }
        (void)fprintf(c->out.file, "Kept: %s %s: %s: %s%s\n", arguments[0], name_of(c, change),
                        knobs_words(c, change), state_words(c, change),
                        strcmp(text_of(change, "state"), "committed") == 0
                                        ? ""
                                        : "; it stays, unless it does harm until then");
        return EXIT_DONE;
}
