/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guard: root's bounds and the host's capacity against one proposal. Asked when it is submitted
 * and again when it is approved. Pure: the same input gives the same answer.
 */
#pragma once

#include "state/link.h"

#define GUARD_HEADROOM_PERMYRIAD 1500        /* a memory limit stays at least this much above use */
#define GUARD_RESERVE_PERMYRIAD  500         /* of RAM that stays the host's ... */
#define GUARD_RESERVE_BYTES      (512 * MIB) /* ... and at least this */
#define GUARD_CHANGES_PER_HOUR   4           /* of one container by rules; people may more */
#define GUARD_PROBATIONS_MAX     8           /* changes on probation on the whole host by rules */

/* What root allows; from /etc/dtgov/dtgov.json, else the defaults of guard_rules_default(). */
struct guard_rules {
        bool lower_memory_max;     /* may a person lower memory.max at all */
        uint64_t reserve_bytes;    /* of RAM for the host, 0: as above */
        uint64_t memory_max_bytes; /* largest memory.max of one container, KNOB_MAX: none */
        uint64_t cpu_max_permille; /* largest quota of one container, KNOB_MAX: none */
        uint64_t pids_max;         /* largest pids.max, KNOB_MAX: none */
};

struct guard_host {
        uint64_t memory_total_bytes, memory_available_bytes;
        uint64_t memory_promised_bytes; /* sum of min(memory.max, RAM) of the other containers */
        unsigned online_cpus;
        bool observer_present, psi_available, journal_ok;
        unsigned probations;
};

struct guard_container {
        unsigned flags;   /* enum container_flag */
        bool protected_;  /* scan_protected() */
        bool change_open; /* another change of it is under way */
        unsigned changes_last_hour;
        bool present[KNOB_COUNT]; /* which files it has */
        struct knob_value now[KNOB_COUNT];
        struct knob_value parent[KNOB_COUNT]; /* tightest ancestor; KNOB_MAX none */
        uint64_t memory_current_bytes, memory_reclaimable_bytes, pids_current;
};

struct guard_answer {
        enum guard_verdict verdict;
        enum reason reason;
        enum risk risk;
        char text[LINK_TEXT_SIZE]; /* what, why, what next; also a warning when not refused */
};

void guard_rules_default(struct guard_rules *ret);

void guard_check(const struct guard_rules *rules, const struct guard_host *host,
                const struct guard_container *container, const struct proposal *p,
                struct guard_answer *ret);
