/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holds dtgovd's engine against the model: does each step of a trace with the real code, and
 * compares what the limit files hold and where every change is. Reads traces of change.pml:
 *
 *   # NAME            begins a trace
 *   + NUMBER...       what the next step is about
 *   @ STEP NUMBER
 *   = FILES UP OBSERVER CHANGES    what then is, as show() of steps.pml prints it
 *
 * A trace ends early, and is counted so, where the guard refuses what the model lets pass (it wants
 * more headroom), and where two changes wait for one sync, which the model has for each.
 */
#include "tests/model/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHANGES  3
#define PROPOSAL 1000 /* of the first change */
#define BASE     10
#define ABSENT   CHANGE_STATE_COUNT /* as tests/model/table.c prints it */

struct expected {
        unsigned file[HOST_CONTAINERS][STAGE_FILES], up, observer;
        struct {
                unsigned state, on_record, kept;
        } change[CHANGES];
};

struct replay {
        struct replay_host host;
        char name[128];
        unsigned plus[3], number; /* of the step */
        struct expected e;
        bool disk;
        unsigned container[CHANGES], generation[CHANGES], generations[HOST_CONTAINERS];
        struct knob_value props[STAGE_FILES]; /* what systemd has for the first container */
        const char *over;                     /* why it ends early */
        char wrong[160];
};

static struct run *run_of(struct replay *r, unsigned i) {
        struct run *run = r->host.up ? r->host.control.engine.runs : NULL;

        while (run && run->change.proposal != PROPOSAL + i)
                run = run->next;
        return run;
}

static bool is_gone(const struct replay *r, unsigned i) {
        return r->generation[i] != r->generations[r->container[i]];
}

static PRINTF(2, 3) void fail(struct replay *r, const char *format, ...) {
        va_list args;

        if (r->wrong[0])
                return;
        va_start(args, format);
        (void)vsnprintf(r->wrong, sizeof(r->wrong), format, args);
        va_end(args);
}

/* --- steps -------------------------------------------------------------------------------------
 */

static struct actor *actor_at(struct replay *r, unsigned i, bool given_up, enum gate gate) {
        struct actor *a = stage_actor(PROPOSAL + i, given_up);

        if (a && a->at == gate)
                return a;
        if (!is_gone(r, i))
                fail(r, "dtgovd is at gate %d, not at %d", a ? (int)a->at : -1, (int)gate);
        return NULL;
}

static void go(struct replay *r, enum gate gate) {
        struct actor *a = actor_at(r, r->number, false, gate);

        if (a)
                stage_go(a);
}

static void do_approve(struct replay *r) {
        unsigned i = r->number, c = r->plus[0];
        struct managed *m = container_find(&r->host.control, c == 0 ? "c0" : "c1", 0);
        struct proposal p = { .number = PROPOSAL + i, .rule = RULE_PERSON };

        if (!m) {
                fail(r, "dtgovd knows of no such container");
                return;
        }
        r->container[i] = c;
        r->generation[i] = r->generations[c];
        p.cgroup_inode = m->container.cgroup_inode;
        memcpy(p.container_id, m->container.id, sizeof(p.container_id));
        for (unsigned file = 0; file < STAGE_FILES; file++) {
                struct knob_change *k = &p.changes[p.changes_count];

                if (!(r->plus[1] >> file & 1))
                        continue;
                p.changes_count++;
                k->knob = host_knobs[file];
                k->old.amount = host_read(&r->host, c, file) * HOST_UNIT;
                k->new.amount = r->plus[2] * HOST_UNIT;
        }
        if (engine_begin(&r->host.control, &p, 0, 0, NULL) < 0)
                fail(r, "engine_begin()");
}

static void fail_sync(struct replay *r) {
        struct actor *a = stage_sync(&r->host.control);

        if (a)
                stage_give_up(a);
        else
                fail(r, "nothing waits for the disk");
}

static unsigned waiting(struct replay *r) {
        unsigned count = 0;

        for (const struct run *run = r->host.control.engine.runs; run; run = run->next)
                count += run->change.state == CHANGE_INTENT;
        return count;
}

static void do_precheck(struct replay *r) {
        struct run *run;

        go(r, GATE_START);
        run = run_of(r, r->number);
        if (run && run->change.state == CHANGE_INTENT && !r->disk)
                fail_sync(r);
        else if (r->e.change[r->number].state == CHANGE_INTENT && !run)
                r->over = "the guard refuses";
        else if (waiting(r) > 1)
                r->over = "two wait for one sync";
}

