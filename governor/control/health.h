/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The health check that an engine runs in a container, while a change of that is on probation: what
 * begins to fail then takes the change back. A container without one is not asked about.
 */
#pragma once

#include "state/base.h"

#define HEALTH_ASK_NS (10 * NSEC_PER_SEC)
#define HEALTH_STREAK_MAX                                                                          \
        2 /* failures in a row, where there was none before: one may be chance                     \
           */

struct control;
struct managed;
struct run;

/* Has dtgov-identify ask again, in its turn. The first answer is what was there before. */
void health_look(struct control *c, struct run *run, uint64_t now_ns);

/* dtgov-identify answered: a check that was not failing before takes its change back. */
void health_heard(struct control *c, struct managed *m);
