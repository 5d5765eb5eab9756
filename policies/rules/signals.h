/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hard signals: counters of the kernel whose growth takes a fresh change back at once. They
 * only grow and are compared with what they were before the write. Pure.
 *
 * A kill counts when it hit a process of this very cgroup, or one below while this cgroup's own
 * limit was what ran out: a nested container that dies of its own limit is no verdict on ours.
 *
 * Source: Documentation/admin-guide/cgroup-v2.rst, memory.events, memory.events.local, pids.events
 */
#pragma once

#include "state/change.h"

/* X(id, file, key) */
#define SIGNAL_TABLE(X)                                                                            \
        X(KILL_LOCAL, "memory.events.local", "oom_kill")                                           \
        X(KILL_BELOW, "memory.events", "oom_kill")                                                 \
        X(OOM_LOCAL, "memory.events.local", "oom")                                                 \
        X(PIDS_REFUSED, "pids.events", "max")                                                      \
        X(MEMORY_FULL, "memory.events.local", "max")

#define SIGNAL_ID(id, ...) SIGNAL_##id,
enum signal { SIGNAL_TABLE(SIGNAL_ID) SIGNALS };
#undef SIGNAL_ID

#define SIGNAL_UNKNOWN UINT64_MAX       /* cannot be read */
#define SIGNAL_ABSENT  (UINT64_MAX - 1) /* no such file or line: the controller is off here */

struct signal_row {
        const char *file, *key;
};

extern const struct signal_row signal_rows[SIGNALS];

/*
 * What has grown since the change was written.
 *
 * @since:  the counters before the write; one that was unknown then begins with what it is now: no
 *          growth from nothing, and no proof of no harm either
 * Returns: the reason to take @x back, or REASON_NONE
 */
enum reason signals_harm(const struct change *x, uint64_t since[static SIGNALS],
                const uint64_t now[static SIGNALS]);

/* Whether each signal that the container has was read: only then "no harm" is known. */
bool signals_known(const uint64_t since[static SIGNALS], const uint64_t now[static SIGNALS]);