static void do_disk_has_it(struct replay *r) {
        struct actor *a = stage_sync(&r->host.control);

        if (a)
                stage_go(a);
        else
                fail(r, "nothing waits for the disk");
}

static void do_apply(struct replay *r) {
        go(r, GATE_KNOB);
}

static void do_fails(struct replay *r) {
        struct actor *a = actor_at(r, r->number, false, GATE_KNOB);

        if (a) {
                a->fail = true;
                stage_go(a);
        }
}

static void do_give_up(struct replay *r) {
        struct actor *a = stage_actor(PROPOSAL + r->number, false);

        if (a && a->at == GATE_KNOB) {
                a->hang = true;
                stage_go(a);
                a = actor_at(r, r->number, false, GATE_WRITE);
        }
        if (a)
                stage_give_up(a);
        else
                fail(r, "nothing can be given up");
}

static void do_late_write(struct replay *r) {
        struct actor *a = actor_at(r, r->number, true, GATE_WRITE);

        if (a)
                stage_go(a);
}

static void do_late_back(struct replay *r) {
        struct actor *a = stage_actor(PROPOSAL + r->number, true);

        if (a && a->at != GATE_DONE)
                stage_go(a);
        a = actor_at(r, r->number, true, GATE_DONE);
        if (a)
                stage_back(a);
}

static void do_read_back(struct replay *r) {
        go(r, GATE_READ);
}

static void do_tell(struct replay *r) {
        go(r, GATE_TELL);
}

static void do_told(struct replay *r) {
        go(r, GATE_PID1);
}

static void do_look(struct replay *r) {
        struct run *run = run_of(r, r->number);

        if (!run)
                return;
        run->drift_ns = 0;
        watch_look(&r->host.control, run, proc_boottime_ns());
}

static void do_over(struct replay *r) {
        struct run *run = run_of(r, r->number);

        if (run)
                run->change.deadline_boottime_ns = 1;
        do_look(r);
}

static void do_calm(struct replay *r) {
        struct run *run = run_of(r, r->number);

        if (!run)
                return;
        run->drift_ns = 0;
        watch_calm(&r->host.control, run, proc_boottime_ns());
}

static void do_retry(struct replay *r) {
        struct run *run = run_of(r, r->number);

        if (run && run->change.state == CHANGE_ROLLBACK_FAILED)
                undo_retry(&r->host.control, run, proc_boottime_ns());
        else if (!is_gone(r, r->number))
                fail(r, "no rollback has failed");
}

static void do_nothing(struct replay *r) {
        (void)r;
}

static void do_recover(struct replay *r) {
        struct actor *a = stage_recovery();

        if (a && a->proposal == PROPOSAL + r->number && (a->at == GATE_LOOK || a->at == GATE_WAIT))
                stage_go(a);
}

static void do_crash(struct replay *r) {
        host_crash(&r->host);
        r->host.observer = false;
}

static void do_start(struct replay *r) {
        host_start(&r->host);
        stage_recover(&r->host.control);
}

static void do_settle(struct replay *r) {
        (void)r;
        stage_go(stage_recovery());
}

/* What is left of recovery are steps of changes whose cgroup has gone. */
static void do_serve(struct replay *r) {
        struct actor *a;

        while ((a = stage_recovery())) {
                if (a->proposal < PROPOSAL || !is_gone(r, (unsigned)(a->proposal - PROPOSAL))) {
                        fail(r, "recovery is at gate %d of P%llu", (int)a->at,
                                        (unsigned long long)a->proposal);
                        return;
                }
                a->answer = -ENODEV;
                stage_go(a);
        }
        host_serve(&r->host);
}

static void do_rollback(struct replay *r) {
        struct run *run = run_of(r, r->number);

        if (run)
                (void)engine_undo(&r->host.control, run, REASON_PERSON, NULL);
}

static void do_rollback_all(struct replay *r) {
        for (struct run *run = r->host.control.engine.runs, *next; run; run = next) {
                next = run->next;
                (void)engine_undo(&r->host.control, run, REASON_PERSON, NULL);
        }
}

static void do_write(struct replay *r) {
        unsigned c = r->number / 2, file = r->number % 2;

        host_write(&r->host, c, file, r->e.file[c][file]);
}

static void do_used(struct replay *r) {
        host_use(&r->host, r->number, r->plus[0]);
}

