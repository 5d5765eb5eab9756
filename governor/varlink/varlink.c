/* SPDX-License-Identifier: Apache-2.0 */
/* Framing: messages end with a NUL, which JSON cannot hold. */
#include "governor/varlink/varlink.h"

#include <string.h>
#include <sys/socket.h>

#include "governor/varlink/connection.h"

#define IN_FIRST_SIZE 1024 /* bytes: most requests fit */

int varlink_new(struct varlink **ret, int fd, size_t in_max) {
        struct varlink *link = calloc(1, sizeof(*link));

        if (!link)
                return -ENOMEM;
        *link = (struct varlink){ .references = 1, .fd = fd, .in_max = in_max };
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
        free(link->groups);
        free(link->in);
        free(link->out);
        free(link);
}

static int grow(struct varlink *link) {
        size_t size = link->in_size ? 2 * link->in_size : IN_FIRST_SIZE;
        char *in;

        if (link->in_used < link->in_size)
                return 0;
        if (link->in_size >= link->in_max)
                return -EMSGSIZE;
        size = u64_min(size, link->in_max);
        in = realloc(link->in, size);
        if (!in)
                return -ENOMEM;
        link->in = in;
        link->in_size = size;
        return 0;
}

ssize_t varlink_fill(struct varlink *link) {
        struct iovec room;
        struct msghdr message = { .msg_iov = &room, .msg_iovlen = 1 };
        ssize_t n;
        int r;

        r = grow(link);
        if (r < 0)
                return r;

        /* Without room for them the kernel closes passed descriptors itself and says so. */
        room = (struct iovec){ link->in + link->in_used, link->in_size - link->in_used };
        do
                n = recvmsg(link->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        if (message.msg_flags & MSG_CTRUNC)
                return -EPROTO;
        link->in_used += (size_t)n;
        return n;
}

bool varlink_frame(struct varlink *link, size_t *ret_len) {
        const char *end = NULL;

        if (link->in_used > link->in_scanned)
                end = memchr(link->in + link->in_scanned, '\0', link->in_used - link->in_scanned);
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
                                link->out_used - link->out_sent, MSG_DONTWAIT | MSG_NOSIGNAL);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN)
                        return link->out_sent > before;
                if (n < 0)
                        return -errno;
                link->out_sent += (size_t)n;
        }
        free(TAKE(link->out));
        link->out_used = link->out_sent = 0;
        return true;
}
