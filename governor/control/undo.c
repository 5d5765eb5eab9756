/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking a change back. It never waits for the disk, for the observer, or for anything but the
 * kernel; what use needs above the old value is kept, journaled before it is written.
 */
#include "governor/control/control.h"
#include "governor/control/steps.h"
#include "policies/rules/breaker.h"
#include "policies/rules/ladder.h"
#include "state/log.h"
#include "state/text.h"

#include <string.h>

static void say_conflict(struct run *run, const struct change_job *j, unsigned i) {
        const struct knob_change *k = &run->change.changes[i];
        char old[KNOB_VALUE_TEXT_MAX], new[KNOB_VALUE_TEXT_MAX], now[KNOB_VALUE_TEXT_MAX];

        knob_write_text(k->knob, k->old, old, sizeof(old));
        knob_write_text(k->knob, k->new, new, sizeof(new));
        knob_write_text(k->knob, j->found[i], now, sizeof(now));
        run_say(run, "somebody else set %s to %s (before %s, by this change %s): left as it is",
                        knobs[k->knob].file, now, old, new);
}

static void say_kept(struct run *run, const struct change_job *j, unsigned i) {
        const struct knob_change *k = &run->change.changes[i];
        char old[KNOB_VALUE_TEXT_MAX], kept[KNOB_VALUE_TEXT_MAX], use[KNOB_VALUE_TEXT_MAX];

        knob_format(k->knob, k->old, old, sizeof(old));
        knob_format(k->knob, run->change.kept[i], kept, sizeof(kept));
        knob_format(k->knob, (struct knob_value){ j->in_use[i], 0 }, use, sizeof(use));
        run_say(run, "kept %s of %s: use is %s, the old limit of %s would kill", kept,
                        knobs[k->knob].file, use, old);
}

int undo_begin(struct control *c, struct run *run, enum reason reason) {
        run->undo_wanted = run->again = false;
        run->undo_reason = reason;
        run->retry_ns = 0;
        if (!run->container || !run->container->alive)
                return run_lapse(c, run);
        run_enter(c, run, CHANGE_ROLLING_BACK, reason);
        return STEP_UNDO;
}

int engine_undo(struct control *c, struct run *run, enum reason reason, const char *text) {
        if (!run_in_force(run))
                return 0;
        if (text && text != run->text)
                (void)text_copy(run->text, sizeof(run->text), text);
        if (run->change.state == CHANGE_ROLLING_BACK || run->undos > 0)
                return 1;
        if (run->busy || run->pending) {
                run->undo_wanted = true;
                run->undo_reason = reason;
                return 1;
        }
        if (engine_newer(c, run)) {
                run->undo_next = true;
                return 1;
        }
        run_submit(c, run, undo_begin(c, run, reason));
        return 1;
}

/* 0.1 s, 0.5 s, 2 s, 10 s, then every minute. */
int undo_failed(struct control *c, struct run *run, const char *text) {
        static const uint64_t waits_ms[] = { 100, 500, 2000, 10000, 60000 };
        unsigned n = run->retries < ARRAY_LEN(waits_ms) ? run->retries : ARRAY_LEN(waits_ms) - 1;

        run->retries++;
        run->retry_ns = proc_boottime_ns() + waits_ms[n] * NSEC_PER_MSEC;
        run_say(run, "the rollback failed, trying again: %s", text);
        if (run->change.state != CHANGE_ROLLBACK_FAILED)
                run_enter(c, run, CHANGE_ROLLBACK_FAILED, run->undo_reason);
        return STEP_NONE;
}

void undo_retry(struct control *c, struct run *run, uint64_t now_ns) {
        (void)now_ns;
        run_submit(c, run, undo_begin(c, run, run->undo_reason));
}

static int undo_end(struct control *c, struct run *run) {
        if (run->again) {
                run->again = false;
                return STEP_UNDO;
        }
        run->change.step_mask = 0;
        if (run->conflict) {
                run_enter(c, run, CHANGE_CONFLICT, REASON_EXTERNAL);
        } else {
                /* That something was kept is seen in what was; the harm would be forgotten. */
                bool kept = run->change.kept_mask != 0 && !breaker_is_harm(run->undo_reason);

                run_enter(c, run, CHANGE_ROLLED_BACK, kept ? REASON_KEPT : run->undo_reason);
        }
        return STEP_NONE;
}

static int keep(struct control *c, struct run *run, struct change_job *j) {
        int r = journal_step(c->journal, &run->change, JOURNAL_KEPT, j->position, j->keep,
                        /* durable= */ false);

        if (r == -E2BIG || r == -EINVAL)
                return undo_failed(c, run, "the kept value cannot be journaled");
        run->change.kept[j->position] = j->keep;
        run->change.kept_mask |= 1U << j->position;
        return STEP_UNDO;
}

int undo_after(struct control *c, struct run *run, struct change_job *j, int r) {
        if (r == UNDO_KEEP_FIRST)
                return keep(c, run, j);
        if (run_is_over(run, r))
                return run_lapse(c, run);
        if (r < 0)
                return undo_failed(c, run, run_why(j, r));
        run->undone_ns = j->undone_ns;
        run->change.kept_mask = j->change.kept_mask;
        memcpy(run->change.kept, j->change.kept, sizeof(run->change.kept));
        run->conflict = false;
        for (unsigned i = 0; i < run->change.changes_count; i++) {
                run->conflict |= j->conflict[i];
                if (j->conflict[i])
                        say_conflict(run, j, i);
                else if (run->change.kept_mask >> i & 1)
                        say_kept(run, j, i);
        }
        return run->change.owner == OWNER_SYSTEMD ? STEP_TELL : undo_end(c, run);
}

int undo_told(struct control *c, struct run *run, struct change_job *j, int r) {
        if (run_is_over(run, r))
                return run_lapse(c, run);
        if (r < 0)
                return undo_failed(c, run, run_why(j, r));
        for (unsigned i = 0; i < run->change.changes_count; i++) {
                const struct knob_change *k = &run->change.changes[i];
                bool kept = run->change.kept_mask >> i & 1;
                struct knob_value now;

                if (!j->limits.text[k->knob] ||
                                knob_read_file(k->knob, j->limits.text[k->knob], k->new, &now) < 0)
                        continue;
                if (ladder_helper(k))
                        continue;
                /* Somebody else's value stays; ours may have come again with another message. */
                if (run->conflict && !knob_equal(now, k->new))
                        continue;
                if (!knob_equal(now, kept ? run->change.kept[i] : k->old))
                        return undo_failed(c, run, "systemd wrote another value");
        }
        if (j->scope_keeps && run->change.kept_mask == 0)
                run_say(run, "the scope around it keeps its higher memory.max: what it uses "
                             "besides "
                             "needs that");
        return undo_end(c, run);
}
