/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of changes and the way of every step: out to a writer thread, back to run_after(), which
 * says what comes next. Recovery drives the same functions without threads.
 */
#include "governor/control/engine.h"

#include "governor/control/control.h"
#include "governor/control/invariants.h"
#include "governor/control/policies.h"
#include "governor/control/steps.h"
#include "policies/rules/ladder.h"
#include "state/log.h"
#include "state/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool is_open(const struct run *run) {
        return change_states[run->change.state].open;
}

bool run_in_force(const struct run *run) {
        return is_open(run) || run->change.state == CHANGE_COMMITTED;
}

void run_say(struct run *run, const char *format, ...) {
        va_list args;

        va_start(args, format);
        (void)vsnprintf(run->text, sizeof(run->text), format, args);
        va_end(args);
}

static void run_free(struct run *run) {
        limits_done(&run->before);
        limits_done(&run->after);
        container_unref(run->container);
        free(run->environment);
        free(run->template);
        free(run);
}

static void run_unlink(struct control *c, struct run *run) {
        struct run **at = &c->engine.runs;

        while (*at && *at != run)
                at = &(*at)->next;
        *at = run->next;
}

/* Makes room by forgetting the oldest ended one; the journal keeps it. */
static void forget_oldest(struct control *c) {
        struct run *oldest = NULL;

        if (c->engine.ended <= ENGINE_ENDED_MAX)
                return;
        for (struct run *run = c->engine.runs; run; run = run->next)
                if (!run_in_force(run) && run->jobs == 0 && !run->waiters)
                        oldest = run;
        if (!oldest)
                return;
        c->engine.ended--;
        run_unlink(c, oldest);
        run_free(oldest);
}

void engine_add(struct control *c, struct run *run) {
        forget_oldest(c); /* here, where nobody walks the list */
        run->next = c->engine.runs;
        c->engine.runs = run;
}

void run_wait(struct run *run, struct waiter *w) {
        w->next = run->waiters;
        run->waiters = w;
}

static bool is_settled(const struct run *run, const struct waiter *w) {
        if (!is_open(run) || run->change.state == CHANGE_ROLLBACK_FAILED)
                return true;
        return !w->end && change_on_probation(run->change.state);
}

static void wake(struct run *run) {
        struct waiter *all = TAKE(run->waiters);

        while (all) {
                struct waiter *w = all;

                all = w->next;
                if (is_settled(run, w))
                        w->call(w, run);
                else
                        run_wait(run, w);
        }
}

/* The rollback of several changes of one container: the next older one has its turn. */
static void undo_next(struct control *c, uint64_t inode) {
        for (struct run *run = c->engine.runs; run; run = run->next)
                if (run->change.cgroup_inode == inode && run->undo_next && run_in_force(run)) {
                        (void)engine_undo(c, run, REASON_PERSON, run->text);
                        return;
                }
}

static void run_end(struct control *c, struct run *run) {
        uint64_t inode = run->change.cgroup_inode;

        run->undo_next = false;
        if (run->jobs == 0) { /* else a thread that was given up still reads them */
                limits_done(&run->before);
                limits_done(&run->after);
                container_unref(run->container);
                run->container = NULL;
        }
        if (run->change.number == 0) {
                run_unlink(c, run);
                run->orphan = run->jobs > 0;
                if (!run->orphan)
                        run_free(run);
        } else {
                c->engine.ended++;
        }
        undo_next(c, inode);
}

static void run_log(const struct run *run) {
        static const enum event events[CHANGE_STATE_COUNT] = {
                [CHANGE_PROBATION] = EVENT_APPLIED,
                [CHANGE_COMMITTED] = EVENT_COMMITTED,
                [CHANGE_ROLLED_BACK] = EVENT_ROLLED_BACK,
                [CHANGE_ROLLBACK_FAILED] = EVENT_ROLLBACK_FAILED,
                [CHANGE_CONFLICT] = EVENT_CONFLICT,
                [CHANGE_LAPSED] = EVENT_LAPSED,
                [CHANGE_REVERTED_EXTERNALLY] = EVENT_REVERTED,
                [CHANGE_REFUSED] = EVENT_REFUSED,
                [CHANGE_STALE] = EVENT_REFUSED,
        };
        const struct change *x = &run->change;
        bool quiet = x->state == CHANGE_APPLYING || x->state == CHANGE_VERIFY ||
                     x->state == CHANGE_ROLLING_BACK || x->number == 0;

        log_event(quiet ? LOG_DEBUG : LOG_NOTICE, events[x->state],
                        "change C%llu of %.12s%s: %s%s%s", (unsigned long long)x->number,
                        x->container_id, change_by_policy(x) ? ", by policy" : "",
                        change_states[x->state].name, run->text[0] ? ": " : "", run->text);
}

