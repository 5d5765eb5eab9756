/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/cli/output.h"

#include <inttypes.h>
#include <langinfo.h>
#include <limits.h>
#include <string.h>
#include <sys/ioctl.h>
#include <wchar.h>

#include "state/parse.h"
#include "state/text.h"

#define COLUMNS_USUAL 80 /* where a terminal does not know its width: a serial line */

struct piece {
        struct piece *next;
        char text[];
};

/* Set and not empty, as no-color.org wants it. */
static bool is_set(const char *variable) {
        const char *value = getenv(variable);

        return value && value[0] != '\0';
}

static size_t terminal_columns(int fd) {
        struct winsize size = { 0 };
        uint64_t wanted;

        if (is_set("COLUMNS") && parse_u64(getenv("COLUMNS"), &wanted) == 0 && wanted > 0)
                return wanted;
        return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : COLUMNS_USUAL;
}

void out_init(struct output *o, FILE *file) {
        const char *term = getenv("TERM");
        bool terminal = isatty(fileno(file));

        *o = (struct output){ .file = file, .utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0 };
        o->columns = terminal ? terminal_columns(fileno(file)) : 0;
        o->color = terminal && !is_set("NO_COLOR") && !is_set("DTGOV_NO_COLOR") &&
                   !(term && strcmp(term, "dumb") == 0);
}

void out_done(struct output *o) {
        for (struct piece *p = o->pieces, *next; p; p = next) {
                next = p->next;
                free(p);
        }
        o->pieces = NULL;
}

static char *keep(struct output *o, size_t size) {
        struct piece *p = malloc(sizeof(*p) + size);

        if (!p)
                return NULL;
        p->next = o->pieces;
        o->pieces = p;
        return p->text;
}

const char *out_format(struct output *o, const char *format, ...) {
        va_list args;
        char *text;
        int n;

        va_start(args, format);
        n = vsnprintf(NULL, 0, format, args);
        va_end(args);
        text = n < 0 ? NULL : keep(o, (size_t)n + 1);
        if (!text)
                return "";
        va_start(args, format);
        (void)vsnprintf(text, (size_t)n + 1, format, args);
        va_end(args);
        return text;
}

const char *out_text(struct output *o, const char *raw) {
        size_t size = strlen(raw) * 8 + 1; /* "\u{2028}" for three bytes, "\xNN" for one */
        char *text = keep(o, size);

        if (!text)
                return "";
        text_printable(raw, text, size);
        for (char *s = text; !o->utf8 && *s; s++)
                if (*s & 0x80)
                        *s = '?';
        return text;
}

const char *out_color(struct output *o, enum color color, const char *text) {
        static const char *const codes[] = { "31", "33", "32", "2" };

        return o->color ? out_format(o, "\033[%sm%s\033[0m", codes[color], text) : text;
}

const char *out_arrow(const struct output *o) {
        return o->utf8 ? "\u2192" : "->";
}

const char *out_from(const struct output *o) {
        return o->utf8 ? "\u2190" : "<-";
}

/* Columns of the first character; *ret_bytes: how long it is. */
static size_t first_width(const char *text, size_t *ret_bytes) {
        mbstate_t state = { 0 };
        wchar_t character;
        size_t bytes = mbrtowc(&character, text, MB_LEN_MAX, &state);
        int width;

        *ret_bytes = bytes > MB_LEN_MAX || bytes == 0 ? 1 : bytes;
        width = bytes > MB_LEN_MAX ? 1 : wcwidth(character);
        return width < 0 ? 1 : (size_t)width;
}

size_t out_width(const char *text) {
        size_t width = 0, bytes;

        for (; *text; text += bytes)
                width += first_width(text, &bytes);
        return width;
}

const char *out_cut(struct output *o, const char *text, size_t columns) {
        const char *mark = o->utf8 ? "\u2026" : "...", *end = text;
        size_t room = u64_sub(columns, out_width(mark)), bytes;

        if (out_width(text) <= columns)
                return text;
        for (size_t used = 0; (used += first_width(end, &bytes)) <= room;)
                end += bytes;
        return out_format(o, "%.*s%s", (int)(end - text), text, mark);
}

void out_wrap(struct output *o, size_t indent, const char *text) {
        size_t at = indent;

        if (o->columns == 0) {
                (void)fprintf(o->file, "%s\n", text);
                return;
        }
        for (size_t len; *text; text += len + (text[len] == ' ')) {
                size_t width;

                len = strcspn(text, " ");
                width = out_width(out_format(o, "%.*s", (int)len, text));
                if (at > indent && at + 1 + width > o->columns) {
                        (void)fprintf(o->file, "\n%*s", (int)indent, "");
                        at = indent;
                } else if (at > indent) {
                        (void)fputc(' ', o->file);
                        at++;
                }
                (void)fwrite(text, 1, len, o->file);
                at += width;
        }
        (void)fputc('\n', o->file);
}

const char *out_bytes(struct output *o, uint64_t bytes) {
        char text[KNOB_VALUE_TEXT_MAX];

        knob_format(KNOB_MEMORY_MAX, (struct knob_value){ .amount = bytes }, text, sizeof(text));
        return out_format(o, "%s", text);
}

const char *out_cpus(struct output *o, uint64_t usec, uint64_t window_usec) {
        uint64_t hundredths =
                        window_usec ? (uint64_t)((unsigned __int128)usec * 100 / window_usec) : 0;

        return out_format(o, "%" PRIu64 ".%02" PRIu64, hundredths / 100, hundredths % 100);
}

const char *out_share(struct output *o, uint64_t permyriad) {
        return out_format(o, "%" PRIu64 " %%", (permyriad + 50) / 100);
}

const char *out_duration(struct output *o, uint64_t usec) {
        uint64_t seconds = usec / USEC_PER_SEC;

        if (usec < USEC_PER_SEC)
                return out_format(o, "%" PRIu64 " ms", (uint64_t)(usec / USEC_PER_MSEC));
        if (seconds < 120)
                return out_format(o, "%" PRIu64 " s", seconds);
        if (seconds < 7200)
                return out_format(o, "%" PRIu64 " min", seconds / 60);
        if (seconds < 48 * 3600)
                return out_format(o, "%" PRIu64 " h", seconds / 3600);
        return out_format(o, "%" PRIu64 " d", seconds / (24 * 3600));
}

const char *out_value(struct output *o, const char *file, const char *text) {
        char words[KNOB_VALUE_TEXT_MAX];
        struct knob_value value;
        int id = knob_find(file);

        if (id < 0 || knob_read_text((enum knob_id)id, text, &value) < 0)
                return out_text(o, text);
        knob_format((enum knob_id)id, value, words, sizeof(words));
        return out_format(o, "%s", words);
}

const char *out_step(struct output *o, const char *file, const char *old, const char *new) {
        const char *from = out_value(o, file, old), *to = out_value(o, file, new);
        const char *unit = strchr(to, ' '), *old_unit = strchr(from, ' ');
        int len = (int)strlen(from);

        if (unit && old_unit && strcmp(unit, old_unit) == 0)
                len = (int)(old_unit - from);
        return out_format(o, "%s %.*s %s %s", out_text(o, file), len, from, out_arrow(o), to);
}
