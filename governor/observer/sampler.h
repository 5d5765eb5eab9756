/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads one container's files. Five hot ones through kept fds every second; the others by openat
 * every ten seconds, or sooner while they matter. A kept fd that was read costs the kernel 5 KiB.
 *
 * The pressure files are among the others: they are for display, the ladder decides; read by
 * openat, and never twice within a second, since reading one twice within 20 ms makes the kernel
 * lose stall time.
 */
#pragma once

#include "state/link.h"
#include "state/sample.h"

#define SAMPLER_HOT_FILES      5
#define SAMPLER_COLD_NS        (10 * NSEC_PER_SEC)
#define SAMPLER_MEMORY_STAT_NS (2 * NSEC_PER_SEC)  /* while memory is short: it is the dear one */
#define SAMPLER_PRESSURE_NS    NSEC_PER_SEC        /* while the ladder fires */
#define SAMPLER_ALERT_NS       (10 * NSEC_PER_SEC) /* how long "while" lasts after an event */

struct disk_table;

struct sampler {
        int dir_fd;
        int hot_fd[SAMPLER_HOT_FILES];
        uint32_t ladder_mask;
        uint64_t ladder_count[LINK_LADDER_FDS];
        uint64_t ladder_ns[3];  /* when the ladder of cpu, memory, io fired last */
        uint64_t pids_alert_ns; /* when there were many tasks */
        uint64_t cold_ns, memory_stat_ns, pressure_ns; /* when these were read last */
        struct sample last;                            /* the last known value of every field */
        struct disk_table *disks; /* takes io.stat by disk, too; NULL: nobody asks for it */
};

/* Takes over @dir_fd. Files that do not exist (a controller is off) are left out for good. */
void sampler_open(struct sampler *s, int dir_fd);
void sampler_done(struct sampler *s);

/* Makes the next sample read everything: limits were changed. */
void sampler_expect_change(struct sampler *s);

/*
 * Reads what is due.
 *
 * @now_ns: CLOCK_BOOTTIME
 * @ret:    what was read; s->last has it too
 * Errors:  -ENODEV the cgroup is gone
 */
int sampler_read(struct sampler *s, uint64_t now_ns, struct sample *ret);

/* Sums io.stat over devices into rbytes, wbytes, rios, wios. For tests too. */
void sampler_parse_io(const char *text, uint64_t ret[static 4]);
