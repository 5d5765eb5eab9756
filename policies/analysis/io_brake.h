/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who fills a disk that another container waits for. Unlike the other rules it looks at all
 * containers at once, and at the host's disks: what they did in the last three parts of 10 s, which
 * are the same for all. Pure.
 */
#pragma once

#include "policies/analysis/view.h"
#include "state/finding.h"
#include "state/io.h"

#define IO_PARTS     VIEW_PARTS_MIN
#define IO_DISKS_MAX 8 /* of one container; more are not looked at */

/* What was done on one disk in each part, the oldest first: bytes and operations, by io_limit. */
struct io_use {
        uint64_t disk; /* io_key() of its first limit */
        uint64_t grown[IO_PARTS][IO_LIMIT_COUNT];
};

/* One container in these parts. */
struct io_tenant {
        uint64_t cgroup_inode;
        const char *cgroup;              /* borrowed: one within another has no say about it */
        unsigned parts;                  /* that it was watched in: IO_PARTS, or it came later */
        uint64_t stalled_usec[IO_PARTS]; /* waiting for disks, as its ladder proves it */
        uint64_t refaults[IO_PARTS];     /* pages that it wanted back */
        uint64_t limited[IO_DISKS_MAX];  /* disks where it has a limit, and may wait for that; 0:
                                            none */
        struct io_use uses[IO_DISKS_MAX];
        unsigned uses_count;
};

/* A disk of the host, by whomever it was used. */
struct io_disk_use {
        struct io_use use;
        bool stacked;                          /* it lies on other disks, which show the same IO */
        uint64_t most_per_sec[IO_LIMIT_COUNT]; /* that it was ever seen to do, in a part */
};

struct io_host {
        uint64_t span_usec[IO_PARTS];
        const struct io_disk_use *disks;
        size_t disks_count;
};

/* Whether a container waits so long for its disks, in each part, that somebody may be to blame. */
bool io_brake_waits(const struct io_tenant *victim, const struct io_host *host);

/*
 * The one that @victim waits for.
 *
 * @ret:    time, lost and evidence, but for the limit that it has already; container and rule
 *          are the caller's. Written only when there is one
 * Returns: its place among @tenants; @count: nobody
 */
size_t io_brake_find(const struct io_tenant *const *tenants, size_t count,
                const struct io_host *host, const struct io_tenant *victim, struct finding *ret);
