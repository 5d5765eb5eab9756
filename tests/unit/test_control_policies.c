/* SPDX-License-Identifier: Apache-2.0 */
/* What dtgovd does without a person, and what it leaves to one. */
#include "governor/control/policies.h"
#include "governor/control/steps.h"
#include "tests/unit/control_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* "auto" for at most @pids_max tasks of containers that are called @environment. */
static struct policy *set_policy(struct fixture *f, const char *environment, uint64_t pids_max) {
        struct policies *all = &f->control.config.policies;
        struct policy *p = &all->list[all->count++];

        *p = (struct policy){ .number = (unsigned)all->count,
                .rules = ~0U,
                .mode = POLICY_AUTO,
                .at_most = { { KNOB_PIDS_MAX, { .amount = pids_max } } },
                .at_most_count = 1,
                .probation_sec = 1 };
        (void)strcpy(p->environment, environment);
        f->control.probation_ns = 0;
        return p;
}

/* A rule's proposal, submitted as the observer's are. */
static struct held *submit(struct fixture *f, uint64_t pids_max) {
        struct proposal p = fixture_wish(f, KNOB_PIDS_MAX, pids_max);
        struct guard_answer answer;

        p.rule = RULE_PIDS_LIMIT;
        f->control.link.heard_ns = proc_boottime_ns();
        assert_int_equal(proposals_submit(&f->control, f->container, &p, false, &answer), 0);
        return answer.verdict == GUARD_REFUSE ? NULL
                                              : proposals_find(&f->control.proposals, p.number);
}

static void look(struct fixture *f) {
        f->control.proposals.policies_ns = 0;
        f->control.link.heard_ns = proc_boottime_ns();
        policies_look(&f->control, proc_boottime_ns());
}

/* The change that a policy has just made of it, on probation. */
static struct run *acts(struct fixture *f, const struct held *h) {
        struct run *run = f->control.engine.runs;

        assert_non_null(h);
        assert_int_equal(h->state, HELD_APPROVED);
        assert_non_null(run);
        assert_int_equal(run->change.proposal, h->proposal.number);
        fixture_until(f, run, CHANGE_PROBATION);
        return run;
}

static void assert_waits(const struct held *h, const char *part) {
        assert_non_null(h);
        assert_int_equal(h->state, HELD_PENDING);
        if (!strstr(h->answer.text, part))
                fail_msg("'%s' lacks '%s'", h->answer.text, part);
}

static void without_policies_nothing_is_done_alone(void **state) {
        struct fixture *f = *state;
        struct held *h = submit(f, 200);

        look(f);
        assert_waits(h, "");
        assert_null(f->control.engine.runs);
}

static void what_a_policy_allows_is_written_and_proven(void **state) {
        struct fixture *f = *state;
        struct held *h;
        struct run *run;

        (void)set_policy(f, "", 200);
        h = submit(f, 200);
        run = acts(f, h);
        assert_string_equal(fixture_read(f, "pids.max"), "200");
        assert_int_equal(h->change, run->change.number);
        assert_true(change_by_policy(&run->change));
        assert_non_null(strstr(run->text,
                        "taken back unless it is seen to help; to keep it: dtgov keep C"));
        engine_verdict(&f->control, run->change.number, VERDICT_BETTER, 0, NULL);
        fixture_until(f, run, CHANGE_COMMITTED);
        assert_int_equal(run->change.reason, REASON_PROVEN);
        assert_true(run->change.ended_boottime_ns - run->change.applied_boottime_ns <
                        5 * NSEC_PER_SEC); /* its policy's time, not its rule's minute */
}

static void what_a_policy_did_and_nobody_saw_help_is_taken_back(void **state) {
        struct fixture *f = *state;
        struct run *run;

        (void)set_policy(f, "", 200);
        run = acts(f, submit(f, 200));
        fixture_until(f, run, CHANGE_ROLLED_BACK);
        assert_int_equal(run->change.reason, REASON_NO_EVIDENCE);
        assert_string_equal(fixture_read(f, "pids.max"), FIXTURE_PIDS);
}

static void the_journal_knows_that_a_policy_approved_it(void **state) {
        struct fixture *f = *state;

        set_policy(f, "", 200)->probation_sec = 60;
        (void)acts(f, submit(f, 200));
        fixture_crash(f);
        assert_true(change_by_policy(&f->control.engine.runs->change));
}

static void what_goes_further_than_the_policy_waits_for_a_person(void **state) {
        struct fixture *f = *state;
        struct proposal p;
        struct held *h;

        (void)set_policy(f, "", 150);
        h = submit(f, 200);
        look(f);
        assert_waits(h, "policy 1 goes to 150 of pids.max at most");
        p = h->proposal;
        assert_int_equal(engine_begin(&f->control, &p, 0, 0, NULL), 0);
        fixture_until(f, f->control.engine.runs, CHANGE_PROBATION);
        assert_false(change_by_policy(&f->control.engine.runs->change));
}

static void a_rule_that_is_off_is_refused_to_the_observer(void **state) {
        struct fixture *f = *state;

        set_policy(f, "", 200)->mode = POLICY_OFF;
        assert_null(submit(f, 200));
}

