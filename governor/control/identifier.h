/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks dtgov-identify who the containers are, one at a time and never while a hook waits: Docker
 * holds a container's lock as long as its hooks run. What comes back is compared, kept and passed
 * on; nothing here reads it.
 */
#pragma once

#include "state/identity.h"

#include <systemd/sd-event.h>

#define IDENTIFIER_TRIES     6
#define IDENTIFIER_WAIT_NS   (20 * NSEC_PER_SEC) /* for one answer: two engines that hang */
#define IDENTIFIER_ABSENT_NS (30 * NSEC_PER_SEC) /* until an absent socket is tried again */
#define IDENTIFIER_TICK_USEC (500 * USEC_PER_MSEC)

struct control;
struct managed;

struct identifier {
        char path[108];         /* identify.sock; "": nobody is asked */
        int fd;                 /* of the question that is open; -1 none */
        struct managed *asking; /* held */
        sd_event_source *io, *timer;
        uint64_t deadline_ns, absent_ns; /* when it gives up; when it found no socket, 0: it did */
        unsigned waiting;                /* containers that are still to be asked about */
};

int identifier_init(struct control *c, const char *run_dir);
void identifier_done(struct control *c);

/* A container began: it is asked about in a while, if an engine can know it. */
void identifier_begin(struct control *c, struct managed *m);
void identifier_end(struct control *c, struct managed *m);

/* It is asked about once more, as soon as it is its turn. */
void identifier_again(struct control *c, struct managed *m);

/* What a person must know: "" when all is well. */
const char *identifier_note(const struct control *c);
