/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tail: all records that are not known to be on the disk. They are written to the segment as
 * they come, and leave the tail when fdatasync(2) has answered.
 */
#pragma once

#include "state/journal/segment.h"

#define TAIL_MAX 2048 /* records that wait for the disk: 512 KiB, touched only when needed */

struct tail {
        struct segments segments;
        int fd;                /* segment that is written, -1: the next write makes one */
        size_t used_bytes;     /* of it */
        bool directory_synced; /* its name is on the disk */
        unsigned generation;   /* counts the segments that were given up */
        uint64_t next_seq, durable_seq;
        uint32_t crc; /* of the last record */
        uint8_t boot[16];
        struct record *records; /* room for TAIL_MAX */
        size_t count, written;
};

/* Puts a record at the end; @boot NULL: of this boot. There must be room. */
void tail_add(struct tail *t, enum record_type type, uint64_t change, const uint8_t *boot,
                const void *body, size_t size);

/* Brings the tail into a file, not yet onto the disk. Errors: of the system calls */
int tail_flush(struct tail *t);

/*
 * Waiting for the disk in three parts, of which the middle one touches nothing but @w and may run
 * on another thread while more is added.
 *
 * Returns: tail_sync_begin() 1 there is something to wait for, 0 all is on the disk
 * Errors:  of the system calls; the next begin takes another file
 */
int tail_sync_begin(struct tail *t, struct journal_wait *ret);
int tail_sync_wait(const struct journal_wait *w);
int tail_sync_end(struct tail *t, struct journal_wait *w, int r);

/* All three; a second time into another file when the first one fails. */
int tail_sync(struct tail *t);

/* Whether @records more fit into the segment that is written. */
bool tail_fits(const struct tail *t, size_t records);

/* Gives the segment up: the next write makes another, which supersedes it from the tail's start on.
 */
void tail_abandon(struct tail *t);
