/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From samples to findings and their proposals. A rule is evaluated only when its symptom shows in
 * the sample just taken and began long enough ago that the evidence can be complete, so the ring is
 * decoded for containers in trouble alone.
 *
 * A finding lives until its evidence was incomplete for a minute. Its proposal is submitted once;
 * again when dtgovd was restarted (its proposals end with it), when the limits changed, since then
 * it is another proposal, and each minute while it is refused: most reasons pass.
 */
#include "governor/observer/manager.h"
#include "policies/analysis/analysis.h"
#include "state/log.h"
#include "state/text.h"

#include <inttypes.h>
#include <string.h>

#define FINDING_ENDS_NS  (60 * NSEC_PER_SEC)
#define REFUSED_AGAIN_NS (60 * NSEC_PER_SEC)
/* Three parts of 10 s, of which the first may show its symptom only at its end. */
#define EVIDENCE_MIN_NS (19 * NSEC_PER_SEC)
/* A symptom that pauses longer than two parts is a new one. */
#define SYMPTOM_PAUSE_NS (20 * NSEC_PER_SEC)
/* How long processes are looked at after the last symptom. */
#define TROUBLE_NS (30 * NSEC_PER_SEC)

struct view manager_view(struct manager *m, const struct target *t, uint64_t since_ns) {
        struct sample_cursor cursor;
        size_t count = 0;

        sample_ring_seek(&t->ring, since_ns, &cursor);
        while (sample_ring_next(&cursor, &m->window[count])) {
                if (m->window[count].boottime_ns < since_ns)
                        continue;
                if (++count < MANAGER_WINDOW_MAX)
                        continue;
                count /= 2;
                memmove(m->window, m->window + (MANAGER_WINDOW_MAX - count),
                                count * sizeof(*m->window));
        }
        return (struct view){ m->window, count };
}

static void name_culprits(const struct target *t, struct finding *f) {
        enum attribution_order order = BY_CPU;

        /* Which of its processes does the IO is not known: /proc tells it to root alone. */
        if (!t->attribution || f->rule == RULE_IO_BRAKE)
                return;
        if (f->rule == RULE_MEMORY_LIMIT || f->rule == RULE_MEMORY_HIGH)
                order = BY_MEMORY_GROWTH;
        else if (f->rule == RULE_PIDS_LIMIT)
                order = BY_COUNT;
        f->culprits_count = attribution_top(t->attribution, order, f->culprits, CULPRITS_MAX);
        f->culprits_count = attribution_notable(f->culprits, f->culprits_count, order);
}

static bool same_wish(const struct proposal *a, const struct proposal *b) {
        if (a->changes_count != b->changes_count)
                return false;
        if (a->rule == RULE_IO_BRAKE &&
                        a->evidence[EVIDENCE_BRAKE_VICTIM] != b->evidence[EVIDENCE_BRAKE_VICTIM])
                return false;
        for (uint32_t i = 0; i < a->changes_count; i++)
                if (a->changes[i].knob != b->changes[i].knob ||
                                !knob_equal(a->changes[i].old, b->changes[i].old))
                        return false;
        return true;
}

/* Sizes the finding; a proposal with other old values than the one before is a new one. */
static void propose(struct manager *m, struct entry *e, bool fresh, uint64_t now_ns) {
        struct proposal p;
        enum reason reason = REASON_NONE;

        if (!sizing_propose(&e->finding, manager_host(m, now_ns), &p, &reason)) {
                if (fresh || e->submission == SUBMISSION_NONE)
                        e->unsized = reason;
                return;
        }
        if (!fresh && e->unsized == REASON_NONE && same_wish(&p, &e->proposal))
                return;

        p.uid = (uint32_t)getuid();
        p.created_boottime_ns = now_ns;
        p.expires_boottime_ns = now_ns + PROPOSAL_LIFETIME_NS;
        e->proposal = p;
        e->unsized = REASON_NONE;
        e->submission = SUBMISSION_PENDING;
        e->proposal_number = e->change_number = 0;
        e->rejected = e->decided = false;
}

/* The change that was under way ends, the host has memory again, the pause is over. */
static void ask_again(struct entry *e, uint64_t now_ns) {
        if (e->submission == SUBMISSION_ANSWERED && e->refusal != REASON_NONE &&
                        now_ns >= e->refused_ns + REFUSED_AGAIN_NS)
                e->submission = SUBMISSION_PENDING;
}

