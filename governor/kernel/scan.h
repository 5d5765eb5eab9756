/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Containers without a hook: found by the names that engines give their cgroups.
 *
 *     /system.slice/docker-<64 hex>.scope             Docker, systemd driver
 *     /docker/<64 hex>                                Docker, cgroupfs driver
 *     /machine.slice/libpod-<64 hex>.scope[/container] Podman (the leaf is crun's)
 *     /kubepods.slice/.../cri-containerd-<id>.scope   Kubernetes: observed only
 *     /user.slice/.../...                             rootless: observed only
 *
 * or, under any other name, by the init of a pid namespace that is in them (plain runc and crun,
 * ctr, LXC); the id then is the name.
 */
#pragma once

#include "governor/kernel/cgroup.h"
#include "state/link.h"

#define SCAN_MAX 5000 /* cgroups that one scan reports */

/*
 * What a cgroup path is, by its name alone.
 *
 * @ret_id:    the container's id
 * @ret_flags: enum container_flag
 * Returns:    1 a container, 0 something else
 */
int scan_classify(const char *path, char ret_id[static CONTAINER_ID_SIZE], unsigned *ret_flags);

/*
 * Whether dtgov must leave a cgroup alone: the root, init.scope, slices, units of system.slice
 * that are no container, its own cgroup and the ancestors of it.
 *
 * @self: this process's own cgroup, from proc_cgroup()
 */
bool scan_protected(const char *path, const char *self);

/*
 * Walks the hierarchy and calls @each for every populated cgroup that scan_classify() knows or that
 * holds the init of a pid namespace, with pid 0 when no process could be read. Stops when it
 * returns below 0 and hands that on.
 *
 * Errors: of @each; also when a part could not be read and there may be more containers
 */
int scan_containers(const struct cgroup_root *root, int proc_fd,
                int (*each)(void *data, const struct container *c, unsigned flags), void *data);