void run_enter(struct control *c, struct run *run, enum change_state state, enum reason reason) {
        struct change *x = &run->change;

        invariants_enter(c, run, state);
        x->state = state;
        x->reason = reason;
        if (!run_in_force(run) || state == CHANGE_COMMITTED)
                x->ended_boottime_ns = proc_boottime_ns();
        /*
         * A record that cannot be written is told by the journal's health; the undo goes on. What a
         * thread that was given up may still write to stays open on record: a kill does not end a
         * thread that the kernel holds.
         */
        if (x->number != 0 && state != CHANGE_VERIFY && (run_in_force(run) || run->jobs == 0))
                (void)journal_state(c->journal, x, /* durable= */ false);
        run_log(run);
        trust_look(c, run);
        if (x->number != 0)
                observer_link_change(c, x);
        wake(run);
        if (!run_in_force(run))
                run_end(c, run);
}

bool run_is_over(const struct run *run, int r) {
        return !run->container->alive ||
               ((r == -ENODEV || r == -ENOENT) &&
                               cgroup_populated(run->container->dir_fd) == -ENODEV);
}

int run_lapse(struct control *c, struct run *run) {
        run_say(run, "container ended; its limits ended with it");
        run_enter(c, run, CHANGE_LAPSED, REASON_EXITED);
        return STEP_NONE;
}

bool run_newer_kept(const struct control *c, const struct run *run, unsigned position,
                struct knob_value *ret) {
        const struct knob_change *k = &run->change.changes[position];

        for (const struct run *r = c->engine.runs; r != run; r = r->next) {
                const struct change *x = &r->change;

                if (x->cgroup_inode != run->change.cgroup_inode || x->state != CHANGE_ROLLED_BACK)
                        continue;
                for (unsigned i = 0; i < x->changes_count; i++)
                        if (knob_change_same(&x->changes[i], k) && (x->kept_mask >> i & 1)) {
                                *ret = x->kept[i];
                                return true;
                        }
        }
        return false;
}

/* A thread has come back from it, or none ever had it. */
static void job_is_back(struct change_job *j) {
        struct run *run = j->run;

        run->jobs--;
        if (j->step == STEP_UNDO)
                run->undos--;
        if (run->orphan && run->jobs == 0)
                run_free(run);
}

static void drop_job(struct job *job) {
        struct change_job *j = (struct change_job *)job;

        job_is_back(j);
        change_job_free(j);
}

struct change_job *run_job(struct control *c, struct run *run, enum change_step step) {
        struct change_job *j = calloc(1, sizeof(*j));

        if (!j)
                return NULL;
        j->control = c;
        j->run = run;
        j->step = step;
        j->container = container_ref(run->container);
        j->change = run->change;
        j->before = &run->before;
        j->after = &run->after;
        j->others = run->others;
        j->steps_count = run->steps_count;
        memcpy(j->steps, run->steps, sizeof(j->steps));
        for (unsigned i = 0; i < run->change.changes_count; i++)
                if (run_newer_kept(c, run, i, &j->newer[i]))
                        j->newer_mask |= 1U << i;
        j->job.work = change_job_work;
        j->job.drop = drop_job;
        j->job.undo = step == STEP_UNDO;
        j->job.slow = step == STEP_TELL || step == STEP_PRECHECK; /* PID 1 is asked */
        (void)text_copy(j->unit, sizeof(j->unit), run->unit);
        return j;
}

const char *run_why(const struct change_job *j, int r) {
        if (r == -ETIMEDOUT || r == -ECANCELED)
                return j->step == STEP_TELL || j->step == STEP_PRECHECK
                                       ? "systemd did not answer within 30 s"
                                       : "the kernel was slow to reclaim: the write took over 2 s";
        return j->error.text[0] ? j->error.text : strerror(-r);
}

