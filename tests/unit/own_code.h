/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a call comes from the program itself, and not from a library. */
#pragma once

#include <stdbool.h>

extern const char __executable_start, etext; /* of the linker: ld(1) */

static inline bool is_own_code(const void *caller) {
        return (const char *)caller >= &__executable_start && (const char *)caller < &etext;
}
