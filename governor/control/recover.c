/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message to PID 1 may take effect after its sender was killed. So before a change of a unit is
 * looked at, PID 1 is asked anything and given a second: what was under way has then happened.
 */
#include "governor/control/recover.h"

#include "governor/control/api.h"
#include "governor/control/control.h"
#include "governor/control/steps.h"
#include "state/log.h"

#include <string.h>
#include <time.h>

#define RECOVER_TRIES 4

static void wait_ns(uint64_t ns) {
        struct timespec t = { .tv_sec = (time_t)(ns / NSEC_PER_SEC),
                .tv_nsec = (long)(ns % NSEC_PER_SEC) };

        (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
}

/*
 * Does a step. Returns false where it hangs in the kernel: what its thread uses is lost to us, and
 * nobody else may write this container's limits before it is back, which only a restart finds out.
 */
static bool do_step(struct control *c, struct run *run, struct change_job *j, int *ret) {
        *ret = job_do(&j->job);
        if (!j->job.abandoned)
                return true;
        run->jobs++;
        run->undos++;
        j->job.next = c->engine.lost;
        c->engine.lost = &j->job;
        return false;
}

/* Drives a run to its end. Returns whether it came there. */
static bool drive(struct control *c, struct run *run, int step) {
        for (unsigned tries = 0; tries < RECOVER_TRIES;) {
                struct change_job *j;
                int r;

                if (step == STEP_NONE) {
                        if (run->change.state != CHANGE_ROLLBACK_FAILED)
                                return true;
                        if (++tries == RECOVER_TRIES)
                                break;
                        wait_ns(u64_min(u64_sub(run->retry_ns, proc_boottime_ns()), NSEC_PER_SEC));
                        step = undo_begin(c, run, run->undo_reason);
                        continue;
                }
                j = run_job(c, run, (enum change_step)step);
                if (!j)
                        return false;
                if (!do_step(c, run, j, &r)) {
                        (void)undo_failed(c, run,
                                        "the kernel still holds a write; dtgovd's next "
                                        "start looks again");
                        return false;
                }
                step = run_after(c, run, j, r);
                change_job_free(j);
        }
        return false;
}

/*
 * What the kernel shows of a change's knobs. One that cannot be read may well hold the new value:
 * the undo looks again, and again until it can.
 */
static void look(const struct control *c, const struct run *run, bool *ret_new, bool *ret_foreign) {
        *ret_new = *ret_foreign = false;
        for (unsigned i = 0; run->container && i < run->change.changes_count; i++) {
                const struct knob_change *k = &run->change.changes[i];
                struct knob_value now, kept;
                int r = cgroup_read_knob(run->container->dir_fd, k->knob, k->new, &now);

                if (r == -ENOENT)
                        continue;
                if (r < 0) {
                        *ret_new = true;
                        continue;
                }
                if (knob_equal(now, k->old))
                        continue;
                if (knob_equal(now, k->new) ||
                                journal_has_step(run->steps, run->steps_count, i, now) ||
                                ((run->change.kept_mask >> i & 1) &&
                                                knob_equal(now, run->change.kept[i])) ||
                                (run_newer_kept(c, run, i, &kept) && knob_equal(now, kept)))
                        *ret_new = true;
                else
                        *ret_foreign = true;
        }
}

static void let_systemd_settle(struct control *c) {
        for (const struct run *run = c->engine.runs; run; run = run->next) {
                if (!run->this_boot || !run_in_force(run) || !run->container ||
                                !(run->change.scope_mask != 0 ||
                                                systemd_may_be_unit(
                                                                run->container->container.cgroup)))
                        continue;
                (void)systemd_sync(NULL);
                wait_ns(NSEC_PER_SEC);
                return;
        }
}

static const char *explain(enum reason reason) {
        switch (reason) {
        case REASON_NOT_APPLIED:
                return "not applied: dtgovd stopped first";
        case REASON_DAEMON_STOPPED:
                return "rolled back: dtgovd stopped during probation";
        default:
                return reasons[reason].text;
        }
}

/*
 * PID 1 keeps what it was told, whatever the file shows by now, and writes it again with the next
 * daemon-reload. So a change that ends without an undo ends with PID 1 told what is there, and with
 * one more look: a reload may have come first. Before the first write nobody was told.
 */
static bool owner_undoes_it(struct control *c, struct run *run) {
        struct change_job *j;
        bool any_new, any_foreign;
        int r;

        if (run->change.owner != OWNER_SYSTEMD || run->change.state == CHANGE_INTENT)
                return false;
        j = run_job(c, run, STEP_TELL);
        if (!j)
                return true;
        if (!do_step(c, run, j, &r))
                return true;
        change_job_free(j);
        look(c, run, &any_new, &any_foreign);
        return r < 0 || any_new;
}

static bool ends_as_it_is(enum change_state state) {
        return state == CHANGE_REFUSED || state == CHANGE_CONFLICT ||
               state == CHANGE_REVERTED_EXTERNALLY;
}

static bool recover_one(struct control *c, struct run *run) {
        bool alive = run->container && run->container->alive;
        bool any_new, any_foreign;
        enum change_state state;
        enum reason reason;

        if (run->this_boot && !run->container && c->containers.unsure)
                return false; /* it may be there, and nothing is known of it */
        run->pending = false;
        look(c, run, &any_new, &any_foreign);
        state = recover_decide(
                        run->change.state, run->this_boot, alive, any_new, any_foreign, &reason);
        if (reason != REASON_NONE)
                run_say(run, "%s", explain(reason));
        if (ends_as_it_is(state) && state != run->change.state && owner_undoes_it(c, run))
                state = CHANGE_ROLLING_BACK; /* which tells it, again and again until it hears */
        if (state == CHANGE_ROLLING_BACK) {
                run->undo_reason = reason != REASON_NONE ? reason : run->change.reason;
                if (run->change.state == CHANGE_ROLLING_BACK)
                        return drive(c, run, STEP_UNDO);
                return drive(c, run, undo_begin(c, run, run->undo_reason));
        }
        if (state != run->change.state)
                run_enter(c, run, state, reason);
        else if (run->undo_wanted)
                return drive(c, run, undo_begin(c, run, run->undo_reason));
        return true;
}

static unsigned recover(struct control *c, bool pending_only) {
        unsigned failed = 0;

        for (struct run *run = c->engine.runs, *next; run; run = next) {
                next = run->next;
                if (run_in_force(run) && (run->pending || !pending_only) && !recover_one(c, run))
                        failed++;
        }
        return failed;
}

unsigned recover_all(struct control *c) {
        let_systemd_settle(c);
        return recover(c, /* pending_only= */ false);
}

unsigned recover_pending(struct control *c) {
        bool any = false;

        for (const struct run *run = c->engine.runs; run && !any; run = run->next)
                any = run->pending;
        if (!any)
                return 0;
        let_systemd_settle(c);
        return recover(c, /* pending_only= */ true);
}

/* The container whose id is @target, or the only one whose id begins so. */
static int find_container(const struct control *c, const char *target, const char **ret) {
        *ret = NULL;
        for (const struct run *run = c->engine.runs; run; run = run->next) {
                const char *id = run->change.container_id;

                if (strcmp(id, target) == 0) {
                        *ret = id;
                        return 0;
                }
                if (strncmp(id, target, strlen(target)) != 0)
                        continue;
                if (*ret && strcmp(*ret, id) != 0)
                        return -ENOTUNIQ;
                *ret = id;
        }
        return *ret && *target ? 0 : -ENOENT;
}

static bool take_back(struct control *c, struct run *run) {
        /* Else recovery would have ended it, or the kernel holds what recovery wrote. */
        if (!run->container || run->undos > 0)
                return false;
        run_say(run, "a person took it back");
        return drive(c, run, undo_begin(c, run, REASON_PERSON));
}

static int take_all_back(struct control *c, const char *id) { /* NULL: of every container */
        int failed = 0;

        for (struct run *run = c->engine.runs, *next; run; run = next) {
                next = run->next;
                if (run_in_force(run) && (!id || strcmp(run->change.container_id, id) == 0))
                        failed += !take_back(c, run);
        }
        return failed;
}

int recover_rollback(struct control *c, const char *target) {
        uint64_t number = api_number('C', target);
        struct run *run = number ? engine_find(c, number) : NULL;
        const char *id;
        int r;

        if (strcmp(target, "--all") == 0)
                return take_all_back(c, NULL);
        if (!run) {
                r = find_container(c, target, &id);
                return r < 0 ? r : take_all_back(c, id);
        }
        if (!run_in_force(run))
                return 0;
        if (engine_newer(c, run)) {
                log_error("a newer change of the same knob is in force: roll that back first");
                return 1;
        }
        return !take_back(c, run);
}
