/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk and a kernel that take their time: fdatasync(2) and write(2) are the program's own.
 */
#include "governor/control/guard_input.h"
#include "governor/control/recover.h"
#include "governor/control/steps.h"
#include "tests/unit/control_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>

#include <cmocka.h>

#define HIGH_NEW  943718400ULL
#define HIGH_TEXT "943718400"

static int sync_ms, sync_answer; /* of the disk */
static const char *slow_text;    /* writing this takes over 2 s; NULL: nothing does */
static bool is_reclaiming;

static bool is_taken(struct fixture *f, const struct run *run) {
        uint64_t number;

        return engine_is_taken(&f->control, run->change.cgroup_inode, 0, &number);
}

static void sleep_ms(int ms) {
        uint64_t end = proc_boottime_ns() + (uint64_t)ms * NSEC_PER_MSEC;

        while (proc_boottime_ns() < end) /* a signal shortens no sleep */
                (void)usleep(10000);
}

int fdatasync(int fd) {
        (void)fd;
        sleep_ms(sync_ms);
        errno = sync_answer;
        return sync_answer == 0 ? 0 : -1;
}

ssize_t write(int fd, const void *data, size_t len) {
        if (slow_text && len >= strlen(slow_text) &&
                        memcmp(data, slow_text, strlen(slow_text)) == 0) {
                __atomic_store_n(&is_reclaiming, true, __ATOMIC_SEQ_CST);
                sleep_ms(3500);
                __atomic_store_n(&is_reclaiming, false, __ATOMIC_SEQ_CST);
        }
        return syscall(SYS_write, fd, data, len);
}

static int begin(void **state) {
        sync_ms = sync_answer = 0;
        slow_text = NULL;
        return fixture_begin(state);
}

static struct run *wish(struct fixture *f, enum knob_id id, uint64_t amount) {
        struct proposal p = fixture_wish(f, id, amount);

        f->control.link.heard_ns = proc_boottime_ns();
        assert_int_equal(engine_begin(&f->control, &p, 0, 0, NULL), 0);
        return f->control.engine.runs;
}

static void run_for(struct fixture *f, uint64_t ms) {
        uint64_t end = proc_boottime_ns() + ms * NSEC_PER_MSEC;

        while (proc_boottime_ns() < end) {
                f->control.link.heard_ns = proc_boottime_ns();
                assert_true(sd_event_run(f->control.event, 10 * USEC_PER_MSEC) >= 0);
        }
}

static void what_nobody_waits_for_is_on_the_disk_soon(void **state) {
        struct fixture *f = *state;

        (void)fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ false);
        assert_true(journal_wants_sync(f->control.journal));
        run_for(f, 1500);
        assert_false(journal_wants_sync(f->control.journal));
}

static void a_failing_disk_refuses_changes_until_it_works_again(void **state) {
        struct fixture *f = *state;
        struct run *before = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ true);
        struct guard_answer answer;
        struct proposal wanted;

        sync_answer = EIO;
        (void)wish(f, KNOB_MEMORY_HIGH, HIGH_NEW);
        run_for(f, 500);
        assert_ptr_equal(f->control.engine.runs, before); /* a refused one has no number */
        assert_string_equal(fixture_read(f, "memory.high"), FIXTURE_HIGH);
        assert_int_equal(journal_health(f->control.journal), JOURNAL_FAILING);
        assert_false(control_journal_ok(&f->control));
        wanted = fixture_wish(f, KNOB_MEMORY_HIGH, HIGH_NEW);
        guard_ask(&f->control, f->container, &wanted, &answer);
        assert_int_equal(answer.reason, REASON_JOURNAL);
        assert_int_equal(engine_undo(&f->control, before, REASON_PERSON, NULL), 1);
        fixture_until(f, before, CHANGE_ROLLED_BACK);

        sync_answer = 0;
        run_for(f, 1500);
        assert_int_equal(journal_health(f->control.journal), JOURNAL_OK);
        (void)fixture_apply(f, KNOB_MEMORY_HIGH, HIGH_NEW, /* end= */ false);
}

