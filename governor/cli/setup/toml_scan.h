/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks a TOML document: its tables and keys, with where they stand. No value is understood beyond
 * where it ends, so this tells what is surely not TOML, and what a document says, but does not
 * replace the judgement of the engine that reads it. No I/O.
 *
 * Source: toml.io, v1.0.0
 */
#pragma once

#include "state/error.h"

#define TOML_KEY_MAX 512

/* Parts of a key are joined by this; a part may hold a dot. */
#define TOML_DOT "\x1f"

/* One table header, or one key with its value. */
struct toml_item {
        char key[TOML_KEY_MAX]; /* from the top, without quotes, joined by TOML_DOT */
        bool is_table;
        const char *value; /* text of the value; NULL for a table */
        size_t value_len;
        unsigned line;
};

/* Where a walk stands; begins as { .next = text }. */
struct toml_walk {
        const char *next;
        unsigned line;
        char table[TOML_KEY_MAX];
};

/*
 * Returns: 1 an item, 0 the end
 * Errors:  -EINVAL not TOML; @err names the line
 */
int toml_next(struct toml_walk *walk, struct toml_item *ret, struct error *err);

/*
 * Finds a key: the last of that name, which @ret then is.
 *
 * Returns: 1 found, 0 not
 * Errors:  -EINVAL not TOML
 */
int toml_find(const char *text, const char *key, struct toml_item *ret, struct error *err);

/* The string that a value is; -EINVAL when it is none, or has escapes. */
int toml_string(const struct toml_item *item, char *out, size_t size);

/* Whether a value, an array of strings, holds that one. */
bool toml_array_has(const struct toml_item *item, const char *string);
