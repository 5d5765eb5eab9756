/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/observer/sampler.h"

#include "governor/kernel/cgroup.h"
#include "governor/kernel/psi.h"
#include "governor/observer/disks.h"
#include "state/parse.h"

#include <fcntl.h>
#include <string.h>

static const char *const hot_files[SAMPLER_HOT_FILES] = { "cpu.stat", "memory.current",
        "memory.events", "io.stat", "pids.current" };

/* The first field of each hot file and how many it has, in the order of SAMPLE_TABLE. */
static const struct {
        enum sample_id first;
        unsigned count;
} hot_fields[SAMPLER_HOT_FILES] = {
        { SAMPLE_CPU_USAGE, 6 },
        { SAMPLE_MEMORY_CURRENT, 1 },
        { SAMPLE_MEMORY_EVENTS_LOW, 5 },
        { SAMPLE_IO_READ_BYTES, 4 },
        { SAMPLE_PIDS_CURRENT, 1 },
};
#define HOT_IO 3

static void put(struct sample *s, enum sample_id id, uint64_t value) {
        s->value[id] = value;
        s->present |= 1ULL << id;
}

void sampler_open(struct sampler *s, int dir_fd) {
        *s = (struct sampler){ .dir_fd = dir_fd };
        for (unsigned i = 0; i < SAMPLER_HOT_FILES; i++)
                s->hot_fd[i] = openat(dir_fd, hot_files[i], O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

void sampler_done(struct sampler *s) {
        for (unsigned i = 0; i < SAMPLER_HOT_FILES; i++)
                closep(&s->hot_fd[i]);
        closep(&s->dir_fd);
}

void sampler_expect_change(struct sampler *s) {
        s->cold_ns = 0;
}

void sampler_parse_io(const char *text, uint64_t ret[static 4]) {
        static const char *const keys[4] = { "rbytes=", "wbytes=", "rios=", "wios=" };
        unsigned next = 0;

        memset(ret, 0, 4 * sizeof(*ret));
        while (*text != '\0') {
                const char *end;
                uint64_t value;

                /* "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0", always in this order. */
                if (next < 4 && strncmp(text, keys[next], strlen(keys[next])) == 0 &&
                                parse_u64_prefix(text + strlen(keys[next]), &value, &end) == 0) {
                        ret[next++] += value;
                        text = end;
                }
                text += strcspn(text, " \n");
                if (*text == '\n')
                        next = 0;
                text += *text != '\0';
        }
}

static void parse_keyed(const char *text, enum sample_id first, unsigned count, struct sample *s) {
        const char *keys[16] = {};
        uint64_t values[16] = {};
        uint64_t found;

        for (unsigned i = 0; i < count; i++)
                keys[i] = sample_fields[first + i].key;
        found = parse_flat_keyed(text, keys, count, values);
        for (unsigned i = 0; i < count; i++)
                if (found >> i & 1)
                        put(s, first + i, values[i]);
}

static void parse_number(const char *text, enum sample_id id, struct sample *s) {
        const char *end;
        uint64_t value;

        if (strncmp(text, "max", 3) == 0)
                put(s, id, KNOB_MAX);
        else if (parse_u64_prefix(text, &value, &end) == 0)
                put(s, id, value);
}

static void parse_hot(unsigned file, const char *text, struct disk_table *disks, struct sample *s) {
        enum sample_id first = hot_fields[file].first;

        if (file == HOT_IO) {
                uint64_t sums[4];

                sampler_parse_io(text, sums);
                if (disks)
                        disk_table_parse(text, disks);
                for (unsigned i = 0; i < 4; i++)
                        put(s, first + i, sums[i]);
        } else if (hot_fields[file].count == 1)
                parse_number(text, first, s);
        else
                parse_keyed(text, first, hot_fields[file].count, s);
}

static int read_hot(struct sampler *s, char *buf, size_t size, struct sample *ret) {
        for (unsigned i = 0; i < SAMPLER_HOT_FILES; i++) {
                ssize_t n;

                if (s->hot_fd[i] < 0)
                        continue;
                n = pread(s->hot_fd[i], buf, size - 1, 0);
                if (n < 0 && errno == ENODEV)
                        return -ENODEV;
                if (n < 0)
                        continue;
                buf[n] = '\0';
                parse_hot(i, buf, s->disks, ret);
        }
        return 0;
}

static void read_pressure(struct sampler *s, char *buf, size_t size, struct sample *ret) {
        for (unsigned i = 0; i < 3; i++) {
                uint64_t some, full;

                if (cgroup_read(s->dir_fd, psi_files[i], buf, size) < 0 ||
                                psi_parse(buf, &some, &full) < 0)
                        continue;
                put(ret, SAMPLE_PSI_CPU_SOME + 2 * i, some);
                put(ret, SAMPLE_PSI_CPU_FULL + 2 * i, full);
        }
}

/* "max 100000" or "150000 100000" */
static void parse_cpu_max(const char *text, struct sample *s) {
        const char *space = strchrnul(text, ' ');

        if (*space == '\0')
                return;
        parse_number(text, SAMPLE_LIMIT_CPU_QUOTA, s);
        parse_number(space + 1, SAMPLE_LIMIT_CPU_PERIOD, s);
}

static void read_cold(struct sampler *s, char *buf, size_t size, struct sample *ret) {
        static const enum sample_id numbers[] = { SAMPLE_SWAP_CURRENT, SAMPLE_LIMIT_MEMORY_MAX,
                SAMPLE_LIMIT_MEMORY_HIGH, SAMPLE_LIMIT_SWAP_MAX, SAMPLE_LIMIT_PIDS_MAX };

        for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
                if (cgroup_read(s->dir_fd, sample_fields[numbers[i]].file, buf, size) >= 0)
                        parse_number(buf, numbers[i], ret);
        if (cgroup_read(s->dir_fd, "cpu.max", buf, size) >= 0)
                parse_cpu_max(buf, ret);
}

static void read_memory_stat(struct sampler *s, char *buf, size_t size, struct sample *ret) {
        if (cgroup_read(s->dir_fd, "memory.stat", buf, size) >= 0)
                parse_keyed(buf, SAMPLE_MEMORY_ANON, SAMPLE_PGMAJFAULT - SAMPLE_MEMORY_ANON + 1,
                                ret);
}

/* What is due: read @interval ago or longer, or @soon ago while something happened lately. */
static bool due(uint64_t now_ns, uint64_t read_ns, uint64_t soon_ns, uint64_t alert_ns) {
        uint64_t interval = alert_ns != 0 && now_ns < alert_ns + SAMPLER_ALERT_NS ? soon_ns
                                                                                  : SAMPLER_COLD_NS;

        return read_ns == 0 || now_ns + NSEC_PER_SEC / 20 >= read_ns + interval;
}

static void read_due(
                struct sampler *s, uint64_t now_ns, char *buf, size_t size, struct sample *ret) {
        uint64_t fired_ns = u64_max(s->ladder_ns[0], u64_max(s->ladder_ns[1], s->ladder_ns[2]));
        /* Containers that came together do not read their cold files together for ever. */
        uint64_t early_ns = s->last.present == 0 ? now_ns / 7 % 10 * NSEC_PER_SEC : 0;
        bool cold = due(now_ns, s->cold_ns, SAMPLER_COLD_NS, 0);

        if (cold) {
                read_cold(s, buf, size, ret);
                s->cold_ns = u64_sub(now_ns, early_ns);
        }
        if (due(now_ns, s->memory_stat_ns, SAMPLER_MEMORY_STAT_NS, s->ladder_ns[1])) {
                read_memory_stat(s, buf, size, ret);
                s->memory_stat_ns = u64_sub(now_ns, early_ns);
        }
        if (due(now_ns, s->pressure_ns, SAMPLER_PRESSURE_NS, fired_ns)) {
                read_pressure(s, buf, size, ret);
                s->pressure_ns = now_ns;
        }
        if (cold || now_ns < s->pids_alert_ns + SAMPLER_ALERT_NS)
                if (cgroup_read(s->dir_fd, "pids.events", buf, size) >= 0)
                        parse_keyed(buf, SAMPLE_PIDS_EVENTS_MAX, 1, ret);
}

int sampler_read(struct sampler *s, uint64_t now_ns, struct sample *ret) {
        char buf[CGROUP_FILE_MAX];
        struct sample got = { .boottime_ns = now_ns };
        int r;

        r = read_hot(s, buf, sizeof(buf), &got);
        if (r < 0)
                return r;
        read_due(s, now_ns, buf, sizeof(buf), &got);
        for (unsigned i = 0; i < LINK_LADDER_FDS; i++)
                if (s->ladder_mask >> i & 1)
                        put(&got, SAMPLE_LADDER_CPU_5 + i, s->ladder_count[i]);

        for (uint64_t left = got.present; left != 0; left &= left - 1) {
                int i = __builtin_ctzll(left);

                s->last.value[i] = got.value[i];
        }
        s->last.present |= got.present;
        s->last.boottime_ns = now_ns;
        if (s->last.present >> SAMPLE_LIMIT_PIDS_MAX & 1 &&
                        s->last.value[SAMPLE_PIDS_CURRENT] >=
                                        s->last.value[SAMPLE_LIMIT_PIDS_MAX] / 5 * 4)
                s->pids_alert_ns = now_ns;
        *ret = got;
        return 0;
}
