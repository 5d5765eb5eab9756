/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/guard_fixture.h"

static void a_raise_that_the_host_can_give_is_asked_with_low_risk(void **state) {
        struct fixture *f = *state;

        want(f, KNOB_MEMORY_MAX, 2 * GIB);
        want(f, KNOB_CPU_MAX, 400000);
        want(f, KNOB_PIDS_MAX, 400);
        want(f, KNOB_CPU_WEIGHT, 10);
        assert_asked(f, RISK_LOW, "");
        f->p.rule = RULE_MEMORY_LIMIT;
        assert_asked(f, RISK_LOW, "");
}

static void what_is_not_a_proposal_is_refused(void **state) {
        struct fixture *f = *state;

        assert_refused(f, REASON_PARSE, "1 to 8 knobs");
        f->p.changes_count = PROPOSAL_KNOBS_MAX + 1;
        assert_refused(f, REASON_PARSE, "1 to 8 knobs");
        f->p.changes_count = 0;
        want(f, KNOB_CPU_WEIGHT, 10);
        f->p.rule = RULE_COUNT;
        assert_refused(f, REASON_PARSE, "known rule");
        f->p.rule = RULE_PERSON;
        f->p.changes[0].knob = KNOB_COUNT;
        assert_refused(f, REASON_PARSE, "not a knob");
        f->p.changes[0].knob = KNOB_IO_LATENCY;
        assert_refused(f, REASON_PARSE, "not a knob");
}

static void a_knob_that_is_given_twice_is_refused(void **state) {
        struct fixture *f = *state;

        want(f, KNOB_CPU_WEIGHT, 10);
        want(f, KNOB_CPU_WEIGHT, 20);
        assert_refused(f, REASON_PARSE, "cpu.weight is given twice");
}

static void a_protected_cgroup_is_not_touched(void **state) {
        struct fixture *f = *state;

        want(f, KNOB_CPU_WEIGHT, 10);
        f->container.protected_ = true;
        assert_refused(f, REASON_PROTECTED, "does not touch");
}

static void what_is_only_observed_is_not_changed(void **state) {
        struct fixture *f = *state;

        want(f, KNOB_CPU_WEIGHT, 10);
        f->container.observed_only = container_observed_only("/kubepods/pod1/x");
        assert_refused(f, REASON_OBSERVED_ONLY, "only observed: a Kubernetes pod");
        f->container.observed_only = container_observed_only("/user.slice/user-1000.slice/x");
        assert_refused(f, REASON_OBSERVED_ONLY, "only observed: rootless");
        f->container.observed_only = NULL;
        assert_asked(f, RISK_LOW, "");
}

static void without_a_journal_or_an_observer_nothing_new_starts(void **state) {
        struct fixture *f = *state;

        want(f, KNOB_CPU_WEIGHT, 10);
        f->host.observer_present = false;
        assert_refused(f, REASON_NO_OBSERVER, "observer absent");
        f->host.journal_problem = "it is of version 99";
        assert_refused(f, REASON_JOURNAL, "rollbacks still work: it is of version 99");
}

static void one_change_of_a_container_at_a_time(void **state) {
        struct fixture *f = *state;

        want(f, KNOB_CPU_WEIGHT, 10);
        f->container.change_open = true;
        f->container.open_number = 17;
        assert_refused(f, REASON_BUSY_CHANGE, "C17 of this container is under way");
}

static void rules_need_pressure_and_people_are_warned_without_it(void **state) {
        struct fixture *f = *state;

        want(f, KNOB_CPU_WEIGHT, 10);
        f->host.psi_available = false;
        assert_asked(f, RISK_LOW, "pressure cannot be measured");
        f->p.rule = RULE_CPU_QUOTA;
        assert_refused(f, REASON_NO_PSI, "psi=1");
}

