/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the limit files of io hold beside a plain number: io.weight has a line "default 100" before
 * those of single devices, io.max four limits for each device. The kernel changes what a write
 * names, and leaves all else in the file.
 *
 * Source: Documentation/admin-guide/cgroup-v2.rst, "IO Interface Files"; block/blk-throttle.c
 */
#pragma once

#include "state/base.h"

#define IO_DEVICE_SIZE    24 /* "4294967295:4294967295" with the NUL */
#define IO_WEIGHT_DEFAULT 100
#define IO_WEIGHT_MOST    10000
#define IO_BFQ_MOST       1000

/* What weighs the IO of one cgroup against another's, by device. */
struct io_weighing {
        bool iocost;      /* takes io.weight */
        bool bfq;         /* takes io.bfq.weight */
        char devices[64]; /* that were looked at: "8:0, 259:0"; "": it has used none yet */
};

/* What a device's number stands for. */
struct io_disk {
        bool present;
        bool swap;                  /* there is swap on it */
        char whole[IO_DEVICE_SIZE]; /* it is a partition of that disk; "": it is a disk */
};

/*
 * The io.bfq.weight that goes with an io.weight, and back: 1 to 10000 onto 1 to 1000, with 100 in
 * both.
 *
 * Source: systemd, src/core/cgroup.c BFQ_WEIGHT()
 */
uint64_t io_weight_to_bfq(uint64_t weight);
uint64_t io_weight_of_bfq(uint64_t bfq_weight);

/* In the order in which the kernel shows them. */
enum io_limit { IO_RBPS, IO_WBPS, IO_RIOPS, IO_WIOPS, IO_LIMIT_COUNT };

struct io_limit_row {
        const char *name;
        bool bytes;           /* a second, else operations a second */
        uint64_t least, most; /* that dtgov writes; the least is what lets work go on */
};

extern const struct io_limit_row io_limits[IO_LIMIT_COUNT];

/* Which limit of which device, as one number; never 0, since no disk is 0:0. */
uint64_t io_key(uint64_t major, uint64_t minor, enum io_limit limit);
enum io_limit io_key_limit(uint64_t key);
void io_key_device(uint64_t key, char ret[static IO_DEVICE_SIZE]); /* "8:0" */

/*
 * Reads "8:0 wbps=" at the beginning of @text.
 *
 * @ret_end: what stands behind it
 * Errors:   -EINVAL
 */
int io_key_parse(const char *text, uint64_t *ret, const char **ret_end);

/* The line of the key's device in the text of io.max, NULL when there is none. */
const char *io_max_line(const char *text, uint64_t key);

/*
 * One limit in the text of io.max. A device that has no line has no limit.
 *
 * @ret:   UINT64_MAX: "max"
 * Errors: -EINVAL not in the file's form; -ERANGE
 */
int io_max_read(const char *text, uint64_t key, uint64_t *ret);

/* The text of io.max once that limit is written into it. Errors: as above; -E2BIG */
int io_max_merge(const char *text, uint64_t key, uint64_t amount, char *out, size_t size);
