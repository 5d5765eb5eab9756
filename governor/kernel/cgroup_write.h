/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing a limit file. Only dtgovd links this.
 */
#pragma once

#include "governor/kernel/cgroup.h"

/*
 * Writes a knob of an open cgroup in one write(2), EINTR retried. May block in reclaim (memory.max,
 * memory.high): call it from a writer thread.
 *
 * Errors: of openat(2) and write(2); -ENODEV or -ENOENT: the cgroup is gone; -ENXIO no such
 *         disk, or a partition
 */
int cgroup_write(int dir_fd, enum knob_id id, struct knob_value value);
