/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers from text: the whole string or nothing, no locale, no float, no wrap-around.
 */
#pragma once

#include "state/base.h"

/*
 * A decimal number from all of @text.
 *
 * Errors: -EINVAL empty, a sign, a space, or anything but digits; -ERANGE over UINT64_MAX
 */
int parse_u64(const char *text, uint64_t *ret);

/* As parse_u64(), reading digits up to the first other byte, which *@end then points to. */
int parse_u64_prefix(const char *text, uint64_t *ret, const char **end);

/*
 * A size in bytes: "1073741824", "512M", "1.5G", "2GiB"; units K M G T are powers of 1024.
 *
 * Errors: -EINVAL not a size; -ERANGE too large
 */
int parse_bytes(const char *text, uint64_t *ret_bytes);

/*
 * A decimal with at most @places digits after the point, times 10^@places: "1.5", 3 -> 1500.
 *
 * Errors: -EINVAL not such a number, or more digits than @places; -ERANGE too large
 */
int parse_decimal(const char *text, unsigned places, uint64_t *ret);

/* A span of time: "90", "90s", "10m", "2h", "1d". Errors: as parse_bytes(). */
int parse_duration_usec(const char *text, uint64_t *ret_usec);

/*
 * Walks the lines "key value\n" of a flat keyed file of cgroup v2 and stores the known ones.
 *
 * @keys:   @count names; NULL entries are skipped
 * @values: @count numbers; keys not in @text keep theirs
 * Returns: bit mask of the keys found (@count is at most 64); lines that are not "key number" and
 *          unknown keys are passed over, since a kernel may add keys anywhere (cgroup-v2.rst)
 */
uint64_t parse_flat_keyed(
                const char *text, const char *const *keys, size_t count, uint64_t *values);
