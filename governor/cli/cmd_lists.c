/* SPDX-License-Identifier: Apache-2.0 */
/* findings, proposals, changes: tables of what there is, each with the next command. */
#include <inttypes.h>
#include <string.h>

#include "governor/cli/commands.h"
#include "governor/cli/table.h"
#include "governor/cli/words.h"
#include "state/parse.h"

static int optional_place(
                struct cli *c, char *const *arguments, unsigned count, const struct place **ret) {
        *ret = NULL;
        return count == 0 ? EXIT_DONE : find_place(c, arguments[0], ret);
}

/* One table: which objects, in which order, and what stands in the cells of each. */
struct list {
        const char *key;
        const struct column *columns;
        size_t columns_count;
        void (*cells)(struct cli *c, const struct json *object, const char **ret);
        int (*compare)(const void *a, const void *b);
        const char *empty;
};

static uint64_t number_of_id(const struct json *object) {
        const char *id = text_of(object, "id");
        uint64_t number;

        return id[0] && parse_u64(id + 1, &number) == 0 ? number : 0;
}

static int newest_first(const void *a, const void *b) {
        uint64_t x = number_of_id(*(const struct json *const *)a);
        uint64_t y = number_of_id(*(const struct json *const *)b);

        return x < y ? 1 : x > y ? -1 : 0;
}

static int most_lost_first(const void *a, const void *b) {
        uint64_t x = number_of(*(const struct json *const *)a, "lostUsecPerMin", 0);
        uint64_t y = number_of(*(const struct json *const *)b, "lostUsecPerMin", 0);

        return x < y ? 1 : x > y ? -1 : newest_first(a, b);
}

/* The objects that are wanted, in order; the caller frees the array. */
static const struct json **gather(const struct list *l, const struct json *answer,
                const struct place *place, size_t *ret_count) {
        const struct json **objects;
        size_t count = 0;

        for (const struct json *e = children_of(answer, l->key); e; e = e->next)
                count++;
        objects = calloc(count + 1, sizeof(const struct json *));
        if (!objects)
                return NULL;
        count = 0;
        for (const struct json *e = children_of(answer, l->key); e; e = e->next)
                if (of_place(e, place))
                        objects[count++] = e;
        if (count > 1)
                qsort(objects, count, sizeof(*objects), l->compare);
        *ret_count = count;
        return objects;
}

static int print_objects(struct cli *c, const struct json *const *objects, size_t count) {
        CLEANUP(json_writer_freep) struct json_writer *w = NULL;

        if (json_writer_new(&w) < 0)
                return complain(c, EXIT_ERROR, "out of memory");
        json_open_array(w, NULL);
        for (size_t i = 0; i < count; i++)
                put_object(c, w, NULL, objects[i]);
        json_close_array(w);
        return print_json(c, w);
}

static int print_list(struct cli *c, const struct list *l, const struct json *answer,
                const struct place *place) {
        CLEANUP(freep) const struct json **objects = NULL;
        CLEANUP(table_freep) struct table *t = NULL;
        const char *cells[8];
        size_t count = 0;
        int r;

        objects = gather(l, answer, place, &count);
        if (!objects)
                return complain(c, EXIT_ERROR, "out of memory");
        if (given(c, OPTION_JSON))
                return print_objects(c, objects, count);
        r = table_new(&t, &c->out, l->columns, l->columns_count);
        for (size_t i = 0; i < count && r >= 0; i++) {
                l->cells(c, objects[i], cells);
                r = table_line(t, cells);
        }
        if (r >= 0)
                r = table_print(t);
        if (r < 0)
                return complain(c, EXIT_ERROR, "out of memory");
        if (count == 0)
                (void)fprintf(c->out.file, "%s\n", l->empty);
        return EXIT_DONE;
}

static int exit_of_list(struct cli *c, int r, const struct json *answer, const char *key,
                const struct place *place) {
        if (r != EXIT_DONE || !given(c, OPTION_EXIT_CODE))
                return r;
        for (const struct json *e = children_of(answer, key); e; e = e->next)
                if (of_place(e, place))
                        return EXIT_FOUND;
        return r;
}

static void finding_cells(struct cli *c, const struct json *e, const char **ret) {
        ret[0] = out_text(&c->out, text_of(e, "id"));
        ret[1] = name_of(c, e);
        ret[2] = out_format(&c->out, "%s/min",
                        out_duration(&c->out, number_of(e, "lostUsecPerMin", 0)));
        ret[3] = out_text(&c->out, text_of(e, text_of(e, "text")[0] ? "text" : "title"));
        ret[4] = next_words(c, e);
}

