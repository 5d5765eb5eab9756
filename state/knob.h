/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The limit files of a cgroup: the one table from which parsing, clamping, applying, showing,
 * documenting and exporting are driven. A new knob is one row of KNOB_TABLE.
 *
 * A knob is a row that dtgov may set; the other rows are only watched: the intent of a change holds
 * their values, and nothing of dtgov may alter them.
 *
 * Source: Documentation/admin-guide/cgroup-v2.rst, "Controllers"; systemd.resource-control(5)
 */
#pragma once

#include "state/error.h"
#include "state/io.h"

#define KNOB_MAX        UINT64_MAX /* the word "max" in the file: no limit */
#define KNOB_NAME_MAX   32         /* bytes of a file's name with the NUL */
#define KNOB_TEXT_MAX   4096       /* bytes of a limit file with the NUL: one page, as kernfs */
#define CPU_PERIOD_USEC 100000     /* the kernel's and systemd's default period */
#define PIDS_MOST       4194304    /* PID_MAX_LIMIT: above it the kernel takes only "max" */

enum knob_unit {
        UNIT_BYTES,     /* a number of bytes, whole pages, or "max" */
        UNIT_CPU,       /* "quota period" in microseconds; quota may be "max" */
        UNIT_COUNT,     /* a number of tasks, or "max" */
        UNIT_WEIGHT,    /* 1 to 10000 */
        UNIT_IO_WEIGHT, /* "default 100"; lines of single devices follow, and stay */
        UNIT_IO_LIMIT,  /* "8:0 wbps=1048576": one of many in the file; or "max" */
        UNIT_TEXT,      /* watched only: compared as text */
};

enum knob_danger {
        DANGER_NONE,  /* moves shares about */
        DANGER_LOWER, /* lowering can stall or fail what runs */
        DANGER_KILL,  /* lowering below use kills what runs */
};

/*
 * X(id, file, unit, settable, least, most, default, danger, systemd property)
 *
 * In the order in which limits are raised; they are lowered in reverse. "property" is the one that
 * SetUnitProperties takes for the file, type t; NULL where systemd has none, or derives it
 * (io.bfq.weight), or has one for each device (io.max).
 */
