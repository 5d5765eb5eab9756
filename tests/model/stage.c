/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The linker puts the functions of this file in the place of governor/control/writer.c and of
 * governor/kernel/systemd.c, and before some others (--wrap, tests/model/model.mk).
 */
#include "tests/model/stage.h"

#include "governor/control/recover.h"
#include "governor/kernel/cgroup_write.h"
#include "policies/rules/undo.h"
#include "state/text.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <ucontext.h>

#define ACTORS      16
#define STACK_BYTES (256 * KIB)

struct player {
        struct actor actor; /* first */
        bool used;
        ucontext_t here, there;
        void *stack;
        struct change_job *step; /* that it works on */
        enum knob_id knob;
        bool reads_all;
        bool looks, decided; /* recovery: the next look is a gate; it is past its begin */
        unsigned unasked;    /* reads of a look that belongs to the step before */
        struct control *control;
};

struct message stage_messages[2];
static struct player players[ACTORS];
static struct player *now; /* NULL: dtgovd's loop, or the test */

static void gate(enum gate at, uint64_t proposal) {
        struct player *p = now;

        p->actor.at = at;
        p->actor.proposal = proposal;
        if (swapcontext(&p->here, &p->there) < 0)
                abort();
}

static void play(void) {
        struct player *p = now;

        if (p->actor.job)
                p->actor.result = p->actor.job->work(p->actor.job);
        else
                p->actor.result = (int)recover_all(p->control);
        p->actor.at = GATE_DONE;
}

static struct player *new_player(void) {
        static struct player *p; /* getcontext(3) may clobber a local variable */

        p = players;
        while (p->used)
                p++;
        assert(p < players + ACTORS);
        *p = (struct player){ .used = true, .stack = malloc(STACK_BYTES) };
        if (!p->stack || getcontext(&p->here) < 0)
                abort();
        p->here.uc_stack.ss_sp = p->stack;
        p->here.uc_stack.ss_size = STACK_BYTES;
        p->here.uc_link = &p->there;
        makecontext(&p->here, play, 0);
        return p;
}

static void leave(struct player *p) {
        for (size_t i = 0; i < ARRAY_LEN(stage_messages); i++)
                if (stage_messages[i].sender == &p->actor)
                        stage_messages[i].sender = NULL;
        free(p->stack);
        p->used = false;
}

static void go_on(struct player *p) {
        assert(!now && p->actor.at != GATE_DONE);
        now = p;
        if (swapcontext(&p->there, &p->here) < 0)
                abort();
        now = NULL;
}

static void finish(struct player *p) {
        struct job *job = p->actor.job;
        int r = p->actor.result;

        leave(p);
        job->done(job, r);
}

void stage_go(struct actor *a) {
        struct player *p = (struct player *)a;

        go_on(p);
        if (a->at == GATE_DONE && !a->given_up && a->job)
                finish(p);
        else if (a->at == GATE_DONE && !a->job)
                leave(p);
}

void stage_give_up(struct actor *a) {
        a->given_up = true;
        a->job->cancelled = true;
        a->job->done(a->job, -ETIMEDOUT);
}

void stage_back(struct actor *a) {
        a->job->abandoned = true;
        finish((struct player *)a);
}

struct actor *stage_actor(uint64_t proposal, bool given_up) {
        for (struct player *p = players; p < players + ACTORS; p++)
                if (p->used && p->actor.proposal == proposal && p->actor.given_up == given_up)
                        return &p->actor;
        return NULL;
}

struct actor *stage_sync(const struct control *c) {
        for (struct player *p = players; p < players + ACTORS; p++)
                if (p->used && p->actor.job == &c->durable.job && !p->actor.given_up)
                        return &p->actor;
        return NULL;
}

struct actor *stage_recovery(void) {
        for (struct player *p = players; p < players + ACTORS; p++)
                if (p->used && !p->actor.job)
                        return &p->actor;
        return NULL;
}

void stage_recover(struct control *c) {
        struct player *p = new_player();

        p->control = c;
        p->looks = true;
}

void stage_clear(void) {
        for (struct player *p = players; p < players + ACTORS; p++) {
                if (p->used && p->actor.job && p->actor.job->drop)
                        p->actor.job->drop(p->actor.job);
                if (p->used)
                        leave(p);
        }
}

/* --- in the place of governor/control/writer.c -------------------------------------------------
 */

int writers_new(struct writers **ret, sd_event *event) {
        (void)event;
        *ret = NULL;
        return 0;
}

bool writers_free(struct writers *w) {
        (void)w;
        return true;
}

bool job_cancelled(struct job *job) {
        return job->cancelled;
}

int job_do(struct job *job) {
        job->cancelled = job->abandoned = false;
        return job->work(job);
}

/* It begins at once, up to its first gate: nothing that matters is before that. */
void writers_submit(struct writers *w, struct job *job) {
        struct player *p = new_player(), *caller = now;

        (void)w;
        job->cancelled = job->abandoned = false;
        p->actor.job = job;
        if (!job->drop) /* the sync */
                return;
        now = NULL;
        go_on(p);
        now = caller;
        assert(p->actor.at != GATE_DONE);
}

/* --- before functions of dtgovd -----------------------------------------------------------------
 */

int __real_change_job_work(struct job *job);
int __wrap_change_job_work(struct job *job);
int __wrap_change_job_work(struct job *job) {
        struct change_job *j = (struct change_job *)job;
        int r;

        now->step = j;
        now->knob = KNOB_COUNT;
        if (j->step == STEP_PRECHECK)
                gate(GATE_START, j->change.proposal);
        else if (j->step == STEP_TELL)
                gate(GATE_TELL, j->change.proposal);
        r = __real_change_job_work(job);
        now->step = NULL;
        if (!now->actor.job && j->step == STEP_TELL && j->change.state != CHANGE_ROLLING_BACK)
                now->unasked = j->change.changes_count;
        return r;
}

