/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/kernel/cgroup_write.h"

#include <fcntl.h>
#include <string.h>

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
                return -errno;
        return (size_t)n == strlen(text) ? 0 : -EIO;
}
