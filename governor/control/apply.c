/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an approved proposal to its probation: precheck, intent, apply, verify. Nothing is written
 * before the intent with the old value of every limit file is durable.
 */
#include "governor/control/control.h"
#include "governor/control/guard_input.h"
#include "governor/control/invariants.h"
#include "governor/control/steps.h"
#include "state/log.h"
#include "state/text.h"

#include <string.h>

/* A person says what is to be, not what it is to do. */
static uint32_t expected_loss(const struct proposal *p) {
        return p->rule == RULE_PERSON
                               ? LOST_UNKNOWN
                               : (uint32_t)u64_min(p->expected_usec_per_min, 60 * USEC_PER_SEC);
}

/* What its container is called now: later there may be nobody to ask. */
static void take_names(struct run *run) {
        const struct identity *identity = run->container->identity;

        if (!identity)
                return;
        run->environment = strdup(identity->environment);
        run->template = identity->template[0] ? strdup(identity->template) : NULL;
}

int engine_begin(struct control *c, const struct proposal *p, uid_t uid, uint64_t trial_ns,
                struct waiter *w) {
        struct managed *m = container_find(c, p->container_id, p->cgroup_inode);
        struct run *run = calloc(1, sizeof(*run));

        if (!run)
                return -ENOMEM;
        run->this_boot = true;
        run->trial_ns = trial_ns;
        run->proposal = *p;
        run->change = (struct change){
                .proposal = p->number,
                .cgroup_inode = p->cgroup_inode,
                .rule = p->rule,
                .state = CHANGE_APPROVED,
                .uid = uid,
                .changes_count = p->changes_count,
                .approved_boottime_ns = proc_boottime_ns(),
                .effect = { expected_loss(p), LOST_UNKNOWN, LOST_UNKNOWN },
        };
        memcpy(run->change.container_id, p->container_id, sizeof(p->container_id));
        memcpy(run->change.changes, p->changes, sizeof(p->changes));
        if (p->rule == RULE_IO_BRAKE)
                run->change.victim = p->evidence[EVIDENCE_BRAKE_VICTIM];
        engine_add(c, run);
        if (w)
                run_wait(run, w);
        if (!m) {
                run_say(run, "the container has ended or was replaced; nothing was changed");
                run_enter(c, run, CHANGE_STALE, REASON_REPLACED);
                return 0;
        }
        run->container = container_ref(m);
        run->change.state = CHANGE_PRECHECK;
        run_submit(c, run, STEP_PRECHECK);
        return 0;
}

static int refuse(struct control *c, struct run *run, enum change_state state, enum reason reason) {
        run_enter(c, run, state, reason);
        return STEP_NONE;
}

static int refuse_unwritten(struct control *c, struct run *run, int r) {
        run->change.number = 0;
        run_say(run,
                        "the journal cannot be written (%s): no change was made; rollbacks still "
                        "work",
                        strerror(-r));
        return refuse(c, run, CHANGE_REFUSED, r == -ENOSPC ? REASON_NOSPACE : REASON_JOURNAL);
}

/* The change goes on in engine_durable(). */
static int write_intent(struct control *c, struct run *run, struct change_job *j) {
        int r = journal_next_change(c->journal, &run->change.number);

        if (r >= 0) {
                invariants_enter(c, run, CHANGE_INTENT);
                run->change.state = CHANGE_INTENT;
                take_names(run);
                r = journal_intent(c->journal, &run->change, &j->limits, run->environment,
                                run->template, &run->intent_seq);
        }
        if (r < 0) {
                run->change.state = CHANGE_PRECHECK;
                return refuse_unwritten(c, run, r);
        }
        run->before = j->limits;
        j->limits = (struct limits){ 0 };
        run->busy = true;
        durable_begin(c);
        return STEP_NONE;
}

static void intent_done(struct control *c, struct run *run, int r) {
        run->busy = false;
        run->intent_seq = 0;
        if (r < 0) {
                run->change.state = CHANGE_REFUSED; /* on record too, should it get there at all */
                run->change.reason = REASON_JOURNAL;
                (void)journal_state(c->journal, &run->change, /* durable= */ false);
                run->change.state = CHANGE_INTENT;
                (void)refuse_unwritten(c, run, r);
        } else if (!run->container->alive) {
                (void)run_lapse(c, run);
        } else if (run->undo_wanted) {
                run_say(run, "taken back before anything was changed");
                run_enter(c, run, CHANGE_REFUSED, run->undo_reason);
        } else if (c->paused) {
                run_enter(c, run, CHANGE_REFUSED, REASON_PAUSED);
        } else if (!control_observer_present(c)) {
                run_say(run, "the observer left before anything was changed; start it and ask "
                             "again");
                run_enter(c, run, CHANGE_REFUSED, REASON_NO_OBSERVER);
        } else {
                run_enter(c, run, CHANGE_APPLYING, REASON_NONE);
                run_submit(c, run, run->change.step_mask != 0 ? STEP_USE : STEP_APPLY);
        }
}

void engine_durable(struct control *c, int r) {
        bool more = false;

        for (struct run *run = c->engine.runs, *next; run; run = next) {
                next = run->next;
                if (run->intent_seq == 0)
                        continue;
                if (journal_is_durable(c->journal, run->intent_seq))
                        intent_done(c, run, 0);
                else if (r < 0)
                        intent_done(c, run, r);
                else
                        more = true;
        }
        if (more)
                durable_begin(c);
}

