/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container loses each second, time that it stood still or work that it does again, and what
 * the host does. X(id, text): the text says what grew.
 */
#pragma once

#define LOSS_TABLE(X)                                                                              \
        X(CPU, "it was throttled longer")                 /* us */                                 \
        X(MEMORY, "it stalled longer for memory")         /* us, as the ladder proves it */        \
        X(IO, "it stalled longer for the disk")           /* the same */                           \
        X(CPU_WAIT, "it waited longer for a free CPU")    /* the same */                           \
        X(REFAULTS, "it read again what was reclaimed")   /* pages */                              \
        X(HIGH, "memory.high held it up more often")      /* times */                              \
        X(HOST_CPU, "the host ran short of CPU")          /* us, of /proc/pressure */              \
        X(HOST_MEMORY, "the host ran short of memory")    /* the same */                           \
        X(HOST_IO, "the host waited longer for its disk") /* the same */

#define LOSS_ID(id, ...) LOSS_##id,
enum loss_id { LOSS_TABLE(LOSS_ID) LOSS_COUNT };
#undef LOSS_ID

extern const char *const loss_texts[LOSS_COUNT];
