/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the whole host stalls, of the last minute and a half: once for all containers.
 *
 * Source: Documentation/accounting/psi.rst, /proc/pressure
 */
#pragma once

#include "state/sample.h"

#define PRESSURE_READINGS 100

struct pressure {
        struct pressure_reading {
                uint64_t boottime_ns;  /* 0: none */
                uint64_t some_usec[3]; /* cpu, memory, io */
        } readings[PRESSURE_READINGS];
        unsigned next;
};

/* Reads, unless that was done less than a second ago. Where the kernel has no PSI nothing is kept.
 */
void pressure_read(struct pressure *p, int proc_fd, uint64_t now_ns);

/* Puts into @s what was read within two seconds of its time; without that it has none. */
void pressure_put(const struct pressure *p, struct sample *s);
