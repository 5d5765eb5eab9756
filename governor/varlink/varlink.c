/* SPDX-License-Identifier: Apache-2.0 */
/* Framing: messages end with a NUL, which JSON cannot hold. */
#include "governor/varlink/varlink.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "governor/varlink/varlink_internal.h"

int varlink_socket(const char *path, struct sockaddr_un *ret, struct error *err) {
        int fd;

        *ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
        if (strlen(path) >= sizeof(ret->sun_path))
                return error_set(err, -ENAMETOOLONG, "%s: too long for a socket", path);
        (void)snprintf(ret->sun_path, sizeof(ret->sun_path), "%s", path);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        return fd < 0 ? error_errno(err, -errno, "no socket") : fd;
}

struct varlink *varlink_new(int fd, size_t in_max) {
        struct varlink *link = malloc(sizeof(*link) + in_max);

        if (link)
                *link = (struct varlink){
                        .references = 1, .fd = fd, .peer_fd = -1, .in_max = in_max
                };
        return link;
}

struct varlink *varlink_ref(struct varlink *link) {
        link->references++;
        return link;
}

void varlink_unref(struct varlink *link) {
        if (!link || --link->references > 0)
                return;
        closep(&link->fd);
        closep(&link->peer_fd);
        json_writer_free(link->writer);
        free(link);
}

void varlink_unrefp(struct varlink **link) {
        varlink_unref(*link);
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
        const char *end =
                        memchr(link->in + link->in_scanned, '\0', link->in_used - link->in_scanned);

        link->in_scanned = end ? (size_t)(end - link->in) : link->in_used;
        *ret_len = link->in_scanned;
        return end != NULL;
}

void varlink_drop_frame(struct varlink *link, size_t len) {
        link->in_used -= len + 1;
        link->in_scanned = 0;
        memmove(link->in, link->in + len + 1, link->in_used);
}

int varlink_message_begin(struct varlink *link, const char *key, const char *value) {
        int r;

        json_writer_free(TAKE(link->writer));
        link->out_left = 0;
        r = json_writer_new(&link->writer);
        if (r < 0)
                return r;
        json_open_object(link->writer, NULL);
        if (key)
                json_put_string(link->writer, key, value);
        json_open_object(link->writer, "parameters");
        return 0;
}

int varlink_message_end(struct varlink *link) {
        int r;

        json_close_object(link->writer);
        json_close_object(link->writer);
        r = json_writer_end(link->writer, &link->out, &link->out_left);
        if (r >= 0)
                link->out_left++; /* the NUL */
        return r;
}

int varlink_flush(struct varlink *link) {
        bool went = false;

        while (link->out_left > 0) {
                ssize_t n = send(link->fd, link->out, link->out_left, MSG_NOSIGNAL);

                if (n < 0)
                        return errno == EAGAIN ? went : -errno;
                link->out += n;
                link->out_left -= (size_t)n;
                went = true;
        }
        json_writer_free(TAKE(link->writer));
        return went;
}
