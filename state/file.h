/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small files by directory fd: read whole with a bound, replace atomically.
 */
#pragma once

#include "state/base.h"

#include <sys/stat.h>

/*
 * Reads a whole file in one go and ends it with a NUL.
 *
 * @dir_fd, @name: as for openat(2); symbolic links are not followed
 * @size:          of @buf; the file may have at most @size - 1 bytes
 * Returns:        length without the NUL
 * Errors:         of openat(2) and read(2); -EFBIG longer than that
 */
ssize_t file_read_at(int dir_fd, const char *name, char *buf, size_t size);

/* The same for an open file, from its current offset; for pipes and files of /proc too. */
ssize_t file_read_fd(int fd, char *buf, size_t size);

/*
 * The same for a regular file of unknown size, into memory that the caller frees.
 *
 * @max:   largest length in bytes
 * Errors: -EMEDIUMTYPE not a regular file; -EFBIG; -ENOMEM; of openat(2) and read(2)
 */
int file_load_at(int dir_fd, const char *name, size_t max, char **ret, size_t *ret_len);

/* Writes all of @data, whatever the size of the single write(2). */
int file_write_all(int fd, const void *data, size_t len);

/*
 * Makes a file that is not there yet, with its content in one write(2): who reads it too early sees
 * nothing in it or, of more than a page, its beginning.
 *
 * Errors: -EEXIST it is there; of openat(2) and write(2): nothing is left
 */
int file_create_at(int dir_fd, const char *name, const void *data, size_t len, mode_t mode);

/*
 * Replaces a file by a temporary one of the same directory and rename(2): a reader sees the old
 * file or the new one. @durable also waits for the disk (file and directory).
 */
int file_replace_at(int dir_fd, const char *name, const void *data, size_t len, mode_t mode,
                bool durable);

/* The same, with the owner and the mode of @like. */
int file_replace_like_at(int dir_fd, const char *name, const void *data, size_t len,
                const struct stat *like, bool durable);

/* The name of the temporary file that this process uses for @name. Errors: -ENAMETOOLONG */
int file_temp_name(const char *name, char *out, size_t size);
