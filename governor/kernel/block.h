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

/*
 * What the device of a key of io.max is.
 *
 * @proc_fd: of /proc: swaps
 */
void block_disk(int proc_fd, int sys_fd, uint64_t key, struct io_disk *ret);

/*
 * Whether systemd gives a limit of this device to another: of a partition, and of what is mapped
 * onto disks, to what it lies on.
 *
 * Returns: 1 it does, 0 it is a disk of its own
 * Errors:  -ENOENT no block device
 */
int block_lies_on_another(int sys_fd, uint64_t key);

#define BLOCK_NODE_SIZE 64

/*
 * The device's node by the kernel's own name, "/dev/sda"; "/dev/block/8:0", which only udev makes,
 * where the kernel does not say.
 *
 * @sys_fd: of /sys: the device's uevent has DEVNAME
 */
void block_node(int sys_fd, uint64_t key, char ret[static BLOCK_NODE_SIZE]);
