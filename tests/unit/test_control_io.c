/* SPDX-License-Identifier: Apache-2.0 */
/* Limits of io, from a person's wish to its rollback. */
#include "governor/control/proposals.h"
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_begin, fixture_end)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(a_weight_is_refused_where_nothing_weighs_io),
                TEST(a_weight_is_one_of_both_controllers_where_both_have_a_file),
                TEST(without_io_weight_it_is_one_of_bfq_alone),
                TEST(a_rollback_restores_the_default_and_no_other_line),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