static void a_slow_disk_keeps_no_rollback_waiting(void **state) {
        struct fixture *f = *state;
        struct run *old = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ true), *run;
        uint64_t from;

        run_for(f, 1500); /* no other sync is under way */
        sync_ms = 2000;
        run = wish(f, KNOB_MEMORY_HIGH, HIGH_NEW);
        fixture_until(f, run, CHANGE_INTENT);
        from = proc_boottime_ns();
        assert_int_equal(engine_undo(&f->control, old, REASON_PERSON, NULL), 1);
        fixture_until(f, old, CHANGE_ROLLED_BACK);
        assert_true(proc_boottime_ns() - from < NSEC_PER_SEC);
        assert_int_equal(run->change.state, CHANGE_INTENT);
        assert_string_equal(fixture_read(f, "memory.high"), FIXTURE_HIGH);
        fixture_until(f, run, CHANGE_PROBATION);
        assert_string_equal(fixture_read(f, "memory.high"), HIGH_TEXT);
}

/* The sync is given up, and comes back all the same. */
static void a_disk_that_does_not_answer_refuses_changes_until_it_does(void **state) {
        struct fixture *f = *state;
        struct durable *d = &f->control.durable;
        struct run *before = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ true), *run;

        run_for(f, 1500);
        sync_ms = 1500;
        run = wish(f, KNOB_MEMORY_HIGH, HIGH_NEW);
        fixture_until(f, run, CHANGE_INTENT);
        __atomic_store_n(&d->job.cancelled, true, __ATOMIC_SEQ_CST); /* as after 30 s */
        d->job.done(&d->job, -ETIMEDOUT);
        assert_true(d->stuck);
        assert_ptr_equal(f->control.engine.runs, before);
        assert_string_equal(fixture_read(f, "memory.high"), FIXTURE_HIGH);
        sync_ms = 0;
        run_for(f, 3000);
        assert_false(d->stuck);
        (void)fixture_apply(f, KNOB_MEMORY_HIGH, HIGH_NEW, /* end= */ false);
}

/* The reserved thread takes it back while the first still hangs; that one's late write goes too. */
static void a_write_that_hangs_is_taken_back(void **state) {
        struct fixture *f = *state;
        struct run *run;

        slow_text = HIGH_TEXT;
        run = wish(f, KNOB_MEMORY_HIGH, HIGH_NEW);
        fixture_until(f, run, CHANGE_ROLLED_BACK);
        assert_true(__atomic_load_n(&is_reclaiming, __ATOMIC_SEQ_CST));
        assert_int_equal(run->change.reason, REASON_SLOW);
        assert_non_null(strstr(run->text, "slow to reclaim"));
        run_for(f, 2500);
        assert_false(__atomic_load_n(&is_reclaiming, __ATOMIC_SEQ_CST));
        assert_int_equal(run->change.state, CHANGE_ROLLED_BACK);
        assert_string_equal(fixture_read(f, "memory.high"), FIXTURE_HIGH);
}

static void a_write_that_hangs_keeps_other_changes_away(void **state) {
        struct fixture *f = *state;
        struct run *run;

        slow_text = HIGH_TEXT;
        run = wish(f, KNOB_MEMORY_HIGH, HIGH_NEW);
        fixture_until(f, run, CHANGE_ROLLED_BACK);
        assert_true(is_taken(f, run));
        run_for(f, 2500);
        assert_false(is_taken(f, run));
}

