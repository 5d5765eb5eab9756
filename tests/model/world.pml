/* SPDX-License-Identifier: Apache-2.0 */
/* Who takes steps, and when; and who judges: included by change.pml. */
/* --- what happens ------------------------------------------------------------------------------ */

/* One thread asks PID 1, and reads back what came of it before it asks the next. */
#define asks_pid1 (M[0].way == 1 || M[1].way == 1 || C[0].at == BACK || C[1].at == BACK || \
                        C[2].at == BACK)
#define acts(i)   (up == 2 || (up == 1 && turn == i + 1))
#define at_knob(i) (C[i].at == KNOB0 || C[i].at == KNOB1)
#define i (_pid - 1)

/* dtgovd's way with one change. */
proctype change() {
end:    do
        :: atomic {
                if
                :: up == 2 && C[i].st == PRECHECK -> what = precheck
                :: up == 2 && C[i].st == INTENT && (disk || IS(no_intent)) -> what = disk_has_it
                :: up == 2 && C[i].st == INTENT && !disk -> what = disk_fails
                :: acts(i) && C[i].st == APPLYING && at_knob(i) -> what = apply
                :: acts(i) && C[i].st == APPLYING && at_knob(i) && fails && would_write(i, knob_at(i)) ->
                        what = apply_fails
                :: acts(i) && C[i].st == APPLYING && at_knob(i) && hangs && would_write(i, knob_at(i)) ->
                        what = give_up
                :: up == 2 && C[i].st == APPLYING && C[i].at == SENT && hangs -> what = give_up
                :: acts(i) && C[i].at == READ -> what = read_back
                :: acts(i) && C[i].at == TELL && !asks_pid1 -> what = tell
                :: acts(i) && C[i].at == BACK -> what = told
                :: acts(i) && C[i].st == ROLLING_BACK && at_knob(i) && (disk || !IS(waits_for_disk)) ->
                        what = undo
                :: acts(i) && C[i].st == ROLLING_BACK && at_knob(i) && fails && would_undo(i, knob_at(i)) ->
                        what = undo_fails
                :: up == 2 && on_probation(i) && !C[i].next && !gone(i) && (harmed(i) || drifted(i)) ->
                        what = look
                :: up == 2 && on_probation(i) && !C[i].next && !gone(i) -> what = over
                :: up == 2 && on_probation(i) && !C[i].next && !gone(i) && !raises(i) -> what = unproven
                :: up == 2 && C[i].st == COMMITTED && !gone(i) && !newer(i) && C[i].at == IDLE && \
                        (nothing_left(i) || (drifted(i) && IS(calm_partly))) -> what = calm
                :: up == 2 && C[i].st == ROLLBACK_FAILED && !IS(no_retry) -> what = retry
                :: up == 2 && in_force(i) && gone(i) && C[i].at == IDLE && C[i].st != INTENT && \
                        C[i].st != PRECHECK -> what = ended
                :: up == 1 && turn == i + 1 && C[i].at == IDLE -> what = recover
                :: C[i].late == 1 || C[i].late == 2 -> what = late_write
                :: C[i].late == LATE_DONE -> what = late_back
                fi;
                d_step {
                        goes = STAYS;
                        if
                        :: what == precheck -> do_precheck(i)
                        :: what == disk_has_it ->
                                C[i].durable = disk;
                                goes = (gone(i) -> LAPSED : (C[i].wanted || !observer -> REFUSED : APPLYING))
                        :: what == disk_fails -> goes = REFUSED
                        :: what == apply -> do_apply(i)
                        :: what == apply_fails ->
                                fails--; goes = ROLLING_BACK
                        :: what == give_up ->
                                hangs--; C[i].late = (C[i].at == SENT -> LATE_SENT : 1 + knob_at(i));
                                goes = ROLLING_BACK
                        :: what == read_back -> verify(i)
                        :: what == tell && gone(i) -> goes = LAPSED
                        :: what == tell && !gone(i) -> send(i)
                        :: what == told -> do_told(i)
                        :: what == undo -> do_undo(i)
                        :: what == undo_fails ->
                                fails--; C[i].failed = 1;
                                C[i].keeping = (knob_at(i) == MAX -> 0 : C[i].keeping); after_undo(i)
                        :: what == look || what == over || what == unproven -> do_look(i)
                        :: what == calm ->
                                C[i].at = (C[i].c == UNIT && !IS(calm_untold) -> TELL : IDLE);
                                goes = (C[i].at == TELL -> STAYS : calm_end(i))
                        :: what == retry -> goes = ROLLING_BACK
                        :: what == ended -> goes = LAPSED
                        :: what == recover -> do_recover(i)
                        :: what == late_write -> do_late_write(i)
                        :: what == late_back -> do_late_back(i)
                        fi;
                        finish(i)
                }
        }
        od
}
#undef i

