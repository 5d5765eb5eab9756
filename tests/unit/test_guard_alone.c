/* SPDX-License-Identifier: Apache-2.0 */
/* What the guard allows without a person. */
#include "tests/unit/guard_fixture.h"

/* "auto" for quotas of at most three CPUs, and a proposal of that rule. */
static void allow_quotas(struct fixture *f) {
        f->policy = (struct policy){ .number = 3, .mode = POLICY_AUTO, .risk = RISK_LOW };
        f->policy.at_most[f->policy.at_most_count++] =
                        (struct policy_bound){ KNOB_CPU_MAX, { 300000, 100000 } };
        f->container.policy = &f->policy;
        f->p.rule = RULE_CPU_QUOTA;
        want(f, KNOB_CPU_MAX, 300000);
}

static void assert_allowed(struct fixture *f) {
        check(f);
        if (f->answer.verdict != GUARD_ALLOW)
                fail_msg("not allowed: %s", f->answer.text);
        assert_ptr_equal(f->answer.policy, &f->policy);
}

static void a_policy_allows_what_it_names_as_far_as_it_goes(void **state) {
        struct fixture *f = *state;

        allow_quotas(f);
        assert_allowed(f);
        f->p.changes[0].new.amount = 301000;
        assert_asked(f, RISK_LOW, "policy 3 goes to 3 CPU of cpu.max at most: yours to decide");
        f->p.changes_count = 0;
        want(f, KNOB_PIDS_MAX, 400);
        assert_asked(f, RISK_LOW, "policy 3 does not name pids.max: yours to decide");
        want(f, KNOB_CPU_MAX, 300000);
        assert_asked(f, RISK_LOW, "policy 3 does not name pids.max");
}

static void without_a_policy_that_says_so_a_rule_is_asked(void **state) {
        struct fixture *f = *state;

        allow_quotas(f);
        f->policy.mode = POLICY_ASK;
        assert_asked(f, RISK_LOW, "");
        f->container.policy = NULL;
        assert_asked(f, RISK_LOW, "");
}

static void a_policy_is_nothing_to_a_persons_own_wish(void **state) {
        struct fixture *f = *state;

        allow_quotas(f);
        f->p.rule = RULE_PERSON;
        assert_asked(f, RISK_LOW, "");
        f->policy.mode = POLICY_OFF;
        assert_asked(f, RISK_LOW, "");
}

static void a_rule_that_root_has_off_is_refused(void **state) {
        struct fixture *f = *state;

        allow_quotas(f);
        f->policy.mode = POLICY_OFF;
        assert_refused(f, REASON_POLICY, "policy 3 of dtgov.json has this rule off here");
}

static void a_policy_never_goes_beyond_the_guard(void **state) {
        struct fixture *f = *state;

        allow_quotas(f);
        f->rules.cpu_max_permille = 2500;
        assert_refused(f, REASON_BOUND, "root allows at most 2.5 CPU");
        f->rules.cpu_max_permille = KNOB_MAX;
        f->container.parent[KNOB_CPU_MAX] = (struct knob_value){ 250000, 100000 };
        assert_refused(f, REASON_PARENT_LIMIT, "a parent cgroup caps there");
        f->container.parent[KNOB_CPU_MAX] = (struct knob_value){ 300000, 100000 };
        assert_allowed(f);
        f->container.change_open = true;
        assert_refused(f, REASON_BUSY_CHANGE, "under way");
        f->container.change_open = false;
        f->container.observed_only = "rootless";
        assert_refused(f, REASON_OBSERVED_ONLY, "only observed");
}

static void a_risk_is_taken_where_the_policy_says_so(void **state) {
        struct fixture *f = *state;

        allow_quotas(f);
        f->p.changes[0].new.amount = 100000;
        assert_asked(f, RISK_MEDIUM, "policy 3 does not take a medium risk: yours to decide");
        f->policy.risk = RISK_MEDIUM;
        assert_allowed(f);
        f->p.changes_count = 0;
        want(f, KNOB_MEMORY_MAX, 600 * MIB);
        f->policy.at_most[f->policy.at_most_count++] =
                        (struct policy_bound){ KNOB_MEMORY_MAX, { .amount = KNOB_MAX } };
        f->policy.risk = RISK_HIGH;
        assert_refused(f, REASON_LOWER, "rules may not lower memory.max");
        f->rules.lower_memory_max = true;
        assert_allowed(f);
        f->policy.risk = RISK_MEDIUM;
        assert_asked(f, RISK_HIGH, "policy 3 does not take a high risk");
}

static void what_a_person_or_another_program_set_is_not_changed_alone(void **state) {
        struct fixture *f = *state;

        allow_quotas(f);
        f->container.claimed = 1ULL << KNOB_MEMORY_MAX;
        assert_allowed(f);
        f->container.claimed = 1ULL << KNOB_CPU_MAX;
        assert_asked(f, RISK_LOW, "cpu.max is what a person or another program made it");
}

static void a_rule_that_is_not_trusted_does_not_act_alone(void **state) {
        struct fixture *f = *state;

        allow_quotas(f);
        f->container.untrusted = true;
        assert_asked(f, RISK_LOW, "taken back three times within an hour: dtgov trust");
}

static void policies_have_a_pace_and_people_have_not(void **state) {
        struct fixture *f = *state;

        allow_quotas(f);
        f->host.paused = true;
        assert_asked(f, RISK_LOW, "policy 3 waits until dtgov resume");
        f->host.paused = false;
        f->container.changes_last_hour = GUARD_CHANGES_PER_HOUR;
        f->host.under_way = GUARD_PROBATIONS_MAX;
        assert_asked(f, RISK_LOW, "policy 3 waits: 4 changes of this container in the last hour");
        f->container.changes_last_hour--;
        assert_asked(f, RISK_LOW, "policy 3 waits: 8 changes are under way on this host");
        f->host.under_way--;
        assert_allowed(f);
        f->container.changes_last_hour = GUARD_CHANGES_PER_HOUR;
        f->p.rule = RULE_PERSON;
        assert_asked(f, RISK_LOW, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(a_policy_allows_what_it_names_as_far_as_it_goes),
                TEST(without_a_policy_that_says_so_a_rule_is_asked),
                TEST(a_policy_is_nothing_to_a_persons_own_wish),
                TEST(a_rule_that_root_has_off_is_refused),
                TEST(a_policy_never_goes_beyond_the_guard),
                TEST(a_risk_is_taken_where_the_policy_says_so),
                TEST(what_a_person_or_another_program_set_is_not_changed_alone),
                TEST(a_rule_that_is_not_trusted_does_not_act_alone),
                TEST(policies_have_a_pace_and_people_have_not),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
