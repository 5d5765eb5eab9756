/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring of blocks. One sample in a block is
 *
 *     how much longer ago the one before is than that one's before, in ns | fields present XOR
 * those before | fields that changed | for each of these its difference to the field's last value
 *
 * each a variable-length number of 7 bits a byte, differences with their sign in the lowest bit
 * (zigzag), so that a small step either way is one byte. "Before" is zero at the start of a block,
 * so the first sample of a block is whole and blocks can be dropped from the old end one by one.
 * A field that is read every tenth time is coded against the last time it was read.
 *
 * Source: the varint and zigzag coding of Protocol Buffers
 */
#include "state/sample_ring.h"

#include <string.h>

#define BLOCK_BYTES  1944
#define VARINT_MAX   10 /* bytes of 64 bits */
#define RECORD_MAX   ((3 + SAMPLE_COUNT) * VARINT_MAX)
#define MALLOC_EXTRA 16 /* bytes that the allocator adds to a block */

_Static_assert(sizeof(struct sample_ring) + SAMPLE_RING_BLOCKS * (BLOCK_BYTES + MALLOC_EXTRA) <=
                                SAMPLE_RING_BYTES,
                "a ring has its bound");
_Static_assert(RECORD_MAX <= BLOCK_BYTES, "every sample fits into a block");

static uint8_t *put_varint(uint8_t *p, uint64_t value) {
        for (; value >= 0x80; value >>= 7)
                *p++ = (uint8_t)(value | 0x80);
        *p++ = (uint8_t)value;
        return p;
}

static uint64_t get_varint(const uint8_t *data, uint32_t end, uint32_t *offset) {
        uint64_t value = 0;

        for (unsigned shift = 0; *offset < end && shift < 64; shift += 7) {
                uint8_t byte = data[(*offset)++];

                value |= (uint64_t)(byte & 0x7f) << shift;
                if (!(byte & 0x80))
                        break;
        }
        return value;
}

/* Differences wrap around at 64 bits, so that "max" (all ones) to 0 is a step of 1. */
static uint64_t zigzag(uint64_t difference) {
        return (difference << 1) ^ (0 - (difference >> 63));
}

static uint64_t unzigzag(uint64_t code) {
        return (code >> 1) ^ (0 - (code & 1));
}

static size_t encode(struct sample_coder *coder, const struct sample *s, uint8_t *out) {
        uint64_t changed = 0, interval_ns;
        uint8_t *p = out;

        for (uint64_t left = s->present; left != 0; left &= left - 1) {
                int i = __builtin_ctzll(left);

                if (s->value[i] != coder->value[i])
                        changed |= 1ULL << i;
        }

        interval_ns = s->boottime_ns - coder->boottime_ns;
        p = put_varint(p, zigzag(interval_ns - coder->interval_ns));
        p = put_varint(p, s->present ^ coder->present);
        p = put_varint(p, changed);
        for (uint64_t left = changed; left != 0; left &= left - 1) {
                int i = __builtin_ctzll(left);

                p = put_varint(p, zigzag(s->value[i] - coder->value[i]));
                coder->value[i] = s->value[i];
        }
        coder->boottime_ns = s->boottime_ns;
        coder->interval_ns = interval_ns;
        coder->present = s->present;
        return (size_t)(p - out);
}

static struct sample_block *block_at(struct sample_ring *ring, uint32_t n) {
        return &ring->blocks[(ring->first + n) % SAMPLE_RING_BLOCKS];
}

static void drop_oldest(struct sample_ring *ring) {
        struct sample_block *b = block_at(ring, 0);

        free(b->data);
        *b = (struct sample_block){};
        ring->first = (ring->first + 1) % SAMPLE_RING_BLOCKS;
        ring->blocks_count--;
}

void sample_ring_done(struct sample_ring *ring) {
        while (ring->blocks_count > 0)
                drop_oldest(ring);
        *ring = (struct sample_ring){};
}

