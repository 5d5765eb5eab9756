/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container: one OCI container instance and its cgroup. Its identity is the boot, the inode of
 * its cgroup, and its id together, never a name or a path alone: docker restart keeps both of
 * those and makes another cgroup.
 */
#pragma once

#include "state/error.h"
#include "state/json.h"

#include <sys/types.h>

#define CONTAINER_ID_SIZE   129  /* 128 characters, as containerd and Docker allow, and a NUL */
#define CONTAINER_PATH_SIZE 1024 /* cgroup path or bundle, with the NUL */
#define CONTAINER_FILE_MAX  4096 /* bytes of one registry file */

/* Who owns the limits of the cgroup. */
enum container_owner {
        OWNER_PLAIN,   /* nobody but the kernel: cgroupfs driver, or below a delegated unit */
        OWNER_SYSTEMD, /* the cgroup is a unit's own: runc under the systemd driver */
};

/* Fixed size and without pointers: it also travels over the link as it is. */
struct container {
        char id[CONTAINER_ID_SIZE];
        char runtime[32];                 /* name of what called the hook, "" when adopted */
        int32_t pid;                      /* init of the container, 0 unknown */
        uint64_t starttime_ticks;         /* field 22 of /proc/pid/stat, proc(5) */
        char cgroup[CONTAINER_PATH_SIZE]; /* from the cgroup2 mount, "/docker/..." */
        uint64_t cgroup_inode;
        uint64_t netns_inode; /* 0: not known (adopted) */
        char bundle[CONTAINER_PATH_SIZE];
        uint64_t created_boottime_ns;
};

/* [A-Za-z0-9][A-Za-z0-9_.-]{0,127}: safe as one component of a path. */
bool container_id_valid(const char *id);

/*
 * Why a container is watched and never changed, by its cgroup: another owns its limits and would
 * write them again. NULL: it may be changed.
 */
const char *container_observed_only(const char *cgroup);

/*
 * The scope around a cgroup that crun made for itself within it: ".../X.scope" of
 * ".../X.scope/container". A newer crun (1.21, not 1.8) sets the same limits on both: both have to
 * change.
 *
 * Returns: whether @cgroup is such a one
 */
bool container_scope(const char *cgroup, char ret[static CONTAINER_PATH_SIZE]);

/*
 * One registry file, format version 1:
 * {v,id,runtime,pid,starttime,cgroup,cgroup_inode,netns_inode,bundle,created_boottime_ns}
 *
 * Errors: -EINVAL not of that form, an id that is not valid, a path with ".." or not absolute;
 *         -EPROTONOSUPPORT a newer "v"; @err says which
 */
int container_from_json(const char *text, size_t len, struct container *ret, struct error *err);
int container_to_json(const struct container *c, struct json_writer *w);
