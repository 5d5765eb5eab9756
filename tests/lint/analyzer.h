/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What analysers are told and a compiler is not: errno after a failure is above 0, and
 * error_set() and its like hand their code back. Without it every "if (r < 0) return r;" looks
 * passable.
 */
#pragma once

#include "state/error.h"

#ifdef __clang__ /* gcc finds its own way */
#undef errno
#define errno                                                                                      \
        (*({                                                                                       \
                int *errno_ = __errno_location();                                                  \
                if (*errno_ <= 0)                                                                  \
                        __builtin_unreachable();                                                   \
                errno_;                                                                            \
        }))
#endif
#define CODE_OF_(function, err, code, ...)                                                         \
        ({                                                                                         \
                int code_ = (code);                                                                \
                function(err, code_, __VA_ARGS__);                                                 \
                code_;                                                                             \
        })
#define error_set(...)    CODE_OF_(error_set, __VA_ARGS__)
#define error_errno(...)  CODE_OF_(error_errno, __VA_ARGS__)
#define error_prefix(...) CODE_OF_(error_prefix, __VA_ARGS__)
