/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of governor/varlink/ share, and nobody else sees: a connection and its frames, and
 * the two halves of the server, who may connect and how often (varlink_server.c), and what is done
 * with a call (varlink_calls.c).
 */
#pragma once

#include "governor/varlink/varlink.h"

#include <sys/un.h>

/* --- varlink.c: a connection, on either end --------------------------------------------------- */

struct varlink {
        unsigned references;
        int fd; /* -1: closed */

        struct json_writer *writer; /* the message that is being written, then sent */
        const char *out;            /* what is left of it to be sent */
        size_t out_left;

        /* Of the server alone. */
        struct varlink_server *server; /* NULL: the connection is closed */
        struct varlink_user *user;
        sd_event_source *io, *timer;
        struct varlink_peer peer;
        int peer_fd;          /* a pidfd; -1: it has ended */
        uint64_t since_usec;  /* when the present wait for the peer began */
        uint64_t resume_usec; /* not before: its uid calls too often */
        bool calling;         /* a call has not been answered yet */
        bool oneway;          /* of that call */
        bool eof;             /* the peer sends nothing any more */

        size_t in_used, in_max, in_scanned;
        char in[]; /* bytes that arrived: room for in_max, which cost nothing until they are used */
};

/* A connection with one reference that owns @fd. @in_max: bytes of the largest frame with its NUL
 */
struct varlink *varlink_new(int fd, size_t in_max);

/*
 * Receives what is there. Descriptors that come along never enter this process.
 *
 * Returns: bytes, 0 the peer sends no more
 * Errors:  -EAGAIN nothing (in time); -EPROTO descriptors; -EMSGSIZE a frame over in_max; of
 *          recvmsg(2)
 */
ssize_t varlink_fill(struct varlink *link);

/* Whether a whole frame is at link->in, and its length without the NUL. */
bool varlink_frame(struct varlink *link, size_t *ret_len);

/* Forgets the first frame, which has @len bytes without the NUL. */
void varlink_drop_frame(struct varlink *link, size_t len);

/* Begins a message in link->writer: one member, unless @key is NULL, and "parameters" opened. */
int varlink_message_begin(struct varlink *link, const char *key, const char *value);

/* Ends it: from now on it is what varlink_flush() sends. Errors: -ENOMEM, -EINVAL not one value */
int varlink_message_end(struct varlink *link);

/* Sends as far as it goes. Returns: whether bytes went. Errors: of send(2) */
int varlink_flush(struct varlink *link);

/* A socket and the address for @path. Returns: the fd */
int varlink_socket(const char *path, struct sockaddr_un *ret, struct error *err);

/* --- the server ------------------------------------------------------------------------------- */

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
