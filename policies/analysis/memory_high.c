/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Throttled by memory.high far below memory.max: in each of the last three times 10 s tasks were
 * made to reclaim at memory.high (memory.events high) and the 5 % trigger of memory fired, while at
 * least a fifth of memory.max above it was never used.
 *
 * Reclaim at memory.high that costs nothing (page cache) leaves the ladder silent: no finding. A
 * memory.high close below memory.max is a brake before the wall and does its work there: raising it
 * would only move the stall to memory.max, which is the other rule's.
 *
 * Source: Documentation/admin-guide/cgroup-v2.rst, memory.high; mm/memcontrol.c
 */
#include "policies/analysis/analysis.h"
#include "state/knob.h"

#define FAR_BELOW(high, max) ((max) == KNOB_MAX || (high) <= (max) / 5 * 4)

static bool part_stalled_at_high(const struct view *part, uint64_t limit) {
        (void)limit;
        return view_delta(part, SAMPLE_MEMORY_EVENTS_HIGH) > 0 &&
               view_delta(part, SAMPLE_LADDER_MEMORY_5) > 0;
}

bool memory_high_evaluate(const struct view *v, struct finding *ret) {
        struct view same = view_unchanged(v, SAMPLE_LIMIT_MEMORY_HIGH), w;
        uint64_t high, max = KNOB_MAX, current = 0, since_ns, end_ns;

        if (!view_value(&same, SAMPLE_LIMIT_MEMORY_HIGH, &high) || high == KNOB_MAX)
                return false;
        (void)view_value(&same, SAMPLE_LIMIT_MEMORY_MAX, &max);
        if (!FAR_BELOW(high, max) || !view_sustained(&same, part_stalled_at_high, high, &since_ns))
                return false;

        end_ns = same.samples[same.count - 1].boottime_ns;
        w = view_from(&same, u64_max(since_ns, u64_sub(end_ns, VIEW_MEASURE_NS)));
        (void)view_value(&w, SAMPLE_MEMORY_CURRENT, &current);
        ret->since_boottime_ns = since_ns;
        ret->until_boottime_ns = end_ns;
        ret->lost_usec_per_min = VIEW_PER_MINUTE(
                        view_stalled_usec(&w, SAMPLE_LADDER_MEMORY_5), view_span_usec(&w));
        ret->evidence[EVIDENCE_HIGH_WINDOW] = view_span_usec(&w);
        ret->evidence[EVIDENCE_HIGH_HITS] = view_delta(&w, SAMPLE_MEMORY_EVENTS_HIGH);
        ret->evidence[EVIDENCE_HIGH_CURRENT] = current;
        ret->evidence[EVIDENCE_HIGH_HIGH] = high;
        ret->evidence[EVIDENCE_HIGH_MAX] = max;
        return true;
}
