/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may come between two steps of a change: the disk waits, or a write does, until the test lets
 * it go on. fdatasync(2) and write(2) are the program's own; the kernel may refuse a value too.
 */
#include "governor/control/recover.h"
#include "governor/control/steps.h"
#include "tests/unit/control_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include <cmocka.h>

#define HIGH_NEW  943718400ULL
#define HIGH_TEXT "943718400"

static bool disk_waits, write_waits;
static bool write_is_there;      /* it has come to the write that waits */
static const char *refused_text; /* of the value that the kernel refuses; NULL: none */

static void wait_while(bool *waits) {
        for (int i = 0; i < 150 && __atomic_load_n(waits, __ATOMIC_SEQ_CST); i++)
                (void)usleep(10000); /* below the deadline of a write */
}

int fdatasync(int fd) {
        (void)fd;
        wait_while(&disk_waits);
        return 0;
}

ssize_t write(int fd, const void *data, size_t len) {
        bool value = len >= 3 && (memcmp(data, "200", 3) == 0 || memcmp(data, "100", 3) == 0);

        if (value && __atomic_load_n(&write_waits, __ATOMIC_SEQ_CST)) {
                __atomic_store_n(&write_is_there, true, __ATOMIC_SEQ_CST);
                wait_while(&write_waits);
        }
        if (refused_text && len >= strlen(refused_text) &&
                        memcmp(data, refused_text, strlen(refused_text)) == 0) {
                errno = EINVAL;
                return -1;
        }
        return syscall(SYS_write, fd, data, len);
}

static int begin(void **state) {
        disk_waits = write_waits = write_is_there = false;
        refused_text = NULL;
        return fixture_begin(state);
}

/* What became of a wish, also where it has no number. */
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

static struct run *wish(struct fixture *f, struct outcome *o) {
        struct proposal p = fixture_wish(f, KNOB_PIDS_MAX, 200);

        *o = (struct outcome){ .waiter = { .call = on_outcome } };
        f->control.link.heard_ns = proc_boottime_ns();
        assert_int_equal(engine_begin(&f->control, &p, 0, 0, &o->waiter), 0);
        return f->control.engine.runs;
}

/* A wish whose intent is on its way to the disk. */
static struct run *wish_to_intent(struct fixture *f, struct outcome *o) {
        struct run *run;

        __atomic_store_n(&disk_waits, true, __ATOMIC_SEQ_CST);
        run = wish(f, o);
        fixture_until(f, run, CHANGE_INTENT);
        return run;
}

static void go_on(struct fixture *f, const struct outcome *o) {
        uint64_t deadline = proc_boottime_ns() + 5 * NSEC_PER_SEC;

        __atomic_store_n(&disk_waits, false, __ATOMIC_SEQ_CST);
        __atomic_store_n(&write_waits, false, __ATOMIC_SEQ_CST);
        while (o->state == CHANGE_PROPOSED && proc_boottime_ns() < deadline)
                assert_true(sd_event_run(f->control.event, 10 * USEC_PER_MSEC) >= 0);
        assert_int_not_equal(o->state, CHANGE_PROPOSED);
}

static void assert_refused(struct fixture *f, const struct outcome *o, enum reason reason) {
        assert_int_equal(o->state, CHANGE_REFUSED);
        assert_int_equal(o->reason, reason);
        assert_string_equal(fixture_read(f, "pids.max"), FIXTURE_PIDS);
}

/* --- while the disk is waited for --- */

static void a_rollback_before_the_first_write_refuses_the_change(void **state) {
        struct fixture *f = *state;
        struct outcome o;
        struct run *run = wish_to_intent(f, &o);

        assert_int_equal(engine_undo(&f->control, run, REASON_PERSON, NULL), 1);
        go_on(f, &o);
        assert_refused(f, &o, REASON_PERSON);
        assert_non_null(strstr(o.text, "before anything was changed"));
}

static void a_pause_before_the_first_write_refuses_the_change(void **state) {
        struct fixture *f = *state;
        struct outcome o;

        (void)wish_to_intent(f, &o);
        f->control.paused = true;
        go_on(f, &o);
        assert_refused(f, &o, REASON_PAUSED);
}

static void an_observer_that_leaves_before_the_first_write_refuses_the_change(void **state) {
        struct fixture *f = *state;
        struct outcome o;

        (void)wish_to_intent(f, &o);
        f->control.link.hello = false;
        go_on(f, &o);
        assert_refused(f, &o, REASON_NO_OBSERVER);
}

