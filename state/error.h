/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An error that a person reads: what, why, what next, in one line. Fixed size, never allocated.
 *
 * Functions return 0 or more on success and -errno on failure. Where a person must learn why, the
 * last parameter is a struct error, written only on failure.
 */
#pragma once

#include "state/base.h"

#include <stdarg.h>

#define ERROR_TEXT_MAX 384 /* bytes with the NUL: one line of a terminal, twice */

struct error {
        char text[ERROR_TEXT_MAX];
};

/*
 * Sets the text of an error, printf style.
 *
 * @err:    may be NULL: nobody asked
 * @code:   negative errno value
 * Returns: @code, so that "return error_set(err, -EINVAL, ...)" reads well
 */
int error_set(struct error *err, int code, const char *format, ...) PRINTF(3, 4);

/* As error_set(), followed by ": " and the text of errno value -@code. */
int error_errno(struct error *err, int code, const char *format, ...) PRINTF(3, 4);

/* Puts printf-style text and ": " before the text that is there, cut at the end. Returns @code. */
int error_prefix(struct error *err, int code, const char *format, ...) PRINTF(3, 4);
