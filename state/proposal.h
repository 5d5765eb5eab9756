/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A proposal: old and new value of each knob, and the numbers that led to it. Immutable once
 * dtgovd has numbered it; what a person approves is what dtgovd holds.
 */
#pragma once

#include "state/finding.h"
#include "state/knob.h"

#define PROPOSAL_KNOBS_MAX   8
#define PROPOSAL_LIFETIME_NS (24ULL * 3600 * NSEC_PER_SEC) /* a day: a person sleeps over it */

enum risk {
        RISK_LOW,    /* raises within what the host has to spare */
        RISK_MEDIUM, /* raises that promise memory others may want; lowers that cannot kill */
        RISK_HIGH,   /* lowers memory */
};

struct knob_change {
        uint32_t knob; /* enum knob_id */
        uint32_t reserved;
        struct knob_value old, new;
};

/* Whether both are of the same knob; each device and direction of io.max is one of its own. */
static inline bool knob_change_same(const struct knob_change *a, const struct knob_change *b) {
        return a->knob == b->knob && (a->knob != KNOB_IO_MAX || a->new.key == b->new.key);
}

/* Fixed size and without pointers: it also travels over the link as it is. */
struct proposal {
        uint64_t number; /* P17; 0: not numbered yet */
        char container_id[CONTAINER_ID_SIZE];
        uint64_t cgroup_inode;
        uint32_t rule; /* enum rule_id */
        uint32_t risk; /* enum risk */
        uint32_t uid;  /* whose wish it is; of the observer for a rule's */
        uint32_t changes_count;
        struct knob_change changes[PROPOSAL_KNOBS_MAX];
        uint64_t created_boottime_ns, expires_boottime_ns;
        uint64_t finding;               /* F12 behind it, 0 none */
        uint64_t lost_usec_per_min;     /* as in the finding */
        uint64_t expected_usec_per_min; /* and after the change, as its rule thinks */
        uint64_t evidence[EVIDENCE_MAX];
};
