/* SPDX-License-Identifier: Apache-2.0 */
#include "state/text.h"

#include <stdio.h>
#include <string.h>

/*
 * Decodes one character of UTF-8.
 *
 * Returns: its length in bytes, 0 when the bytes are not UTF-8
 * Source:  RFC 3629, section 4
 */
static size_t decode(const unsigned char *s, size_t len, uint32_t *ret) {
        static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
        size_t n = s[0] < 0x80 ? 1 : s[0] < 0xc0 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
        uint32_t c;

        if (n == 0 || s[0] > 0xf4 || n > len)
                return 0;

        c = n == 1 ? s[0] : s[0] & (0x7fU >> n);
        for (size_t i = 1; i < n; i++) {
                if ((s[i] & 0xc0) != 0x80)
                        return 0;
                c = c << 6 | (s[i] & 0x3fU);
        }
        if (c < smallest[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
                return 0;

        *ret = c;
        return n;
}

/*
 * C0, DEL, C1, and the characters that reorder or hide what is around them, or are not seen
 * themselves (Unicode TR 36): the soft hyphen, the marks of direction, the invisible operators, the
 * tags.
 */
static bool is_control(uint32_t c) {
        static const struct {
                uint32_t first, last;
        } ranges[] = { { 0, 0x1f }, { 0x7f, 0x9f }, { 0xad, 0xad }, { 0x61c, 0x61c },
                { 0x200b, 0x200f }, { 0x2028, 0x202e }, { 0x2060, 0x206f }, { 0xfeff, 0xfeff },
                { 0xe0000, 0xe007f } };

        for (size_t i = 0; i < ARRAY_LEN(ranges); i++)
                if (c >= ranges[i].first && c <= ranges[i].last)
                        return true;
        return false;
}

void text_printable(const char *text, char *out, size_t size) {
        const unsigned char *s = (const unsigned char *)text;
        size_t len = strlen(text), used = 0;

        while (len > 0) {
                char piece[16];
                uint32_t c = 0;
                size_t n = decode(s, len, &c), width;

                if (n == 0)
                        width = (size_t)snprintf(piece, sizeof(piece), "\\x%02x", s[0]);
                else if (is_control(c))
                        width = (size_t)snprintf(
                                        piece, sizeof(piece), c < 0x80 ? "\\x%02x" : "\\u{%x}", c);
                else
                        memcpy(piece, s, width = n);

                if (used + width >= size)
                        break;
                memcpy(out + used, piece, width);
                used += width;
                s += n ? n : 1;
                len -= n ? n : 1;
        }
        out[used] = '\0';
}

/* How many bytes at the start are ASCII, by eights: nearly all text is nothing else. */
static size_t ascii_prefix(const unsigned char *s, size_t len) {
        size_t n = 0;

        for (uint64_t eight; n + sizeof(eight) <= len; n += sizeof(eight)) {
                memcpy(&eight, s + n, sizeof(eight));
                if (eight & 0x8080808080808080)
                        break;
        }
        while (n < len && s[n] < 0x80)
                n++;
        return n;
}

bool text_is_utf8(const char *text, size_t len) {
        const unsigned char *s = (const unsigned char *)text;

        while (len > 0) {
                uint32_t c;
                size_t n = ascii_prefix(s, len);

                if (n == 0)
                        n = decode(s, len, &c);

                if (n == 0)
                        return false;
                s += n;
                len -= n;
        }
        return true;
}

bool text_copy(char *out, size_t size, const char *text) {
        size_t len = strlen(text), n = len < size ? len : size - 1;

        memcpy(out, text, n);
        out[n] = '\0';
        return n == len;
}

size_t text_append(char *out, size_t size, size_t used, const char *text) {
        size_t len = strlen(text);

        if (used >= size || len >= size - used)
                return size;
        memcpy(out + used, text, len + 1);
        return used + len;
}

size_t text_append_u64(char *out, size_t size, size_t used, uint64_t number) {
        char digits[24], *p = digits + sizeof(digits) - 1;

        *p = '\0';
        do
                *--p = (char)('0' + number % 10);
        while ((number /= 10) > 0);
        return text_append(out, size, used, p);
}
