/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What follows from the answer of a step, whatever it is: of looking, of writing, of undoing, of
 * telling the owner, of a step down; and of what the disk says.
 */
#include "governor/control/steps.h"
#include "policies/rules/ladder.h"
#include "tests/unit/control_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* What became of a change that may be gone by then. */
struct outcome {
        struct waiter waiter;
        enum change_state state;
        enum reason reason;
        char text[ENGINE_TEXT_SIZE];
};

static void on_outcome(struct waiter *w, const struct run *run) {
        struct outcome *o = (struct outcome *)w;

        o->state = run->change.state;
        o->reason = run->change.reason;
        (void)strcpy(o->text, run->text);
}

/* One that has no number yet, of a person's wish, in precheck; it tells @ret of its end. */
static struct run *add_wish(struct fixture *f, struct outcome *ret) {
        struct run *run = fixture_add(f, 0, CHANGE_PRECHECK);

        *ret = (struct outcome){ .waiter = { .call = on_outcome } };
        run->proposal = fixture_wish(f, KNOB_PIDS_MAX, 200);
        run->change.proposal = run->proposal.number;
        run_wait(run, &ret->waiter);
        f->control.link.heard_ns = proc_boottime_ns();
        return run;
}

static struct run *add_applying(struct fixture *f) {
        static uint64_t number = 100;

        return fixture_add(f, number++, CHANGE_APPLYING);
}

/* Nothing of it is looked at any more. */
static void forget(struct run *run) {
        run->change.state = CHANGE_REFUSED;
}

/* --- precheck --- */

static void a_container_that_ended_before_precheck_makes_it_stale(void **state) {
        static const int answers[] = { -ENODEV, -ENOENT, 0 };
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
                struct change_job j = { .step = STEP_PRECHECK };
                struct outcome o;
                struct run *run = add_wish(f, &o);

                f->container->alive = answers[i] != 0;
                assert_int_equal(run_after(&f->control, run, &j, answers[i]), STEP_NONE);
                assert_int_equal(o.state, CHANGE_STALE);
                assert_int_equal(o.reason, REASON_REPLACED);
                f->container->alive = true;
        }
}

static void an_old_value_that_changed_before_precheck_makes_it_stale(void **state) {
        struct fixture *f = *state;
        struct change_job j = { .step = STEP_PRECHECK };
        struct outcome o;
        struct run *run = add_wish(f, &o);

        fixture_write(f, "pids.max", "150");
        assert_int_equal(run_after(&f->control, run, &j, 0), STEP_NONE);
        assert_int_equal(o.state, CHANGE_STALE);
        assert_int_equal(o.reason, REASON_STALE);
}

static void a_policy_that_is_gone_by_precheck_leaves_its_change_to_people(void **state) {
        struct fixture *f = *state;
        struct change_job j = { .step = STEP_PRECHECK };
        struct outcome o;
        struct run *run = add_wish(f, &o);

        run->change.uid = CHANGE_UID_POLICY;
        run->change.rule = run->proposal.rule = RULE_PIDS_LIMIT;
        assert_int_equal(run_after(&f->control, run, &j, 0), STEP_NONE);
        assert_int_equal(o.state, CHANGE_REFUSED);
        assert_int_equal(o.reason, REASON_POLICY);
}

static void what_its_container_is_called_is_kept_with_a_change(void **state) {
        static const char *const templates[] = { "", "node" };
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(templates); i++) {
                struct identity who = { .environment = "shop" };
                struct run *run;

                (void)strcpy(who.template, templates[i]);
                f->container->identity = &who;
                run = fixture_apply(f, KNOB_PIDS_MAX, 200 + i, /* end= */ true);
                f->container->identity = NULL;
                assert_string_equal(run->environment, "shop");
                if (templates[i][0])
                        assert_string_equal(run->template, templates[i]);
                else
                        assert_null(run->template);
        }
}

/* --- the intent --- */

static void a_full_disk_is_the_reason_that_is_told(void **state) {
        static const struct {
                int error;
                enum reason reason;
        } rows[] = { { -ENOSPC, REASON_NOSPACE }, { -EIO, REASON_JOURNAL } };
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct outcome o;
                struct run *run = add_wish(f, &o);

                run->change.number = 7;
                run->change.state = CHANGE_INTENT;
                run->intent_seq = UINT64_MAX;
                run->busy = true;
                engine_durable(&f->control, rows[i].error);
                assert_int_equal(o.state, CHANGE_REFUSED);
                assert_int_equal(o.reason, rows[i].reason);
                assert_non_null(strstr(o.text, "rollbacks still work"));
        }
}