static void a_knob_that_the_container_lacks_is_refused(void **state) {
        struct fixture *f = *state;

        want(f, KNOB_MEMORY_MAX, 2 * GIB);
        f->container.present[KNOB_MEMORY_MAX] = false;
        assert_refused(f, REASON_KNOB_ABSENT, "memory.max is not available");
}

static void a_value_that_the_kernel_would_not_keep_is_refused(void **state) {
        struct fixture *f = *state;

        want(f, KNOB_MEMORY_MAX, 4096);
        assert_refused(f, REASON_RANGE, "want 1 MiB to max");
        f->p.changes[0].new.amount = 2 * GIB + 1;
        assert_refused(f, REASON_RANGE, "whole pages");
        f->p.changes_count = 0;
        want(f, KNOB_CPU_MAX, 33333);
        assert_refused(f, REASON_RANGE, "whole percents");
}

static void what_is_so_already_is_no_change_and_old_values_are_stale(void **state) {
        struct fixture *f = *state;

        want(f, KNOB_MEMORY_MAX, GIB);
        assert_refused(f, REASON_NO_CHANGE, "already so");
        want(f, KNOB_PIDS_MAX, 400);
        assert_asked(f, RISK_LOW, "");
        f->container.now[KNOB_PIDS_MAX].amount = 300;
        assert_refused(f, REASON_STALE, "pids.max was 200 when it was proposed and is 300 now");
        f->container.now[KNOB_PIDS_MAX].amount = 400;
        assert_refused(f, REASON_NO_CHANGE, "already so");
}

static void memory_is_not_lowered_into_what_is_in_use(void **state) {
        struct fixture *f = *state;

        want(f, KNOB_MEMORY_MAX, 528 * MIB);
        assert_refused(f, REASON_HEADROOM,
                        "memory.max: would leave 3 % headroom above 512 MiB in use; minimum 15 %: "
                        "set at least 589 MiB");
        f->p.changes[0].new.amount = 512 * MIB;
        assert_refused(f, REASON_HEADROOM, "below the 512 MiB in use: set at least 589 MiB");
        f->p.changes[0].new.amount = 589 * MIB;
        assert_asked(f, RISK_HIGH, "");
        f->p.changes[0].knob = KNOB_MEMORY_HIGH;
        f->p.changes[0].old.amount = KNOB_MAX;
        f->p.changes[0].new.amount = 588 * MIB;
        assert_refused(f, REASON_HEADROOM, "memory.high: would leave 14 %");
}

static void rules_lower_memory_high_and_memory_max_only_where_root_says_so(void **state) {
        struct fixture *f = *state;

        f->p.rule = RULE_MEMORY_LIMIT;
        want(f, KNOB_MEMORY_HIGH, 600 * MIB);
        assert_asked(f, RISK_HIGH, "");
        f->p.changes_count = 0;
        want(f, KNOB_MEMORY_MAX, 600 * MIB);
        assert_refused(f, REASON_LOWER, "rules may not lower memory.max");
        f->rules.lower_memory_max = true;
        assert_asked(f, RISK_HIGH, "");
}

static void tasks_stay_below_their_new_limit(void **state) {
        struct fixture *f = *state;

        want(f, KNOB_PIDS_MAX, 90);
        assert_refused(f, REASON_HEADROOM, "90 tasks are there");
        f->p.changes[0].new.amount = 91;
        assert_asked(f, RISK_MEDIUM, "");
}

static void a_lower_quota_is_a_medium_risk_and_a_lower_weight_none(void **state) {
        struct fixture *f = *state;

        want(f, KNOB_CPU_WEIGHT, 10);
        assert_asked(f, RISK_LOW, "");
        want(f, KNOB_CPU_MAX, 100000);
        assert_asked(f, RISK_MEDIUM, "");
}

