/* SPDX-License-Identifier: Apache-2.0 */
/*
 * systemd writes all limit files of a unit at any change of one property: those of cpu, memory, io,
 * pids and cpuset that it has a property for, plus cpu.idle (with the weight), io.bfq.weight (from
 * IOWeight) and memory.oom.group (from OOMPolicy). In io.max it touches only the devices that the
 * unit lists. All else (memory.swap.high, cpu.max.burst, uclamp, hugetlb ...) it never writes.
 */
#include "governor/kernel/systemd_unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "governor/kernel/block.h"
#include "state/parse.h"

#define WEIGHT_DEFAULT 100

const char *const unit_io_properties[IO_LIMIT_COUNT] = { "IOReadBandwidthMax",
        "IOWriteBandwidthMax", "IOReadIOPSMax", "IOWriteIOPSMax" };

const char *unit_property_of(enum knob_id id) {
        switch (id) {
        case KNOB_MEMORY_ZSWAP_MAX:
                return "MemoryZSwapMax";
        case KNOB_MEMORY_ZSWAP_WB:
                return "MemoryZSwapWriteback";
        default:
                return knobs[id].property;
        }
}

static int refuse(struct error *err, enum knob_id id, const char *text) {
        return error_set(err, -EREMOTE,
                        "systemd would overwrite %s, which is '%.40s', and has no property for it",
                        knobs[id].file, text);
}

static void set_number(struct unit_settings *s, const char *property, uint64_t number) {
        s->item[s->count++] = (struct unit_setting){ .property = property, .number = number };
}

/* "max", "4096", "default 100\n8:0 50": the number that one property stands for. */
static int number_of(const char *text, uint64_t *ret) {
        const char *end;

        if (strcmp(text, "max") == 0) {
                *ret = KNOB_MAX;
                return 0;
        }
        text += strncmp(text, "default ", 8) == 0 ? 8 : 0;
        return parse_u64_prefix(text, ret, &end);
}

/* What the kernel shows once systemd has written the property's value. */
static uint64_t shown(enum knob_id id, uint64_t number) {
        uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

        if (id == KNOB_CPU_WEIGHT || id == KNOB_IO_WEIGHT)
                return number == UINT64_MAX ? WEIGHT_DEFAULT : number;
        if (id == KNOB_PIDS_MAX || id == KNOB_MEMORY_ZSWAP_WB)
                return number;
        return number > INT64_MAX - page ? KNOB_MAX : number / page * page;
}

/* CPUWeight=idle is 0 and makes systemd write cpu.idle; the weight that an idle cgroup shows
 * depends on the kernel. */
static bool is_idle(const struct limits *limits, int id) {
        const char *idle = limits->text[KNOB_CPU_IDLE];

        return id == KNOB_CPU_WEIGHT && idle && strcmp(idle, "1") == 0;
}

static int compare_numbers(const struct unit_properties *unit, const struct limits *limits,
                struct unit_settings *s, struct error *err) {
        for (int i = 0; i < KNOB_COUNT; i++) {
                const char *text = limits->text[i];
                uint64_t number;

                if (!text || !(unit->has >> i & 1) || i == KNOB_CPU_MAX)
                        continue;
                if (number_of(text, &number) < 0)
                        return refuse(err, (enum knob_id)i, text);
                if (is_idle(limits, i))
                        number = 0;
                if (number == shown((enum knob_id)i, unit->number[i]))
                        continue;
                set_number(s, unit_property_of((enum knob_id)i), number);
                if (i == KNOB_MEMORY_ZSWAP_WB)
                        s->item[s->count - 1].kind = SETTING_SWITCH;
        }
        return 0;
}

/* cgroup_cpu_adjust_period() and cgroup_apply_unified_cpu_quota(). */
static struct knob_value quota_shown(uint64_t per_sec_usec, uint64_t period_usec) {
        struct knob_value v = { KNOB_MAX, CPU_PERIOD_USEC };

        if (per_sec_usec == UINT64_MAX || per_sec_usec == 0)
                return v;
        if (period_usec != UINT64_MAX)
                v.period_usec = u64_max(period_usec, USEC_PER_MSEC);
        v.period_usec = u64_max(v.period_usec, USEC_PER_MSEC * USEC_PER_SEC / per_sec_usec);
        v.period_usec = u64_min(v.period_usec, USEC_PER_SEC);
        if (__builtin_mul_overflow(per_sec_usec, v.period_usec, &v.amount))
                v.amount = KNOB_MAX;
        v.amount = u64_max(v.amount / USEC_PER_SEC, USEC_PER_MSEC);
        return v;
}

