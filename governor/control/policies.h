/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is done without a person: what the guard allows in the name of a policy of root's is
 * approved by the same call as a person's approval, and goes the same way from there.
 */
#pragma once

#include "policies/rules/guard.h"

#define POLICIES_LOOK_NS  (10 * NSEC_PER_SEC)  /* how often what is pending is looked at again */
#define POLICIES_RETRY_NS (300 * NSEC_PER_SEC) /* after an approval that came to nothing */

struct control;
struct managed;
struct held;

/* The policy for a rule in a container that lives; NULL: none, or not known yet. */
const struct policy *policies_of(
                const struct control *c, const struct managed *m, enum rule_id rule);

/* Approves a pending proposal that the guard has just allowed. */
void policies_approve(struct control *c, struct held *h);

/*
 * Asks the guard again about what is pending, at most every POLICIES_LOOK_NS: who the container is
 * may be known by now, a rule trusted, a pause over, its turn come. What root has off ends.
 */
void policies_look(struct control *c, uint64_t now_ns);