static void name(struct fixture *f, const char *environment) {
        struct identity *identity = calloc(1, sizeof(*identity));

        assert_non_null(identity);
        identity_default(&f->container->container, identity);
        identity->status = IDENTITY_FOUND;
        identity->environment_rule = ENVIRONMENT_NAME;
        (void)strcpy(identity->environment, environment);
        free(f->container->identity);
        f->container->identity = identity;
}

static void what_has_its_name_later_is_looked_at_again(void **state) {
        struct fixture *f = *state;
        struct held *h;

        (void)set_policy(f, "shop/*", 200);
        h = submit(f, 200);
        look(f);
        assert_waits(h, "");
        name(f, "shop/web");
        look(f);
        (void)acts(f, h);
}

static void what_is_off_by_its_name_is_withdrawn(void **state) {
        struct fixture *f = *state;
        struct held *h;

        set_policy(f, "prod-*", 200)->mode = POLICY_OFF;
        h = submit(f, 200);
        name(f, "prod-1");
        look(f);
        assert_int_equal(h->state, HELD_REFUSED);
        assert_non_null(strstr(h->text, "policy 1 of dtgov.json has this rule off here"));
}

static void nothing_is_done_in_a_pause_and_all_of_it_after(void **state) {
        struct fixture *f = *state;
        struct held *h;

        (void)set_policy(f, "", 200);
        f->control.paused = true;
        h = submit(f, 200);
        assert_waits(h, "policy 1 waits until dtgov resume");
        look(f);
        assert_waits(h, "policy 1 waits");
        f->control.paused = false;
        look(f);
        (void)acts(f, h);
}

static void what_comes_to_nothing_is_left_to_a_person_for_a_while(void **state) {
        struct fixture *f = *state;
        struct held *h;

        (void)set_policy(f, "", 200);
        h = submit(f, 200);
        f->control.paused = true; /* before precheck */
        for (int i = 0; i < 100 && h->state == HELD_APPROVED; i++)
                (void)sd_event_run(f->control.event, 100 * USEC_PER_MSEC);
        f->control.paused = false;
        look(f);
        assert_waits(h, "");
        assert_null(f->control.engine.runs);
        h->policy_ns -= POLICIES_RETRY_NS;
        look(f);
        (void)acts(f, h);
}

static void what_a_person_set_is_left_to_a_person(void **state) {
        struct fixture *f = *state;

        (void)fixture_apply(f, KNOB_PIDS_MAX, 150, /* end= */ true);
        (void)set_policy(f, "", 400);
        assert_waits(submit(f, 300), "pids.max is what a person or another program made it");
}

static void what_a_person_took_back_is_not_done_again(void **state) {
        struct fixture *f = *state;
        struct run *run;

        set_policy(f, "", 400)->probation_sec = 60;
        run = acts(f, submit(f, 200));
        assert_int_equal(engine_undo(&f->control, run, REASON_PERSON, NULL), 1);
        fixture_until(f, run, CHANGE_ROLLED_BACK);
        assert_waits(submit(f, 200), "pids.max is what a person or another program made it");
}

static void what_another_program_wrote_since_is_not_changed_again(void **state) {
        struct fixture *f = *state;
        struct run *run;

        set_policy(f, "", 400)->probation_sec = 60;
        run = acts(f, submit(f, 200));
        fixture_write(f, "pids.max", "150");
        run->drift_ns = 1;
        fixture_until(f, run, CHANGE_CONFLICT);
        assert_waits(submit(f, 300), "pids.max is what a person or another program made it");
}

static void a_rule_without_trust_waits_until_it_is_given_back(void **state) {
        struct fixture *f = *state;
        struct held *h;

        set_policy(f, "", 200)->probation_sec = 60;
        for (int i = 0; i < 3; i++) {
                struct run *run = acts(f, submit(f, 200));

                assert_true(engine_trusts(&f->control, RULE_PIDS_LIMIT));
                assert_int_equal(engine_undo(&f->control, run, REASON_NO_EVIDENCE, NULL), 1);
                fixture_until(f, run, CHANGE_ROLLED_BACK);
        }
        h = submit(f, 200);
        look(f);
        assert_waits(h, "taken back three times within an hour: dtgov trust");
        assert_int_equal(journal_trust(f->control.journal, RULE_PIDS_LIMIT), 0);
        look(f);
        (void)acts(f, h);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_begin, fixture_end)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(without_policies_nothing_is_done_alone),
                TEST(what_a_policy_allows_is_written_and_proven),
                TEST(what_a_policy_did_and_nobody_saw_help_is_taken_back),
                TEST(the_journal_knows_that_a_policy_approved_it),
                TEST(what_goes_further_than_the_policy_waits_for_a_person),
                TEST(a_rule_that_is_off_is_refused_to_the_observer),
                TEST(what_has_its_name_later_is_looked_at_again),
                TEST(what_is_off_by_its_name_is_withdrawn),
                TEST(nothing_is_done_in_a_pause_and_all_of_it_after),
                TEST(what_comes_to_nothing_is_left_to_a_person_for_a_while),
                TEST(what_a_person_set_is_left_to_a_person),
                TEST(what_a_person_took_back_is_not_done_again),
                TEST(what_another_program_wrote_since_is_not_changed_again),
                TEST(a_rule_without_trust_waits_until_it_is_given_back),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