/*
 * Its start: recovery waits for what is on its way to PID 1, then ends what is open. PID 1 may have
 * been told of a committed change too (calm).
 */
#define unit_lives(i) (in_force(i) && C[i].c == UNIT && !gone(i))
#define must_wait ((M[0].way || M[1].way) && (unit_lives(0) || unit_lives(1) || unit_lives(2)))

proctype dtgovd() {
end:    do
        :: atomic { up == 0 -> up = 1; turn = ALL + 1; what = start; show(0) }
        :: atomic { up == 1 && turn == ALL + 1 && (!must_wait || IS(no_settle)) ->
                turn = ALL; what = settle; show(0) }
        :: atomic { up == 1 && turn == 0 -> up = 2; what = serve; show(0) }
        :: atomic { up == 2 && !observer -> observer = 1; what = returns; show(0) }
        od
}

/* A message is done, or refused; its sender is told if it lives. */
inline answer(m, error) {
        if
        :: M[m].way == 1 && C[M[m].from].late == LATE_SENT -> C[M[m].from].late = LATE_DONE
        :: M[m].way == 1 && C[M[m].from].late != LATE_SENT ->
                C[M[m].from].at = BACK; C[M[m].from].failed = error
        :: else
        fi;
        M[m].way = 0; M[m].from = 0; M[m].val[0] = 0; M[m].val[1] = 0
}

/* systemd writes both; if that was a change's, it may be taken back once more. */
inline unit_writes(max, high) {
        K[UNIT].val[MAX] = max; K[UNIT].val[HIGH] = high;
        j = 0;
        do
        :: j < ALL ->
                C[j].back0 = C[j].back0 && !(C[j].c == UNIT && max == C[j].new);
                C[j].back1 = C[j].back1 && !(C[j].c == UNIT && high == C[j].new);
                C[j].raced = C[j].raced || (C[j].c == UNIT && C[j].at == KNOB1);
                j++
        :: else -> break
        od
}

proctype pid1() {
end:    do
        :: atomic {
                if
                :: M[0].way -> what = deliver; k = 0
                :: M[1].way -> what = deliver; k = 1
                :: M[0].way == 1 && fails -> what = refuse; k = 0
                :: M[1].way == 1 && fails -> what = refuse; k = 1
                fi;
                d_step {
                        if
                        :: what == deliver ->
                                K[UNIT].prop[MAX] = M[k].val[MAX]; K[UNIT].prop[HIGH] = M[k].val[HIGH];
                                unit_writes(M[k].val[MAX], M[k].val[HIGH])
                        :: else -> fails--
                        fi;
                        v = M[k].from; answer(k, what == refuse); printf("+ %d\n", k); show(v)
                }
        }
        :: atomic { writes && (K[UNIT].val[0] != K[UNIT].prop[0] || K[UNIT].val[1] != K[UNIT].prop[1]) ->
                d_step { writes--; unit_writes(K[UNIT].prop[MAX], K[UNIT].prop[HIGH]); what = reload; show(0) }
        }
        od
}

