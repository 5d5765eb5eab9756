/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lowering memory below what is used, in steps. Pure.
 *
 * memory.high goes first: it reclaims and slows down, and never kills. A step takes at most a tenth
 * of what is used, and the next one waits until use has come down to it and until what was
 * reclaimed is not read again. memory.max goes last, when use fits below it: nothing has to be
 * reclaimed by the write then, and nothing can be killed.
 *
 *   memory.high is lowered    0.9 use, 0.9 of that, ..., new
 *   memory.max is lowered     so does memory.high, down to the new memory.max; then memory.max;
 * then memory.high becomes what it was, or is to be use fits below already    no ladder: what
 * nothing has to be reclaimed for is written at once
 *
 * Source: Documentation/admin-guide/cgroup-v2.rst, "memory.high", "memory.max"; TMO (ASPLOS'22) and
 * its senpai: small steps that wait for the answer of the load
 */
#pragma once

#include "state/change.h"

#define LADDER_STEP_PERMYRIAD   1000 /* of what is used, at most: a tenth */
#define LADDER_STEPS_MAX        24 /* to a twelfth; the journal has room for them and for an undo */
#define LADDER_WAITS_MAX        6  /* a step that takes longer than so many soaks does not work */
#define LADDER_SLACK_BYTES      MIB /* or a hundredth: so far above memory.high use has come down */
#define LADDER_REFAULTS_PER_SEC 100 /* pages: more are missed than is normal */

struct ladder_input {
        uint64_t current_bytes;    /* memory.current */
        uint64_t refaults_per_sec; /* pages, since the last step */
};

enum ladder_action {
        LADDER_DONE, /* every knob is at its new value */
        LADDER_WAIT, /* the last step has not done its work */
        LADDER_STEP, /* write the value */
};

struct ladder_step {
        enum ladder_action action;
        unsigned position; /* of the knob in the change */
        struct knob_value value;
};

/*
 * Whether the change needs a ladder; then its knobs of memory stand at their old value, and
 * memory.high is one of them, with the same old and new value where it only helps.
 *
 * @high: what memory.high is; NULL: there is no such file, and no ladder
 */
bool ladder_begin(struct change *x, uint64_t current_bytes, const struct knob_value *high);

/* A knob that only helps on the way: what stands there when all is done is not of the change. */
static inline bool ladder_helper(const struct knob_change *k) {
        return knob_equal(k->old, k->new);
}

struct ladder_step ladder_next(const struct change *x, const struct ladder_input *in);

/* Takes note of a step that is about to be written. Returns: whether it is a value on the way */
bool ladder_take(struct change *x, const struct ladder_step *step);