static int told_after(struct control *c, struct run *run, struct change_job *j, int r) {
        if (run->change.state == CHANGE_COMMITTED)
                return calm_told(c, run, r);
        return run->change.state == CHANGE_APPLYING || run->change.state == CHANGE_PROBATION
                               ? apply_told(c, run, j, r)
                               : undo_told(c, run, j, r);
}

typedef int (*after_step)(struct control *c, struct run *run, struct change_job *j, int r);

int run_after(struct control *c, struct run *run, struct change_job *j, int r) {
        static const after_step after[] = {
                [STEP_PRECHECK] = precheck_after,
                [STEP_APPLY] = apply_after,
                [STEP_UNDO] = undo_after,
                [STEP_TELL] = told_after,
                [STEP_USE] = lower_after,
        };

        return after[j->step](c, run, j, r);
}

/*
 * A thread that was given up has come back: what it did after the undo is looked at once more, for
 * it may have been stopped between its last look at the flag and its write.
 */
static int late_after(struct control *c, struct run *run) {
        bool ended = !run_in_force(run);

        run->again = !ended && run->busy;
        if (!ended || run->jobs > 0 || run->change.number == 0)
                return STEP_NONE;
        if (run->container && run->container->alive &&
                        (run->change.state == CHANGE_ROLLED_BACK ||
                                        run->change.state == CHANGE_CONFLICT)) {
                log_warning("change C%llu: a writer came back late, looking once more",
                                (unsigned long long)run->change.number);
                c->engine.ended--;
                return undo_begin(c, run, REASON_SLOW);
        }
        (void)journal_state(c->journal, &run->change, /* durable= */ false);
        undo_next(c, run->change.cgroup_inode);
        return STEP_NONE;
}

static void on_done(struct job *job, int r) {
        struct change_job *j = (struct change_job *)job;
        struct control *c = j->control;
        struct run *run = j->run;
        bool given_up = r == -ETIMEDOUT && !job->abandoned && job_cancelled(job);
        bool orphan = run->orphan;
        int next;

        if (!given_up)
                job_is_back(j);
        if (orphan) {
                change_job_free(j);
                return;
        }
        if (!job->abandoned)
                run->busy = false;
        next = job->abandoned ? late_after(c, run) : run_after(c, run, j, r);
        run_submit(c, run, next);
        if (!given_up)
                change_job_free(j);
}

void run_submit(struct control *c, struct run *run, int step) {
        struct change_job *j;

        if (step == STEP_NONE)
                return;
        invariants_step(run, step);
        j = run_job(c, run, step);
        if (!j) {
                run->retry_ns = proc_boottime_ns() + NSEC_PER_SEC; /* the tick tries again */
                return;
        }
        j->job.done = on_done;
        run->jobs++;
        run->undos += step == STEP_UNDO;
        run->busy = true;
        writers_submit(c->writers, &j->job);
}

struct run *engine_find(struct control *c, uint64_t number) {
        for (struct run *run = c->engine.runs; run; run = run->next)
                if (run->change.number == number)
                        return run;
        return NULL;
}

bool engine_is_taken(
                struct control *c, uint64_t cgroup_inode, uint64_t proposal, uint64_t *ret_number) {
        bool own = proposal == 0; /* the list is newest first: what follows is older */

        for (struct run *run = c->engine.runs; run; run = run->next) {
                if (run->change.cgroup_inode != cgroup_inode || (!is_open(run) && run->jobs == 0))
                        continue;
                *ret_number = run->change.number;
                if (run->change.proposal == proposal && proposal != 0)
                        own = true;
                else if (own || run->change.state >= CHANGE_INTENT)
                        return true;
        }
        return false;
}

unsigned engine_probations(struct control *c) {
        unsigned count = 0;

        for (struct run *run = c->engine.runs; run; run = run->next)
                count += change_on_probation(run->change.state);
        return count;
}

unsigned engine_under_way(const struct control *c, uint64_t proposal) {
        unsigned count = 0;

        for (const struct run *run = c->engine.runs; run; run = run->next)
                count += is_open(run) && run->change.proposal != proposal;
        return count;
}

