/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "governor/cli/commands.h"
#include "governor/cli/words.h"
#include "state/change.h"

/* What was approved before: no error while it is in force, or on its way there. */
static int applied(struct cli *c, const char *id, const struct json *change) {
        const char *number = out_text(&c->out, text_of(change, "id"));
        int state = change_state_from_name(text_of(change, "state"));

        if (c->trial_sec > 0)
                return complain(c, EXIT_OUTDATED, "%s was approved already: %s, %s; dtgov show %s",
                                id, number, state_words(c, change), number);
        if (state >= 0 && state != CHANGE_COMMITTED && !change_states[state].open)
                return complain(c, EXIT_OUTDATED,
                                "%s was applied as %s, which is over: %s; dtgov show %s", id,
                                number, state_words(c, change), number);
        return print_unchanged(c,
                        out_format(&c->out, "%s is already applied: %s, %s.", id, number,
                                        state_words(c, change)),
                        change);
}

/* A proposal that is not pending any more: what became of it. 1: it is pending. */
static int settled(struct cli *c, const struct json *proposal) {
        const char *id = text_of(proposal, "id"), *state = text_of(proposal, "state");
        const struct json *answer, *change;

        if (strcmp(state, "pending") == 0)
                return 1;
        if (strcmp(state, "approved") == 0) {
                if (ask(c, DAEMON_CONTROL, "ListChanges", NULL, &answer) == EXIT_DONE &&
                                (change = find_of(answer, "changes", "proposal", id)))
                        return applied(c, id, change);
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

/* Whoever may not decide is told so before the question, in dtgovd's words. */
static int may_decide(struct cli *c, const struct json *proposal) {
        const struct parameter parameters[] = {
                { "id", .text = text_of(proposal, "id") },
                { "digest", .text = text_of(proposal, "digest") },
                { "dryRun", .is_flag = true, .number = true },
                {},
        };
        const struct json *health, *answer;

        if (ask(c, DAEMON_CONTROL, "Health", NULL, &health) != EXIT_DONE ||
                        !json_get(health, "mayDecide") || flag_of(health, "mayDecide"))
                return EXIT_DONE;
        return ask_or_complain(c, DAEMON_CONTROL, "Approve", parameters, &answer);
}

static const char *question(struct cli *c, const char *id) {
        if (c->trial_sec == 0)
                return out_format(&c->out, "Approve %s?", id);
        return out_format(&c->out, "Try %s for %s?", id,
                        out_duration(&c->out, c->trial_sec * USEC_PER_SEC));
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
        if (!given(c, OPTION_DRY_RUN) && !given(c, OPTION_YES))
                r = may_decide(c, proposal);
        else
                r = EXIT_DONE;
        if (r != EXIT_DONE)
                return r;
        /* Whoever says yes beforehand has seen it: dtgov show. */
        if (!given(c, OPTION_JSON) && !given(c, OPTION_DRY_RUN) && !given(c, OPTION_YES))
                show_proposal(c, proposal);
        r = given(c, OPTION_DRY_RUN) ? EXIT_DONE : confirm(c, question(c, arguments[0]));
        return r == EXIT_DONE ? approve_proposal(c, proposal) : r;
}
