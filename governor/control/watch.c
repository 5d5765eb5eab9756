/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The watch over a fresh change: a fixed time over the hard signals, in CLOCK_BOOTTIME so that
 * suspend counts. Signals only grow and are compared with what they were before the write.
 *
 * A kill counts when it hit a process of this very cgroup, or one below while this cgroup's own
 * limit was what ran out: a nested container that dies of its own limit is no verdict on ours.
 */
#include "governor/control/control.h"
#include "state/log.h"

#include <string.h>

void signals_read(const struct managed *m, uint64_t ret[static SIGNALS]) {
        static const struct {
                const char *file, *key;
        } sources[] = {
                [SIGNAL_KILL_LOCAL] = { "memory.events.local", "oom_kill" },
                [SIGNAL_KILL_BELOW] = { "memory.events", "oom_kill" },
                [SIGNAL_OOM_LOCAL] = { "memory.events.local", "oom" },
                [SIGNAL_PIDS_REFUSED] = { "pids.events", "max" },
                [SIGNAL_MEMORY_FULL] = { "memory.events.local", "max" },
        };

        for (size_t i = 0; i < ARRAY_LEN(sources); i++)
                if (cgroup_read_key(m->dir_fd, sources[i].file, sources[i].key, &ret[i]) < 0)
                        ret[i] = SIGNAL_UNKNOWN;
}

/* A limit that is still met after a raise is no harm that the lower one would mend. */
static bool lowers(const struct change *x, enum knob_id id) {
        for (unsigned i = 0; i < x->changes_count; i++)
                if (x->changes[i].knob == id &&
                                knob_compare(id, x->changes[i].new, x->changes[i].old) < 0)
                        return true;
        return false;
}

static enum reason check_signals(struct run *run) {
        uint64_t now[SIGNALS], grown[SIGNALS];

        signals_read(run->container, now);
        for (size_t i = 0; i < SIGNALS; i++) {
                if (run->signals[i] == SIGNAL_UNKNOWN)
                        run->signals[i] = now[i]; /* better late than a growth from nothing */
                grown[i] = now[i] == SIGNAL_UNKNOWN ? 0 : u64_sub(now[i], run->signals[i]);
        }
        if (grown[SIGNAL_KILL_LOCAL] || (grown[SIGNAL_KILL_BELOW] && grown[SIGNAL_OOM_LOCAL]))
                return REASON_OOM_KILL;
        if (grown[SIGNAL_PIDS_REFUSED] && lowers(&run->change, KNOB_PIDS_MAX))
                return REASON_PIDS_REFUSED;
        if (grown[SIGNAL_MEMORY_FULL] && lowers(&run->change, KNOB_MEMORY_MAX))
                return REASON_MEMORY_FULL;
        return REASON_NONE;
}

void watch_begin(struct control *c, struct run *run) {
        uint64_t now = proc_boottime_ns();

        run->looked_ns = run->drift_ns = now;
        run->change.applied_boottime_ns = now;
        run->change.deadline_boottime_ns = now + (run->trial_ns ? run->trial_ns : c->probation_ns);
        run->text[0] = '\0';
        run_enter(c, run, CHANGE_PROBATION, REASON_NONE);
}

enum drift { DRIFT_NONE, DRIFT_OLD, DRIFT_FOREIGN };

/* Whether somebody else wrote the knobs of a change that is in force; of how many ours is there. */
static enum drift check_drift(const struct control *c, struct run *run, unsigned *ret_ours) {
        enum drift drift = DRIFT_NONE;

        *ret_ours = 0;
        for (unsigned i = 0; i < run->change.changes_count; i++) {
                const struct knob_change *k = &run->change.changes[i];
                struct knob_value now, kept;
                char text[KNOB_VALUE_TEXT_MAX * 2];

                if (cgroup_read(run->container->dir_fd, knobs[k->knob].file, text, sizeof(text)) <
                                                0 ||
                                knob_read_text(k->knob, text, &now) < 0 ||
                                knob_equal(now, k->new) ||
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

void watch_look(struct control *c, struct run *run, uint64_t now_ns) {
        bool over = now_ns >= run->change.deadline_boottime_ns;
        bool blind = u64_sub(now_ns, run->looked_ns) > ENGINE_BLIND_NS;
        enum reason reason;

        if (!run->container || !run->container->alive)
                return;
        run->looked_ns = now_ns;
        reason = check_signals(run);
        if (reason == REASON_NONE && blind)
                reason = REASON_BLIND;
        if (reason != REASON_NONE) {
                (void)engine_undo(c, run, reason, reasons[reason].text);
                return;
        }
        if ((over || u64_sub(now_ns, run->drift_ns) >= ENGINE_DRIFT_NS) &&
                        look_for_drift(c, run, now_ns))
                return;
        if (over && run->trial_ns > 0)
                (void)engine_undo(c, run, REASON_TRIAL, reasons[REASON_TRIAL].text);
        else if (over)
                run_enter(c, run, CHANGE_COMMITTED,
                                run->change.proven ? REASON_PROVEN : REASON_UNPROVEN);
}

bool engine_keep(struct control *c, struct run *run) {
        struct change *x = &run->change;
        uint64_t now = proc_boottime_ns();

        if (x->state != CHANGE_PROBATION || run->undo_wanted)
                return x->state == CHANGE_COMMITTED;
        if (run->trial_ns > 0) {
                run->trial_ns = 0;
                x->deadline_boottime_ns = u64_max(now, x->applied_boottime_ns + c->probation_ns);
                run_say(run, "a person kept it");
                observer_link_change(c, x);
        }
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

void engine_verdict(struct control *c, uint64_t number, enum verdict verdict) {
        struct run *run = engine_find(c, number);

        if (!run || run->change.state != CHANGE_PROBATION)
                return; /* too late, or never was: the observer decides nothing else */
        if (verdict == VERDICT_BETTER)
                run->change.proven = 1;
        else if (verdict == VERDICT_WORSE)
                (void)engine_undo(
                                c, run, REASON_OBSERVER_ASKED, reasons[REASON_OBSERVER_ASKED].text);
}

void engine_observer_lost(struct control *c) {
        static const char text[] = "the observer was silent: nobody would have seen harm";

        for (struct run *run = c->engine.runs, *next; run; run = next) {
                next = run->next;
                if (run->change.state == CHANGE_PROBATION || run->change.state == CHANGE_APPLYING)
                        (void)engine_undo(c, run, REASON_OBSERVER_SILENT, text);
        }
}