/* --- writing --- */

static void each_failure_of_a_write_has_its_reason(void **state) {
        static const struct {
                int error;
                enum reason reason;
        } rows[] = { { -ETIMEDOUT, REASON_SLOW }, { -ECANCELED, REASON_SLOW },
                { -ESTALE, REASON_EXTERNAL }, { -E2BIG, REASON_HEADROOM },
                { -EREMOTE, REASON_OWNER }, { -EIO, REASON_WRITE }, { -ENODEV, REASON_WRITE },
                { -ENOENT, REASON_WRITE } };
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct change_job j = { .step = STEP_APPLY };
                struct run *run = add_applying(f);

                assert_int_equal(run_after(&f->control, run, &j, rows[i].error), STEP_UNDO);
                assert_int_equal(run->change.reason, rows[i].reason);
                assert_string_not_equal(run->text, "");
                forget(run);
        }
}

static void a_container_that_is_gone_after_a_write_ends_the_change(void **state) {
        static const int answers[] = { -ENODEV, -ENOENT };
        struct fixture *f = *state;

        fixture_remove(f, "cgroup.events");
        for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
                struct change_job j = { .step = STEP_APPLY };
                struct run *run = add_applying(f);

                assert_int_equal(run_after(&f->control, run, &j, answers[i]), STEP_NONE);
                assert_int_equal(run->change.state, CHANGE_LAPSED);
        }
}

static void an_owner_that_is_silent_after_a_write_is_the_reason(void **state) {
        struct fixture *f = *state;
        struct change_job j = { .step = STEP_TELL };
        struct run *run = add_applying(f);

        assert_int_equal(run_after(&f->control, run, &j, -ETIMEDOUT), STEP_UNDO);
        assert_int_equal(run->change.reason, REASON_OWNER);
        forget(run);
        run = add_applying(f);
        f->container->alive = false;
        assert_int_equal(run_after(&f->control, run, &j, 0), STEP_NONE);
        assert_int_equal(run->change.state, CHANGE_LAPSED);
        f->container->alive = true;
}

static void a_value_that_is_not_there_afterwards_is_taken_back(void **state) {
        static const struct {
                const char *value, *said;
        } rows[] = { { NULL, "pids.max is gone" }, { "many", "pids.max is many" },
                { "300", "pids.max is 300" } };
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct change_job j = { .step = STEP_APPLY };
                struct run *run = add_applying(f);
                char text[16];

                if (rows[i].value)
                        j.limits.text[KNOB_PIDS_MAX] = strcpy(text, rows[i].value);
                assert_int_equal(run_after(&f->control, run, &j, 0), STEP_UNDO);
                assert_int_equal(run->change.reason, REASON_VERIFY);
                assert_non_null(strstr(run->text, rows[i].said));
                forget(run);
        }
}

static void a_limit_that_vanishes_when_the_owner_is_told_is_named(void **state) {
        struct fixture *f = *state;
        struct change_job j = { .step = STEP_TELL };
        struct run *run = add_applying(f);

        j.told.text[KNOB_PIDS_MAX] = strdup("200");
        j.told.text[KNOB_MEMORY_HIGH] = strdup("max");
        j.limits.text[KNOB_PIDS_MAX] = strdup("200");
        assert_int_equal(run_after(&f->control, run, &j, 0), STEP_UNDO);
        assert_int_equal(run->change.reason, REASON_OTHER_CHANGED);
        assert_non_null(strstr(run->text, "memory.high went from max to absent"));
        forget(run);
        limits_done(&j.told);
        limits_done(&j.limits);
}

static void a_rollback_that_was_asked_for_during_the_write_follows_it(void **state) {
        struct fixture *f = *state;
        static const enum change_step steps[] = { STEP_APPLY, STEP_TELL };

        for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
                struct change_job j = { .step = steps[i] };
                struct run *run = add_applying(f);
                char text[] = "200";

                j.limits.text[KNOB_PIDS_MAX] = j.told.text[KNOB_PIDS_MAX] = text;
                run->undo_wanted = true;
                run->undo_reason = REASON_PERSON;
                assert_int_equal(run_after(&f->control, run, &j, 0), STEP_UNDO);
                assert_int_equal(run->change.reason, REASON_PERSON);
                forget(run);
        }
}

/* --- undoing --- */

static struct run *add_undoing(struct fixture *f) {
        struct run *run = add_applying(f);

        assert_int_equal(undo_begin(&f->control, run, REASON_PERSON), STEP_UNDO);
        return run;
}

