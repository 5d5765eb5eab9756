/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proposals that wait for somebody, what policies make of them, whose word the last one was, and
 * what the guard is told.
 */
#include "governor/control/guard_input.h"
#include "governor/control/policies.h"
#include "governor/control/recover.h"
#include "governor/control/steps.h"
#include "tests/unit/control_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

/* A rule's proposal of pids.max that waits for a person; there are no policies yet. */
static struct held *pend(struct fixture *f, uint64_t pids_max) {
        struct proposal p = fixture_wish(f, KNOB_PIDS_MAX, pids_max);
        struct guard_answer answer;
        struct held *h;

        p.rule = RULE_PIDS_LIMIT;
        f->control.link.heard_ns = proc_boottime_ns();
        assert_int_equal(proposals_submit(&f->control, f->container, &p, false, &answer), 0);
        h = proposals_find(&f->control.proposals, p.number);
        assert_non_null(h);
        return h;
}

static struct policy *set_policy(struct fixture *f, enum policy_mode mode) {
        struct policies *all = &f->control.config.policies;

        all->count = 1;
        all->list[0] = (struct policy){ .number = 1,
                .rules = ~0U,
                .mode = mode,
                .at_most = { { KNOB_PIDS_MAX, { .amount = 500 } } },
                .at_most_count = 1,
                .probation_sec = 1 };
        return &all->list[0];
}

static void look(struct fixture *f) {
        f->control.proposals.policies_ns = 0;
        f->control.link.heard_ns = proc_boottime_ns();
        policies_look(&f->control, proc_boottime_ns());
}

static void settle(struct fixture *f, const struct held *h) {
        uint64_t deadline = proc_boottime_ns() + 5 * NSEC_PER_SEC;

        while (h->state == HELD_APPROVED && h->change == 0 && proc_boottime_ns() < deadline) {
                f->control.link.heard_ns = proc_boottime_ns();
                (void)sd_event_run(f->control.event, 10 * USEC_PER_MSEC);
        }
}

/* --- policies --- */

static void what_is_not_a_policys_to_decide_waits(void **state) {
        struct fixture *f = *state;
        struct held *h = pend(f, 200);
        const struct held as_it_was = *h;

        (void)set_policy(f, POLICY_ASK);
        look(f);
        assert_int_equal(h->state, HELD_PENDING);
        (void)set_policy(f, POLICY_AUTO);
        h->proposal.rule = RULE_PERSON;
        look(f);
        *h = as_it_was;
        h->proposal.expires_boottime_ns = 1;
        look(f);
        *h = as_it_was;
        h->proposal.cgroup_inode++;
        look(f);
        *h = as_it_was;
        assert_null(f->control.engine.runs);
        look(f);
        assert_int_equal(h->state, HELD_APPROVED);
        settle(f, h);
}

static void what_changed_before_its_precheck_is_stale(void **state) {
        struct fixture *f = *state;
        struct held *h = pend(f, 200);

        (void)set_policy(f, POLICY_AUTO);
        look(f);
        assert_int_equal(h->state, HELD_APPROVED);
        fixture_write(f, "pids.max", "150");
        settle(f, h);
        assert_int_equal(h->state, HELD_STALE);
}

/* Its slot may have another's proposal by then, or somebody may have decided. */
static void an_outcome_that_nobody_waits_for_changes_nothing(void **state) {
        struct fixture *f = *state;
        struct held *h = pend(f, 200);
        struct run *run;

        (void)set_policy(f, POLICY_AUTO);
        look(f);
        assert_int_equal(h->state, HELD_APPROVED);
        h->state = HELD_REJECTED;
        f->control.paused = true;
        for (int i = 0; i < 500 && f->control.engine.runs; i++)
                (void)sd_event_run(f->control.event, 10 * USEC_PER_MSEC);
        assert_int_equal(h->state, HELD_REJECTED);
        assert_int_equal(h->policy_ns, 0);
        f->control.paused = false;
        h->state = HELD_PENDING;
        look(f);
        run = f->control.engine.runs;
        assert_non_null(run);
        h->proposal.number = 0;
        fixture_until(f, run, CHANGE_PROBATION);
        assert_int_equal(h->change, 0);
}

/* --- what waits --- */

