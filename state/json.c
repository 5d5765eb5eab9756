/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree lives in an arena: a handful of blocks, freed together. Nothing here recurses on what
 * comes from outside: the reader keeps a stack of JSON_DEPTH_MAX parents, and a tree that it built
 * is no deeper than that.
 */
#include "state/json.h"

#include "state/parse.h"
#include <string.h>
#include <yajl/yajl_parse.h>

#define BLOCK_FIRST 1000 /* bytes: an OCI state fits */
#define BLOCK_SIZE  4000

struct block {
        struct block *next;
        size_t used, size;
        max_align_t data[];
};

struct json_doc {
        struct block *blocks;
        struct json *root;
};

/* What the reader's callbacks share. */
struct reader {
        struct json_doc *doc;
        struct json *parents[JSON_DEPTH_MAX];
        unsigned depth, depth_max;
        const char *key;
        int error;
        const char *why;
};

static void *arena_get(struct json_doc *doc, size_t size) {
        struct block *b = doc->blocks;
        void *p;

        size = (size + sizeof(max_align_t) - 1) & ~(sizeof(max_align_t) - 1);
        if (!b || b->size - b->used < size) {
                size_t room = u64_max(size, b ? BLOCK_SIZE : BLOCK_FIRST);

                b = malloc(sizeof(*b) + room);
                if (!b)
                        return NULL;
                *b = (struct block){ .next = doc->blocks, .size = room };
                doc->blocks = b;
        }
        p = (char *)b->data + b->used;
        b->used += size;
        return p;
}

static const char *arena_text(struct json_doc *doc, const char *text, size_t len) {
        char *copy = arena_get(doc, len + 1);

        if (!copy)
                return NULL;
        memcpy(copy, text, len);
        copy[len] = '\0';
        return copy;
}

static int fail(struct reader *r, int error, const char *why) {
        r->error = error;
        r->why = why;
        return 0;
}

static int by_key(const void *a, const void *b) {
        return strcmp((*(const struct json *const *)a)->key, (*(const struct json *const *)b)->key);
}

/*
 * Whether a name stands twice. Sorted, because comparing each with each would take minutes for a
 * hostile document of 1 MiB.
 *
 * Returns: 1 yes, 0 no, -ENOMEM
 */
static int has_twins(const struct json *object) {
        CLEANUP(freep) const struct json **heap = NULL;
        const struct json *few[16], **members = few;
        size_t count = 0, i = 0;

        for (const struct json *m = object->child; m; m = m->next)
                count++;
        if (count > ARRAY_LEN(few)) {
                members = heap = calloc(count, sizeof(*heap));
                if (!heap)
                        return -ENOMEM;
        }
        for (const struct json *m = object->child; m; m = m->next)
                members[i++] = m;
        if (heap)
                qsort(heap, count, sizeof(*heap), by_key);
        for (i = 1; i < count; i++)
                for (size_t j = heap ? i - 1 : 0; j < i; j++)
                        if (strcmp(members[i]->key, members[j]->key) == 0)
                                return 1;
        return 0;
}

static void link_child(struct json *parent, struct json *child, bool front) {
        if (front) {
                child->next = parent->child;
                parent->child = child;
        } else if (parent->last) {
                parent->last->next = child;
        } else {
                parent->child = child;
        }
        if (!child->next)
                parent->last = child;
}

/* Puts a new value where the reader stands; NULL after an error that is then set. */
static struct json *add(struct reader *r, enum json_type type, const char *text, size_t len) {
        struct json *parent = r->depth ? r->parents[r->depth - 1] : NULL, *value;

        value = arena_get(r->doc, sizeof(*value));
        if (value) {
                *value = (struct json){ .type = type, .key = r->key, .len = len };
                r->key = NULL;
        }
        if (value && text)
                value->text = arena_text(r->doc, text, len);
        if (!value || (text && !value->text)) {
                fail(r, -ENOMEM, "out of memory");
                return NULL;
        }

        if (!parent)
                r->doc->root = value;
        else
                link_child(parent, value, /* front= */ false);
        return value;
}

static int on_null(void *ctx) {
        return add(ctx, JSON_NULL, NULL, 0) != NULL;
}

static int on_bool(void *ctx, int boolean) {
        struct json *value = add(ctx, JSON_BOOL, NULL, 0);

        if (value)
                value->boolean = boolean;
        return value != NULL;
}

static int on_number(void *ctx, const char *text, size_t len) {
        return add(ctx, JSON_NUMBER, text, len) != NULL;
}

static int on_string(void *ctx, const unsigned char *text, size_t len) {
        return add(ctx, JSON_STRING, (const char *)text, len) != NULL;
}

static int on_open(struct reader *r, enum json_type type) {
        struct json *value;

        if (r->depth >= r->depth_max)
                return fail(r, -EINVAL, "nested too deep");
        value = add(r, type, NULL, 0);
        if (!value)
                return 0;
        r->parents[r->depth++] = value;
        return 1;
}

static int on_open_map(void *ctx) {
        return on_open(ctx, JSON_OBJECT);
}

static int on_open_array(void *ctx) {
        return on_open(ctx, JSON_ARRAY);
}

static int on_close_array(void *ctx) {
        struct reader *r = ctx;

        r->depth--;
        return 1;
}

static int on_close_map(void *ctx) {
        struct reader *r = ctx;
        int twins = has_twins(r->parents[--r->depth]);

        if (twins < 0)
                return fail(r, twins, "out of memory");
        if (twins)
                return fail(r, -EINVAL, "a name stands twice in one object");
        return 1;
}

