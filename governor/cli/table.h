/* SPDX-License-Identifier: Apache-2.0 */
/* Tables for people: the one place that knows libsmartcols. */
#pragma once

#include "governor/cli/output.h"

struct table;

enum column_flag {
        COLUMN_RIGHT = 1 << 0, /* numbers */
        COLUMN_CUT = 1 << 1,   /* gives way on a narrow terminal */
};

struct column {
        const char *name;
        unsigned flags; /* enum column_flag */
};

/* Errors: -ENOMEM */
int table_new(struct table **ret, struct output *o, const struct column *columns, size_t count);
void table_freep(struct table **t); /* for CLEANUP */

/* One line, a text for each column; they are copied. Errors: -ENOMEM */
int table_line(struct table *t, const char *const *cells);

/* Without lines nothing is printed. */
int table_print(struct table *t);
