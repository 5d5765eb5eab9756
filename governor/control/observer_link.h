/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dtgovd's end of the link: hands out containers and changes, takes proposals and verdicts as
 * fixed-size numbers. The observer may ask for very little; its silence takes back what is on
 * probation.
 */
#pragma once

#include "state/link.h"

#include <systemd/sd-event.h>

#define OBSERVER_TICK_USEC (1 * USEC_PER_SEC) /* half of LINK_ALIVE_NS */
#define OBSERVER_QUEUE_MAX 4096 /* messages it may be behind before it counts as gone */

struct control;
struct managed;
struct out_message;

struct observer_link {
        int fd;        /* -1: no observer */
        int listen_fd; /* -1: it came by a socketpair and cannot come again */
        uid_t uid;     /* who may connect */
        sd_event_source *io, *accept, *tick;
        bool hello;  /* it has introduced itself */
        bool silent; /* told so already */
        uint64_t heard_ns;
        uint64_t second_ns; /* of the rate: start of the second, and what came in it */
        unsigned messages;
        unsigned ticks;
        struct out_message *first, **last;
        unsigned queued;
};

/*
 * @fd:        a connected socket, or -1
 * @listen_fd: a listening one, or -1
 */
int observer_link_init(struct control *c, int fd, int listen_fd, uid_t uid);
void observer_link_done(struct control *c);

void observer_link_container(struct control *c, struct managed *m);
void observer_link_container_end(struct control *c, struct managed *m);
void observer_link_change(struct control *c, const struct change *x);