void findings_found(struct manager *m, struct target *t, struct finding *f, uint64_t now_ns) {
        struct entry *e = t->entries[f->rule];
        bool fresh = !e;

        if (fresh) {
                e = calloc(1, sizeof(*e));
                if (!e)
                        return;
                t->entries[f->rule] = e;
                f->number = numbers_next(&m->numbers);
                log_info("F%" PRIu64 " %s: %s", f->number, t->container.id, rules[f->rule].title);
        } else {
                f->number = e->finding.number;
                f->since_boottime_ns = u64_min(f->since_boottime_ns, e->finding.since_boottime_ns);
        }
        memcpy(f->container_id, t->container.id, sizeof(f->container_id));
        f->cgroup_inode = t->container.cgroup_inode;
        name_culprits(t, f);
        e->finding = *f;
        e->seen_ns = now_ns;
        propose(m, e, fresh, now_ns); /* sent in its turn: dtgovd takes only so many a second */
        ask_again(e, now_ns);
}

static bool may_be_complete(const struct target *t, unsigned rule, uint64_t now_ns) {
        return t->symptom_since_ns[rule] != 0 &&
               now_ns >= t->symptom_since_ns[rule] + EVIDENCE_MIN_NS;
}

bool findings_near(const struct target *t, uint64_t now_ns) {
        for (unsigned i = 0; i < RULE_COUNT; i++)
                if (!t->entries[i] && may_be_complete(t, i, now_ns) &&
                                now_ns < t->symptom_ns[i] + SYMPTOM_PAUSE_NS)
                        return true;
        return false;
}

static void look_at_processes(struct manager *m, struct target *t, uint64_t now_ns) {
        uint64_t latest_ns = 0;

        for (unsigned i = 0; i < RULE_COUNT; i++)
                latest_ns = u64_max(latest_ns, t->symptom_ns[i]);
        if (latest_ns == 0 || now_ns > latest_ns + TROUBLE_NS) {
                attribution_free(TAKE(t->attribution));
                return;
        }
        if (!t->attribution && attribution_new(&t->attribution) < 0)
                return;
        (void)attribution_scan(t->attribution, m->proc_fd, t->sampler.dir_fd, now_ns,
                        t->sampler.last.value[SAMPLE_CPU_USAGE]);
}

void findings_update(
                struct manager *m, struct target *t, const struct sample *before, uint64_t now_ns) {
        unsigned suspects = analysis_suspects(before, &t->sampler.last);
        struct view v = {};

        for (unsigned i = 0; i < RULE_COUNT; i++) {
                if (suspects >> i & 1) {
                        if (t->symptom_ns[i] == 0 || now_ns > t->symptom_ns[i] + SYMPTOM_PAUSE_NS)
                                t->symptom_since_ns[i] = now_ns;
                        t->symptom_ns[i] = now_ns;
                }
                if (t->entries[i] && now_ns > t->entries[i]->seen_ns + FINDING_ENDS_NS) {
                        log_info("F%" PRIu64 " %s: ended", t->entries[i]->finding.number,
                                        t->container.id);
                        free(TAKE(t->entries[i]));
                }
        }
        look_at_processes(m, t, now_ns);

        for (unsigned i = 0; i < RULE_COUNT; i++) {
                struct finding f;

                if (!(suspects >> i & 1) || !may_be_complete(t, i, now_ns))
                        continue;
                if (v.count == 0)
                        v = manager_view(m, t, u64_sub(now_ns, MANAGER_WINDOW_NS));
                if (analysis_evaluate((enum rule_id)i, &v, &f))
                        findings_found(m, t, &f, now_ns);
        }
}

void findings_answer(struct manager *m, const struct link_answer *answer) {
        for (size_t i = 0; i < m->targets_count; i++)
                for (unsigned k = 0; k < RULE_COUNT; k++) {
                        struct entry *e = m->targets[i]->entries[k];

                        if (!e || e->submission != SUBMISSION_SENT ||
                                        e->reference != answer->reference)
                                continue;
                        e->submission = SUBMISSION_ANSWERED;
                        e->proposal_number = answer->proposal;
                        e->decided = false;
                        e->refusal = answer->verdict == GUARD_REFUSE &&
                                                                     answer->reason < REASON_COUNT
                                                     ? (enum reason)answer->reason
                                                     : REASON_NONE;
                        e->refused_ns = e->seen_ns;
                        (void)text_copy(e->text, sizeof(e->text), answer->text);
                        return;
                }
}

