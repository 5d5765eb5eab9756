/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The change engine: from an approved proposal to the end of its probation, and back. One
 * asynchronous state machine; every transition is journaled before what it announces is done.
 */
#pragma once

#include "governor/control/change_job.h"
#include "policies/rules/guard.h"
#include "policies/rules/signals.h"
#include "state/journal/journal.h"

#include <systemd/sd-event.h>

#define ENGINE_TICK_USEC     (500 * USEC_PER_MSEC) /* hard signals are looked at so often */
#define ENGINE_DRIFT_NS      (10 * NSEC_PER_SEC)   /* and the values themselves: on probation */
#define ENGINE_DRIFT_CALM_NS (60 * NSEC_PER_SEC)   /* and when committed */
#define ENGINE_BLIND_NS      (10 * NSEC_PER_SEC)   /* without a look: stopped, suspended */
#define ENGINE_ENDED_MAX     1024 /* ended changes that are kept in memory; the journal has all */
#define ENGINE_TEXT_SIZE     384

struct control;
struct run;

/* Told once: after verify (or its failure), or with @end after probation. Frees itself. */
struct waiter {
        struct waiter *next;
        bool end;
        void (*call)(struct waiter *w, const struct run *run);
};

/* A change and what the engine needs for it. */
struct run {
        struct run *next; /* older */
        struct change change;
        struct proposal proposal;  /* until the intent */
        struct managed *container; /* NULL: gone, or not found */
        struct limits before;      /* every limit file at the intent; until it is committed */
        struct limits after;       /* and when the owner had been told; only with @others */
        uint64_t others;           /* rows that changed when it was told */
        uint64_t signals[SIGNALS]; /* hard signals when it was applied */
        bool unseen;               /* one of them could not be read then */
        uint64_t intent_seq; /* waits until the journal has it on the disk; 0: does not wait */
        uint64_t undone_ns;  /* when the last file was written back and read */
        uint64_t looked_ns, drift_ns, retry_ns;
        uint64_t trial_ns;     /* taken back after so long unless it is kept; 0: no trial */
        uint64_t probation_ns; /* as its policy has it; 0: as configured for its rule */
        bool kept;             /* a person said so: it needs no evidence */
        struct journal_step steps[JOURNAL_STEPS_MAX]; /* of a ladder, and what an undo kept */
        unsigned steps_count;
        uint64_t step_ns; /* when the ladder is to be looked at; 0: none, or at its end */
        uint64_t refaults, taken_ns;      /* after its last step */
        unsigned waits;                   /* since then */
        uint64_t health_ns;               /* when its health was asked for last; 0: never */
        bool health_known, health_failed; /* what was said last */
        bool health_clean;                /* no check in a row had failed at first */
        unsigned retries;
        unsigned jobs;    /* out on threads, given up ones too */
        unsigned undos;   /* those of them that take it back: never a second while one is out */
        bool busy;        /* one of them is not given up */
        bool again;       /* a given up one came back meanwhile: look once more at the end */
        bool orphan;      /* off the list, freed when the last job is back */
        bool undo_wanted; /* when the job is back */
        enum reason undo_reason;
        bool conflict;    /* somebody else holds a knob of it */
        bool undo_next;   /* part of a rollback of several: its turn comes */
        bool this_boot;   /* its cgroup can still exist */
        uint8_t boot[16]; /* of another boot: which one */
        bool pending;     /* from the journal, and not recovered: its container was not looked at */
        char *environment, *template; /* of its container when it was made; NULL: not known */
        char unit[SYSTEMD_UNIT_SIZE]; /* "": nobody owns the limits but the kernel */
        char text[ENGINE_TEXT_SIZE];
        struct waiter *waiters;
};

struct engine {
        struct run *runs; /* newest first */
        unsigned ended;
        struct job *lost; /* that recovery gave up: their threads use what is here for good */
        sd_event_source *tick;
};

int engine_init(struct control *c);
void engine_done(struct control *c);

/* Takes over what the journal has: ends, what is committed, and what is open (for recovery). */
int engine_load(struct control *c);

/*
 * Begins an approved proposal. The answer, a refusal in precheck too, goes to @w.
 *
 * @uid:      who approved it; CHANGE_UID_POLICY: the guard must allow it once more in precheck
 * @trial_ns: it is taken back after so long, unless engine_keep() comes before; 0: kept if harmless
 * Errors:    -ENOMEM; then @w is still the caller's
 */
int engine_begin(struct control *c, const struct proposal *p, uid_t uid, uint64_t trial_ns,
                struct waiter *w);

/*
 * Makes a trial a change like others: what is left is the watch that each of them has. A lowering
 * needs no evidence any more; one that is held is committed with the next look.
 *
 * Returns: whether it is in force
 */
bool engine_keep(struct control *c, struct run *run);

/*
 * Takes a change back, unless it has ended; for several of one container call it for each: newer
 * ones go first.
 *
 * Returns: 1 it is under way, 0 there is nothing to take back (its state says why)
 */
int engine_undo(struct control *c, struct run *run, enum reason reason, const char *text);

/*
 * A newer change of the same knobs that is still in force, or that a thread which was given up may
 * still write: it has to be taken back first.
 */
struct run *engine_newer(struct control *c, const struct run *run);

/* Whether its values may be in the kernel's files. */
bool run_in_force(const struct run *run);

void run_wait(struct run *run, struct waiter *w);
struct run *engine_find(struct control *c, uint64_t number);
bool engine_is_taken(
                struct control *c, uint64_t cgroup_inode, uint64_t proposal, uint64_t *ret_number);
unsigned engine_probations(struct control *c);

/* Changes that are not at their end, but for that of a proposal. */
unsigned engine_under_way(const struct control *c, uint64_t proposal);

/* Whether a rule may act alone: breaker.h, since a person gave that right last (trust.c). */
bool engine_trusts(const struct control *c, enum rule_id rule);
unsigned engine_changes_since(struct control *c, uint64_t cgroup_inode, uint64_t boottime_ns);

/*
 * The knobs of a container of which a person or another program had the last word (trust.c): who
 * set the value that is in force, took a change of it back, or wrote another one meanwhile.
 *
 * Returns: a bit by enum knob_id
 */
uint64_t engine_claimed(const struct control *c, uint64_t cgroup_inode);

/* A sync has ended, or (below 0) failed: intents go on, or their changes are refused. */
void engine_durable(struct control *c, int r);

/* A change in force of this boot without its container; of any cgroup when @cgroup_inode is 0. */
const struct run *engine_lost(const struct control *c, uint64_t cgroup_inode);

void engine_container_began(struct control *c, struct managed *m);
void engine_container_ended(struct control *c, struct managed *m);
/*
 * What the observer says of a change on probation.
 *
 * @cause:    of VERDICT_WORSE: enum loss_id + 1 of what got worse, or 0
 * @measured: but for what was expected, or NULL
 */
void engine_verdict(struct control *c, uint64_t number, enum verdict verdict, uint32_t cause,
                const struct effect *measured);

/* Takes back all that is on probation: nobody watches any more. */
void engine_observer_lost(struct control *c);