int precheck_after(struct control *c, struct run *run, struct change_job *j, int r) {
        struct guard_answer answer;

        if (!run->container->alive || r == -ENODEV || r == -ENOENT) {
                run_say(run, "the container ended; nothing was changed");
                return refuse(c, run, CHANGE_STALE, REASON_REPLACED);
        }
        if (r < 0) {
                run_say(run, "%s; nothing was changed", run_why(j, r));
                return refuse(c, run, CHANGE_REFUSED,
                                r == -EREMOTE || r == -ETIMEDOUT ? REASON_OWNER : REASON_WRITE);
        }
        if (run->undo_wanted) {
                run_say(run, "taken back before anything was changed");
                return refuse(c, run, CHANGE_REFUSED, run->undo_reason);
        }
        if (c->paused)
                return refuse(c, run, CHANGE_REFUSED, REASON_PAUSED);
        (void)text_copy(run->unit, sizeof(run->unit), j->unit);
        run->change.owner = j->unit[0] ? OWNER_SYSTEMD : OWNER_PLAIN;
        run->change.scope_mask = j->change.scope_mask;
        guard_ask(c, run->container, &run->proposal, &answer); /* compares the old values too */
        if (answer.verdict == GUARD_REFUSE) {
                run_say(run, "%s", answer.text);
                return refuse(c, run, answer.reason == REASON_STALE ? CHANGE_STALE : CHANGE_REFUSED,
                                answer.reason);
        }
        if (change_by_policy(&run->change) && answer.verdict != GUARD_ALLOW) {
                run_say(run, "%s", answer.text);
                return refuse(c, run, CHANGE_REFUSED, REASON_POLICY);
        }
        if (change_by_policy(&run->change))
                run->probation_ns = answer.policy->probation_sec * NSEC_PER_SEC;
        signals_read(run->container, run->signals);
        run->unseen = !signals_known(run->signals, run->signals);
        lower_begin(run, j);
        return write_intent(c, run, j);
}

static int position_of(const struct change *x, enum knob_id id) {
        for (unsigned i = 0; i < x->changes_count; i++)
                if (x->changes[i].knob == id)
                        return (int)i;
        return -1;
}

/* The same value under another name (kernel/sched/core.c: cpu.weight.nice). */
static bool is_alias(const struct change *x, enum knob_id id) {
        return id == KNOB_CPU_WEIGHT_NICE && position_of(x, KNOB_CPU_WEIGHT) >= 0;
}

/*
 * The changed files hold the target. @told is what all files held when the owner was told, NULL
 * where nobody was: a file that became another then changed with ours. One that changed at any
 * other time is somebody else's doing and their new baseline.
 */
static enum reason verify(struct run *run, const struct limits *told, struct limits *after) {
        enum reason reason = REASON_NONE;

        for (unsigned i = 0; i < run->change.changes_count; i++) {
                const struct knob_change *k = &run->change.changes[i];
                const char *text = after->text[k->knob];
                struct knob_value value;

                if (text && knob_read_file(k->knob, text, k->new, &value) >= 0 &&
                                knob_equal(value, change_aim(&run->change, i)))
                        continue;
                run_say(run, "%s is %s after it was written", knobs[k->knob].file,
                                text ? text : "gone");
                reason = REASON_VERIFY;
        }
        for (int id = told ? limits_differ(told, after, 0) : -1; id >= 0;
                        id = limits_differ(told, after, id + 1)) {
                if (position_of(&run->change, id) >= 0 || is_alias(&run->change, id))
                        continue;
                run_say(run, "%s went from %s to %s with it", knobs[id].file,
                                told->text[id] ? told->text[id] : "absent",
                                after->text[id] ? after->text[id] : "absent");
                run->others |= 1ULL << id;
                reason = REASON_OTHER_CHANGED;
        }
        return reason;
}

static enum reason failure(struct run *run, const struct change_job *j, int r) {
        run_say(run, "%s", run_why(j, r));
        if (r == -ETIMEDOUT || r == -ECANCELED)
                return j->step == STEP_TELL ? REASON_OWNER : REASON_SLOW;
        if (r == -ESTALE)
                return REASON_EXTERNAL;
        if (r == -E2BIG)
                return REASON_HEADROOM;
        return r == -EREMOTE ? REASON_OWNER : REASON_WRITE;
}

static int verified(struct control *c, struct run *run, const struct limits *told,
                struct change_job *j) {
        bool fresh = run->change.state == CHANGE_APPLYING;
        enum reason reason;

        if (fresh) {
                invariants_enter(c, run, CHANGE_VERIFY);
                run->change.state = CHANGE_VERIFY;
        }
        reason = verify(run, told, &j->limits);
        if (run->others) {
                limits_done(&run->after);
                run->after = j->limits;
                j->limits = (struct limits){ 0 };
        }
        if (reason == REASON_NONE && run->undo_wanted)
                reason = run->undo_reason;
        if (reason != REASON_NONE)
                return undo_begin(c, run, reason);
        if (fresh)
                watch_begin(c, run);
        else
                lower_taken(c, run);
        return STEP_NONE;
}

int apply_after(struct control *c, struct run *run, struct change_job *j, int r) {
        if (run_is_over(run, r))
                return run_lapse(c, run);
        if (r < 0)
                return undo_begin(c, run, failure(run, j, r));
        if (run->undo_wanted)
                return undo_begin(c, run, run->undo_reason);
        if (j->used_ns != 0) {
                run->refaults = j->refaults;
                run->taken_ns = j->used_ns;
        }
        return run->unit[0] ? STEP_TELL : verified(c, run, NULL, j);
}

int apply_told(struct control *c, struct run *run, struct change_job *j, int r) {
        if (run_is_over(run, r))
                return run_lapse(c, run);
        return r < 0 ? undo_begin(c, run, failure(run, j, r)) : verified(c, run, &j->told, j);
}
