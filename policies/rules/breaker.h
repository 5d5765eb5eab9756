/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rule whose changes are taken back again and again loses its right to act alone, until a person
 * gives it back. Pure.
 */
#pragma once

#include "state/change.h"

#define BREAKER_ROLLBACKS 3                     /* so many of a rule, */
#define BREAKER_WINDOW_NS (3600 * NSEC_PER_SEC) /* ended within an hour, open it */

struct breaker {
        uint64_t ended_ns[BREAKER_ROLLBACKS - 1]; /* of those that came last, newest first */
        unsigned count;
        bool open;
};

/*
 * Whether the end of a change speaks against its rule: it did harm, nothing showed that it did
 * none, or a person did not want it. A person's rollback is an opinion and no harm, but whoever
 * takes three back within an hour does not want a fourth that nobody asked them about. What a
 * restart, the end of a trial or a blind watch took back says nothing of the rule.
 */
bool breaker_counts(const struct change *x);

/* Whether a rollback for that reason means that the change did harm, or showed nothing. */
bool breaker_is_harm(enum reason reason);

/* The changes that follow are of another boot: their times are of another clock. */
void breaker_boot(struct breaker *b);

/* Takes a change into account; they come in the order of their numbers, either way. */
void breaker_add(struct breaker *b, const struct change *x);
