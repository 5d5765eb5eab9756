/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that runs out: malloc(3) and its kin are the test program's own, and one call of them from
 * its own code fails; yajl does not look at what it is given. A header, since only the programs
 * that want it may have it. The sanitizer has an allocator of its own: there these tests are
 * skipped.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/own_code.h"

/* So many calls still succeed, then one fails; below 0: all do. */
static int memory_left = -1;

static bool memory_fails(const void *caller) {
        if (!is_own_code(caller))
                return false;
        if (__atomic_load_n(&memory_left, __ATOMIC_SEQ_CST) < 0 ||
                        __atomic_fetch_sub(&memory_left, 1, __ATOMIC_SEQ_CST) != 0)
                return false;
        errno = ENOMEM;
        return true;
}

/* Ends it. Returns: whether a call has failed */
static bool memory_failed(void) {
        return __atomic_exchange_n(&memory_left, -1, __ATOMIC_SEQ_CST) < 0;
}

#define NO_SHORT_MEMORY                                                                            \
        "the sanitizer allocates here: without it (make unit) each allocation fails once\n"

#ifdef __SANITIZE_ADDRESS__
#define SHORT_MEMORY false
static inline void use_short_memory(void) {
        (void)memory_fails(NULL);
}
#else
#define SHORT_MEMORY true

/* Weak, so that no compiler looks inside and finds that they give NULL: all of it does. */
#define OWN          __attribute__((weak))

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

OWN void *malloc(size_t size) {
        return memory_fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

OWN void *calloc(size_t count, size_t size) {
        return memory_fails(__builtin_return_address(0)) ? NULL : __libc_calloc(count, size);
}

OWN void *realloc(void *old, size_t size) {
        return memory_fails(__builtin_return_address(0)) ? NULL : __libc_realloc(old, size);
}

OWN void *reallocarray(void *old, size_t count, size_t size) {
        size_t bytes;

        if (__builtin_mul_overflow(count, size, &bytes) ||
                        memory_fails(__builtin_return_address(0)))
                return NULL;
        return __libc_realloc(old, bytes);
}

OWN char *strdup(const char *text) {
        char *copy = memory_fails(__builtin_return_address(0)) ? NULL
                                                               : __libc_malloc(strlen(text) + 1);

        return copy ? strcpy(copy, text) : NULL;
}
#endif
