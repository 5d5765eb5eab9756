/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The phases: what is done before, what runs under the tracer, what must hold afterwards. Each
 * point begins and ends with all limits at their old values; the daemon that came up after one
 * point serves the next, so that journals grow old here too.
 */
#include "tests/faults/faults.h"

#include "governor/kernel/proc.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define TRACE_NS (60 * NSEC_PER_SEC)
#define CUT_AT   3 /* of the writes: something is written then, and something is not */

/* Of the points in a scope, one in so many is looked at after a daemon-reload too. */
#define RELOAD_POINTS 10

enum { DO_SET, DO_ROLLBACK, DO_RECOVER, DO_RESTART, DO_STOP, DO_LOWER };
enum { CUT_NONE, CUT_SET, CUT_ROLLBACK, CUT_PROBATION, CUT_RECOVERY };
enum { IS_SET = 1, IS_KEPT = 2, IS_LOWERED = 4, IS_FOREIGN = 8 };

static const struct phase {
        const char *name;
        int traced;
        int cut; /* where the daemon died before */
        unsigned is;
} phases[] = {
        { "apply", DO_SET, CUT_NONE, 0 },
        { "rollback", DO_ROLLBACK, CUT_NONE, IS_SET },
        { "rollback-kept", DO_ROLLBACK, CUT_NONE, IS_SET | IS_KEPT },
        { "rollback-foreign", DO_ROLLBACK, CUT_NONE, IS_SET | IS_FOREIGN },
        { "lower", DO_LOWER, CUT_NONE, IS_LOWERED },
        { "recover-probation", DO_RECOVER, CUT_PROBATION, IS_SET },
        { "recover-apply", DO_RECOVER, CUT_SET, 0 },
        { "recover-rollback", DO_RECOVER, CUT_ROLLBACK, IS_SET },
        { "recover-kept", DO_RECOVER, CUT_PROBATION, IS_SET | IS_KEPT },
        { "recover-foreign", DO_RECOVER, CUT_PROBATION, IS_SET | IS_FOREIGN },
        { "recover-lower", DO_RECOVER, CUT_PROBATION, IS_LOWERED },
        { "recover-recovery", DO_RECOVER, CUT_RECOVERY, IS_SET },
        { "restart", DO_RESTART, CUT_PROBATION, IS_SET },
        { "stop", DO_STOP, CUT_NONE, IS_SET },
};
const unsigned phases_count = ARRAY_LEN(phases);

const char *phase_name(unsigned phase) {
        return phases[phase].name;
}

/* Its memory comes down where the kernel reclaims it, and plain files say so when they are told. */
const char *phase_unfit(const struct lane *l, unsigned phase) {
        return !l->fixture && phases[phase].is & IS_LOWERED ? "a ladder is for plain files" : NULL;
}

const struct thaw thaws[] = {
        { "before recovery", 0 },
        { "while recovery asks", 700 * 1000 },
        { "while recovery waits", 2500 * 1000 },
        { "when recovery has told", 4000 * 1000 },
};
const unsigned thaws_count = ARRAY_LEN(thaws);

static bool is(const struct phase *p, unsigned what) {
        return (p->is & what) != 0;
}

static int fail(struct lane *l, const char *what) {
        if (!l->why[0])
                (void)snprintf(l->why, sizeof(l->why), "%s: %.400s", what, l->shared->text);
        return -1;
}

/* A request under the tracer. Returns below 0 when it could not be begun. */
static int trace_request(struct lane *l, enum request request, struct traced *t) {
        int go, r;

        t->helper = request_start(l, request, &go);
        if (t->helper < 0)
                return fail(l, "no request can be made");
        pid_t helper = t->helper;

        t->pid = l->daemon_pid;
        t->deadline_ns = proc_boottime_ns() + TRACE_NS;
        r = trace_attach(t);
        (void)send(go, "+", 1, MSG_NOSIGNAL);
        if (r == 0)
                trace_run(t);
        (void)close(go);
        if (t->helper > 0) {
                (void)kill(helper, SIGKILL);
                (void)waitpid(helper, NULL, 0);
        }
        if (t->dead)
                l->daemon_pid = 0;
        if (t->stuck)
                daemon_kill(l);
        return r == 0 ? 0 : fail(l, "cannot trace");
}

static int trace_recover(struct lane *l, struct traced *t) {
        t->pid = daemon_spawn(l, /* recover= */ true, /* traced= */ true);
        t->from = "/proc";
        t->deadline_ns = proc_boottime_ns() + TRACE_NS;
        if (t->pid < 0 || trace_began(t) < 0)
                return fail(l, "cannot trace");
        trace_run(t);
        if (!t->dead) {
                (void)kill(t->pid, SIGKILL);
                (void)waitpid(t->pid, NULL, __WALL);
        }
        return 0;
}

