/* SPDX-License-Identifier: Apache-2.0 */
#include "state/parse.h"

#include <string.h>
#include <strings.h>

int parse_u64_prefix(const char *text, uint64_t *ret, const char **end) {
        const char *p = text;
        uint64_t value = 0;

        if (*p < '0' || *p > '9')
                return -EINVAL;

        for (; *p >= '0' && *p <= '9'; p++)
                if (__builtin_mul_overflow(value, 10, &value) ||
                                __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value))
                        return -ERANGE;

        *ret = value;
        *end = p;
        return 0;
}

int parse_u64(const char *text, uint64_t *ret) {
        const char *end;
        uint64_t value;
        int r;

        r = parse_u64_prefix(text, &value, &end);
        if (r < 0)
                return r;
        if (*end != '\0')
                return -EINVAL;

        *ret = value;
        return 0;
}

/* "12.345" up to its first foreign byte, times 10^places; at least one digit before the point. */
static int decimal_prefix(const char *text, unsigned places, uint64_t *ret, const char **end) {
        uint64_t value;
        const char *p;
        int r;

        r = parse_u64_prefix(text, &value, &p);
        if (r < 0)
                return r;

        if (*p == '.' && (p[1] < '0' || p[1] > '9'))
                return -EINVAL;
        if (*p == '.')
                p++;
        for (; places > 0; places--) {
                uint64_t digit = *p >= '0' && *p <= '9' ? (uint64_t)(*p++ - '0') : 0;

                if (__builtin_mul_overflow(value, 10, &value) ||
                                __builtin_add_overflow(value, digit, &value))
                        return -ERANGE;
        }
        if (*p >= '0' && *p <= '9')
                return -EINVAL;

        *ret = value;
        *end = p;
        return 0;
}

int parse_decimal(const char *text, unsigned places, uint64_t *ret) {
        const char *end;
        uint64_t value;
        int r;

        r = decimal_prefix(text, places, &value, &end);
        if (r < 0)
                return r;
        if (*end != '\0')
                return -EINVAL;

        *ret = value;
        return 0;
}

struct unit {
        const char *name;
        uint64_t factor;
};

/* A decimal with up to three places and one of @units behind it. */
static int parse_with_unit(
                const char *text, const struct unit *units, size_t count, uint64_t *ret) {
        const char *end;
        uint64_t milli;
        int r;

        r = decimal_prefix(text, 3, &milli, &end);
        if (r < 0)
                return r;

        for (size_t i = 0; i < count; i++) {
                uint64_t value;

                if (strcasecmp(end, units[i].name) != 0)
                        continue;
                if (__builtin_mul_overflow(milli, units[i].factor, &value))
                        return -ERANGE;
                *ret = value / 1000;
                return 0;
        }
        return -EINVAL;
}

int parse_bytes(const char *text, uint64_t *ret_bytes) {
        static const struct unit units[] = {
                { "", 1 },
                { "b", 1 },
                { "k", KIB },
                { "kb", KIB },
                { "kib", KIB },
                { "m", MIB },
                { "mb", MIB },
                { "mib", MIB },
                { "g", GIB },
                { "gb", GIB },
                { "gib", GIB },
                { "t", 1024 * GIB },
                { "tb", 1024 * GIB },
                { "tib", 1024 * GIB },
        };
        uint64_t bytes;

        /* The factor 1000 of three decimal places would make plain numbers over 2^54 overflow. */
        if (parse_u64(text, &bytes) == 0) {
                *ret_bytes = bytes;
                return 0;
        }
        return parse_with_unit(text, units, ARRAY_LEN(units), ret_bytes);
}

int parse_duration_usec(const char *text, uint64_t *ret_usec) {
        static const struct unit units[] = {
                { "us", 1 },
                { "ms", USEC_PER_MSEC },
                { "", USEC_PER_SEC },
                { "s", USEC_PER_SEC },
                { "m", 60 * USEC_PER_SEC },
                { "h", 3600 * USEC_PER_SEC },
                { "d", 86400 * USEC_PER_SEC },
        };

        return parse_with_unit(text, units, ARRAY_LEN(units), ret_usec);
}

/* Where a key is, @count: nowhere. Files keep their order: it is nearly always the next. */
static size_t find_key(
                const char *const *keys, size_t count, size_t next, const char *text, size_t len) {
        for (size_t tried = 0; tried < count; tried++) {
                size_t i = (next + tried) % count;

                if (keys[i] && strncmp(keys[i], text, len) == 0 && keys[i][len] == '\0')
                        return i;
        }
        return count;
}

uint64_t parse_flat_keyed(
                const char *text, const char *const *keys, size_t count, uint64_t *values) {
        uint64_t found = 0;

        for (size_t next = 0; *text != '\0';) {
                const char *space = strchrnul(text, ' '), *end;
                uint64_t value;

                if (*space == ' ' && parse_u64_prefix(space + 1, &value, &end) == 0 &&
                                (*end == '\n' || *end == '\0')) {
                        size_t i = find_key(keys, count, next, text, (size_t)(space - text));

                        if (i < count) {
                                values[i] = value;
                                found |= 1ULL << i;
                                next = i + 1;
                        }
                }
                text = strchrnul(text, '\n');
                text += *text == '\n';
        }
        return found;
}
