/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dtgovd short of memory: one allocation after the other fails, each in a run of its own. Whatever
 * fails, a limit file holds the old value or the new one, a rollback brings the old one, and the
 * next change works.
 */
#include "tests/unit/short_memory.h"

#include "governor/control/recover.h"
#include "governor/control/steps.h"
#include "tests/unit/api_fixture.h"

#define POINTS_MAX 3000                  /* more allocations than any of these has */
#define ANSWER_NS  (300 * NSEC_PER_MSEC) /* what did not come by then does not come */

/* A call of which any answer will do, the end of the connection too. */
static bool try_call(struct api *a, const char *method, const char *parameters) {
        bool answered;

        ask(a, method, parameters);
        answered = hear_within(a, ANSWER_NS) != NULL;
        if (!answered)
                dial(a);
        return answered;
}

static void approve(struct api *a) {
        char id[32], digest[32], text[128];

        if (!try_call(a, "Propose", "'containerId':'c1','assignments':'pids.max=200'") ||
                        !says(a, "'proposal'"))
                return;
        string_of(a, "id", id, sizeof(id));
        string_of(a, "digest", digest, sizeof(digest));
        (void)snprintf(text, sizeof(text), "'id':'%s','digest':'%s'", id, digest);
        (void)try_call(a, "Approve", text);
}

static bool is_at_rest(struct api *a) {
        for (const struct run *run = a->c->engine.runs; run; run = run->next)
                if (run->jobs > 0 || change_states[run->change.state].open)
                        return false;
        return true;
}

/* All goes back, whatever became of it, and a new change is made. */
static void assert_sound(struct api *a) {
        uint64_t deadline = proc_boottime_ns() + CALL_NS;

        (void)memory_failed();
        (void)call(a, "Rollback", "'all':true");
        while (!is_at_rest(a) && proc_boottime_ns() < deadline)
                turn(a);
        assert_true(is_at_rest(a));
        assert_string_equal(fixture_read(a->f, "pids.max"), FIXTURE_PIDS);
        if (!control_observer_present(a->c))
                return; /* it is lost too where memory is short; without it nothing new begins */
        approve(a);
        assert_true(says(a, "'state':'probation'"));
        assert_string_equal(fixture_read(a->f, "pids.max"), "200");
}

/* One in @judged of the points is judged whole; that takes the time of two changes. */
static void each_point(void (*act)(struct api *a), int judged) {
        bool failed = true;
        int point = 0;

        if (!SHORT_MEMORY) {
                print_message("%s", NO_SHORT_MEMORY);
                skip();
        }
        for (; failed && point < POINTS_MAX; point++) {
                void *state = NULL;
                struct api *a;
                const char *text;

                assert_int_equal(begin(&state), 0);
                a = state;
                memory_left = point;
                act(a);
                failed = memory_failed();
                text = fixture_read(a->f, "pids.max");
                assert_true(strcmp(text, "100") == 0 || strcmp(text, "200") == 0);
                if (point % judged == 0)
                        assert_sound(a);
                assert_int_equal(end(&state), 0);
        }
        assert_true(point > 1 && point < POINTS_MAX);
}

static void an_approval_short_of_memory_changes_all_or_nothing(void **state) {
        (void)state;
        each_point(approve, 1);
}

static void act_rollback(struct api *a) {
        int left = memory_left;

        memory_left = -1;
        approve(a);
        memory_left = left;
        (void)try_call(a, "Rollback", "'all':true");
}

static void a_rollback_short_of_memory_is_done_in_the_end(void **state) {
        (void)state;
        each_point(act_rollback, 1);
}

static void act_reads(struct api *a) {
        static const char *const methods[] = { "ListContainers", "ListProposals", "ListChanges",
                "ListRules", "Health" };

        for (size_t i = 0; i < ARRAY_LEN(methods); i++)
                (void)try_call(a, methods[i], "");
}

static void a_question_short_of_memory_changes_nothing(void **state) {
        (void)state;
        each_point(act_reads, 16);
}

