/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the two halves of the server share: who may connect and how often (varlink_server.c), and
 * what is done with a call (varlink_calls.c).
 */
#pragma once

#include "governor/varlink/connection.h"

/* One uid: its connections and its share of calls. */
struct varlink_user {
        uid_t uid;
        unsigned connections;
        uint64_t next_usec; /* when its next call would be due, were they evenly spread */
};

struct varlink_server {
        sd_event *event;
        sd_event_source *listening;
        const struct varlink_interface *interface;
        size_t frame_max;
        unsigned depth_max;
        uint64_t idle_usec; /* VARLINK_IDLE_USEC; tests have less patience */
        void *userdata;
        struct varlink *links[VARLINK_CONNECTIONS_MAX];
        struct varlink_user users[2 * VARLINK_CONNECTIONS_MAX];
};

/* Carries out one frame. Errors: below 0: the connection is to be closed */
int varlink_dispatch(struct varlink *link, const char *frame, size_t len);

/* What a connection waits for next: more bytes, room for an answer, its turn. */
void varlink_settle(struct varlink *link);

/* Closes the connection; whoever holds a reference finds it closed. */
void varlink_disconnect(struct varlink *link);

uint64_t varlink_now(const struct varlink_server *s);
