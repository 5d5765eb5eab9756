/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host of a replay: two containers of two limit files on a tree of plain files, the first in a
 * scope of the PID 1 of stage.c, and a dtgovd without a loop. A value V of the model is V units.
 */
#pragma once

#include "tests/model/stage.h"

#define HOST_UNIT       (16 * MIB)
#define HOST_CONTAINERS 2

#define HOST_GONE 4 /* cgroups that may vanish in one trace */

struct replay_host {
        char dir[64];
        struct control control;
        int held_fds[HOST_CONTAINERS + HOST_GONE]; /* an inode is not given out again */
        unsigned held;
        bool up;       /* dtgovd has its engine */
        bool serves;   /* and sees what ends */
        bool observer; /* is there */
};

extern const enum knob_id host_knobs[STAGE_FILES];

void host_begin(struct replay_host *h, unsigned base);
void host_end(struct replay_host *h);

/* dtgovd is killed; and is started, up to its recovery. */
void host_crash(struct replay_host *h);
void host_start(struct replay_host *h);
void host_serve(struct replay_host *h); /* after recovery */

/* A limit file, in units of the model; what is above a whole one counts as the next. */
unsigned host_read(struct replay_host *h, unsigned container, unsigned file);
void host_write(struct replay_host *h, unsigned container, unsigned file, unsigned value);
void host_write_text(struct replay_host *h, unsigned container, unsigned file, const char *text);
unsigned host_value(struct knob_value value);

/* What is in use, so that a rollback keeps the next unit. */
void host_use(struct replay_host *h, unsigned container, unsigned value);
void host_kill(struct replay_host *h, unsigned container); /* a process, by the kernel */

/* The cgroup goes, and another of its name is there. */
void host_vanish(struct replay_host *h, unsigned container, unsigned base);
