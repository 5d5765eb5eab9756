/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of a container whose limits systemd owns too. */
#include "governor/control/recover.h"
#include "governor/control/steps.h"
#include "tests/unit/owner_fixture.h"

static struct run *wish(struct fixture *f, enum knob_id id, uint64_t amount) {
        struct proposal p = fixture_wish(f, id, amount);

        f->control.link.heard_ns = proc_boottime_ns();
        assert_int_equal(engine_begin(&f->control, &p, 0, 0, NULL), 0);
        return f->control.engine.runs;
}

/* What became of the last wish that was refused, told to whoever waits for it. */
struct refusal {
        struct waiter waiter;
        enum change_state state;
        enum reason reason;
        char text[ENGINE_TEXT_SIZE];
};

static void on_refusal(struct waiter *w, const struct run *run) {
        struct refusal *r = (struct refusal *)w;

        r->state = run->change.state;
        r->reason = run->change.reason;
        (void)strcpy(r->text, run->text);
}

static struct refusal refused(struct fixture *f, enum knob_id id, uint64_t amount) {
        struct refusal r = { .waiter = { .call = on_refusal } };
        struct proposal p = fixture_wish(f, id, amount);
        uint64_t deadline = proc_boottime_ns() + 5 * NSEC_PER_SEC;

        f->control.link.heard_ns = proc_boottime_ns();
        assert_int_equal(engine_begin(&f->control, &p, 0, 0, &r.waiter), 0);
        while (r.state == CHANGE_PROPOSED && proc_boottime_ns() < deadline)
                (void)sd_event_run(f->control.event, 10 * USEC_PER_MSEC);
        return r;
}

static void take_back(struct fixture *f, struct run *run, enum change_state state) {
        assert_int_equal(engine_undo(&f->control, run, REASON_PERSON, NULL), 1);
        fixture_until(f, run, state);
}

/* --- a unit of its own --- */

static void the_owner_is_told_what_was_written_and_what_went_back(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ false);

        assert_int_equal(run->change.owner, OWNER_SYSTEMD);
        assert_int_equal(owner.told, 1);
        assert_string_equal(owner.pids, "200");
        take_back(f, run, CHANGE_ROLLED_BACK);
        assert_int_equal(owner.told, 2);
        assert_string_equal(owner.pids, FIXTURE_PIDS);
}

static void an_owner_that_cannot_express_another_limit_refuses_the_change(void **state) {
        struct fixture *f = *state;
        struct refusal r;

        owner.check = -EREMOTE;
        r = refused(f, KNOB_PIDS_MAX, 200);
        assert_int_equal(r.state, CHANGE_REFUSED);
        assert_int_equal(r.reason, REASON_OWNER);
        assert_non_null(strstr(r.text, "cpu.idle"));
        assert_string_equal(fixture_read(f, "pids.max"), FIXTURE_PIDS);
}

static void without_an_answer_of_whose_it_is_nothing_is_changed(void **state) {
        static const struct {
                int error;
                enum reason reason;
        } rows[] = { { -ETIMEDOUT, REASON_OWNER }, { -EREMOTE, REASON_OWNER },
                { -EIO, REASON_WRITE } };
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct refusal r;

                owner.find = rows[i].error;
                r = refused(f, KNOB_PIDS_MAX, 200);
                assert_int_equal(r.state, CHANGE_REFUSED);
                assert_int_equal(r.reason, rows[i].reason);
                assert_non_null(strstr(r.text, "nothing was changed"));
        }
}

static void an_owner_that_does_not_take_it_has_it_taken_back(void **state) {
        static const struct {
                int error;
                enum reason reason;
        } rows[] = { { -ETIMEDOUT, REASON_OWNER }, { -EREMOTE, REASON_OWNER },
                { -EIO, REASON_WRITE } };
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct run *run;

                owner.tell = rows[i].error;
                owner.told = 0;
                owner.tells_failing = 1;
                run = wish(f, KNOB_PIDS_MAX, 200 + i);
                fixture_until(f, run, CHANGE_ROLLED_BACK);
                assert_int_equal(run->change.reason, rows[i].reason);
                assert_string_equal(owner.pids, FIXTURE_PIDS);
        }
}

