/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory lowered in steps (policies/rules/ladder.c, governor/control/lower.c), and who may approve
 * that: a policy by itself, or the user. dtgovd x crash x observer x disk x external writer x PID 1
 * with a message in flight x vanishing cgroup x user x load, one container with both knobs, one
 * change after another. What two changes or two containers do to each other is in change.pml.
 *
 * Values: 9 the runtime's; 7, 5 the steps, 5 the new memory.max; memory.high only helps and goes
 * back to what it was in the end; 16, 17 somebody else's. A raise's kept values are in change.pml:
 * taking back a lowering raises memory.max, so none are kept here.
 *
 * Not here: a message that systemd sends again (a daemon-reload), a thread that was given up, two
 * writes of memory at a time: change.pml has them. No trace of this model is replayed with dtgovd's
 * engine: stage.c has no use that memory.high brings down, and show() prints no step.
 * test_ladder.c, test_control_lower.c and test_control_policies.c hold the code to these rules.
 *
 * Which assertion is which invariant (reliability.md, section 4)
 *   I1      check_write: a durable intent came before       I7  check_write: not over others'
 *   I2      rest: old, others', or committed values         I8  change.pml: one change at a time here
 *   I3      rest: nothing is open when nothing can happen   I9  undo_knob: taken back once
 *   I4      commit: watched since the last step             I10 as I3, with a disk that fails (DISKS)
 *   I5      check_write: memory.max stays above the use     I11 approve: an approval is used once
 *   I6      check_write: never a successor                  I12 not here: tests/unit/test_journal.c
 *   ORDER   memory.high is down before memory.max, and memory.max up before memory.high
 *   EVID    a policy approves only what was seen            BREAK  and not when the breaker is open
 *   STEPJ   a step is on record before it is written
 */
#include "table.pml"

#define IS(name) (mutant == M_##name)
#define IDLE 0
#define WRITE 1
#define TELL 2
#define SENT 3
#define BACK 4
#define UNDO_MAX 5
#define UNDO_HIGH 6
#define HIGH_DOWN 1 /* where the ladder is */
#define MAX_DOWN 2
#define HIGH_BACK 3
#define DONE 4

byte mutant, changes = 2, crashes = 3, writes = 1, users = 1, undos = 1, going = 1, disks = 1;
byte leaves = 1, signals = 1, uses = 1;
hidden byte I1, I2, I3, I4, I5, I6, I7, I9, I11, ORDER, EVID, BREAK, STEPJ, TABLE; /* always 0 */
c_code {
        static int setting(const char *name, int otherwise) {
                const char *text = getenv(name);
                return text ? atoi(text) : otherwise;
        }
}

/* The kernel's and the load's */
byte max = 9, high = 9, gen, use = 8, harm;
bool disk = 1, observer = 1;
/* PID 1's: one message */
bool sent;
byte sent_max, sent_high;
/* The journal's */
byte jn = ABSENT, jgen, jold_max, jold_high, jsteps;
bool jbreak;
/* dtgovd's memory */
byte up, st = ABSENT, at, rung, aim, harm_seen;
bool evid, wanted, conflict, looked, durable, approved;
bool watched; /* really, since the last step (for I4) */
bool back_max, back_high; /* taken back (for I9) */
hidden byte to, value;

#define open_now   (st != ABSENT && is_open(st))
#define gone       (jgen != gen)
#define passes     (gone && !IS(l_by_name))
#define others(x)  ((x) >= 16)
#define stepped(x) (jsteps >> ((x) - 1) / 2 & 1) /* 5 and 7 */
#define mine_max   (max == 5)
#define mine_high  (high == 5 || high == 7)
#define known_high (high < 16 && stepped(high))

inline enter(s) {
        to = s;
        assert(TABLE || st == ABSENT || follows(st, to));
        st = to; jn = (jn == ABSENT && to != INTENT -> ABSENT : to);
        if
        :: to == ROLLING_BACK -> at = UNDO_MAX; conflict = 0; wanted = 0
        :: to != ROLLING_BACK && !is_open(to) && to != COMMITTED ->
                at = IDLE; jn = ABSENT; st = ABSENT
        :: else -> at = IDLE
        fi
}

inline check_write(x, v) {
        assert(I1 || durable);
        assert(I6 || !gone);
        assert(I7 || !others(x))
}

