/* SPDX-License-Identifier: Apache-2.0 */
/* A message that the link takes has a known type and exactly its size. */
#include "state/link.h"

#include <sys/socket.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
        static int ends[2] = { -1, -1 };
        static union link_message message;
        size_t count = 0;
        int r;

        if (ends[0] < 0 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
                                           ends) < 0)
                abort();
        /* An empty message is the end of the link. */
        if (size == 0 || send(ends[1], data, size, 0) != (ssize_t)size)
                return 0;
        r = link_receive(ends[0], &message, NULL, 0, &count);
        if (r == 1 && (message.head.size != size || link_size(message.head.type) != size))
                abort();
        if (r != 1 && r != -EPROTO)
                abort();
        return 0;
}
