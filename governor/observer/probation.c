/* SPDX-License-Identifier: Apache-2.0 */
/* Pure: samples in, verdict out. */
#include "governor/observer/probation.h"

#include "policies/rules/transition.h"

#define BIT(knob) (1ULL << KNOB_##knob)
#define CPU_KNOBS (BIT(CPU_MAX) | BIT(CPU_WEIGHT))
#define MEMORY_KNOBS                                                                               \
        (BIT(MEMORY_MAX) | BIT(MEMORY_HIGH) | BIT(MEMORY_LOW) | BIT(MEMORY_MIN) |                  \
                        BIT(MEMORY_SWAP_MAX))

/*
 * When a window is bad: more than half as much again is lost, and @slack beyond that. Memory stall
 * and throttling count for every change. The others count only where a lowering may be their cause:
 * a container that gets more CPU also reads more, and waits more for the disk. What it gets more
 * of, the host has less of: that counts for a raise.
 *
 * @lowered, @raised: knobs of which one must have been lowered, or raised; 0 and 0: any change
 */
static const struct {
        uint64_t slack, lowered, raised;
} losses[LOSS_COUNT] = {
        /* 5 % of the clock: the lowest step of the ladder, below which nothing is proven. */
        [LOSS_CPU] = { 50000, 0, 0 },
        [LOSS_MEMORY] = { 50000, 0, 0 },
        /* 10 %: the disk and the other containers have a say in these. */
        [LOSS_IO] = { 100000, MEMORY_KNOBS, 0 },
        [LOSS_CPU_WAIT] = { 100000, CPU_KNOBS, 0 },
        [LOSS_REFAULTS] = { 100, MEMORY_KNOBS, 0 },
        [LOSS_HIGH] = { 100, MEMORY_KNOBS, 0 },
        /* A quarter of the clock: a host has much else to do. */
        [LOSS_HOST_CPU] = { 250000, 0, CPU_KNOBS },
        [LOSS_HOST_MEMORY] = { 100000, 0, MEMORY_KNOBS },
        [LOSS_HOST_IO] = { 250000, 0, MEMORY_KNOBS },
};

static uint64_t stalled(const struct sample *a, const struct sample *b, enum sample_id step_5) {
        return ladder_usec(sample_delta(a, b, step_5), sample_delta(a, b, step_5 + 1),
                        sample_delta(a, b, step_5 + 2));
}

static uint64_t elapsed_usec(const struct sample *a, const struct sample *b) {
        return u64_sub(b->boottime_ns, a->boottime_ns) / NSEC_PER_USEC;
}

struct loss probation_loss(const struct sample *a, const struct sample *b) {
        uint64_t usec = elapsed_usec(a, b);
        /* /proc/pressure holds the container's own waits too, in the order of its files. */
        static const enum loss_id own[] = { LOSS_CPU_WAIT, LOSS_MEMORY, LOSS_IO };
        uint64_t throttled, grown[LOSS_COUNT];
        struct loss loss = {};

        /* As in the rules: the clock time that the throttled periods can account for. */
        throttled = u64_min(sample_delta(a, b, SAMPLE_CPU_THROTTLED),
                        sample_delta(a, b, SAMPLE_CPU_THROTTLED_PERIODS) *
                                        b->value[SAMPLE_LIMIT_CPU_PERIOD]);
        grown[LOSS_CPU] = u64_min(throttled, usec);
        grown[LOSS_MEMORY] = u64_min(stalled(a, b, SAMPLE_LADDER_MEMORY_5), usec);
        grown[LOSS_IO] = u64_min(stalled(a, b, SAMPLE_LADDER_IO_5), usec);
        grown[LOSS_CPU_WAIT] = u64_min(stalled(a, b, SAMPLE_LADDER_CPU_5), usec);
        grown[LOSS_REFAULTS] = sample_delta(a, b, SAMPLE_REFAULT_ANON) +
                               sample_delta(a, b, SAMPLE_REFAULT_FILE);
        grown[LOSS_HIGH] = sample_delta(a, b, SAMPLE_MEMORY_EVENTS_HIGH);
        for (unsigned i = 0; i < ARRAY_LEN(own); i++)
                grown[LOSS_HOST_CPU + i] =
                                u64_sub(u64_min(sample_delta(a, b, SAMPLE_HOST_CPU_SOME + i), usec),
                                                grown[own[i]]);
        for (unsigned i = 0; i < LOSS_COUNT && usec > 0; i++)
                loss.per_sec[i] = grown[i] * USEC_PER_SEC / usec;
        return loss;
}