/* The next step: on record first. */
inline take() {
        if
        :: rung == HIGH_DOWN -> aim = (high == 9 -> 7 : 5)
        :: rung == MAX_DOWN -> aim = 5
        :: rung == HIGH_BACK -> aim = jold_high
        fi;
        if
        :: passes -> enter(LAPSED)
        :: !passes && !disk -> enter(ROLLING_BACK)
        :: else ->
                jsteps = (IS(l_step_late) || rung != HIGH_DOWN -> jsteps :
                        jsteps | (1 << (aim - 1) / 2));
                at = WRITE
        fi
}

inline write_step() {
        if
        :: passes -> enter(LAPSED)
        :: !passes && wanted -> enter(ROLLING_BACK)
        :: !passes && !wanted && !IS(l_no_cas) && (rung == MAX_DOWN -> max != jold_max : \
                        (high != jold_high && !mine_high)) -> enter(ROLLING_BACK)
        :: !passes && !wanted && rung == MAX_DOWN && use >= aim && !IS(l_kills) ->
                enter(ROLLING_BACK)
        :: else ->
                if
                :: rung == MAX_DOWN ->
                        check_write(max, aim);
                        assert(I5 || use < aim);
                        assert(ORDER || high <= aim || others(high));
                        max = aim
                :: else ->
                        check_write(high, aim);
                        assert(STEPJ || aim == jold_high || stepped(aim));
                        high = aim; jsteps = jsteps | (aim < 9 -> 1 << (aim - 1) / 2 : 0)
                fi;
                looked = looked && IS(l_first_counts); watched = 0;
                at = TELL
        fi
}

inline step_done() {
        at = IDLE;
        rung = (rung == HIGH_DOWN && aim != 5 -> HIGH_DOWN : rung + 1);
        st = (st == APPLYING -> VERIFY : st)
}

inline undo_knob() {
        if
        :: passes -> enter(LAPSED)
        :: !passes && at == UNDO_MAX ->
                if
                :: mine_max ->
                        check_write(max, 0); assert(I9 || !back_max); back_max = 1; max = jold_max
                :: !mine_max && max != jold_max -> conflict = 1
                :: else
                fi;
                at = UNDO_HIGH
        :: else ->
                if
                :: mine_high && known_high ->
                        check_write(high, 0); assert(I9 || !back_high); back_high = 1;
                        assert(ORDER || max != 5);
                        high = (IS(l_last_only) && high == 5 -> 7 : jold_high)
                :: !(mine_high && known_high) && high != jold_high -> conflict = 1
                :: else
                fi;
                at = TELL
        fi
}

inline told() {
        if
        :: passes -> enter(LAPSED)
        :: !passes && st == ROLLING_BACK && conflict -> enter(CONFLICT)
        :: !passes && st == ROLLING_BACK && !conflict -> enter(ROLLED_BACK)
        :: !passes && st != ROLLING_BACK && wanted ->
                st = (st == APPLYING -> VERIFY : st); enter(ROLLING_BACK)
        :: else -> step_done()
        fi
}

inline approve(by_policy) {
        assert(I11 || !approved);
        assert(EVID || !by_policy || evid);
        assert(BREAK || !by_policy || !jbreak);
        approved = 1; evid = 0; st = PRECHECK
}

