/* SPDX-License-Identifier: Apache-2.0 */
/* A trace that is being replayed, and what its steps are to dtgovd. */
#pragma once

#include "tests/model/host.h"

#define CHANGES  3
#define PROPOSAL 1000 /* of the first change */
#define BASE     10
#define ABSENT   CHANGE_STATE_COUNT /* as tests/model/table.c prints it */

/* What the model has after a step. */
struct expected {
        unsigned file[HOST_CONTAINERS][STAGE_FILES], up;
        struct {
                unsigned state, kept;
        } change[CHANGES];
};

struct replay {
        struct replay_host host;
        char name[128];
        unsigned plus[3], number; /* of the step */
        struct expected e;
        bool disk;
        unsigned container[CHANGES], generation[CHANGES], generations[HOST_CONTAINERS];
        struct knob_value props[STAGE_FILES]; /* what systemd has for the first container */
        const char *over;                     /* why it ends early */
        char wrong[160];
};

/* The run of the model's change @i; NULL: there is none any more. */
struct run *replay_run(struct replay *r, unsigned i);

/* Whether its cgroup has gone: dtgovd has seen it at once, the model may not have. */
bool replay_is_gone(const struct replay *r, unsigned i);

/* What differs; the first one counts. */
void replay_fail(struct replay *r, const char *format, ...) PRINTF(2, 3);

/* At its begin, and at each step. */
void moves_begin(struct replay *r);
void moves_act(struct replay *r, const char *step);