static int compare_quota(const struct unit_properties *unit, const struct limits *limits,
                struct unit_settings *s, struct error *err) {
        const char *text = limits->text[KNOB_CPU_MAX];
        uint64_t per_sec = UINT64_MAX;
        struct knob_value is;

        if (!text || !(unit->has >> KNOB_CPU_MAX & 1))
                return 0;
        if (knob_read_text(KNOB_CPU_MAX, text, &is) < 0)
                return refuse(err, KNOB_CPU_MAX, text);
        if (knob_equal(is, quota_shown(unit->number[KNOB_CPU_MAX], unit->period_usec)))
                return 0;

        /* Rounded up: systemd rounds down on its way back to the file. */
        if (is.amount != KNOB_MAX) {
                if (__builtin_mul_overflow(is.amount, USEC_PER_SEC, &per_sec))
                        return refuse(err, KNOB_CPU_MAX, text);
                per_sec = per_sec / is.period_usec + (per_sec % is.period_usec != 0);
        }
        if (!knob_equal(is, quota_shown(per_sec, is.period_usec)))
                return refuse(err, KNOB_CPU_MAX, text);
        set_number(s, "CPUQuotaPerSecUSec", per_sec);
        if (!knob_equal(is, quota_shown(per_sec, unit->period_usec)))
                set_number(s, "CPUQuotaPeriodUSec", is.period_usec);
        return 0;
}

/* systemd derives it from IOWeight: 1 to 10000 onto 1 to 1000, with 100 in both. */
static int compare_bfq(const struct unit_properties *unit, const struct limits *limits,
                struct unit_settings *s, struct error *err) {
        const char *text = limits->text[KNOB_IO_BFQ_WEIGHT], *weight = limits->text[KNOB_IO_WEIGHT];
        uint64_t is, from = shown(KNOB_IO_WEIGHT, unit->number[KNOB_IO_WEIGHT]);

        if (!text || !(unit->has >> KNOB_IO_WEIGHT & 1))
                return 0;
        if (number_of(text, &is) < 0 || (weight && number_of(weight, &from) < 0))
                return refuse(err, KNOB_IO_BFQ_WEIGHT, text);
        if (is == io_weight_to_bfq(from))
                return 0;
        if (weight)
                return refuse(err, KNOB_IO_BFQ_WEIGHT, text);
        set_number(s, "IOWeight", io_weight_of_bfq(is));
        return 0;
}

/* "0-3,8" as bits. Errors: -EINVAL not such a list; -ERANGE more than UNIT_CPUS_MAX */
static int parse_list(const char *text, struct unit_set *ret) {
        memset(ret, 0, sizeof(*ret));
        while (*text != '\0') {
                uint64_t first, last;

                if (parse_u64_prefix(text, &first, &text) < 0)
                        return -EINVAL;
                last = first;
                if (*text == '-' && parse_u64_prefix(text + 1, &last, &text) < 0)
                        return -EINVAL;
                if (last >= UNIT_CPUS_MAX)
                        return -ERANGE;
                for (; first <= last; first++)
                        ret->bits[first / 8] |= (uint8_t)(1U << first % 8);
                if (*text != '\0' && *text++ != ',')
                        return -EINVAL;
        }
        return 0;
}

static int compare_sets(const struct unit_properties *unit, const struct limits *limits,
                struct unit_settings *s, struct error *err) {
        static const struct {
                enum knob_id id;
                const char *property;
        } rows[2] = { { KNOB_CPUSET_CPUS, "AllowedCPUs" },
                { KNOB_CPUSET_MEMS, "AllowedMemoryNodes" } };

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                const char *text = limits->text[rows[i].id];
                size_t bytes = sizeof(s->set[i].bits);

                if (!text || !unit->has_set[i])
                        continue;
                if (parse_list(text, &s->set[i]) < 0)
                        return refuse(err, rows[i].id, text);
                if (memcmp(&s->set[i], &unit->set[i], sizeof(s->set[i])) == 0)
                        continue;
                while (bytes > 0 && s->set[i].bits[bytes - 1] == 0)
                        bytes--;
                s->item[s->count++] = (struct unit_setting){ .property = rows[i].property,
                        .kind = SETTING_SET,
                        .set = &s->set[i],
                        .set_bytes = bytes };
        }
        return 0;
}

