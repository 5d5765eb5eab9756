/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON by yajl, and the only file that knows yajl. The reader builds a bounded tree that keeps
 * numbers as text (they may exceed 64 bits) and members in order, so that a document can be written
 * back without loss. The writer escapes what it is given.
 *
 * Source: RFC 8259; yajl 2.1 (yajl_parse.h, yajl_gen.h)
 */
#pragma once

#include "state/error.h"

#define JSON_DEPTH_MAX 64 /* arrays and objects within each other; OCI configurations need 10 */

enum json_type {
        JSON_NULL,
        JSON_BOOL,
        JSON_NUMBER,
        JSON_STRING,
        JSON_ARRAY,
        JSON_OBJECT,
};

/* One value. Children of arrays and objects are a list in the order of the text. */
struct json {
        enum json_type type;
        bool boolean;
        const char *key;  /* its name in the object around it; NULL elsewhere */
        const char *text; /* bytes of a string, digits of a number; ends with a NUL */
        size_t len;       /* of text; a string may hold NUL bytes */
        struct json *child, *last, *next;
};

struct json_doc; /* owns all values and texts of one document */

/*
 * Parses one document.
 *
 * @depth_max: at most JSON_DEPTH_MAX
 * Errors:     -EINVAL not JSON, not UTF-8, text behind the end, a name twice in one object, too
 *             deep; @err says where. -ENOMEM
 */
int json_parse(const char *text, size_t len, unsigned depth_max, struct json_doc **ret,
                struct error *err);
struct json *json_root(struct json_doc *doc);
void json_doc_free(struct json_doc *doc);
void json_doc_freep(struct json_doc **doc); /* for CLEANUP */

/*
 * Makes JSON out of JSON with comments, in place: comments, and commas before a closing bracket,
 * become blanks. What is wrong stays wrong.
 */
void json_strip_comments(char *text, size_t len);

/* The member @key of an object; NULL when there is none or @object is NULL or not an object. */
struct json *json_get(const struct json *object, const char *key);

/*
 * Typed members. A missing member or null is -ENOENT (@err set too), another type -EINVAL, a number
 * out of range -ERANGE; a string with a NUL byte inside is -EINVAL. Strings live as long as the
 * document.
 */
int json_get_string(
                const struct json *object, const char *key, const char **ret, struct error *err);
int json_get_u64(const struct json *object, const char *key, uint64_t *ret, struct error *err);
int json_get_bool(const struct json *object, const char *key, bool *ret, struct error *err);

/* Where a member goes in a structure: const char *, uint64_t, bool, or const struct json *. */
struct json_field {
        const char *key;
        enum json_type type; /* STRING, NUMBER, BOOL, OBJECT */
        size_t offset;
};

/*
 * Fills in a structure by a table, which a field without key ends. A member that is missing or null
 * leaves its field as it is; one that the table does not have is ignored.
 *
 * @ret_bad: the first member that does not fit
 * Errors:   as the typed ones; never -ENOENT
 */
int json_get_fields(const struct json *object, const struct json_field *fields, void *ret,
                const char **ret_bad, struct error *err);

/*
 * Adds a value that the document then owns, at the end (or, @front, at the start) of an array or
 * object. Returns NULL on -ENOMEM. Texts are copied; @key is NULL for arrays.
 */
struct json *json_add(struct json_doc *doc, struct json *parent, const char *key,
                enum json_type type, const char *text, bool front);

/* The writer. Errors are kept until json_writer_end(), so that calls need no check each. */
struct json_writer;
int json_writer_new(struct json_writer **ret);
void json_writer_free(struct json_writer *w);
void json_writer_freep(struct json_writer **w); /* for CLEANUP */

/*
 * Functions that write take @key: the member's name in an object, NULL in an array or at the top.
 * Strings that are not UTF-8 are written with U+FFFD in place of each bad byte.
 */
void json_open_object(struct json_writer *w, const char *key);
void json_open_array(struct json_writer *w, const char *key);
void json_close_object(struct json_writer *w);
void json_close_array(struct json_writer *w);
void json_put_string(struct json_writer *w, const char *key, const char *value); /* NULL: null */
void json_put_u64(struct json_writer *w, const char *key, uint64_t value);
void json_put_i64(struct json_writer *w, const char *key, int64_t value);
void json_put_bool(struct json_writer *w, const char *key, bool value);
/* A tree; NULL: null. */
void json_put_value(struct json_writer *w, const char *key, const struct json *value);

/*
 * The text, NUL-ended, valid until the writer is freed.
 *
 * Errors: -ENOMEM; -EINVAL the calls did not make one whole value
 */
int json_writer_end(struct json_writer *w, const char **ret, size_t *ret_len);
