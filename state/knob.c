/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of knobs: reading what the kernel shows, writing what it takes, and a person's words. All
 * by the unit of the row; no function knows a single knob.
 *
 * Source: kernel/sched/core.c (cpu.max: period 1 ms to 1 s, quota at least 1 ms), mm/page_counter.c
 * (whole pages downwards; from LONG_MAX on it is "max"), kernel/cgroup/pids.c
 */
#include "state/knob.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "state/parse.h"

#define PERIOD_LEAST_USEC USEC_PER_MSEC
#define PERIOD_MOST_USEC  USEC_PER_SEC
#define QUOTA_LEAST_USEC  USEC_PER_MSEC
#define DEFAULT_WORD      "default "
#define QUOTA_MOST_USEC   ((1ULL << 44) - 1) /* MAX_BW of the scheduler */

static uint64_t page_bytes(void) {
        return (uint64_t)sysconf(_SC_PAGESIZE);
}

int knob_find(const char *file) {
        for (int i = 0; i < KNOB_COUNT; i++)
                if (strcmp(knobs[i].file, file) == 0)
                        return i;
        return -ENOENT;
}

static bool takes_max(enum knob_id id) {
        return !knob_is_weight(id);
}

/* "quota period" of cpu.max; *end is behind what was read. */
static int read_cpu(const char *text, struct knob_value *ret, const char **end) {
        struct knob_value value = { .amount = KNOB_MAX };
        int r;

        if (strncmp(text, "max", 3) == 0)
                text += 3;
        else {
                r = parse_u64_prefix(text, &value.amount, &text);
                if (r < 0)
                        return r;
        }
        if (*text != ' ')
                return -EINVAL;

        r = parse_u64_prefix(text + 1, &value.period_usec, end);
        if (r < 0)
                return r;
        if (value.period_usec == 0)
                return -EINVAL;

        *ret = value;
        return 0;
}

/* "default 100", and lines of devices that are not looked at. */
static int read_default(const char *text, uint64_t *ret, const char **end) {
        int r;

        if (strncmp(text, DEFAULT_WORD, strlen(DEFAULT_WORD)) != 0)
                return -EINVAL;
        r = parse_u64_prefix(text + strlen(DEFAULT_WORD), ret, end);
        if (r == 0 && **end == '\n')
                *end += strlen(*end);
        return r;
}

/* "8:0 wbps=1048576" */
static int read_io_max(const char *text, struct knob_value *ret, const char **end) {
        int r = io_key_parse(text, &ret->key, end);

        if (r < 0)
                return r;
        if (strncmp(*end, "max", 3) != 0)
                return parse_u64_prefix(*end, &ret->amount, end);
        *end += 3;
        return 0;
}

int knob_read_text(enum knob_id id, const char *text, struct knob_value *ret) {
        struct knob_value value = { .amount = KNOB_MAX };
        const char *end = text;
        int r = 0;

        if (knobs[id].unit == UNIT_TEXT)
                return -EOPNOTSUPP;

        if (knobs[id].unit == UNIT_CPU)
                r = read_cpu(text, &value, &end);
        else if (knobs[id].unit == UNIT_IO_WEIGHT)
                r = read_default(text, &value.amount, &end);
        else if (knobs[id].unit == UNIT_IO_LIMIT)
                r = read_io_max(text, &value, &end);
        else if (takes_max(id) && strncmp(text, "max", 3) == 0)
                end = text + 3;
        else
                r = parse_u64_prefix(text, &value.amount, &end);
        if (r < 0)
                return r;
        if (strcmp(end, "") != 0 && strcmp(end, "\n") != 0)
                return -EINVAL;
        if (value.amount == KNOB_MAX && !takes_max(id))
                return -ERANGE;

        *ret = value;
        return 0;
}

int knob_read_file(
                enum knob_id id, const char *text, struct knob_value like, struct knob_value *ret) {
        struct knob_value value = { .key = like.key };
        int r;

        if (knobs[id].unit != UNIT_IO_LIMIT)
                return knob_read_text(id, text, ret);
        r = io_max_read(text, value.key, &value.amount);
        if (r == 0)
                *ret = value;
        return r;
}

/* "8:0 wbps=" */
static void format_key(uint64_t key, char *out, size_t size) {
        char device[IO_DEVICE_SIZE];

        io_key_device(key, device);
        (void)snprintf(out, size, "%s %s=", device, io_limits[io_key_limit(key)].name);
}

