/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading cgroup v2, all by directory fd: a held directory never becomes its successor of the same
 * name. Nothing here writes; what writes is in cgroup_write.h and psi_arm.h.
 *
 * Source: Documentation/admin-guide/cgroup-v2.rst; openat2(2)
 */
#pragma once

#include "state/container.h"
#include "state/knob.h"

#include <sys/types.h>

#define CGROUP_FILE_MAX  16384 /* bytes of a file that is read whole; memory.stat has 2 KiB */
#define CGROUP_DEPTH_MAX 16    /* levels below a container that are walked */

struct cgroup_root {
        int fd; /* O_PATH of the mount point of cgroup2 */
        char path[CONTAINER_PATH_SIZE];
};

/*
 * Finds and opens the cgroup2 mount, by libcgroup.
 *
 * @path:  NULL: discover; else a directory taken as the root, for tests and private trees. Below a
 *         discovered mount it restricts what this process governs.
 * Errors: -ENOTSUP no unified hierarchy: "needs unified cgroup v2; found hybrid" or v1 or none
 */
int cgroup_root_open(const char *path, struct cgroup_root *ret, struct error *err);
void cgroup_root_close(struct cgroup_root *root);

/*
 * Opens a cgroup's directory below the root (openat2: RESOLVE_BENEATH, no symbolic or magic links)
 * and checks that it is on cgroup2.
 *
 * @path:   as in /proc/pid/cgroup, from the mount: "/system.slice/docker-x.scope"
 * Returns: O_PATH fd in *ret_fd, inode number in *ret_inode
 * Errors:  -ENOENT; -EXDEV leaves the root; -EINVAL not a cgroup2 directory
 */
int cgroup_open(const struct cgroup_root *root, const char *path, int *ret_fd, uint64_t *ret_inode,
                struct error *err);

/* Reads one file of an open cgroup. Errors: -ENOENT and -ENODEV both mean that it may be gone. */
ssize_t cgroup_read(int dir_fd, const char *file, char *buf, size_t size);

/* A file of one number; the word "max" is KNOB_MAX. Errors: as above; -EINVAL not a number. */
int cgroup_read_u64(int dir_fd, const char *file, uint64_t *ret);

/* One value of a flat keyed file. Errors: as above; -ENODATA no such key. */
int cgroup_read_key(int dir_fd, const char *file, const char *key, uint64_t *ret);

/* The text of every limit file that there is. *ret is set up here: limits_done() it. */
int cgroup_read_limits(int dir_fd, struct limits *ret);

/* Whether processes live in it or below. Returns: 1, 0; -ENODEV it is gone. */
int cgroup_populated(int dir_fd);

/*
 * The tightest value of a knob among the ancestors of @path, itself not included.
 *
 * @ret_path: the ancestor that sets it; "" and KNOB_MAX when none does
 */
int cgroup_parent_limit(const struct cgroup_root *root, const char *path, enum knob_id id,
                struct knob_value *ret, char ret_path[static CONTAINER_PATH_SIZE]);

/*
 * Calls @each for every pid in the cgroup and its descendants, at most @max; the order is the
 * kernel's, a pid may come twice. Stops when it returns below 0 and hands that on.
 */
int cgroup_each_pid(int dir_fd, size_t max, int (*each)(void *data, pid_t pid), void *data);
