/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which state of a change may follow which, and in what order its knobs are written: one table that
 * dtgovd, the reader of the journal and the manual share. Pure.
 */
#pragma once

#include "state/change.h"

/* Whether a change may go from one state to another. */
bool transition_allowed(enum change_state from, enum change_state to);

/* Whether the new value is tighter than the old one; and of a change, whether one of its knobs is.
 */
bool knob_change_lowers(const struct knob_change *change);
bool change_lowers(const struct change *x);
bool change_lowers_memory(const struct change *x); /* memory.max or memory.high */

/*
 * The order in which the knobs of a change are written: raises first, in the order of the knob
 * table (memory.max before memory.high), then lowerings in reverse. An undo takes it backwards.
 *
 * @ret: positions in c->changes, c->changes_count of them
 */
void transition_order(const struct change *c, unsigned ret[static PROPOSAL_KNOBS_MAX]);
