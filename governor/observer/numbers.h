/* SPDX-License-Identifier: Apache-2.0 */
/*
 * F numbers: host-wide and never used twice. A block of them is reserved in a small file before any
 * of it is given out, so that a crash skips numbers and never repeats one.
 */
#pragma once

#include "state/error.h"

#define NUMBERS_FILE  "finding-number"
#define NUMBERS_BLOCK 100

struct numbers {
        int dir_fd; /* -1: nowhere to keep them */
        uint64_t next, reserved;
};

/*
 * Reads what is reserved.
 *
 * @dir_fd: taken over; -1 is allowed
 * Errors:  -EINVAL the file holds no number: counting would begin anew, so nothing is given out
 */
int numbers_open(struct numbers *n, int dir_fd, struct error *err);
void numbers_done(struct numbers *n);

/* The next number; 0 when none can be reserved. */
uint64_t numbers_next(struct numbers *n);