static void what_the_host_cannot_give_is_refused_with_the_sum(void **state) {
        struct fixture *f = *state;

        want(f, KNOB_MEMORY_MAX, KNOB_MAX);
        assert_refused(f, REASON_HOST_RESERVE,
                        "memory.max: 16384 MiB here and 4096 MiB promised to others are 20480 of "
                        "16384 MiB");
        f->p.changes[0].new.amount = 8 * GIB;
        f->host.memory_available_bytes = 3 * GIB;
        assert_refused(f, REASON_HOST_RESERVE, "set at most 2864 MiB");
        f->p.changes[0].new.amount = 2864 * MIB;
        assert_asked(f, RISK_LOW, "");
        f->rules.reserve_bytes = GIB;
        assert_refused(f, REASON_HOST_RESERVE, "set at most 2660 MiB");

        /* Even where all of it is free: the reserve is nobody's. */
        f->host.memory_available_bytes = 15 * GIB + GIB / 2;
        f->container.memory_current_bytes = 2 * GIB;
        f->p.changes[0].new.amount = 15 * GIB + 4096;
        assert_refused(f, REASON_HOST_RESERVE, "set at most 15360 MiB");
}

static void promises_beyond_the_host_are_a_warning_and_a_medium_risk(void **state) {
        struct fixture *f = *state;

        want(f, KNOB_MEMORY_MAX, 2 * GIB);
        f->host.memory_promised_bytes = 14 * GIB;
        assert_asked(f, RISK_MEDIUM, "may then use 16384 MiB, the host has 16384 MiB");
}

static void memory_high_promises_no_more_than_memory_max(void **state) {
        struct fixture *f = *state;

        f->container.now[KNOB_MEMORY_HIGH].amount = 512 * MIB;
        want(f, KNOB_MEMORY_HIGH, KNOB_MAX);
        assert_asked(f, RISK_LOW, "");
        f->container.now[KNOB_MEMORY_MAX].amount = KNOB_MAX;
        assert_refused(f, REASON_HOST_RESERVE, "memory.high: 16384 MiB here");
        f->container.present[KNOB_MEMORY_MAX] = false;
        assert_refused(f, REASON_HOST_RESERVE, "memory.high: 16384 MiB here");
}

static void a_tighter_parent_is_refused_to_rules_and_told_to_people(void **state) {
        struct fixture *f = *state;

        want(f, KNOB_MEMORY_MAX, 2 * GIB);
        f->container.parent[KNOB_MEMORY_MAX].amount = GIB;
        assert_asked(f, RISK_LOW, "memory.max: no effect beyond 1 GiB: a parent cgroup caps there");
        f->p.rule = RULE_MEMORY_LIMIT;
        assert_refused(f, REASON_PARENT_LIMIT, "raise the parent first");
        f->container.parent[KNOB_MEMORY_MAX].amount = 2 * GIB;
        assert_asked(f, RISK_LOW, "");
}

static void more_cpu_than_there_is_is_refused_to_rules_and_told_to_people(void **state) {
        struct fixture *f = *state;

        want(f, KNOB_CPU_MAX, 401000);
        assert_asked(f, RISK_LOW, "the host has only 4 CPUs");
        f->p.rule = RULE_CPU_QUOTA;
        assert_refused(f, REASON_RANGE, "the host has only 4 CPUs");
        f->p.changes[0].new.amount = KNOB_MAX;
        assert_asked(f, RISK_LOW, "");
}

static void root_bounds_what_one_container_may_have(void **state) {
        struct fixture *f = *state;

        f->rules.memory_max_bytes = 2 * GIB;
        f->rules.cpu_max_permille = 3000;
        f->rules.pids_max = 300;
        want(f, KNOB_MEMORY_MAX, 3 * GIB);
        assert_refused(f, REASON_BOUND, "memory.max: root allows at most 2 GiB");
        f->p.changes_count = 0;
        want(f, KNOB_CPU_MAX, 301000);
        assert_refused(f, REASON_BOUND, "cpu.max: root allows at most 3 CPU");
        f->p.changes_count = 0;
        want(f, KNOB_PIDS_MAX, KNOB_MAX);
        assert_refused(f, REASON_BOUND, "pids.max: root allows at most 300");
        f->p.changes_count = 0;
        want(f, KNOB_MEMORY_MAX, 2 * GIB);
        want(f, KNOB_CPU_MAX, 300000);
        want(f, KNOB_PIDS_MAX, 300);
        assert_asked(f, RISK_LOW, "");
        f->rules.cpu_max_permille = KNOB_MAX - 1;
        assert_asked(f, RISK_LOW, "");
}

