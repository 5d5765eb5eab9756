/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes a member of a JSON document in its text: everything else stays byte for byte, order,
 * blanks and the digits of numbers, and what is added looks like its neighbours. No I/O.
 */
#pragma once

#include "state/error.h"

/*
 * @text:   a document, one object at the top
 * @path:   names from the top to the member, and NULL; objects that are missing are made
 * @value:  JSON, on one line
 * @ret:    the new text; the caller frees it
 * Errors:  -EINVAL not JSON, or something on the way is no object; -ENOMEM
 */
int json_splice_set(const char *text, const char *const *path, const char *value, char **ret,
                struct error *err);

/* Takes the member away, and the comma that it no longer needs. -ENOENT: there is none */
int json_splice_remove(const char *text, const char *const *path, char **ret, struct error *err);

/* The text of the value of a member. -ENOENT: there is none */
int json_splice_get(const char *text, const char *const *path, char **ret, struct error *err);

/* A string as JSON. -ENOMEM */
int json_splice_string(const char *string, char **ret);
