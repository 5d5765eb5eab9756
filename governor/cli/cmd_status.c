/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What hurts most, first, with the command that mends it; then what waits for a person or is under
 * way; then what dtgov itself lacks.
 */
#include <inttypes.h>
#include <string.h>

#include "governor/cli/commands.h"
#include "governor/cli/words.h"
#include "state/change.h"

#define FINDINGS_SHOWN   5
#define FINDING_TAKES_NS (60 * NSEC_PER_SEC)

struct status {
        const struct json *findings, *proposals, *changes;
        struct side {
                const struct json *health;
                struct error error;
                int exit; /* other than EXIT_DONE: it did not answer */
        } sides[DAEMON_COUNT];
};

/* What one daemon does not tell hides nothing of what the other one does. */
static void fetch(struct cli *c, struct status *s) {
        const struct {
                enum daemon daemon;
                const char *method;
                const struct json **ret;
        } calls[] = {
                { DAEMON_OBSERVER, "Health", &s->sides[DAEMON_OBSERVER].health },
                { DAEMON_OBSERVER, "ListFindings", &s->findings },
                { DAEMON_CONTROL, "Health", &s->sides[DAEMON_CONTROL].health },
                { DAEMON_CONTROL, "ListProposals", &s->proposals },
                { DAEMON_CONTROL, "ListChanges", &s->changes },
        };

        for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
                struct side *side = &s->sides[calls[i].daemon];

                if (side->exit != EXIT_DONE)
                        continue;
                side->exit = ask(c, calls[i].daemon, calls[i].method, NULL, calls[i].ret);
                side->error = c->error;
        }
}

static unsigned count_of(const struct json *answer, const char *key) {
        unsigned count = 0;

        for (const struct json *e = children_of(answer, key); e; e = e->next)
                count++;
        return count;
}

static unsigned count_pending(const struct json *proposals) {
        unsigned count = 0;

        for (const struct json *e = children_of(proposals, "proposals"); e; e = e->next)
                count += strcmp(text_of(e, "state"), "pending") == 0;
        return count;
}

/* The finding that costs most among those not shown yet, at or below @most. */
static const struct json *next_worst(const struct json *findings, const struct json *last) {
        const struct json *best = NULL;
        bool behind = !last;

        for (const struct json *e = children_of(findings, "findings"); e; e = e->next) {
                uint64_t lost = number_of(e, "lostUsecPerMin", 0);
                uint64_t limit = number_of(last, "lostUsecPerMin", UINT64_MAX);

                if (e == last) {
                        behind = true;
                        continue;
                }
                if (lost > limit || (lost == limit && !behind))
                        continue;
                if (!best || lost > number_of(best, "lostUsecPerMin", 0))
                        best = e;
        }
        return best;
}

static void print_findings(struct cli *c, const struct status *s) {
        unsigned count = count_of(s->findings, "findings"), shown = 0;
        const struct json *e = NULL;

        while (shown < FINDINGS_SHOWN && (e = next_worst(s->findings, e))) {
                const char *line = finding_words(c, e);

                (void)fprintf(c->out.file, "%s\n",
                                shown++ == 0 ? out_color(&c->out, COLOR_BAD, line) : line);
        }
        if (count > shown)
                (void)fprintf(c->out.file, "%u more: dtgov findings\n", count - shown);
}

/* A finding takes half a minute of evidence: until then nothing is said of what there is not. */
static const char *nothing_found(struct cli *c, const struct json *health) {
        uint64_t now = boottime_ns(), started = number_of(health, "startedBoottimeNs", 0);
        uint64_t watched = u64_sub(now, started);

        if (started > 0 && watched < FINDING_TAKES_NS)
                return out_format(&c->out, ", for %s: what slows them down shows within a minute",
                                out_duration(&c->out, watched / NSEC_PER_USEC));
        return ", nothing slows them down: dtgov top --once";
}