int run_findings(struct cli *c, char *const *arguments, unsigned count) {
        static const struct column columns[] = { { "ID", 0 }, { "ENVIRONMENT", 0 },
                { "LOST", COLUMN_RIGHT }, { "WHAT", COLUMN_CUT }, { "NEXT", 0 } };
        static const struct list list = { "findings", columns, ARRAY_LEN(columns), finding_cells,
                most_lost_first,
                "No findings: nothing slows a container down. What they use: dtgov ps" };
        const struct json *answer;
        const struct place *place;
        int r = optional_place(c, arguments, count, &place);

        if (r == EXIT_DONE)
                r = ask_or_complain(c, DAEMON_OBSERVER, "ListFindings", NULL, &answer);
        if (r != EXIT_DONE)
                return r;
        r = print_list(c, &list, answer, place);
        return exit_of_list(c, r, answer, list.key, place);
}

static const char *proposal_state(struct cli *c, const struct json *e) {
        const char *state = text_of(e, "state");
        uint64_t left = u64_sub(number_of(e, "expiresBoottimeNs", 0), boottime_ns());

        if (strcmp(state, "pending") != 0)
                return out_text(&c->out, state);
        return out_format(&c->out, "waits, %s left", out_duration(&c->out, left / NSEC_PER_USEC));
}

static void proposal_cells(struct cli *c, const struct json *e, const char **ret) {
        ret[0] = out_text(&c->out, text_of(e, "id"));
        ret[1] = name_of(c, e);
        ret[2] = children_of(e, "knobs") ? knobs_words(c, e)
                                         : out_text(&c->out, text_of(e, "text"));
        ret[3] = out_text(&c->out, text_of(e, "risk"));
        ret[4] = proposal_state(c, e);
}

int run_proposals(struct cli *c, char *const *arguments, unsigned count) {
        static const struct column columns[] = { { "ID", 0 }, { "ENVIRONMENT", 0 },
                { "CHANGE", COLUMN_CUT }, { "RISK", 0 }, { "STATE", 0 } };
        static const struct list list = { "proposals", columns, ARRAY_LEN(columns), proposal_cells,
                newest_first, "No proposals wait. What slows containers down: dtgov findings" };
        const struct parameter all[] = { { "all", .is_flag = true, .number = 1 }, {} };
        const struct json *answer;
        const struct place *place;
        int r = optional_place(c, arguments, count, &place);

        if (r == EXIT_DONE)
                r = ask_or_complain(c, DAEMON_CONTROL, "ListProposals",
                                given(c, OPTION_ALL) ? all : NULL, &answer);
        if (r != EXIT_DONE)
                return r;
        r = print_list(c, &list, answer, place);
        return exit_of_list(c, r, answer, list.key, place);
}

static void change_cells(struct cli *c, const struct json *e, const char **ret) {
        const char *why = reason_words(c, e);
        uint64_t at = number_of(e, "approvedBoottimeNs", 0);

        ret[0] = out_text(&c->out, text_of(e, "id"));
        ret[1] = name_of(c, e);
        ret[2] = change_words(c, e);
        ret[3] = at ? out_format(&c->out, "%s ago",
                                      out_duration(&c->out,
                                                      u64_sub(boottime_ns(), at) / NSEC_PER_USEC))
                    : "-";
        ret[4] = why[0] ? out_format(&c->out, "%s: %s", state_words(c, e), why) : state_words(c, e);
}

int run_changes(struct cli *c, char *const *arguments, unsigned count) {
        static const struct column columns[] = { { "ID", 0 }, { "ENVIRONMENT", 0 },
                { "CHANGE", COLUMN_CUT }, { "WHEN", COLUMN_RIGHT }, { "STATE", COLUMN_CUT } };
        static const struct list list = { "changes", columns, ARRAY_LEN(columns), change_cells,
                newest_first, "No changes yet. What could be changed: dtgov proposals" };
        const struct json *answer;
        const struct place *place;
        int r = optional_place(c, arguments, count, &place);

        if (r == EXIT_DONE && given(c, OPTION_FOLLOW))
                return follow_changes(c, place);
        if (r == EXIT_DONE && given(c, OPTION_COUNT))
                return complain(c, EXIT_USAGE,
                                "-n: it counts events; dtgov changes --follow -n %" PRIu64,
                                c->count);
        if (r == EXIT_DONE)
                r = ask_or_complain(c, DAEMON_CONTROL, "ListChanges", NULL, &answer);
        return r == EXIT_DONE ? print_list(c, &list, answer, place) : r;
}