/* us of CPU used each second. */
static uint64_t busy(const struct sample *a, const struct sample *b) {
        uint64_t usec = elapsed_usec(a, b);

        return usec ? sample_delta(a, b, SAMPLE_CPU_USAGE) * USEC_PER_SEC / usec : 0;
}

void probation_begin(struct probation *p, const struct change *change, const struct sample *first,
                const struct sample *last, const struct sample *now) {
        *p = (struct probation){
                .change = change->number,
                .victim = change->victim,
                .begin = *now,
                .window = *now,
                .steps = change->steps_count,
                .deadline_ns = change->deadline_boottime_ns,
                .report.effect = { LOST_UNKNOWN, LOST_UNKNOWN, LOST_UNKNOWN },
        };
        for (uint32_t i = 0; i < change->changes_count && i < PROPOSAL_KNOBS_MAX; i++) {
                const struct knob_change *k = &change->changes[i];

                if (k->knob >= KNOB_COUNT)
                        continue;
                p->knobs |= 1ULL << k->knob;
                if (knob_change_lowers(k))
                        p->lowered |= 1ULL << k->knob;
                else if (knob_compare(k->knob, k->new, k->old) > 0)
                        p->raised |= 1ULL << k->knob;
                if (k->knob == KNOB_PIDS_MAX)
                        p->old_pids_max = k->old.amount;
                if (k->knob == KNOB_IO_MAX) /* samples have its counters in the same order */
                        p->brake = (struct brake){
                                .counter = SAMPLE_IO_READ_BYTES +
                                           (unsigned)io_key_limit(k->new.key),
                                .limit_per_sec = k->new.amount,
                        };
        }
        p->host_known = sample_both(first, last, SAMPLE_HOST_CPU_SOME) &&
                        sample_both(last, now, SAMPLE_HOST_CPU_SOME);
        p->before_known = last->boottime_ns >= first->boottime_ns + PROBATION_BEFORE_MIN;
        if (p->before_known) {
                p->before = probation_loss(first, last);
                p->busy_before = busy(first, last);
        }
}

/* Returns: enum loss_id + 1 of the first that grew too much, 0 none */
static uint32_t worse(const struct probation *p, const struct loss *window) {
        for (uint32_t i = 0; i < LOSS_COUNT; i++) {
                uint64_t before = p->before.per_sec[i];

                if (p->victim != 0 && i != LOSS_IO)
                        continue; /* who waits no longer for a disk may run into another limit */
                if (p->victim == 0 && losses[i].lowered && !(p->lowered & losses[i].lowered))
                        continue;
                if (losses[i].raised && (!p->host_known || !(p->raised & losses[i].raised)))
                        continue;
                if (window->per_sec[i] > before + before / 2 + losses[i].slack)
                        return i + 1;
        }
        return 0;
}

/* At least a second a minute was lost before, and not half of that is now. */
static bool halved(uint64_t before, uint64_t after) {
        return before >= PROBATION_LOSS_USEC_PER_SEC && after <= before / 2;
}

/* Half as busy as before, or more: a load that went away has not been helped. */
static bool is_as_busy(const struct probation *p, const struct sample *now) {
        return busy(&p->begin, now) >= p->busy_before / 2;
}

static bool helped(const struct probation *p, const struct sample *now) {
        struct loss since = probation_loss(&p->begin, now);

        if (p->knobs & CPU_KNOBS && is_as_busy(p, now) &&
                        halved(p->before.per_sec[LOSS_CPU], since.per_sec[LOSS_CPU]))
                return true;
        if (p->knobs & MEMORY_KNOBS && is_as_busy(p, now) &&
                        halved(p->before.per_sec[LOSS_MEMORY], since.per_sec[LOSS_MEMORY]))
                return true;
        /* More tasks than the old limit allowed, and none refused. */
        return p->knobs & BIT(PIDS_MAX) && p->tasks_beyond > 0 &&
               sample_delta(&p->begin, now, SAMPLE_PIDS_EVENTS_MAX) == 0;
}

/* What a lowering is to show: nothing, while the container did what it had done before. */
static bool did_no_harm(const struct probation *p, const struct sample *now) {
        return p->busy_before >= PROBATION_IDLE_USEC_PER_SEC && is_as_busy(p, now);
}