/* What the late write brings goes back to the older change's value: that is to go after it. */
static void an_older_change_goes_back_after_a_write_that_hangs(void **state) {
        struct fixture *f = *state;
        struct run *old = fixture_apply(f, KNOB_MEMORY_HIGH, 629145600, /* end= */ true), *run;

        slow_text = HIGH_TEXT;
        run = wish(f, KNOB_MEMORY_HIGH, HIGH_NEW);
        fixture_until(f, run, CHANGE_ROLLED_BACK);
        assert_true(__atomic_load_n(&is_reclaiming, __ATOMIC_SEQ_CST));
        assert_int_equal(engine_undo(&f->control, old, REASON_PERSON, NULL), 1);
        assert_int_equal(old->change.state, CHANGE_COMMITTED);
        run_for(f, 2500);
        assert_int_equal(old->change.state, CHANGE_ROLLED_BACK);
        assert_string_equal(fixture_read(f, "memory.high"), FIXTURE_HIGH);
}

static void a_write_that_comes_back_during_the_undo_has_it_look_once_more(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ false);
        struct change_job j = { .step = STEP_UNDO, .change = run->change };

        assert_int_equal(undo_begin(&f->control, run, REASON_PERSON), STEP_UNDO);
        run->again = true;
        assert_int_equal(undo_after(&f->control, run, &j, 0), STEP_UNDO);
        assert_int_equal(undo_after(&f->control, run, &j, 0), STEP_NONE);
        assert_int_equal(run->change.state, CHANGE_ROLLED_BACK);
}

/* The thread may hang for good: what it changes goes back all the same, and the process ends. */
static void an_end_does_not_wait_for_a_write_that_hangs(void **state) {
        struct fixture *f = *state;
        struct run *run;
        uint64_t from;

        slow_text = HIGH_TEXT;
        run = wish(f, KNOB_MEMORY_HIGH, HIGH_NEW);
        while (!__atomic_load_n(&is_reclaiming, __ATOMIC_SEQ_CST))
                run_for(f, 10);
        slow_text = NULL;
        fixture_write(f, "memory.high", HIGH_TEXT); /* the kernel has it first, then reclaims */
        from = proc_boottime_ns();
        assert_false(writers_free(f->control.writers));
        assert_true(proc_boottime_ns() - from < 3 * NSEC_PER_SEC);
        assert_int_equal(recover_all(&f->control), 0);
        assert_int_equal(run->change.state, CHANGE_ROLLED_BACK);
        assert_string_equal(fixture_read(f, "memory.high"), FIXTURE_HIGH);

        while (!writers_free(f->control.writers))
                ;
        f->control.writers = NULL;
}

/* Else it would take every thread, and nobody's rollback would be done. */
static void an_undo_that_hangs_takes_one_thread(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_MEMORY_HIGH, HIGH_NEW, /* end= */ true);

        slow_text = FIXTURE_HIGH;
        assert_int_equal(engine_undo(&f->control, run, REASON_PERSON, NULL), 1);
        fixture_until(f, run, CHANGE_ROLLBACK_FAILED);
        assert_non_null(strstr(run->text, "the write took over 2 s"));
        run_for(f, 700); /* it would try again after 0.1 s, and 0.5 s */
        assert_int_equal(run->jobs, 1);
        assert_int_equal(engine_undo(&f->control, run, REASON_PERSON, NULL), 1);
        assert_int_equal(run->jobs, 1);
        slow_text = NULL;
        run_for(f, 2500);
        assert_int_equal(run->change.state, CHANGE_ROLLED_BACK);
        assert_string_equal(fixture_read(f, "memory.high"), FIXTURE_HIGH);
}

/* The thread of a step that was given up still writes the text of what fails. */
static void a_refusal_says_who_did_not_answer(void **state) {
        struct fixture *f = *state;
        struct run *run = wish(f, KNOB_MEMORY_HIGH, HIGH_NEW);
        struct change_job j = { .step = STEP_PRECHECK, .error = { "half of it" } };

        assert_int_equal(precheck_after(&f->control, run, &j, -ETIMEDOUT), STEP_NONE);
        assert_true(run->orphan);
        assert_string_equal(run->text, "systemd did not answer within 30 s; nothing was changed");
        run_for(f, 200);
}