static void what_can_no_longer_be_done_is_stale(void **state) {
        struct fixture *f = *state;
        struct held *gone = pend(f, 200), *unread = pend(f, 300);

        gone->state = HELD_PENDING;
        gone->proposal.cgroup_inode++;
        proposals_refresh(&f->control);
        assert_int_equal(gone->state, HELD_STALE);
        assert_non_null(strstr(gone->text, "ended or was replaced"));
        assert_int_equal(unread->state, HELD_PENDING);
        fixture_remove(f, "pids.max");
        proposals_refresh(&f->control);
        assert_int_equal(unread->state, HELD_STALE);
}

static void a_rule_replaces_only_its_own_in_that_container(void **state) {
        struct fixture *f = *state;
        struct held *other_rule = pend(f, 200), *other_place, *own;

        other_rule->proposal.rule = RULE_CPU_QUOTA;
        other_place = pend(f, 200);
        other_place->proposal.cgroup_inode += 2;
        other_place->proposal.expires_boottime_ns = UINT64_MAX;
        own = pend(f, 200);
        other_place->state = HELD_PENDING; /* its container is not here */
        (void)pend(f, 300);
        assert_int_equal(other_rule->state, HELD_PENDING);
        assert_int_equal(own->state, HELD_STALE);
        assert_null(strstr(other_place->text, "replaced by"));
}

static void the_oldest_that_is_over_makes_room(void **state) {
        struct fixture *f = *state;
        struct proposals *t = &f->control.proposals;
        struct held *h;

        for (size_t i = 0; i < PROPOSALS_MAX; i++) {
                t->held[i].proposal = fixture_wish(f, KNOB_PIDS_MAX, 200);
                t->held[i].proposal.expires_boottime_ns = UINT64_MAX;
                t->held[i].state = i >= 3 && i <= 5 ? HELD_REJECTED : HELD_PENDING;
        }
        t->held[4].proposal.number = 1;
        h = pend(f, 200);
        assert_ptr_equal(h, &t->held[4]);
}

static void more_knobs_than_there_are_is_refused(void **state) {
        struct fixture *f = *state;
        struct proposal p = fixture_wish(f, KNOB_PIDS_MAX, 200);
        struct guard_answer answer;

        p.changes_count = PROPOSAL_KNOBS_MAX + 1;
        assert_int_equal(proposals_submit(&f->control, f->container, &p, false, &answer), 0);
        assert_int_equal(answer.verdict, GUARD_REFUSE);
        p.changes_count = 1;
        p.rule = RULE_PIDS_LIMIT;
        p.changes[0].knob = KNOB_COUNT;
        assert_int_equal(proposals_submit(&f->control, f->container, &p, false, &answer), 0);
        assert_int_equal(answer.verdict, GUARD_REFUSE);
}

static void a_weight_that_fills_a_proposal_or_has_its_twin_is_left_alone(void **state) {
        struct fixture *f = *state;
        struct proposal p = fixture_wish(f, KNOB_PIDS_MAX, 200);
        struct guard_answer answer;

        fixture_write(f, "io.weight", "default 100");
        fixture_write(f, "io.bfq.weight", "default 100");
        p.changes_count = 2;
        p.changes[0].knob = KNOB_IO_WEIGHT;
        p.changes[0].new.amount = 200;
        p.changes[1] = p.changes[0];
        p.changes[1].knob = KNOB_IO_BFQ_WEIGHT;
        p.changes[1].new.amount = 333;
        assert_int_equal(proposals_submit(&f->control, f->container, &p, true, &answer), 0);
        assert_int_equal(p.changes_count, 2);
        assert_int_equal(p.changes[1].new.amount, 333);
        p.changes_count = PROPOSAL_KNOBS_MAX;
        for (unsigned i = 1; i < PROPOSAL_KNOBS_MAX; i++)
                p.changes[i].knob = KNOB_PIDS_MAX;
        assert_int_equal(proposals_submit(&f->control, f->container, &p, true, &answer), 0);
        assert_int_equal(p.changes_count, PROPOSAL_KNOBS_MAX);
        assert_int_equal(p.changes[PROPOSAL_KNOBS_MAX - 1].knob, KNOB_PIDS_MAX);
}

/* --- whose word was the last --- */