static void do_killed(struct replay *r) {
        host_kill(&r->host, r->number);
}

static void props_are(struct replay *r, const struct knob_value values[static STAGE_FILES]) {
        memcpy(r->props, values, sizeof(r->props));
}

static void unit_writes(struct replay *r) {
        for (unsigned file = 0; file < STAGE_FILES; file++) {
                char text[KNOB_VALUE_TEXT_MAX];

                knob_write_text(host_knobs[file], r->props[file], text, sizeof(text));
                host_write_text(&r->host, 0, file, text);
        }
}

static void base_props(struct replay *r) {
        props_are(r, (struct knob_value[]){ { .amount = BASE * HOST_UNIT },
                                     { .amount = BASE * HOST_UNIT } });
}

static void answer(struct message *m, int answer) {
        if (m->sender)
                m->sender->answer = answer;
        *m = (struct message){ 0 };
}

static void do_deliver(struct replay *r) {
        struct message *m = &stage_messages[r->plus[0]];
        struct knob_value values[STAGE_FILES] = { 0 };

        if (!m->there || m->proposal != PROPOSAL + r->number) {
                fail(r, "PID 1 has no such message");
                return;
        }
        for (unsigned file = 0; file < STAGE_FILES; file++)
                (void)knob_read_text(host_knobs[file], m->text[file], &values[file]);
        props_are(r, values);
        unit_writes(r);
        answer(m, 0);
}

static void do_refuse(struct replay *r) {
        answer(&stage_messages[r->plus[0]], -EACCES);
}

static void do_vanish(struct replay *r) {
        unsigned c = r->number;

        r->generations[c]++;
        host_vanish(&r->host, c, BASE);
        if (c != 0)
                return;
        base_props(r);
        for (size_t i = 0; i < ARRAY_LEN(stage_messages); i++)
                answer(&stage_messages[i], -ENODEV);
}

static void do_disk_breaks(struct replay *r) {
        r->disk = false;
}

static void do_leave(struct replay *r) {
        r->host.observer = false;
        if (r->host.serves)
                engine_observer_lost(&r->host.control);
}

static void do_returns(struct replay *r) {
        r->host.observer = true;
}

static void do_worse(struct replay *r) {
        struct run *run = run_of(r, r->number);

        if (run)
                engine_verdict(&r->host.control, run->change.number, VERDICT_WORSE);
}

static void do_stall(struct replay *r) {
        for (struct run *run = r->host.control.engine.runs; run; run = run->next)
                run->looked_ns = u64_sub(run->looked_ns, ENGINE_BLIND_NS + NSEC_PER_SEC);
}

static const struct {
        const char *name;
        void (*act)(struct replay *r);
} steps[] = {
        { "precheck", do_precheck },
        { "disk_has_it", do_disk_has_it },
        { "disk_fails", fail_sync },
        { "apply", do_apply },
        { "apply_fails", do_fails },
        { "give_up", do_give_up },
        { "read_back", do_read_back },
        { "tell", do_tell },
        { "told", do_told },
        { "undo", do_apply },
        { "undo_fails", do_fails },
        { "look", do_look },
        { "over", do_over },
        { "calm", do_calm },
        { "retry", do_retry },
        { "ended", do_nothing }, /* dtgovd has seen it at once */
        { "recover", do_recover },
        { "late_write", do_late_write },
        { "late_back", do_late_back },
        { "settle", do_settle },
        { "crash", do_crash },
        { "start", do_start },
        { "serve", do_serve },
        { "approve", do_approve },
        { "rollback", do_rollback },
        { "rollback_all", do_rollback_all },
        { "write", do_write },
        { "reload", unit_writes },
        { "used", do_used },
        { "killed", do_killed },
        { "vanish", do_vanish },
        { "disk_breaks", do_disk_breaks },
        { "leave", do_leave },
        { "returns", do_returns },
        { "worse", do_worse },
        { "stall", do_stall },
        { "deliver", do_deliver },
        { "refuse", do_refuse },
};

/* --- traces ------------------------------------------------------------------------------------
 */

static const char *name_of(unsigned state) {
        return state < CHANGE_STATE_COUNT ? change_states[state].name : "absent";
}

/* Nothing of it is left: whether it is still in memory or on record is no difference. */
static bool is_nothing(unsigned state) {
        return state >= ABSENT || state == CHANGE_REFUSED || state == CHANGE_STALE ||
               state == CHANGE_LAPSED;
}

