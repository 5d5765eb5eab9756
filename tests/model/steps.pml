/* SPDX-License-Identifier: Apache-2.0 */
/* What a step does: included by change.pml. */
/* --- states ------------------------------------------------------------------------------------ */

/* What no longer matters is zero: fewer states. */
inline forget(i) {
        C[i].wanted = 0; C[i].next = 0; C[i].conflict = 0; C[i].failed = 0; C[i].keeping = 0;
        C[i].signal = 0; C[i].gap = 0; C[i].again = 0; C[i].stalled = 0; C[i].back0 = 0; C[i].back1 = 0;
        C[i].raced = 0
}

inline wipe(i) {
        forget(i);
        C[i].c = (C[i].late -> C[i].c : 0); C[i].gen = (C[i].late -> C[i].gen : 0);
        C[i].knobs = 0; C[i].new = 0; C[i].kept = 0; C[i].jkept = 0; C[i].jstep = 0;
        C[i].durable = 0; C[i].good = 0; C[i].old[0] = 0; C[i].old[1] = 0
}

inline undo_anew(i) {
        C[i].at = KNOB0; C[i].conflict = 0; C[i].failed = 0; C[i].again = 0; C[i].raced = 0;
        C[i].keeping = C[i].kept
}

/* A change whose given-up thread is still out may yet be written to: it stays open on record. */
inline enter(i, s) {
        s = (s == ROLLING_BACK && gone(i) -> LAPSED : s);
        assert(TABLE || (follows(C[i].st, s)));
        C[i].st = s;
        C[i].at = (s == APPLYING -> KNOB0 : IDLE);
        if
        :: s == INTENT -> C[i].jn = INTENT
        :: s != INTENT && C[i].jn != ABSENT && (in_force(i) || !C[i].late || IS(late_record)) ->
                C[i].jn = s; C[i].jkept = C[i].kept
        :: else
        fi;
        if
        :: s == ROLLING_BACK -> C[i].wanted = 0; undo_anew(i)
        :: s == COMMITTED ->
                assert(I4 || (!C[i].gap && K[C[i].c].signal == C[i].signal && what != unproven));
                C[i].good = 1
        :: s == LAPSED || s == REFUSED || s == STALE -> kick = 1; wipe(i)
        :: else ->
                if
                :: in_force(i)
                :: else -> kick = 1; forget(i)
                fi
        fi
}

#define show(i) \
        printf("@ "); printm(what); printf(" %d\n", i); \
        printf("= %d %d %d %d  %d %d  %d %d %d  %d %d %d  %d %d %d\n", K[0].val[0], K[0].val[1], \
                K[1].val[0], K[1].val[1], up, observer, C[0].st, C[0].jn, C[0].kept, \
                C[1].st, C[1].jn, C[1].kept, C[2].st, C[2].jn, C[2].kept); \
        what = 0; ask = 0; k = 0; v = 0

/*
 * The end of a step: its change goes where the step said, who is to be undone is, newest first, and
 * when a change has ended, so is the next one of a rollback of several.
 */
inline finish(i) {
        if
        :: goes != STAYS -> enter(i, goes)
        :: else
        fi;
        j = ALL;
        do
        :: j > 0 ->
                j--;
                if
                :: !((ask >> j & 1) || (kick && C[j].next)) || !in_force(j) || C[j].st == ROLLING_BACK
                :: else ->
                        if
                        :: C[j].at != IDLE || C[j].st == INTENT || C[j].st == PRECHECK -> C[j].wanted = 1
                        :: C[j].at == IDLE && C[j].st != INTENT && C[j].st != PRECHECK && newer(j) ->
                                C[j].next = 1
                        :: else -> goes = ROLLING_BACK; enter(j, goes)
                        fi
                fi
        :: else -> break
        od;
        goes = STAYS; kick = 0;
        show(i)
}

/* --- forward ----------------------------------------------------------------------------------- */

inline do_precheck(i) {
        C[i].signal = K[C[i].c].signal;
        goes = (gone(i) -> STALE :
                (C[i].wanted || !observer || !disk || taken(i) -> REFUSED :
                (!is_old(i) -> STALE :
                (touches(i, MAX) && !raises(i) && C[i].new <= use_of(i) -> REFUSED : INTENT))))
}

inline verify(i) {
        assert(TABLE || (follows(C[i].st, VERIFY)));
        C[i].st = VERIFY;
        goes = (gone(i) -> LAPSED :
                (C[i].wanted || C[i].failed || !is_new(i) -> ROLLING_BACK : PROBATION))
}

