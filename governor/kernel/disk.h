/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host's disks have done since it was started, whoever wanted it.
 *
 * Source: Documentation/admin-guide/iostats.rst
 */
#pragma once

#include "state/io.h"

/* Counters by io_limit: bytes read and written, reads and writes. */
struct disk_counters {
        uint64_t disk; /* io_key() of its first limit */
        uint64_t value[IO_LIMIT_COUNT];
        bool stacked; /* it lies on other disks, which show the same IO (dm, md, loop) */
};

/*
 * Fills in the values of those disks that are in /proc/diskstats. Requests that were merged count
 * as those that they were made of, as io.stat counts them.
 *
 * Errors: of open(2) and read(2); -EFBIG more than a hundred disks and partitions or so
 */
int disk_read(int proc_fd, struct disk_counters *disks, size_t count);

/* One line of /proc/diskstats. Errors: -EINVAL */
int disk_parse(const char *line, struct disk_counters *ret);