void knob_write_text(enum knob_id id, struct knob_value value, char *out, size_t size) {
        char amount[24] = "max", key[IO_DEVICE_SIZE + 8];

        if (value.amount != KNOB_MAX)
                (void)snprintf(amount, sizeof(amount), "%" PRIu64, value.amount);
        if (knobs[id].unit == UNIT_CPU) {
                (void)snprintf(out, size, "%s %" PRIu64, amount,
                                value.period_usec ? value.period_usec : CPU_PERIOD_USEC);
        } else if (knobs[id].unit == UNIT_IO_WEIGHT) {
                (void)snprintf(out, size, DEFAULT_WORD "%s", amount);
        } else if (knobs[id].unit == UNIT_IO_LIMIT) {
                format_key(value.key, key, sizeof(key));
                (void)snprintf(out, size, "%s%s", key, amount);
        } else {
                (void)snprintf(out, size, "%s", amount);
        }
}

int knob_merge_text(enum knob_id id, struct knob_value value, const char *before, char *out,
                size_t size) {
        const char *rest = knobs[id].unit == UNIT_IO_WEIGHT ? strchrnul(before, '\n') : "";
        char text[KNOB_VALUE_TEXT_MAX];
        int n;

        if (knobs[id].unit == UNIT_IO_LIMIT)
                return io_max_merge(before, value.key, value.amount, out, size);
        knob_write_text(id, value, text, sizeof(text));
        n = snprintf(out, size, "%s%s", text, rest);
        return n >= 0 && (size_t)n < size ? 0 : -E2BIG;
}

/* Hundredths with at most two digits behind the point: 150 is "1.5", 400 is "4". */
static void format_hundredths(uint64_t value, const char *unit, char *out, size_t size) {
        uint64_t whole = value / 100, rest = value % 100;

        if (rest == 0)
                (void)snprintf(out, size, "%" PRIu64 " %s", whole, unit);
        else if (rest % 10 == 0)
                (void)snprintf(out, size, "%" PRIu64 ".%" PRIu64 " %s", whole, rest / 10, unit);
        else
                (void)snprintf(out, size, "%" PRIu64 ".%02" PRIu64 " %s", whole, rest, unit);
}

static void format_bytes(uint64_t bytes, char *out, size_t size) {
        static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
        unsigned unit = 0;

        while (unit + 1 < ARRAY_LEN(units) && bytes >> (10 * (unit + 1)) > 0)
                unit++;

        uint64_t whole = bytes >> (10 * unit);
        uint64_t rest = bytes & ((1ULL << (10 * unit)) - 1);

        /* The rest of exabytes does not fit into 64 bits a hundred times. */
        if (unit == ARRAY_LEN(units) - 1)
                rest = 0;
        format_hundredths(whole * 100 + (rest * 100 >> (10 * unit)), units[unit], out, size);
}

/* "8:0 wbps=10 MiB/s" */
static void format_io_max(struct knob_value value, char *out, size_t size) {
        char key[IO_DEVICE_SIZE + 8], amount[32] = "max";

        format_key(value.key, key, sizeof(key));
        if (value.amount != KNOB_MAX && io_limits[io_key_limit(value.key)].bytes) {
                format_bytes(value.amount, amount, sizeof(amount));
                (void)snprintf(out, size, "%s%s/s", key, amount);
                return;
        }
        if (value.amount != KNOB_MAX)
                (void)snprintf(amount, sizeof(amount), "%" PRIu64, value.amount);
        (void)snprintf(out, size, "%s%s", key, amount);
}

void knob_format(enum knob_id id, struct knob_value value, char *out, size_t size) {
        uint64_t period = value.period_usec ? value.period_usec : CPU_PERIOD_USEC;

        if (knobs[id].unit == UNIT_IO_LIMIT)
                format_io_max(value, out, size);
        else if (value.amount == KNOB_MAX)
                (void)snprintf(out, size, "max");
        else if (knobs[id].unit == UNIT_BYTES)
                format_bytes(value.amount, out, size);
        else if (knobs[id].unit == UNIT_CPU)
                format_hundredths((uint64_t)((unsigned __int128)value.amount * 100 / period), "CPU",
                                out, size);
        else
                (void)snprintf(out, size, "%" PRIu64, value.amount);
}