static void what_the_owner_changes_besides_goes_back_with_it(void **state) {
        struct fixture *f = *state;
        struct run *run;

        owner.file = "memory.high";
        owner.text = HIGH_TEXT;
        owner.once = true;
        run = wish(f, KNOB_PIDS_MAX, 200);
        fixture_until(f, run, CHANGE_ROLLED_BACK);
        assert_int_equal(run->change.reason, REASON_OTHER_CHANGED);
        assert_non_null(strstr(run->text, "memory.high went from " FIXTURE_HIGH));
        assert_string_equal(fixture_read(f, "memory.high"), FIXTURE_HIGH);
        assert_string_equal(fixture_read(f, "pids.max"), FIXTURE_PIDS);
}

static void a_file_that_appears_when_the_owner_is_told_is_named(void **state) {
        struct fixture *f = *state;
        struct run *run;

        owner.file = "io.weight";
        owner.text = "default 50";
        run = wish(f, KNOB_PIDS_MAX, 200);
        fixture_until(f, run, CHANGE_ROLLED_BACK);
        assert_non_null(strstr(run->text, "io.weight went from absent to default 50"));
}

/* kernel/sched/core.c: cpu.weight.nice is the same value by another name. */
static void the_weight_goes_along_by_its_other_name(void **state) {
        struct fixture *f = *state;
        struct run *run;

        fixture_write(f, "cpu.weight.nice", "0");
        owner.file = "cpu.weight.nice";
        owner.text = "-3";
        run = wish(f, KNOB_CPU_WEIGHT, 200);
        fixture_until(f, run, CHANGE_PROBATION);
        take_back(f, run, CHANGE_ROLLED_BACK);
        owner.text = "-4";
        run = wish(f, KNOB_PIDS_MAX, 200);
        fixture_until(f, run, CHANGE_ROLLED_BACK);
        assert_int_equal(run->change.reason, REASON_OTHER_CHANGED);
}

/* Which goes into a file that may hold more than it. */
static void a_limit_without_a_property_is_checked_with_its_new_value_too(void **state) {
        static const enum knob_id ids[] = { KNOB_PIDS_MAX, KNOB_IO_BFQ_WEIGHT };
        struct fixture *f = *state;

        fixture_write(f, "io.bfq.weight", "default 100\n");
        for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
                struct change_job j = { .step = STEP_PRECHECK,
                        .container = f->container,
                        .change = { .changes_count = 1,
                                        .changes = { { .knob = ids[i],
                                                        .old = { 100, 0 },
                                                        .new = { 200, 0 } } } } };

                owner.checked = 0;
                assert_int_equal(change_job_work(&j.job), 0);
                assert_int_equal(owner.checked, knobs[ids[i]].property ? 1 : 2);
                limits_done(&j.limits);
        }
}

static void a_container_with_a_unit_of_its_own_is_said_to_be_systemds(void **state) {
        struct fixture *f = *state;

        assert_false(f->container->flags & CONTAINER_OWNED_BY_SYSTEMD);
        fixture_crash(f); /* by now its owner is known */
        assert_true(f->container->flags & CONTAINER_OWNED_BY_SYSTEMD);
}

static void an_owner_that_does_not_hear_of_the_undo_is_told_again(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ false);

        owner.tell = -EIO;
        owner.tells_failing = 2;
        take_back(f, run, CHANGE_ROLLBACK_FAILED);
        assert_non_null(strstr(run->text, "x.scope did not take it"));
        assert_string_equal(fixture_read(f, "pids.max"), FIXTURE_PIDS); /* the kernel first */
        fixture_until(f, run, CHANGE_ROLLED_BACK);
        assert_string_equal(owner.pids, FIXTURE_PIDS);
}

static void an_owner_that_writes_another_value_at_the_undo_is_told_again(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ false);

        owner.file = "pids.max";
        owner.text = "200";
        take_back(f, run, CHANGE_ROLLBACK_FAILED);
        assert_non_null(strstr(run->text, "systemd wrote another value"));
        owner.file = NULL;
        fixture_until(f, run, CHANGE_ROLLED_BACK);
        assert_string_equal(fixture_read(f, "pids.max"), FIXTURE_PIDS);
}

