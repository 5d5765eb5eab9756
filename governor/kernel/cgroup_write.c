/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/kernel/cgroup_write.h"

#include <fcntl.h>
#include <string.h>

/* To io.max ENODEV says that the disk is gone, or, as to all files, that the cgroup is. */
static int no_device(int dir_fd) {
        return faccessat(dir_fd, "cgroup.procs", F_OK, 0) < 0 ? -ENODEV : -ENXIO;
}

int cgroup_write(int dir_fd, enum knob_id id, struct knob_value value) {
        CLEANUP(closep) int fd = -1;
        char text[KNOB_VALUE_TEXT_MAX];
        ssize_t n;

        if (!knobs[id].settable)
                return -EOPNOTSUPP;

        knob_write_text(id, value, text, sizeof(text));
        fd = openat(dir_fd, knobs[id].file, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
                return -errno;
        do
                n = write(fd, text, strlen(text));
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return id == KNOB_IO_MAX && errno == ENODEV ? no_device(dir_fd) : -errno;
        return (size_t)n == strlen(text) ? 0 : -EIO;
}
