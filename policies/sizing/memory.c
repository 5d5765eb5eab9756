/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The size of a memory limit that hurts: half as much again, and never more than the host can give
 * while keeping a reserve of 5 % of its memory, at least 512 MiB. How much more the container wants
 * cannot be seen from under its limit; half is the step after which the finding is gone or tells
 * more, and what is promised beyond use can be taken back at no cost.
 *
 * A memory.high in the way is raised with memory.max in the same proportion, or it would stall in
 * its place.
 */
#include "policies/sizing/sizing.h"

/* Of the host's available memory, what may be promised. */
static uint64_t spare_bytes(const struct sizing_host *host) {
        uint64_t reserve = u64_max(host->memory_total_bytes / 20, SIZING_MEMORY_RESERVE_MIN);

        return u64_sub(host->memory_available_bytes, reserve);
}

/* @old / 2 more, at most @spare more, at most @most in all; 0 when that is not worth a change. */
static uint64_t raised(uint64_t old, uint64_t spare, uint64_t most) {
        uint64_t new = old + u64_min(old / 2, spare);

        new = u64_min(new, most);
        return new >= old + SIZING_MEMORY_STEP_MIN || new >= old + old / 4 ? new : 0;
}

enum reason sizing_memory_limit(
                const struct finding *f, const struct sizing_host *host, struct proposal *p) {
        struct knob_value max = { f->evidence[EVIDENCE_LIMIT_MAX], 0 };
        struct knob_value high = { f->evidence[EVIDENCE_LIMIT_HIGH], 0 };
        uint64_t new;

        if (max.amount > UINT64_MAX / 2)
                return REASON_NO_CHANGE;
        new = raised(max.amount, spare_bytes(host), UINT64_MAX);
        if (new == 0)
                return REASON_HOST_RESERVE;

        sizing_add(p, KNOB_MEMORY_MAX, max, new);
        if (high.amount < new) {
                uint64_t percent = u64_min(high.amount * 100 / max.amount, 100);

                sizing_add(p, KNOB_MEMORY_HIGH, high, new / 100 * percent);
        }
        return REASON_NONE;
}

/* Up to nine tenths of memory.max: the brake stays before the wall. */
enum reason sizing_memory_high(
                const struct finding *f, const struct sizing_host *host, struct proposal *p) {
        struct knob_value high = { f->evidence[EVIDENCE_HIGH_HIGH], 0 };
        uint64_t max = f->evidence[EVIDENCE_HIGH_MAX], spare = spare_bytes(host), new;
        uint64_t most = max == KNOB_MAX ? UINT64_MAX : max / 10 * 9;

        if (high.amount > UINT64_MAX / 2)
                return REASON_NO_CHANGE;
        new = raised(high.amount, spare, most);
        if (new == 0)
                return raised(high.amount, UINT64_MAX / 4, most) == 0 ? REASON_NO_CHANGE
                                                                      : REASON_HOST_RESERVE;

        sizing_add(p, KNOB_MEMORY_HIGH, high, new);
        return REASON_NONE;
}
