/* SPDX-License-Identifier: Apache-2.0 */
#include "state/link.h"

#include <string.h>
#include <sys/socket.h>

/* A sender may pass this many fds in one message (SCM_MAX_FD of the kernel). */
#define RECEIVE_FDS_MAX 253

static const size_t link_sizes[LINK_TYPE_COUNT] = {
        [LINK_HELLO] = sizeof(struct link_hello),
        [LINK_ALIVE] = sizeof(struct link_alive),
        [LINK_CONTAINER] = sizeof(struct link_container),
        [LINK_CONTAINER_END] = sizeof(struct link_container_end),
        [LINK_SUBMIT] = sizeof(struct link_submit),
        [LINK_ANSWER] = sizeof(struct link_answer),
        [LINK_CHANGE] = sizeof(struct link_change),
        [LINK_VERDICT] = sizeof(struct link_verdict),
        [LINK_IDENTITY] = sizeof(struct link_identity),
};

size_t link_size(enum link_type type) {
        return (size_t)type < ARRAY_LEN(link_sizes) ? link_sizes[type] : 0;
}

int link_send(int fd, enum link_type type, void *message, const int *fds, size_t fds_count) {
        union {
                struct cmsghdr head;
                char bytes[CMSG_SPACE(LINK_FDS_MAX * sizeof(int))];
        } control = {};
        struct link_head *head = message;
        struct iovec iov = { .iov_base = message, .iov_len = link_size(type) };
        struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
        ssize_t n;

        if (iov.iov_len == 0 || fds_count > LINK_FDS_MAX)
                return -EINVAL;

        head->type = type;
        head->size = (uint32_t)iov.iov_len;
        if (fds_count > 0) {
                size_t bytes = fds_count * sizeof(int);

                msg.msg_control = &control;
                msg.msg_controllen = CMSG_SPACE(bytes);
                control.head.cmsg_level = SOL_SOCKET;
                control.head.cmsg_type = SCM_RIGHTS;
                control.head.cmsg_len = CMSG_LEN(bytes);
                memcpy(CMSG_DATA(&control.head), fds, bytes);
        }

        do
                n = sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
        while (n < 0 && errno == EINTR);
        return n < 0 ? -errno : 0;
}

/* Moves the fds of a received message to @fds; what does not fit is closed. Returns how many came.
 */
static size_t collect_fds(struct msghdr *msg, int *fds, size_t fds_max) {
        size_t came = 0;

        for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
                size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

                if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
                        continue;
                for (size_t i = 0; i < count; i++, came++) {
                        int fd;

                        memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
                        if (came < fds_max)
                                fds[came] = fd;
                        else
                                (void)close(fd);
                }
        }
        return came;
}

static bool message_valid(const union link_message *m, size_t len) {
        return len >= sizeof(m->head) && link_size(m->head.type) != 0 && m->head.size == len &&
               link_size(m->head.type) == len;
}

int link_receive(int fd, union link_message *ret, int *ret_fds, size_t fds_max, size_t *ret_count) {
        /* Room for all that a sender can pass: fds that find none would be dropped unseen. */
        union {
                struct cmsghdr head;
                char bytes[CMSG_SPACE(RECEIVE_FDS_MAX * sizeof(int))];
        } control;
        struct iovec iov = { .iov_base = ret, .iov_len = sizeof(*ret) };
        struct msghdr msg = { .msg_iov = &iov,
                .msg_iovlen = 1,
                .msg_control = &control,
                .msg_controllen = sizeof(control) };
        bool ours, cut_off;
        size_t came;
        ssize_t n;

        *ret_count = 0;
        do
                n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;

        came = collect_fds(&msg, ret_fds, fds_max);
        /* A closed seqpacket socket and an empty message look alike; neither is one of ours. */
        if (n == 0 && came == 0)
                return 0;
        ours = !(msg.msg_flags & MSG_TRUNC) && came <= fds_max && message_valid(ret, (size_t)n);
        cut_off = msg.msg_flags & MSG_CTRUNC;
        if (ours && !cut_off) {
                *ret_count = came;
                return 1;
        }
        for (size_t i = 0; i < came && i < fds_max; i++)
                (void)close(ret_fds[i]);
        return ours && fds_max > 0 ? -EMFILE : -EPROTO;
}