/* The end of a dtgovd and its start are not to be killed for it, and others are not to wait. */
static void recovery_does_not_wait_for_a_write_that_hangs(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_MEMORY_HIGH, HIGH_NEW, /* end= */ false);
        uint64_t from;

        slow_text = FIXTURE_HIGH;
        from = proc_boottime_ns();
        assert_int_equal(recover_all(&f->control), 1);
        assert_true(proc_boottime_ns() - from < 3300 * NSEC_PER_MSEC);
        assert_int_equal(run->change.state, CHANGE_ROLLBACK_FAILED);
        assert_non_null(f->control.engine.lost);
        assert_true(is_taken(f, run));
        sleep_ms(1500); /* what its thread uses is the fixture's */
        change_job_free((struct change_job *)f->control.engine.lost);
}

/* Nobody writes any more: its end is on record. */
static void what_recovery_ends_after_a_job_was_dropped_is_on_record(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_MEMORY_HIGH, HIGH_NEW, /* end= */ false);

        assert_int_equal(engine_undo(&f->control, run, REASON_PERSON, NULL), 1);
        assert_true(writers_free(f->control.writers));
        f->control.writers = NULL;
        assert_int_equal(run->jobs, 0);
        assert_int_equal(recover_all(&f->control), 0);
        fixture_crash(f);
        assert_int_equal(f->control.engine.runs->change.state, CHANGE_ROLLED_BACK);
}

/* Lowering memory.max below use kills: use is looked at once more, right before the write. */
static void use_that_grew_while_the_intent_was_written_is_not_killed(void **state) {
        struct fixture *f = *state;
        struct run *run;

        fixture_write(f, "memory.max", "943718400");
        fixture_write(f, "memory.high", "max");
        fixture_write(f, "memory.current", "104857600");
        run_for(f, 1500);
        sync_ms = 500;
        run = wish(f, KNOB_MEMORY_MAX, 536870912);
        fixture_until(f, run, CHANGE_INTENT);
        fixture_write(f, "memory.current", "524288000");
        fixture_until(f, run, CHANGE_ROLLED_BACK);
        assert_int_equal(run->change.reason, REASON_HEADROOM);
        assert_string_equal(fixture_read(f, "memory.max"), "943718400");
        assert_non_null(strstr(run->text, "500 MiB"));
}

static void what_somebody_sets_meanwhile_fails_no_change_of_another_file(void **state) {
        struct fixture *f = *state;
        struct run *run;

        run_for(f, 1500);
        sync_ms = 500;
        run = wish(f, KNOB_MEMORY_HIGH, HIGH_NEW);
        fixture_until(f, run, CHANGE_INTENT);
        fixture_write(f, "pids.max", "333");
        fixture_until(f, run, CHANGE_PROBATION);
        assert_string_equal(fixture_read(f, "pids.max"), "333");
        assert_string_equal(fixture_read(f, "memory.high"), HIGH_TEXT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, fixture_end)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(what_nobody_waits_for_is_on_the_disk_soon),
                TEST(a_failing_disk_refuses_changes_until_it_works_again),
                TEST(a_slow_disk_keeps_no_rollback_waiting),
                TEST(a_disk_that_does_not_answer_refuses_changes_until_it_does),
                TEST(a_write_that_hangs_is_taken_back),
                TEST(a_write_that_hangs_keeps_other_changes_away),
                TEST(an_older_change_goes_back_after_a_write_that_hangs),
                TEST(a_write_that_comes_back_during_the_undo_has_it_look_once_more),
                TEST(an_end_does_not_wait_for_a_write_that_hangs),
                TEST(an_undo_that_hangs_takes_one_thread),
                TEST(a_refusal_says_who_did_not_answer),
                TEST(recovery_does_not_wait_for_a_write_that_hangs),
                TEST(what_recovery_ends_after_a_job_was_dropped_is_on_record),
                TEST(what_somebody_sets_meanwhile_fails_no_change_of_another_file),
                TEST(use_that_grew_while_the_intent_was_written_is_not_killed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
