/* SPDX-License-Identifier: Apache-2.0 */
/* What several commands print alike: outcome of a change, writes, facts, lists for programs. */
#include <string.h>

#include "governor/cli/table.h"
#include "governor/cli/words.h"
#include "state/change.h"

#define FACT_INDENT 13 /* where the text of a fact begins */

void print_fact(struct cli *c, const char *name, const char *text) {
        if (text[0] == '\0')
                return;
        (void)fprintf(c->out.file, "  %-*s", FACT_INDENT - 2, name);
        out_wrap(&c->out, FACT_INDENT, text);
}

void print_command(struct cli *c, const char *name, const char *command) {
        if (command[0])
                (void)fprintf(c->out.file, "  %-*s%s\n", FACT_INDENT - 2, name, command);
}

int print_writes(struct cli *c, const struct json *answer) {
        static const struct column columns[] = { { "FILE", 0 }, { "OLD", COLUMN_RIGHT },
                { "NEW", COLUMN_RIGHT }, { "OWNER", 0 } };
        CLEANUP(table_freep) struct table *t = NULL;
        const struct json *write = children_of(answer, "writes");

        if (!write) {
                (void)fputs("Nothing would be written.\n", c->out.file);
                return EXIT_DONE;
        }
        if (table_new(&t, &c->out, columns, ARRAY_LEN(columns)) < 0)
                return complain(c, EXIT_ERROR, "out of memory");
        for (; write; write = write->next) {
                const char *const cells[] = { out_text(&c->out, text_of(write, "file")),
                        out_text(&c->out, text_of(write, "old")),
                        out_text(&c->out, text_of(write, "new")),
                        out_text(&c->out, text_of(write, "owner")) };

                if (table_line(t, cells) < 0)
                        return complain(c, EXIT_ERROR, "out of memory");
        }
        return table_print(t) < 0 ? EXIT_ERROR : EXIT_DONE;
}

int exit_of_change(const struct json *change) {
        switch (change_state_from_name(text_of(change, "state"))) {
        case CHANGE_ROLLED_BACK:
        case CHANGE_ROLLING_BACK:
        case CHANGE_ROLLBACK_FAILED:
                return EXIT_REVERTED;
        case CHANGE_REFUSED:
                return EXIT_REFUSED;
        case CHANGE_STALE:
        case CHANGE_EXPIRED:
                return EXIT_OUTDATED;
        case CHANGE_CONFLICT:
        case CHANGE_LAPSED:
        case CHANGE_REVERTED_EXTERNALLY:
        case CHANGE_REJECTED:
                return EXIT_ERROR;
        default:
                return EXIT_DONE;
        }
}

static void print_lasting(struct cli *c, const struct json *change) {
        const char *keep = keep_command(&c->out, place_of(c, change), children_of(change, "knobs"));

        (void)fprintf(c->out.file, "Undo: dtgov rollback %s\n",
                        out_text(&c->out, text_of(change, "id")));
        (void)fprintf(c->out.file, "Lasts until the container is re-created");
        if (keep[0])
                (void)fprintf(c->out.file, "; to keep it: %s", keep);
        (void)fputs("\n", c->out.file);
}

/* Memory that is lowered step by step has not come to its new value. */
static bool is_on_its_way(const struct json *change) {
        for (const struct json *k = children_of(change, "knobs"); k; k = k->next)
                if (text_of(k, "step")[0])
                        return true;
        return false;
}

int print_outcome(struct cli *c, const struct json *change) {
        uint64_t left = u64_sub(number_of(change, "deadlineBoottimeNs", 0), boottime_ns());
        int state = change_state_from_name(text_of(change, "state"));
        int r = exit_of_change(change);
        const char *why = reason_words(c, change);

        if (flag_of(change, "trial") && state == CHANGE_PROBATION) {
                (void)fprintf(c->out.file,
                                "%s, verified. On trial for %s, then taken back.\n"
                                "Keep it: dtgov keep %s\nUndo: dtgov rollback %s\n",
                                knobs_words(c, change),
                                out_duration(&c->out, left / NSEC_PER_USEC + USEC_PER_SEC / 2),
                                out_text(&c->out, text_of(change, "id")),
                                out_text(&c->out, text_of(change, "id")));
        } else if (state == CHANGE_PROBATION || state == CHANGE_HELD) {
                (void)fprintf(c->out.file, "%s, verified. On probation for %s.\n",
                                knobs_words(c, change),
                                out_duration(&c->out, left / NSEC_PER_USEC + USEC_PER_SEC / 2));
                if (why[0])
                        (void)fprintf(c->out.file, "%s: %s\n",
                                        is_on_its_way(change) ? "Now" : "At its end", why);
                print_lasting(c, change);
        } else if (state == CHANGE_COMMITTED) {
                (void)fprintf(c->out.file, "%s, verified and %s.\n", knobs_words(c, change),
                                state_words(c, change));
                print_lasting(c, change);
        } else {
                (void)fprintf(c->out.file, "%s %s: %s%s%s\n",
                                out_text(&c->out, text_of(change, "id")), knobs_words(c, change),
                                state_words(c, change), why[0] ? ": " : "", why);
        }
        return r;
}

int print_unchanged(struct cli *c, const char *text, const struct json *change) {
        CLEANUP(json_writer_freep) struct json_writer *w = NULL;

        if (!given(c, OPTION_JSON)) {
                (void)fprintf(c->out.file, "%s\n", text);
                return EXIT_DONE;
        }
        if (json_writer_new(&w) < 0)
                return complain(c, EXIT_ERROR, "out of memory");
        json_open_object(w, NULL);
        json_put_value(w, "change", change);
        json_put_string(w, "text", text);
        json_close_object(w);
        return print_json(c, w);
}

int print_json(struct cli *c, struct json_writer *w) {
        const char *text;
        size_t len;

        if (json_writer_end(w, &text, &len) < 0)
                return complain(c, EXIT_ERROR, "out of memory");
        (void)fprintf(c->out.file, "%s\n", text);
        return EXIT_DONE;
}

void put_object(struct cli *c, struct json_writer *w, const char *key, const struct json *object) {
        const struct json *id = json_get(object, "id");
        bool places = json_get(object, "cgroupInode");

        /* Another version of a daemon may list something else: as it is, then. */
        if (!object || object->type != JSON_OBJECT) {
                json_put_value(w, key, object);
                return;
        }
        json_open_object(w, key);
        if (id)
                json_put_value(w, "id", id);
        for (const struct json *m = object->child; m; m = m->next)
                if (m != id && strcmp(m->key, "name") != 0 &&
                                !(places && strcmp(m->key, "environment") == 0))
                        json_put_value(w, m->key, m);
        if (places) {
                const struct place *p = place_of(c, object);
                const char *then = text_of(object, "environment");

                json_put_string(w, "environment", p ? p->environment : then[0] ? then : NULL);
                json_put_string(w, "name", p && p->name[0] ? p->name : NULL);
        }
        json_close_object(w);
}
