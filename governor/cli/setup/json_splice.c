/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The document is parsed first; what is skipped here is known to be JSON. The tree and the text are
 * walked together, so that names written with escapes are found too.
 */
#include "governor/cli/setup/json_splice.h"

#include <string.h>

#include "governor/cli/setup/builder.h"
#include "state/json.h"

#define BLANKS     " \t\r\n"
#define INDENT_MAX 64

/* Where a member is, or would be. */
struct spot {
        const char *object, *object_end; /* the innermost object that is there; behind its "}" */
        const char *first;               /* its first name; NULL: it is empty */
        const char *last_end;            /* behind its last value */
        const char *key, *value, *end;   /* the member; NULL: it is missing */
        const char *previous_end, *next; /* its neighbours; NULL: none */
        unsigned depth;                  /* how many names of the path led to the object */
};

/* How the document is laid out. */
struct style {
        const char *eol, *colon, *comma;
        bool lines; /* a member a line */
        char unit[INDENT_MAX], indent[INDENT_MAX];
};

static const char *skip_blanks(const char *p) {
        return p + strspn(p, BLANKS);
}

static const char *skip_string(const char *p) {
        for (p++; *p != '"'; p++)
                p += *p == '\\';
        return p + 1;
}

static const char *skip_value(const char *p) {
        unsigned depth = 0;

        do {
                if (*p == '"') {
                        p = skip_string(p);
                } else if (*p == '{' || *p == '[') {
                        depth++;
                        p++;
                } else if (*p == '}' || *p == ']') {
                        depth--;
                        p++;
                } else if (depth > 0) {
                        p++;
                } else {
                        p += strcspn(p, ",]}" BLANKS);
                }
        } while (depth > 0);
        return p;
}

/* Finds @name among the members of the object at s->object. Returns its value, or NULL. */
static const struct json *find_member(struct spot *s, const struct json *object, const char *name) {
        const char *p = skip_blanks(s->object + 1);
        const struct json *found = NULL;

        s->first = s->last_end = s->key = s->previous_end = s->next = NULL;
        for (const struct json *m = object->child; m; m = m->next) {
                const char *value = skip_blanks(skip_blanks(skip_string(p)) + 1);
                const char *end = skip_value(value);

                if (!s->first)
                        s->first = p;
                if (found && !s->next)
                        s->next = p;
                if (strcmp(m->key, name) == 0) {
                        found = m;
                        s->key = p;
                        s->value = value;
                        s->end = end;
                        s->previous_end = s->last_end;
                }
                s->last_end = end;
                p = skip_blanks(end);
                p = skip_blanks(p + (*p == ','));
        }
        s->object_end = p + 1;
        return found;
}

static int locate(const char *text, const struct json *root, const char *const *path,
                struct spot *ret, struct error *err) {
        const struct json *object = root;

        *ret = (struct spot){ .object = skip_blanks(text) };
        if (root->type != JSON_OBJECT)
                return error_set(err, -EINVAL, "not a JSON object");
        for (;; ret->depth++) {
                const struct json *member = find_member(ret, object, path[ret->depth]);

                if (!member || !path[ret->depth + 1] || member->type == JSON_NULL)
                        return 0;
                if (member->type != JSON_OBJECT)
                        return error_set(err, -EINVAL, "'%s' is not an object", path[ret->depth]);
                object = member;
                ret->object = ret->value;
        }
}

static int parse(const char *text, const char *const *path, struct json_doc **doc, struct spot *ret,
                struct error *err) {
        int r = json_parse(text, strlen(text), JSON_DEPTH_MAX, doc, err);

        return r < 0 ? r : locate(text, json_root(*doc), path, ret, err);
}

static bool has_line_end(const char *from, const char *to) {
        return memchr(from, '\n', (size_t)(to - from)) != NULL;
}

/* The blanks before @p on its line, when nothing else stands there. */
static void indent_before(const char *start, const char *p, char out[static INDENT_MAX]) {
        const char *line = p;
        size_t len;

        while (line > start && line[-1] != '\n')
                line--;
        len = strspn(line, " \t");
        if (len >= INDENT_MAX)
                len = INDENT_MAX - 1;
        memcpy(out, line, len);
        out[len] = '\0';
}

/* What the document shows of its style; two blanks a level where it shows nothing. */
static struct style style_of(const char *text, const struct spot *s) {
        const char *top = skip_blanks(text), *first = skip_blanks(top + 1), *colon;
        struct style style = { .eol = strstr(text, "\r\n") ? "\r\n" : "\n",
                .colon = ": ",
                .comma = ", ",
                .lines = true,
                .unit = "  " };

        if (*first == '"') {
                style.lines = has_line_end(top, first);
                colon = skip_blanks(skip_string(first));
                if (colon[1] != ' ' && colon[1] != '\t')
                        style.colon = ":";
                if (!style.lines && style.colon[1] == '\0')
                        style.comma = ",";
                if (style.lines && first[-1] != '\n')
                        indent_before(text, first, style.unit);
        }
        if (s->first) {
                style.lines = has_line_end(s->object, s->first);
                if (style.lines)
                        indent_before(text, s->first, style.indent);
        } else if (style.lines) {
                size_t used;

                indent_before(text, s->object, style.indent);
                used = strlen(style.indent);
                (void)snprintf(style.indent + used, INDENT_MAX - used, "%s", style.unit);
        }
        return style;
}

