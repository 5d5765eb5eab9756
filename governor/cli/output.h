/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text for people: units, arrows, colours. Whatever comes from a container passes through
 * out_text(). The texts that are handed out live until out_done().
 */
#pragma once

#include "state/knob.h"

#include <stdio.h>

struct piece;

struct output {
        FILE *file;
        bool utf8, color;
        size_t columns; /* of the terminal; 0: it is none, and nothing is cut or wrapped */
        struct piece *pieces;
};

enum color { COLOR_BAD, COLOR_WARN, COLOR_GOOD, COLOR_DIM };

/*
 * Looks at @file, the locale (LC_CTYPE must be set) and the environment: colour only on a terminal,
 * unless NO_COLOR or DTGOV_NO_COLOR is set or TERM is dumb. COLUMNS goes before what the terminal
 * says of its width.
 */
void out_init(struct output *o, FILE *file);
void out_done(struct output *o);

/* printf into a text. "" when there is no memory. */
const char *out_format(struct output *o, const char *format, ...) PRINTF(2, 3);

/* Text from outside: controls escaped; without UTF-8 in the locale each other byte becomes '?'. */
const char *out_text(struct output *o, const char *raw);

/* The text in a colour, or as it is. */
const char *out_color(struct output *o, enum color color, const char *text);

const char *out_arrow(const struct output *o); /* from old to new */
const char *out_from(const struct output *o);  /* from a process to its ancestor */

/* Columns that a text takes on a terminal. */
size_t out_width(const char *text);

/* The text, or as much of it as @columns have room for, with "…" at its end ("..." in ASCII). */
const char *out_cut(struct output *o, const char *text, size_t columns);

/* Prints a text that begins at column @indent, whole words to a line, and ends the last line. */
void out_wrap(struct output *o, size_t indent, const char *text);

const char *out_bytes(struct output *o, uint64_t bytes);                     /* "1.5 GiB" */
const char *out_cpus(struct output *o, uint64_t usec, uint64_t window_usec); /* "0.53" */
const char *out_share(struct output *o, uint64_t permyriad);                 /* "96 %" */
const char *out_duration(struct output *o, uint64_t usec);                   /* "41 s" */

/* What a limit file holds, for people: "0.5 CPU"; as it is where it is no knob. */
const char *out_value(struct output *o, const char *file, const char *text);

/* "cpu.max 0.5 → 1.5 CPU": the unit once where both have it. */
const char *out_step(struct output *o, const char *file, const char *old, const char *new);
