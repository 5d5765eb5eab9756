/* SPDX-License-Identifier: Apache-2.0 */
/* Taking back what people name: one change, a container, everything. */
#include "governor/control/steps.h"
#include "tests/unit/api_fixture.h"

#define HIGH_NEW 943718400ULL

static void one_target_is_wanted_and_no_more(void **state) {
        static const char *const calls[] = { "", "'change':'C1','all':true",
                "'containerId':'c1','change':'C1'", "'containerId':'c1','all':true" };
        struct api *a = *state;

        for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
                (void)call(a, "Rollback", calls[i]);
                assert_true(says(a, "org.dtgov.Control.InvalidParameter"));
                assert_true(says(a, "want exactly one"));
        }
}

static void a_change_that_is_not_on_record_is_not_found(void **state) {
        static const char *const calls[] = { "'change':'C5'", "'change':'5'", "'change':'C0'" };
        struct api *a = *state;

        for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
                (void)call(a, "Rollback", calls[i]);
                assert_true(says(a, "org.dtgov.Control.NotFound"));
        }
}

static void a_change_goes_back_and_what_that_wrote_is_said(void **state) {
        struct api *a = *state;

        (void)fixture_apply(a->f, KNOB_PIDS_MAX, 200, /* end= */ false);
        (void)call(a, "Rollback", "'change':'C1'");
        assert_true(says(a, "'changes':[{'id':'C1'"));
        assert_true(says(a, "'state':'rolled_back'"));
        assert_true(says(a, "'writes':[{'file':'/docker/c1/pids.max','old':'200','new':'100'"));
        assert_string_equal(fixture_read(a->f, "pids.max"), FIXTURE_PIDS);
}

static void what_has_ended_is_answered_and_not_undone(void **state) {
        struct api *a = *state;
        struct run *run = fixture_apply(a->f, KNOB_PIDS_MAX, 200, /* end= */ false);

        (void)engine_undo(a->c, run, REASON_PERSON, NULL);
        fixture_until(a->f, run, CHANGE_ROLLED_BACK);
        fixture_write(a->f, "pids.max", "300");
        (void)call(a, "Rollback", "'change':'C1'");
        assert_true(says(a, "'state':'rolled_back'"));
        assert_string_equal(fixture_read(a->f, "pids.max"), "300");
}

static void a_dry_run_of_a_rollback_writes_nothing(void **state) {
        struct api *a = *state;
        struct run *run = fixture_apply(a->f, KNOB_PIDS_MAX, 200, /* end= */ false);

        (void)call(a, "Rollback", "'all':true,'dryRun':true");
        assert_true(says(a, "'old':'200','new':'100'"));
        assert_int_equal(run->change.state, CHANGE_PROBATION);
        assert_string_equal(fixture_read(a->f, "pids.max"), "200");
}

/* Each of many is answered: the list of them grows. */
static void a_rollback_of_all_names_every_change(void **state) {
        struct api *a = *state;

        for (uint64_t i = 0; i < 20; i++) {
                struct run *run = calloc(1, sizeof(*run));

                assert_non_null(run);
                run->change.number = 100 + i;
                run->change.state = CHANGE_COMMITTED;
                engine_add(a->c, run);
        }
        (void)call(a, "Rollback", "'all':true,'dryRun':true");
        assert_true(says(a, "'id':'C100'"));
        assert_true(says(a, "'id':'C119'"));
        assert_true(says(a, "'writes':[]")); /* of containers that are not here */
}

static void a_container_goes_back_whole_and_no_other(void **state) {
        struct api *a = *state;
        struct run *first = fixture_apply(a->f, KNOB_PIDS_MAX, 200, /* end= */ true);
        struct run *second = fixture_apply(a->f, KNOB_MEMORY_HIGH, HIGH_NEW, /* end= */ false);
        char text[96];

        (void)call(a, "Rollback", "'containerId':'c2'");
        assert_true(says(a, "'changes':[]"));
        (void)call(a, "Rollback", "'containerId':'c1','cgroupInode':1");
        assert_true(says(a, "'changes':[]"));
        assert_int_equal(second->change.state, CHANGE_PROBATION);
        (void)snprintf(text, sizeof(text), "'containerId':'c1','cgroupInode':%llu",
                        (unsigned long long)a->f->container->container.cgroup_inode);
        (void)call(a, "Rollback", text);
        assert_true(says(a, "'id':'C1'"));
        assert_true(says(a, "'id':'C2'"));
        assert_int_equal(first->change.state, CHANGE_ROLLED_BACK);
        assert_string_equal(fixture_read(a->f, "memory.high"), FIXTURE_HIGH);
}

