/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container as the observer holds it, and what was found about it.
 */
#pragma once

#include "governor/observer/attribution.h"
#include "governor/observer/disks.h"
#include "governor/observer/probation.h"
#include "governor/observer/sampler.h"
#include "state/identity.h"
#include "state/sample_ring.h"

#include <systemd/sd-event.h>

enum submission {
        SUBMISSION_NONE,    /* no proposal answers it */
        SUBMISSION_PENDING, /* to be sent */
        SUBMISSION_SENT,
        SUBMISSION_ANSWERED,
};

/* A finding that is there, its proposal, and what dtgovd said to it. */
struct entry {
        struct finding finding;
        uint64_t seen_ns; /* when its evidence was complete last */
        struct proposal proposal;
        enum reason unsized; /* why there is no proposal, REASON_NONE when there is one */
        enum submission submission;
        uint64_t reference;       /* of the submission that an answer is awaited for */
        bool rejected;            /* a person said no: not asked again while the finding lasts */
        uint64_t proposal_number; /* as dtgovd numbered it; 0: refused or not answered */
        bool decided;             /* nobody can approve it any more */
        uint64_t change_number;   /* what came of it; 0: nothing */
        enum reason refusal;
        uint64_t refused_ns;       /* when its evidence was complete last before the refusal came */
        char text[LINK_TEXT_SIZE]; /* dtgovd's words */
};

/* One trigger of the ladder in the event loop. */
struct rung {
        struct target *target;
        sd_event_source *source;
        int fd;
        uint32_t bit;
};

struct manager;

struct target {
        struct manager *manager;
        struct container container;
        struct identity *identity; /* NULL: no engine has said who it is */
        uint32_t flags;            /* enum container_flag */
        unsigned slot;             /* tenth of a second in which it is sampled */
        bool gone;  /* its cgroup answered ENODEV; freed later, never inside a handler */
        bool stale; /* not yet named again by a dtgovd that was restarted */
        struct sampler sampler;
        struct rung rungs[LINK_LADDER_FDS];
        struct sample_ring ring;
        uint64_t started_ns, sampled_ns;
        uint64_t again_until_ns; /* a trigger fired: sampled soon again until then */
        uint64_t symptom_since_ns[RULE_COUNT], symptom_ns[RULE_COUNT]; /* first and last of a run */
        struct entry *entries[RULE_COUNT];                             /* NULL: not found */
        struct attribution *attribution;                               /* only while in trouble */
        struct probation *probation;                                   /* NULL: no change on it */
        struct disk_watch *disks; /* NULL: nobody waits for a disk */
};

void target_free(struct target *t);