static bool is_written(enum change_step step) {
        return step == STEP_APPLY || step == STEP_UNDO;
}

/* Whom recovery looks at: the last it has come to, newest first. */
static uint64_t looked_at(const struct control *c) {
        uint64_t proposal = 0;

        for (const struct run *run = c->engine.runs; run; run = run->next) {
                if (run_in_force(run) && run->pending)
                        break;
                if (run_in_force(run))
                        proposal = run->change.proposal;
        }
        return proposal;
}

ssize_t __real_cgroup_read(int dir_fd, const char *file, char *buf, size_t size);
ssize_t __wrap_cgroup_read(int dir_fd, const char *file, char *buf, size_t size);
ssize_t __wrap_cgroup_read(int dir_fd, const char *file, char *buf, size_t size) {
        int id = now && !now->reads_all ? knob_find(file) : -ENOENT;

        if (id >= 0 && now->step && is_written(now->step->step) && now->knob != (enum knob_id)id) {
                now->knob = (enum knob_id)id;
                gate(GATE_KNOB, now->step->change.proposal);
        } else if (id >= 0 && !now->step && !now->actor.job) {
                if (now->unasked > 0) {
                        now->unasked--;
                } else if (now->looks) {
                        now->looks = false;
                        gate(GATE_LOOK, looked_at(now->control));
                }
        }
        return __real_cgroup_read(dir_fd, file, buf, size);
}

int __real_cgroup_read_limits(int dir_fd, struct limits *ret);
int __wrap_cgroup_read_limits(int dir_fd, struct limits *ret);
int __wrap_cgroup_read_limits(int dir_fd, struct limits *ret) {
        int r;

        if (now && now->step && now->step->step == STEP_APPLY && !now->step->unit[0] &&
                        !now->actor.given_up)
                gate(GATE_READ, now->step->change.proposal);
        if (now)
                now->reads_all = true;
        r = __real_cgroup_read_limits(dir_fd, ret);
        if (now)
                now->reads_all = false;
        return r;
}

/* A plain file keeps the end of a longer text; a kernel's does not. */
int __real_cgroup_write(int dir_fd, enum knob_id id, struct knob_value value);
int __wrap_cgroup_write(int dir_fd, enum knob_id id, struct knob_value value);
int __wrap_cgroup_write(int dir_fd, enum knob_id id, struct knob_value value) {
        int fd;

        if (now->actor.fail) {
                now->actor.fail = false;
                return -EIO;
        }
        if (now->actor.hang) {
                now->actor.hang = false;
                gate(GATE_WRITE, now->step->change.proposal);
        }
        fd = openat(dir_fd, knobs[id].file, O_WRONLY | O_TRUNC | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        (void)close(fd);
        return __real_cgroup_write(dir_fd, id, value);
}

enum change_state __real_recover_decide(enum change_state state, bool same_boot, bool alive,
                bool any_new, bool any_foreign, enum reason *ret_reason);
enum change_state __wrap_recover_decide(enum change_state state, bool same_boot, bool alive,
                bool any_new, bool any_foreign, enum reason *ret_reason);
enum change_state __wrap_recover_decide(enum change_state state, bool same_boot, bool alive,
                bool any_new, bool any_foreign, enum reason *ret_reason) {
        now->looks = now->decided = true;
        return __real_recover_decide(state, same_boot, alive, any_new, any_foreign, ret_reason);
}

int __wrap_clock_nanosleep(
                clockid_t id, int flags, const struct timespec *t, struct timespec *left);
int __wrap_clock_nanosleep(
                clockid_t id, int flags, const struct timespec *t, struct timespec *left) {
        (void)id;
        (void)flags;
        (void)t;
        (void)left;
        if (now && now->decided)
                gate(GATE_WAIT, now->actor.proposal);
        return 0;
}

/* --- in the place of governor/kernel/systemd.c --------------------------------------------------
 */

bool systemd_is_here(void) {
        return true;
}

bool systemd_may_be_unit(const char *path) {
        return strstr(path, ".scope") != NULL;
}

int systemd_unit_of(const char *path, char ret_unit[static SYSTEMD_UNIT_SIZE]) {
        bool is = systemd_may_be_unit(path);

        (void)text_copy(ret_unit, SYSTEMD_UNIT_SIZE, is ? STAGE_UNIT : "");
        return is;
}

int systemd_check(const char *unit, const struct limits *limits, const struct change *change,
                struct error *err) {
        (void)unit;
        (void)change;
        (void)limits;
        (void)err;
        return 0;
}

int systemd_sync(struct error *err) {
        (void)err;
        return 0;
}

int systemd_tell(const char *unit, const struct limits *limits, const struct change *change,
                struct error *err) {
        struct message *m = stage_messages[0].there ? &stage_messages[1] : &stage_messages[0];

        (void)unit;
        (void)change;
        assert(!m->there);
        *m = (struct message){ .there = true, .sender = &now->actor };
        m->proposal = now->step->change.proposal;
        for (size_t i = 0; i < STAGE_FILES; i++)
                (void)text_copy(m->text[i], sizeof(m->text[i]),
                                limits->text[i == 0 ? KNOB_MEMORY_MAX : KNOB_MEMORY_HIGH]);
        gate(GATE_PID1, m->proposal);
        return now->actor.answer < 0 ? error_set(err, now->actor.answer, "refused") : 0;
}
