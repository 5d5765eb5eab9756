/* SPDX-License-Identifier: Apache-2.0 */
/* What an engine's own check of a container's health says of a change that is on probation. */
#include "governor/control/health.h"

#include "tests/unit/identifier_fixture.h"

static void answers_with(struct bench *b, enum health health, uint32_t streak) {
        struct identity_request request;
        struct identity i = named(b, "shop/web");

        i.health = health;
        i.failing_streak = streak;
        assert_true(asked(b, 5000, &request));
        answer(b, &i, sizeof(i));
}

static void answers(struct bench *b, enum health health) {
        answers_with(b, health, 0);
}

/* A change on probation, of a container whose engine runs a check. */
static struct run *on_probation(struct bench *b) {
        struct identity i;
        struct run *run;

        (void)strcpy(b->container->container.id, "c1"); /* as the fixture's wishes call it */
        run = fixture_apply(b->fixture, KNOB_PIDS_MAX, 200, /* end= */ false);
        (void)strcpy(b->container->container.id, ID);
        i = named(b, "shop/web");
        assert_int_equal(run->change.state, CHANGE_PROBATION);
        run->change.deadline_boottime_ns = UINT64_MAX;
        b->container->identity = malloc(sizeof(i));
        assert_non_null(b->container->identity);
        i.health = HEALTH_HEALTHY;
        *b->container->identity = i;
        listen_there(b);
        start(b);
        identifier_end(b->control, b->container);
        return run;
}

static void a_check_that_begins_to_fail_takes_its_change_back(void **state) {
        struct bench *b = *state;
        struct run *run = on_probation(b);

        health_look(b->control, run, proc_boottime_ns());
        answers(b, HEALTH_HEALTHY);
        assert_int_equal(run->change.state, CHANGE_PROBATION);
        health_look(b->control, run, proc_boottime_ns());
        assert_int_equal(b->control->identifier.waiting, 0); /* not before its turn */
        health_look(b->control, run, proc_boottime_ns() + HEALTH_ASK_NS);
        answers(b, HEALTH_UNHEALTHY);
        assert_true(run->change.state == CHANGE_ROLLING_BACK ||
                        run->change.state == CHANGE_ROLLED_BACK);
        assert_int_equal(run->change.reason, REASON_UNHEALTHY);
}

static void a_check_that_failed_before_says_nothing_of_the_change(void **state) {
        struct bench *b = *state;
        struct run *run = on_probation(b);

        health_look(b->control, run, proc_boottime_ns());
        answers(b, HEALTH_UNHEALTHY);
        health_look(b->control, run, proc_boottime_ns() + HEALTH_ASK_NS);
        answers(b, HEALTH_UNHEALTHY);
        assert_int_equal(run->change.state, CHANGE_PROBATION);
}

static void two_failures_in_a_row_are_enough(void **state) {
        struct bench *b = *state;
        struct run *run = on_probation(b);

        health_look(b->control, run, proc_boottime_ns());
        answers_with(b, HEALTH_HEALTHY, 0);
        health_look(b->control, run, proc_boottime_ns() + HEALTH_ASK_NS);
        answers_with(b, HEALTH_HEALTHY, 1);
        assert_int_equal(run->change.state, CHANGE_PROBATION);
        health_look(b->control, run, proc_boottime_ns() + 2 * HEALTH_ASK_NS);
        answers_with(b, HEALTH_HEALTHY, 2);
        assert_int_equal(run->change.reason, REASON_UNHEALTHY);
}

static void a_check_that_had_failed_a_few_times_already_says_nothing(void **state) {
        struct bench *b = *state;
        struct run *run = on_probation(b);

        health_look(b->control, run, proc_boottime_ns());
        answers_with(b, HEALTH_HEALTHY, 1);
        health_look(b->control, run, proc_boottime_ns() + HEALTH_ASK_NS);
        answers_with(b, HEALTH_HEALTHY, 2);
        assert_int_equal(run->change.state, CHANGE_PROBATION);
}

static void a_try_that_waits_for_its_turn_does_not_hold_up_the_check(void **state) {
        struct bench *b = *state;
        struct run *run = on_probation(b);
        struct identity_request request;

        identifier_begin(b->control, b->container);
        b->container->ask_ns = UINT64_MAX; /* as after many tries without an answer */
        health_look(b->control, run, proc_boottime_ns());
        assert_int_equal(b->control->identifier.waiting, 1);
        assert_true(asked(b, 5000, &request));
}

static void a_container_without_a_check_is_not_asked_about_again(void **state) {
        struct bench *b = *state;
        struct run *run = on_probation(b);

        b->container->identity->health = HEALTH_NONE;
        health_look(b->control, run, proc_boottime_ns());
        assert_int_equal(b->control->identifier.waiting, 0);
}

static void an_engine_that_is_down_takes_no_names_away(void **state) {
        struct bench *b = *state;
        struct run *run = on_probation(b);
        struct identity_request request;
        struct identity i = named(b, ID);

        health_look(b->control, run, proc_boottime_ns());
        i.status = IDENTITY_NO_ENGINE;
        assert_true(asked(b, 5000, &request));
        answer(b, &i, sizeof(i));
        assert_string_equal(b->container->identity->environment, "shop/web");
}

static void a_failing_check_takes_back_what_is_fresh_and_its_own_alone(void **state) {
        struct bench *b = *state;
        struct managed another = { .refs = 9, .alive = true, .dir_fd = -1, .events_fd = -1 };
        struct run *run = on_probation(b);
        struct run *kept = fixture_add(b->fixture, 91, CHANGE_COMMITTED);
        struct run *unasked = fixture_add(b->fixture, 92, CHANGE_PROBATION);
        struct run *others = fixture_add(b->fixture, 93, CHANGE_PROBATION);

        container_unref(others->container);
        others->container = &another;
        kept->change.changes[0].knob = unasked->change.changes[0].knob =
                        others->change.changes[0].knob = KNOB_CPU_WEIGHT;
        kept->health_ns = others->health_ns = run->health_ns = 1;
        kept->health_known = others->health_known = run->health_known = true;
        b->container->identity->health = HEALTH_UNHEALTHY;
        health_heard(b->control, b->container);
        assert_int_equal(run->undo_reason, REASON_UNHEALTHY);
        assert_int_equal(kept->change.state, CHANGE_COMMITTED);
        assert_int_equal(unasked->change.state, CHANGE_PROBATION);
        assert_int_equal(others->change.state, CHANGE_PROBATION);
        others->container = NULL;
        unasked->change.state = others->change.state = CHANGE_REFUSED;
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        const struct CMUnitTest tests[] = {
                TEST(a_check_that_begins_to_fail_takes_its_change_back),
                TEST(a_check_that_failed_before_says_nothing_of_the_change),
                TEST(two_failures_in_a_row_are_enough),
                TEST(a_check_that_had_failed_a_few_times_already_says_nothing),
                TEST(a_try_that_waits_for_its_turn_does_not_hold_up_the_check),
                TEST(a_container_without_a_check_is_not_asked_about_again),
                TEST(an_engine_that_is_down_takes_no_names_away),
                TEST(a_failing_check_takes_back_what_is_fresh_and_its_own_alone),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