/* Of a change on probation: PID 1 is told, so that no reload brings it again. */
static void an_old_value_that_somebody_set_is_told_to_the_owner(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ false);

        fixture_write(f, "pids.max", FIXTURE_PIDS);
        run->drift_ns = 0;
        fixture_until(f, run, CHANGE_ROLLED_BACK);
        assert_int_equal(owner.told, 2);
        assert_string_equal(owner.pids, FIXTURE_PIDS);
}

/* --- recovery --- */

static void recovery_asks_the_owner_first_and_tells_it_last(void **state) {
        struct fixture *f = *state;

        (void)fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ false);
        fixture_crash(f);
        assert_int_equal(recover_all(&f->control), 0);
        assert_int_equal(owner.synced, 1);
        assert_string_equal(owner.pids, FIXTURE_PIDS);
        assert_int_equal(f->control.engine.runs->change.state, CHANGE_ROLLED_BACK);
}

static void recovery_of_old_values_tells_the_owner_all_the_same(void **state) {
        struct fixture *f = *state;

        (void)fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ false);
        fixture_write(f, "pids.max", FIXTURE_PIDS);
        owner.told = 0;
        fixture_crash(f);
        assert_int_equal(recover_all(&f->control), 0);
        assert_int_equal(owner.told, 1);
        assert_int_equal(f->control.engine.runs->change.state, CHANGE_REVERTED_EXTERNALLY);
}

static void an_owner_that_brings_the_new_value_during_recovery_has_it_taken_back(void **state) {
        struct fixture *f = *state;

        (void)fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ false);
        fixture_write(f, "pids.max", FIXTURE_PIDS);
        fixture_crash(f);
        owner.file = "pids.max";
        owner.text = "200";
        assert_int_equal(recover_all(&f->control), 1); /* it does so each time it is told */
        assert_int_equal(f->control.engine.runs->change.state, CHANGE_ROLLBACK_FAILED);
        owner.file = NULL;
        assert_int_equal(recover_all(&f->control), 0);
        assert_string_equal(fixture_read(f, "pids.max"), FIXTURE_PIDS);
}

static void an_intent_of_which_nothing_was_written_is_not_told(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_add(f, 1, CHANGE_INTENT);

        run->change.owner = OWNER_SYSTEMD;
        assert_int_equal(recover_all(&f->control), 0);
        assert_int_equal(run->change.state, CHANGE_REFUSED);
        assert_int_equal(owner.told, 0);
}

static void an_owner_that_is_silent_during_recovery_leaves_it_open(void **state) {
        struct fixture *f = *state;

        (void)fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ false);
        fixture_write(f, "pids.max", FIXTURE_PIDS);
        fixture_crash(f);
        owner.tell = -ETIMEDOUT;
        assert_int_equal(recover_all(&f->control), 1);
        assert_true(change_states[f->control.engine.runs->change.state].open);
        owner.tell = 0;
        assert_int_equal(recover_all(&f->control), 0);
        assert_int_equal(f->control.engine.runs->change.state, CHANGE_ROLLED_BACK);
}

/* --- the scope around crun's cgroup --- */

static void the_scope_gets_what_its_container_has(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ false);

        assert_int_equal(run->change.scope_mask, 1);
        assert_string_equal(owner.pids, "200");
        fixture_write(f, "../pids.max", "200");
        take_back(f, run, CHANGE_ROLLED_BACK);
        assert_string_equal(owner.pids, FIXTURE_PIDS);
}

static void a_scope_that_has_another_value_is_not_told(void **state) {
        struct fixture *f = *state;
        struct run *run;

        fixture_write(f, "../pids.max", "max");
        run = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ false);
        assert_int_equal(run->change.scope_mask, 0);
        assert_int_equal(run->change.owner, OWNER_PLAIN);
        assert_int_equal(owner.told, 0);
}

