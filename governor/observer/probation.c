/* SPDX-License-Identifier: Apache-2.0 */
/* Pure: samples in, verdict out. */
#include "governor/observer/probation.h"

struct loss probation_loss(const struct sample *a, const struct sample *b) {
        uint64_t usec = (b->boottime_ns - a->boottime_ns) / NSEC_PER_USEC;
        uint64_t periods = sample_delta(a, b, SAMPLE_CPU_THROTTLED_PERIODS);
        uint64_t at_5 = sample_delta(a, b, SAMPLE_LADDER_MEMORY_5);
        uint64_t at_20 = sample_delta(a, b, SAMPLE_LADDER_MEMORY_20);
        uint64_t at_40 = sample_delta(a, b, SAMPLE_LADDER_MEMORY_40);
        uint64_t cpu, memory;

        if (usec == 0)
                return (struct loss){};

        /* As in the rules: the clock time that the throttled periods can account for, and what
         * each step of the ladder proves. */
        cpu = u64_min(sample_delta(a, b, SAMPLE_CPU_THROTTLED),
                        periods * b->value[SAMPLE_LIMIT_CPU_PERIOD]);
        memory = (u64_sub(at_5, at_20) * 5 + u64_sub(at_20, at_40) * 20 + at_40 * 40) *
                 (LADDER_WINDOW_USEC / 100);
        return (struct loss){
                .cpu_usec = u64_min(cpu, usec) * USEC_PER_SEC / usec,
                .memory_usec = u64_min(memory, usec) * USEC_PER_SEC / usec,
                .refused_forks_milli = sample_delta(a, b, SAMPLE_PIDS_EVENTS_MAX) * 1000 *
                                       USEC_PER_SEC / usec,
        };
}

void probation_begin(struct probation *p, const struct change *change, const struct sample *first,
                const struct sample *last, const struct sample *now) {
        *p = (struct probation){
                .change = change->number, .begin = *now, .window = *now, .told = PROBATION_UNTOLD
        };
        for (uint32_t i = 0; i < change->changes_count && i < PROPOSAL_KNOBS_MAX; i++) {
                if (change->changes[i].knob >= KNOB_COUNT)
                        continue;
                p->knobs |= 1ULL << change->changes[i].knob;
                if (change->changes[i].knob == KNOB_PIDS_MAX)
                        p->old_pids_max = change->changes[i].old.amount;
        }
        p->before_known = last->boottime_ns >= first->boottime_ns + PROBATION_BEFORE_MIN;
        if (p->before_known)
                p->before = probation_loss(first, last);
}

static bool worse(uint64_t before, uint64_t after) {
        return after > before + before / 2 + PROBATION_WORSE_USEC_PER_SEC;
}

/* At least a second a minute was lost before, and not half of that is now. */
static bool halved(uint64_t before, uint64_t after) {
        return before >= PROBATION_LOSS_USEC_PER_SEC && after <= before / 2;
}

static bool helped(const struct probation *p, const struct sample *now) {
        const uint64_t memory = 1ULL << KNOB_MEMORY_MAX | 1ULL << KNOB_MEMORY_HIGH |
                                1ULL << KNOB_MEMORY_LOW | 1ULL << KNOB_MEMORY_MIN |
                                1ULL << KNOB_MEMORY_SWAP_MAX;
        const uint64_t cpu = 1ULL << KNOB_CPU_MAX | 1ULL << KNOB_CPU_WEIGHT;
        struct loss since = probation_loss(&p->begin, now);

        if (p->knobs & cpu && halved(p->before.cpu_usec, since.cpu_usec))
                return true;
        if (p->knobs & memory && halved(p->before.memory_usec, since.memory_usec))
                return true;
        /* More tasks than the old limit allowed, and none refused. */
        return p->knobs & 1ULL << KNOB_PIDS_MAX && p->tasks_beyond > 0 &&
               since.refused_forks_milli == 0;
}

static enum verdict judge(struct probation *p, const struct sample *now) {
        struct loss window = probation_loss(&p->window, now);
        bool bad = p->before_known &&
                   (worse(p->before.cpu_usec, window.cpu_usec) ||
                                   worse(p->before.memory_usec, window.memory_usec));

        p->windows++;
        p->bad = bad ? p->bad + 1 : 0;
        if (p->bad >= PROBATION_WORSE_MAX)
                return VERDICT_WORSE;
        if (p->windows >= PROBATION_BETTER_MIN && p->bad == 0 && p->before_known && helped(p, now))
                return VERDICT_BETTER;
        return VERDICT_NONE;
}

bool probation_step(struct probation *p, const struct sample *now, enum verdict *ret) {
        enum verdict verdict;

        if (p->change == 0)
                return false;
        if (p->knobs & 1ULL << KNOB_PIDS_MAX && now->value[SAMPLE_PIDS_CURRENT] > p->old_pids_max)
                p->tasks_beyond++;
        if (now->boottime_ns < p->window.boottime_ns + PROBATION_WINDOW_NS)
                return false;

        verdict = judge(p, now);
        p->window = *now;
        /* "Cannot be judged" is said once, when "better" could have been. */
        if (verdict == p->told || (verdict == VERDICT_NONE && p->windows < PROBATION_BETTER_MIN))
                return false;
        p->told = verdict;
        *ret = verdict;
        return true;
}
