/* SPDX-License-Identifier: Apache-2.0 */
/* What changes in a file, as "diff -u" shows it. No I/O. */
#pragma once

#include "state/error.h"

/*
 * @path:     of the file; it is shown
 * @old,@new: texts; NULL: no such file
 * @ret:      the caller frees it; "" when both are the same
 * Errors:    -ENOMEM
 */
int diff_texts(const char *path, const char *old, const char *new, char **ret, struct error *err);