static void knobs_that_make_each_other_useless_are_a_warning(void **state) {
        struct fixture *f = *state;

        f->container.now[KNOB_MEMORY_HIGH].amount = 900 * MIB;
        want(f, KNOB_MEMORY_HIGH, 1100 * MIB);
        assert_asked(f, RISK_LOW, "memory.high above memory.max has no effect");
        want(f, KNOB_MEMORY_MAX, 2 * GIB);
        assert_asked(f, RISK_LOW, "");
        f->p.changes_count = 0;
        want(f, KNOB_MEMORY_MIN, 1200 * MIB);
        assert_asked(f, RISK_LOW, "memory.low or memory.min above memory.max has no effect");
}

static void warnings_gather_and_are_cut_at_the_end(void **state) {
        struct fixture *f = *state;

        f->host.psi_available = false;
        f->host.memory_promised_bytes = 15 * GIB;
        want(f, KNOB_MEMORY_MAX, 2 * GIB);
        want(f, KNOB_CPU_MAX, 500000);
        want(f, KNOB_PIDS_MAX, 400);
        for (int i = 0; i < KNOB_COUNT; i++)
                f->container.parent[i] = f->container.now[i];
        check(f);
        assert_int_equal(f->answer.verdict, GUARD_ASK);
        assert_int_equal(strlen(f->answer.text), LINK_TEXT_SIZE - 1);
        assert_non_null(strstr(f->answer.text, "take the change back; memory.max: no effect"));
}

#define GUARD_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                GUARD_TEST(a_raise_that_the_host_can_give_is_asked_with_low_risk),
                GUARD_TEST(what_is_not_a_proposal_is_refused),
                GUARD_TEST(a_knob_that_is_given_twice_is_refused),
                GUARD_TEST(a_protected_cgroup_is_not_touched),
                GUARD_TEST(what_is_only_observed_is_not_changed),
                GUARD_TEST(without_a_journal_or_an_observer_nothing_new_starts),
                GUARD_TEST(one_change_of_a_container_at_a_time),
                GUARD_TEST(rules_need_pressure_and_people_are_warned_without_it),
                GUARD_TEST(a_knob_that_the_container_lacks_is_refused),
                GUARD_TEST(a_value_that_the_kernel_would_not_keep_is_refused),
                GUARD_TEST(what_is_so_already_is_no_change_and_old_values_are_stale),
                GUARD_TEST(memory_is_not_lowered_into_what_is_in_use),
                GUARD_TEST(rules_lower_memory_high_and_memory_max_only_where_root_says_so),
                GUARD_TEST(tasks_stay_below_their_new_limit),
                GUARD_TEST(a_lower_quota_is_a_medium_risk_and_a_lower_weight_none),
                GUARD_TEST(what_the_host_cannot_give_is_refused_with_the_sum),
                GUARD_TEST(promises_beyond_the_host_are_a_warning_and_a_medium_risk),
                GUARD_TEST(memory_high_promises_no_more_than_memory_max),
                GUARD_TEST(a_tighter_parent_is_refused_to_rules_and_told_to_people),
                GUARD_TEST(more_cpu_than_there_is_is_refused_to_rules_and_told_to_people),
                GUARD_TEST(root_bounds_what_one_container_may_have),
                GUARD_TEST(knobs_that_make_each_other_useless_are_a_warning),
                GUARD_TEST(warnings_gather_and_are_cut_at_the_end),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