static int on_key(void *ctx, const unsigned char *text, size_t len) {
        struct reader *r = ctx;

        if (memchr(text, '\0', len))
                return fail(r, -EINVAL, "a name holds a NUL byte");
        r->key = arena_text(r->doc, (const char *)text, len);
        if (!r->key)
                return fail(r, -ENOMEM, "out of memory");
        return 1;
}

static const yajl_callbacks callbacks = {
        .yajl_null = on_null,
        .yajl_boolean = on_bool,
        .yajl_number = on_number,
        .yajl_string = on_string,
        .yajl_start_map = on_open_map,
        .yajl_map_key = on_key,
        .yajl_end_map = on_close_map,
        .yajl_start_array = on_open_array,
        .yajl_end_array = on_close_array,
};

static void parser_freep(yajl_handle *parser) {
        if (*parser)
                yajl_free(*parser);
}

int json_parse(const char *text, size_t len, unsigned depth_max, struct json_doc **ret,
                struct error *err) {
        CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
        CLEANUP(parser_freep) yajl_handle parser = NULL;
        struct reader reader = { .depth_max = depth_max };
        yajl_status status;

        doc = calloc(1, sizeof(*doc));
        if (!doc)
                return error_set(err, -ENOMEM, "out of memory");
        reader.doc = doc;
        parser = yajl_alloc(&callbacks, NULL, &reader);
        if (!parser)
                return error_set(err, -ENOMEM, "out of memory");

        status = yajl_parse(parser, (const unsigned char *)text, len);
        if (status == yajl_status_ok)
                status = yajl_complete_parse(parser);
        if (reader.error)
                return error_set(err, reader.error, "%s (byte %zu)", reader.why,
                                yajl_get_bytes_consumed(parser));
        if (status != yajl_status_ok || !doc->root)
                return error_set(err, -EINVAL, "not JSON (byte %zu of %zu)",
                                yajl_get_bytes_consumed(parser), len);

        *ret = TAKE(doc);
        return 0;
}

struct json *json_root(struct json_doc *doc) {
        return doc->root;
}

void json_doc_free(struct json_doc *doc) {
        if (!doc)
                return;
        for (struct block *b = doc->blocks, *next; b; b = next) {
                next = b->next;
                free(b);
        }
        free(doc);
}

void json_doc_freep(struct json_doc **doc) {
        json_doc_free(*doc);
}

struct json *json_get(const struct json *object, const char *key) {
        if (!object || object->type != JSON_OBJECT)
                return NULL;
        for (struct json *member = object->child; member; member = member->next)
                if (strcmp(member->key, key) == 0)
                        return member;
        return NULL;
}

/* The member @key when it has @type. */
static int get_typed(const struct json *object, const char *key, enum json_type type,
                const struct json **ret, struct error *err) {
        static const char *const names[] = { "null", "true or false", "a number", "a string",
                "an array", "an object" };
        const struct json *member = json_get(object, key);

        if (!member || member->type == JSON_NULL)
                return error_set(err, -ENOENT, "'%s' is missing", key);
        if (member->type != type)
                return error_set(err, -EINVAL, "'%s' is %s: want %s", key, names[member->type],
                                names[type]);
        *ret = member;
        return 0;
}

int json_get_string(
                const struct json *object, const char *key, const char **ret, struct error *err) {
        const struct json *member;
        int r;

        r = get_typed(object, key, JSON_STRING, &member, err);
        if (r < 0)
                return r;
        if (memchr(member->text, '\0', member->len))
                return error_set(err, -EINVAL, "'%s' holds a NUL byte", key);
        *ret = member->text;
        return 0;
}

int json_get_u64(const struct json *object, const char *key, uint64_t *ret, struct error *err) {
        const struct json *member;
        int r;

        r = get_typed(object, key, JSON_NUMBER, &member, err);
        if (r < 0)
                return r;
        r = parse_u64(member->text, ret);
        if (r < 0)
                return error_set(err, r, "'%s' is %.32s: want a whole number from 0", key,
                                member->text);
        return 0;
}

int json_get_bool(const struct json *object, const char *key, bool *ret, struct error *err) {
        const struct json *member;
        int r;

        r = get_typed(object, key, JSON_BOOL, &member, err);
        if (r < 0)
                return r;
        *ret = member->boolean;
        return 0;
}

static int get_field(const struct json *object, const struct json_field *f, void *ret,
                struct error *err) {
        switch (f->type) {
        case JSON_STRING:
                return json_get_string(object, f->key, ret, err);
        case JSON_NUMBER:
                return json_get_u64(object, f->key, ret, err);
        case JSON_BOOL:
                return json_get_bool(object, f->key, ret, err);
        default:
                return get_typed(object, f->key, f->type, ret, err);
        }
}

int json_get_fields(const struct json *object, const struct json_field *fields, void *ret,
                const char **ret_bad, struct error *err) {
        for (const struct json_field *f = fields; f->key; f++) {
                int r = get_field(object, f, (char *)ret + f->offset, err);

                if (r < 0 && r != -ENOENT) {
                        *ret_bad = f->key;
                        return r;
                }
        }
        return 0;
}

struct json *json_add(struct json_doc *doc, struct json *parent, const char *key,
                enum json_type type, const char *text, bool front) {
        struct json *value = arena_get(doc, sizeof(*value));

        if (!value)
                return NULL;
        *value = (struct json){ .type = type };
        if (key)
                value->key = arena_text(doc, key, strlen(key));
        if (text) {
                value->len = strlen(text);
                value->text = arena_text(doc, text, value->len);
        }
        if ((key && !value->key) || (text && !value->text))
                return NULL;
        link_child(parent, value, front);
        return value;
}
