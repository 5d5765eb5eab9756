/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory at its limit, and it hurts: in each of the last three times 10 s the limit was hit
 * (memory.events max) and the 5 % trigger of memory fired, and pages that were just evicted had to
 * come back (refaults), or a process was killed for want of memory.
 *
 * A limit that is only hit is no trouble: page cache fills any limit, and the kernel takes back
 * clean pages at hardly any cost. Then the ladder is silent or nothing refaults: no finding.
 *
 * Source: Documentation/admin-guide/cgroup-v2.rst, memory.events; mm/workingset.c
 */
#include "policies/analysis/analysis.h"
#include "state/knob.h"

/* 40 KiB a second of evicted pages wanted back. Idle containers show single ones, thrashing ones
 * hundreds. */
#define REFAULTS_PER_SEC 10

static bool part_stalled_at_limit(const struct view *part, uint64_t limit) {
        (void)limit;
        return view_delta(part, SAMPLE_MEMORY_EVENTS_MAX) > 0 &&
               view_delta(part, SAMPLE_LADDER_MEMORY_5) > 0;
}

bool memory_limit_evaluate(const struct view *v, struct finding *ret) {
        struct view same = view_unchanged(v, SAMPLE_LIMIT_MEMORY_MAX), w;
        uint64_t max, high = KNOB_MAX, current = 0, since_ns, end_ns, refaults, extent, kills;

        if (!view_value(&same, SAMPLE_LIMIT_MEMORY_MAX, &max) || max == KNOB_MAX ||
                        !view_sustained(&same, part_stalled_at_limit, max, &since_ns))
                return false;

        end_ns = same.samples[same.count - 1].boottime_ns;
        w = view_from(&same, u64_max(since_ns, u64_sub(end_ns, VIEW_MEASURE_NS)));
        refaults = view_delta(&w, SAMPLE_REFAULT_FILE) + view_delta(&w, SAMPLE_REFAULT_ANON);
        extent = view_extent_usec(&w, SAMPLE_REFAULT_FILE);
        kills = view_delta(&w, SAMPLE_MEMORY_EVENTS_OOM_KILL);
        if (kills == 0 && (extent == 0 || refaults * USEC_PER_SEC / extent < REFAULTS_PER_SEC))
                return false;

        (void)view_value(&w, SAMPLE_LIMIT_MEMORY_HIGH, &high);
        (void)view_value(&w, SAMPLE_MEMORY_CURRENT, &current);
        ret->since_boottime_ns = since_ns;
        ret->until_boottime_ns = end_ns;
        ret->lost_usec_per_min = VIEW_PER_MINUTE(
                        view_stalled_usec(&w, SAMPLE_LADDER_MEMORY_5), view_span_usec(&w));
        ret->evidence[EVIDENCE_LIMIT_WINDOW] = view_span_usec(&w);
        ret->evidence[EVIDENCE_LIMIT_HITS] = view_delta(&w, SAMPLE_MEMORY_EVENTS_MAX);
        ret->evidence[EVIDENCE_LIMIT_REFAULTS] = refaults;
        ret->evidence[EVIDENCE_LIMIT_OOM_KILLS] = kills;
        ret->evidence[EVIDENCE_LIMIT_CURRENT] = current;
        ret->evidence[EVIDENCE_LIMIT_MAX] = max;
        ret->evidence[EVIDENCE_LIMIT_HIGH] = high;
        return true;
}
