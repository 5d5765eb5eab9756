/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who does what on which disk. Kept only while some container waits for its disks (its 20 % trigger
 * of io fires), in parts of 10 s that begin and end together for all containers; given up once
 * nobody waited through a whole part. Samples sum io.stat over disks; here its lines are kept
 * apart.
 */
#pragma once

#include "governor/kernel/disk.h"
#include "policies/analysis/io_brake.h"
#include "state/sample.h"

#define DISKS_MAX  32 /* of the host, that containers used; more are not looked at */
#define DISKS_RUNG 7  /* whose trigger tells of a wait: io at 20 %, as in link.h */

struct manager;
struct target;

/* What io.stat showed last, by disk. */
struct disk_table {
        bool read; /* else it is not known yet */
        struct disk_counters rows[IO_DISKS_MAX];
        unsigned count;
};

/* What is kept of a container while it is watched. */
struct disk_watch {
        struct disk_table now, begin; /* of the last sample, and at the begin of this part */
        uint64_t ladder[3], refaults; /* at the begin of this part */
        struct io_tenant tenant;
};

struct disks {
        uint64_t waited_ns; /* when somebody's trigger fired last; 0: never */
        uint64_t opened_ns; /* when the watch began; 0: nothing is watched */
        uint64_t part_ns;   /* begin of this part; 0: not all tables are read yet */
        uint64_t span_usec[IO_PARTS];
        struct io_disk_use uses[DISKS_MAX];
        struct disk_counters begin[DISKS_MAX]; /* of the host, in the order of uses */
        size_t count;
};

/* Reads the lines of io.stat; of a disk that did nothing some kernels show only its number. */
void disk_table_parse(const char *text, struct disk_table *ret);

/* A container waits for its disks: all are watched from the next sweep on. */
void disks_alert(struct manager *m, uint64_t now_ns);

/* Once a sweep. At the end of a part whoever is to blame for a wait gets a finding. */
void disks_tick(struct manager *m, uint64_t now_ns);