inline check_write(i, value) { /* of knob k */
        assert(I1 || C[i].durable);
        assert(I6 || C[i].gen == K[C[i].c].gen);
        assert(I5 || (k == HIGH || value >= file(i, k) || value > use_of(i)))
}

#define kills_now(i, k) (k == MAX && C[i].new < file(i, k) && C[i].new <= use_of(i))
#define would_write(i, k) (!gone(i) && file(i, k) != C[i].new && !kills_now(i, k) && \
                        (file(i, k) == C[i].old[k] || IS(no_cas_apply)))

inline after_knob(i) {
        if
        :: C[i].at != last(i) -> C[i].at = KNOB1
        :: C[i].at == last(i) && C[i].c != UNIT -> C[i].at = READ
        :: else ->
                goes = (C[i].wanted -> ROLLING_BACK : STAYS);
                C[i].at = TELL
        fi
}

inline do_apply(i) {
        k = knob_at(i);
        if
        :: gone(i) -> goes = LAPSED
        :: !gone(i) && file(i, k) == C[i].new -> after_knob(i)
        :: would_write(i, k) ->
                check_write(i, C[i].new);
                assert(I7 || (!is_others(file(i, k)) || file(i, k) == C[i].old[k]));
                file(i, k) = C[i].new;
                after_knob(i)
        :: else -> goes = ROLLING_BACK
        fi
}

inline send(i) {
        v = (M[0].way -> 1 : 0);
        M[v].way = 1; M[v].from = i; M[v].val[0] = file(i, 0); M[v].val[1] = file(i, 1);
        C[i].at = SENT
}

/* --- backward ---------------------------------------------------------------------------------- */

#define kept_back(i, k) (!touches(i, k) || file(i, k) == (k == MAX && C[i].kept -> C[i].kept : C[i].old[k]))

inline undo_end(i) {
        if
        :: C[i].again && !IS(late_lost) -> undo_anew(i)
        :: else -> goes = (C[i].conflict -> CONFLICT : ROLLED_BACK)
        fi
}

inline after_undo(i) {
        if
        :: C[i].at != last(i) -> C[i].at = KNOB1
        :: C[i].at == last(i) && C[i].failed -> goes = ROLLBACK_FAILED
        :: else ->
                C[i].kept = C[i].keeping;
                if
                :: C[i].c == UNIT -> C[i].at = TELL
                :: else -> undo_end(i)
                fi
        fi
}

inline undo_write(i, value) {
        check_write(i, value);
        assert(I7 || !is_others(file(i, k)));
        assert(ORDER || !(C[i].knobs == 3 && (k == HIGH) == !raises(i) && !C[i].failed && \
                        !C[i].late && !C[i].again && !C[i].raced && file(i, 1 - k) == C[i].new));
        assert(I9 || file(i, k) != C[i].new || !(k == MAX -> C[i].back0 : C[i].back1));
        C[i].back0 = C[i].back0 || k == MAX; C[i].back1 = C[i].back1 || k == HIGH;
        file(i, k) = value;
        after_undo(i)
}

#define would_kill(i, k) (k == MAX && C[i].old[k] <= file(i, k) && use_of(i) + 1 > C[i].old[k] && !IS(kills))
#define is_mine(i, k)    (ours(i, k) || \
                        (k == MAX && (file(i, k) == C[i].keeping || \
                        (file(i, k) == C[i].jstep && !IS(step_forgotten)))) || IS(no_cas_undo))
#define would_undo(i, k) (!gone(i) && file(i, k) != C[i].old[k] && is_mine(i, k) && !would_kill(i, k))

inline do_undo(i) {
        k = knob_at(i);
        if
        :: gone(i) -> goes = LAPSED
        :: !gone(i) && file(i, k) == C[i].old[k] ->
                C[i].keeping = (k == MAX -> 0 : C[i].keeping); after_undo(i)
        :: !gone(i) && file(i, k) != C[i].old[k] && !is_mine(i, k) ->
                C[i].conflict = 1; after_undo(i)
        :: would_undo(i, k) ->
                C[i].keeping = (k == MAX -> 0 : C[i].keeping); undo_write(i, C[i].old[k])
        :: else -> v = use_of(i) + 1; /* is needed */
                if
                :: v >= file(i, k) -> C[i].keeping = file(i, k); after_undo(i)
                :: v < file(i, k) && C[i].keeping < v && !IS(kept_unsaid) -> /* first on record */
                        C[i].jstep = v; C[i].kept = v; undo_anew(i)
                :: else ->
                        C[i].keeping = (C[i].keeping < v -> v : C[i].keeping);
                        undo_write(i, C[i].keeping)
                fi
        fi
}

