/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Block devices, as cgroups see them: by the numbers "8:0".
 *
 * Source: Documentation/admin-guide/cgroup-v2.rst, "IO"; Documentation/ABI/stable/sysfs-block
 */
#pragma once

#include "state/io.h"

/*
 * What weighs IO on the devices that a cgroup has used; where it has used none yet, on any disk of
 * the host. What cannot be read counts as not active.
 *
 * @root_fd: of the root cgroup: io.cost.qos has a line with "enable=1" for each device of iocost
 * @sys_fd:  of /sys, or of a fixture: a device's queue/scheduler shows "[bfq]"
 * @dir_fd:  of the cgroup: io.stat names its devices
 */
void block_weighing(int root_fd, int sys_fd, int dir_fd, struct io_weighing *ret);
