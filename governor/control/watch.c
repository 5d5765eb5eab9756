/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The watch over a fresh change: a fixed time over the hard signals, in CLOCK_BOOTTIME so that
 * suspend counts; and what then becomes of it.
 */
#include "governor/control/control.h"
#include "governor/control/health.h"
#include "governor/control/steps.h"
#include "policies/rules/ending.h"
#include "policies/rules/transition.h"
#include "state/log.h"

#include <string.h>

void signals_read(const struct managed *m, uint64_t ret[static SIGNALS]) {
        for (size_t i = 0; i < SIGNALS; i++) {
                int r = cgroup_read_key(
                                m->dir_fd, signal_rows[i].file, signal_rows[i].key, &ret[i]);

                if (r < 0)
                        ret[i] = r == -ENOENT || r == -ENODATA ? SIGNAL_ABSENT : SIGNAL_UNKNOWN;
        }
}

uint64_t watch_probation_ns(const struct control *c, const struct run *run) {
        if (c->probation_ns > 0)
                return c->probation_ns;
        return run->probation_ns > 0 ? run->probation_ns
                                     : c->config.probation_sec[run->change.rule] * NSEC_PER_SEC;
}

/* What the observer has to see of it. */
static const char *proof_of(const struct change *x) {
        if (x->victim != 0)
                return "is seen to help the container that it is for";
        return change_lowers(x) ? "proves harmless at work" : "is seen to help";
}

void watch_say(struct run *run) {
        const struct change *x = &run->change;
        char at[KNOB_VALUE_TEXT_MAX];

        run->text[0] = '\0';
        if (ending_needs_evidence(x) && !run->trial_ns && !run->kept)
                run_say(run, "taken back unless it %s; to keep it: dtgov keep C%llu", proof_of(x),
                                (unsigned long long)x->number);
        for (unsigned i = 0; i < x->changes_count; i++) {
                if (!(x->step_mask >> i & 1) || x->changes[i].knob != KNOB_MEMORY_HIGH)
                        continue;
                knob_format(KNOB_MEMORY_HIGH, change_aim(x, i), at, sizeof(at));
                run_say(run, "step %u: memory.high is %s, and goes on down while that does no harm",
                                x->steps_count, at);
        }
}

void watch_begin(struct control *c, struct run *run) {
        uint64_t now = proc_boottime_ns();

        run->looked_ns = run->drift_ns = now;
        run->change.applied_boottime_ns = now;
        run->change.deadline_boottime_ns =
                        now + (run->trial_ns ? run->trial_ns : watch_probation_ns(c, run));
        run->step_ns = run->change.step_mask != 0 ? now + c->soak_ns : 0;
        watch_say(run);
        run_enter(c, run, CHANGE_PROBATION, REASON_NONE);
}

enum drift { DRIFT_NONE, DRIFT_OLD, DRIFT_FOREIGN };

/* Whether somebody else wrote the knobs of a change that is in force; of how many ours is there. */
static enum drift check_drift(const struct control *c, struct run *run, unsigned *ret_ours) {
        enum drift drift = DRIFT_NONE;

        *ret_ours = 0;
        for (unsigned i = 0; i < run->change.changes_count; i++) {
                const struct knob_change *k = &run->change.changes[i];
                struct knob_value now, kept, aim = change_aim(&run->change, i);
                char text[KNOB_VALUE_TEXT_MAX];

                if (knob_equal(aim, k->old))
                        continue; /* nothing of it was written, or it is as it was */
                if (cgroup_read_knob(run->container->dir_fd, k->knob, k->new, &now) < 0 ||
                                knob_equal(now, aim) ||
                                (run_newer_kept(c, run, i, &kept) && knob_equal(now, kept))) {
                        (*ret_ours)++; /* or unknown, which may well be ours */
                        continue;
                }
                drift = knob_equal(now, k->old) && drift != DRIFT_FOREIGN ? DRIFT_OLD
                                                                          : DRIFT_FOREIGN;
                knob_write_text(k->knob, now, text, sizeof(text));
                run_say(run, "somebody else set %s to %s; it is theirs now", knobs[k->knob].file,
                                text);
        }
        return drift;
}

static enum change_state ended_by(enum drift drift) {
        return drift == DRIFT_OLD ? CHANGE_REVERTED_EXTERNALLY : CHANGE_SUPERSEDED;
}

/* Of a change on probation: what is still ours goes back, out of PID 1's mind too. */
static bool look_for_drift(struct control *c, struct run *run, uint64_t now_ns) {
        unsigned ours;
        enum drift drift = check_drift(c, run, &ours);

        run->drift_ns = now_ns;
        if (drift == DRIFT_NONE)
                return false;
        if (drift == DRIFT_FOREIGN || run->change.changes_count > 1 ||
                        run->change.owner == OWNER_SYSTEMD)
                return engine_undo(c, run, REASON_EXTERNAL, NULL);
        run_enter(c, run, CHANGE_REVERTED_EXTERNALLY, REASON_EXTERNAL);
        return true;
}

/* It is watched once more: what a person reads who asks what became of it. */
static void hold(struct control *c, struct run *run, enum reason reason) {
        struct change *x = &run->change;
        uint64_t ns = watch_probation_ns(c, run);
        unsigned long long sec = ns / NSEC_PER_SEC;

        x->deadline_boottime_ns += ns;
        run_say(run, "%s: watched for another %llu s, then taken back%s", reasons[reason].text, sec,
                        reason == REASON_NO_EVIDENCE ? "; dtgov keep has it stay" : "");
        run_enter(c, run, CHANGE_HELD, reason);
}

