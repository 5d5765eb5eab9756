/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must hold whatever happens, looked at where it would be broken: a warning, and in a build
 * with DTGOV_ASSERT (MODE=asan) the end. The model in tests/model has all of them; here are those
 * that memory alone can show.
 */
#pragma once

#include "state/change.h"

struct control;
struct run;

/* Before a change enters a state. */
void invariants_enter(const struct control *c, const struct run *run, enum change_state state);

/* Before a step, enum change_step, goes out to a writer. */
void invariants_step(const struct run *run, int step);
