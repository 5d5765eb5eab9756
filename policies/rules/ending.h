/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a probation ends that came to its deadline without harm. Pure.
 *
 *   on trial                                  taken back, unless a person kept it meanwhile
 *   proven                                    committed
 *   a person's word: dtgov keep               committed
 *   a raise, without evidence either way      committed as unproven: it can hardly do harm
 *   a lowering without evidence, or a hard    held: watched once more as long, then taken back
 *   signal that cannot be read
 *
 * "Proven" is what the observer saw: of a raise that it helped, of a lowering that it did no harm
 * while the container was about as busy as before.
 */
#pragma once

#include "state/change.h"

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
