/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A registry that the hook of an engine in a container writes: a Docker in Daytona's runner. Pids
 * and paths there are of the container's namespaces, and its root may write anything. What counts
 * is the inode of the cgroup, which is the same everywhere, and only below the container's own.
 */
#pragma once

#include "governor/kernel/cgroup.h"
#include "state/container.h"

#define NESTED_MAX 256 /* entries that one scan looks at */

/* Who asks. */
struct nested_caller {
        bool (*known)(void *data, uint64_t inode);          /* it needs no second look */
        int (*each)(void *data, const struct container *c); /* below 0 ends the scan */
        void *data;
};

/*
 * Looks for the cgroups that the files of a registry tell of, and calls each() with what the host
 * knows of them: path, process, and of the file no more than id, runtime and start time. Files of
 * what is not below, or not any more, are removed.
 *
 * @below:  a cgroup; its own inode does not count
 * Returns: 0
 * Errors:  of each(); of the walk, and then nothing was removed
 */
int nested_scan(const struct cgroup_root *root, int proc_fd, int registry_fd, const char *below,
                const struct nested_caller *caller);
