/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Number of tasks near its limit: in each of the last three times 10 s it reached nine tenths of
 * pids.max, or a fork was refused. Threads count as tasks. What is lost is not time: the next fork
 * fails, and programs say "Resource temporarily unavailable".
 *
 * Source: Documentation/admin-guide/cgroup-v2.rst, "PID"
 */
#include "policies/analysis/analysis.h"
#include "state/knob.h"

#define NEAR(current, max) ((current) >= (max) - (max) / 10)

static bool part_near_limit(const struct view *part, uint64_t limit) {
        return view_delta(part, SAMPLE_PIDS_EVENTS_MAX) > 0 ||
               NEAR(view_peak(part, SAMPLE_PIDS_CURRENT), limit);
}

bool pids_limit_evaluate(const struct view *v, struct finding *ret) {
        struct view same = view_unchanged(v, SAMPLE_LIMIT_PIDS_MAX), w;
        uint64_t max, since_ns, end_ns;

        if (!view_value(&same, SAMPLE_LIMIT_PIDS_MAX, &max) || max == KNOB_MAX ||
                        !view_sustained(&same, part_near_limit, max, &since_ns))
                return false;

        end_ns = same.samples[same.count - 1].boottime_ns;
        w = view_from(&same, u64_max(since_ns, u64_sub(end_ns, VIEW_MEASURE_NS)));
        ret->since_boottime_ns = since_ns;
        ret->until_boottime_ns = end_ns;
        ret->lost_usec_per_min = 0;
        ret->evidence[EVIDENCE_PIDS_WINDOW] = view_span_usec(&w);
        ret->evidence[EVIDENCE_PIDS_PEAK] = view_peak(&w, SAMPLE_PIDS_CURRENT);
        ret->evidence[EVIDENCE_PIDS_MAX] = max;
        ret->evidence[EVIDENCE_PIDS_REFUSED] = view_delta(&w, SAMPLE_PIDS_EVENTS_MAX);
        return true;
}