unsigned engine_changes_since(struct control *c, uint64_t cgroup_inode, uint64_t boottime_ns) {
        unsigned count = 0;

        for (struct run *run = c->engine.runs; run; run = run->next)
                count += run->change.cgroup_inode == cgroup_inode && run->change.number != 0 &&
                         run->change.rule != RULE_PERSON &&
                         run->change.approved_boottime_ns >= boottime_ns;
        return count;
}

/* A helper whose ladder has ended holds nothing any more. */
static bool holds(const struct change *x, unsigned position) {
        return !ladder_helper(&x->changes[position]) || (x->step_mask >> position & 1);
}

static bool share_knob(const struct change *a, const struct change *b) {
        for (unsigned i = 0; i < a->changes_count; i++)
                for (unsigned k = 0; k < b->changes_count; k++)
                        if (knob_change_same(&a->changes[i], &b->changes[k]) && holds(a, i) &&
                                        holds(b, k))
                                return true;
        return false;
}

struct run *engine_newer(struct control *c, const struct run *run) {
        for (struct run *r = c->engine.runs; r != run; r = r->next)
                if (r->change.cgroup_inode == run->change.cgroup_inode &&
                                (run_in_force(r) || r->jobs > 0) &&
                                share_knob(&r->change, &run->change))
                        return r;
        return NULL;
}

const struct run *engine_lost(const struct control *c, uint64_t cgroup_inode) {
        for (const struct run *run = c->engine.runs; run; run = run->next)
                if (!run->container && run->this_boot && run_in_force(run) &&
                                (cgroup_inode == 0 || run->change.cgroup_inode == cgroup_inode))
                        return run;
        return NULL;
}

void engine_container_began(struct control *c, struct managed *m) {
        for (struct run *run = c->engine.runs; run; run = run->next)
                if (run->change.cgroup_inode == m->container.cgroup_inode && run_in_force(run) &&
                                !run->container)
                        run->container = container_ref(m);
}

void engine_container_ended(struct control *c, struct managed *m) {
        for (struct run *run = c->engine.runs, *next; run; run = next) {
                next = run->next;
                if (run->container != m || run->busy || run->pending || !run_in_force(run))
                        continue; /* a busy one finds out when its job is back */
                (void)run_lapse(c, run);
        }
}

/* A step of a ladder may be held up in the kernel just because of the harm that it does. */
static void watch_busy(struct control *c, struct run *run, uint64_t now_ns) {
        uint64_t signals[SIGNALS];

        if (change_on_probation(run->change.state) && run->container->alive)
                (void)watch_signals(c, run, now_ns, signals);
}

static int on_tick(sd_event_source *s, uint64_t usec, void *userdata) {
        struct control *c = userdata;
        uint64_t now = proc_boottime_ns();
        bool open = false;

        (void)usec;
        for (struct run *run = c->engine.runs, *next; run; run = next) {
                next = run->next;
                if (run->pending || !run_in_force(run))
                        continue;
                open |= is_open(run);
                if (run->busy)
                        watch_busy(c, run, now);
                else if (change_on_probation(run->change.state))
                        watch_look(c, run, now);
                else if (run->change.state == CHANGE_COMMITTED)
                        watch_calm(c, run, now);
                else if (run->retry_ns != 0 && now >= run->retry_ns && run->undos == 0)
                        undo_retry(c, run, now);
        }
        policies_look(c, now);
        (void)sd_event_source_set_time_relative(s, open ? ENGINE_TICK_USEC : 4 * ENGINE_TICK_USEC);
        return 0;
}

int engine_init(struct control *c) {
        int r = sd_event_add_time_relative(c->event, &c->engine.tick, CLOCK_MONOTONIC,
                        ENGINE_TICK_USEC, USEC_PER_MSEC, on_tick, c);

        return r < 0 ? r : sd_event_source_set_enabled(c->engine.tick, SD_EVENT_ON);
}

void engine_done(struct control *c) {
        (void)sd_event_source_disable_unref(c->engine.tick);
        for (struct run *run; (run = c->engine.runs);) {
                c->engine.runs = run->next;
                run_free(run);
        }
}
