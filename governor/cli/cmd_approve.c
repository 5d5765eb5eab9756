/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "governor/cli/commands.h"
#include "governor/cli/words.h"

/* A proposal that is not pending any more: what became of it. 1: it is pending. */
static int settled(struct cli *c, const struct json *proposal) {
        const char *id = text_of(proposal, "id"), *state = text_of(proposal, "state");
        const struct json *answer, *change;

        if (strcmp(state, "pending") == 0)
                return 1;
        if (strcmp(state, "approved") == 0) {
                if (ask(c, DAEMON_CONTROL, "ListChanges", NULL, &answer) == EXIT_DONE &&
                                (change = find_of(answer, "changes", "proposal", id)))
                        return print_unchanged(c,
                                        out_format(&c->out, "%s is already applied: %s, %s.", id,
                                                        out_text(&c->out, text_of(change, "id")),
                                                        state_words(c, change)),
                                        change);
                return print_unchanged(c, out_format(&c->out, "%s is already approved.", id), NULL);
        }
        if (strcmp(state, "expired") == 0 || strcmp(state, "stale") == 0 ||
                        strcmp(state, "rejected") == 0)
                return complain(c, EXIT_OUTDATED,
                                "%s: %s%s%s; dtgov proposals lists what is there now", id, state,
                                reason_words(c, proposal)[0] ? ", " : "",
                                reason_words(c, proposal));
        return complain(c, strcmp(state, "refused") == 0 ? EXIT_REFUSED : EXIT_ERROR,
                        "%s: %s, %s; dtgov show %s", id, out_text(&c->out, state),
                        reason_words(c, proposal), id);
}

int approve_proposal(struct cli *c, const struct json *proposal) {
        const struct parameter parameters[] = {
                { "id", .text = text_of(proposal, "id") },
                { "digest", .text = text_of(proposal, "digest") },
                { "trialSec", .number = c->trial_sec },
                { "dryRun", .is_flag = true, .number = given(c, OPTION_DRY_RUN) },
                { "wait", .is_flag = true, .number = given(c, OPTION_WAIT) },
                {},
        };
        CLEANUP(json_writer_freep) struct json_writer *w = NULL;
        const struct json *answer, *change;
        int r;

        r = ask_or_complain(c, DAEMON_CONTROL, "Approve", parameters, &answer);
        if (r != EXIT_DONE)
                return r;
        change = json_get(answer, "change");
        if (change && change->type != JSON_OBJECT)
                change = NULL;
        if (given(c, OPTION_JSON)) {
                if (json_writer_new(&w) < 0)
                        return EXIT_ERROR;
                json_put_value(w, NULL, answer);
                r = print_json(c, w);
                return r == EXIT_DONE && change ? exit_of_change(change) : r;
        }
        return change ? print_outcome(c, change) : print_writes(c, answer);
}

int run_approve(struct cli *c, char *const *arguments, unsigned count) {
        const struct json *proposal;
        int r = want_id(c, arguments[0], 'P');

        (void)count;
        if (r == EXIT_DONE && !given(c, OPTION_DRY_RUN))
                r = may_confirm(c);
        if (r == EXIT_DONE)
                r = find_id(c, arguments[0], &proposal);
        if (r != EXIT_DONE)
                return r;
        r = settled(c, proposal);
        if (r != 1)
                return r;
        /* Whoever says yes beforehand has seen it: dtgov show. */
        if (!given(c, OPTION_JSON) && !given(c, OPTION_DRY_RUN) && !given(c, OPTION_YES))
                show_proposal(c, proposal);
        r = given(c, OPTION_DRY_RUN)
                            ? EXIT_DONE
                            : confirm(c, out_format(&c->out,
                                                         c->trial_sec ? "Try %s?" : "Approve %s?",
                                                         arguments[0]));
        return r == EXIT_DONE ? approve_proposal(c, proposal) : r;
}
