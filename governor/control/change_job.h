/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a writer thread does for a change: look, apply, undo, tell the owner. A step touches only
 * its job and the kernel; what it found goes back to the engine, which alone decides and journals.
 */
#pragma once

#include "governor/control/writer.h"
#include "governor/kernel/systemd.h"
#include "policies/rules/undo.h"
#include "state/journal/journal.h"

struct control;
struct managed;

enum change_step {
        STEP_PRECHECK, /* whose the limits are, and what all limit files hold */
        STEP_APPLY,    /* each knob by compare-and-set; the kernel alone */
        STEP_UNDO,     /* each knob backwards, as undo_decide() says; the kernel alone */
        STEP_TELL,     /* the owner, after an apply or an undo */
        STEP_USE,      /* how much memory is used: what the next step of a ladder waits for */
};

#define UNDO_KEEP_FIRST 1 /* a value must be journaled before the undo can go on */

struct change_job {
        struct job job;
        struct control *control; /* for done(), not for the thread */
        struct run *run;         /* the same; stays until the job is back */
        enum change_step step;
        struct managed *container;           /* for its dir_fd; a reference keeps it open */
        struct change change;                /* a copy */
        const struct limits *before, *after; /* of the run; with @others for STEP_UNDO */
        uint64_t others;                     /* rows that changed when the owner was told */
        struct journal_step steps[JOURNAL_STEPS_MAX]; /* values on the way that were written */
        unsigned steps_count;
        uint32_t newer_mask; /* knobs of which a newer change's undo kept more */
        struct knob_value newer[PROPOSAL_KNOBS_MAX]; /* that much */

        char unit[SYSTEMD_UNIT_SIZE];        /* "": nobody owns the limits but the kernel */
        struct limits told;                  /* STEP_TELL: what they held when it was told */
        struct limits limits;                /* what all limit files hold at the end of the step */
        unsigned position;                   /* of the knob at which the step stopped */
        struct knob_value keep;              /* UNDO_KEEP_FIRST: the value */
        uint64_t in_use[PROPOSAL_KNOBS_MAX]; /* and the use that asks for what is kept */
        uint64_t undone_ns;                  /* when its files were written back and read */
        bool scope_keeps; /* STEP_TELL: a limit below what it uses was not told */
        bool conflict[PROPOSAL_KNOBS_MAX];
        struct knob_value found[PROPOSAL_KNOBS_MAX]; /* somebody else's */
        uint64_t current_bytes, refaults;            /* STEP_PRECHECK, _APPLY, _USE: of memory */
        uint64_t used_ns;                            /* when these were read */
        struct error error;
};

/*
 * Does the step; a job's work(), and called directly by recovery.
 *
 * Returns: 0, or UNDO_KEEP_FIRST
 * Errors:  -ENODEV or -ENOENT the cgroup is gone; -ESTALE not the expected old value; -E2BIG use
 *          grew above a lower memory.max; -EREMOTE the owner cannot express another file;
 *          -ECANCELED given up; of write(2); text in @error
 */
int change_job_work(struct job *job);

void change_job_free(struct change_job *j);
