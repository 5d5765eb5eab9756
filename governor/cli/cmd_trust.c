/* SPDX-License-Identifier: Apache-2.0 */
/* What became of the changes of each rule, in each environment: on what trust in it rests. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "governor/cli/commands.h"
#include "governor/cli/table.h"
#include "governor/cli/words.h"
#include "state/change.h"

struct tally {
        const char *rule, *environment, *template;
        unsigned changes, proven, unproven;
        unsigned taken_back, by_people; /* by dtgov itself; by a person's own rollback */
        uint64_t *errors;               /* us a minute, by which what was expected was wrong */
        unsigned errors_count;
};

struct tallies {
        struct tally *all;
        size_t count;
};

static void tallies_done(struct tallies *t) {
        for (size_t i = 0; i < t->count; i++)
                free(t->all[i].errors);
        free(t->all);
}

static int by_value(const void *a, const void *b) {
        const uint64_t *x = a, *y = b;

        return *x < *y ? -1 : *x > *y;
}

/* Of an even number the upper one of the two in the middle. */
static uint64_t median_error(struct tally *t) {
        qsort(t->errors, t->errors_count, sizeof(*t->errors), by_value);
        return t->errors[t->errors_count / 2];
}

/* A person's rollback is an opinion about a change; dtgov's own is harm, or want of evidence. */
static bool is_by_person(const struct json *change) {
        return reason_from_code(text_of(change, "reason")) == REASON_PERSON;
}

static int count_change(struct tally *t, const struct json *change, unsigned most) {
        uint64_t expected = number_of(change, "expectedUsecPerMin", UINT64_MAX);
        uint64_t after = number_of(change, "afterUsecPerMin", UINT64_MAX);
        int state = change_state_from_name(text_of(change, "state"));

        t->changes++;
        if (state == CHANGE_COMMITTED && flag_of(change, "proven"))
                t->proven++;
        else if (state == CHANGE_COMMITTED)
                t->unproven++;
        else if (state == CHANGE_ROLLED_BACK && is_by_person(change))
                t->by_people++;
        else if (state == CHANGE_ROLLED_BACK)
                t->taken_back++;
        if (expected == UINT64_MAX || after == UINT64_MAX)
                return 0;
        if (!t->errors)
                t->errors = calloc(most + 1, sizeof(*t->errors));
        if (!t->errors)
                return -ENOMEM;
        t->errors[t->errors_count++] = expected > after ? expected - after : after - expected;
        return 0;
}

/* What it is called now, or was when it was changed. */
static const char *environment_of(struct cli *c, const struct json *change) {
        const struct place *p = place_of(c, change);
        const char *then = text_of(change, "environment");

        return p ? p->environment : then[0] ? then : text_of(change, "containerId");
}

static int tally(struct cli *c, const struct json *answer, struct tallies *ret) {
        unsigned most = 0;

        for (const struct json *x = children_of(answer, "changes"); x; x = x->next)
                most++;
        ret->all = calloc(most + 1, sizeof(*ret->all));
        for (const struct json *x = children_of(answer, "changes"); ret->all && x; x = x->next) {
                const char *rule = text_of(x, "rule"), *environment = environment_of(c, x);
                const char *template = text_of(x, "template");
                size_t i = 0;

                while (i < ret->count &&
                                (strcmp(ret->all[i].rule, rule) != 0 ||
                                                strcmp(ret->all[i].environment, environment) != 0 ||
                                                strcmp(ret->all[i].template, template) != 0))
                        i++;
                if (i == ret->count)
                        ret->all[ret->count++] = (struct tally){
                                .rule = rule, .environment = environment, .template = template
                        };
                if (count_change(&ret->all[i], x, most) < 0)
                        return -ENOMEM;
        }
        return ret->all ? 0 : -ENOMEM;
}

static bool is_trusted(const struct json *known, const char *rule) {
        const struct json *r = find_of(known, "rules", "id", rule);

        return !r || flag_of(r, "trusted");
}

static int print_tallies_json(
                struct cli *c, const struct tallies *tallies, const struct json *known) {
        CLEANUP(json_writer_freep) struct json_writer *w = NULL;

        if (json_writer_new(&w) < 0)
                return complain(c, EXIT_ERROR, "out of memory");
        json_open_array(w, NULL);
        for (size_t i = 0; i < tallies->count; i++) {
                struct tally *t = &tallies->all[i];

                json_open_object(w, NULL);
                json_put_string(w, "id", t->rule);
                json_put_string(w, "environment", t->environment);
                json_put_string(w, "template", t->template[0] ? t->template : NULL);
                json_put_u64(w, "changes", t->changes);
                json_put_u64(w, "proven", t->proven);
                json_put_u64(w, "unproven", t->unproven);
                json_put_u64(w, "rolledBack", t->taken_back + t->by_people);
                json_put_u64(w, "rolledBackByPeople", t->by_people);
                if (t->errors_count > 0)
                        json_put_u64(w, "medianErrorUsecPerMin", median_error(t));
                json_put_bool(w, "trusted", is_trusted(known, t->rule));
                json_close_object(w);
        }
        json_close_array(w);
        return print_json(c, w);
}

