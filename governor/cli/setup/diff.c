/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The longest common subsequence of lines, between the beginning and the end that both texts share.
 * Where that is too much to compare, the middle is shown as replaced whole.
 */
#include "governor/cli/setup/diff.h"

#include "governor/cli/setup/builder.h"

#include <string.h>

#define CONTEXT   3
#define CELLS_MAX (4U << 20)

struct lines {
        const char **at; /* each line; one more: the end of the text */
        size_t count;
};

/* One line of the answer: of both texts, of the old, of the new. */
struct edit {
        char kind; /* ' ', '-', '+' */
        const char *line;
        size_t len;
};

struct edits {
        struct edit *list;
        size_t count;
};

static void lines_done(struct lines *l) {
        free(l->at);
}

static void edits_done(struct edits *e) {
        free(e->list);
}

static int split(const char *text, struct lines *ret) {
        size_t count = 0;
        const char *p = text;

        for (const char *q = text; *q; q = strchrnul(q, '\n'), q += *q == '\n')
                count++;
        ret->at = calloc(count + 1, sizeof(*ret->at));
        if (!ret->at)
                return -ENOMEM;
        for (size_t i = 0; i <= count; i++) {
                ret->at[i] = p;
                p = strchrnul(p, '\n');
                p += *p == '\n';
        }
        ret->count = count;
        return 0;
}

static bool same(const struct lines *a, size_t i, const struct lines *b, size_t j) {
        size_t len = (size_t)(a->at[i + 1] - a->at[i]);

        return len == (size_t)(b->at[j + 1] - b->at[j]) && memcmp(a->at[i], b->at[j], len) == 0;
}

static void add(struct edits *e, char kind, const struct lines *l, size_t i) {
        e->list[e->count++] = (struct edit){
                .kind = kind, .line = l->at[i], .len = (size_t)(l->at[i + 1] - l->at[i])
        };
}

/* length[i][j]: of the common subsequence of what follows from i and j. NULL: too much of it. */
static unsigned *lengths(const struct lines *a, const struct lines *b, const size_t from[2],
                const size_t to[2]) {
        size_t rows = to[0] - from[0], columns = to[1] - from[1], width = columns + 1;
        unsigned *table;

        if ((rows + 1) * width > CELLS_MAX)
                return NULL;
        table = calloc((rows + 1) * width, sizeof(*table));
        for (size_t i = rows; table && i-- > 0;)
                for (size_t j = columns; j-- > 0;) {
                        unsigned down = table[(i + 1) * width + j],
                                 right = table[i * width + j + 1];

                        table[i * width + j] = same(a, from[0] + i, b, from[1] + j)
                                                               ? table[(i + 1) * width + j + 1] + 1
                                               : down > right ? down
                                                              : right;
                }
        return table;
}

/* The lines of the middle, from the table, or without one all of the old, then all of the new. */
static void compare_middle(struct edits *e, const struct lines *a, const struct lines *b,
                const size_t from[2], const size_t to[2]) {
        CLEANUP(freep) unsigned *table = lengths(a, b, from, to);
        size_t i = from[0], j = from[1], width = to[1] - from[1] + 1;

        while (i < to[0] && j < to[1] && table) {
                const unsigned *cell = table + (i - from[0]) * width + (j - from[1]);

                if (same(a, i, b, j)) {
                        add(e, ' ', a, i++);
                        j++;
                } else if (cell[width] >= cell[1]) {
                        add(e, '-', a, i++);
                } else {
                        add(e, '+', b, j++);
                }
        }
        while (i < to[0])
                add(e, '-', a, i++);
        while (j < to[1])
                add(e, '+', b, j++);
}

static int compare(const struct lines *a, const struct lines *b, struct edits *ret) {
        size_t from = 0, tail = 0;
        size_t least = a->count < b->count ? a->count : b->count;

        ret->list = calloc(a->count + b->count + 1, sizeof(*ret->list));
        if (!ret->list)
                return -ENOMEM;
        while (from < least && same(a, from, b, from))
                add(ret, ' ', a, from++);
        while (tail < least - from && same(a, a->count - tail - 1, b, b->count - tail - 1))
                tail++;
        compare_middle(ret, a, b, (size_t[]){ from, from },
                        (size_t[]){ a->count - tail, b->count - tail });
        for (; tail > 0; tail--)
                add(ret, ' ', a, a->count - tail);
        return 0;
}

/* The end of the hunk that begins at @from: its last change is followed by as much context. */
static size_t hunk_end(const struct edits *e, size_t from) {
        size_t quiet = 0, i = from;

        while (i < e->count && e->list[i].kind == ' ')
                i++;
        for (; i < e->count && quiet <= 2 * CONTEXT; i++)
                quiet = e->list[i].kind == ' ' ? quiet + 1 : 0;
        return quiet > CONTEXT ? i - (quiet - CONTEXT) : i;
}

static void put_range(FILE *f, char sign, size_t before, size_t count) {
        (void)fprintf(f, " %c%zu", sign, count ? before + 1 : before);
        if (count != 1)
                (void)fprintf(f, ",%zu", count);
}

/* @at: how many lines of the old and the new text come before the hunk; moved on */
static void put_hunk(FILE *f, const struct edits *e, size_t from, size_t to, size_t at[2]) {
        size_t old = 0, new = 0;

        for (size_t i = from; i < to; i++) {
                old += e->list[i].kind != '+';
                new += e->list[i].kind != '-';
        }
        (void)fputs("@@", f);
        put_range(f, '-', at[0], old);
        put_range(f, '+', at[1], new);
        (void)fputs(" @@\n", f);
        at[0] += old;
        at[1] += new;
        for (size_t i = from; i < to; i++) {
                const struct edit *edit = &e->list[i];

                (void)fputc(edit->kind, f);
                (void)fwrite(edit->line, 1, edit->len, f);
                if (edit->line[edit->len - 1] != '\n')
                        (void)fputs("\n\\ No newline at end of file\n", f);
        }
}

int diff_texts(const char *path, const char *old, const char *new, char **ret, struct error *err) {
        CLEANUP(lines_done) struct lines a = { 0 };
        CLEANUP(lines_done) struct lines b = { 0 };
        CLEANUP(edits_done) struct edits e = { 0 };
        CLEANUP(builder_done) struct builder out = { 0 };
        size_t at[2] = { 0 };

        if (split(old ? old : "", &a) < 0 || split(new ? new : "", &b) < 0 ||
                        compare(&a, &b, &e) < 0)
                return error_set(err, -ENOMEM, "out of memory");
        if (builder_begin(&out, err) < 0)
                return -ENOMEM;
        for (size_t i = 0, kept; i < e.count;) {
                size_t start = i;

                while (i < e.count && e.list[i].kind == ' ')
                        i++;
                if (i == e.count)
                        break;
                kept = i - start < CONTEXT ? i - start : CONTEXT;
                at[0] += i - start - kept;
                at[1] += i - start - kept;
                if (start == 0)
                        (void)fprintf(out.file, "--- %s\n+++ %s\n", old ? path : "/dev/null",
                                        new ? path : "/dev/null");
                start = i - kept;
                i = hunk_end(&e, start);
                put_hunk(out.file, &e, start, i, at);
        }
        return builder_end(&out, ret, err);
}