static void act_words(struct api *a) {
        (void)try_call(a, "Pause", "");
        (void)try_call(a, "Resume", "");
        (void)try_call(a, "Trust", "'id':'pids-limit'");
        (void)try_call(a, "Reject", "'id':'P1'");
        (void)memory_failed();
        a->c->paused = false;
}

static void a_word_short_of_memory_leaves_dtgovd_at_work(void **state) {
        (void)state;
        if (!SHORT_MEMORY) {
                print_message("%s", NO_SHORT_MEMORY);
                skip();
        }
        for (int point = 0; point < 40; point++) {
                void *one = NULL;

                assert_int_equal(begin(&one), 0);
                memory_left = point;
                act_words(one);
                if (point % 8 == 0)
                        assert_sound(one);
                assert_int_equal(end(&one), 0);
        }
}

/* Of a host whose containers are not known yet; what failed is done by the next scan. */
static void act_scan(struct api *a) {
        containers_done(a->c);
        a->c->containers = (struct containers){ 0 };
        containers_scan(a->c);
        if (!container_find(a->c, "c1", 0)) {
                assert_true(a->c->containers.unsure);
                containers_scan(a->c);
        }
        a->f->container = container_find(a->c, "c1", 0);
        assert_non_null(a->f->container);
}

static void a_scan_short_of_memory_loses_no_container(void **state) {
        (void)state;
        each_point(act_scan, 1);
}

/* What was on probation when dtgovd died. */
static void recovery_short_of_memory_is_done_by_the_next_one(void **state) {
        bool failed = true;
        int point = 0;

        (void)state;
        if (!SHORT_MEMORY) {
                print_message("%s", NO_SHORT_MEMORY);
                skip();
        }
        for (; failed && point < POINTS_MAX; point++) {
                void *one = NULL;
                struct fixture *f;
                unsigned left;

                assert_int_equal(fixture_begin(&one), 0);
                f = one;
                (void)fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ false);
                fixture_crash(f);
                memory_left = point;
                left = recover_all(&f->control);
                failed = memory_failed();
                if (left > 0)
                        assert_int_equal(recover_all(&f->control), 0);
                assert_string_equal(fixture_read(f, "pids.max"), FIXTURE_PIDS);
                assert_int_equal(f->control.engine.runs->change.state, CHANGE_ROLLED_BACK);
                assert_int_equal(fixture_end(&one), 0);
        }
        assert_true(point > 1 && point < POINTS_MAX);
}

static void what_is_on_record_is_loaded_whole_or_not_at_all(void **state) {
        struct fixture *f;
        void *one = NULL;
        int r = -ENOMEM;

        (void)state;
        if (!SHORT_MEMORY) {
                print_message("%s", NO_SHORT_MEMORY);
                skip();
        }
        assert_int_equal(fixture_begin(&one), 0);
        f = one;
        (void)fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ true);
        for (int point = 0; r < 0 && point < POINTS_MAX; point++) {
                struct engine before = f->control.engine;

                f->control.engine = (struct engine){ 0 };
                memory_left = point;
                r = engine_load(&f->control);
                if (memory_failed())
                        assert_true(r == -ENOMEM || r == 0);
                engine_done(&f->control);
                f->control.engine = before;
        }
        assert_int_equal(r, 0);
        assert_int_equal(fixture_end(&one), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_approval_short_of_memory_changes_all_or_nothing),
                cmocka_unit_test(a_rollback_short_of_memory_is_done_in_the_end),
                cmocka_unit_test(a_question_short_of_memory_changes_nothing),
                cmocka_unit_test(a_word_short_of_memory_leaves_dtgovd_at_work),
                cmocka_unit_test(a_scan_short_of_memory_loses_no_container),
                cmocka_unit_test(recovery_short_of_memory_is_done_by_the_next_one),
                cmocka_unit_test(what_is_on_record_is_loaded_whole_or_not_at_all),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