/* policies/rules/undo.c: recover_decide(). Whom systemd may have told, it is told what is there. */
#define may_be_told(i) (C[i].c == UNIT && C[i].st != INTENT && !IS(not_told))
#define ends_as(i)     (is_foreign(i) -> CONFLICT : \
                        (on_probation(i) -> REVERTED_EXTERNALLY : REFUSED))

/* PID 1 was told of what ends without an undo: unless a reload came first. */
inline recovery_told(i) {
        goes = (gone(i) -> LAPSED : (C[i].failed || any_new(i) -> ROLLING_BACK : ends_as(i)))
}

/* A message of another change, sent before the undo, brought the new value again. */
#define is_back(i, k) (touches(i, k) && file(i, k) == C[i].new && !IS(back_unseen) && \
                        !(k == MAX && C[i].kept == C[i].new))

/* Others have all of a committed change; of a unit's, PID 1 is told of it first. */
#define calm_end(i) (is_foreign(i) -> SUPERSEDED : REVERTED_EXTERNALLY)

inline calm_told(i) {
        goes = (gone(i) -> LAPSED : (C[i].wanted -> ROLLING_BACK : \
                (!C[i].failed && nothing_left(i) -> calm_end(i) : STAYS)));
        C[i].at = IDLE; C[i].failed = 0
}

inline do_told(i) { /* PID 1 has answered, and all is read back */
        if
        :: up == 2 && C[i].st == COMMITTED -> calm_told(i)
        :: up == 1 && C[i].st != ROLLING_BACK -> recovery_told(i)
        :: up == 2 && C[i].st == APPLYING -> verify(i)
        :: C[i].st == ROLLING_BACK && gone(i) -> goes = LAPSED
        :: C[i].st == ROLLING_BACK && !gone(i) && (C[i].failed || \
                        is_back(i, MAX) || is_back(i, HIGH) || \
                        (!C[i].conflict && !(kept_back(i, MAX) && kept_back(i, HIGH)))) ->
                goes = ROLLBACK_FAILED
        :: else -> undo_end(i)
        fi
}

/* --- watch and recovery ------------------------------------------------------------------------ */

#define harmed(i) ((K[C[i].c].signal != C[i].signal && !IS(no_look)) || (C[i].stalled && !IS(blind)))

inline do_look(i) { /* at a change on probation */
        if
        :: harmed(i) -> ask = 1 << i
        :: !harmed(i) && drifted(i) ->
                if
                :: is_foreign(i) || C[i].knobs == 3 || (C[i].c == UNIT && !IS(not_told)) -> ask = 1 << i
                :: else -> goes = REVERTED_EXTERNALLY
                fi
        :: !harmed(i) && !drifted(i) && what != unproven -> goes = (what == over -> COMMITTED : STAYS)
        :: !harmed(i) && !drifted(i) && what == unproven ->
                ask = (C[i].st == HELD -> 1 << i : 0);
                goes = (C[i].st == HELD -> STAYS : (IS(unproven_stays) -> COMMITTED : HELD))
        fi
}

inline do_recover(i) {
        if
        :: !in_force(i) || (C[i].st == COMMITTED && !gone(i)) -> turn = i
        :: in_force(i) && gone(i) -> goes = LAPSED
        :: in_force(i) && !gone(i) && C[i].st == ROLLING_BACK -> undo_anew(i)
        :: is_open(C[i].st) && !gone(i) && C[i].st != ROLLING_BACK &&
                        (C[i].st == ROLLBACK_FAILED || any_new(i)) ->
                goes = ROLLING_BACK
        :: is_open(C[i].st) && !gone(i) && C[i].st != ROLLING_BACK &&
                        C[i].st != ROLLBACK_FAILED && !any_new(i) ->
                C[i].at = (may_be_told(i) -> TELL : IDLE);
                goes = (may_be_told(i) -> STAYS : ends_as(i))
        fi
}

/* A thread that was given up comes back: all is looked at once more. */
inline do_late_back(i) {
        C[i].late = 0;
        if
        :: C[i].at != IDLE -> C[i].again = 1
        :: C[i].at == IDLE && (C[i].st == ROLLED_BACK || C[i].st == CONFLICT) && !gone(i) && \
                        !IS(late_forgotten) ->
                goes = ROLLING_BACK
        :: C[i].at == IDLE && !C[i].knobs -> wipe(i); kick = 1
        :: else -> kick = 1
        fi
}

inline do_late_write(i) {
        k = C[i].late - 1;
        if
        :: gone(i)
        :: else ->
                file(i, k) = C[i].new;
                C[i].back0 = C[i].back0 && k != MAX; C[i].back1 = C[i].back1 && k != HIGH
        fi;
        C[i].late = LATE_DONE
}
