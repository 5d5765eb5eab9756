/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client: one call, one answer, with a time limit on both. An answer that the server sent
 * before it hung up, as to one connection too many, is still read.
 */
#include "governor/varlink/varlink.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>

#include "governor/varlink/connection.h"

#define ANSWER_MAX       (32 * MIB) /* of 10,000 containers */
#define CONNECT_WAIT_SEC 5          /* while its queue of connections is full */

static uint64_t now_usec(void) {
        struct timespec t;

        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * USEC_PER_SEC + (uint64_t)t.tv_nsec / NSEC_PER_USEC;
}

int varlink_connect(struct varlink **ret, const char *path, struct error *err) {
        static const struct timeval wait = { .tv_sec = CONNECT_WAIT_SEC };
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        CLEANUP(closep) int fd = -1;
        int r;

        if (strlen(path) >= sizeof(address.sun_path))
                return error_set(err, -ENAMETOOLONG, "%s: too long for a socket", path);
        (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);

        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return error_errno(err, -errno, "no socket");
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
        if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
                r = -errno;
                if (r == -ENOENT || r == -ECONNREFUSED)
                        return error_set(err, r,
                                        "%s: nobody listens there: start the daemon that does",
                                        path);
                return error_errno(err, r, "%s", path);
        }

        r = varlink_new(ret, fd, ANSWER_MAX);
        if (r < 0)
                return error_errno(err, r, "%s", path);
        (void)take_fd(&fd);
        return 0;
}

void varlink_close(struct varlink *link) {
        varlink_unref(link);
}

void varlink_closep(struct varlink **link) {
        varlink_close(*link);
}

int varlink_call_begin(struct varlink *link, const char *method, struct json_writer **ret) {
        int r;

        json_writer_free(TAKE(link->writer));
        r = json_writer_new(&link->writer);
        if (r < 0)
                return r;
        json_open_object(link->writer, NULL);
        json_put_string(link->writer, "method", method);
        json_open_object(link->writer, "parameters");
        *ret = link->writer;
        return 0;
}

/* Waits until the socket can do one of @events. Errors: -ETIMEDOUT */
static int wait_for(struct varlink *link, short events, uint64_t deadline_usec) {
        struct pollfd p = { .fd = link->fd, .events = events };
        uint64_t left = u64_sub(deadline_usec, now_usec());
        struct timespec t = { (time_t)(left / USEC_PER_SEC),
                (long)(left % USEC_PER_SEC * NSEC_PER_USEC) };
        int r = ppoll(&p, 1, &t, NULL);

        if (r < 0)
                return errno == EINTR ? 0 : -errno;
        return r == 0 ? -ETIMEDOUT : 0;
}

/* A server that refuses has closed already: then what it said is waiting to be read. */
static int send_call(struct varlink *link, uint64_t deadline_usec) {
        int r;

        while (link->out_used > 0) {
                r = varlink_flush(link);
                if (r == -EPIPE || r == -ECONNRESET)
                        return 0;
                if (r < 0)
                        return r;
                if (link->out_used == 0)
                        break;
                r = wait_for(link, POLLOUT, deadline_usec);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int read_answer(struct varlink *link, uint64_t deadline_usec, size_t *ret_len) {
        while (!varlink_frame(link, ret_len)) {
                ssize_t n;
                int r;

                r = wait_for(link, POLLIN, deadline_usec);
                if (r < 0)
                        return r;
                n = varlink_fill(link);
                if (n == 0)
                        return -ECONNRESET;
                if (n < 0 && n != -EAGAIN)
                        return (int)n;
        }
        return 0;
}

int varlink_call(struct varlink *link, uint64_t timeout_usec, struct json_doc **ret,
                const char **ret_error, struct error *err) {
        CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
        uint64_t now = now_usec(), deadline;
        const char *name = NULL;
        struct error why;
        size_t len;
        int r;

        if (__builtin_add_overflow(now, timeout_usec, &deadline))
                deadline = INT64_MAX;
        json_close_object(link->writer);
        json_close_object(link->writer);
        r = varlink_queue_writer(link);
        if (r >= 0)
                r = send_call(link, deadline);
        if (r >= 0)
                r = read_answer(link, deadline, &len);
        if (r == -ETIMEDOUT)
                return error_set(err, r, "no answer in time");
        if (r < 0)
                return error_errno(err, r, "no answer");

        r = json_parse(link->in, len, JSON_DEPTH_MAX, &doc, &why);
        varlink_drop_frame(link, len);
        if (r < 0)
                return error_set(err, -EPROTO, "the answer is no varlink: %s", why.text);
        r = json_get_string(json_root(doc), "error", &name, &why);
        if (json_root(doc)->type != JSON_OBJECT || (r < 0 && r != -ENOENT))
                return error_set(err, -EPROTO, "the answer is no varlink");

        *ret = TAKE(doc);
        *ret_error = name;
        return 0;
}
