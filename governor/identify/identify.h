/* SPDX-License-Identifier: Apache-2.0 */
/* Which engines are asked about a container, and what comes of it. */
#pragma once

#include "state/identity.h"

#define IDENTIFY_SOCKETS_MAX 8
#define IDENTIFY_WAIT_USEC   (5 * USEC_PER_SEC) /* for each socket; Podman's starts its service */

struct identify_socket {
        enum engine_kind engine;
        const char *path;
};

struct identify_sockets {
        struct identify_socket list[IDENTIFY_SOCKETS_MAX];
        size_t count;
};

/*
 * Asks the engines that the container may be of, one after the other, until one knows it; the
 * container must be whole (ended texts, a valid id).
 *
 * @proc_fd: of /proc
 * @ret:     always a whole record; its status says what became of the asking
 */
void identify(const struct identify_sockets *sockets, int proc_fd, uint64_t wait_usec,
                const struct container *c, struct identity *ret);
