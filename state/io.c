/* SPDX-License-Identifier: Apache-2.0 */
#include "state/io.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "state/parse.h"

#define MINOR_BITS 32
#define LIMIT_BITS 2
#define MAJOR_MOST 0x3fffffff

/* The kernel takes 2 and more, and keeps operations in 32 bits, of which the last is "max". */
const struct io_limit_row io_limits[IO_LIMIT_COUNT] = {
        [IO_RBPS] = { "rbps", true, 64 * KIB, UINT64_MAX - 1 },
        [IO_WBPS] = { "wbps", true, 64 * KIB, UINT64_MAX - 1 },
        [IO_RIOPS] = { "riops", false, 10, UINT32_MAX - 1 },
        [IO_WIOPS] = { "wiops", false, 10, UINT32_MAX - 1 },
};

uint64_t io_weight_to_bfq(uint64_t weight) {
        return weight <= IO_WEIGHT_DEFAULT ? weight
                                           : IO_WEIGHT_DEFAULT + (weight - IO_WEIGHT_DEFAULT) / 11;
}

uint64_t io_weight_of_bfq(uint64_t bfq_weight) {
        return bfq_weight <= IO_WEIGHT_DEFAULT
                               ? bfq_weight
                               : IO_WEIGHT_DEFAULT + (bfq_weight - IO_WEIGHT_DEFAULT) * 11;
}

uint64_t io_key(uint64_t major, uint64_t minor, enum io_limit limit) {
        return (major << MINOR_BITS | minor) << LIMIT_BITS | limit;
}

enum io_limit io_key_limit(uint64_t key) {
        return (enum io_limit)(key & (IO_LIMIT_COUNT - 1));
}

void io_key_device(uint64_t key, char ret[static IO_DEVICE_SIZE]) {
        uint64_t device = key >> LIMIT_BITS;

        (void)snprintf(ret, IO_DEVICE_SIZE, "%" PRIu64 ":%" PRIu64, device >> MINOR_BITS,
                        device & UINT32_MAX);
}

int io_key_parse(const char *text, uint64_t *ret, const char **ret_end) {
        uint64_t major, minor;

        if (parse_u64_prefix(text, &major, &text) < 0 || *text != ':' ||
                        parse_u64_prefix(text + 1, &minor, &text) < 0 || *text != ' ' ||
                        major == 0 || major > MAJOR_MOST || minor > UINT32_MAX)
                return -EINVAL;
        text++;
        for (enum io_limit i = 0; i < IO_LIMIT_COUNT; i++) {
                size_t len = strlen(io_limits[i].name);

                if (strncmp(text, io_limits[i].name, len) != 0 || text[len] != '=')
                        continue;
                *ret = io_key(major, minor, i);
                *ret_end = text + len + 1;
                return 0;
        }
        return -EINVAL;
}

/* "8:0 rbps=max wbps=1048576 riops=max wiops=max" */
const char *io_max_line(const char *text, uint64_t key) {
        char device[IO_DEVICE_SIZE];
        size_t len;

        io_key_device(key, device);
        len = strlen(device);
        while (strncmp(text, device, len) != 0 || text[len] != ' ') {
                text = strchr(text, '\n');
                if (!text)
                        return NULL;
                text++;
        }
        return text;
}

static int read_line(const char *line, enum io_limit limit, uint64_t *ret) {
        const char *end = strchrnul(line, '\n'), *p;
        char name[16];

        (void)snprintf(name, sizeof(name), " %s=", io_limits[limit].name);
        p = strstr(line, name);
        if (!p || p > end)
                return -EINVAL;
        p += strlen(name);
        *ret = UINT64_MAX;
        return strncmp(p, "max", 3) == 0 ? 0 : parse_u64_prefix(p, ret, &p);
}

int io_max_read(const char *text, uint64_t key, uint64_t *ret) {
        const char *line = io_max_line(text, key);

        *ret = UINT64_MAX;
        return line ? read_line(line, io_key_limit(key), ret) : 0;
}

/* A line more; false: no room. */
static bool append(char *out, size_t size, const char *line, size_t len) {
        size_t at = strlen(out);
        int n = snprintf(out + at, size - at, "%s%.*s", at > 0 ? "\n" : "", (int)len, line);

        return n >= 0 && (size_t)n < size - at;
}

/* The device's line with one limit set; "" where it then has none: the kernel shows no such line.
 */
static int merge_line(const char *line, uint64_t key, uint64_t amount, char *out, size_t size) {
        char device[IO_DEVICE_SIZE];
        bool limited = false;
        size_t at;

        io_key_device(key, device);
        at = (size_t)snprintf(out, size, "%s", device);
        for (enum io_limit i = 0; i < IO_LIMIT_COUNT && at < size; i++) {
                uint64_t value = UINT64_MAX;
                int r = line ? read_line(line, i, &value) : 0;

                if (r < 0)
                        return r;
                if (i == io_key_limit(key))
                        value = amount;
                limited = limited || value != UINT64_MAX;
                at += (size_t)snprintf(out + at, size - at,
                                value == UINT64_MAX ? " %s=max" : " %s=%" PRIu64, io_limits[i].name,
                                value);
        }
        if (!limited)
                out[0] = '\0';
        return 0;
}

int io_max_merge(const char *text, uint64_t key, uint64_t amount, char *out, size_t size) {
        const char *ours = io_max_line(text, key), *next;
        char line[160];
        int r = merge_line(ours, key, amount, line, sizeof(line));

        if (r < 0)
                return r;
        out[0] = '\0';
        for (; *text != '\0'; text = *next == '\n' ? next + 1 : next) {
                next = strchrnul(text, '\n');
                if (text != ours && !append(out, size, text, (size_t)(next - text)))
                        return -E2BIG;
        }
        return line[0] == '\0' || append(out, size, line, strlen(line)) ? 0 : -E2BIG;
}
