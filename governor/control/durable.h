/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What waits for the disk, on a writer thread: the event loop never does. One sync at a time brings
 * all records there that were made until it began.
 */
#pragma once

#include "governor/control/writer.h"
#include "state/journal/journal.h"

#define DURABLE_TICK_USEC (1 * USEC_PER_SEC) /* what nobody waits for is on the disk by then */

struct control;

struct durable {
        struct job job;
        struct control *control;
        struct journal_wait wait;
        bool busy;
        bool again; /* the second try, into another file */
        bool stuck; /* over its deadline: the disk does not answer */
        sd_event_source *tick;
};

int durable_init(struct control *c);
void durable_done(struct control *c);

/* Begins a sync, unless one is under way; engine_durable() is told. */
void durable_begin(struct control *c);