proctype dtgovd() {
end:    do
        :: atomic { up == 0 -> up = 1 }
        :: atomic { up == 1 && (!sent || IS(l_no_settle)) ->
                up = 2; st = jn; rung = DONE; looked = 0; approved = 0; wanted = 0; at = IDLE;
                durable = (jn != ABSENT);
                back_max = 0; back_high = 0;
                if
                :: jn == ABSENT || jn == COMMITTED
                :: jn != ABSENT && jn != COMMITTED && passes -> enter(LAPSED)
                :: jn == ROLLING_BACK && !passes -> at = UNDO_MAX; conflict = 0
                :: else -> st = ROLLING_BACK; jn = ROLLING_BACK; at = UNDO_MAX; conflict = 0
                fi }
        :: d_step { up == 2 && !observer -> observer = 1 }
        :: d_step { up == 2 && st == ABSENT && changes && max == 9 && high == 9 ->
                changes--; st = PROPOSED; evid = 0; approved = 0; jsteps = 0; jgen = gen;
                jold_max = max; jold_high = high; back_max = 0; back_high = 0; durable = 0 }
        :: d_step { up == 2 && st == PROPOSED && observer && !evid -> evid = 1 }
        :: d_step { up == 2 && st == PROPOSED && (evid || IS(l_policy_blind)) &&
                (!jbreak || IS(l_breaker_unasked)) && observer -> approve(1) }
        :: d_step { up == 2 && st == PROPOSED && users -> users--; approve(0) }
        :: atomic { up == 2 && st == PROPOSED && (gone || max != 9 || high != 9) -> st = ABSENT }
        :: atomic { up == 2 && st == PRECHECK ->
                if
                :: passes || max != jold_max || high != jold_high || !observer || !disk || wanted ->
                        st = ABSENT; wanted = 0
                :: else ->
                        st = INTENT; jn = INTENT; durable = disk; harm_seen = harm;
                        rung = (IS(l_max_first) -> MAX_DOWN : HIGH_DOWN); looked = 0
                fi }
        :: atomic { up == 2 && st == INTENT -> enter(APPLYING) }
        :: atomic { up == 2 && (st == APPLYING || st == PROBATION) && at == IDLE && rung != DONE &&
                !wanted && (harm == harm_seen || IS(l_no_look)) -> take() }
        :: atomic { up == 2 && (st == APPLYING || st == PROBATION) && at == WRITE -> write_step() }
        :: atomic { up == 2 && st == VERIFY && at == IDLE -> enter(PROBATION) }
        :: atomic { up == 2 && at == TELL && !sent && passes -> enter(LAPSED) }
        :: d_step { up == 2 && at == TELL && !sent && !passes ->
                sent = 1; sent_max = max; sent_high = high; at = SENT }
        :: atomic { up == 2 && at == BACK -> told() }
        :: atomic { up == 2 && (at == UNDO_MAX || at == UNDO_HIGH) -> undo_knob() }
        :: atomic { up == 2 && (st == APPLYING || st == PROBATION) && at == IDLE && (wanted || \
                        (harm != harm_seen && !IS(l_no_look)) || max >= 16 || high >= 16 || passes) ->
                jbreak = (harm != harm_seen -> 1 : jbreak);
                if
                :: passes -> enter(LAPSED)
                :: else -> enter(ROLLING_BACK)
                fi }
        :: d_step { up == 2 && st == PROBATION && at == IDLE && observer && !(looked && watched) ->
                looked = 1; watched = 1 }
        :: atomic { up == 2 && st == PROBATION && at == IDLE && rung == DONE && looked && !wanted && \
                        (harm == harm_seen || IS(l_no_look)) && max == 5 && high < 16 ->
                assert(I4 || (harm == harm_seen && watched));
                enter(COMMITTED) }
        :: atomic { up == 2 && st == PROBATION && at == IDLE && rung != DONE && looked && \
                        IS(l_half_way) -> enter(COMMITTED); assert(I4 || rung == DONE) }
        od
}

proctype world() {
end:    do
        :: d_step { sent -> sent = 0; max = sent_max; high = sent_high;
                at = (at == SENT -> BACK : at) }
        :: d_step { crashes && up -> crashes--; up = 0; st = ABSENT; at = IDLE; rung = 0; aim = 0;
                evid = 0; wanted = 0; conflict = 0; looked = 0; watched = 0;
                approved = 0; harm_seen = 0 }
        :: d_step { writes && !sent -> writes--; max = 16 }
        :: d_step { writes && !sent -> writes--; high = 17 }
        :: d_step { going && !sent -> going--; gen++; max = 9; high = 9; use = 8 }
        :: d_step { disks && disk -> disks--; disk = 0 }
        :: d_step { leaves && observer -> leaves--; observer = 0; evid = 0; looked = 0; watched = 0;
                wanted = (open_now && st != ROLLING_BACK && st != PROPOSED -> 1 : wanted) }
        :: d_step { signals -> signals--; harm++ }
        :: d_step { undos && up == 2 && open_now && st != ROLLING_BACK && st != PROPOSED ->
                undos--; wanted = 1 }
        :: d_step { use >= high && high < 16 -> use = high - 1 } /* the kernel reclaims */
        :: d_step { uses && use > 4 -> uses--; use = 4 }
        :: d_step { uses && use < 8 && max > 8 -> uses--; use = 8 }
        :: atomic { timeout ->
                assert(I3 || !open_now || st == PROPOSED);
                assert(I2 || max == 9 || max == 16 || (max == 5 && st == COMMITTED));
                assert(I2 || high == 9 || high == 17 || (high == 5 && st == COMMITTED));
                break }
        od
}

init {
        c_code {
                now.mutant = setting("MUTANT", 0); now.changes = setting("CHANGES", 2);
                now.crashes = setting("CRASHES", 3); now.writes = setting("WRITES", 1);
                now.undos = setting("UNDOS", 1); now.users = setting("USERS", 1);
                now.going = setting("GONE", 1); now.disks = setting("DISKS", 1);
                now.leaves = setting("LEAVES", 1); now.signals = setting("SIGNALS", 1);
                now.uses = setting("USES", 1);
        };
        atomic { run dtgovd(); run world() }
}
