/* SPDX-License-Identifier: Apache-2.0 */
/* dtgovd's end of the link: what it tells an observer, and what it takes from it. */
#include "tests/unit/link_fixture.h"

/* --- hello --- */

static void an_observer_that_says_hello_is_told_of_each_container(void **state) {
        struct fixture *f = *state;
        union link_message message;
        size_t fds = 0;

        fixture_write(f, "cpu.pressure", ""); /* takes any trigger */
        connect_anew(f, -1, geteuid());
        assert_false(control_observer_present(&f->control));
        say_hello(f, LINK_VERSION);
        assert_true(hear(f, LINK_HELLO, &message, NULL));
        assert_int_equal(message.hello.version, LINK_VERSION);
        assert_true(control_observer_present(&f->control));
        connect_anew(f, -1, geteuid());
        say_hello(f, LINK_VERSION);
        assert_true(hear(f, LINK_CONTAINER, &message, &fds));
        assert_string_equal(message.container.container.id, "c1");
        assert_int_equal(fds, 1 + (size_t)__builtin_popcount(message.container.ladder_mask));
        assert_int_equal(message.container.ladder_mask & 7, 7);
}

static void a_container_that_is_only_observed_comes_without_triggers(void **state) {
        struct fixture *f = *state;
        union link_message message;
        size_t fds = 0;

        fixture_write(f, "cpu.pressure", "");
        f->container->flags |= CONTAINER_OBSERVED_ONLY;
        connect_anew(f, -1, geteuid());
        say_hello(f, LINK_VERSION);
        assert_true(hear(f, LINK_CONTAINER, &message, &fds));
        assert_int_equal(fds, 1);
}

static void without_pressure_a_container_comes_without_triggers(void **state) {
        struct fixture *f = *state;
        union link_message message;
        size_t fds = 0;

        fixture_write(f, "cpu.pressure", "");
        f->control.psi_available = false;
        connect_anew(f, -1, geteuid());
        say_hello(f, LINK_VERSION);
        assert_true(hear(f, LINK_CONTAINER, &message, &fds));
        assert_int_equal(fds, 1);
}

static void another_version_is_no_observer(void **state) {
        struct fixture *f = *state;

        connect_anew(f, -1, geteuid());
        say_hello(f, LINK_VERSION + 1);
        assert_true(is_lost(f));
}

static void whoever_begins_without_a_hello_is_no_observer(void **state) {
        struct fixture *f = *state;
        struct link_alive alive = { .boottime_ns = 1 };

        connect_anew(f, -1, geteuid());
        say(f, LINK_ALIVE, &alive);
        assert_true(is_lost(f));
}

/* --- proposals --- */

static struct link_answer submit(struct fixture *f, const struct proposal *p) {
        struct link_submit message = { .reference = 77, .proposal = *p };
        union link_message answer;

        say(f, LINK_SUBMIT, &message);
        assert_true(hear(f, LINK_ANSWER, &answer, NULL));
        assert_int_equal(answer.answer.reference, 77);
        return answer.answer;
}

static void a_proposal_is_answered_with_its_number(void **state) {
        struct fixture *f = *state;
        struct proposal p = fixture_wish(f, KNOB_PIDS_MAX, 200);
        struct link_answer answer;

        p.rule = RULE_PIDS_LIMIT;
        answer = submit(f, &p);
        assert_int_equal(answer.verdict, GUARD_ASK);
        assert_non_null(proposals_find(&f->control.proposals, answer.proposal));
}

static void only_a_person_speaks_for_a_person(void **state) {
        static const uint32_t rules_none[] = { RULE_PERSON, RULE_COUNT };
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(rules_none); i++) {
                struct proposal p = fixture_wish(f, KNOB_PIDS_MAX, 200);
                struct link_answer answer;

                p.rule = rules_none[i];
                answer = submit(f, &p);
                assert_int_equal(answer.verdict, GUARD_REFUSE);
                assert_int_equal(answer.reason, REASON_PARSE);
                assert_int_equal(answer.proposal, 0);
        }
        assert_false(is_lost(f));
}