static void the_last_word_of_a_person_or_another_program_counts(void **state) {
        static const struct {
                enum change_state state;
                enum reason reason;
                enum rule_id rule;
                bool claimed;
        } rows[] = {
                { CHANGE_ROLLED_BACK, REASON_PERSON, RULE_PIDS_LIMIT, true },
                { CHANGE_ROLLED_BACK, REASON_EXTERNAL, RULE_PIDS_LIMIT, true },
                { CHANGE_ROLLED_BACK, REASON_KEPT, RULE_PIDS_LIMIT, true },
                { CHANGE_ROLLED_BACK, REASON_OOM_KILL, RULE_PIDS_LIMIT, false },
                { CHANGE_CONFLICT, REASON_EXTERNAL, RULE_PIDS_LIMIT, true },
                { CHANGE_SUPERSEDED, REASON_EXTERNAL, RULE_PIDS_LIMIT, true },
                { CHANGE_REVERTED_EXTERNALLY, REASON_EXTERNAL, RULE_PIDS_LIMIT, true },
                { CHANGE_COMMITTED, REASON_PROVEN, RULE_PIDS_LIMIT, false },
                { CHANGE_COMMITTED, REASON_UNPROVEN, RULE_PERSON, true },
                { CHANGE_LAPSED, REASON_EXITED, RULE_PERSON, false },
                { CHANGE_REFUSED, REASON_PAUSED, RULE_PERSON, false },
                { CHANGE_STALE, REASON_STALE, RULE_PERSON, false },
        };
        struct fixture *f = *state;
        struct run *run = fixture_add(f, 1, CHANGE_COMMITTED);
        uint64_t inode = run->change.cgroup_inode;

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                run->change.state = rows[i].state;
                run->change.reason = rows[i].reason;
                run->change.rule = rows[i].rule;
                if ((engine_claimed(&f->control, inode) != 0) != rows[i].claimed)
                        fail_msg("row %zu", i);
        }
        run->change.state = CHANGE_CONFLICT;
        assert_int_equal(engine_claimed(&f->control, inode + 1), 0);
        run->this_boot = false;
        assert_int_equal(engine_claimed(&f->control, inode), 0);
        run->this_boot = true;
        run->change.number = 0;
        assert_int_equal(engine_claimed(&f->control, inode), 0);
}

/* --- what the guard is told --- */

static void a_scope_around_a_container_is_no_limit_above_it_while_it_goes_along(void **state) {
        static const struct {
                const char *scope;
                bool counts;
        } rows[] = { { FIXTURE_PIDS, false }, { "99", true } };
        struct fixture *f = *state;
        char from[128], to[128];

        (void)snprintf(to, sizeof(to), "%s/cg/x.scope", f->dir);
        assert_int_equal(mkdir(to, 0700), 0);
        (void)strcat(to, "/container");
        (void)snprintf(from, sizeof(from), "%s/cg/docker/c1", f->dir);
        assert_int_equal(rename(from, to), 0);
        assert_int_equal(symlink("../x.scope/container", from), 0);
        (void)strcpy(f->container->container.cgroup, "/x.scope/container");
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct proposal p = fixture_wish(f, KNOB_PIDS_MAX, 200);
                struct guard_answer answer;

                fixture_write(f, "../pids.max", rows[i].scope);
                f->control.link.heard_ns = proc_boottime_ns();
                guard_ask(&f->control, f->container, &p, &answer);
                if ((strstr(answer.text, "a parent cgroup caps") != NULL) != rows[i].counts)
                        fail_msg("row %zu: %s", i, answer.text);
        }
}

static void a_disk_that_does_not_answer_is_why_nothing_is_changed(void **state) {
        struct fixture *f = *state;
        struct proposal p = fixture_wish(f, KNOB_PIDS_MAX, 200);
        struct guard_answer answer;

        f->control.durable.stuck = true;
        assert_false(control_journal_ok(&f->control));
        guard_ask(&f->control, f->container, &p, &answer);
        assert_int_equal(answer.verdict, GUARD_REFUSE);
        assert_int_equal(answer.reason, REASON_JOURNAL);
        assert_non_null(strstr(answer.text, "the disk does not answer"));
        f->control.durable.stuck = false;
}

static void a_pause_that_cannot_be_noted_lasts_as_long_as_dtgovd(void **state) {
        struct fixture *f = *state;
        int journal_fd = f->control.journal_fd;

        f->control.journal_fd = -1;
        assert_int_equal(pause_set(&f->control, true), -EBADF);
        assert_true(f->control.paused);
        assert_int_equal(pause_set(&f->control, false), -EBADF);
        assert_false(f->control.paused);
        f->control.journal_fd = journal_fd;
}

/* --- what is on record --- */