static void an_undo_of_a_container_that_is_gone_is_over(void **state) {
        static const enum change_step steps[] = { STEP_UNDO, STEP_TELL };
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
                struct change_job j = { .step = steps[i] };
                struct run *run = add_undoing(f);

                f->container->alive = false;
                assert_int_equal(run_after(&f->control, run, &j, 0), STEP_NONE);
                assert_int_equal(run->change.state, CHANGE_LAPSED);
                f->container->alive = true;
        }
}

static void an_undo_without_a_container_has_nothing_to_write(void **state) {
        struct fixture *f = *state;
        struct run *run = add_applying(f);

        container_unref(TAKE(run->container));
        assert_int_equal(undo_begin(&f->control, run, REASON_PERSON), STEP_NONE);
        assert_int_equal(run->change.state, CHANGE_LAPSED);
}

static void an_undo_that_fails_twice_is_told_once(void **state) {
        struct fixture *f = *state;
        struct run *run = add_undoing(f);
        struct outcome o = { .waiter = { .call = on_outcome, .end = true } };

        run_wait(run, &o.waiter);
        assert_int_equal(undo_failed(&f->control, run, "no"), STEP_NONE);
        assert_int_equal(o.state, CHANGE_ROLLBACK_FAILED);
        o.state = CHANGE_PROPOSED;
        assert_int_equal(undo_failed(&f->control, run, "not yet"), STEP_NONE);
        assert_int_equal(o.state, CHANGE_PROPOSED);
        assert_non_null(strstr(run->text, "not yet"));
        assert_int_equal(run->retries, 2);
        forget(run);
}

static int tell_undone(struct fixture *f, struct run *run, const char *value, bool scope_keeps) {
        struct change_job j = { .step = STEP_TELL, .scope_keeps = scope_keeps };
        char text[16];

        if (value)
                j.limits.text[KNOB_PIDS_MAX] = strcpy(text, value);
        return run_after(&f->control, run, &j, 0);
}

static void an_owner_that_was_told_of_the_undo_ends_it(void **state) {
        static const char *const values[] = { FIXTURE_PIDS, NULL, "many" };
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(values); i++) {
                struct run *run = add_undoing(f);

                assert_int_equal(tell_undone(f, run, values[i], false), STEP_NONE);
                assert_int_equal(run->change.state, CHANGE_ROLLED_BACK);
        }
}

static void what_was_kept_is_what_the_owner_is_to_have(void **state) {
        struct fixture *f = *state;
        struct run *run = add_undoing(f);

        run->change.kept_mask = 1;
        run->change.kept[0].amount = 150;
        assert_int_equal(tell_undone(f, run, FIXTURE_PIDS, false), STEP_NONE);
        assert_int_equal(run->change.state, CHANGE_ROLLBACK_FAILED);
        assert_int_equal(undo_begin(&f->control, run, REASON_PERSON), STEP_UNDO);
        assert_int_equal(tell_undone(f, run, "150", /* scope_keeps= */ true), STEP_NONE);
        assert_int_equal(run->change.state, CHANGE_ROLLED_BACK);
        assert_int_equal(run->change.reason, REASON_KEPT);
        assert_null(strstr(run->text, "the scope around it"));
}

static void a_scope_that_keeps_more_is_said(void **state) {
        struct fixture *f = *state;
        struct run *run = add_undoing(f);

        assert_int_equal(tell_undone(f, run, FIXTURE_PIDS, /* scope_keeps= */ true), STEP_NONE);
        assert_int_equal(run->change.state, CHANGE_ROLLED_BACK);
        assert_non_null(strstr(run->text, "the scope around it"));
}

static void a_helper_of_the_way_down_may_have_any_value_after_the_undo(void **state) {
        struct fixture *f = *state;
        struct run *run = add_undoing(f);

        run->change.changes[0].new = run->change.changes[0].old;
        assert_int_equal(tell_undone(f, run, "777", false), STEP_NONE);
        assert_int_equal(run->change.state, CHANGE_ROLLED_BACK);
}

/* --- the list --- */

static void changes_are_counted_that_are_not_at_their_end(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_add(f, 1, CHANGE_PROBATION);

        run->change.proposal = 5;
        assert_int_equal(engine_under_way(&f->control, 5), 0);
        assert_int_equal(engine_under_way(&f->control, 6), 1);
        assert_int_equal(engine_probations(&f->control), 1);
        forget(run);
        assert_int_equal(engine_under_way(&f->control, 6), 0);
        assert_int_equal(engine_probations(&f->control), 0);
}

