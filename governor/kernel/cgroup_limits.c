/* SPDX-License-Identifier: Apache-2.0 */
/* The limit files of a cgroup as a whole, and the limits above it. */
#include "governor/kernel/cgroup.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "state/text.h"

int cgroup_read_limits(int dir_fd, struct limits *ret) {
        CLEANUP(limits_done) struct limits limits = { 0 };
        bool any = false;

        for (int i = 0; i < KNOB_COUNT; i++) {
                char buf[KNOB_TEXT_MAX];
                ssize_t n;

                n = cgroup_read(dir_fd, knobs[i].file, buf, sizeof(buf));
                if (n == -ENODEV)
                        return -ENODEV;
                if (n < 0) /* no such controller here, or not in this kernel */
                        continue;
                if (n > 0 && buf[n - 1] == '\n')
                        buf[n - 1] = '\0';
                limits.text[i] = strdup(buf);
                if (!limits.text[i])
                        return -ENOMEM;
                any = true;
        }
        /* After rmdir(2) every file of a held directory is ENOENT. */
        if (!any && faccessat(dir_fd, "cgroup.procs", F_OK, 0) < 0)
                return -ENODEV;

        *ret = limits;
        limits = (struct limits){ 0 };
        return 0;
}

int cgroup_read_knob(int dir_fd, enum knob_id id, struct knob_value like, struct knob_value *ret) {
        char text[KNOB_TEXT_MAX];
        ssize_t n = cgroup_read(dir_fd, knobs[id].file, text, sizeof(text));

        return n < 0 ? (int)n : knob_read_file(id, text, like, ret);
}

/* The knob of one ancestor. Errors: it has none, or it cannot be read. */
static int limit_of(const struct cgroup_root *mount, const char *path, enum knob_id id,
                struct knob_value like, struct knob_value *ret) {
        CLEANUP(closep) int fd = -1;
        int r = cgroup_open(mount, path, &fd, /* ret_inode= */ NULL, /* err= */ NULL);

        return r < 0 ? r : cgroup_read_knob(fd, id, like, ret);
}

int cgroup_parent_limit(const struct cgroup_root *root, const char *path, enum knob_id id,
                struct knob_value like, struct knob_value *ret,
                char ret_path[static CONTAINER_PATH_SIZE]) {
        struct cgroup_root mount = *root;
        char ancestor[CONTAINER_PATH_SIZE], *slash;
        struct knob_value tightest = {
                .amount = KNOB_MAX,
                .period_usec = knobs[id].unit == UNIT_CPU ? CPU_PERIOD_USEC : 0,
        };

        if (knobs[id].unit == UNIT_IO_LIMIT)
                tightest.key = like.key;

        if (!text_copy(ancestor, sizeof(ancestor), path))
                return -ENAMETOOLONG;

        ret_path[0] = '\0';
        mount.prefix[0] = '\0'; /* limits count that are above what is governed */
        while ((slash = strrchr(ancestor, '/')) && slash != ancestor) {
                struct knob_value value;

                *slash = '\0';
                if (limit_of(&mount, ancestor, id, like, &value) < 0 ||
                                knob_compare(id, value, tightest) >= 0)
                        continue;
                tightest = value;
                (void)text_copy(ret_path, CONTAINER_PATH_SIZE, ancestor);
        }
        *ret = tightest;
        return 0;
}