static void compare_change(struct replay *r, unsigned i) {
        const struct run *run = run_of(r, i);
        unsigned state = run ? run->change.state : ABSENT, want = r->e.change[i].state, kept = 0;

        if (is_gone(r, i))
                return;
        if (state != want && !(is_nothing(state) && is_nothing(want)))
                fail(r, "change %u is %s, the model has %s", i, name_of(state), name_of(want));
        if (is_nothing(want))
                return;
        for (unsigned k = 0; run && k < run->change.changes_count; k++)
                if (run->change.changes[k].knob == KNOB_MEMORY_MAX &&
                                (run->change.kept_mask >> k & 1))
                        kept = host_value(run->change.kept[k]);
        if (kept != r->e.change[i].kept)
                fail(r, "change %u kept %u, the model %u", i, kept, r->e.change[i].kept);
}

static void compare(struct replay *r) {
        for (unsigned c = 0; c < HOST_CONTAINERS; c++)
                for (unsigned file = 0; file < STAGE_FILES; file++) {
                        unsigned value = host_read(&r->host, c, file);

                        if (value != r->e.file[c][file])
                                fail(r, "%s of container %u is %u, the model has %u",
                                                knobs[host_knobs[file]].file, c, value,
                                                r->e.file[c][file]);
                }
        if (r->e.up == 0)
                return;
        for (unsigned i = 0; i < CHANGES; i++)
                compare_change(r, i);
}

static bool parse_expected(const char *line, struct expected *e) {
        return sscanf(line, "= %u %u %u %u %u %u %u %u %u %u %u %u %u %u %u", &e->file[0][0],
                               &e->file[0][1], &e->file[1][0], &e->file[1][1], &e->up, &e->observer,
                               &e->change[0].state, &e->change[0].on_record, &e->change[0].kept,
                               &e->change[1].state, &e->change[1].on_record, &e->change[1].kept,
                               &e->change[2].state, &e->change[2].on_record,
                               &e->change[2].kept) == 15;
}

static void act(struct replay *r, const char *step) {
        for (size_t i = 0; i < ARRAY_LEN(steps); i++)
                if (strcmp(steps[i].name, step) == 0) {
                        steps[i].act(r);
                        return;
                }
        fail(r, "no such step");
}

struct totals {
        unsigned whole, early, failed;
        unsigned long steps;
};

static void begin(struct replay *r, const char *name) {
        *r = (struct replay){ .disk = true };
        (void)snprintf(r->name, sizeof(r->name), "%.*s", (int)strcspn(name, "\n"), name);
        host_begin(&r->host, BASE);
        r->host.observer = true;
        base_props(r);
}

static void end(struct replay *r, struct totals *t) {
        if (!r->name[0])
                return;
        if (r->wrong[0])
                t->failed++;
        else if (r->over)
                t->early++;
        else
                t->whole++;
        host_end(&r->host);
        r->name[0] = '\0';
}

static void take_step(struct replay *r, const char *step, unsigned number, unsigned line,
                struct totals *t) {
        if (r->wrong[0] || r->over)
                return;
        r->number = number;
        t->steps++;
        act(r, step);
        if (!r->over)
                compare(r);
        if (r->wrong[0])
                (void)printf("%s: line %u: %s %u: %s\n", r->name, line, step, number, r->wrong);
}

int main(void) {
        static struct replay r;
        struct totals t = { 0 };
        char line[256], step[32] = "";
        unsigned number = 0;

        for (unsigned at = 1; fgets(line, sizeof(line), stdin); at++) {
                if (line[0] == '#') {
                        end(&r, &t);
                        begin(&r, line + 2);
                } else if (line[0] == '+') {
                        (void)sscanf(line, "+ %u %u %u", &r.plus[0], &r.plus[1], &r.plus[2]);
                } else if (line[0] == '@') {
                        if (sscanf(line, "@ %31s %u", step, &number) != 2)
                                fail(&r, "not a step: %s", line);
                } else if (line[0] == '=' && r.name[0]) {
                        if (!parse_expected(line, &r.e))
                                fail(&r, "not a state: %s", line);
                        take_step(&r, step, number, at, &t);
                }
        }
        end(&r, &t);
        (void)printf("%u traces whole, %u ended early, %lu steps, %u differ\n", t.whole, t.early,
                        t.steps, t.failed);
        return t.failed > 0 || t.whole == 0;
}
