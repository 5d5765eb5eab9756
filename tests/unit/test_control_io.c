/* SPDX-License-Identifier: Apache-2.0 */
/* Limits of io, from a person's wish to its rollback. */
#include "governor/control/proposals.h"
#include "governor/control/recover.h"
#include "governor/control/steps.h"
#include "tests/unit/control_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static void write_root(struct fixture *f, const char *file, const char *text) {
        char path[128];
        FILE *stream;

        (void)snprintf(path, sizeof(path), "%s/cg/%s", f->dir, file);
        stream = fopen(path, "we");
        assert_non_null(stream);
        (void)fputs(text, stream);
        (void)fclose(stream);
}

static void use_iocost(struct fixture *f) {
        fixture_write(f, "io.stat", "8:0 rbytes=1 wbytes=1\n");
        write_root(f, "io.cost.qos", "8:0 enable=1 ctrl=auto\n");
}

/* As Propose does. */
static struct guard_answer submit(struct fixture *f, struct proposal *p) {
        struct guard_answer answer;

        f->control.link.heard_ns = proc_boottime_ns();
        assert_int_equal(proposals_submit(&f->control, f->container, p, /* dry_run= */ true,
                                         &answer),
                        0);
        return answer;
}

static struct proposal want_weight(uint64_t weight) {
        return (struct proposal){ .rule = RULE_PERSON,
                .changes_count = 1,
                .changes = { { .knob = KNOB_IO_WEIGHT, .new = { .amount = weight } } } };
}

static void a_weight_is_refused_where_nothing_weighs_io(void **state) {
        struct fixture *f = *state;
        struct proposal p = want_weight(200);
        struct guard_answer answer;

        fixture_write(f, "io.weight", "default 100\n");
        fixture_write(f, "io.stat", "8:0 rbytes=1 wbytes=1\n");
        answer = submit(f, &p);
        assert_int_equal(answer.verdict, GUARD_REFUSE);
        assert_int_equal(answer.reason, REASON_NO_WEIGHING);
        assert_non_null(strstr(answer.text, "active on 8:0"));
        use_iocost(f);
        assert_int_equal(submit(f, &p).verdict, GUARD_ASK);
}

static void a_weight_is_one_of_both_controllers_where_both_have_a_file(void **state) {
        struct fixture *f = *state;
        struct proposal p = want_weight(1200);

        use_iocost(f);
        fixture_write(f, "io.weight", "default 100\n");
        fixture_write(f, "io.bfq.weight", "default 100\n");
        assert_int_equal(submit(f, &p).verdict, GUARD_ASK);
        assert_int_equal(p.changes_count, 2);
        assert_int_equal(p.changes[1].knob, KNOB_IO_BFQ_WEIGHT);
        assert_int_equal(p.changes[1].old.amount, 100);
        assert_int_equal(p.changes[1].new.amount, 200);
}

static void without_io_weight_it_is_one_of_bfq_alone(void **state) {
        struct fixture *f = *state;
        struct proposal p = want_weight(1200);

        use_iocost(f);
        fixture_write(f, "io.bfq.weight", "default 100\n");
        assert_int_equal(submit(f, &p).reason, REASON_NO_WEIGHING);
        assert_int_equal(p.changes_count, 1);
        assert_int_equal(p.changes[0].knob, KNOB_IO_BFQ_WEIGHT);
        assert_int_equal(p.changes[0].new.amount, 200);
}

static void a_rollback_restores_the_default_and_no_other_line(void **state) {
        struct fixture *f = *state;
        struct run *run;

        use_iocost(f);
        fixture_write(f, "io.weight", "default 100\n8:0 50\n");
        run = fixture_apply(f, KNOB_IO_WEIGHT, 200, /* end= */ true);
        assert_string_equal(fixture_read(f, "io.weight"), "default 200\n8:0 50\n");
        fixture_write(f, "io.weight", "default 200\n8:0 70\n"); /* by somebody else */
        assert_int_equal(engine_undo(&f->control, run, REASON_PERSON, NULL), 1);
        fixture_until(f, run, CHANGE_ROLLED_BACK);
        assert_string_equal(fixture_read(f, "io.weight"), "default 100\n8:0 70\n");
}

/*
 * Four limits of one disk and one of another. A plain file takes a write at its beginning, as long
 * as what is there: the kernel's own order does not matter to who reads by key.
 */
#define IO_MAX(wbps, rbps) "8:0 wbps=" wbps " rbps=" rbps " riops=5 wiops=max\n8:16 rbps=7 wbps=8\n"

static const uint64_t sda_wbps = 8ULL << 34 | IO_WBPS;

/* The rule's evidence says for whom; the observer is told with the change. */
static void a_brake_carries_its_victim_and_no_other_change_does(void **state) {
        struct fixture *f = *state;
        struct proposal p = { .number = 78,
                .rule = RULE_IO_BRAKE,
                .changes_count = 1,
                .cgroup_inode = f->container->container.cgroup_inode,
                .container_id = "c1",
                .changes = { { .knob = KNOB_IO_MAX,
                                .old = { .amount = KNOB_MAX, .key = sda_wbps },
                                .new = { .amount = MIB, .key = sda_wbps } } } };

        p.evidence[EVIDENCE_BRAKE_VICTIM] = 4711;
        assert_int_equal(engine_begin(&f->control, &p, 1000, 0, NULL), 0);
        assert_int_equal(f->control.engine.runs->change.victim, 4711);
        p.number++;
        p.rule = RULE_MEMORY_LIMIT;
        assert_int_equal(engine_begin(&f->control, &p, 1000, 0, NULL), 0);
        assert_int_equal(f->control.engine.runs->change.victim, 0);
}

