/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A finding: a bottleneck with its evidence and the processes behind it. And the rules that find
 * them, of which a proposal also names the one that led to it.
 */
#pragma once

#include "state/container.h"

/* X(id, name, title). Names are stable: JSON, journal and manual use them. */
#define RULE_TABLE(X)                                                                              \
        X(PERSON, "set", "a person's wish")                                                        \
        X(CPU_QUOTA, "cpu-quota", "CPU throttled by its own quota")                                \
        X(MEMORY_LIMIT, "memory-limit", "memory at its limit, with stall and refaults")            \
        X(MEMORY_HIGH, "memory-high", "throttled by memory.high far below memory.max")             \
        X(PIDS_LIMIT, "pids-limit", "number of tasks near its limit")                              \
        X(IO_BRAKE, "io-brake", "fills a disk that another container waits for")

#define RULE_ID(id, ...) RULE_##id,
enum rule_id { RULE_TABLE(RULE_ID) RULE_COUNT };
#undef RULE_ID

struct rule {
        const char *name, *title;
};

extern const struct rule rules[RULE_COUNT];

#define EVIDENCE_MAX 8 /* numbers that a finding carries */

#define EVIDENCE_NAME "name" /* unit of what names something, and is no amount */
#define EVIDENCE_IO   "io"   /* bytes or operations, as its BRAKE_KEY says */

/*
 * What each of a finding's numbers means, by rule. X(id, rule, index, name, unit); all cover the
 * window, which ends at until_boottime_ns. A limit without end is KNOB_MAX.
 */
#define EVIDENCE_TABLE(X)                                                                          \
        X(CPU_WINDOW, CPU_QUOTA, 0, "window", "usec")                                              \
        X(CPU_PERIODS, CPU_QUOTA, 1, "periods", "")                                                \
        X(CPU_THROTTLED_PERIODS, CPU_QUOTA, 2, "throttled_periods", "")                            \
        X(CPU_THROTTLED, CPU_QUOTA, 3, "throttled", "usec")                                        \
        X(CPU_USAGE, CPU_QUOTA, 4, "usage", "usec")                                                \
        X(CPU_QUOTA, CPU_QUOTA, 5, "quota", "usec")                                                \
        X(CPU_PERIOD, CPU_QUOTA, 6, "period", "usec")                                              \
        X(LIMIT_WINDOW, MEMORY_LIMIT, 0, "window", "usec")                                         \
        X(LIMIT_HITS, MEMORY_LIMIT, 1, "limit_hits", "")                                           \
        X(LIMIT_REFAULTS, MEMORY_LIMIT, 2, "refaults", "pages")                                    \
        X(LIMIT_OOM_KILLS, MEMORY_LIMIT, 3, "oom_kills", "")                                       \
        X(LIMIT_CURRENT, MEMORY_LIMIT, 4, "current", "bytes")                                      \
        X(LIMIT_MAX, MEMORY_LIMIT, 5, "max", "bytes")                                              \
        X(LIMIT_HIGH, MEMORY_LIMIT, 6, "high", "bytes")                                            \
        X(HIGH_WINDOW, MEMORY_HIGH, 0, "window", "usec")                                           \
        X(HIGH_HITS, MEMORY_HIGH, 1, "high_hits", "")                                              \
        X(HIGH_CURRENT, MEMORY_HIGH, 2, "current", "bytes")                                        \
        X(HIGH_HIGH, MEMORY_HIGH, 3, "high", "bytes")                                              \
        X(HIGH_MAX, MEMORY_HIGH, 4, "max", "bytes")                                                \
        X(PIDS_WINDOW, PIDS_LIMIT, 0, "window", "usec")                                            \
        X(PIDS_PEAK, PIDS_LIMIT, 1, "peak", "")                                                    \
        X(PIDS_MAX, PIDS_LIMIT, 2, "max", "")                                                      \
        X(PIDS_REFUSED, PIDS_LIMIT, 3, "refused_forks", "")                                        \
        X(BRAKE_WINDOW, IO_BRAKE, 0, "window", "usec")                                             \
        X(BRAKE_VICTIM, IO_BRAKE, 1, "victim", EVIDENCE_NAME)                                      \
        X(BRAKE_KEY, IO_BRAKE, 2, "io_key", EVIDENCE_NAME)                                         \
        X(BRAKE_DONE, IO_BRAKE, 3, "done", EVIDENCE_IO)                                            \
        X(BRAKE_DISK_DONE, IO_BRAKE, 4, "disk_done", EVIDENCE_IO)                                  \
        X(BRAKE_USE, IO_BRAKE, 5, "use_per_second", EVIDENCE_IO)                                   \
        X(BRAKE_MOST, IO_BRAKE, 6, "disk_most_per_second", EVIDENCE_IO)                            \
        X(BRAKE_LIMIT, IO_BRAKE, 7, "limit_per_second", EVIDENCE_IO)

#define EVIDENCE_INDEX(id, rule, index, ...) EVIDENCE_##id = (index),
enum evidence_index { EVIDENCE_TABLE(EVIDENCE_INDEX) };
#undef EVIDENCE_INDEX

struct evidence_row {
        enum rule_id rule;
        unsigned index;
        const char *name, *unit;
};

extern const struct evidence_row evidence_rows[];
extern const size_t evidence_rows_count;

#define CULPRITS_MAX 3  /* processes that a finding names */
#define COMM_SIZE    16 /* TASK_COMM_LEN of the kernel */

/* A process behind a finding. Shares are of the container's total in the same time. */
struct culprit {
        int32_t pid;
        char comm[COMM_SIZE];     /* raw: escape before showing */
        char ancestor[COMM_SIZE]; /* the readable one that started it ("ninja"), "" when none */
        uint32_t cpu_permyriad;
        uint32_t count; /* processes of that name and ancestor, summed up here */
        int64_t memory_growth_bytes;
        uint64_t memory_bytes;
        uint64_t runqueue_wait_usec_per_sec;
};

struct finding {
        uint64_t number; /* F12; 0: not numbered yet */
        char container_id[CONTAINER_ID_SIZE];
        uint64_t cgroup_inode;
        enum rule_id rule;
        uint64_t since_boottime_ns, until_boottime_ns; /* the time the evidence covers */
        uint64_t lost_usec_per_min;      /* time it could not run; of RULE_IO_BRAKE its victim */
        uint64_t evidence[EVIDENCE_MAX]; /* meaning by rule: EVIDENCE_TABLE */
        struct culprit culprits[CULPRITS_MAX];
        unsigned culprits_count;
};
