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

#define CGROUP_FILE_MAX     16384 /* bytes of a file that is read whole; memory.stat has 2 KiB */
#define CGROUP_DEPTH_MAX    16    /* levels below the first that are walked */
#define CGROUP_CHILDREN_MAX 4096  /* a container may make as many cgroups as it likes */

struct cgroup_root {
        int fd;                           /* O_PATH of the mount point of cgroup2 */
        char path[CONTAINER_PATH_SIZE];   /* the mount point */
        char prefix[CONTAINER_PATH_SIZE]; /* cgroup that is governed with all below; "": all */
        bool fixture;                     /* a plain directory, for tests: not on cgroup2 */
};

/*
 * Finds and opens the cgroup2 mount, by libcgroup.
 *
 * @path:  NULL: discover all. Below the discovered mount: govern nothing else. Any other directory
 *         is taken for the mount itself: a second mount, or a fixture when it is not on cgroup2.
 * Errors: -ENOTSUP no unified hierarchy: "needs unified cgroup v2; found hybrid", v1 or none
 */
int cgroup_root_open(const char *path, struct cgroup_root *ret, struct error *err);
void cgroup_root_close(struct cgroup_root *root);

/*
 * Opens a cgroup's directory below the root (openat2: RESOLVE_BENEATH, no symbolic or magic links)
 * and checks that it is on cgroup2, unless the root is a fixture.
 *
 * @path:   as in /proc/pid/cgroup, from the mount: "/system.slice/docker-x.scope"
 * Returns: O_PATH fd in *ret_fd, inode number in *ret_inode
 * Errors:  -ENOENT; -EXDEV has "..", or is not below what is governed; -ELOOP a symbolic link;
 *          -EINVAL not absolute, or not a cgroup2 directory
 */
int cgroup_open(const struct cgroup_root *root, const char *path, int *ret_fd, uint64_t *ret_inode,
                struct error *err);

/* Reads one file of an open cgroup. Errors: -ENOENT and -ENODEV both mean that it may be gone. */
ssize_t cgroup_read(int dir_fd, const char *file, char *buf, size_t size);

/* A file of one number; the word "max" is KNOB_MAX. Errors: as above; -EINVAL, -ERANGE of
 * parse_u64(). */
int cgroup_read_u64(int dir_fd, const char *file, uint64_t *ret);

/* One value of a flat keyed file. Errors: as above; -ENODATA no such key. */
int cgroup_read_key(int dir_fd, const char *file, const char *key, uint64_t *ret);

/* The value of a knob. @like, errors: as above; of knob_read_file(). */
int cgroup_read_knob(int dir_fd, enum knob_id id, struct knob_value like, struct knob_value *ret);

/*
 * The text of every limit file that there is. *ret is set up here: limits_done() it.
 *
 * Errors: -ENODEV the cgroup is gone; -ENOMEM
 */
int cgroup_read_limits(int dir_fd, struct limits *ret);

/* Whether processes live in it or below. Returns: 1, 0; -ENODEV it is gone. */
int cgroup_populated(int dir_fd);

/*
 * The tightest value of a knob among the ancestors of @path, itself not included.
 *
 * @like:     as for knob_read_file()
 * @ret_path: the ancestor that sets it; "" and KNOB_MAX when none does
 */
int cgroup_parent_limit(const struct cgroup_root *root, const char *path, enum knob_id id,
                struct knob_value like, struct knob_value *ret,
                char ret_path[static CONTAINER_PATH_SIZE]);

/*
 * Calls @each for a cgroup and all its descendants, parents first, down to CGROUP_DEPTH_MAX levels
 * and at most @max of them. @path is the first one's; @each gets an O_RDONLY fd that is not its to
 * close, and returns 0 to go on, 1 to leave out what is below, or an error that ends the walk.
 *
 * Errors: of @each; -ENOENT, -ENODEV the first is gone; one below that vanishes is passed over. Of
 *         the first directory that could not be read for another reason: the others were walked
 */
int cgroup_walk(int dir_fd, const char *path, size_t max,
                int (*each)(void *data, int dir_fd, const char *path), void *data);

/*
 * Calls @each for every pid in the cgroup itself, or in it and at most CGROUP_CHILDREN_MAX
 * descendants, at most @max pids; the order is the kernel's, a pid may come twice. Stops when @each
 * returns below 0 and hands that on.
 */
int cgroup_each_own_pid(int dir_fd, size_t max, int (*each)(void *data, pid_t pid), void *data);
int cgroup_each_pid(int dir_fd, size_t max, int (*each)(void *data, pid_t pid), void *data);