static struct run *cap_writes(struct fixture *f) {
        struct proposal p = { .number = 77,
                .rule = RULE_PERSON,
                .changes_count = 1,
                .cgroup_inode = f->container->container.cgroup_inode,
                .container_id = "c1",
                .changes = { { .knob = KNOB_IO_MAX,
                                .old = { .amount = 2 * MIB, .key = sda_wbps },
                                .new = { .amount = MIB, .key = sda_wbps } } } };
        char path[128];

        (void)snprintf(path, sizeof(path), "%s/sys/dev", f->dir);
        assert_int_equal(mkdir(path, 0700), 0);
        (void)snprintf(path, sizeof(path), "%s/sys/dev/block", f->dir);
        assert_int_equal(mkdir(path, 0700), 0);
        (void)snprintf(path, sizeof(path), "%s/sys/dev/block/8:0", f->dir);
        assert_int_equal(mkdir(path, 0700), 0);
        fixture_write(f, "io.max", IO_MAX("2097152", "max"));
        f->control.link.heard_ns = proc_boottime_ns();
        assert_int_equal(engine_begin(&f->control, &p, 0, 0, NULL), 0);
        fixture_until(f, f->control.engine.runs, CHANGE_PROBATION);
        assert_string_equal(fixture_read(f, "io.max"), IO_MAX("1048576", "max"));
        return f->control.engine.runs;
}

static void a_limit_of_a_disk_is_set_and_taken_back(void **state) {
        struct fixture *f = *state;
        struct run *run = cap_writes(f);

        assert_int_equal(engine_undo(&f->control, run, REASON_PERSON, NULL), 1);
        fixture_until(f, run, CHANGE_ROLLED_BACK);
        assert_string_equal(fixture_read(f, "io.max"), IO_MAX("2097152", "max"));
}

static void what_somebody_else_sets_beside_it_is_no_drift_and_stays(void **state) {
        struct fixture *f = *state;
        struct run *run = cap_writes(f);

        fixture_write(f, "io.max", IO_MAX("1048576", "777"));
        run->drift_ns = 0;
        watch_look(&f->control, run, proc_boottime_ns());
        assert_int_equal(run->change.state, CHANGE_PROBATION);
        assert_int_equal(engine_undo(&f->control, run, REASON_PERSON, NULL), 1);
        fixture_until(f, run, CHANGE_ROLLED_BACK);
        assert_string_equal(fixture_read(f, "io.max"), IO_MAX("2097152", "777"));
}

static void the_same_limit_that_somebody_else_set_is_theirs(void **state) {
        struct fixture *f = *state;
        struct run *run = cap_writes(f);

        fixture_write(f, "io.max", IO_MAX("9999999", "max"));
        assert_int_equal(engine_undo(&f->control, run, REASON_PERSON, NULL), 1);
        fixture_until(f, run, CHANGE_CONFLICT);
        assert_string_equal(fixture_read(f, "io.max"), IO_MAX("9999999", "max"));
        assert_non_null(strstr(run->text, "somebody else set io.max to 8:0 wbps=9999999"));
}

static void after_a_crash_the_limit_goes_back(void **state) {
        struct fixture *f = *state;
        struct run *run;

        (void)cap_writes(f);
        fixture_crash(f);
        run = f->control.engine.runs;
        assert_non_null(run);
        assert_int_equal(run->change.changes[0].new.key, sda_wbps);
        (void)recover_all(&f->control);
        assert_int_equal(run->change.state, CHANGE_ROLLED_BACK);
        assert_string_equal(fixture_read(f, "io.max"), IO_MAX("2097152", "max"));
}

/* Of the same disk, too: neither has to be taken back first. */
static void changes_of_different_limits_do_not_share_a_knob(void **state) {
        struct fixture *f = *state;
        struct run *run = cap_writes(f);
        struct change older = run->change;
        struct run before = { .change = older };

        before.change.changes[0].new.key = io_key(8, 0, IO_RBPS);
        before.next = NULL;
        run->next = &before;
        assert_null(engine_newer(&f->control, &before));
        before.change.changes[0].new.key = sda_wbps;
        assert_ptr_equal(engine_newer(&f->control, &before), run);
        run->next = NULL;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_begin, fixture_end)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(a_weight_is_refused_where_nothing_weighs_io),
                TEST(a_weight_is_one_of_both_controllers_where_both_have_a_file),
                TEST(without_io_weight_it_is_one_of_bfq_alone),
                TEST(a_rollback_restores_the_default_and_no_other_line),
                TEST(a_limit_of_a_disk_is_set_and_taken_back),
                TEST(what_somebody_else_sets_beside_it_is_no_drift_and_stays),
                TEST(the_same_limit_that_somebody_else_set_is_theirs),
                TEST(after_a_crash_the_limit_goes_back),
                TEST(changes_of_different_limits_do_not_share_a_knob),
                TEST(a_brake_carries_its_victim_and_no_other_change_does),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
