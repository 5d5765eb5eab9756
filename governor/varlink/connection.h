/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection and its frames: what server and client share, and nobody else sees.
 */
#pragma once

#include "governor/varlink/varlink.h"

#include <sys/un.h>

struct varlink {
        unsigned references;
        int fd; /* -1: closed */

        char *in; /* bytes that arrived: room for in_max */
        size_t in_used, in_max, in_scanned;
        char *out; /* bytes to send, from out_sent to out_used */
        size_t out_used, out_sent;
        struct json_writer *writer; /* of the message that is being written */

        /* Of the server alone. */
        struct varlink_server *server; /* NULL: the connection is closed */
        struct varlink_user *user;
        sd_event_source *io, *timer;
        struct varlink_peer peer;
        uint64_t since_usec;  /* when the present wait for the peer began */
        uint64_t resume_usec; /* not before: its uid calls too often */
        bool calling;         /* a call has not been answered yet */
        bool more, oneway;    /* of that call */
        bool eof;             /* the peer sends nothing any more */
};

/* A connection with one reference that owns @fd. @in_max: bytes of the largest frame with its NUL
 */
int varlink_new(struct varlink **ret, int fd, size_t in_max);

/*
 * Receives what is there. Descriptors that come along never enter this process.
 *
 * Returns: bytes, 0 the peer sends no more
 * Errors:  -EAGAIN nothing (in time); -EPROTO descriptors; -EMSGSIZE a frame over in_max; of
 * recvmsg(2)
 */
ssize_t varlink_fill(struct varlink *link);

/* Whether a whole frame is at link->in, and its length without the NUL. */
bool varlink_frame(struct varlink *link, size_t *ret_len);

/* Forgets the first frame, which has @len bytes without the NUL. */
void varlink_drop_frame(struct varlink *link, size_t len);

/* Ends link->writer and queues what it wrote. Errors: -ENOMEM, -EINVAL it is not one value */
int varlink_queue_writer(struct varlink *link);

/* Sends what is queued as far as it goes. Returns: whether bytes went. Errors: of send(2) */
int varlink_flush(struct varlink *link);

/* A socket and the address for @path. Returns: the fd */
int varlink_socket(const char *path, struct sockaddr_un *ret, struct error *err);
