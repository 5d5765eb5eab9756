/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sample: one observation of a container. Values are the kernel's counters and gauges as they
 * stand, never differences, so that a lost sample loses only itself.
 *
 * Source: Documentation/admin-guide/cgroup-v2.rst; Documentation/accounting/psi.rst
 */
#pragma once

#include "state/base.h"

enum sample_kind {
        KIND_COUNTER, /* only grows while the cgroup lives */
        KIND_GAUGE,
};

/* The window of each trigger of the ladder: within it a share of 5, 20 or 40 % was stalled. */
#define LADDER_WINDOW_USEC 500000

/*
 * X(id, file, key, kind, unit): "key" is the line's name in a flat keyed file, NULL for a file of
 * one number. io.stat is summed over devices. Pressure totals are for display only: a process of
 * the container can falsify them (psi.rst averages); decisions rest on the trigger ladder. The
 * LADDER fields count how often each of its triggers fired. The HOST fields, of
 * /proc/pressure, are the same for every container: only what is judged has them, not the ring.
 */
#define SAMPLE_TABLE(X)                                                                            \
        X(CPU_USAGE, "cpu.stat", "usage_usec", KIND_COUNTER, "usec")                               \
        X(CPU_USER, "cpu.stat", "user_usec", KIND_COUNTER, "usec")                                 \
        X(CPU_SYSTEM, "cpu.stat", "system_usec", KIND_COUNTER, "usec")                             \
        X(CPU_PERIODS, "cpu.stat", "nr_periods", KIND_COUNTER, "")                                 \
        X(CPU_THROTTLED_PERIODS, "cpu.stat", "nr_throttled", KIND_COUNTER, "")                     \
        X(CPU_THROTTLED, "cpu.stat", "throttled_usec", KIND_COUNTER, "usec")                       \
        X(MEMORY_CURRENT, "memory.current", NULL, KIND_GAUGE, "bytes")                             \
        X(MEMORY_EVENTS_LOW, "memory.events", "low", KIND_COUNTER, "")                             \
        X(MEMORY_EVENTS_HIGH, "memory.events", "high", KIND_COUNTER, "")                           \
        X(MEMORY_EVENTS_MAX, "memory.events", "max", KIND_COUNTER, "")                             \
        X(MEMORY_EVENTS_OOM, "memory.events", "oom", KIND_COUNTER, "")                             \
        X(MEMORY_EVENTS_OOM_KILL, "memory.events", "oom_kill", KIND_COUNTER, "")                   \
        X(IO_READ_BYTES, "io.stat", "rbytes", KIND_COUNTER, "bytes")                               \
        X(IO_WRITE_BYTES, "io.stat", "wbytes", KIND_COUNTER, "bytes")                              \
        X(IO_READS, "io.stat", "rios", KIND_COUNTER, "")                                           \
        X(IO_WRITES, "io.stat", "wios", KIND_COUNTER, "")                                          \
        X(PIDS_CURRENT, "pids.current", NULL, KIND_GAUGE, "")                                      \
        X(PSI_CPU_SOME, "cpu.pressure", "some", KIND_COUNTER, "usec")                              \
        X(PSI_CPU_FULL, "cpu.pressure", "full", KIND_COUNTER, "usec")                              \
        X(PSI_MEMORY_SOME, "memory.pressure", "some", KIND_COUNTER, "usec")                        \
        X(PSI_MEMORY_FULL, "memory.pressure", "full", KIND_COUNTER, "usec")                        \
        X(PSI_IO_SOME, "io.pressure", "some", KIND_COUNTER, "usec")                                \
        X(PSI_IO_FULL, "io.pressure", "full", KIND_COUNTER, "usec")                                \
        X(MEMORY_ANON, "memory.stat", "anon", KIND_GAUGE, "bytes")                                 \
        X(MEMORY_FILE, "memory.stat", "file", KIND_GAUGE, "bytes")                                 \
        X(MEMORY_KERNEL, "memory.stat", "kernel", KIND_GAUGE, "bytes")                             \
        X(MEMORY_SHMEM, "memory.stat", "shmem", KIND_GAUGE, "bytes")                               \
        X(MEMORY_INACTIVE_FILE, "memory.stat", "inactive_file", KIND_GAUGE, "bytes")               \
        X(MEMORY_ACTIVE_FILE, "memory.stat", "active_file", KIND_GAUGE, "bytes")                   \
        X(MEMORY_SLAB_RECLAIMABLE, "memory.stat", "slab_reclaimable", KIND_GAUGE, "bytes")         \
        X(REFAULT_ANON, "memory.stat", "workingset_refault_anon", KIND_COUNTER, "pages")           \
        X(REFAULT_FILE, "memory.stat", "workingset_refault_file", KIND_COUNTER, "pages")           \
        X(PGSCAN, "memory.stat", "pgscan", KIND_COUNTER, "pages")                                  \
        X(PGMAJFAULT, "memory.stat", "pgmajfault", KIND_COUNTER, "")                               \
        X(SWAP_CURRENT, "memory.swap.current", NULL, KIND_GAUGE, "bytes")                          \
        X(PIDS_EVENTS_MAX, "pids.events", "max", KIND_COUNTER, "")                                 \
        X(LIMIT_MEMORY_MAX, "memory.max", NULL, KIND_GAUGE, "bytes")                               \
        X(LIMIT_MEMORY_HIGH, "memory.high", NULL, KIND_GAUGE, "bytes")                             \
        X(LIMIT_SWAP_MAX, "memory.swap.max", NULL, KIND_GAUGE, "bytes")                            \
        X(LIMIT_PIDS_MAX, "pids.max", NULL, KIND_GAUGE, "")                                        \
        X(LIMIT_CPU_QUOTA, "cpu.max", NULL, KIND_GAUGE, "usec")                                    \
        X(LIMIT_CPU_PERIOD, "cpu.max", NULL, KIND_GAUGE, "usec")                                   \
        X(LADDER_CPU_5, NULL, NULL, KIND_COUNTER, "")                                              \
        X(LADDER_CPU_20, NULL, NULL, KIND_COUNTER, "")                                             \
        X(LADDER_CPU_40, NULL, NULL, KIND_COUNTER, "")                                             \
        X(LADDER_MEMORY_5, NULL, NULL, KIND_COUNTER, "")                                           \
        X(LADDER_MEMORY_20, NULL, NULL, KIND_COUNTER, "")                                          \
        X(LADDER_MEMORY_40, NULL, NULL, KIND_COUNTER, "")                                          \
        X(LADDER_IO_5, NULL, NULL, KIND_COUNTER, "")                                               \
        X(LADDER_IO_20, NULL, NULL, KIND_COUNTER, "")                                              \
        X(LADDER_IO_40, NULL, NULL, KIND_COUNTER, "")                                              \
        X(HOST_CPU_SOME, NULL, NULL, KIND_COUNTER, "usec")                                         \
        X(HOST_MEMORY_SOME, NULL, NULL, KIND_COUNTER, "usec")                                      \
        X(HOST_IO_SOME, NULL, NULL, KIND_COUNTER, "usec")