static void put_line(FILE *f, const struct style *style, unsigned levels) {
        if (!style->lines)
                return;
        (void)fputs(style->eol, f);
        (void)fputs(style->indent, f);
        for (unsigned i = 0; i < levels; i++)
                (void)fputs(style->unit, f);
}

/* @value within the objects that are missing: "a": {"b": VALUE} */
static void put_nested(
                FILE *f, const struct style *style, const char *const *path, const char *value) {
        unsigned levels = 0;

        for (; path[levels]; levels++) {
                if (levels > 0) {
                        (void)fputc('{', f);
                        put_line(f, style, levels);
                }
                (void)fprintf(f, "\"%s\"%s", path[levels], style->colon);
        }
        (void)fputs(value, f);
        for (unsigned i = levels - 1; i > 0; i--) {
                put_line(f, style, i - 1);
                (void)fputc('}', f);
        }
}

/* A member behind the last one of its object, or the first. */
static void put_insertion(struct builder *b, const char *text, const struct spot *s,
                const char *const *path, const char *value) {
        FILE *f = b->file;
        struct style style = style_of(text, s);

        builder_put(b, text, s->first ? s->last_end : s->object + 1);
        if (s->first)
                (void)fputs(style.lines ? "," : style.comma, f);
        put_line(f, &style, 0);
        put_nested(f, &style, path + s->depth, value);
        if (s->first) {
                (void)fputs(s->last_end, f);
                return;
        }
        if (style.lines) {
                char outer[INDENT_MAX];

                indent_before(text, s->object, outer);
                (void)fprintf(f, "%s%s", style.eol, outer);
        }
        (void)fputs(s->object_end - 1, f);
}

int json_splice_set(const char *text, const char *const *path, const char *value, char **ret,
                struct error *err) {
        CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
        CLEANUP(builder_done) struct builder b = { 0 };
        struct spot s;
        int r;

        r = parse(text, path, &doc, &s, err);
        if (r < 0)
                return r;
        r = builder_begin(&b, err);
        if (r < 0)
                return r;
        if (!s.key) {
                put_insertion(&b, text, &s, path, value);
                return builder_end(&b, ret, err);
        }
        builder_put(&b, text, s.value);
        if (path[s.depth + 1]) { /* null where an object is wanted */
                struct style style = style_of(text, &s);

                (void)fputc('{', b.file);
                put_line(b.file, &style, 1);
                put_nested(b.file, &style, path + s.depth + 1, value);
                put_line(b.file, &style, 0);
                (void)fputc('}', b.file);
        } else {
                (void)fputs(value, b.file);
        }
        (void)fputs(s.end, b.file);
        return builder_end(&b, ret, err);
}

/* Whether the member itself is there. */
static int parse_present(const char *text, const char *const *path, struct json_doc **doc,
                struct spot *ret, struct error *err) {
        int r = parse(text, path, doc, ret, err);

        if (r == 0 && (!ret->key || path[ret->depth + 1]))
                return error_set(err, -ENOENT, "'%s' is missing", path[ret->depth]);
        return r;
}

int json_splice_remove(const char *text, const char *const *path, char **ret, struct error *err) {
        CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
        CLEANUP(builder_done) struct builder b = { 0 };
        struct spot s;
        int r;

        r = parse_present(text, path, &doc, &s, err);
        if (r < 0)
                return r;
        r = builder_begin(&b, err);
        if (r < 0)
                return r;
        if (s.previous_end) {
                builder_put(&b, text, s.previous_end);
                (void)fputs(s.end, b.file);
        } else if (s.next) {
                builder_put(&b, text, s.key);
                (void)fputs(s.next, b.file);
        } else {
                builder_put(&b, text, s.object + 1);
                (void)fputs(s.object_end - 1, b.file);
        }
        return builder_end(&b, ret, err);
}

int json_splice_get(const char *text, const char *const *path, char **ret, struct error *err) {
        CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
        struct spot s;
        int r;

        r = parse_present(text, path, &doc, &s, err);
        if (r < 0)
                return r;
        *ret = strndup(s.value, (size_t)(s.end - s.value));
        return *ret ? 0 : error_set(err, -ENOMEM, "out of memory");
}

int json_splice_string(const char *string, char **ret) {
        CLEANUP(json_writer_freep) struct json_writer *w = NULL;
        const char *text;
        size_t len;
        int r;

        r = json_writer_new(&w);
        if (r < 0)
                return r;
        json_put_string(w, NULL, string);
        r = json_writer_end(w, &text, &len);
        if (r < 0)
                return r;
        *ret = strdup(text);
        return *ret ? 0 : -ENOMEM;
}
