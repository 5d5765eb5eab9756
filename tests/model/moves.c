/* SPDX-License-Identifier: Apache-2.0 */
/* Each step of the model as what happens to dtgovd, its threads, PID 1 and the host. */
#include "governor/control/steps.h"
#include "tests/model/replay.h"

#include <string.h>

/* --- steps -------------------------------------------------------------------------------------
 */

static struct actor *actor_at(struct replay *r, unsigned i, bool given_up, enum gate gate) {
        struct actor *a = stage_actor(PROPOSAL + i, given_up);

        if (a && a->at == gate)
                return a;
        if (!replay_is_gone(r, i))
                replay_fail(r, "dtgovd is at gate %d, not at %d", a ? (int)a->at : -1, (int)gate);
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
                replay_fail(r, "dtgovd knows of no such container");
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
                replay_fail(r, "engine_begin()");
}

static void fail_sync(struct replay *r) {
        struct actor *a = stage_sync(&r->host.control);

        if (a)
                stage_give_up(a);
        else
                replay_fail(r, "nothing waits for the disk");
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
        run = replay_run(r, r->number);
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
                replay_fail(r, "nothing waits for the disk");
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
                replay_fail(r, "nothing can be given up");
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
        struct run *run = replay_run(r, r->number);

        if (!run)
                return;
        run->drift_ns = 0;
        watch_look(&r->host.control, run, proc_boottime_ns());
}

static void at_deadline(struct replay *r, bool proven) {
        struct run *run = replay_run(r, r->number);

        if (run) {
                run->change.deadline_boottime_ns = 1;
                run->change.proven = proven;
        }
        do_look(r);
}

static void do_over(struct replay *r) {
        at_deadline(r, true);
}

static void do_unproven(struct replay *r) {
        at_deadline(r, false);
}

static void do_calm(struct replay *r) {
        struct run *run = replay_run(r, r->number);

        if (!run)
                return;
        run->drift_ns = 0;
        watch_calm(&r->host.control, run, proc_boottime_ns());
}

static void do_retry(struct replay *r) {
        struct run *run = replay_run(r, r->number);

        if (run && run->change.state == CHANGE_ROLLBACK_FAILED)
                undo_retry(&r->host.control, run, proc_boottime_ns());
        else if (!replay_is_gone(r, r->number))
                replay_fail(r, "no rollback has failed");
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
                if (a->proposal < PROPOSAL ||
                                !replay_is_gone(r, (unsigned)(a->proposal - PROPOSAL))) {
                        replay_fail(r, "recovery is at gate %d of P%llu", (int)a->at,
                                        (unsigned long long)a->proposal);
                        return;
                }
                a->answer = -ENODEV;
                stage_go(a);
        }
        host_serve(&r->host);
}

static void do_rollback(struct replay *r) {
        struct run *run = replay_run(r, r->number);

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
                replay_fail(r, "PID 1 has no such message");
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
        struct run *run = replay_run(r, r->number);

        if (run)
                engine_verdict(&r->host.control, run->change.number, VERDICT_WORSE, 0, NULL);
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
        { "unproven", do_unproven },
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

void moves_act(struct replay *r, const char *step) {
        for (size_t i = 0; i < ARRAY_LEN(steps); i++)
                if (strcmp(steps[i].name, step) == 0) {
                        steps[i].act(r);
                        return;
                }
        replay_fail(r, "no such step");
}

void moves_begin(struct replay *r) {
        host_begin(&r->host, BASE);
        r->host.observer = r->disk = true;
        base_props(r);
}