#define KNOB_TABLE(X)                                                                              \
        X(MEMORY_MAX, "memory.max", UNIT_BYTES, true, MIB, KNOB_MAX, KNOB_MAX, DANGER_KILL,        \
                        "MemoryMax")                                                               \
        X(MEMORY_HIGH, "memory.high", UNIT_BYTES, true, MIB, KNOB_MAX, KNOB_MAX, DANGER_LOWER,     \
                        "MemoryHigh")                                                              \
        X(MEMORY_LOW, "memory.low", UNIT_BYTES, true, 0, KNOB_MAX, 0, DANGER_NONE, "MemoryLow")    \
        X(MEMORY_MIN, "memory.min", UNIT_BYTES, true, 0, KNOB_MAX, 0, DANGER_NONE, "MemoryMin")    \
        X(MEMORY_SWAP_MAX, "memory.swap.max", UNIT_BYTES, true, 0, KNOB_MAX, KNOB_MAX,             \
                        DANGER_LOWER, "MemorySwapMax")                                             \
        X(CPU_MAX, "cpu.max", UNIT_CPU, true, 1000, KNOB_MAX, KNOB_MAX, DANGER_LOWER,              \
                        "CPUQuotaPerSecUSec")                                                      \
        X(CPU_WEIGHT, "cpu.weight", UNIT_WEIGHT, true, 1, 10000, 100, DANGER_NONE, "CPUWeight")    \
        X(PIDS_MAX, "pids.max", UNIT_COUNT, true, 1, PIDS_MOST, KNOB_MAX, DANGER_LOWER,            \
                        "TasksMax")                                                                \
        X(CPU_IDLE, "cpu.idle", UNIT_TEXT, false, 0, 0, 0, DANGER_NONE, NULL)                      \
        X(CPU_MAX_BURST, "cpu.max.burst", UNIT_TEXT, false, 0, 0, 0, DANGER_NONE, NULL)            \
        X(CPU_UCLAMP_MIN, "cpu.uclamp.min", UNIT_TEXT, false, 0, 0, 0, DANGER_NONE, NULL)          \
        X(CPU_UCLAMP_MAX, "cpu.uclamp.max", UNIT_TEXT, false, 0, 0, 0, DANGER_NONE, NULL)          \
        X(CPU_WEIGHT_NICE, "cpu.weight.nice", UNIT_TEXT, false, 0, 0, 0, DANGER_NONE, NULL)        \
        X(MEMORY_OOM_GROUP, "memory.oom.group", UNIT_TEXT, false, 0, 0, 0, DANGER_NONE, NULL)      \
        X(MEMORY_SWAP_HIGH, "memory.swap.high", UNIT_TEXT, false, 0, 0, 0, DANGER_NONE, NULL)      \
        X(MEMORY_ZSWAP_MAX, "memory.zswap.max", UNIT_TEXT, false, 0, 0, 0, DANGER_NONE, NULL)      \
        X(MEMORY_ZSWAP_WB, "memory.zswap.writeback", UNIT_TEXT, false, 0, 0, 0, DANGER_NONE, NULL) \
        X(IO_WEIGHT, "io.weight", UNIT_IO_WEIGHT, true, 1, IO_WEIGHT_MOST, IO_WEIGHT_DEFAULT,      \
                        DANGER_NONE, "IOWeight")                                                   \
        X(IO_BFQ_WEIGHT, "io.bfq.weight", UNIT_IO_WEIGHT, true, 1, IO_BFQ_MOST, IO_WEIGHT_DEFAULT, \
                        DANGER_NONE, NULL)                                                         \
        X(IO_MAX, "io.max", UNIT_IO_LIMIT, true, 0, KNOB_MAX, KNOB_MAX, DANGER_LOWER, NULL)        \
        X(IO_LATENCY, "io.latency", UNIT_TEXT, false, 0, 0, 0, DANGER_NONE, NULL)                  \
        X(IO_PRIO_CLASS, "io.prio.class", UNIT_TEXT, false, 0, 0, 0, DANGER_NONE, NULL)            \
        X(CPUSET_CPUS, "cpuset.cpus", UNIT_TEXT, false, 0, 0, 0, DANGER_NONE, NULL)                \
        X(CPUSET_MEMS, "cpuset.mems", UNIT_TEXT, false, 0, 0, 0, DANGER_NONE, NULL)                \
        X(CPUSET_EXCLUSIVE, "cpuset.cpus.exclusive", UNIT_TEXT, false, 0, 0, 0, DANGER_NONE, NULL) \
        X(CPUSET_PARTITION, "cpuset.cpus.partition", UNIT_TEXT, false, 0, 0, 0, DANGER_NONE, NULL) \
        X(HUGETLB_2M_MAX, "hugetlb.2MB.max", UNIT_TEXT, false, 0, 0, 0, DANGER_NONE, NULL)         \
        X(HUGETLB_2M_RSVD, "hugetlb.2MB.rsvd.max", UNIT_TEXT, false, 0, 0, 0, DANGER_NONE, NULL)   \
        X(HUGETLB_1G_MAX, "hugetlb.1GB.max", UNIT_TEXT, false, 0, 0, 0, DANGER_NONE, NULL)         \
        X(HUGETLB_1G_RSVD, "hugetlb.1GB.rsvd.max", UNIT_TEXT, false, 0, 0, 0, DANGER_NONE, NULL)   \
        X(HUGETLB_64K_MAX, "hugetlb.64KB.max", UNIT_TEXT, false, 0, 0, 0, DANGER_NONE, NULL)       \
        X(HUGETLB_64K_RSVD, "hugetlb.64KB.rsvd.max", UNIT_TEXT, false, 0, 0, 0, DANGER_NONE, NULL) \
        X(HUGETLB_32M_MAX, "hugetlb.32MB.max", UNIT_TEXT, false, 0, 0, 0, DANGER_NONE, NULL)       \
        X(HUGETLB_32M_RSVD, "hugetlb.32MB.rsvd.max", UNIT_TEXT, false, 0, 0, 0, DANGER_NONE, NULL) \
        X(RDMA_MAX, "rdma.max", UNIT_TEXT, false, 0, 0, 0, DANGER_NONE, NULL)                      \
        X(MISC_MAX, "misc.max", UNIT_TEXT, false, 0, 0, 0, DANGER_NONE, NULL)

