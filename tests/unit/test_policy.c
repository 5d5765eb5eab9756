/* SPDX-License-Identifier: Apache-2.0 */
#include "policies/rules/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ALL_RULES UINT32_MAX
#define HEX_ID    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct policies policies;

static struct policy *add(const char *environment, const char *template, const char *below) {
        struct policy *p = &policies.list[policies.count++];

        *p = (struct policy){ .number = (unsigned)policies.count, .rules = ALL_RULES };
        (void)strcpy(p->environment, environment);
        (void)strcpy(p->template, template);
        (void)strcpy(p->below, below);
        return p;
}

static int setup(void **state) {
        (void)state;
        policies = (struct policies){ 0 };
        return 0;
}

/* The number of the policy, 0: none. */
static unsigned find_for(const char *environment, const char *template, const char *cgroup) {
        const struct policy_subject s = { environment, template, true, cgroup };
        const struct policy *p = policy_find(&policies, &s, RULE_CPU_QUOTA);

        return p ? p->number : 0;
}

static void the_first_that_matches_decides(void **state) {
        (void)state;
        (void)add("daytona-*", "", "");
        (void)add("*", "", "");
        (void)add("daytona-1", "", "");
        assert_int_equal(find_for("daytona-1", NULL, "/docker/x"), 1);
        assert_int_equal(find_for("shop/web", NULL, "/docker/x"), 2);
}

static void without_policies_there_is_none(void **state) {
        (void)state;
        assert_int_equal(find_for("shop/web", NULL, "/docker/x"), 0);
}

static void environment_template_and_place_must_all_match(void **state) {
        (void)state;
        (void)add("shop/*", "node:*", "/dev.slice");
        assert_int_equal(find_for("shop/web", "node:22", "/dev.slice/x"), 1);
        assert_int_equal(find_for("shops", "node:22", "/dev.slice/x"), 0);
        assert_int_equal(find_for("shop/web", "python:3", "/dev.slice/x"), 0);
        assert_int_equal(find_for("shop/web", NULL, "/dev.slice/x"), 0);
        assert_int_equal(find_for("shop/web", "node:22", "/docker/x"), 0);
}

static void a_star_also_matches_the_slash_of_a_name(void **state) {
        (void)state;
        (void)add("/home/*", "", "");
        assert_int_equal(find_for("/home/x/shop", NULL, "/docker/x"), 1);
}

/* Neither the cgroup itself nor one whose name begins the same. */
static void below_a_cgroup_is_below_it(void **state) {
        (void)state;
        (void)add("", "", "/dev.slice");
        assert_int_equal(find_for("x", NULL, "/dev.slice/docker/x"), 1);
        assert_int_equal(find_for("x", NULL, "/dev.slice"), 0);
        assert_int_equal(find_for("x", NULL, "/dev.slice2/x"), 0);
        assert_int_equal(find_for("x", NULL, "/x/dev.slice/x"), 0);
}

static void a_policy_is_of_its_rules_alone(void **state) {
        const struct policy_subject s = { "x", NULL, true, "/docker/x" };

        (void)state;
        add("", "", "")->rules = 1U << RULE_PIDS_LIMIT;
        assert_null(policy_find(&policies, &s, RULE_CPU_QUOTA));
        assert_non_null(policy_find(&policies, &s, RULE_PIDS_LIMIT));
}

static struct identity said(enum identity_status status, const char *environment) {
        struct identity i = { .status = status, .environment_rule = ENVIRONMENT_NAME };

        (void)strcpy(i.environment, environment);
        return i;
}

static unsigned find_of(const char *id, const char *cgroup, const struct identity *identity) {
        struct container c = { .pid = 1 };
        struct policy_subject s;
        const struct policy *p;

        (void)strcpy(c.id, id);
        (void)strcpy(c.cgroup, cgroup);
        policy_subject_of(&c, identity, &s);
        p = policy_find(&policies, &s, RULE_CPU_QUOTA);
        return p ? p->number : 0;
}

static void who_is_not_known_yet_waits_for_its_name(void **state) {
        struct identity silent = said(IDENTITY_SILENT, HEX_ID), box = said(IDENTITY_FOUND, "box");

        (void)state;
        (void)add("prod-*", "", "");
        (void)add("*", "", "");
        assert_int_equal(find_of(HEX_ID, "/docker/" HEX_ID, NULL), 0);
        assert_int_equal(find_of(HEX_ID, "/docker/" HEX_ID, &silent), 0);
        assert_int_equal(find_of(HEX_ID, "/docker/" HEX_ID, &box), 2);
}

static void what_asks_for_no_name_waits_for_none(void **state) {
        (void)state;
        (void)add("", "*", "");
        (void)add("prod-*", "", "");
        assert_int_equal(find_of(HEX_ID, "/docker/" HEX_ID, NULL), 1);
}

/* So many labels, or so long ones, that the one that names it may have been passed over. */
static void a_name_that_was_not_read_is_no_way_round_a_policy(void **state) {
        struct identity large = said(IDENTITY_TOO_LARGE, HEX_ID), cut = said(IDENTITY_FOUND, "x");

        (void)state;
        cut.notes = IDENTITY_LABELS_TRUNCATED;
        (void)add("prod-*", "", "");
        (void)add("*", "", "");
        assert_int_equal(find_of(HEX_ID, "/docker/" HEX_ID, &large), 0);
        assert_int_equal(find_of(HEX_ID, "/docker/" HEX_ID, &cut), 0);
}

/* A container within a container may be called anything by the engine there. */
static void an_id_is_no_name(void **state) {
        struct identity unknown = said(IDENTITY_UNKNOWN, "daytona-1");
        struct identity by_id = said(IDENTITY_FOUND, "daytona-1");

        (void)state;
        by_id.environment_rule = ENVIRONMENT_ID;
        (void)add("daytona-*", "", "");
        (void)add("*", "", "");
        assert_int_equal(find_of("daytona-1", "/docker/x/daytona-1", NULL), 2);
        assert_int_equal(find_of("daytona-1", "/docker/x/daytona-1", &unknown), 2);
        assert_int_equal(find_of("daytona-1", "/docker/x/daytona-1", &by_id), 2);
}

static void only_what_is_named_has_a_bound(void **state) {
        struct policy *p = add("", "", "");

        (void)state;
        p->at_most[p->at_most_count++] = (struct policy_bound){ KNOB_CPU_MAX, { 400000, 100000 } };
        assert_int_equal(policy_at_most(p, KNOB_CPU_MAX)->amount, 400000);
        assert_null(policy_at_most(p, KNOB_MEMORY_MAX));
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(the_first_that_matches_decides),
                TEST(without_policies_there_is_none),
                TEST(environment_template_and_place_must_all_match),
                TEST(a_star_also_matches_the_slash_of_a_name),
                TEST(below_a_cgroup_is_below_it),
                TEST(a_policy_is_of_its_rules_alone),
                TEST(who_is_not_known_yet_waits_for_its_name),
                TEST(what_asks_for_no_name_waits_for_none),
                TEST(a_name_that_was_not_read_is_no_way_round_a_policy),
                TEST(an_id_is_no_name),
                TEST(only_what_is_named_has_a_bound),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
