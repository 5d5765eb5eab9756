/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/control/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct policies policies;
static struct error err;

static int load(const char *text) {
        CLEANUP(json_doc_freep) struct json_doc *doc = NULL;

        policies = (struct policies){ 0 };
        err.text[0] = '\0';
        assert_int_equal(json_parse(text, strlen(text), 4, &doc, &err), 0);
        return config_load_policies(json_root(doc), &policies, &err);
}

static void a_policy_is_read_whole(void **state) {
        const struct policy *p = &policies.list[0];

        (void)state;
        assert_int_equal(load("[{\"environment\":\"shop/*\",\"template\":\"node:*\",\"below\":\"/"
                              "dev\","
                              "\"rule\":\"cpu-quota\",\"mode\":\"auto\",\"risk\":\"medium\","
                              "\"at_most\":{\"cpu.max\":\"4\",\"memory.max\":\"8G\"},"
                              "\"probation_sec\":90},{\"mode\":\"off\"}]"),
                        0);
        assert_int_equal(policies.count, 2);
        assert_string_equal(p->environment, "shop/*");
        assert_string_equal(p->template, "node:*");
        assert_string_equal(p->below, "/dev");
        assert_int_equal(p->rules, 1U << RULE_CPU_QUOTA);
        assert_int_equal(p->mode, POLICY_AUTO);
        assert_int_equal(p->risk, RISK_MEDIUM);
        assert_int_equal(policy_at_most(p, KNOB_CPU_MAX)->amount, 400000);
        assert_true(policy_at_most(p, KNOB_MEMORY_MAX)->amount == 8 * GIB);
        assert_int_equal(p->probation_sec, 90);
        assert_int_equal(policies.list[1].mode, POLICY_OFF);
        assert_int_equal(policies.list[1].number, 2);
}

static void what_is_left_out_is_any_rule_and_the_lowest_risk(void **state) {
        (void)state;
        assert_int_equal(load("[{\"mode\":\"auto\",\"at_most\":{\"pids.max\":\"max\"}}]"), 0);
        assert_int_equal(policies.list[0].risk, RISK_LOW);
        for (unsigned rule = 0; rule < RULE_COUNT; rule++)
                assert_true(policies.list[0].rules >> rule & 1);
        assert_true(policy_at_most(&policies.list[0], KNOB_PIDS_MAX)->amount == KNOB_MAX);
}

static void what_is_not_understood_is_refused_with_its_place(void **state) {
        static const struct {
                const char *text, *complaint;
        } rows[] = {
                { "{}", "'policies' is not an array" },
                { "[{\"mode\":\"off\"},7]", "policy 2: not an object" },
                { "[{}]", "policy 1: 'mode' is missing" },
                { "[{\"mode\":\"Auto\"}]", "'mode': want \"ask\", \"auto\" or \"off\"" },
                { "[{\"mode\":true}]", "'mode': want" },
                { "[{\"mode\":\"off\",\"environs\":\"x\"}]", "'environs' is not a setting" },
                { "[{\"mode\":\"off\",\"environment\":\"\"}]", "'environment': want a text" },
                { "[{\"mode\":\"off\",\"environment\":null}]", "'environment': want a text" },
                { "[{\"mode\":\"off\",\"template\":7}]", "'template': want a text" },
                { "[{\"mode\":\"off\",\"below\":\"/\"}]", "'below': want a cgroup" },
                { "[{\"mode\":\"off\",\"below\":\"/a/../b\"}]", "'below': want a cgroup" },
                { "[{\"mode\":\"off\",\"rule\":\"set\"}]", "'rule': not one of the rules" },
                { "[{\"mode\":\"off\",\"rule\":[\"cpu-quota\"]}]", "'rule': not one of the rules" },
                { "[{\"mode\":\"auto\"}]", "'at_most' is missing" },
                { "[{\"mode\":\"auto\",\"at_most\":{}}]", "'at_most': want knobs" },
                { "[{\"mode\":\"auto\",\"at_most\":{\"cpu\":\"4\"}}]", "'at_most.cpu' is no knob" },
                { "[{\"mode\":\"auto\",\"at_most\":{\"io.max\":\"4\"}}]",
                                "'at_most.io.max' is no" },
                { "[{\"mode\":\"auto\",\"at_most\":{\"cpu.max\":4}}]", "'at_most.cpu.max': want" },
                { "[{\"mode\":\"auto\",\"at_most\":{\"cpu.max\":\"4X\"}}]", "'at_most': cpu.max" },
                { "[{\"mode\":\"ask\",\"at_most\":{\"cpu.max\":\"4\"}}]",
                                "'at_most' says nothing" },
                { "[{\"mode\":\"off\",\"risk\":\"low\"}]", "'risk' says nothing where 'mode' is" },
                { "[{\"mode\":\"off\",\"probation_sec\":0}]", "'probation_sec': want 1 to 86400" },
                { "[{\"mode\":\"off\",\"probation_sec\":86401}]", "want 1 to 86400" },
                { "[{\"mode\":\"off\",\"probation_sec\":\"x\"}]", "want 1 to 86400" },
                { "[{\"mode\":\"off\",\"below\":7}]", "'below': want a text" },
                { "[{\"mode\":\"auto\",\"at_most\":4}]", "'at_most': want knobs" },
                { "[{\"mode\":\"auto\",\"at_most\":{\"cpu.idle\":\"1\"}}]",
                                "'at_most.cpu.idle' is no" },
                { "[{\"mode\":\"auto\",\"risk\":\"none\"}]", "'risk': want" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                assert_int_equal(load(rows[i].text), -EINVAL);
                if (!strstr(err.text, rows[i].complaint))
                        fail_msg("%s: '%s' lacks '%s'", rows[i].text, err.text, rows[i].complaint);
        }
}

static void a_text_that_is_too_long_is_no_pattern(void **state) {
        char text[IDENTITY_TEXT_SIZE * 2] = "[{\"mode\":\"off\",\"environment\":\"";

        (void)state;
        (void)memset(text + strlen(text), 'x', IDENTITY_TEXT_SIZE);
        (void)strcat(text, "\"}]");
        assert_int_equal(load(text), -EINVAL);
        assert_non_null(strstr(err.text, "1 to 255 bytes"));
}

static void policies_have_a_bound(void **state) {
        char text[2048] = "[";

        (void)state;
        for (unsigned i = 0; i < POLICIES_MAX; i++)
                (void)snprintf(text + strlen(text), sizeof(text) - strlen(text),
                                "%s{\"mode\":\"off\"}", i ? "," : "");
        (void)strcat(text, "]");
        assert_int_equal(load(text), 0);
        (void)strcpy(text + strlen(text) - 1, ",{\"mode\":\"off\"}]");
        assert_int_equal(load(text), -EINVAL);
        assert_non_null(strstr(err.text, "more than 32"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_policy_is_read_whole),
                cmocka_unit_test(what_is_left_out_is_any_rule_and_the_lowest_risk),
                cmocka_unit_test(what_is_not_understood_is_refused_with_its_place),
                cmocka_unit_test(a_text_that_is_too_long_is_no_pattern),
                cmocka_unit_test(policies_have_a_bound),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
