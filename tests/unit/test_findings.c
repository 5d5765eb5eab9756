/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/observer/manager.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/samples.h"

#define RULE RULE_CPU_QUOTA

/* A container that its quota holds back, one sample a second; samples go round. */
struct fixture {
        struct manager m;
        struct target t, *targets[1];
        struct series s;
        uint64_t now_ns;
};

static const struct field throttled[] = {
        { SAMPLE_CPU_USAGE, 7, 1000000 },
        { SAMPLE_CPU_PERIODS, 100, 10 },
        { SAMPLE_CPU_THROTTLED_PERIODS, 50, 10 },
        { SAMPLE_CPU_THROTTLED, 9, 2000000 },
        { SAMPLE_LIMIT_CPU_QUOTA, 100000, 0 },
        { SAMPLE_LIMIT_CPU_PERIOD, 100000, 0 },
};

static int setup(void **state) {
        struct fixture *f = calloc(1, sizeof(*f));

        if (!f)
                return -1;
        f->targets[0] = &f->t;
        f->m.targets = f->targets;
        f->m.targets_count = 1;
        f->m.numbers.dir_fd = -1;
        f->m.proc_fd = -1;
        f->m.host = (struct sizing_host){ GIB, GIB, 16 };
        f->t.manager = &f->m;
        f->t.sampler.dir_fd = -1;
        (void)memcpy(f->t.container.id, "dev", sizeof("dev"));
        series_make(&f->s, SERIES_MAX, throttled, ARRAY_LEN(throttled));
        *state = f;
        return 0;
}

static int teardown(void **state) {
        struct fixture *f = *state;

        free(f->t.entries[RULE]);
        attribution_free(f->t.attribution);
        sample_ring_done(&f->t.ring);
        free(f);
        return 0;
}

/* The samples of seconds @from to @to. The host is as it was. */
static void run(struct fixture *f, size_t from, size_t to) {
        for (size_t i = from; i < to; i++) {
                struct sample before = f->t.sampler.last, *s = &f->s.samples[i];

                for (int k = 0; k < SAMPLE_COUNT; k++)
                        if (s->present >> k & 1) {
                                f->t.sampler.last.value[k] = s->value[k];
                                f->t.sampler.last.present |= 1ULL << k;
                        }
                f->t.sampler.last.boottime_ns = f->m.host_ns = s->boottime_ns;
                assert_int_equal(sample_ring_add(&f->t.ring, s), 0);
                findings_update(&f->m, &f->t, &before, s->boottime_ns);
        }
}

static struct entry *submitted(struct fixture *f, uint64_t reference) {
        struct entry *e = f->t.entries[RULE];

        assert_non_null(e);
        e->submission = SUBMISSION_SENT;
        e->reference = reference;
        return e;
}

static void answer(struct fixture *f, uint64_t reference, uint64_t proposal, enum reason reason) {
        struct link_answer a = { .reference = reference,
                .proposal = proposal,
                .verdict = reason == REASON_NONE ? GUARD_ASK : GUARD_REFUSE,
                .reason = reason };

        findings_answer(&f->m, &a);
}

static void what_is_found_is_submitted_once(void **state) {
        struct fixture *f = *state;

        run(f, 0, 40);
        assert_non_null(f->t.entries[RULE]);
        assert_int_equal(f->t.entries[RULE]->submission, SUBMISSION_PENDING);
        (void)submitted(f, 1);
        answer(f, 1, 7, REASON_NONE);
        run(f, 40, SERIES_MAX);
        assert_int_equal(f->t.entries[RULE]->submission, SUBMISSION_ANSWERED);
        assert_int_equal(f->t.entries[RULE]->proposal_number, 7);
}

static void what_was_refused_is_asked_again_after_a_minute(void **state) {
        struct fixture *f = *state;

        run(f, 0, 40);
        (void)submitted(f, 1);
        answer(f, 1, 0, REASON_BUSY_CHANGE);
        run(f, 40, 90);
        assert_int_equal(f->t.entries[RULE]->submission, SUBMISSION_ANSWERED);
        assert_int_equal(f->t.entries[RULE]->refusal, REASON_BUSY_CHANGE);
        run(f, 90, 102);
        assert_int_equal(f->t.entries[RULE]->submission, SUBMISSION_PENDING);
}

static void what_was_only_tried_is_proposed_again(void **state) {
        struct fixture *f = *state;
        struct change c = {
                .state = CHANGE_ROLLED_BACK, .reason = REASON_PERSON, .rule = RULE, .proposal = 7
        };

        run(f, 0, 40);
        (void)submitted(f, 1);
        answer(f, 1, 7, REASON_NONE);
        findings_change(&f->m, &f->t, &c, f->t.sampler.last.boottime_ns);
        assert_int_equal(f->t.entries[RULE]->submission, SUBMISSION_ANSWERED);
        c.reason = REASON_TRIAL;
        findings_change(&f->m, &f->t, &c, f->t.sampler.last.boottime_ns);
        assert_int_equal(f->t.entries[RULE]->submission, SUBMISSION_PENDING);
}

static void what_a_person_rejected_is_not_asked_again(void **state) {
        struct fixture *f = *state;
        struct change c = { .state = CHANGE_REJECTED, .rule = RULE, .proposal = 7 };

        run(f, 0, 40);
        (void)submitted(f, 1);
        answer(f, 1, 7, REASON_NONE);
        findings_change(&f->m, &f->t, &c, f->t.sampler.last.boottime_ns);
        run(f, 40, SERIES_MAX);
        findings_resubmit(&f->m);
        assert_int_equal(f->t.entries[RULE]->submission, SUBMISSION_ANSWERED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(what_is_found_is_submitted_once),
                TEST(what_was_refused_is_asked_again_after_a_minute),
                TEST(what_was_only_tried_is_proposed_again),
                TEST(what_a_person_rejected_is_not_asked_again),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