static void end(struct control *c, struct run *run, bool known) {
        struct ending_input in = {
                .trial = run->trial_ns > 0, .kept = run->kept, .known = known && !run->unseen
        };
        struct ending ending = ending_decide(&run->change, &in);

        if (ending.state == CHANGE_ROLLING_BACK)
                (void)engine_undo(c, run, ending.reason, reasons[ending.reason].text);
        else if (ending.state == CHANGE_HELD)
                hold(c, run, ending.reason);
        else {
                run->text[0] = '\0';
                run_enter(c, run, CHANGE_COMMITTED, ending.reason);
        }
}

bool watch_signals(
                struct control *c, struct run *run, uint64_t now_ns, uint64_t ret[static SIGNALS]) {
        bool blind = u64_sub(now_ns, run->looked_ns) > ENGINE_BLIND_NS;
        enum reason reason;

        run->looked_ns = now_ns;
        signals_read(run->container, ret);
        reason = signals_harm(&run->change, run->signals, ret);
        if (reason == REASON_NONE && blind)
                reason = REASON_BLIND;
        if (reason == REASON_NONE)
                return false;
        (void)engine_undo(c, run, reason, reasons[reason].text);
        return true;
}

void watch_look(struct control *c, struct run *run, uint64_t now_ns) {
        bool over = now_ns >= run->change.deadline_boottime_ns;
        bool lowering = run->change.step_mask != 0;
        uint64_t signals[SIGNALS];

        if (!run->container || !run->container->alive || watch_signals(c, run, now_ns, signals))
                return;
        health_look(c, run, now_ns);
        if ((over || u64_sub(now_ns, run->drift_ns) >= ENGINE_DRIFT_NS) &&
                        look_for_drift(c, run, now_ns))
                return;
        if (over && (!lowering || run->trial_ns > 0))
                end(c, run, signals_known(run->signals, signals));
        else if (lowering && now_ns >= run->step_ns)
                run_submit(c, run, STEP_USE);
}

bool engine_keep(struct control *c, struct run *run) {
        struct change *x = &run->change;
        uint64_t now = proc_boottime_ns();

        if (!change_on_probation(x->state) || run->undo_wanted)
                return x->state == CHANGE_COMMITTED;
        run->kept = true;
        if (run->trial_ns > 0) {
                run->trial_ns = 0;
                x->deadline_boottime_ns =
                                u64_max(now, x->applied_boottime_ns + watch_probation_ns(c, run));
        } else if (x->state == CHANGE_HELD && x->reason == REASON_NO_EVIDENCE) {
                x->deadline_boottime_ns = now; /* it has been watched as long as any other */
        }
        run_say(run, "a person kept it");
        observer_link_change(c, x);
        return true;
}

/*
 * A committed change has ended when somebody else has all its files; as long as one holds its
 * value, or PID 1 would write it again, it stays in force, and can be taken back.
 */
void watch_calm(struct control *c, struct run *run, uint64_t now_ns) {
        enum drift drift;
        unsigned ours;

        if (!run->container || !run->container->alive ||
                        u64_sub(now_ns, run->drift_ns) < ENGINE_DRIFT_CALM_NS)
                return;
        run->drift_ns = now_ns;
        if (engine_newer(c, run))
                return; /* the newer change's value is what is there */
        drift = check_drift(c, run, &ours);
        if (ours > 0)
                return;
        if (run->change.owner == OWNER_SYSTEMD)
                run_submit(c, run, STEP_TELL);
        else
                run_enter(c, run, ended_by(drift), REASON_EXTERNAL);
}

/* PID 1 was told what is there. */
int calm_told(struct control *c, struct run *run, int r) {
        enum drift drift;
        unsigned ours;

        if (run_is_over(run, r))
                return run_lapse(c, run);
        if (run->undo_wanted)
                return undo_begin(c, run, run->undo_reason);
        drift = check_drift(c, run, &ours); /* a reload may have come first */
        if (r >= 0 && ours == 0)
                run_enter(c, run, ended_by(drift), REASON_EXTERNAL);
        return STEP_NONE;
}

/* More than a minute a minute is nothing that anybody measured. */
static uint32_t loss_of(uint32_t usec_per_min) {
        return usec_per_min <= 60 * USEC_PER_SEC ? usec_per_min : LOST_UNKNOWN;
}

void engine_verdict(struct control *c, uint64_t number, enum verdict verdict, uint32_t cause,
                const struct effect *measured) {
        const char *text = reasons[REASON_OBSERVER_ASKED].text;
        struct run *run = engine_find(c, number);

        if (!run || !change_on_probation(run->change.state))
                return; /* too late, or never was: the observer decides nothing else */
        if (measured) {
                run->change.effect.before_usec_per_min = loss_of(measured->before_usec_per_min);
                run->change.effect.after_usec_per_min = loss_of(measured->after_usec_per_min);
        }
        if (verdict == VERDICT_BETTER && run->change.step_mask == 0)
                run->change.proven = 1;
        if (cause > 0 && cause <= LOSS_COUNT)
                text = loss_texts[cause - 1];
        if (verdict == VERDICT_WORSE)
                (void)engine_undo(c, run, REASON_OBSERVER_ASKED, text);
}

void engine_observer_lost(struct control *c) {
        static const char text[] = "the observer was silent: nobody would have seen harm";

        for (struct run *run = c->engine.runs, *next; run; run = next) {
                next = run->next;
                if (change_on_probation(run->change.state) || run->change.state == CHANGE_APPLYING)
                        (void)engine_undo(c, run, REASON_OBSERVER_SILENT, text);
        }
}