#define KNOB_ID(id, ...) KNOB_##id,
enum knob_id { KNOB_TABLE(KNOB_ID) KNOB_COUNT };
#undef KNOB_ID

struct knob {
        const char *file;
        enum knob_unit unit;
        bool settable;
        uint64_t least, most, standard; /* in the unit; standard is the kernel's default */
        enum knob_danger danger;
        const char *property;
};

extern const struct knob knobs[KNOB_COUNT];

/* A share of what there is: no limit, so nothing above it caps it, and "max" is none. */
static inline bool knob_is_weight(enum knob_id id) {
        return knobs[id].unit == UNIT_WEIGHT || knobs[id].unit == UNIT_IO_WEIGHT;
}

/*
 * The value of a knob. Of io.max it is one limit of one device, which the value itself names: two
 * of them with different keys are values of different knobs.
 */
struct knob_value {
        uint64_t amount; /* bytes, microseconds of CPU in each period, tasks, weight, bytes or
                          * operations a second; KNOB_MAX */
        union {
                uint64_t period_usec; /* of UNIT_CPU */
                uint64_t key;         /* of UNIT_IO_LIMIT: io_key() */
        };                            /* 0 of all others */
};

/* Returns: the row's index, -ENOENT when @file is none of them */
int knob_find(const char *file);

/*
 * The text of a value, "max" included, as knob_write_text() makes it; one trailing newline is
 * allowed. All files but io.max show just that.
 *
 * Errors: -EINVAL not in the file's form; -ERANGE over 64 bits; -EOPNOTSUPP a watched-only row
 */
int knob_read_text(enum knob_id id, const char *text, struct knob_value *ret);

/*
 * What the kernel shows in the file. @like: of io.max it says which limit of which device; of all
 * others it is not looked at. Errors: as above.
 */
int knob_read_file(
                enum knob_id id, const char *text, struct knob_value like, struct knob_value *ret);

/*
 * What the file will show once the value is written into it: the value, and what a write leaves.
 *
 * @before: what it shows, without trailing newline
 * Errors:  as knob_read_file(); -E2BIG
 */
int knob_merge_text(enum knob_id id, struct knob_value value, const char *before, char *out,
                size_t size);

/* What to write into the file, without a newline. @size: KNOB_VALUE_TEXT_MAX is enough. */
#define KNOB_VALUE_TEXT_MAX 48
void knob_write_text(enum knob_id id, struct knob_value value, char *out, size_t size);

/*
 * Whether the kernel would take the value: the row's range, or "max" where there is that; of a
 * quota, period and share too.
 *
 * Errors: -ERANGE, -EOPNOTSUPP a watched-only row; @err names the range
 */
int knob_check(enum knob_id id, struct knob_value value, struct error *err);

/*
 * A person's words: "4G", "1.5" (CPUs), "150%" or "150000 100000" for cpu.max, "max"; for io.max
 * "8:0 wbps=10M". Checked as
 * knob_check() does and rounded as knob_round() does.
 *
 * Errors: -EINVAL, -ERANGE, -EOPNOTSUPP; @err names file, text, and what is wanted
 */
int knob_parse(enum knob_id id, const char *words, struct knob_value *ret, struct error *err);

/* For people, two decimals at most: "4 GiB", "1.25 CPU", "512", "max", "8:0 wbps=10 MiB/s". */
void knob_format(enum knob_id id, struct knob_value value, char *out, size_t size);

/*
 * Whole pages downwards; whole percents of a CPU downwards, at least 1 % and 1 ms: systemd stores
 * no finer quota, and loses a smaller one. The period stays.
 */
struct knob_value knob_round(enum knob_id id, struct knob_value value);

/* Below 0, 0 or above 0 as @a is tighter than, equal to, or wider than @b; quotas per period. */
int knob_compare(enum knob_id id, struct knob_value a, struct knob_value b);
bool knob_equal(struct knob_value a, struct knob_value b); /* exactly, period or key too */

/* The text of every limit file of one cgroup, without trailing newline; NULL: no such file. */
struct limits {
        char *text[KNOB_COUNT];
};

void limits_done(struct limits *limits); /* for CLEANUP too */

/* Index of the first row from @from on whose texts differ, -1 when none does. */
int limits_differ(const struct limits *a, const struct limits *b, int from);
