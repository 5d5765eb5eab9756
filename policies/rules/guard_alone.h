/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guard's last question: may a policy approve what nothing forbids, or is it left to a person?
 * Pure.
 */
#pragma once

#include "policies/rules/guard.h"

/* Adds to the text of an answer, behind what is there. Returns: true */
bool guard_warn(struct guard_answer *answer, const char *format, ...) PRINTF(2, 3);

/*
 * Asked about a rule's proposal that the guard does not refuse.
 *
 * @answer: its risk is read; where a person is asked after all, the text says why
 */
bool guard_alone(const struct guard_host *host, const struct guard_container *container,
                const struct proposal *p, struct guard_answer *answer);