static void a_proposal_for_a_container_that_is_not_here_is_refused(void **state) {
        struct fixture *f = *state;
        struct proposal p = fixture_wish(f, KNOB_PIDS_MAX, 200);

        p.rule = RULE_PIDS_LIMIT;
        (void)strcpy(p.container_id, "c2");
        assert_int_equal(submit(f, &p).reason, REASON_REPLACED);
        p.cgroup_inode++;
        assert_int_equal(submit(f, &p).reason, REASON_REPLACED);
}

static void a_refusal_of_the_guard_is_passed_on(void **state) {
        struct fixture *f = *state;
        struct proposal p = fixture_wish(f, KNOB_PIDS_MAX, 100);
        struct link_answer answer;

        p.rule = RULE_PIDS_LIMIT;
        answer = submit(f, &p);
        assert_int_equal(answer.reason, REASON_NO_CHANGE);
        assert_non_null(strstr(answer.text, "already so"));
}

static void too_many_proposals_are_a_matter_of_rate(void **state) {
        struct fixture *f = *state;
        struct proposal p = fixture_wish(f, KNOB_PIDS_MAX, 200);

        for (size_t i = 0; i < PROPOSALS_MAX; i++) {
                f->control.proposals.held[i].proposal = fixture_wish(f, KNOB_PIDS_MAX, 200);
                f->control.proposals.held[i].proposal.expires_boottime_ns = UINT64_MAX;
        }
        p.rule = RULE_PIDS_LIMIT;
        assert_int_equal(submit(f, &p).reason, REASON_RATE);
}

/* --- verdicts --- */

static void a_verdict_brings_what_was_measured(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ false);
        struct link_verdict v = { .change = 1,
                .verdict = VERDICT_BETTER,
                .before_usec_per_min = 5000,
                .after_usec_per_min = 61 * USEC_PER_SEC };

        say(f, LINK_VERDICT, &v);
        assert_int_equal(run->change.proven, 1);
        assert_int_equal(run->change.effect.before_usec_per_min, 5000);
        assert_int_equal(run->change.effect.after_usec_per_min, LOST_UNKNOWN); /* nobody can */
        v.change = 99;
        say(f, LINK_VERDICT, &v);
        assert_false(is_lost(f));
}

static void what_got_worse_is_said(void **state) {
        static const uint32_t causes[] = { 1, 0, LOSS_COUNT + 1 };
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(causes); i++) {
                struct run *run = fixture_apply(f, KNOB_PIDS_MAX, 200 + i, /* end= */ false);
                struct link_verdict v = {
                        .change = run->change.number, .verdict = VERDICT_WORSE, .cause = causes[i]
                };

                say(f, LINK_VERDICT, &v);
                fixture_until(f, run, CHANGE_ROLLED_BACK);
                assert_string_equal(
                                run->text, causes[i] == 1 ? loss_texts[0]
                                                          : reasons[REASON_OBSERVER_ASKED].text);
        }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_begin, fixture_end)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(an_observer_that_says_hello_is_told_of_each_container),
                TEST(a_container_that_is_only_observed_comes_without_triggers),
                TEST(another_version_is_no_observer),
                TEST(whoever_begins_without_a_hello_is_no_observer),
                TEST(a_proposal_is_answered_with_its_number),
                TEST(only_a_person_speaks_for_a_person),
                TEST(a_proposal_for_a_container_that_is_not_here_is_refused),
                TEST(a_refusal_of_the_guard_is_passed_on),
                TEST(too_many_proposals_are_a_matter_of_rate),
                TEST(a_verdict_brings_what_was_measured),
                TEST(what_got_worse_is_said),
                TEST(without_pressure_a_container_comes_without_triggers),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
