/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way of a change: dtgovd x crash x observer x disk x external writer x PID 1 with a message in
 * flight x vanishing cgroup x user. States have the numbers and names of state/change.h, and which
 * may follow which is policies/rules/transition.c: table.pml is printed from both.
 *
 * What is modelled
 *   Two containers with two knobs, memory.max and memory.high. Container 0 is a systemd unit's own,
 *   container 1 has no owner. A change touches one knob or both, raises or lowers. dtgovd's event
 *   loop and writer threads go one step at a time: a knob looked at and written, the owner told, all
 *   read back, a record. Between any two steps anything may happen:
 *     crash     threads and memory are gone; what is in the journal and at PID 1 is not. Recovery is
 *               the same steps, newest change first, and may crash itself.
 *     PID 1     is sent what the files hold, writes that to both, and keeps it: a daemon-reload
 *               writes it again. A message outlives its sender and may come after later ones.
 *     others    write a value, or have systemd reload; kill (signal), use more and less memory.
 *     cgroup    goes, and a successor takes its name.
 *     disk      stops syncing for good: an intent waits and is refused at its deadline.
 *     observer  leaves and comes back; asks for a rollback.
 *     stall     dtgovd is stopped, or the machine suspended, for over 10 s.
 *     user      approves, takes back a change or all of a container.
 *     thread    a write or an answer of PID 1 takes too long: the job is given up, and what it was
 *               about to write comes late.
 *   How often each may happen is a constant; when, in what order, and on what, is free.
 *
 * Values say whose they are: 10 the runtime's; 20, 30, 40 the raises of changes 0, 1, 2; 7, 6, 5
 * their lowerings; 16, 17 somebody else's; use + 1 what a rollback keeps. So whatever a file holds
 * in the end can be told.
 *
 * What is not
 *   Time is an order of events: deadlines of jobs and of probation may pass at any moment. Looking
 *   and writing are one step (cgroupfs has none such; the window is a few microseconds), but for a
 *   thread that was given up, whose window is long. What somebody writes while a message of PID 1
 *   or such a thread is under way may be lost: nothing can prevent that. The disk refuses to sync,
 *   never to take a record: its blocks are there before. Power loss ends the cgroups too: every
 *   change lapses. A lowering in steps and policies are in ladder.pml. Not here: the limit files
 *   that are not of the change, the guard's sums, the scan that finds containers, several given-up
 *   jobs of one change, undos that are given up, I11 (an approval is one step here; ladder.pml) and
 *   I12 (test_journal.c has damaged and torn tails).
 *
 * Invariants (facts: reliability.md, section 4), each an assert that names it
 *   I1   a limit file is written only after a durable intent with its old value
 *   I2   at rest a file holds what it did before, what somebody else wrote, the value of a
 *        committed change, or a kept one that is on record
 *   I3   an open change ends: nothing is open when nothing can happen any more (and LTL "ends")
 *   I4   no change is committed of which dtgovd, the observer or the signals missed a part, and no
 *        lowering of which nothing showed that it does no harm
 *   I5   nothing of dtgov sets memory.max to or below what is in use
 *   I6   a successor of the same name is never written to
 *   I7   somebody else's value is never overwritten but by what was approved on top of it
 *   I8   one open change for each knob, a thread that is still out included
 *   I9   a knob is taken back once
 *   I10  with a disk that does not sync, an undo ends too (I3 says so)
 *   ORDER  memory.high follows memory.max down before, and up after it
 *   TABLE  every step from state to state is one of the table's
 *   KEPT   what an ended change is said to have kept is the same after a crash
 *
 * A mutant is the protocol with one rule left out, IS(name): each has to be caught (mutants.txt).
 */
#include "table.pml"

/* How often each thing may happen; the verifier takes the same names from its environment. */
#ifndef CHANGES
#define CHANGES    3
#define CONTAINERS 2
#define CRASHES    3
#define WRITES     2 /* by others */
#define UNDOS      2 /* by the user */
#define FAILS      1 /* of the kernel or PID 1 */
#define USES       2 /* use grows or falls */
#define SIGNALS    1
#define GONE       1
#define HANGS      1
#define DISKS      1
#define LEAVES     2 /* the observer leaves or asks, dtgovd is stopped */
#endif
#define IS(name) (mutant == M_##name)

#define ALL  3 /* rows of the table of changes; the unused ones are absent */
#define MAX  0 /* knobs */
#define HIGH 1
#define UNIT 0 /* the container that systemd owns */
#define BASE 10
#define is_others(v) ((v) == 16 || (v) == 17)

/* Where the job of a change is. */
#define IDLE  0
#define KNOB0 1 /* before its first knob, its second */
#define KNOB1 2
#define READ  3 /* before all is read back */
#define TELL  4 /* before PID 1 is told */
#define SENT  5
#define BACK  6 /* PID 1 has answered */

/* And the one that was given up: before the write of knob late - 1, with PID 1, or done. */
#define LATE_SENT 3
#define LATE_DONE 4

/* The steps: what a line of a trace begins with. */
mtype = { precheck, disk_has_it, disk_fails, apply, apply_fails, give_up, read_back, tell, told, undo,
        undo_fails, look, over, unproven, calm, retry, ended, recover, late_write, late_back, settle, crash, start,
        serve, approve, rollback, rollback_all, write, reload, used, killed, vanish, disk_breaks, leave,
        returns, worse, stall, deliver, refuse };

