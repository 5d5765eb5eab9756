/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a probation ends that came to its deadline without harm. Pure.
 *
 *   on trial                                  taken back, unless a person kept it meanwhile
 *   proven                                    committed
 *   a person's word: dtgov keep               committed
 *   a raise that a person approved, without   committed as unproven: it can hardly do harm
 *   evidence either way
 *   a lowering, or what a policy approved,    held: watched once more as long, then taken back
 *   without evidence; or a hard signal that
 *   cannot be read
 *
 * "Proven" is what the observer saw: of a raise that it helped, of a lowering that it did no harm
 * while the container was about as busy as before.
 */
#pragma once

#include "state/change.h"

#define ENDING_PROBATION_SEC_MAX 86400
#define ENDING_SOAK_SEC          10 /* between two steps of a ladder: two windows of the observer */

/*
 * Seconds that a change of a rule is watched unless root says otherwise: a quota shows what it does
 * in 600 of its periods, refused tasks at once; memory is missed when a load comes to its next
 * phase.
 */
uint64_t ending_probation_sec(enum rule_id rule);

/* Whether it is taken back unless it is proven, or a person keeps it. */
bool ending_needs_evidence(const struct change *x);

struct ending_input {
        bool trial; /* taken back at its end, whatever was seen */
        bool kept;  /* a person said: keep it */
        bool known; /* all hard signals were read to the end: signals_known() */
};

struct ending {
        enum change_state state; /* COMMITTED, HELD or ROLLING_BACK */
        enum reason reason;
};

/* @x: on probation or held, with @proven as the observer has it */
struct ending ending_decide(const struct change *x, const struct ending_input *in);