/* A container that does not run into its brake, for want of anything to do, has not let go of the
 * disk because of it. */
static bool is_braked(const struct brake *b) {
        uint64_t usec = u64_sub(b->now_ns, b->begin_ns) / NSEC_PER_USEC;

        return usec > 0 && u64_sub(b->now, b->begin) * USEC_PER_SEC / usec >= b->limit_per_sec / 2;
}

/* What a brake is to show: that its victim waits less for the same work. */
static bool relieved(const struct probation *p, const struct sample *now) {
        struct loss since = probation_loss(&p->begin, now);

        return is_braked(&p->brake) && is_as_busy(p, now) &&
               halved(p->before.per_sec[LOSS_IO], since.per_sec[LOSS_IO]);
}

static enum verdict judge(struct probation *p, const struct sample *now) {
        struct loss window = probation_loss(&p->window, now);

        p->windows++;
        p->report.cause = p->before_known ? worse(p, &window) : 0;
        p->bad = p->report.cause != 0 ? p->bad + 1 : 0;
        if (p->bad >= PROBATION_WORSE_MAX)
                return VERDICT_WORSE;
        if (p->windows < PROBATION_BETTER_MIN || p->bad > 0 || !p->before_known)
                return VERDICT_NONE;
        if (p->victim != 0)
                return relieved(p, now) ? VERDICT_BETTER : VERDICT_NONE;
        return (p->lowered ? did_no_harm(p, now) : helped(p, now)) ? VERDICT_BETTER : VERDICT_NONE;
}

/* us lost a minute, of what the knobs of the change can cost; LOST_UNKNOWN: nothing of it is. */
static uint32_t lost(const struct probation *p, const struct loss *loss) {
        uint64_t per_sec = 0;

        if (p->victim != 0)
                return (uint32_t)(u64_min(loss->per_sec[LOSS_IO], USEC_PER_SEC) * 60);
        if (!(p->knobs & (CPU_KNOBS | MEMORY_KNOBS)))
                return LOST_UNKNOWN;
        if (p->knobs & CPU_KNOBS)
                per_sec += loss->per_sec[LOSS_CPU];
        if (p->knobs & MEMORY_KNOBS)
                per_sec += loss->per_sec[LOSS_MEMORY];
        return (uint32_t)(u64_min(per_sec, USEC_PER_SEC) * 60);
}

static void measure(struct probation *p, const struct sample *now) {
        struct loss since = probation_loss(&p->begin, now);

        if (p->before_known)
                p->report.effect.before_usec_per_min = lost(p, &p->before);
        p->report.effect.after_usec_per_min = lost(p, &since);
}

void probation_change(struct probation *p, const struct change *change, const struct sample *now) {
        p->deadline_ns = change->deadline_boottime_ns;
        if (p->steps == change->steps_count)
                return;
        /* Bad windows go on to count: each step is short. */
        p->steps = change->steps_count;
        p->begin = p->window = *now;
        p->windows = 0;
        p->report.verdict = VERDICT_NONE;
}

void probation_braked(struct probation *p, const struct sample *own) {
        struct brake *b = &p->brake;

        if (p->victim == 0)
                return;
        b->now = own->value[b->counter];
        b->now_ns = own->boottime_ns;
        if (b->begin_ns != 0)
                return;
        b->begin = b->now;
        b->begin_ns = b->now_ns;
}

void probation_step(struct probation *p, const struct sample *now) {
        enum verdict verdict;
        bool last, first;

        if (p->change == 0)
                return;
        if (p->knobs & BIT(PIDS_MAX) && now->value[SAMPLE_PIDS_CURRENT] > p->old_pids_max)
                p->tasks_beyond++;
        if (now->boottime_ns < p->window.boottime_ns + PROBATION_WINDOW_NS)
                return;

        verdict = judge(p, now);
        p->window = *now;
        measure(p, now);
        /* "Cannot be judged" is said once, when "better" could have been. */
        first = p->windows == PROBATION_BETTER_MIN;
        last = now->boottime_ns < p->deadline_ns &&
               now->boottime_ns + PROBATION_WINDOW_NS + NSEC_PER_SEC >= p->deadline_ns;
        p->due |= verdict != p->report.verdict || first || last;
        p->report.verdict = verdict;
}
