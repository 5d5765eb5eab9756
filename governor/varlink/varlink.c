/* SPDX-License-Identifier: Apache-2.0 */
/* Framing: messages end with a NUL, which JSON cannot hold. */
#include "governor/varlink/varlink.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "governor/varlink/connection.h"

int varlink_socket(const char *path, struct sockaddr_un *ret, struct error *err) {
        int fd;

        *ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
        if (strlen(path) >= sizeof(ret->sun_path))
                return error_set(err, -ENAMETOOLONG, "%s: too long for a socket", path);
        (void)snprintf(ret->sun_path, sizeof(ret->sun_path), "%s", path);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        return fd < 0 ? error_errno(err, -errno, "no socket") : fd;
}

int varlink_new(struct varlink **ret, int fd, size_t in_max) {
        struct varlink *link = calloc(1, sizeof(*link));
        char *in = malloc(in_max); /* the client's is large: it costs only what arrives */

        if (!link || !in) {
                free(link);
                free(in);
                return -ENOMEM;
        }
        *link = (struct varlink){ .references = 1, .fd = fd, .in = in, .in_max = in_max };
        *ret = link;
        return 0;
}

struct varlink *varlink_ref(struct varlink *link) {
        link->references++;
        return link;
}

void varlink_unref(struct varlink *link) {
        if (!link || --link->references > 0)
                return;
        closep(&link->fd);
        json_writer_free(link->writer);
        free(link->in);
        free(link->out);
        free(link);
}

ssize_t varlink_fill(struct varlink *link) {
        struct iovec room = { link->in + link->in_used, link->in_max - link->in_used };
        struct msghdr message = { .msg_iov = &room, .msg_iovlen = 1 };
        ssize_t n;

        if (room.iov_len == 0)
                return -EMSGSIZE;
        /* Without room for them the kernel closes passed descriptors itself and says so. */
        n = recvmsg(link->fd, &message, MSG_CMSG_CLOEXEC);
        if (n < 0)
                return -errno;
        if (message.msg_flags & MSG_CTRUNC)
                return -EPROTO;
        link->in_used += (size_t)n;
        return n;
}

bool varlink_frame(struct varlink *link, size_t *ret_len) {
        const char *end = memchr(
                        link->in + link->in_scanned, '\0', link->in_used - link->in_scanned);

        link->in_scanned = end ? (size_t)(end - link->in) : link->in_used;
        *ret_len = link->in_scanned;
        return end != NULL;
}

void varlink_drop_frame(struct varlink *link, size_t len) {
        link->in_used -= len + 1;
        link->in_scanned = 0;
        memmove(link->in, link->in + len + 1, link->in_used);
}

int varlink_queue_writer(struct varlink *link) {
        CLEANUP(json_writer_freep) struct json_writer *w = TAKE(link->writer);
        const char *text;
        size_t len;
        char *out;
        int r;

        r = json_writer_end(w, &text, &len);
        if (r < 0)
                return r;
        out = realloc(link->out, link->out_used + len + 1);
        if (!out)
                return -ENOMEM;
        memcpy(out + link->out_used, text, len + 1);
        link->out = out;
        link->out_used += len + 1;
        return 0;
}

int varlink_flush(struct varlink *link) {
        size_t before = link->out_sent;

        while (link->out_sent < link->out_used) {
                ssize_t n = send(link->fd, link->out + link->out_sent,
                                link->out_used - link->out_sent, MSG_NOSIGNAL);

                if (n < 0)
                        return errno == EAGAIN ? link->out_sent > before : -errno;
                link->out_sent += (size_t)n;
        }
        free(TAKE(link->out));
        link->out_used = link->out_sent = 0;
        return true;
}