static void only_a_change_of_the_same_knob_and_container_comes_after(void **state) {
        struct fixture *f = *state;
        struct run *old = fixture_add(f, 1, CHANGE_COMMITTED);
        struct run *newer = fixture_add(f, 2, CHANGE_COMMITTED);

        assert_null(engine_newer(&f->control, newer));
        assert_ptr_equal(engine_newer(&f->control, old), newer);
        newer->change.cgroup_inode++;
        assert_null(engine_newer(&f->control, old));
        newer->change.cgroup_inode--;
        newer->change.changes[0].new = newer->change.changes[0].old; /* a helper, at its end */
        assert_null(engine_newer(&f->control, old));
        newer->change.step_mask = 1;
        assert_ptr_equal(engine_newer(&f->control, old), newer);
        newer->change.step_mask = 0;
        newer->change.changes[0].new.amount = 200;
        old->change.changes[0].new = old->change.changes[0].old;
        assert_null(engine_newer(&f->control, old));
        newer->change.state = CHANGE_ROLLED_BACK;
        newer->jobs = 1; /* a thread may still write it */
        old->change.changes[0].new.amount = 300;
        assert_ptr_equal(engine_newer(&f->control, old), newer);
        newer->jobs = 0;
        assert_null(engine_newer(&f->control, old));
}

static void a_change_whose_container_is_not_here_is_lost_until_it_comes(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_add(f, 1, CHANGE_COMMITTED);
        uint64_t inode = run->change.cgroup_inode;

        assert_null(engine_lost(&f->control, 0));
        container_unref(TAKE(run->container));
        assert_ptr_equal(engine_lost(&f->control, 0), run);
        assert_ptr_equal(engine_lost(&f->control, inode), run);
        assert_null(engine_lost(&f->control, inode + 1));
        run->this_boot = false;
        assert_null(engine_lost(&f->control, 0));
        run->this_boot = true;
        engine_container_began(&f->control, f->container);
        assert_ptr_equal(run->container, f->container);
        engine_container_began(&f->control, f->container); /* once is enough */
        assert_null(engine_lost(&f->control, 0));
}

static void a_container_that_began_gets_no_change_that_is_over(void **state) {
        struct fixture *f = *state;
        struct run *ended = fixture_add(f, 1, CHANGE_ROLLED_BACK);
        struct run *other = fixture_add(f, 2, CHANGE_COMMITTED);

        container_unref(TAKE(ended->container));
        container_unref(TAKE(other->container));
        other->change.cgroup_inode++;
        engine_container_began(&f->control, f->container);
        assert_null(ended->container);
        assert_null(other->container);
}

static void a_busy_change_of_a_container_that_ended_is_not_watched(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_add(f, 1, CHANGE_PROBATION);

        run->busy = true;
        f->container->alive = false;
        fixture_write(f, "memory.events.local", "oom 1\noom_kill 1\n");
        for (int i = 0; i < 30; i++)
                (void)sd_event_run(f->control.event, 10 * USEC_PER_MSEC);
        assert_false(run->undo_wanted);
        run->busy = false;
        f->container->alive = true;
        forget(run);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_begin, fixture_end)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(a_container_that_ended_before_precheck_makes_it_stale),
                TEST(an_old_value_that_changed_before_precheck_makes_it_stale),
                TEST(a_policy_that_is_gone_by_precheck_leaves_its_change_to_people),
                TEST(what_its_container_is_called_is_kept_with_a_change),
                TEST(a_full_disk_is_the_reason_that_is_told),
                TEST(each_failure_of_a_write_has_its_reason),
                TEST(a_container_that_is_gone_after_a_write_ends_the_change),
                TEST(an_owner_that_is_silent_after_a_write_is_the_reason),
                TEST(a_value_that_is_not_there_afterwards_is_taken_back),
                TEST(a_limit_that_vanishes_when_the_owner_is_told_is_named),
                TEST(a_rollback_that_was_asked_for_during_the_write_follows_it),
                TEST(an_undo_of_a_container_that_is_gone_is_over),
                TEST(an_undo_without_a_container_has_nothing_to_write),
                TEST(an_undo_that_fails_twice_is_told_once),
                TEST(an_owner_that_was_told_of_the_undo_ends_it),
                TEST(what_was_kept_is_what_the_owner_is_to_have),
                TEST(a_scope_that_keeps_more_is_said),
                TEST(a_helper_of_the_way_down_may_have_any_value_after_the_undo),
                TEST(changes_are_counted_that_are_not_at_their_end),
                TEST(only_a_change_of_the_same_knob_and_container_comes_after),
                TEST(a_change_whose_container_is_not_here_is_lost_until_it_comes),
                TEST(a_container_that_began_gets_no_change_that_is_over),
                TEST(a_busy_change_of_a_container_that_ended_is_not_watched),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
