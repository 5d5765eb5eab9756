/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Did a change help? What the container loses is compared with its own time before the change, in
 * windows of five seconds; of a brake what its victim loses, which it is for. dtgovd watches the
 * hard signals (kills, refused forks, exit) by itself.
 */
#pragma once

#include "state/link.h"

#define PROBATION_WINDOW_NS  (5 * NSEC_PER_SEC)  /* shorter ones hold too few quota periods */
#define PROBATION_BEFORE_NS  (60 * NSEC_PER_SEC) /* the container's own time before */
#define PROBATION_BEFORE_MIN (10 * NSEC_PER_SEC) /* less than this is no basis */
#define PROBATION_WORSE_MAX  2                   /* bad windows in a row: one may be chance */
#define PROBATION_BETTER_MIN 6                   /* windows without a bad one before "better" */
/* Less than a second a minute lost before: there was nothing to make better. */
#define PROBATION_LOSS_USEC_PER_SEC (USEC_PER_SEC / 60)
/* A container that used less CPU than this was idle: a lowering that hurts nobody then proves
 * nothing. */
#define PROBATION_IDLE_USEC_PER_SEC (USEC_PER_SEC / 100)

struct loss {
        uint64_t per_sec[LOSS_COUNT];
};

struct probation {
        uint64_t change;          /* C number; 0: none */
        uint64_t knobs;           /* bit mask by enum knob_id of what it changed */
        uint64_t lowered, raised; /* and of those which it lowered, and which it raised */
        uint64_t old_pids_max;
        uint64_t victim; /* cgroup inode of whom a brake is for; 0: no brake */
        struct brake {
                enum sample_id counter; /* of the container itself: what is slowed down */
                uint64_t limit_per_sec, begin, begin_ns, now, now_ns;
        } brake;
        bool before_known, host_known;
        struct loss before;
        uint64_t busy_before;        /* us of CPU used each second */
        struct sample begin, window; /* at the change, and at the begin of the current window */
        unsigned windows, bad, tasks_beyond;
        uint32_t steps;       /* of a lowering, that were taken */
        uint64_t deadline_ns; /* when it ends */
        bool due;             /* the report is to be sent */
        struct report {
                enum verdict verdict;
                uint32_t cause;       /* of VERDICT_WORSE: enum loss_id + 1 */
                struct effect effect; /* but for what was expected */
        } report;
};

struct loss probation_loss(const struct sample *a, const struct sample *b);

/*
 * Begins: @first and @last bound the time before (no basis when they are too near each other),
 * @now is the container's state now.
 */
void probation_begin(struct probation *p, const struct change *change, const struct sample *first,
                const struct sample *last, const struct sample *now);

/*
 * Of a brake, before each step: what the container that it slows down has done since. The samples
 * of all the others are then the victim's.
 */
void probation_braked(struct probation *p, const struct sample *own);

/* What dtgovd says of it later: another step of a lowering was taken, or it ends at another time.
 */
void probation_change(struct probation *p, const struct change *change, const struct sample *now);

/*
 * Takes a sample into account: its report is due when the verdict is a new one, and once more
 * shortly before the end, for what was measured until then.
 *
 * @now: with the last known value of every field
 */
void probation_step(struct probation *p, const struct sample *now);