static struct knob_value round_cpu(struct knob_value value) {
        uint64_t period = value.period_usec ? value.period_usec : CPU_PERIOD_USEC;
        uint64_t least = (QUOTA_LEAST_USEC * 100 + period - 1) / period;
        uint64_t percent = (uint64_t)((unsigned __int128)value.amount * 100 / period);

        value.period_usec = period;
        if (value.amount != KNOB_MAX)
                value.amount = u64_max(percent, u64_max(least, 1)) * period / 100;
        return value;
}

struct knob_value knob_round(enum knob_id id, struct knob_value value) {
        uint64_t page = page_bytes();

        if (knobs[id].unit == UNIT_CPU)
                return round_cpu(value);
        if (knobs[id].unit == UNIT_IO_LIMIT)
                return value;

        value.period_usec = 0;
        if (knobs[id].unit == UNIT_BYTES && value.amount != KNOB_MAX) {
                value.amount -= value.amount % page;
                if (value.amount >= INT64_MAX / page * page)
                        value.amount = KNOB_MAX;
        }
        return value;
}

static int check_cpu(struct knob_value value, struct error *err) {
        if (value.period_usec < PERIOD_LEAST_USEC || value.period_usec > PERIOD_MOST_USEC)
                return error_set(err, -ERANGE,
                                "cpu.max: a period of %" PRIu64 " us: want 1000 to 1000000 us",
                                value.period_usec);
        if (value.amount == KNOB_MAX)
                return 0;
        if (value.amount < QUOTA_LEAST_USEC || value.amount < value.period_usec / 100)
                return error_set(err, -ERANGE,
                                "cpu.max: %" PRIu64 " us in each %" PRIu64
                                " us is too little: want at least 0.01 CPU and 1000 us",
                                value.amount, value.period_usec);
        if (value.amount > QUOTA_MOST_USEC)
                return error_set(err, -ERANGE, "cpu.max: more CPU than any machine has: want max");
        return 0;
}

static int check_io_max(struct knob_value value, struct error *err) {
        const struct io_limit_row *row = &io_limits[io_key_limit(value.key)];
        char text[KNOB_VALUE_TEXT_MAX];

        if (value.amount == KNOB_MAX || (value.amount >= row->least && value.amount <= row->most))
                return 0;
        knob_write_text(KNOB_IO_MAX, value, text, sizeof(text));
        return error_set(err, -ERANGE,
                        "io.max: %s is outside its range: want %" PRIu64 " to %" PRIu64 ", or max",
                        text, row->least, row->most);
}

int knob_check(enum knob_id id, struct knob_value value, struct error *err) {
        const struct knob *knob = &knobs[id];
        char least[KNOB_VALUE_TEXT_MAX], most[KNOB_VALUE_TEXT_MAX];

        if (!knob->settable)
                return error_set(err, -EOPNOTSUPP,
                                "%s is only watched: dtgov does not set it, write it yourself",
                                knob->file);
        if (knob->unit == UNIT_CPU)
                return check_cpu(value, err);
        if (knob->unit == UNIT_IO_LIMIT)
                return check_io_max(value, err);
        if (value.amount == KNOB_MAX && takes_max(id))
                return 0;
        if (value.amount >= knob->least && value.amount <= knob->most)
                return 0;

        knob_format(id, (struct knob_value){ .amount = knob->least }, least, sizeof(least));
        knob_format(id, (struct knob_value){ .amount = knob->most }, most, sizeof(most));
        return error_set(err, -ERANGE, "%s: %" PRIu64 " is outside its range: want %s to %s%s",
                        knob->file, value.amount, least, most,
                        takes_max(id) && knob->most != KNOB_MAX ? ", or max" : "");
}