static int begin_block(struct sample_ring *ring) {
        uint8_t *data = malloc(BLOCK_BYTES);

        if (!data)
                return -ENOMEM;

        if (ring->blocks_count == SAMPLE_RING_BLOCKS)
                drop_oldest(ring);
        *block_at(ring, ring->blocks_count++) = (struct sample_block){ .data = data };
        ring->coder = (struct sample_coder){};
        return 0;
}

int sample_ring_add(struct sample_ring *ring, const struct sample *s) {
        struct sample_coder before;
        struct sample_block *b = NULL;
        uint8_t record[RECORD_MAX];
        size_t len = 0;
        int r;

        if (ring->blocks_count > 0)
                b = block_at(ring, ring->blocks_count - 1);
        if (b && s->boottime_ns < b->last_boottime_ns)
                return -EINVAL;

        while (ring->blocks_count > 1 &&
                        block_at(ring, 0)->last_boottime_ns + SAMPLE_RING_NS < s->boottime_ns)
                drop_oldest(ring);

        before = ring->coder;
        if (b)
                len = encode(&ring->coder, s, record);
        if (!b || b->used + len > BLOCK_BYTES) {
                r = begin_block(ring);
                if (r < 0) {
                        ring->coder = before;
                        return r;
                }
                b = block_at(ring, ring->blocks_count - 1);
                len = encode(&ring->coder, s, record);
        }

        memcpy(b->data + b->used, record, len);
        b->used += (uint32_t)len;
        b->count++;
        b->last_boottime_ns = s->boottime_ns;
        return 0;
}

void sample_ring_seek(const struct sample_ring *ring, uint64_t since_boottime_ns,
                struct sample_cursor *ret) {
        *ret = (struct sample_cursor){ .ring = ring };
        while (ret->block + 1 < ring->blocks_count) {
                uint32_t i = (ring->first + ret->block) % SAMPLE_RING_BLOCKS;

                if (ring->blocks[i].last_boottime_ns >= since_boottime_ns)
                        break;
                ret->block++;
        }
}

bool sample_ring_next(struct sample_cursor *cursor, struct sample *ret) {
        const struct sample_ring *ring = cursor->ring;
        struct sample_coder *coder = &cursor->coder;
        const struct sample_block *b;
        uint64_t changed;

        for (;; cursor->block++, cursor->offset = 0, *coder = (struct sample_coder){}) {
                if (cursor->block >= ring->blocks_count)
                        return false;
                b = &ring->blocks[(ring->first + cursor->block) % SAMPLE_RING_BLOCKS];
                if (cursor->offset < b->used)
                        break;
        }

        coder->interval_ns += unzigzag(get_varint(b->data, b->used, &cursor->offset));
        coder->boottime_ns += coder->interval_ns;
        coder->present ^= get_varint(b->data, b->used, &cursor->offset);
        changed = get_varint(b->data, b->used, &cursor->offset);
        for (; changed != 0; changed &= changed - 1)
                coder->value[__builtin_ctzll(changed)] +=
                                unzigzag(get_varint(b->data, b->used, &cursor->offset));

        *ret = (struct sample){ .boottime_ns = coder->boottime_ns, .present = coder->present };
        for (uint64_t left = coder->present; left != 0; left &= left - 1) {
                int i = __builtin_ctzll(left);

                ret->value[i] = coder->value[i];
        }
        return true;
}

size_t sample_ring_count(const struct sample_ring *ring) {
        size_t count = 0;

        for (size_t i = 0; i < SAMPLE_RING_BLOCKS; i++)
                count += ring->blocks[i].count;
        return count;
}

size_t sample_ring_used(const struct sample_ring *ring) {
        size_t used = 0;

        for (size_t i = 0; i < SAMPLE_RING_BLOCKS; i++)
                used += ring->blocks[i].used;
        return used;
}