/* The device that a path stands for: itself, or what it lies on. Errors: of stat(2) */
static int device_of(const char *path, dev_t *ret) {
        struct stat st;

        if (stat(path, &st) < 0)
                return -errno;
        *ret = S_ISBLK(st.st_mode) ? st.st_rdev : st.st_dev;
        return 0;
}

/* systemd limits another device in its place, or one that it cannot know. */
static bool is_out_of_reach(const char *text, uint64_t key) {
        CLEANUP(closep) int sys_fd = open("/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
        int r = block_lies_on_another(sys_fd, key);

        return r > 0 || (r < 0 && !io_max_line(text, key));
}

static uint64_t unit_io_value(
                const struct unit_properties *unit, const char *path, enum io_limit direction) {
        for (size_t i = 0; i < unit->io_count; i++)
                if (unit->io[i].direction == direction && strcmp(unit->io[i].path, path) == 0)
                        return unit->io[i].value;
        return KNOB_MAX;
}

/* All directions of one device that the unit lists. */
static int compare_device(const struct unit_properties *unit, const char *path, const char *text,
                struct unit_settings *s, struct error *err) {
        dev_t device = 0;

        if (device_of(path, &device) < 0) /* systemd cannot write a device that is gone either */
                return 0;
        for (enum io_limit d = 0; d < IO_LIMIT_COUNT; d++) {
                uint64_t key = io_key(major(device), minor(device), d);
                uint64_t is, told = unit_io_value(unit, path, d);

                if (io_max_read(text, key, &is) < 0)
                        return refuse(err, KNOB_IO_MAX, text);
                if (is == told)
                        continue;
                if (is_out_of_reach(text, key))
                        return refuse(err, KNOB_IO_MAX, text);
                s->item[s->count++] = (struct unit_setting){ .property = unit_io_properties[d],
                        .kind = SETTING_DEVICE,
                        .device = path,
                        .number = is };
        }
        return 0;
}

static int compare_io(const struct unit_properties *unit, const struct limits *limits,
                struct unit_settings *s, struct error *err) {
        const char *text = limits->text[KNOB_IO_MAX];

        for (size_t i = 0; text && i < unit->io_count; i++) {
                size_t first = 0;
                int r;

                while (strcmp(unit->io[first].path, unit->io[i].path) != 0)
                        first++;
                if (first < i)
                        continue;
                r = compare_device(unit, unit->io[i].path, text, s, err);
                if (r < 0)
                        return r;
        }
        return 0;
}

static bool lists(const struct unit_properties *unit, const char *disk) {
        dev_t device = 0, listed = 0;

        for (size_t i = 0; i < unit->io_count; i++)
                if (strcmp(unit->io[i].path, disk) == 0 ||
                                (device_of(disk, &device) == 0 &&
                                                device_of(unit->io[i].path, &listed) == 0 &&
                                                device == listed))
                        return true;
        return false;
}

int unit_add_disks(struct unit_properties *unit, const struct change *change) {
        CLEANUP(closep) int sys_fd = open("/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);

        for (unsigned i = 0; i < change->changes_count; i++) {
                struct unit_device_limit limit = { .value = KNOB_MAX };

                if (change->changes[i].knob != KNOB_IO_MAX)
                        continue;
                block_node(sys_fd, change->changes[i].new.key, limit.path);
                if (lists(unit, limit.path))
                        continue;
                if (unit->io_count == UNIT_IO_MAX)
                        return -E2BIG;
                unit->io[unit->io_count++] = limit;
        }
        return 0;
}

int unit_compare(const struct unit_properties *unit, const struct limits *limits,
                struct unit_settings *ret, struct error *err) {
        const char *group = limits->text[KNOB_MEMORY_OOM_GROUP];
        int r;

        ret->count = 0;
        if (unit->refused[0] != '\0')
                return error_set(err, -EREMOTE, "the unit has %s, which dtgov does not know",
                                unit->refused);
        if (group && strcmp(group, unit->oom_kill ? "1" : "0") != 0)
                return refuse(err, KNOB_MEMORY_OOM_GROUP, group);

        r = compare_numbers(unit, limits, ret, err);
        if (r == 0)
                r = compare_quota(unit, limits, ret, err);
        if (r == 0)
                r = compare_bfq(unit, limits, ret, err);
        if (r == 0)
                r = compare_sets(unit, limits, ret, err);
        if (r == 0)
                r = compare_io(unit, limits, ret, err);
        return r;
}
