/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The size of a CPU quota that throttles.
 *
 * What the container used under its quota says little about what it wants. What it was held back
 * does: the kernel adds to throttled_usec, for each CPU's run queue that had something to run, the
 * time it was not let. Usage and this sum together are what the container would have used had
 * everything that waited been run: exact for threads that always want a CPU, too much for work that
 * comes in portions (run at once it would be done, and would not wait a second time). So it is an
 * upper estimate, and that is why one step at most doubles the quota: the next finding, or none,
 * tells whether it was enough. Below the whole, a quota of a half or a whole CPU is what people
 * think in: the next half that covers the demand, never more CPUs than are online.
 *
 *     new = min(ceil(demand / 0.5) * 0.5, 2 * old, online)
 *
 * What is expected to be lost then is told from what was done in the window: work that took so long
 * while the container was active (the kernel counts a period only then), with rests between that no
 * quota makes shorter. Unthrottled it would have taken usage / (usage + throttled) of that time;
 * under a quota so much larger it takes so much less time, but no less than unthrottled. What is
 * over that is lost:
 *
 *     full = active * usage / min(usage + throttled, active * online)
 *     then = max(active * old / new, full)
 *     lost = (then - full) / (then + idle)
 *
 * Source: kernel/sched/fair.c, cfs_bandwidth.throttled_time; Autothrottle (NSDI'24): usage under
 * throttling is not demand
 */
#include "policies/sizing/sizing.h"

#define MICROCPUS      1000000ULL
#define STEP_MICROCPUS (MICROCPUS / 2)
#define FACTOR_MAX     2

uint64_t sizing_cpu_demand_microcpus(
                uint64_t usage_usec, uint64_t throttled_usec, uint64_t window_usec) {
        if (window_usec == 0)
                return 0;
        return (usage_usec + throttled_usec) * MICROCPUS / window_usec;
}

static uint64_t expected_usec_per_min(
                const uint64_t *e, unsigned cpus, uint64_t old, uint64_t new) {
        uint64_t window = e[EVIDENCE_CPU_WINDOW], usage = e[EVIDENCE_CPU_USAGE];
        uint64_t active = u64_min(e[EVIDENCE_CPU_PERIODS] * e[EVIDENCE_CPU_PERIOD], window);
        uint64_t work = u64_min(usage + e[EVIDENCE_CPU_THROTTLED], active * cpus);
        uint64_t full = u64_min(active * usage / u64_max(work, 1), active);
        uint64_t then = u64_max(active * old / new, full);

        return (then - full) * 60 * USEC_PER_SEC / u64_max(then + window - active, 1);
}

enum reason sizing_cpu(
                const struct finding *f, const struct sizing_host *host, struct proposal *p) {
        struct knob_value old = { f->evidence[EVIDENCE_CPU_QUOTA],
                f->evidence[EVIDENCE_CPU_PERIOD] };
        uint64_t now, online = host->online_cpus * MICROCPUS, demand, wanted;

        if (old.period_usec == 0 || old.amount == KNOB_MAX || old.amount > UINT64_MAX / MICROCPUS)
                return REASON_NO_CHANGE;

        now = old.amount * MICROCPUS / old.period_usec;
        demand = sizing_cpu_demand_microcpus(f->evidence[EVIDENCE_CPU_USAGE],
                        f->evidence[EVIDENCE_CPU_THROTTLED], f->evidence[EVIDENCE_CPU_WINDOW]);
        wanted = (demand + STEP_MICROCPUS - 1) / STEP_MICROCPUS * STEP_MICROCPUS;
        wanted = u64_min(wanted, now * FACTOR_MAX);
        if (wanted > online)
                wanted = online;
        if (wanted <= now)
                return now >= online ? REASON_HOST_RESERVE : REASON_NO_CHANGE;

        sizing_add(p, KNOB_CPU_MAX, old, wanted * old.period_usec / MICROCPUS);
        p->expected_usec_per_min =
                        expected_usec_per_min(f->evidence, host->online_cpus, now, wanted);
        return REASON_NONE;
}