static void print_summary(struct cli *c, const struct status *s) {
        const struct side *observer = &s->sides[DAEMON_OBSERVER];
        bool watched = observer->exit == EXIT_DONE;
        uint64_t containers =
                        number_of(watched ? observer->health : s->sides[DAEMON_CONTROL].health,
                                        "containers", 0);
        unsigned pending = count_pending(s->proposals);

        if (containers == 0) {
                (void)fputs("No containers yet. Start one; if it does not show up here: "
                            "dtgov doctor\n",
                                c->out.file);
        } else {
                (void)fprintf(c->out.file, "%" PRIu64 " container%s %s", containers,
                                containers == 1 ? "" : "s", watched ? "watched" : "not watched");
                if (watched && !children_of(s->findings, "findings"))
                        (void)fputs(nothing_found(c, observer->health), c->out.file);
                (void)fputc('\n', c->out.file);
        }
        if (pending > 0)
                (void)fprintf(c->out.file, "%u proposal%s you: dtgov proposals\n", pending,
                                pending == 1 ? " waits for" : "s wait for");
        for (const struct json *e = children_of(s->changes, "changes"); e; e = e->next)
                if (change_is_open(e))
                        (void)fprintf(c->out.file, "%s %s: %s, %s\n",
                                        out_text(&c->out, text_of(e, "id")), name_of(c, e),
                                        knobs_words(c, e), state_words(c, e));
}

/* Without what is said at the end anyhow, of the daemon that did not answer. */
static void print_notes(
                struct cli *c, const char *daemon, const struct json *health, const char *but) {
        for (const struct json *e = children_of(health, "notes"); e; e = e->next)
                if (e->type == JSON_STRING && (!but || strncmp(e->text, but, strlen(but)) != 0))
                        (void)fprintf(c->out.file, "%s: %s\n",
                                        out_color(&c->out, COLOR_WARN, daemon),
                                        out_text(&c->out, e->text));
}

static void put_list(struct cli *c, struct json_writer *w, const char *key,
                const struct json *answer, bool (*wanted)(const struct json *object)) {
        json_open_array(w, key);
        for (const struct json *e = children_of(answer, key); e; e = e->next)
                if (!wanted || wanted(e))
                        put_object(c, w, NULL, e);
        json_close_array(w);
}

static int print_status_json(struct cli *c, const struct status *s) {
        CLEANUP(json_writer_freep) struct json_writer *w = NULL;

        if (json_writer_new(&w) < 0)
                return complain(c, EXIT_ERROR, "out of memory");
        json_open_object(w, NULL);
        put_list(c, w, "findings", s->findings, NULL);
        put_list(c, w, "proposals", s->proposals, NULL);
        put_list(c, w, "changes", s->changes, change_is_open);
        json_put_value(w, "observer", s->sides[DAEMON_OBSERVER].health);
        json_put_value(w, "dtgovd", s->sides[DAEMON_CONTROL].health);
        json_close_object(w);
        return print_json(c, w);
}

static void print_all(struct cli *c, const struct status *s) {
        bool is_alone = s->sides[DAEMON_OBSERVER].exit != EXIT_DONE;

        print_findings(c, s);
        print_summary(c, s);
        print_notes(c, "dtgovd", s->sides[DAEMON_CONTROL].health,
                        is_alone ? "observer absent" : NULL);
        print_notes(c, "dtgov-observer", s->sides[DAEMON_OBSERVER].health, NULL);
}

int run_status(struct cli *c, char *const *arguments, unsigned count) {
        struct status s = { 0 };
        unsigned silent = 0;
        int r = EXIT_DONE;

        (void)arguments;
        (void)count;
        fetch(c, &s);
        for (size_t d = 0; d < DAEMON_COUNT; d++)
                silent += s.sides[d].exit != EXIT_DONE;
        if (silent < DAEMON_COUNT && given(c, OPTION_JSON))
                r = print_status_json(c, &s);
        else if (silent < DAEMON_COUNT)
                print_all(c, &s);
        for (size_t d = 0; d < DAEMON_COUNT; d++)
                if (s.sides[d].exit != EXIT_DONE)
                        r = complain(c, s.sides[d].exit, "%s", s.sides[d].error.text);
        if (r == EXIT_DONE && given(c, OPTION_EXIT_CODE) &&
                        (children_of(s.findings, "findings") || count_pending(s.proposals) > 0))
                return EXIT_FOUND;
        return r;
}
