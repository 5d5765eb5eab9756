/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last five minutes of one container's samples, coded, in at most 16 KiB. A sample read back is
 * what was put in: absolute, with the same fields present. Where five minutes do not fit, the
 * oldest samples go.
 */
#pragma once

#include "state/sample.h"

#define SAMPLE_RING_NS     (300 * NSEC_PER_SEC)
#define SAMPLE_RING_BYTES  (16 * KIB) /* of the structure and its blocks together */
#define SAMPLE_RING_BLOCKS 8

/* What both ends of the code remember of the samples before: the last value of every field. */
struct sample_coder {
        uint64_t boottime_ns, interval_ns, present;
        uint64_t value[SAMPLE_COUNT];
};

struct sample_block {
        uint8_t *data; /* NULL: not needed so far */
        uint32_t used; /* bytes */
        uint32_t count;
        uint64_t last_boottime_ns;
};

struct sample_ring {
        struct sample_block blocks[SAMPLE_RING_BLOCKS];
        uint32_t first, blocks_count; /* the oldest block, and how many hold samples */
        struct sample_coder coder;
};

/* A place in a ring; a later sample_ring_add() makes it void. */
struct sample_cursor {
        const struct sample_ring *ring;
        uint32_t block, offset; /* block counts from the oldest */
        struct sample_coder coder;
};

/* A ring of zero bytes is empty; done() leaves it so. */
void sample_ring_done(struct sample_ring *ring);

/*
 * Puts a sample at the end. Its time must not be before that of the last one.
 *
 * Errors: -EINVAL it is before; -ENOMEM: the sample is lost, the others stay
 */
int sample_ring_add(struct sample_ring *ring, const struct sample *s);

/* Starts reading at or somewhat before (at most one block) @since_boottime_ns. */
void sample_ring_seek(const struct sample_ring *ring, uint64_t since_boottime_ns,
                struct sample_cursor *ret);

/* Returns: whether there was one more sample. Fields that are not present are 0. */
bool sample_ring_next(struct sample_cursor *cursor, struct sample *ret);

/* Number of samples, and bytes that they take coded. */
size_t sample_ring_count(const struct sample_ring *ring);
size_t sample_ring_used(const struct sample_ring *ring);