static void what_somebody_else_set_in_the_scope_stays(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ false);

        fixture_write(f, "../pids.max", "777");
        take_back(f, run, CHANGE_ROLLED_BACK);
        assert_string_equal(owner.pids, "777");
        assert_string_equal(fixture_read(f, "pids.max"), FIXTURE_PIDS);
}

static void a_scope_whose_use_the_old_limit_would_kill_keeps_the_new_one(void **state) {
        struct fixture *f = *state;
        struct run *run;

        fixture_write(f, "memory.max", "536870912");
        fixture_write(f, "memory.high", "max");
        fixture_write(f, "../memory.max", "536870912");
        run = fixture_apply(f, KNOB_MEMORY_MAX, HIGH_NEW, /* end= */ true);
        fixture_write(f, "../memory.max", HIGH_TEXT);
        fixture_write(f, "../memory.current", "838860800"); /* charged to the scope alone */
        take_back(f, run, CHANGE_ROLLED_BACK);
        assert_string_equal(fixture_read(f, "memory.max"), "536870912");
        assert_string_equal(fixture_read(f, "../memory.max"), HIGH_TEXT);
}

static void any_value_of_the_change_in_its_scope_follows_its_container(void **state) {
        static const struct {
                const char *around, *told;
        } rows[] = { { "100", "100" }, { "200", "100" }, { "150", "100" }, { "160", "100" },
                { "170", "100" }, { "777", "777" }, { "many", "many" } };
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct change_job j = { .step = STEP_TELL,
                        .container = f->container,
                        .newer_mask = 1,
                        .newer = { { 170, 0 } },
                        .steps = { { 0, JOURNAL_STEP, { 160, 0 } } },
                        .steps_count = 1,
                        .change = { .changes_count = 1,
                                        .changes = { { .knob = KNOB_PIDS_MAX,
                                                        .old = { 100, 0 },
                                                        .new = { 200, 0 } } },
                                        .kept = { { 150, 0 } },
                                        .scope_mask = 1 } };

                fixture_write(f, "../pids.max", rows[i].around);
                assert_int_equal(change_job_work(&j.job), 0);
                assert_string_equal(owner.pids, rows[i].told);
                limits_done(&j.told);
                limits_done(&j.limits);
        }
}

#define TEST(name)  cmocka_unit_test_setup_teardown(name, begin, fixture_end)
#define SCOPE(name) cmocka_unit_test_setup_teardown(name, begin_scope, fixture_end)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(the_owner_is_told_what_was_written_and_what_went_back),
                TEST(an_owner_that_cannot_express_another_limit_refuses_the_change),
                TEST(without_an_answer_of_whose_it_is_nothing_is_changed),
                TEST(an_owner_that_does_not_take_it_has_it_taken_back),
                TEST(what_the_owner_changes_besides_goes_back_with_it),
                TEST(a_file_that_appears_when_the_owner_is_told_is_named),
                TEST(the_weight_goes_along_by_its_other_name),
                TEST(a_limit_without_a_property_is_checked_with_its_new_value_too),
                TEST(a_container_with_a_unit_of_its_own_is_said_to_be_systemds),
                TEST(an_owner_that_does_not_hear_of_the_undo_is_told_again),
                TEST(an_owner_that_writes_another_value_at_the_undo_is_told_again),
                TEST(an_old_value_that_somebody_set_is_told_to_the_owner),
                TEST(recovery_asks_the_owner_first_and_tells_it_last),
                TEST(recovery_of_old_values_tells_the_owner_all_the_same),
                TEST(an_owner_that_brings_the_new_value_during_recovery_has_it_taken_back),
                TEST(an_intent_of_which_nothing_was_written_is_not_told),
                TEST(an_owner_that_is_silent_during_recovery_leaves_it_open),
                SCOPE(the_scope_gets_what_its_container_has),
                SCOPE(a_scope_that_has_another_value_is_not_told),
                SCOPE(what_somebody_else_set_in_the_scope_stays),
                SCOPE(a_scope_whose_use_the_old_limit_would_kill_keeps_the_new_one),
                SCOPE(any_value_of_the_change_in_its_scope_follows_its_container),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
