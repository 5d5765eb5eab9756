/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/cli/table.h"

#include <libsmartcols/libsmartcols.h>

struct table {
        struct libscols_table *scols;
        size_t columns;
};

void table_freep(struct table **t) {
        if (!*t)
                return;
        scols_unref_table((*t)->scols);
        free(*t);
}

int table_new(struct table **ret, struct output *o, const struct column *columns, size_t count) {
        CLEANUP(table_freep) struct table *t = calloc(1, sizeof(*t));

        if (!t)
                return -ENOMEM;
        t->columns = count;
        t->scols = scols_new_table();
        if (!t->scols)
                return -ENOMEM;
        (void)scols_table_set_stream(t->scols, o->file);
        /* Elsewhere than on a terminal nothing is cut: a program may read it. */
        if (!isatty(fileno(o->file)))
                (void)scols_table_set_termforce(t->scols, SCOLS_TERMFORCE_NEVER);
        for (size_t i = 0; i < count; i++) {
                int flags = (columns[i].flags & COLUMN_RIGHT ? SCOLS_FL_RIGHT : 0) |
                            (columns[i].flags & COLUMN_CUT ? SCOLS_FL_TRUNC : 0);

                if (!scols_table_new_column(t->scols, columns[i].name, 0, flags))
                        return -ENOMEM;
        }
        *ret = TAKE(t);
        return 0;
}

int table_line(struct table *t, const char *const *cells) {
        struct libscols_line *line = scols_table_new_line(t->scols, NULL);

        if (!line)
                return -ENOMEM;
        for (size_t i = 0; i < t->columns; i++)
                if (scols_line_set_data(line, i, cells[i]) < 0)
                        return -ENOMEM;
        return 0;
}

int table_print(struct table *t) {
        if (scols_table_is_empty(t->scols))
                return 0;
        return scols_print_table(t->scols);
}
