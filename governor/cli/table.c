/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libsmartcols aligns. What has to give way on a narrow terminal is decided here: the library cuts
 * without a mark, and whatever it likes.
 */
#include "governor/cli/table.h"

#include <libsmartcols/libsmartcols.h>
#include <string.h>

#define CUT_LEAST 12 /* columns of text below which a cut one says nothing any more */

struct table {
        struct output *out;
        const struct column *columns;
        size_t columns_count, lines;
        const char **cells; /* line by line */
        size_t widths[];    /* 0: the column is left out */
};

void table_freep(struct table **t) {
        if (!*t)
                return;
        free((*t)->cells);
        free(*t);
}

int table_new(struct table **ret, struct output *o, const struct column *columns, size_t count) {
        struct table *t = calloc(1, sizeof(*t) + count * sizeof(t->widths[0]));

        if (!t)
                return -ENOMEM;
        t->out = o;
        t->columns = columns;
        t->columns_count = count;
        *ret = t;
        return 0;
}

int table_line(struct table *t, const char *const *cells) {
        size_t used = t->lines * t->columns_count;
        const char **more = reallocarray(t->cells, used + t->columns_count, sizeof(*more));

        if (!more)
                return -ENOMEM;
        t->cells = more;
        memcpy(more + used, cells, t->columns_count * sizeof(*cells));
        t->lines++;
        return 0;
}

static size_t width_of(const struct table *t, size_t column) {
        size_t width = out_width(t->columns[column].name);

        for (size_t i = 0; i < t->lines; i++) {
                size_t cell = out_width(t->cells[i * t->columns_count + column]);

                width = cell > width ? cell : width;
        }
        return width;
}

/* Columns of a whole line. */
static size_t total(const struct table *t) {
        size_t sum = 0;

        for (size_t i = 0; i < t->columns_count; i++)
                sum += t->widths[i] > 0 ? t->widths[i] + (sum > 0) : 0;
        return sum;
}

/* The widest of those that may be cut further; -1: there is none. */
static int widest(const struct table *t) {
        size_t most = CUT_LEAST;
        int found = -1;

        for (size_t i = 0; i < t->columns_count; i++)
                if (t->columns[i].flags & COLUMN_CUT && t->widths[i] > most) {
                        most = t->widths[i];
                        found = (int)i;
                }
        return found;
}

/* How wide each column is on this terminal. */
static void fit(struct table *t) {
        size_t room = t->out->columns;
        int cut;

        for (size_t i = 0; i < t->columns_count; i++)
                t->widths[i] = width_of(t, i);
        if (room == 0)
                return;
        for (size_t i = t->columns_count; i-- > 0 && total(t) > room;)
                if (t->columns[i].flags & COLUMN_SPARE)
                        t->widths[i] = 0;
        while (total(t) > room && (cut = widest(t)) >= 0)
                t->widths[cut]--;
}

static int fill_line(const struct table *t, struct libscols_line *line, const char *const *cells) {
        size_t shown = 0;

        for (size_t i = 0; line && i < t->columns_count; i++) {
                const char *text = out_cut(t->out, cells[i], t->widths[i]);

                if (t->widths[i] > 0 && scols_line_set_data(line, shown++, text) < 0)
                        return -ENOMEM;
        }
        return line ? 0 : -ENOMEM;
}

static int fill(const struct table *t, struct libscols_table *scols) {
        int r = 0;

        for (size_t i = 0; i < t->columns_count; i++) {
                int flags = t->columns[i].flags & COLUMN_RIGHT ? SCOLS_FL_RIGHT : 0;

                if (t->widths[i] > 0 &&
                                !scols_table_new_column(scols, t->columns[i].name, 0, flags))
                        return -ENOMEM;
        }
        for (size_t i = 0; i < t->lines && r == 0; i++)
                r = fill_line(t, scols_table_new_line(scols, NULL),
                                t->cells + i * t->columns_count);
        return r;
}

int table_print(struct table *t) {
        struct libscols_table *scols;
        int r;

        if (t->lines == 0)
                return 0;
        scols = scols_new_table();
        if (!scols)
                return -ENOMEM;
        fit(t);
        (void)scols_table_set_stream(scols, t->out->file);
        (void)scols_table_set_termforce(scols, SCOLS_TERMFORCE_NEVER);
        r = fill(t, scols);
        if (r == 0)
                r = scols_print_table(scols);
        scols_unref_table(scols);
        return r;
}