static void a_container_that_ends_before_the_first_write_ends_the_change(void **state) {
        struct fixture *f = *state;
        struct outcome o;

        (void)wish_to_intent(f, &o);
        f->container->alive = false;
        go_on(f, &o);
        assert_int_equal(o.state, CHANGE_LAPSED);
        f->container->alive = true;
}

/* Somebody else was faster: compare-and-set. */
static void a_value_that_somebody_sets_before_the_first_write_stays(void **state) {
        struct fixture *f = *state;
        struct outcome o;
        struct run *run = wish_to_intent(f, &o);

        fixture_write(f, "pids.max", "333");
        go_on(f, &o);
        fixture_until(f, run, CHANGE_CONFLICT);
        assert_non_null(strstr(run->text, "somebody else set pids.max to 333"));
        assert_string_equal(fixture_read(f, "pids.max"), "333");
}

static void a_value_that_is_there_already_is_not_written(void **state) {
        struct fixture *f = *state;
        struct outcome o;
        struct run *run = wish_to_intent(f, &o);

        fixture_write(f, "pids.max", "200");
        refused_text = "200";
        go_on(f, &o);
        fixture_until(f, run, CHANGE_PROBATION);
}

/* --- before that --- */

static void a_rollback_during_the_first_look_refuses_the_change(void **state) {
        struct fixture *f = *state;
        struct outcome o;
        struct run *run = wish(f, &o);

        assert_int_equal(engine_undo(&f->control, run, REASON_PERSON, NULL), 1);
        go_on(f, &o);
        assert_refused(f, &o, REASON_PERSON);
}

static void a_container_that_ends_during_the_first_look_makes_it_stale(void **state) {
        struct fixture *f = *state;
        struct outcome o;

        (void)wish(f, &o);
        f->container->alive = false;
        go_on(f, &o);
        assert_int_equal(o.state, CHANGE_STALE);
        assert_int_equal(o.reason, REASON_REPLACED);
        f->container->alive = true;
}

static void a_value_that_changed_during_the_first_look_makes_it_stale(void **state) {
        struct fixture *f = *state;
        struct outcome o;

        (void)wish(f, &o);
        fixture_write(f, "pids.max", "150");
        go_on(f, &o);
        assert_int_equal(o.state, CHANGE_STALE);
        assert_int_equal(o.reason, REASON_STALE);
}

/* --- while a value is written --- */

static struct run *wish_to_write(struct fixture *f, struct outcome *o) {
        struct run *run;

        __atomic_store_n(&write_waits, true, __ATOMIC_SEQ_CST);
        run = wish(f, o);
        while (!__atomic_load_n(&write_is_there, __ATOMIC_SEQ_CST))
                assert_true(sd_event_run(f->control.event, 10 * USEC_PER_MSEC) >= 0);
        return run;
}

static void a_rollback_during_the_write_comes_right_after_it(void **state) {
        struct fixture *f = *state;
        struct outcome o;
        struct run *run = wish_to_write(f, &o);

        assert_int_equal(engine_undo(&f->control, run, REASON_PERSON, NULL), 1);
        go_on(f, &o);
        fixture_until(f, run, CHANGE_ROLLED_BACK);
        assert_int_equal(run->change.reason, REASON_PERSON);
        assert_string_equal(fixture_read(f, "pids.max"), FIXTURE_PIDS);
}

static void a_container_that_ends_during_the_write_ends_the_change(void **state) {
        struct fixture *f = *state;
        struct outcome o;

        (void)wish_to_write(f, &o);
        f->container->alive = false;
        go_on(f, &o);
        assert_int_equal(o.state, CHANGE_LAPSED);
        f->container->alive = true;
}

/* --- a kernel that refuses --- */

static void a_value_that_the_kernel_refuses_goes_back(void **state) {
        struct fixture *f = *state;
        struct outcome o;
        struct run *run;

        refused_text = "200";
        run = wish(f, &o);
        fixture_until(f, run, CHANGE_ROLLED_BACK);
        assert_int_equal(run->change.reason, REASON_WRITE);
        assert_string_equal(fixture_read(f, "pids.max"), FIXTURE_PIDS);
}