/* "1.5", "150%", "150000 100000", "max", "max 50000" */
static int parse_cpu(const char *words, struct knob_value *ret) {
        struct knob_value value = { .period_usec = CPU_PERIOD_USEC };
        char text[KNOB_VALUE_TEXT_MAX];
        size_t len = strlen(words);
        const char *end;
        uint64_t micro;
        int r;

        if (strchr(words, ' ')) {
                r = read_cpu(words, ret, &end);
                return r < 0 ? r : *end != '\0' ? -EINVAL : 0;
        }
        if (len == 0 || len >= sizeof(text))
                return -EINVAL;
        memcpy(text, words, len + 1);

        bool percent = text[len - 1] == '%';
        if (percent)
                text[len - 1] = '\0';
        r = parse_decimal(text, 6, &micro);
        if (r < 0)
                return r;

        /* Millionths of a CPU (or of a percent) are to the period what the quota is. */
        value.amount = micro / (USEC_PER_SEC / CPU_PERIOD_USEC) / (percent ? 100 : 1);
        *ret = value;
        return 0;
}

/* "8:0 wbps=10M" */
static int parse_io_max(const char *words, struct knob_value *ret) {
        const char *amount;
        int r = io_key_parse(words, &ret->key, &amount);

        if (r < 0 || strcmp(amount, "max") == 0)
                return r;
        r = io_limits[io_key_limit(ret->key)].bytes ? parse_bytes(amount, &ret->amount)
                                                    : parse_u64(amount, &ret->amount);
        return r == 0 && ret->amount == KNOB_MAX ? -ERANGE : r;
}

/* "default 200" is what the file takes, and what a dry run shows. */
static const char *without_default(enum knob_id id, const char *words) {
        bool is_there = knobs[id].unit == UNIT_IO_WEIGHT &&
                        strncmp(words, DEFAULT_WORD, strlen(DEFAULT_WORD)) == 0;

        return words + (is_there ? strlen(DEFAULT_WORD) : 0);
}

int knob_parse(enum knob_id id, const char *words, struct knob_value *ret, struct error *err) {
        static const char io_limit[] =
                        "one limit of one disk, like '8:0 wbps=10M', with rbps, wbps, "
                        "riops or wiops (lsblk shows the numbers)";
        static const char *const wanted[] = {
                [UNIT_BYTES] = "bytes, like 512M or 1.5G, or max",
                [UNIT_CPU] = "CPUs, like 1.5, 150% or \"150000 100000\", or max",
                [UNIT_COUNT] = "a number, or max",
                [UNIT_WEIGHT] = "a number from 1 to 10000",
                [UNIT_IO_WEIGHT] = "a number, like 200",
                [UNIT_IO_LIMIT] = io_limit,
                [UNIT_TEXT] = "nothing",
        };
        struct knob_value value = { .amount = KNOB_MAX };
        enum knob_unit unit = knobs[id].unit;
        int r = 0;

        if (!knobs[id].settable)
                return knob_check(id, value, err);

        if (unit == UNIT_IO_LIMIT)
                r = parse_io_max(words, &value);
        else if (strcmp(words, "max") == 0 && takes_max(id))
                value.period_usec = unit == UNIT_CPU ? CPU_PERIOD_USEC : 0;
        else if (unit == UNIT_CPU)
                r = parse_cpu(words, &value);
        else if (unit == UNIT_BYTES)
                r = parse_bytes(words, &value.amount);
        else
                r = parse_u64(without_default(id, words), &value.amount);
        /* No limit is a great deal to mean by a number: it takes the word. */
        if (r == 0 && takes_max(id) && unit != UNIT_IO_LIMIT && strncmp(words, "max", 3) != 0 &&
                        knob_round(id, value).amount == KNOB_MAX)
                r = -ERANGE;
        if (r < 0)
                return error_set(err, r, "%s: '%.64s' is %s: want %s", knobs[id].file, words,
                                r == -ERANGE ? "too large" : "not a value", wanted[unit]);

        r = knob_check(id, value, err);
        if (r < 0)
                return r;

        *ret = knob_round(id, value);
        return 0;
}

int knob_compare(enum knob_id id, struct knob_value a, struct knob_value b) {
        unsigned __int128 left = a.amount, right = b.amount;

        if (a.amount == KNOB_MAX || b.amount == KNOB_MAX)
                return (a.amount == KNOB_MAX) - (b.amount == KNOB_MAX);
        if (knobs[id].unit == UNIT_CPU) {
                left *= b.period_usec ? b.period_usec : CPU_PERIOD_USEC;
                right *= a.period_usec ? a.period_usec : CPU_PERIOD_USEC;
        }
        return (left > right) - (left < right);
}

bool knob_equal(struct knob_value a, struct knob_value b) {
        return a.amount == b.amount && a.period_usec == b.period_usec;
}
