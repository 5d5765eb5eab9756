/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processes behind a bottleneck. A container's processes are looked at only while it is in
 * trouble, at most once a second and at most 512 of them; what they did is summed up by name and
 * readable ancestor ("cc1plus" of "ninja"), and fades, so that a build's short-lived compilers add
 * up and what ended a minute ago does not count.
 *
 * Source: proc(5); Documentation/scheduler/sched-stats.rst (run-queue wait)
 */
#pragma once

#include "state/finding.h"

#define ATTRIBUTION_PIDS_MAX    512
#define ATTRIBUTION_INTERVAL_NS NSEC_PER_SEC
#define ATTRIBUTION_GROUPS_MAX  48 /* names with the same ancestor; the least of them give way */

struct attribution;

int attribution_new(struct attribution **ret);
void attribution_free(struct attribution *a);

/*
 * Looks at the container's processes once. The first look only notes where they stand.
 *
 * @proc_fd:    of /proc, or of a fixture
 * @dir_fd:     of the container's cgroup
 * @now_ns:     CLOCK_BOOTTIME; sooner than a second after the last look it does nothing
 * @usage_usec: cpu.stat's usage_usec now: shares are of what the container used meanwhile
 * Errors:      -ENOMEM; of reading cgroup.procs
 */
int attribution_scan(struct attribution *a, int proc_fd, int dir_fd, uint64_t now_ns,
                uint64_t usage_usec);

enum attribution_order { BY_CPU, BY_MEMORY_GROWTH, BY_COUNT };

/* The groups that did most. Returns how many, at most @max. */
unsigned attribution_top(const struct attribution *a, enum attribution_order order,
                struct culprit *ret, unsigned max);

/*
 * Leaves out, in place, who did next to nothing; never the first. By count nobody is left out, by
 * memory nobody who holds some. Returns how many stay.
 */
unsigned attribution_notable(
                struct culprit *culprits, unsigned count, enum attribution_order order);

/* Whether a name says nothing to a person who wants to know what runs: shells, wrappers, inits. */
bool attribution_dull(const char *comm);

/* Whether it is a tool that people start by name: make, ninja, cargo, npm, gradle... */
bool attribution_telling(const char *comm);
