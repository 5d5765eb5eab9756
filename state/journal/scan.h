/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the journal: which records count, where writing goes on, and what is wrong.
 */
#pragma once

#include "state/journal/changes.h"
#include "state/journal/segment.h"

struct scan {
        uint64_t next_seq;    /* of the first record that is not there */
        uint64_t durable_seq; /* as the last record says */
        uint64_t torn_seq;    /* first dropped record at the end, 0: none */
        uint64_t damaged_seq; /* first bad record with good ones behind it, 0: none */
        uint32_t crc;         /* of the last record */
        uint16_t newer;       /* version of a record that is newer than this program, 0: none */
        int fd;               /* the last segment, -1: it cannot be written on */
        size_t used_bytes;    /* of it */
};

/*
 * Reads all segments into @changes. Only open files and memory can fail; damage is an answer.
 *
 * Errors: as segment_load(); -ENOMEM
 */
int scan_all(struct segments *s, struct changes *changes, struct scan *ret, struct error *err);