inline missed(m, by_observer) { /* a part of what has to be watched */
        if
        :: on_probation(m) || (by_observer && C[m].st == APPLYING) ->
                C[m].gap = 1; C[m].stalled = C[m].stalled || !by_observer;
                ask = (by_observer && !IS(silence) -> ask | (1 << m) : ask)
        :: else
        fi
}

/* The change as the journal has it; what was only in memory is gone. */
inline load(m) {
        v = C[m].kept;
        C[m].gap = C[m].gap || on_probation(m) || C[m].st == APPLYING;
        C[m].st = C[m].jn;
        C[m].kept = (C[m].jstep && (is_open(C[m].jn) || IS(stale_step)) -> C[m].jstep : C[m].jkept);
        assert(KEPT || is_open(C[m].st) || C[m].kept == v);
        C[m].at = IDLE; C[m].late = 0; C[m].again = 0; C[m].wanted = 0; C[m].next = 0;
        C[m].conflict = 0; C[m].failed = 0; C[m].stalled = 0; C[m].keeping = 0; C[m].raced = 0;
        if
        :: C[m].jn == ABSENT || C[m].jn == LAPSED || C[m].jn == REFUSED -> wipe(m)
        :: else
        fi
}

inline pick_container() {
        if
        :: k = 0
        :: containers == 2 -> k = 1
        fi
}

/* All others: people, the kernel, the disk, the observer. */
proctype world() {
end:    do
        :: atomic { up == 2 && begun < changes -> /* of what the files hold now */
                pick_container();
                C[begun].c = k; C[begun].gen = K[k].gen;
                C[begun].old[0] = K[k].val[0]; C[begun].old[1] = K[k].val[1];
                if
                :: C[begun].knobs = 1
                :: C[begun].knobs = 2
                :: C[begun].knobs = 3
                fi;
                if
                :: C[begun].new = 20 + 10 * begun
                :: C[begun].new = 7 - begun
                fi;
                C[begun].st = PRECHECK; k = begun; begun++; what = approve;
                printf("+ %d %d %d\n", C[k].c, C[k].knobs, C[k].new); show(k) }
        :: atomic {
                if
                :: up == 2 && undos && in_force(0) && !newer(0) -> undos--; what = rollback; k = 0; ask = 1
                :: up == 2 && undos && in_force(1) && !newer(1) -> undos--; what = rollback; k = 1; ask = 2
                :: up == 2 && undos && in_force(2) -> undos--; what = rollback; k = 2; ask = 4
                :: up == 2 && undos && in_force(0) -> undos--; what = rollback_all; k = 0; ask = 7
                :: up == 2 && leaves && on_probation(0) -> leaves--; what = worse; k = 0; ask = 1
                :: up == 2 && leaves && on_probation(1) -> leaves--; what = worse; k = 1; ask = 2
                :: up == 2 && leaves && on_probation(2) -> leaves--; what = worse; k = 2; ask = 4
                :: up == 2 && leaves && observer ->
                        leaves--; observer = 0; what = leave; k = 0;
                        d_step { missed(0, 1); missed(1, 1); missed(2, 1) }
                :: up == 2 && leaves && (on_probation(0) || on_probation(1) || on_probation(2)) ->
                        leaves--; what = stall; k = 0;
                        d_step { missed(0, 0); missed(1, 0); missed(2, 0) }
                fi;
                v = k;
                d_step { finish(v) }
        }
        :: atomic { writes ->
                pick_container();
                if
                :: v = MAX
                :: v = HIGH
                fi;
                if
                :: K[k].val[v] = 15 + writes
                :: K[k].val[v] = BASE
                fi;
                writes--; what = write; show(k * 2 + v) }
        :: atomic { uses ->
                uses--; pick_container();
                if
                :: K[k].use != 14 && K[k].val[MAX] > 14 -> K[k].use = 14
                :: K[k].use != 24 && K[k].val[MAX] > 24 -> K[k].use = 24
                :: K[k].use != 3 -> K[k].use = 3
                :: else
                fi;
                what = used; printf("+ %d\n", K[k].use); show(k) }
        :: atomic { signals -> signals--; pick_container(); K[k].signal = 1; what = killed; show(k) }
        :: atomic { going ->
                going--; pick_container();
                d_step {
                        K[k].gen = 1; K[k].use = 3; K[k].signal = 0;
                        K[k].val[0] = BASE; K[k].val[1] = BASE; K[k].prop[0] = BASE; K[k].prop[1] = BASE;
                        if
                        :: k == UNIT && M[0].way -> answer(0, 1)
                        :: else
                        fi;
                        if
                        :: k == UNIT && M[1].way -> answer(1, 1)
                        :: else
                        fi;
                        what = vanish; show(k)
                } }
        :: atomic { disks -> disks--; disk = 0; what = disk_breaks; show(0) }
        :: atomic { up && crashes ->
                d_step {
                        crashes--; crashed = IS(by_name); up = 0; turn = 0; observer = 0;
                        M[0].way = (M[0].way -> 2 : 0); M[1].way = (M[1].way -> 2 : 0);
                        load(0); load(1); load(2); what = crash; show(0)
                } }
        od
}

