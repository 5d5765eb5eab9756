/* SPDX-License-Identifier: Apache-2.0 */
/* A text that grows: stdio writes it into memory. */
#pragma once

#include "state/error.h"

#include <stdio.h>

struct builder {
        FILE *file; /* write to it */
        char *text;
        size_t len;
};

/* Errors: -ENOMEM */
int builder_begin(struct builder *b, struct error *err);

/* Hands the text out; the caller frees it. Errors: -ENOMEM */
int builder_end(struct builder *b, char **ret, struct error *err);

void builder_done(struct builder *b); /* for CLEANUP: drops what was not handed out */

static inline void builder_put(struct builder *b, const char *from, const char *to) {
        (void)fwrite(from, 1, (size_t)(to - from), b->file);
}
