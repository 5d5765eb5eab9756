/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls that fail: those on files are the test program's own, and one call of them from its
 * own code fails. A header, since only the programs that want it may have it.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/unit/own_code.h"

/* So many calls still succeed, then one fails with the error; below 0: all do. */
static int calls_left = -1, calls_error = EIO;

bool call_fails(const void *caller); /* read(2) may be an inline function, which wants it public */

bool call_fails(const void *caller) {
        if (!is_own_code(caller))
                return false;
        if (__atomic_load_n(&calls_left, __ATOMIC_SEQ_CST) < 0 ||
                        __atomic_fetch_sub(&calls_left, 1, __ATOMIC_SEQ_CST) != 0)
                return false;
        errno = calls_error;
        return true;
}

/* Ends it. Returns: whether a call has failed */
static bool calls_failed(void) {
        return __atomic_exchange_n(&calls_left, -1, __ATOMIC_SEQ_CST) < 0;
}

#define CALL_FAILS() call_fails(__builtin_return_address(0))

int openat(int fd, const char *path, int flags, ...) {
        mode_t mode = 0;
        va_list args;

        va_start(args, flags);
        if (flags & O_CREAT)
                mode = va_arg(args, mode_t);
        va_end(args);
        return CALL_FAILS() ? -1 : (int)syscall(SYS_openat, fd, path, flags, mode);
}

ssize_t read(int fd, void *data, size_t len) {
        return CALL_FAILS() ? -1 : syscall(SYS_read, fd, data, len);
}

ssize_t pread(int fd, void *data, size_t len, off_t at) {
        return CALL_FAILS() ? -1 : syscall(SYS_pread64, fd, data, len, at);
}

ssize_t write(int fd, const void *data, size_t len) {
        return CALL_FAILS() ? -1 : syscall(SYS_write, fd, data, len);
}

int fstat(int fd, struct stat *ret) {
        return CALL_FAILS() ? -1 : (int)syscall(SYS_fstat, fd, ret);
}
