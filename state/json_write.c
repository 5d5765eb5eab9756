/* SPDX-License-Identifier: Apache-2.0 */
/* The writer of state/json.h. A tree is written without recursion: it is no deeper than the reader
 * allows. */
#include "state/json.h"

#include "state/text.h"

#include <string.h>
#include <yajl/yajl_gen.h>

struct json_writer {
        yajl_gen gen;
        int error;
        unsigned depth;
};

int json_writer_new(struct json_writer **ret) {
        struct json_writer *w = calloc(1, sizeof(*w));

        if (!w)
                return -ENOMEM;
        w->gen = yajl_gen_alloc(NULL);
        if (!w->gen) {
                free(w);
                return -ENOMEM;
        }
        *ret = w;
        return 0;
}

void json_writer_free(struct json_writer *w) {
        if (!w)
                return;
        yajl_gen_free(w->gen);
        free(w);
}

void json_writer_freep(struct json_writer **w) {
        json_writer_free(*w);
}

static void note(struct json_writer *w, yajl_gen_status status) {
        if (status != yajl_gen_status_ok && w->error == 0)
                w->error = -EINVAL;
}

/* A string as it is when it is UTF-8, else with U+FFFD for each byte that is not. */
static void put_text(struct json_writer *w, const char *text, size_t len) {
        static const char replacement[] = "\xef\xbf\xbd";
        CLEANUP(freep) char *clean = NULL;
        size_t used = 0;

        if (text_is_utf8(text, len)) {
                note(w, yajl_gen_string(w->gen, (const unsigned char *)text, len));
                return;
        }
        clean = malloc(len * 3 + 1);
        if (!clean) {
                w->error = -ENOMEM;
                return;
        }
        for (size_t i = 0; i < len;) {
                size_t n = 1;

                while (n < 4 && i + n < len && !text_is_utf8(text + i, n))
                        n++;
                if (text_is_utf8(text + i, n)) {
                        memcpy(clean + used, text + i, n);
                        used += n;
                        i += n;
                } else {
                        memcpy(clean + used, replacement, 3);
                        used += 3;
                        i++;
                }
        }
        note(w, yajl_gen_string(w->gen, (const unsigned char *)clean, used));
}

static void put_key(struct json_writer *w, const char *key) {
        if (key)
                put_text(w, key, strlen(key));
}

void json_open_object(struct json_writer *w, const char *key) {
        put_key(w, key);
        note(w, yajl_gen_map_open(w->gen));
        w->depth++;
}

void json_open_array(struct json_writer *w, const char *key) {
        put_key(w, key);
        note(w, yajl_gen_array_open(w->gen));
        w->depth++;
}

void json_close_object(struct json_writer *w) {
        note(w, yajl_gen_map_close(w->gen));
        w->depth--;
}

void json_close_array(struct json_writer *w) {
        note(w, yajl_gen_array_close(w->gen));
        w->depth--;
}

void json_put_string(struct json_writer *w, const char *key, const char *value) {
        put_key(w, key);
        if (value)
                put_text(w, value, strlen(value));
        else
                note(w, yajl_gen_null(w->gen));
}

void json_put_u64(struct json_writer *w, const char *key, uint64_t value) {
        char digits[24];
        size_t len = text_append_u64(digits, sizeof(digits), 0, value);

        put_key(w, key);
        note(w, yajl_gen_number(w->gen, digits, len));
}

void json_put_i64(struct json_writer *w, const char *key, int64_t value) {
        put_key(w, key);
        note(w, yajl_gen_integer(w->gen, value));
}

void json_put_bool(struct json_writer *w, const char *key, bool value) {
        put_key(w, key);
        note(w, yajl_gen_bool(w->gen, value));
}

/* Writes a value without its children; opens it when it has them. */
static void put_shallow(struct json_writer *w, const char *key, const struct json *value) {
        put_key(w, key);
        switch (value->type) {
        case JSON_NULL:
                note(w, yajl_gen_null(w->gen));
                break;
        case JSON_BOOL:
                note(w, yajl_gen_bool(w->gen, value->boolean));
                break;
        case JSON_NUMBER:
                note(w, yajl_gen_number(w->gen, value->text, value->len));
                break;
        case JSON_STRING:
                put_text(w, value->text, value->len);
                break;
        case JSON_ARRAY:
                json_open_array(w, NULL);
                break;
        case JSON_OBJECT:
                json_open_object(w, NULL);
                break;
        }
}

static void close_value(struct json_writer *w, const struct json *value) {
        if (value->type == JSON_ARRAY)
                json_close_array(w);
        else if (value->type == JSON_OBJECT)
                json_close_object(w);
}

void json_put_value(struct json_writer *w, const char *key, const struct json *value) {
        const struct json *open[JSON_DEPTH_MAX + 1];
        unsigned depth = 0;

        if (!value) {
                json_put_string(w, key, NULL);
                return;
        }
        put_shallow(w, key, value);
        open[depth++] = value;
        for (const struct json *next = value->child; depth > 0;) {
                if (!next) {
                        const struct json *done = open[--depth];

                        close_value(w, done);
                        next = depth > 0 ? done->next : NULL;
                        continue;
                }
                put_shallow(w, next->key, next);
                if (next->type < JSON_ARRAY) {
                        next = next->next;
                } else if (depth < ARRAY_LEN(open)) {
                        open[depth++] = next;
                        next = next->child;
                } else {
                        w->error = -EINVAL;
                        return;
                }
        }
}

int json_writer_end(struct json_writer *w, const char **ret, size_t *ret_len) {
        const unsigned char *text;

        if (w->error < 0)
                return w->error;
        if (w->depth != 0 || yajl_gen_get_buf(w->gen, &text, ret_len) != yajl_gen_status_ok)
                return -EINVAL;
        *ret = (const char *)text;
        return 0;
}