static void what_was_kept_is_known_after_a_crash(void **state) {
        struct fixture *f = *state;
        struct run *run;

        fixture_write(f, "memory.max", "536870912");
        fixture_write(f, "memory.high", "max");
        run = fixture_apply(f, KNOB_MEMORY_MAX, 943718400, /* end= */ true);
        fixture_write(f, "memory.current", "629145600");
        assert_int_equal(engine_undo(&f->control, run, REASON_PERSON, NULL), 1);
        fixture_until(f, run, CHANGE_ROLLED_BACK);
        fixture_crash(f);
        run = f->control.engine.runs;
        assert_int_equal(run->change.kept_mask, 1);
        assert_true(run->change.kept[0].amount > 629145600);
}

static void what_another_boot_left_is_over(void **state) {
        struct fixture *f = *state;
        struct run *run;

        (void)fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ true);
        f->control.host.boot_id[0] = f->control.host.boot_id[0] == 'a' ? 'b' : 'a';
        fixture_crash(f);
        run = f->control.engine.runs;
        assert_false(run->this_boot);
        assert_int_equal(engine_claimed(&f->control, run->change.cgroup_inode), 0);
        assert_int_equal(recover_all(&f->control), 0);
        assert_int_equal(run->change.state, CHANGE_LAPSED);
        assert_int_equal(run->change.reason, REASON_REBOOT);
}

/* --- the watch --- */

static void a_signal_that_cannot_be_read_is_not_one_that_is_not_there(void **state) {
        struct fixture *f = *state;
        uint64_t signals[SIGNALS];

        fixture_remove(f, "pids.events");
        fixture_write(f, "memory.events.local", "none of them\n");
        signals_read(f->container, signals);
        assert_true(signals[SIGNAL_MEMORY_FULL] == SIGNAL_ABSENT);
        fixture_remove(f, "memory.events.local");
        assert_int_equal(mkdirat(f->container->dir_fd, "memory.events.local", 0700), 0);
        signals_read(f->container, signals);
        assert_true(signals[SIGNAL_MEMORY_FULL] == SIGNAL_UNKNOWN);
}

/* Of two knobs, one with its old value, one with another's: the second is more. */
static void somebody_elses_value_counts_more_than_an_old_one(void **state) {
        static const struct {
                const char *pids, *weight;
                enum change_state state;
        } rows[] = {
                { "777", "100", CHANGE_SUPERSEDED },
                { FIXTURE_PIDS, "777", CHANGE_SUPERSEDED },
                { FIXTURE_PIDS, "100", CHANGE_REVERTED_EXTERNALLY },
                { FIXTURE_PIDS, "200", CHANGE_COMMITTED },
                { "150", "200", CHANGE_COMMITTED },
        };
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct run *run = fixture_add(f, 10 + i, CHANGE_COMMITTED);

                run->change.changes_count = 2;
                run->change.changes[1] = (struct knob_change){
                        .knob = KNOB_CPU_WEIGHT, .old = { 100, 0 }, .new = { 200, 0 }
                };
                fixture_write(f, "pids.max", rows[i].pids);
                fixture_write(f, "cpu.weight", rows[i].weight);
                run->drift_ns = 0;
                watch_calm(&f->control, run, proc_boottime_ns());
                assert_string_equal(change_states[run->change.state].name,
                                change_states[rows[i].state].name);
                run->change.state = CHANGE_REFUSED;
        }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_begin, fixture_end)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(what_is_not_a_policys_to_decide_waits),
                TEST(what_changed_before_its_precheck_is_stale),
                TEST(an_outcome_that_nobody_waits_for_changes_nothing),
                TEST(what_can_no_longer_be_done_is_stale),
                TEST(a_rule_replaces_only_its_own_in_that_container),
                TEST(the_oldest_that_is_over_makes_room),
                TEST(more_knobs_than_there_are_is_refused),
                TEST(a_weight_that_fills_a_proposal_or_has_its_twin_is_left_alone),
                TEST(the_last_word_of_a_person_or_another_program_counts),
                TEST(a_scope_around_a_container_is_no_limit_above_it_while_it_goes_along),
                TEST(a_disk_that_does_not_answer_is_why_nothing_is_changed),
                TEST(a_pause_that_cannot_be_noted_lasts_as_long_as_dtgovd),
                TEST(what_was_kept_is_known_after_a_crash),
                TEST(what_another_boot_left_is_over),
                TEST(a_signal_that_cannot_be_read_is_not_one_that_is_not_there),
                TEST(somebody_elses_value_counts_more_than_an_old_one),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
