/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/kernel/psi_arm.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

_Static_assert(PSI_WINDOW_USEC == LADDER_WINDOW_USEC, "samples are read with this window");

/* The trigger lives as long as the fd. */
static int arm(int dir_fd, const char *file, unsigned percent) {
        CLEANUP(closep) int fd = -1;
        char text[64];
        int n;

        n = snprintf(text, sizeof(text), "some %u %u", PSI_WINDOW_USEC / 100 * percent,
                        PSI_WINDOW_USEC);
        fd = openat(dir_fd, file, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
                return -errno;
        /* With the NUL: some kernels overwrite the last byte. */
        if (write(fd, text, (size_t)n + 1) < 0)
                return -errno;
        return take_fd(&fd);
}

unsigned psi_ladder_arm(int dir_fd, int ret_fds[static LINK_LADDER_FDS]) {
        unsigned mask = 0;
        size_t count = 0;

        for (size_t resource = 0; resource < ARRAY_LEN(psi_files); resource++)
                for (size_t step = 0; step < ARRAY_LEN(psi_ladder_percent); step++) {
                        int fd = arm(dir_fd, psi_files[resource], psi_ladder_percent[step]);

                        if (fd < 0)
                                continue;
                        ret_fds[count++] = fd;
                        mask |= 1U << (3 * resource + step);
                }
        return mask;
}
