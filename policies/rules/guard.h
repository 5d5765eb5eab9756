/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guard: root's bounds and the host's capacity against one proposal. Asked when it is submitted
 * and again when it is approved. Pure: the same input gives the same answer.
 */
#pragma once

#include "policies/rules/policy.h"
#include "state/link.h"

#define GUARD_HEADROOM_PERMYRIAD 1500        /* a memory limit stays at least this much above use */
#define GUARD_RESERVE_PERMYRIAD  500         /* of RAM that stays the host's ... */
#define GUARD_RESERVE_BYTES      (512 * MIB) /* ... and at least this */
#define GUARD_CHANGES_PER_HOUR   4           /* of one container without a person */
#define GUARD_PROBATIONS_MAX     8           /* under way on the whole host, for one more without */

/* What root allows; from /etc/dtgov/dtgov.json, else the defaults of guard_rules_default(). */
struct guard_rules {
        bool lower_memory_max;  /* may rules lower memory.max; a person may, above what is used */
        uint64_t reserve_bytes; /* of RAM for the host, 0: as above */
        uint64_t memory_max_bytes; /* largest memory.max of one container, KNOB_MAX: none */
        uint64_t cpu_max_permille; /* largest quota of one container, KNOB_MAX: none */
        uint64_t pids_max;         /* largest pids.max, KNOB_MAX: none */
};

struct guard_host {
        uint64_t memory_total_bytes, memory_available_bytes;
        /* Sum of min(memory.max, RAM) of the other containers; one without a limit is promised
         * nothing, and counts with its memory.current. */
        uint64_t memory_promised_bytes;
        unsigned online_cpus;
        bool observer_present, psi_available;
        const char *journal_problem; /* why it takes no new change; NULL: it does */
        unsigned under_way;          /* other changes, on probation or on the way there */
        bool paused;
};

/* Of a knob of io.max: there is one for each limit of each device. */
struct guard_io_max {
        struct knob_value now, parent; /* as in guard_container */
        struct io_disk disk;
};

struct guard_container {
        const char *observed_only; /* why, container_observed_only(); NULL: it may be changed */
        bool protected_;           /* scan_protected() */
        bool change_open;          /* another change of it is under way: */
        uint64_t open_number;      /* its C number; 0: it has none yet */
        unsigned changes_last_hour;
        bool untrusted;              /* its rule: engine_trusts() */
        const struct policy *policy; /* for that rule there; NULL: none */
        uint64_t claimed;            /* a bit by enum knob_id: who had the last word was no rule */
        bool present[KNOB_COUNT];    /* which files it has */
        struct knob_value now[KNOB_COUNT];
        struct knob_value parent[KNOB_COUNT]; /* tightest ancestor; KNOB_MAX none */
        uint64_t memory_current_bytes, memory_reclaimable_bytes, pids_current;
        struct io_weighing io;
        struct guard_io_max io_max[PROPOSAL_KNOBS_MAX]; /* by the knob's place in the proposal */
};

struct guard_answer {
        enum guard_verdict verdict;
        enum reason reason;
        enum risk risk;
        const struct policy *policy; /* GUARD_ALLOW: whose word that is; else NULL */
        char text[LINK_TEXT_SIZE];   /* what, why, what next; also a warning when not refused */
};

/* No bounds but the host's own; only people lower memory.max. */
void guard_rules_default(struct guard_rules *ret);

/*
 * Answers one proposal. A person's wish (rule PERSON) is RULE_PERSON only if the caller knows it by
 * the peer's credentials. What a person is only warned of is refused to a rule: a tighter parent,
 * more CPU than there is, no pressure to measure.
 *
 * GUARD_ALLOW takes a policy of root's that says "auto", names each knob and allows its value, and
 * takes the risk; a rule that is trusted; knobs of which no person or other program had the last
 * word; and the pace. What it lacks of that is asked, and the text says what. Where a policy says
 * "off" a rule is refused. A policy is nothing to a person's own wish.
 *
 * In use is memory_current_bytes less memory_reclaimable_bytes (inactive_file and
 * slab_reclaimable). A raise of memory is refused where the host could not give what the container
 * may then take on top of its use; where only the promises of all containers exceed the host, it is
 * a warning and medium risk.
 *
 * @ret: reason and risk; text: why and what next when refused, else warnings, "" when none
 */
void guard_check(const struct guard_rules *bounds, const struct guard_host *host,
                const struct guard_container *container, const struct proposal *p,
                struct guard_answer *ret);
