/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/control/siphash.h"

#include <endian.h>
#include <string.h>

static uint64_t rotate(uint64_t x, unsigned bits) {
        return x << bits | x >> (64 - bits);
}

static void round_(uint64_t v[static 4]) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = rotate(v[1], 13) ^ v[0];
        v[3] = rotate(v[3], 16) ^ v[2];
        v[0] = rotate(v[0], 32);
        v[2] += v[1];
        v[0] += v[3];
        v[1] = rotate(v[1], 17) ^ v[2];
        v[3] = rotate(v[3], 21) ^ v[0];
        v[2] = rotate(v[2], 32);
}

static void take(uint64_t v[static 4], uint64_t word) {
        v[3] ^= word;
        round_(v);
        round_(v);
        v[0] ^= word;
}

uint64_t siphash24(const uint64_t key[static 2], const void *data, size_t len) {
        uint64_t v[4] = { key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
                key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573 };
        const unsigned char *at = data;
        unsigned char last[8] = { 0 };
        uint64_t word;

        for (size_t left = len; left >= 8; left -= 8, at += 8) {
                memcpy(&word, at, 8);
                take(v, le64toh(word));
        }
        memcpy(last, at, len % 8);
        last[7] = (unsigned char)len;
        memcpy(&word, last, 8);
        take(v, le64toh(word));
        v[2] ^= 0xff;
        for (int i = 0; i < 4; i++)
                round_(v);
        return v[0] ^ v[1] ^ v[2] ^ v[3];
}
