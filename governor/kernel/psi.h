/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pressure stall information. Never read one cgroup's file twice within 20 ms: a slice below one
 * jiffy is dropped from the kernel's accounting.
 *
 * Source: Documentation/accounting/psi.rst; kernel/sched/psi.c
 */
#pragma once

#include "state/link.h"

/*
 * The totals of a pressure file, in microseconds.
 *
 * Errors: -EINVAL not such a file; a file without "full" (system-wide cpu) gives 0 for it
 */
int psi_parse(const char *text, uint64_t *ret_some_usec, uint64_t *ret_full_usec);

extern const char *const psi_files[3]; /* cpu, memory, io: the order of the ladder */
extern const unsigned psi_ladder_percent[3];
