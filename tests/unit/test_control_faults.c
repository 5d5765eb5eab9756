/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steps of a change, recovery, scans and the guard of which one system call or one allocation
 * fails, each in a run of its own: what was written is old or new, what could not be looked at is
 * looked at again, and nothing is allowed for want of a number.
 */
#include "tests/unit/short_calls.h"
#include "tests/unit/short_memory.h"

#include "governor/control/guard_input.h"
#include "governor/control/recover.h"
#include "governor/control/steps.h"
#include "tests/unit/owner_fixture.h"

#define POINTS_MAX 2000 /* more calls than any of these has */
#define MAX_OLD    "536870912"
#define MAX_NEW    "943718400"
#define PIDS_NEW   "200"

/* The first two say nothing of what is there. */
static const int errors[] = { EIO, EMFILE, ENOENT, ENODEV };

/* memory.max and pids.max up, on probation, newest. */
static struct run *add_raise(struct fixture *f) {
        static uint64_t number = 100;
        struct run *run = fixture_add(f, number++, CHANGE_PROBATION);
        struct change *x = &run->change;

        x->changes_count = 2;
        x->changes[0] = (struct knob_change){
                .knob = KNOB_MEMORY_MAX, .old = { 536870912, 0 }, .new = { HIGH_NEW, 0 }
        };
        x->changes[1] = (struct knob_change){
                .knob = KNOB_PIDS_MAX, .old = { 100, 0 }, .new = { 200, 0 }
        };
        x->owner = owner.path ? OWNER_SYSTEMD : OWNER_PLAIN;
        x->scope_mask = owner.path && strcmp(owner.path, "/x.scope") == 0 ? 3 : 0;
        return run;
}

static void write_values(struct fixture *f, bool new) {
        fixture_write(f, "memory.high", "max");
        fixture_write(f, "memory.max", new ? MAX_NEW : MAX_OLD);
        fixture_write(f, "pids.max", new ? PIDS_NEW : FIXTURE_PIDS);
}

static void assert_values(struct fixture *f, bool old, bool new) {
        const char *text = fixture_read(f, "memory.max");

        assert_true((old && strcmp(text, MAX_OLD) == 0) || (new &&strcmp(text, MAX_NEW) == 0));
        text = fixture_read(f, "pids.max");
        assert_true((old && strcmp(text, FIXTURE_PIDS) == 0) ||
                        (new &&strcmp(text, PIDS_NEW) == 0));
}

static int do_step(struct fixture *f, struct run *run, enum change_step step, bool memory,
                int point, bool *ret_failed) {
        struct change_job *j = run_job(&f->control, run, step);
        int r;

        assert_non_null(j);
        *(memory ? &memory_left : &calls_left) = point;
        r = change_job_work(&j->job);
        *ret_failed = memory ? memory_failed() : calls_failed();
        change_job_free(j);
        return r;
}

/* Of which, after so many, a call fails; then it is taken back with none that does. */
static void each_point_of(struct fixture *f, enum change_step step, bool memory) {
        struct run *run = add_raise(f);
        bool failed = true, ignored;
        int point = 0;

        for (; failed && point < POINTS_MAX; point++) {
                int r;

                write_values(f, step == STEP_UNDO || step == STEP_TELL);
                r = do_step(f, run, step, memory, point, &failed);
                if (step == STEP_PRECHECK)
                        assert_values(f, true, false);
                else if (r < 0)
                        assert_values(f, true, true);
                else
                        assert_values(f, step == STEP_UNDO, step != STEP_UNDO);
                assert_int_equal(do_step(f, run, STEP_UNDO, memory, -1, &ignored), 0);
                assert_values(f, true, false);
        }
        assert_true(memory || point > 1);
        assert_true(point < POINTS_MAX);
}

static void each_step(struct fixture *f, bool memory) {
        static const enum change_step steps[] = { STEP_PRECHECK, STEP_APPLY, STEP_TELL, STEP_UNDO };

        for (size_t i = 0; i < ARRAY_LEN(steps); i++)
                each_point_of(f, steps[i], memory);
}

static void a_step_of_which_a_call_fails_leaves_each_file_old_or_new(void **state) {
        for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
                calls_error = errors[i];
                each_step(*state, /* memory= */ false);
        }
}

static void a_step_short_of_memory_leaves_each_file_old_or_new(void **state) {
        if (!SHORT_MEMORY) {
                print_message("%s", NO_SHORT_MEMORY);
                skip();
        }
        each_step(*state, /* memory= */ true);
}

static void writers_short_of_memory_are_none(void **state) {
        struct fixture *f = *state;
        bool failed = true;
        int point = 0;

        if (!SHORT_MEMORY) {
                print_message("%s", NO_SHORT_MEMORY);
                skip();
        }
        for (; failed && point < POINTS_MAX; point++) {
                struct writers *w = NULL;
                int r;

                memory_left = point;
                r = writers_new(&w, f->control.event);
                failed = memory_failed();
                assert_int_equal(r, failed ? -ENOMEM : 0);
                assert_true((w == NULL) == failed);
                assert_true(writers_free(w));
        }
        assert_true(point > 1 && point < POINTS_MAX);
}

