/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Varlink: JSON ended by NUL on a Unix socket. Both ends, named like sd-varlink so that a systemd
 * that has it can take over. The server checks who calls, and how often, before it parses a byte.
 *
 * Source: varlink.org, "Protocol" and "Service"; sd-varlink.h of systemd 257
 */
#pragma once

#include "state/error.h"
#include "state/json.h"

#include <sys/types.h>
#include <systemd/sd-event.h>

#define VARLINK_REQUEST_MAX         4096 /* bytes, with the NUL: more closes the connection */
#define VARLINK_REQUEST_DEPTH       4    /* of its JSON: requests are flat */
#define VARLINK_CONNECTIONS_MAX     64   /* of one server; the last 8 are root's */
#define VARLINK_CONNECTIONS_PER_UID 8
#define VARLINK_CALLS_PER_SEC       20 /* of one uid, and at once: who calls more often waits */
#define VARLINK_IDLE_USEC           (5 * USEC_PER_SEC) /* half a frame, or an unread answer */

struct varlink_server;
struct varlink; /* one connection, on either end */

/* Who is at the other end, by the kernel's word at connect (SO_PEERCRED, SO_PEERGROUPS). */
struct varlink_peer {
        pid_t pid;
        uid_t uid;
        gid_t gid;
};

/*
 * A method. It answers with varlink_reply_end() or varlink_error() before it returns, or later:
 * then it took a reference, and drops it after the answer. Nothing more is read from a connection
 * until its call is answered; who hangs up meanwhile is gone: varlink_is_open().
 *
 * @parameters: an object; NULL when the call had none; lives until the method returns
 * Returns:     below 0: the connection is closed
 */
typedef int (*varlink_method)(struct varlink *link, const struct json *parameters, void *userdata);

/*
 * One interface: its text is what GetInterfaceDescription answers. The array ends with NULL; a
 * method without a function is answered with MethodNotImplemented.
 */
struct varlink_interface {
        const char *name;        /* "org.dtgov.Control" */
        const char *description; /* the .varlink file */
        const struct varlink_entry {
                const char *method; /* "Approve" */
                varlink_method call;
        } * entries;
};

/*
 * A connection too many is answered with the interface's error Busy, and closed.
 *
 * @userdata: for the methods
 */
int varlink_server_new(struct varlink_server **ret, sd_event *event,
                const struct varlink_interface *interface, void *userdata);
void varlink_server_free(struct varlink_server *s);

/* Listens on an fd that is bound and listening already, once; the server then owns it. */
int varlink_server_listen_fd(struct varlink_server *s, int fd);

/*
 * Makes a listening socket.
 *
 * Errors: -EADDRINUSE somebody answers there; a socket that nobody answers on is replaced
 */
int varlink_listen(const char *path, mode_t mode, int *ret_fd, struct error *err);

struct varlink *varlink_ref(struct varlink *link);
void varlink_unref(struct varlink *link);
void varlink_unrefp(struct varlink **link); /* for CLEANUP */
const struct varlink_peer *varlink_get_peer(const struct varlink *link);
bool varlink_peer_in_group(const struct varlink *link, gid_t gid); /* primary or supplementary */

/*
 * Whether the process that connected still runs: then what /proc said of its pid until now was said
 * of it, and not of another that has its number.
 */
bool varlink_peer_is_alive(const struct varlink *link);
bool varlink_is_open(const struct varlink *link); /* it may have gone while an answer was awaited */

/*
 * Begins a reply: write the members of "parameters" with *ret, then end it.
 *
 * Errors: -ENOTCONN the peer has gone; -EALREADY the call is answered; -ENOMEM
 */
int varlink_reply_begin(struct varlink *link, struct json_writer **ret);

/* Sends it. "more" is answered like any other call, once. Errors: -ENOTCONN; -EALREADY; -ENOMEM */
int varlink_reply_end(struct varlink *link);

/*
 * An error with members that are strings: NULL-ended pairs of name and value. A member whose value
 * is NULL is left out. It may take the place of a reply that was begun. Errors: as for a reply
 */
int varlink_error(struct varlink *link, const char *error, ...) __attribute__((sentinel));

/* --- the client: blocking, one call after the other ------------------------------------------- */

/* Errors: of connect(2); @err says which socket and what to do when nobody listens. */
int varlink_connect(struct varlink **ret, const char *path, struct error *err);

/* Begins a call: write the members of "parameters" with *ret, then varlink_call(). */
int varlink_call_begin(struct varlink *link, const char *method, struct json_writer **ret);

/*
 * Sends the call and waits for one answer.
 *
 * @ret:       the whole answer; "parameters" is inside
 * @ret_error: name of the error, NULL when the call succeeded; lives as long as *ret
 * Errors:     -ETIMEDOUT, -ECONNRESET, -EPROTO; of the system calls
 */
int varlink_call(struct varlink *link, uint64_t timeout_usec, struct json_doc **ret,
                const char **ret_error, struct error *err);
