/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client: one call, one answer, with a time limit on each wait. An answer that the server sent
 * before it hung up, as to one connection too many, is still read.
 */
#include "governor/varlink/varlink.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "governor/varlink/varlink_internal.h"

#define ANSWER_MAX        (32 * MIB)         /* of 10,000 containers */
#define CONNECT_WAIT_USEC (5 * USEC_PER_SEC) /* while its queue of connections is full */

/* How long the socket's calls block. */
static int set_patience(int fd, uint64_t usec) {
        const struct timeval t = { (time_t)(usec / USEC_PER_SEC),
                (suseconds_t)(usec % USEC_PER_SEC) };

        if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t)) < 0 ||
                        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)) < 0)
                return -errno;
        return 0;
}

int varlink_connect(struct varlink **ret, const char *path, struct error *err) {
        struct sockaddr_un address;
        CLEANUP(closep) int fd = varlink_socket(path, &address, err);
        int r;

        if (fd < 0)
                return fd;
        r = set_patience(fd, CONNECT_WAIT_USEC);
        if (r >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
                r = -errno;
        if (r == -ENOENT || r == -ECONNREFUSED)
                return error_set(err, r, "%s: nobody listens there: start the daemon that does",
                                path);
        if (r < 0)
                return error_errno(err, r, "%s", path);
        *ret = varlink_new(fd, ANSWER_MAX);
        if (!*ret)
                return error_errno(err, -ENOMEM, "%s", path);
        (void)take_fd(&fd);
        return 0;
}

int varlink_call_begin(struct varlink *link, const char *method, struct json_writer **ret) {
        int r = varlink_message_begin(link, "method", method);

        *ret = link->writer;
        return r;
}

static int exchange(struct varlink *link, uint64_t timeout_usec, size_t *ret_len) {
        int r = varlink_message_end(link);

        if (r >= 0)
                r = set_patience(link->fd, timeout_usec);
        if (r >= 0)
                r = varlink_flush(link);
        /* A server that refuses has closed already: then what it said is waiting to be read. */
        if (r < 0 && r != -EPIPE && r != -ECONNRESET)
                return r;
        while (!varlink_frame(link, ret_len)) {
                ssize_t n = varlink_fill(link);

                if (n == -EAGAIN)
                        return -ETIMEDOUT;
                if (n == 0)
                        return -ECONNRESET;
                if (n < 0 && n != -EINTR) /* stopped and continued meanwhile: signal(7) */
                        return (int)n;
        }
        return 0;
}

int varlink_call(struct varlink *link, uint64_t timeout_usec, struct json_doc **ret,
                const char **ret_error, struct error *err) {
        CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
        const char *name = NULL;
        struct error why;
        size_t len;
        int r;

        r = exchange(link, timeout_usec, &len);
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