/* --- the judge --------------------------------------------------------------------------------- */

#define any_open     (is_open(C[0].st) || is_open(C[1].st) || is_open(C[2].st))
#define works(i)     (is_open(C[i].st) || C[i].late)
#define at_rest      (!works(0) && !works(1) && !works(2) && !M[0].way && !M[1].way && up != 0)
#define was_good(i)  (C[i].good && C[i].st == COMMITTED)
#define is_of(i, w, k) (touches(i, k) && C[i].c == w && C[i].gen == K[w].gen && \
                        ((K[w].val[k] == C[i].new && was_good(i)) || \
                        (k == MAX && C[i].kept && K[w].val[k] == C[i].kept)))
#define may_hold(w, k) (K[w].val[k] == BASE || is_others(K[w].val[k]) || \
                        is_of(0, w, k) || is_of(1, w, k) || is_of(2, w, k))
#define is_right     (may_hold(0, MAX) && may_hold(0, HIGH) && may_hold(1, MAX) && may_hold(1, HIGH))
#define holds(i)     ((is_open(C[i].st) && C[i].st != PRECHECK) || C[i].late)
#define both(i, m)   (holds(i) && holds(m) && same(i, m) && (C[i].knobs & C[m].knobs))
#define two          (both(0, 1) || both(0, 2) || both(1, 2))

proctype judge() {
end:    do
        :: at_rest && !is_right -> assert(I2)
        :: two -> assert(I8)
        :: timeout && any_open -> assert(I3)
        od
}

init {
        atomic {
                c_code {
                        now.mutant = setting("MUTANT", 0);
                        now.changes = setting("CHANGES", now.changes);
                        now.containers = setting("CONTAINERS", now.containers);
                        now.crashes = setting("CRASHES", now.crashes);
                        now.writes = setting("WRITES", now.writes);
                        now.undos = setting("UNDOS", now.undos);
                        now.fails = setting("FAILS", now.fails);
                        now.uses = setting("USES", now.uses);
                        now.signals = setting("SIGNALS", now.signals);
                        now.going = setting("GONE", now.going);
                        now.hangs = setting("HANGS", now.hangs);
                        now.disks = setting("DISKS", now.disks);
                        now.leaves = setting("LEAVES", now.leaves);
                };
                K[0].val[0] = BASE; K[0].val[1] = BASE; K[0].prop[0] = BASE; K[0].prop[1] = BASE;
                K[1].val[0] = BASE; K[1].val[1] = BASE; K[0].use = 3; K[1].use = 3;
                C[0].st = ABSENT; C[1].st = ABSENT; C[2].st = ABSENT;
                C[0].jn = ABSENT; C[1].jn = ABSENT; C[2].jn = ABSENT;
                run change(); run change(); run change(); /* _pid 1, 2, 3 */
                run dtgovd(); run pid1(); run world(); run judge()
        }
}
