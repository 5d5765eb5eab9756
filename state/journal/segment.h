/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of the journal. A spare ("spare-0.seg") is allocated in advance and becomes a segment
 * by rename(2), under the number of its first record. A segment holds no record from the number on
 * by which the next one is named: what was not known to be on the disk is written again there.
 */
#pragma once

#include "state/journal/record.h"

#define SEGMENT_RECORDS (JOURNAL_SEGMENT_SIZE / JOURNAL_RECORD_SIZE)
#define SEGMENTS_MAX    4096 /* files; more is not of our making */
#define SPARES          2

struct segments {
        int dir_fd;
        uint64_t first[SEGMENTS_MAX]; /* numbers of the files, in order */
        size_t count;
        int spare[SPARES]; /* open files, -1: none there */
};

/*
 * Checks the directory and lists its segments.
 *
 * Errors: -EPERM not the caller's own, writable by others, or a symbolic link; -E2BIG; of the
 * system
 */
int segments_open(struct segments *s, int dir_fd, struct error *err);
void segments_close(struct segments *s);

/*
 * Opens a segment and reads it.
 *
 * @ret_count: whole records in @out
 * Returns:    1: it is of full size and can be written on, 0: it is not
 * Errors:     as segments_open()
 */
int segment_load(struct segments *s, uint64_t first, struct record out[static SEGMENT_RECORDS],
                size_t *ret_count, int *ret_fd, struct error *err);

/* Allocates the spares that are not there; what a crash left of one is made anew. */
int segments_make_spares(struct segments *s);
unsigned segments_spares(const struct segments *s);

/* Makes a spare the segment @first; replaces one of that number. Returns: its fd, the caller's. */
int segments_advance(struct segments *s, uint64_t first);

/* Removes the oldest. */
int segments_drop_oldest(struct segments *s);
