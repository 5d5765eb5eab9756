/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The steps of a change, between the files that make up its engine: engine.c hands them out,
 * apply.c, lower.c, watch.c and undo.c say what follows, recover.c drives them without threads.
 */
#pragma once

#include "governor/control/control.h"

#define STEP_NONE (-1)

/*
 * Enters a state: journal, observer, log, waiters. An ended run may be gone afterwards when it had
 * no number yet.
 */
void run_enter(struct control *c, struct run *run, enum change_state state, enum reason reason);

/* Whether a step's answer means that the container has ended; and what then follows. */
bool run_is_over(const struct run *run, int r);
int run_lapse(struct control *c, struct run *run);

void engine_add(struct control *c, struct run *run);                 /* the newest */
void run_say(struct run *run, const char *format, ...) PRINTF(2, 3); /* sets its text */
struct change_job *run_job(struct control *c, struct run *run, enum change_step step);

/*
 * What the rollback of a newer change of the same knob kept: dtgov's own value, not somebody
 * else's. Returns: whether there is one.
 */
bool run_newer_kept(const struct control *c, const struct run *run, unsigned position,
                struct knob_value *ret);

/* Hands a step to the writers; STEP_NONE does nothing. */
void run_submit(struct control *c, struct run *run, int step);

/* Why a step failed. Of one that was given up the thread still has the text of its own. */
const char *run_why(const struct change_job *j, int r);

/* What follows from a step that is done: the next one, or STEP_NONE. */
int run_after(struct control *c, struct run *run, struct change_job *j, int r);
int precheck_after(struct control *c, struct run *run, struct change_job *j, int r);
int apply_after(struct control *c, struct run *run, struct change_job *j, int r);
int apply_told(struct control *c, struct run *run, struct change_job *j, int r);
int undo_after(struct control *c, struct run *run, struct change_job *j, int r);
int undo_told(struct control *c, struct run *run, struct change_job *j, int r);

/* Enters ROLLING_BACK. Returns the step to do. */
int undo_begin(struct control *c, struct run *run, enum reason reason);

/* It did not work, and is tried again. Returns STEP_NONE. */
int undo_failed(struct control *c, struct run *run, const char *text);
void undo_retry(struct control *c, struct run *run, uint64_t now_ns);

/* Tells of a rule that has just lost its right to act alone (trust.c). */
void trust_look(const struct control *c, const struct run *run);

/* A ladder (lower.c): before the intent; after a look at use; after each step but the first. */
void lower_begin(struct run *run, const struct change_job *j);
int lower_after(struct control *c, struct run *run, struct change_job *j, int r);
void lower_taken(struct control *c, struct run *run);

void watch_begin(struct control *c, struct run *run);

/* How long it is watched when it is fresh. */
uint64_t watch_probation_ns(const struct control *c, const struct run *run);

/* What a person is told of its end, or of the step of a ladder that it stands on. */
void watch_say(struct run *run);
/* Whether the hard signals ask for a rollback; if so it is under way. */
bool watch_signals(
                struct control *c, struct run *run, uint64_t now_ns, uint64_t ret[static SIGNALS]);
void watch_look(struct control *c, struct run *run, uint64_t now_ns);
void watch_calm(struct control *c, struct run *run, uint64_t now_ns); /* a committed one */
int calm_told(struct control *c, struct run *run, int r);

/* Each counter, SIGNAL_ABSENT or SIGNAL_UNKNOWN. */
void signals_read(const struct managed *m, uint64_t ret[static SIGNALS]);