static void an_old_value_that_the_kernel_refuses_is_tried_again(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ false);

        refused_text = FIXTURE_PIDS;
        assert_int_equal(engine_undo(&f->control, run, REASON_PERSON, NULL), 1);
        fixture_until(f, run, CHANGE_ROLLBACK_FAILED);
        assert_non_null(strstr(run->text, "the old value cannot be written"));
        assert_int_equal(recover_all(&f->control), 1); /* after some tries of its own */
        refused_text = NULL;
        assert_int_equal(recover_all(&f->control), 0);
        assert_int_equal(run->change.state, CHANGE_ROLLED_BACK);
        assert_string_equal(fixture_read(f, "pids.max"), FIXTURE_PIDS);
}

/* A file with a longer text keeps its end: what is read back is not what was written. */
static void an_old_value_that_is_not_taken_is_tried_again(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ false);

        run->change.changes[0].new.amount = 2000;
        fixture_write(f, "pids.max", "2000");
        assert_int_equal(engine_undo(&f->control, run, REASON_PERSON, NULL), 1);
        fixture_until(f, run, CHANGE_ROLLBACK_FAILED);
        assert_non_null(strstr(run->text, "it did not take the value"));
}

static void another_file_that_cannot_go_back_is_tried_again(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_MEMORY_HIGH, HIGH_NEW, /* end= */ false);

        fixture_write(f, "pids.max", "150");
        run->others = 1ULL << KNOB_PIDS_MAX | 1ULL << KNOB_CPU_WEIGHT;
        run->after.text[KNOB_PIDS_MAX] = strdup("150");
        refused_text = FIXTURE_PIDS;
        assert_int_equal(engine_undo(&f->control, run, REASON_PERSON, NULL), 1);
        fixture_until(f, run, CHANGE_ROLLBACK_FAILED);
        assert_non_null(strstr(run->text, "pids.max: the old value"));
        refused_text = NULL;
        fixture_until(f, run, CHANGE_ROLLED_BACK);
        assert_string_equal(fixture_read(f, "pids.max"), FIXTURE_PIDS);
}

static void what_was_given_up_writes_nothing_more(void **state) {
        struct fixture *f = *state;
        struct change_job j = { .job = { .cancelled = true },
                .step = STEP_APPLY,
                .container = f->container,
                .change = { .changes_count = 1,
                                .changes = { { .knob = KNOB_PIDS_MAX,
                                                .old = { 100, 0 },
                                                .new = { 200, 0 } } } } };

        assert_int_equal(change_job_work(&j.job), -ECANCELED);
        assert_string_equal(fixture_read(f, "pids.max"), FIXTURE_PIDS);
}

static void what_a_container_is_called_stays_with_its_change(void **state) {
        struct fixture *f = *state;
        struct identity *i = calloc(1, sizeof(*i));
        struct outcome o;
        struct run *run;

        assert_non_null(i);
        (void)strcpy(i->environment, "shop/web");
        (void)strcpy(i->template, "node:20");
        f->container->identity = i;
        run = wish(f, &o);
        fixture_until(f, run, CHANGE_PROBATION);
        assert_string_equal(run->environment, "shop/web");
        fixture_crash(f);
        assert_string_equal(f->control.engine.runs->template, "node:20");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, fixture_end)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(a_rollback_before_the_first_write_refuses_the_change),
                TEST(a_pause_before_the_first_write_refuses_the_change),
                TEST(an_observer_that_leaves_before_the_first_write_refuses_the_change),
                TEST(a_container_that_ends_before_the_first_write_ends_the_change),
                TEST(a_value_that_somebody_sets_before_the_first_write_stays),
                TEST(a_value_that_is_there_already_is_not_written),
                TEST(a_rollback_during_the_first_look_refuses_the_change),
                TEST(a_container_that_ends_during_the_first_look_makes_it_stale),
                TEST(a_value_that_changed_during_the_first_look_makes_it_stale),
                TEST(a_rollback_during_the_write_comes_right_after_it),
                TEST(a_container_that_ends_during_the_write_ends_the_change),
                TEST(a_value_that_the_kernel_refuses_goes_back),
                TEST(an_old_value_that_the_kernel_refuses_is_tried_again),
                TEST(an_old_value_that_is_not_taken_is_tried_again),
                TEST(another_file_that_cannot_go_back_is_tried_again),
                TEST(what_was_given_up_writes_nothing_more),
                TEST(what_a_container_is_called_stays_with_its_change),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