#define SAMPLE_ID(id, ...) SAMPLE_##id,
enum sample_id { SAMPLE_TABLE(SAMPLE_ID) SAMPLE_COUNT };
#undef SAMPLE_ID
_Static_assert(SAMPLE_COUNT <= 64, "the mask of present fields has 64 bits");

struct sample_field {
        const char *name; /* "CPU_USAGE", stable: it names the field in JSON and history */
        const char *file, *key;
        enum sample_kind kind;
        const char *unit;
};

extern const struct sample_field sample_fields[SAMPLE_COUNT];

struct sample {
        uint64_t boottime_ns; /* CLOCK_BOOTTIME when the first file was read */
        uint64_t present;     /* bit mask by enum sample_id: which values were read */
        uint64_t value[SAMPLE_COUNT];
};

/*
 * What the triggers of one resource prove by firing so often: each event of the 5 % one that 5 % of
 * its window were stalled, of the 20 % one that 20 % were, and so on.
 */
static inline uint64_t ladder_usec(uint64_t at_5, uint64_t at_20, uint64_t at_40) {
        return (u64_sub(at_5, at_20) * 5 + u64_sub(at_20, at_40) * 20 + at_40 * 40) *
               (LADDER_WINDOW_USEC / 100);
}

/* Both samples have the field. */
static inline bool sample_both(const struct sample *a, const struct sample *b, enum sample_id id) {
        return (a->present & b->present) >> id & 1;
}

/* Growth of a counter from @a to @b; 0 when one of them lacks it or it was reset. */
static inline uint64_t sample_delta(
                const struct sample *a, const struct sample *b, enum sample_id id) {
        return sample_both(a, b, id) ? u64_sub(b->value[id], a->value[id]) : 0;
}
