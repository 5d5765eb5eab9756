/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a finding to the numbers of a proposal. Pure. A bottleneck is relieved here: by a raise, or
 * by a brake on whoever another container waits for; giving back what is not used is another
 * matter, with other evidence.
 */
#pragma once

#include "state/change.h"

/* What the host has; all that sizes are bounded by. */
struct sizing_host {
        uint64_t memory_total_bytes, memory_available_bytes;
        unsigned online_cpus;
};

#define SIZING_MEMORY_RESERVE_MIN (512 * MIB) /* or 5 % of the host's memory, if that is more */
#define SIZING_MEMORY_STEP_MIN    (16 * MIB)  /* less is not worth anybody's approval */
#define SIZING_TASK_BYTES         (32 * KIB) /* kernel memory of a task: stack, task_struct, more */

/*
 * Makes the proposal that answers a finding: container, rule, knobs with old and new value, risk,
 * the evidence, and what is expected to be lost afterwards: of memory and tasks nothing, since the
 * step is what the finding should go away with. Number, times and uid are the caller's.
 *
 * @ret_reason: why there is none: REASON_HOST_RESERVE the host has nothing to spare,
 *              REASON_NO_CHANGE the values are as high as they should go
 * Returns:     whether there is one
 */
bool sizing_propose(const struct finding *f, const struct sizing_host *host, struct proposal *ret,
                enum reason *ret_reason);

/*
 * CPUs that a throttled container wants, in millionths of a CPU, from what it used and how long it
 * was held back. See cpu.c for what this estimates and how it errs.
 */
uint64_t sizing_cpu_demand_microcpus(
                uint64_t usage_usec, uint64_t throttled_usec, uint64_t window_usec);

/* One rule's part of sizing_propose(): adds the knobs. Returns REASON_NONE when it did. */
enum reason sizing_cpu(const struct finding *f, const struct sizing_host *host, struct proposal *p);
enum reason sizing_memory_limit(
                const struct finding *f, const struct sizing_host *host, struct proposal *p);
enum reason sizing_memory_high(
                const struct finding *f, const struct sizing_host *host, struct proposal *p);
enum reason sizing_pids(
                const struct finding *f, const struct sizing_host *host, struct proposal *p);
enum reason sizing_io_brake(
                const struct finding *f, const struct sizing_host *host, struct proposal *p);

/* Adds a knob, rounded, to a proposal; the period of a quota stays as it was. */
void sizing_add(struct proposal *p, enum knob_id knob, struct knob_value old, uint64_t amount);
