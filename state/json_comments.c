/* SPDX-License-Identifier: Apache-2.0 */
/* JSON that people write: comments and commas before a closing bracket. */
#include "state/json.h"

#include <string.h>

static void blank(char *text, size_t from, size_t to) {
        for (size_t i = from; i < to; i++)
                if (text[i] != '\n')
                        text[i] = ' ';
}

/* Behind the string that begins at @i; a backslash takes the next byte with it. */
static size_t skip_string(const char *text, size_t len, size_t i) {
        for (i++; i < len && text[i] != '"'; i++)
                if (text[i] == '\\')
                        i++;
        return i < len ? i + 1 : len;
}

/* Behind the comment that begins at @i; 0 when there is none, or it has no end. */
static size_t skip_comment(const char *text, size_t len, size_t i) {
        size_t end = i + 2;

        if (end > len || text[i] != '/')
                return 0;
        if (text[i + 1] == '/') {
                while (end < len && text[end] != '\n')
                        end++;
                return end;
        }
        if (text[i + 1] != '*')
                return 0;
        for (; end + 1 < len; end++)
                if (text[end] == '*' && text[end + 1] == '/')
                        return end + 2;
        return 0;
}

static bool is_space(char c) {
        return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

void json_strip_comments(char *text, size_t len) {
        size_t comma = len; /* one behind a value, as long as nothing but blanks followed */
        char before = '{';

        for (size_t i = 0; i < len;) {
                size_t end = skip_comment(text, len, i);

                if (end > 0) {
                        blank(text, i, end);
                        i = end;
                        continue;
                }
                if ((text[i] == '}' || text[i] == ']') && comma < len)
                        text[comma] = ' ';
                if (!is_space(text[i])) {
                        comma = text[i] == ',' && !strchr("{[,:", before) ? i : len;
                        before = text[i];
                }
                i = text[i] == '"' ? skip_string(text, len, i) : i + 1;
        }
}
