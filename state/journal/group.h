/* SPDX-License-Identifier: Apache-2.0 */
/* A change as records: those of one group count together, or not at all. */
#pragma once

#include "state/journal/tail.h"

/* How many records a change is at most, whole. */
size_t group_size(const struct journal_change *c);

/* The body of the record of a change's state. */
struct record_state group_state(const struct change *c);

/*
 * Adds a change as one group to the tail, which has room for it.
 *
 * @boot:  it belongs to; NULL: this one
 * @whole: with all that came after its intent
 */
void group_add(struct tail *tail, const struct journal_change *jc, const uint8_t *boot, bool whole);
