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
        X(PIDS_LIMIT, "pids-limit", "number of tasks near its limit")

#define RULE_ID(id, ...) RULE_##id,
enum rule_id { RULE_TABLE(RULE_ID) RULE_COUNT };
#undef RULE_ID

struct rule {
        const char *name, *title;
};

extern const struct rule rules[RULE_COUNT];

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
        uint64_t lost_usec_per_min;                    /* time the container could not run */
        uint64_t evidence[8];                          /* meaning by rule: see analysis */
        struct culprit culprits[CULPRITS_MAX];
        unsigned culprits_count;
};