static int print_tallies(struct cli *c, const struct tallies *tallies, const struct json *known) {
        static const struct column columns[] = { { "RULE", 0 }, { "ENVIRONMENT", COLUMN_CUT },
                { "CHANGES", COLUMN_RIGHT }, { "HELPED", COLUMN_RIGHT },
                { "UNPROVEN", COLUMN_RIGHT }, { "TAKEN BACK", COLUMN_RIGHT },
                { "BY PEOPLE", COLUMN_RIGHT }, { "OFF BY", COLUMN_RIGHT } };
        CLEANUP(table_freep) struct table *table = NULL;
        int r = table_new(&table, &c->out, columns, ARRAY_LEN(columns));

        for (size_t i = 0; i < tallies->count && r >= 0; i++) {
                struct tally *t = &tallies->all[i];
                const char *const cells[] = {
                        out_text(&c->out, t->rule),
                        out_text(&c->out, t->environment),
                        out_format(&c->out, "%u", t->changes),
                        out_format(&c->out, "%u", t->proven),
                        out_format(&c->out, "%u", t->unproven),
                        out_format(&c->out, "%u", t->taken_back),
                        out_format(&c->out, "%u", t->by_people),
                        t->errors_count > 0
                                        ? out_format(&c->out, "%s/min",
                                                          out_duration(&c->out, median_error(t)))
                                        : "-",
                };

                r = table_line(table, cells);
        }
        if (r < 0 || table_print(table) < 0)
                return complain(c, EXIT_ERROR, "out of memory");
        if (tallies->count == 0)
                (void)fputs("No changes yet: trust has nothing to rest on. What could be changed: "
                            "dtgov proposals\n",
                                c->out.file);
        for (const struct json *x = children_of(known, "rules"); x; x = x->next)
                if (!flag_of(x, "trusted"))
                        (void)fprintf(c->out.file,
                                        "%s was taken back three times within an hour, by dtgov or "
                                        "by people: it does not act alone until dtgov trust %s\n",
                                        out_text(&c->out, text_of(x, "id")),
                                        out_text(&c->out, text_of(x, "id")));
        return EXIT_DONE;
}

static int trust_again(struct cli *c, const char *rule) {
        const struct parameter parameters[] = { { "id", .text = rule }, {} };
        CLEANUP(json_writer_freep) struct json_writer *w = NULL;
        const struct json *answer, *known;
        int r = ask_or_complain(c, DAEMON_CONTROL, "ListRules", NULL, &known);

        if (r != EXIT_DONE)
                return r;
        answer = find_of(known, "rules", "id", rule);
        if (answer && flag_of(answer, "trusted") && !given(c, OPTION_JSON)) {
                (void)fprintf(c->out.file, "%s is trusted already: its record stays.\n",
                                out_text(&c->out, rule));
                return EXIT_DONE;
        }
        r = ask_or_complain(c, DAEMON_CONTROL, "Trust", parameters, &answer);
        if (r != EXIT_DONE)
                return r;
        if (!given(c, OPTION_JSON)) {
                (void)fprintf(c->out.file, "%s is trusted: what it did so far no longer counts.\n",
                                out_text(&c->out, rule));
                return EXIT_DONE;
        }
        if (json_writer_new(&w) < 0)
                return complain(c, EXIT_ERROR, "out of memory");
        put_object(c, w, NULL, json_get(answer, "rule"));
        return print_json(c, w);
}

int run_trust(struct cli *c, char *const *arguments, unsigned count) {
        CLEANUP(tallies_done) struct tallies tallies = { 0 };
        const struct json *changes, *known;
        int r;

        if (count > 0)
                return trust_again(c, arguments[0]);
        r = ask_or_complain(c, DAEMON_CONTROL, "ListChanges", NULL, &changes);
        if (r == EXIT_DONE)
                r = ask_or_complain(c, DAEMON_CONTROL, "ListRules", NULL, &known);
        if (r != EXIT_DONE)
                return r;
        if (tally(c, changes, &tallies) < 0)
                return complain(c, EXIT_ERROR, "out of memory");
        return given(c, OPTION_JSON) ? print_tallies_json(c, &tallies, known)
                                     : print_tallies(c, &tallies, known);
}