typedef Change {
        unsigned st : 5;      /* dtgovd's */
        unsigned jn : 5;      /* the journal's; ABSENT: no intent yet */
        unsigned c : 1;       /* container */
        unsigned gen : 1;     /* which of that name */
        unsigned knobs : 2;   /* bit MAX, bit HIGH */
        unsigned new : 6;
        unsigned at : 3;      /* its job */
        unsigned late : 3;    /* the one that was given up */
        bit again;            /* that came back while another was out: look once more */
        bit wanted;           /* an undo, when the job is back */
        bit next;             /* part of a rollback of several: its turn comes */
        bit conflict, failed; /* of the job */
        bit stalled;          /* the last look was over 10 s ago */
        bit signal;           /* the counter before it was applied */
        unsigned kept : 5;    /* of memory.max; 0: nothing */
        unsigned keeping : 5; /* the undo's own copy */
        unsigned jkept : 5;   /* the journal's, of the last state */
        unsigned jstep : 5;   /* and of the last step */
        bit durable;          /* from here on the judge's, not dtgovd's */
        bit gap;              /* somebody did not watch */
        bit good;             /* was committed */
        bit back0, back1;     /* has been taken back */
        bit raced;            /* systemd wrote between the two knobs of the job */
        byte old[2];
};
typedef Container {
        byte val[2];  /* the kernel's files */
        byte prop[2]; /* what systemd has */
        byte use;
        bit gen, signal;
};
typedef Message {
        unsigned way : 2; /* 0 none, 1 its sender lives, 2 it is dead */
        unsigned from : 2;
        byte val[2];
};
Change C[ALL];
Container K[2];
Message M[2];
byte up = 2; /* 0 dead, 1 recovers, 2 serves */
byte turn;   /* of recovery: the change before this one is next */
byte begun;
bit observer = 1, disk = 1, crashed;
byte mutant, changes = CHANGES, containers = CONTAINERS, crashes = CRASHES, writes = WRITES;
byte undos = UNDOS, fails = FAILS, uses = USES, signals = SIGNALS, going = GONE, hangs = HANGS;
byte disks = DISKS, leaves = LEAVES;
c_code {
        static int setting(const char *name, int otherwise) {
                const char *text = getenv(name);
                return text ? atoi(text) : otherwise;
        }
}

/* Within one step only: the step, who is to be undone, where its change goes. */
#define STAYS 31
mtype what;
byte ask, k, v;
hidden byte goes = STAYS, j, kick;
hidden byte I1, I2, I3, I4, I5, I6, I7, I8, I9, ORDER, TABLE, KEPT; /* always 0 */

#define in_force(i)   (is_open(C[i].st) || C[i].st == COMMITTED)
#define on_probation(i) (C[i].st == PROBATION || C[i].st == HELD)
#define gone(i)       (C[i].gen != K[C[i].c].gen && !(IS(by_name) && crashed))
#define same(i, m)    (C[i].c == C[m].c && C[i].gen == C[m].gen)
#define touches(i, k) (C[i].knobs >> (k) & 1)
#define raises(i)     (C[i].new >= 20)
#define file(i, k)    K[C[i].c].val[k]
#define use_of(i)     K[C[i].c].use
#define is_newer(m, i) (m > i && (in_force(m) || (C[m].late && !IS(late_passed))) && same(i, m) && \
                        (C[i].knobs & C[m].knobs))
#define newer(i)      (!IS(older_first) && (is_newer(1, i) || is_newer(2, i)))
#define takes(m, i)   (m != i && same(i, m) && !IS(two_open) && \
        ((is_open(C[m].st) && (m < i || C[m].st != PRECHECK)) || (C[m].late && !IS(late_free)) || \
        (C[m].st == COMMITTED && C[m].at != IDLE)))
#define taken(i)      (takes(0, i) || takes(1, i) || takes(2, i))

/* Raises: memory.max first; lowerings: memory.high first; an undo goes the other way. */
#define last(i)       (C[i].knobs == 3 -> KNOB1 : KNOB0)
#define max_first(i)  (raises(i) == (C[i].st == APPLYING || IS(undo_forwards)))
#define knob_at(i)    (C[i].knobs == 3 -> (max_first(i) == (C[i].at == KNOB0) -> MAX : HIGH) \
                                       : C[i].knobs - 1)

/* What a newer change's rollback kept is dtgov's own too. */
#define did_keep(m, i) (m > i && same(i, m) && C[m].st == ROLLED_BACK && C[m].kept)
#define newer_kept(i) (did_keep(2, i) -> C[2].kept : (did_keep(1, i) -> C[1].kept : 99))
#define ours(i, k)    (file(i, k) == C[i].new || (k == MAX && file(i, k) == newer_kept(i)))
#define drifts(i, k)  (touches(i, k) && !ours(i, k))
#define strange(i, k) (drifts(i, k) && file(i, k) != C[i].old[k])
#define drifted(i)    (drifts(i, MAX) || drifts(i, HIGH))
#define nothing_left(i) ((!touches(i, MAX) || drifts(i, MAX)) && (!touches(i, HIGH) || drifts(i, HIGH)))
#define is_foreign(i) (strange(i, MAX) || strange(i, HIGH))
#define is_new(i)     ((!touches(i, MAX) || file(i, MAX) == C[i].new) && \
                        (!touches(i, HIGH) || file(i, HIGH) == C[i].new))
#define is_old(i)     ((!touches(i, MAX) || file(i, MAX) == C[i].old[MAX]) && \
                        (!touches(i, HIGH) || file(i, HIGH) == C[i].old[HIGH]))
#define any_new(i)    ((touches(i, MAX) && (ours(i, MAX) || file(i, MAX) == C[i].kept)) || \
                        (touches(i, HIGH) && ours(i, HIGH)))

#include "steps.pml"
#include "world.pml"
