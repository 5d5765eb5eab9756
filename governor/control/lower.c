/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory is lowered in steps, all of them on probation: the first one begins it, and the time that
 * is watched counts from the last one. Between two the load is looked at; what goes wrong takes all
 * of it back, as with any change.
 */
#include "governor/control/control.h"
#include "governor/control/steps.h"
#include "policies/rules/ladder.h"
#include "policies/rules/transition.h"

#include <string.h>

void lower_begin(struct run *run, const struct change_job *j) {
        const char *text = j->limits.text[KNOB_MEMORY_HIGH];
        struct knob_value high;
        bool present = text && knob_read_text(KNOB_MEMORY_HIGH, text, &high) >= 0;

        if (change_lowers_memory(&run->change))
                (void)ladder_begin(&run->change, j->current_bytes, present ? &high : NULL);
}

static int give_up(struct control *c, struct run *run, const struct change_job *j) {
        char use[KNOB_VALUE_TEXT_MAX];

        knob_format(KNOB_MEMORY_HIGH, (struct knob_value){ j->current_bytes, 0 }, use, sizeof(use));
        run_say(run, "%s are used, and memory.high does not bring it down: what is used is needed",
                        use);
        return undo_begin(c, run, REASON_HEADROOM);
}

static int wait_longer(struct control *c, struct run *run, const struct change_job *j) {
        /* Before the first step there is nothing to wait for. */
        if (run->change.state == CHANGE_APPLYING || ++run->waits > LADDER_WAITS_MAX)
                return give_up(c, run, j);
        run->step_ns = proc_boottime_ns() + c->soak_ns;
        return STEP_NONE;
}

/* A value on the way is journaled before it is written; the new and the old one are already. */
static int take(struct control *c, struct run *run, const struct ladder_step *step) {
        struct journal_step on_record = { step->position, JOURNAL_STEP, step->value };
        uint64_t signals[SIGNALS];
        int r = 0;

        if (run->change.steps_count == LADDER_STEPS_MAX) {
                run_say(run, "%d steps of a tenth were not enough: lower it in two changes",
                                LADDER_STEPS_MAX);
                return undo_begin(c, run, REASON_RANGE);
        }
        if (ladder_take(&run->change, step))
                r = journal_step(c->journal, &run->change, JOURNAL_STEP, step->position,
                                step->value, /* durable= */ false);
        /* An undo goes on without the disk; what goes further away from the old value does not. */
        if (r < 0 || !control_journal_ok(c)) {
                run_say(run, "a step cannot be journaled");
                return undo_begin(c, run, REASON_JOURNAL);
        }
        if (run->steps_count < JOURNAL_STEPS_MAX)
                run->steps[run->steps_count++] = on_record;
        run->step_ns = proc_boottime_ns() + c->soak_ns; /* should its job not get out */
        if (run->change.changes[step->position].knob == KNOB_MEMORY_MAX) {
                /* How often the old limit was met says nothing about the new one. */
                signals_read(run->container, signals);
                run->signals[SIGNAL_MEMORY_FULL] = signals[SIGNAL_MEMORY_FULL];
        }
        return STEP_APPLY;
}

int lower_after(struct control *c, struct run *run, struct change_job *j, int r) {
        struct ladder_input in = { .current_bytes = j->current_bytes };
        uint64_t usec = u64_sub(j->used_ns, run->taken_ns) / NSEC_PER_USEC;
        struct ladder_step step;

        run->step_ns = 0;
        if (run_is_over(run, r))
                return run_lapse(c, run);
        if (r < 0) {
                run_say(run, "%s", run_why(j, r));
                return undo_begin(c, run, REASON_WRITE);
        }
        if (run->undo_wanted)
                return undo_begin(c, run, run->undo_reason);
        if (usec > 0 && run->taken_ns > 0)
                in.refaults_per_sec = u64_sub(j->refaults, run->refaults) * USEC_PER_SEC / usec;
        step = ladder_next(&run->change, &in);
        if (step.action == LADDER_WAIT)
                return wait_longer(c, run, j);
        if (step.action == LADDER_STEP && c->paused && run->change.state != CHANGE_APPLYING) {
                run->step_ns = proc_boottime_ns() + c->soak_ns;
                return STEP_NONE;
        }
        return step.action == LADDER_STEP ? take(c, run, &step) : STEP_NONE;
}

/* What the helper held on the way may be anybody's value from now on. */
static void forget_helper(struct run *run) {
        unsigned count = 0;

        for (unsigned i = 0; i < run->steps_count; i++)
                if (!ladder_helper(&run->change.changes[run->steps[i].position]))
                        run->steps[count++] = run->steps[i];
        run->steps_count = count;
}

void lower_taken(struct control *c, struct run *run) {
        struct change *x = &run->change;
        uint64_t now = proc_boottime_ns();

        run->waits = 0;
        run->step_ns = x->step_mask != 0 ? now + c->soak_ns : 0;
        run->looked_ns = run->drift_ns = now;
        x->proven = 0;
        if (x->step_mask == 0)
                forget_helper(run);
        if (run->trial_ns == 0)
                x->deadline_boottime_ns = now + watch_probation_ns(c, run);
        watch_say(run);
        observer_link_change(c, x);
}
