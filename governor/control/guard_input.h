/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the guard wants to know, read from the host and the container at the moment of the question.
 */
#pragma once

#include "policies/rules/guard.h"

struct control;
struct managed;

/* The guard's answer to a proposal about a container that lives. A run of it does not count as
 * "another change". */
void guard_ask(struct control *c, struct managed *m, const struct proposal *p,
                struct guard_answer *ret);