/* --- recovery --- */

static void recovery_of_which_a_call_fails_is_done_by_itself_or_the_next_one(void **state) {
        struct fixture *f = *state;
        bool failed = true;
        int point = 0;

        owner.path = NULL;
        for (; failed && point < POINTS_MAX; point++) {
                struct run *run = add_raise(f);
                unsigned left;

                write_values(f, /* new= */ true);
                calls_error = errors[point % 2];
                calls_left = point;
                left = recover_all(&f->control);
                failed = calls_failed();
                if (left > 0)
                        assert_int_equal(recover_all(&f->control), 0);
                assert_values(f, true, false);
                assert_int_equal(run->change.state, CHANGE_ROLLED_BACK);
        }
        assert_true(point > 1 && point < POINTS_MAX);
}

/* --- scans --- */

/* One that a hook told of, one that a scan adopts, and one of which only its change is known. */
static void make_others(struct fixture *f) {
        char name[160] = "../docker-", file[200];
        struct stat st;
        struct run *run;

        (void)memset(name + strlen(name), 'a', 64);
        (void)strcat(name, ".scope");
        assert_int_equal(mkdirat(f->container->dir_fd, name, 0700), 0);
        (void)snprintf(file, sizeof(file), "%s/cgroup.events", name);
        fixture_write(f, file, "populated 1\n");
        assert_int_equal(mkdirat(f->container->dir_fd, "../lost", 0700), 0);
        fixture_write(f, "../lost/cgroup.events", "populated 1\n");
        assert_int_equal(fstatat(f->container->dir_fd, "../lost", &st, 0), 0);
        run = add_raise(f);
        run->change.cgroup_inode = st.st_ino;
        (void)strcpy(run->change.container_id, "lost");
        container_unref(TAKE(run->container));
}

static void forget_all(struct fixture *f) {
        containers_done(&f->control);
        f->control.containers = (struct containers){ 0 };
        for (struct run *run = f->control.engine.runs; run; run = run->next)
                if (run->container)
                        container_unref(TAKE(run->container));
}

static void a_scan_of_which_a_call_fails_loses_no_container(void **state) {
        struct fixture *f = *state;
        struct control *c = &f->control;

        owner.path = NULL;
        make_others(f);
        for (size_t i = 0; i < 2; i++) { /* what is not there is not lost */
                bool failed = true;
                int point = 0;

                for (; failed && point < POINTS_MAX; point++) {
                        forget_all(f);
                        calls_error = errors[i];
                        calls_left = point;
                        containers_scan(c);
                        failed = calls_failed();
                        if (c->containers.count < 3) {
                                if (!c->containers.unsure)
                                        fail_msg("lost at %d with %d", point, calls_error);
                                containers_scan(c);
                        }
                        assert_int_equal(c->containers.count, 3);
                }
                assert_true(point > 1 && point < POINTS_MAX);
        }
        f->container = container_find(c, "c1", 0);
}

/* --- the guard --- */

static void a_number_that_cannot_be_read_makes_no_lowering_harmless(void **state) {
        struct fixture *f = *state;
        struct proposal p;
        struct guard_answer answer;
        bool failed = true;
        int point = 0;

        fixture_write(f, "memory.max", MAX_NEW);
        fixture_write(f, "memory.current", "800000000");
        f->control.config.guard.lower_memory_max = true;
        p = fixture_wish(f, KNOB_MEMORY_MAX, 536870912);
        for (; failed && point < POINTS_MAX; point++) {
                calls_left = point;
                guard_ask(&f->control, f->container, &p, &answer);
                failed = calls_failed();
                assert_int_equal(answer.verdict, GUARD_REFUSE);
        }
        assert_true(point > 1 && point < POINTS_MAX);
}

#define TEST(name)  cmocka_unit_test_setup_teardown(name, begin, fixture_end)
#define SCOPE(name) cmocka_unit_test_setup_teardown(name, begin_scope, fixture_end)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(a_step_of_which_a_call_fails_leaves_each_file_old_or_new),
                SCOPE(a_step_of_which_a_call_fails_leaves_each_file_old_or_new),
                TEST(a_step_short_of_memory_leaves_each_file_old_or_new),
                SCOPE(a_step_short_of_memory_leaves_each_file_old_or_new),
                TEST(writers_short_of_memory_are_none),
                TEST(recovery_of_which_a_call_fails_is_done_by_itself_or_the_next_one),
                TEST(a_scan_of_which_a_call_fails_loses_no_container),
                TEST(a_number_that_cannot_be_read_makes_no_lowering_harmless),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
