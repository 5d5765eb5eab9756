/* SPDX-License-Identifier: Apache-2.0 */
/* An engine's socket that answers, in a thread, with what a test gives it, or does worse. */
#pragma once

#include "state/base.h"

#include <pthread.h>

enum fake_manner {
        FAKE_ANSWERS,
        FAKE_HANGS,       /* takes the connection and says nothing */
        FAKE_STALLS,      /* sends the first half, then says nothing more */
        FAKE_BREAKS_OFF,  /* sends the first half and closes */
        FAKE_STAYS_OPEN,  /* answers and does not close */
        FAKE_SENDS_10MIB, /* without an end of the head */
};

struct fake_engine {
        char dir[64], path[96];
        enum fake_manner manner;
        const char *head; /* before the body; NULL: 200, with its length */
        const char *body;
        size_t body_bytes;
        char heard[1024]; /* the last request */
        unsigned asked;   /* how often */
        int listen_fd, stop[2];
        pthread_t thread;
};

void fake_engine_begin(struct fake_engine *f);
void fake_engine_end(struct fake_engine *f);
