/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/cli/setup/toml_scan.h"

#include <string.h>

#include "state/text.h"

#define BARE "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"

static const char *skip_blanks(const char *p) {
        return p + strspn(p, " \t");
}

/* Behind a string that begins at @p; NULL: it does not end. Only three quotes may hold lines. */
static const char *skip_string(const char *p) {
        const char quote = *p, three[] = { quote, quote, quote, '\0' };
        bool is_long = strncmp(p, three, 3) == 0;

        for (p += is_long ? 3 : 1; *p; p++) {
                if (quote == '"' && *p == '\\' && p[1])
                        p++;
                else if (is_long && strncmp(p, three, 3) == 0)
                        return p + 3 + strspn(p + 3, (const char[]){ quote, '\0' });
                else if (!is_long && *p == quote)
                        return p + 1;
                else if (!is_long && *p == '\n')
                        return NULL;
        }
        return NULL;
}

/* Behind a value: the end of its line, of all its brackets. NULL: it does not end. */
static const char *skip_value(const char *p) {
        unsigned depth = 0;

        while (*p) {
                if (*p == '"' || *p == '\'') {
                        p = skip_string(p);
                        if (!p)
                                return NULL;
                        continue;
                }
                if (*p == '#') {
                        if (depth == 0)
                                break;
                        p = strchrnul(p, '\n');
                        continue;
                }
                if (*p == '\n' && depth == 0)
                        break;
                if (*p == '[' || *p == '{')
                        depth++;
                if ((*p == ']' || *p == '}') && depth-- == 0)
                        return NULL;
                p++;
        }
        return depth > 0 ? NULL : p;
}

/* One part of a key, put behind what is in @out. Returns behind it; NULL: it is none. */
static const char *take_part(const char *p, char out[static TOML_KEY_MAX]) {
        size_t used = strlen(out), len;
        const char *end;

        if (*p == '"' || *p == '\'') {
                end = skip_string(p);
                if (!end || end - p < 2 || strncmp(p, "\"\"\"", 3) == 0 ||
                                strncmp(p, "'''", 3) == 0)
                        return NULL;
                p++;
                len = (size_t)(end - p) - 1;
        } else {
                len = strspn(p, BARE);
                end = p + len;
                if (len == 0)
                        return NULL;
        }
        if (used + len + 2 > TOML_KEY_MAX)
                return NULL;
        if (used > 0)
                out[used++] = TOML_DOT[0];
        memcpy(out + used, p, len);
        out[used + len] = '\0';
        return end;
}

/* A key of parts and dots. Returns behind it and the blanks; NULL: it is none. */
static const char *take_key(const char *p, char out[static TOML_KEY_MAX]) {
        for (;;) {
                p = take_part(skip_blanks(p), out);
                if (!p)
                        return NULL;
                p = skip_blanks(p);
                if (*p != '.')
                        return p;
                p++;
        }
}

/* What may follow on a line: nothing, or a comment. Returns the line's end; NULL: something else */
static const char *take_end(const char *p) {
        p = skip_blanks(p);
        if (*p == '#')
                p = strchrnul(p, '\n');
        if (*p == '\r' && p[1] == '\n')
                p++;
        return *p == '\n' || *p == '\0' ? p : NULL;
}

static const char *take_table(const char *p, struct toml_walk *walk, struct toml_item *ret) {
        bool is_array = p[1] == '[';

        ret->is_table = true;
        p = take_key(p + 1 + is_array, ret->key);
        if (!p || *p != ']' || (is_array && p[1] != ']'))
                return NULL;
        (void)text_copy(walk->table, sizeof(walk->table), ret->key);
        return take_end(p + 1 + is_array);
}

static const char *take_pair(const char *p, const struct toml_walk *walk, struct toml_item *ret) {
        const char *end;

        (void)text_copy(ret->key, sizeof(ret->key), walk->table);
        p = take_key(p, ret->key);
        if (!p || *p != '=')
                return NULL;
        ret->value = skip_blanks(p + 1);
        end = skip_value(ret->value);
        if (!end)
                return NULL;
        ret->value_len = (size_t)(end - ret->value);
        while (ret->value_len > 0 && strchr(" \t\r", ret->value[ret->value_len - 1]))
                ret->value_len--;
        return ret->value_len > 0 ? take_end(end) : NULL;
}

int toml_next(struct toml_walk *walk, struct toml_item *ret, struct error *err) {
        const char *start = walk->next, *p, *end;

        *ret = (struct toml_item){ 0 };
        for (;; start = end + 1) {
                p = skip_blanks(start);
                if (*p == '\0')
                        return 0;
                ret->line = ++walk->line;
                end = take_end(p);
                if (!end)
                        break;
                if (*end == '\0')
                        return 0;
        }
        end = *p == '[' ? take_table(p, walk, ret) : take_pair(p, walk, ret);
        if (!end)
                return error_set(err, -EINVAL, "not TOML (line %u)", ret->line);
        for (; p < end; p++)
                walk->line += *p == '\n';
        walk->next = end + (*end == '\n');
        return 1;
}

int toml_find(const char *text, const char *key, struct toml_item *ret, struct error *err) {
        struct toml_walk walk = { .next = text };
        struct toml_item item;
        int r, found = 0;

        while ((r = toml_next(&walk, &item, err)) > 0)
                if (strcmp(item.key, key) == 0) {
                        *ret = item;
                        found = 1;
                }
        return r < 0 ? r : found;
}

int toml_string(const struct toml_item *item, char *out, size_t size) {
        const char *value = item->value;
        size_t len = item->value_len;

        if (!value || len < 2 || (value[0] != '"' && value[0] != '\'') ||
                        value[len - 1] != value[0] || memchr(value, '\\', len) || len - 1 > size)
                return -EINVAL;
        memcpy(out, value + 1, len - 2);
        out[len - 2] = '\0';
        return 0;
}

bool toml_array_has(const struct toml_item *item, const char *string) {
        const char *end = item->value + item->value_len;
        size_t len = strlen(string);

        for (const char *p = item->value; p < end;) {
                const char *next;

                if (*p == '#') {
                        p = strchrnul(p, '\n');
                        continue;
                }
                if (*p != '"' && *p != '\'') {
                        p++;
                        continue;
                }
                next = skip_string(p);
                if (!next)
                        return false;
                if ((size_t)(next - p) == len + 2 && memcmp(p + 1, string, len) == 0)
                        return true;
                p = next;
        }
        return false;
}