static int trace_restart(struct lane *l, struct traced *t) {
        pid_t helper, pid = daemon_spawn(l, /* recover= */ false, /* traced= */ true);

        t->pid = pid;
        t->from = "/proc";
        t->deadline_ns = proc_boottime_ns() + TRACE_NS;
        if (pid < 0)
                return fail(l, "cannot trace");
        helper = fork();
        if (helper == 0) {
                while (l->shared->daemon_pid != pid)
                        usleep(1000);
                _exit(0);
        }
        t->helper = helper;
        if (trace_began(t) < 0)
                return fail(l, "cannot trace");
        trace_run(t);
        if (t->helper > 0) {
                (void)kill(helper, SIGKILL);
                (void)waitpid(helper, NULL, 0);
        }
        if (t->dead)
                l->daemon_pid = 0;
        return 0;
}

static int trace_stop(struct lane *l, struct traced *t) {
        t->pid = l->daemon_pid;
        t->deadline_ns = proc_boottime_ns() + TRACE_NS;
        if (trace_attach(t) < 0)
                return fail(l, "cannot trace");
        (void)kill(t->pid, SIGTERM);
        trace_run(t);
        if (!t->dead)
                daemon_kill(l);
        l->daemon_pid = 0;
        return 0;
}

static int set(struct lane *l, const struct phase *p) {
        bool kept = is(p, IS_KEPT);

        if (request_do(l, kept ? REQUEST_SET_KEPT : REQUEST_SET) != OUTCOME_OK)
                return fail(l, "set does not work");
        l->acknowledged = l->shared->change;
        l->foreign = is(p, IS_FOREIGN);
        if (l->foreign && file_put(l->box, FOREIGN_FILE, FOREIGN_TEXT) < 0)
                return fail(l, "nobody else can write");
        return kept && lane_use_memory(l, true) < 0 ? fail(l, "its process is dead or hangs") : 0;
}

/* What is used is above the first step, and then comes down to it: the next step is due. */
static int lower(struct lane *l) {
        if (lane_use_cache(l, "12582912\n") < 0 || request_do(l, REQUEST_LOWER) != OUTCOME_OK)
                return fail(l, "no ladder begins");
        l->acknowledged = l->shared->change;
        l->lowered = true;
        return lane_use_cache(l, "11534336\n") < 0 ? fail(l, "use does not come down") : 0;
}

/* The daemon dies in the middle of its writes. */
static int cut_short(struct lane *l, enum request request) {
        struct traced cut = { .only_writers = true, .at = CUT_AT, .action = FAULT_KILL };
        int r = trace_request(l, request, &cut);

        daemon_kill(l);
        return r < 0 || cut.dead ? r : fail(l, "no third write");
}

/* And so does its recovery. */
static int cut_recovery(struct lane *l) {
        struct traced cut = { .only_writers = true, .at = CUT_AT, .action = FAULT_KILL };

        daemon_kill(l);
        if (trace_recover(l, &cut) < 0)
                return -1;
        return cut.hit ? 0 : fail(l, "no third write of recovery");
}

static int prepare(struct lane *l, const struct phase *p) {
        l->foreign = l->lowered = false;
        if (daemon_up(l) < 0 || check_files(l, EXPECT_OLD, false) < 0)
                return -1;
        if (is(p, IS_SET) && set(l, p) < 0)
                return -1;
        if (is(p, IS_LOWERED) && lower(l) < 0)
                return -1;
        switch (p->cut) {
        case CUT_PROBATION:
                daemon_kill(l);
                return 0;
        case CUT_SET:
                return cut_short(l, REQUEST_SET);
        case CUT_ROLLBACK:
                return cut_short(l, REQUEST_ROLLBACK);
        case CUT_RECOVERY:
                return cut_recovery(l);
        default:
                return 0;
        }
}

static int trace(struct lane *l, const struct phase *p, struct traced *t) {
        switch (p->traced) {
        case DO_SET:
                return trace_request(l, REQUEST_SET, t);
        case DO_ROLLBACK:
                return trace_request(l, REQUEST_ROLLBACK, t);
        case DO_RECOVER:
                return trace_recover(l, t);
        case DO_RESTART:
                return trace_restart(l, t);
        case DO_LOWER:
                return trace_request(l, REQUEST_LOWERED, t);
        default:
                return trace_stop(l, t);
        }
}

/* The ladder goes on, stands, or was given up: a person takes it back. */
static int check_lower(struct lane *l) {
        if (daemon_up(l) < 0)
                return -1;
        if (request_do(l, REQUEST_ROLLBACK) != OUTCOME_OK)
                return fail(l, "no rollback works any more");
        return check_settled(l, false);
}