void findings_resubmit(struct manager *m) {
        for (size_t i = 0; i < m->targets_count; i++)
                for (unsigned k = 0; k < RULE_COUNT; k++) {
                        struct entry *e = m->targets[i]->entries[k];

                        if (!e || e->submission == SUBMISSION_NONE || e->rejected)
                                continue;
                        e->submission = SUBMISSION_PENDING;
                        e->proposal_number = 0;
                }
}

/* Not every sample has every field: of the first the first that is known, of the last the last. */
static void keep_values(struct sample *to, const struct sample *s, bool first) {
        for (uint64_t left = first ? s->present & ~to->present : s->present; left;
                        left &= left - 1) {
                int i = __builtin_ctzll(left);

                to->value[i] = s->value[i];
                to->present |= 1ULL << i;
        }
}

/* Whose losses tell what a change did: not those of the container that a brake slows down. */
static struct target *judged_by(struct manager *m, struct target *t, uint64_t victim) {
        struct target *other = victim != 0 ? manager_find(m, victim) : NULL;

        return victim == 0 ? t : other && !other->gone ? other : NULL;
}

static void begin_probation(
                struct manager *m, struct target *t, const struct change *c, uint64_t now_ns) {
        uint64_t end_ns = c->applied_boottime_ns ? c->applied_boottime_ns : now_ns;
        uint64_t begin_ns = u64_sub(end_ns, PROBATION_BEFORE_NS);
        struct target *by = judged_by(m, t, c->victim);
        struct sample first = {}, last = {}, now = {};
        struct view v = {};

        if (!t->probation)
                t->probation = calloc(1, sizeof(*t->probation));
        if (!t->probation)
                return;

        if (by) {
                v = manager_view(m, by, u64_sub(now_ns, MANAGER_WINDOW_NS));
                now = by->sampler.last;
        }
        for (size_t i = 0; i < v.count && v.samples[i].boottime_ns <= end_ns; i++) {
                if (v.samples[i].boottime_ns >= begin_ns) {
                        if (first.present == 0)
                                first.boottime_ns = v.samples[i].boottime_ns;
                        keep_values(&first, &v.samples[i], /* first= */ true);
                }
                keep_values(&last, &v.samples[i], /* first= */ false);
                last.boottime_ns = v.samples[i].boottime_ns;
        }
        /* The period is of a file that most samples do not have. */
        last.value[SAMPLE_LIMIT_CPU_PERIOD] = now.value[SAMPLE_LIMIT_CPU_PERIOD];
        pressure_put(&m->pressure, &first);
        pressure_put(&m->pressure, &last);
        pressure_put(&m->pressure, &now);
        probation_begin(t->probation, c, &first, &last, &now);
}

void findings_change(struct manager *m, struct target *t, const struct change *c, uint64_t now_ns) {
        struct entry *e = c->rule < RULE_COUNT ? t->entries[c->rule] : NULL;

        sampler_expect_change(&t->sampler);
        if (t->probation && t->probation->change == c->number) {
                if (change_on_probation(c->state))
                        probation_change(t->probation, c, &t->sampler.last);
                else
                        free(TAKE(t->probation));
        } else if (c->state == CHANGE_PROBATION) {
                begin_probation(m, t, c, now_ns);
        }

        if (!e || e->proposal_number != c->proposal)
                return;
        e->change_number = c->number;
        e->decided = c->state != CHANGE_PROPOSED;
        if (c->state == CHANGE_REJECTED)
                e->rejected = true;
        /* Nobody has said no: it had its time, or was only tried. */
        if (c->state == CHANGE_EXPIRED || c->state == CHANGE_STALE ||
                        (c->state == CHANGE_ROLLED_BACK && c->reason == REASON_TRIAL))
                e->submission = SUBMISSION_PENDING;
}

void findings_probation(struct manager *m, struct target *t) {
        struct target *by;

        if (!t->probation)
                return;
        by = judged_by(m, t, t->probation->victim);
        if (!by)
                return; /* what is not seen any more is no evidence */
        probation_braked(t->probation, &t->sampler.last);
        pressure_put(&m->pressure, &by->sampler.last);
        probation_step(t->probation, &by->sampler.last);
        /* That it hurts is said at once; the rest waits for its turn: dtgovd takes only so many. */
        if (t->probation->due && t->probation->report.verdict == VERDICT_WORSE)
                (void)uplink_report(m, t->probation);
}
