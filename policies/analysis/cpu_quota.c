/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPU throttled by its own quota: in each of the last three times 10 s more than 5 % of the
 * enforcement periods ran out of quota, and over a second a minute was lost by it.
 *
 * throttled_usec sums the waiting of each CPU's run queue, so with eight busy threads it grows
 * eight times as fast as the clock. The time that the container stood still is at most that sum,
 * and at most the periods in which it ran out; the smaller of the two is what a person is told.
 *
 * A container without a quota has nr_periods 0. One whose neighbours take its CPU is not throttled:
 * no finding of this rule, however high its pressure.
 *
 * Source: kernel/sched/fair.c (throttle_cfs_rq); Documentation/scheduler/sched-bwc.rst; 5 %: the
 * ratio from which Autothrottle and the Kubernetes mixin call throttling harmful
 */
#include "policies/analysis/analysis.h"
#include "state/knob.h"

#define THROTTLED_PERCENT     5
#define LOST_MIN_USEC_PER_MIN USEC_PER_SEC

static bool part_throttled(const struct view *part, uint64_t limit) {
        (void)limit;
        return view_delta(part, SAMPLE_CPU_THROTTLED_PERIODS) * 100 >
               view_delta(part, SAMPLE_CPU_PERIODS) * THROTTLED_PERCENT;
}

bool cpu_quota_evaluate(const struct view *v, struct finding *ret) {
        struct view same = view_unchanged(v, SAMPLE_LIMIT_CPU_QUOTA), w;
        uint64_t quota, period, since_ns, end_ns, window, throttled, periods, lost;

        if (!view_value(&same, SAMPLE_LIMIT_CPU_QUOTA, &quota) || quota == KNOB_MAX ||
                        !view_value(&same, SAMPLE_LIMIT_CPU_PERIOD, &period) ||
                        !view_sustained(&same, part_throttled, quota, &since_ns))
                return false;

        end_ns = same.samples[same.count - 1].boottime_ns;
        w = view_from(&same, u64_max(since_ns, u64_sub(end_ns, VIEW_MEASURE_NS)));
        window = view_span_usec(&w);
        throttled = view_delta(&w, SAMPLE_CPU_THROTTLED);
        periods = view_delta(&w, SAMPLE_CPU_THROTTLED_PERIODS);
        lost = u64_min(u64_min(throttled, periods * period), window);
        if (VIEW_PER_MINUTE(lost, window) <= LOST_MIN_USEC_PER_MIN)
                return false;

        ret->since_boottime_ns = since_ns;
        ret->until_boottime_ns = end_ns;
        ret->lost_usec_per_min = VIEW_PER_MINUTE(lost, window);
        ret->evidence[EVIDENCE_CPU_WINDOW] = window;
        ret->evidence[EVIDENCE_CPU_PERIODS] = view_delta(&w, SAMPLE_CPU_PERIODS);
        ret->evidence[EVIDENCE_CPU_THROTTLED_PERIODS] = periods;
        ret->evidence[EVIDENCE_CPU_THROTTLED] = throttled;
        ret->evidence[EVIDENCE_CPU_USAGE] = view_delta(&w, SAMPLE_CPU_USAGE);
        ret->evidence[EVIDENCE_CPU_QUOTA] = quota;
        ret->evidence[EVIDENCE_CPU_PERIOD] = period;
        return true;
}
