/* SPDX-License-Identifier: Apache-2.0 */
/* Tables for people: the one place that knows libsmartcols. */
#pragma once

#include "governor/cli/output.h"

struct table;

enum column_flag {
        COLUMN_RIGHT = 1 << 0, /* numbers */
        COLUMN_CUT = 1 << 1,   /* on a narrow terminal its texts end with "…" */
        COLUMN_SPARE = 1 << 2, /* left out where the terminal has no room for it, the last first */
};

struct column {
        const char *name;
        unsigned flags; /* enum column_flag */
};

/* @columns and @o are borrowed until table_freep(). Errors: -ENOMEM */
int table_new(struct table **ret, struct output *o, const struct column *columns, size_t count);
void table_freep(struct table **t); /* for CLEANUP */

/* One line, a text for each column; the texts are borrowed as the columns. Errors: -ENOMEM */
int table_line(struct table *t, const char *const *cells);

/*
 * Prints the lines; without any nothing. What may neither be cut nor left out stays whole: where it
 * is wider than the terminal, that breaks the lines. Errors: -ENOMEM
 */
int table_print(struct table *t);