static void what_is_on_probation_goes_back_alone(void **state) {
        struct api *a = *state;
        struct run *first = fixture_apply(a->f, KNOB_PIDS_MAX, 200, /* end= */ true);

        (void)fixture_apply(a->f, KNOB_MEMORY_HIGH, HIGH_NEW, /* end= */ false);
        (void)call(a, "Rollback", "'all':true,'probation':true");
        assert_true(says(a, "'id':'C2'"));
        assert_false(says(a, "'id':'C1'"));
        assert_int_equal(first->change.state, CHANGE_COMMITTED);
}

static void a_newer_change_of_the_same_knob_goes_first(void **state) {
        struct api *a = *state;

        (void)fixture_apply(a->f, KNOB_PIDS_MAX, 200, /* end= */ true);
        (void)fixture_apply(a->f, KNOB_PIDS_MAX, 300, /* end= */ false);
        (void)call(a, "Rollback", "'change':'C1'");
        assert_true(says(a, "'code':'E_CHANGE_OPEN'"));
        assert_true(says(a, "C2 of the same knob is newer"));
        assert_string_equal(fixture_read(a->f, "pids.max"), "300");
        (void)call(a, "Rollback", "'all':true");
        assert_string_equal(fixture_read(a->f, "pids.max"), FIXTURE_PIDS);
}

static void somebody_elses_value_is_named_in_the_answer(void **state) {
        struct api *a = *state;

        (void)fixture_apply(a->f, KNOB_PIDS_MAX, 200, /* end= */ true);
        fixture_write(a->f, "pids.max", "333");
        (void)call(a, "Rollback", "'change':'C1'");
        assert_true(says(a, "'state':'conflict'"));
        assert_true(says(a, "'current':'333'"));
        assert_string_equal(fixture_read(a->f, "pids.max"), "333");
}

static void what_use_needs_is_kept_and_named(void **state) {
        struct api *a = *state;

        fixture_write(a->f, "memory.max", "536870912");
        fixture_write(a->f, "memory.high", "max");
        (void)fixture_apply(a->f, KNOB_MEMORY_MAX, HIGH_NEW, /* end= */ true);
        fixture_write(a->f, "memory.current", "629145600");
        (void)call(a, "Rollback", "'change':'C1'");
        assert_true(says(a, "'kept':'69"));
        assert_true(says(a, "'reason':'KEPT'"));
}

static void who_hangs_up_is_not_waited_for(void **state) {
        struct api *a = *state;
        struct run *run = fixture_apply(a->f, KNOB_PIDS_MAX, 200, /* end= */ false);

        ask(a, "Rollback", "'change':'C1'");
        while (run->change.state == CHANGE_PROBATION)
                turn(a);
        (void)close(take_fd(&a->fd));
        fixture_until(a->f, run, CHANGE_ROLLED_BACK);
        assert_null(run->waiters);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(one_target_is_wanted_and_no_more),
                TEST(a_change_that_is_not_on_record_is_not_found),
                TEST(a_change_goes_back_and_what_that_wrote_is_said),
                TEST(what_has_ended_is_answered_and_not_undone),
                TEST(a_dry_run_of_a_rollback_writes_nothing),
                TEST(a_rollback_of_all_names_every_change),
                TEST(a_container_goes_back_whole_and_no_other),
                TEST(what_is_on_probation_goes_back_alone),
                TEST(a_newer_change_of_the_same_knob_goes_first),
                TEST(somebody_elses_value_is_named_in_the_answer),
                TEST(what_use_needs_is_kept_and_named),
                TEST(who_hangs_up_is_not_waited_for),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
