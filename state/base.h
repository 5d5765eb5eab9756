/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every file may use: cleanup attributes, units, small macros. No functions that do I/O.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define NSEC_PER_USEC 1000ULL
#define NSEC_PER_MSEC 1000000ULL
#define NSEC_PER_SEC  1000000000ULL
#define USEC_PER_MSEC 1000ULL
#define USEC_PER_SEC  1000000ULL
#define KIB           1024ULL
#define MIB           (1024ULL * KIB)
#define GIB           (1024ULL * MIB)

#define ARRAY_LEN(a)      (sizeof(a) / sizeof((a)[0]))
#define CLEANUP(function) __attribute__((cleanup(function)))
#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* Hands a pointer on and leaves NULL behind, so that its CLEANUP has nothing left to free. */
#define TAKE(pointer)                                                                              \
        ({                                                                                         \
                __typeof__(pointer) *take_ = &(pointer);                                           \
                __typeof__(pointer) taken_ = *take_;                                               \
                *take_ = NULL;                                                                     \
                taken_;                                                                            \
        })

/* The same for a file descriptor; -1 stays behind. */
static inline int take_fd(int *fd) {
        int taken = *fd;

        *fd = -1;
        return taken;
}

/* For CLEANUP: frees what a local pointer owns. */
static inline void freep(void *pointer) {
        free(*(void **)pointer);
}

/* For CLEANUP: closes a local file descriptor unless it is negative; errno stays. */
static inline void closep(const int *fd) {
        int saved = errno;

        if (*fd >= 0)
                (void)close(*fd);
        errno = saved;
}

static inline uint64_t u64_min(uint64_t a, uint64_t b) {
        return a < b ? a : b;
}

static inline uint64_t u64_max(uint64_t a, uint64_t b) {
        return a > b ? a : b;
}

/* a - b, or 0 where a counter was reset. */
static inline uint64_t u64_sub(uint64_t a, uint64_t b) {
        return a > b ? a - b : 0;
}
