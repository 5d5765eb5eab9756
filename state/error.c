/* SPDX-License-Identifier: Apache-2.0 */
#include "state/error.h"

#include <stdio.h>
#include <string.h>

/* Appends to err->text from @used on; text that does not fit is cut. */
static PRINTF(3, 0) size_t
                append(struct error *err, size_t used, const char *format, va_list args) {
        int n = vsnprintf(err->text + used, sizeof(err->text) - used, format, args);

        if (n < 0)
                return used;
        used += (size_t)n;
        return used < sizeof(err->text) ? used : sizeof(err->text) - 1;
}

int error_set(struct error *err, int code, const char *format, ...) {
        va_list args;

        if (!err)
                return code;

        va_start(args, format);
        append(err, 0, format, args);
        va_end(args);
        return code;
}

int error_errno(struct error *err, int code, const char *format, ...) {
        va_list args;
        size_t used;

        if (!err)
                return code;

        va_start(args, format);
        used = append(err, 0, format, args);
        va_end(args);
        (void)snprintf(err->text + used, sizeof(err->text) - used, ": %s", strerrordesc_np(-code));
        return code;
}

int error_prefix(struct error *err, int code, const char *format, ...) {
        struct error before;
        va_list args;
        size_t used;

        if (!err)
                return code;

        before = *err;
        va_start(args, format);
        used = append(err, 0, format, args);
        va_end(args);
        (void)snprintf(err->text + used, sizeof(err->text) - used, ": %s", before.text);
        return code;
}