/* The daemon lives and has answered: what it said must be so. */
static int check_answer(struct lane *l, const struct phase *p) {
        enum outcome outcome = (enum outcome)l->shared->outcome;

        if (outcome == OUTCOME_OK && p->traced == DO_SET) {
                l->acknowledged = l->shared->change;
                if (check_files(l, EXPECT_NEW, false) < 0 && check_settled(l, false) < 0)
                        return -1; /* neither in force nor, the link having failed, taken back */
                l->why[0] = '\0';
        }
        if (outcome != OUTCOME_OK || p->traced == DO_SET) {
                if (p->traced == DO_ROLLBACK && !is(p, IS_KEPT) && outcome == OUTCOME_REFUSED &&
                                check_files(l, EXPECT_NEW, false) < 0)
                        return -1; /* refused is: not begun */
                if (p->traced == DO_SET && outcome != OUTCOME_OK && outcome != OUTCOME_LOST &&
                                check_settled(l, false) < 0)
                        return -1;
                if (daemon_up(l) == 0 && request_do(l, REQUEST_ROLLBACK) != OUTCOME_OK)
                        return fail(l, "no rollback works any more");
        }
        return check_settled(l, is(p, IS_KEPT));
}

static int check_point(struct lane *l, const struct phase *p, const struct traced *t) {
        bool recovered = p->traced == DO_RECOVER && t->dead && WIFEXITED(t->status) &&
                         WEXITSTATUS(t->status) == 0;

        if (t->stuck)
                return fail(l, "stuck");
        if (check_files(l, recovered ? EXPECT_OLD : EXPECT_EITHER, is(p, IS_KEPT)) < 0)
                return -1;
        if ((p->traced == DO_SET || p->traced == DO_ROLLBACK) && !t->dead)
                return check_answer(l, p);
        if (p->traced == DO_LOWER && !t->dead)
                return check_lower(l);
        return check_settled(l, is(p, IS_KEPT));
}

/* Its last message to PID 1 lies there unread. PID 1 comes to life in the middle of a recovery. */
static int recover_frozen(struct lane *l, const struct phase *p, const struct point *point) {
        pid_t pid;
        int status = -1, r;

        if (owner_thaw_after(l, thaws[point->thaw].usec) < 0)
                return fail(l, "PID 1 does not come back");
        pid = daemon_spawn(l, /* recover= */ true, /* traced= */ false);
        if (pid > 0)
                (void)waitpid(pid, &status, __WALL);
        owner_wait(l);
        if (pid < 0 || !WIFEXITED(status))
                return fail(l, "recovery died");
        r = check_files(l, WEXITSTATUS(status) == 0 ? EXPECT_OLD : EXPECT_EITHER, is(p, IS_KEPT));
        return r < 0 || WEXITSTATUS(status) != 0 ? r : check_owner(l, /* reload= */ false);
}

static int check_bus(struct lane *l, const struct phase *p) {
        static unsigned points;
        bool reload = ++points % RELOAD_POINTS == 0;

        if (check_owner(l, reload) < 0)
                return -1;
        return reload ? check_files(l, EXPECT_OLD, is(p, IS_KEPT)) : 0;
}

/* Returns: -1 when the process of the box did not live to answer. */
static int restore(struct lane *l) {
        int r = lane_use_memory(l, false);

        for (size_t i = 0; i < knob_texts_count; i++)
                (void)file_put(l->box, knob_texts[i].file, knob_texts[i].old);
        if (l->bus)
                (void)owner_restore(l);
        return r < 0 ? fail(l, "its process is dead or hangs") : 0;
}

/* The daemon ended where only a call failed, and nobody had asked it to end. */
static bool died(const struct phase *p, const struct point *point, const struct traced *t) {
        bool may_end = p->traced == DO_RECOVER || p->traced == DO_RESTART || p->traced == DO_STOP;

        return point->action != FAULT_KILL && !(may_end && WIFEXITED(t->status));
}

void point_run(struct lane *l, const struct point *point, struct result *ret,
                struct traced *ret_traced) {
        const struct phase *p = &phases[point->phase];
        struct traced t = {
                .at = point->at, .action = point->action, .tell = point->tell, .to_systemd = l->bus
        };
        int r;

        *ret = (struct result){ 0 };
        l->why[0] = '\0';
        r = prepare(l, p);
        if (r == 0)
                r = trace(l, p, &t);
        if (r == 0 && point->tell > 0 && t.hit)
                r = recover_frozen(l, p, point);
        if (point->tell > 0)
                (void)owner_thaw();
        if (r == 0)
                r = check_point(l, p, &t);
        if (r == 0 && l->bus)
                r = check_bus(l, p);
        l->foreign = l->lowered = false;
        if (is(p, IS_KEPT | IS_LOWERED | IS_FOREIGN) && restore(l) < 0)
                r = -1;
        if (r == 0 && t.hit && point->action != FAULT_KILL)
                r = check_works(l);
        *ret = (struct result){ t.hit, t.dead && t.hit && died(p, point, &t), r < 0, t.number, "" };
        memcpy(ret->first, t.first, sizeof(ret->first));
        if (r < 0)
                lane_renew(l);
        if (ret_traced)
                *ret_traced = t;
}
