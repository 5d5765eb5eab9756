/* SPDX-License-Identifier: Apache-2.0 */
/* Taking changes back is the safe direction: it asks nothing. */
#include <string.h>

#include "governor/cli/commands.h"
#include "governor/cli/words.h"
#include "state/change.h"

/* The exit status of a rollback: the worst of its changes. */
static int exit_of_rollback(const struct json *answer) {
        int worst = EXIT_DONE;

        for (const struct json *e = children_of(answer, "changes"); e; e = e->next) {
                int state = change_state_from_name(text_of(e, "state"));

                if (state == CHANGE_CONFLICT || state == CHANGE_ROLLBACK_FAILED)
                        return EXIT_ERROR;
                for (const struct json *k = children_of(e, "knobs"); k; k = k->next)
                        if (state == CHANGE_ROLLED_BACK && text_of(k, "kept")[0])
                                worst = EXIT_KEPT;
        }
        return worst;
}

static void print_kept(struct cli *c, const struct json *change) {
        for (const struct json *k = children_of(change, "knobs"); k; k = k->next) {
                const char *file = text_of(k, "file"), *kept = text_of(k, "kept");

                if (kept[0])
                        (void)fprintf(c->out.file, "  %s kept at %s, not %s: use is above it\n",
                                        out_text(&c->out, file), out_value(&c->out, file, kept),
                                        out_value(&c->out, file, text_of(k, "old")));
        }
}

/* @asked_ns: when it was asked for; what ended before is told as such, and is no error */
static void print_change(struct cli *c, const struct json *change, uint64_t asked_ns) {
        const char *words = "", *why = reason_words(c, change);
        uint64_t ended_ns = number_of(change, "endedBoottimeNs", 0);
        bool already = change_state_from_name(text_of(change, "state")) == CHANGE_ROLLED_BACK &&
                       ended_ns > 0 && ended_ns < asked_ns;

        for (const struct json *k = children_of(change, "knobs"); k; k = k->next)
                words = out_format(&c->out, "%s%s%s", words, words[0] ? ", " : "",
                                out_step(&c->out, text_of(k, "file"), text_of(k, "new"),
                                                text_of(k, "old")));
        (void)fprintf(c->out.file, "%s %s: %s: %s%s%s%s%s\n",
                        out_text(&c->out, text_of(change, "id")), name_of(c, change), words,
                        already ? "already " : "", state_words(c, change), why[0] ? " (" : "", why,
                        why[0] ? ")" : "");
        print_kept(c, change);
}

int roll_back(struct cli *c, const struct parameter *parameters) {
        CLEANUP(json_writer_freep) struct json_writer *w = NULL;
        uint64_t asked_ns = boottime_ns();
        const struct json *answer;
        int r;

        r = ask_or_complain(c, DAEMON_CONTROL, "Rollback", parameters, &answer);
        if (r != EXIT_DONE)
                return r;
        if (given(c, OPTION_JSON)) {
                if (json_writer_new(&w) < 0)
                        return EXIT_ERROR;
                json_put_value(w, NULL, answer);
                r = print_json(c, w);
                return r == EXIT_DONE ? exit_of_rollback(answer) : r;
        }
        if (given(c, OPTION_DRY_RUN))
                return print_writes(c, answer);
        if (!children_of(answer, "changes"))
                (void)fputs("Nothing to roll back: no change is in effect.\n", c->out.file);
        for (const struct json *e = children_of(answer, "changes"); e; e = e->next)
                print_change(c, e, asked_ns);
        return exit_of_rollback(answer);
}

int run_rollback(struct cli *c, char *const *arguments, unsigned count) {
        struct parameter parameters[4] = {};
        const struct place *place;
        unsigned used = 0;
        int r;

        if ((count == 1) == given(c, OPTION_ALL))
                return complain(c, EXIT_USAGE,
                                "rollback: want one of C17, an environment, --all; "
                                "dtgov rollback --help");
        if (count == 0) {
                parameters[used++] = (struct parameter){ "all", .is_flag = true, .number = 1 };
        } else if (is_id(arguments[0], 'C')) {
                parameters[used++] = (struct parameter){ "change", .text = arguments[0] };
        } else {
                r = find_place(c, arguments[0], &place);
                if (r != EXIT_DONE)
                        return r;
                parameters[used++] =
                                (struct parameter){ "containerId", .text = place->container_id };
                parameters[used++] =
                                (struct parameter){ "cgroupInode", .number = place->cgroup_inode };
        }
        if (given(c, OPTION_DRY_RUN))
                parameters[used] = (struct parameter){ "dryRun", .is_flag = true, .number = 1 };
        return roll_back(c, parameters);
}
