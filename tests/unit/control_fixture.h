/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A dtgovd without sockets on a tree of plain files: cgroup "/docker/c1" with limits. Plain files
 * keep the end of a longer text, so new values have as many digits as the old ones.
 */
#pragma once

#include "governor/control/control.h"

struct fixture {
        char dir[64];
        struct control control;
        struct managed *container;
        int observer_fd; /* the other end of the link */
};

#define FIXTURE_HIGH "536870912"
#define FIXTURE_PIDS "100"

int fixture_begin(void **state);
int fixture_end(void **state);

/* Opens the journal and the engine anew, as after a crash: nothing is taken back before. */
void fixture_crash(struct fixture *f);

/* As after a crash and the loss of the registry's file; nothing is scanned yet. */
void fixture_forget(struct fixture *f);

/* Text of a file of the container's cgroup, and writing one. */
const char *fixture_read(struct fixture *f, const char *file);
void fixture_write(struct fixture *f, const char *file, const char *text);

void fixture_remove(struct fixture *f, const char *file);

/* A change beside the others, newest, of pids.max from 100 to 200; nothing of it is written. */
struct run *fixture_add(struct fixture *f, uint64_t number, enum change_state state);

/* A person's proposal of one knob. */
struct proposal fixture_wish(struct fixture *f, enum knob_id id, uint64_t amount);

/* Begins a wish and runs the loop until it is settled; with @end until its probation is over. */
struct run *fixture_apply(struct fixture *f, enum knob_id id, uint64_t amount, bool end);

/* Runs the loop until the run is in @state, at most 5 s. */
void fixture_until(struct fixture *f, const struct run *run, enum change_state state);
