/* SPDX-License-Identifier: Apache-2.0 */
#include "policies/rules/breaker.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define MINUTE_NS (60 * NSEC_PER_SEC)

static struct change ended(enum reason reason, uint64_t minute) {
        return (struct change){ .rule = RULE_CPU_QUOTA,
                .state = CHANGE_ROLLED_BACK,
                .reason = reason,
                .ended_boottime_ns = minute * MINUTE_NS };
}

static bool opens(enum reason reason, uint64_t first, uint64_t second, uint64_t third) {
        const struct change x[] = { ended(reason, third), ended(reason, second),
                ended(reason, first) };
        struct breaker b = {};

        for (size_t i = 0; i < ARRAY_LEN(x); i++)
                breaker_add(&b, &x[i]);
        return b.open;
}

static void three_rollbacks_within_an_hour_open_it(void **state) {
        (void)state;
        assert_true(opens(REASON_OOM_KILL, 10, 20, 70));
        assert_false(opens(REASON_OOM_KILL, 10, 20, 71));
}

static void what_people_take_back_counts_as_well(void **state) {
        const struct change x[] = { ended(REASON_OOM_KILL, 1), ended(REASON_PERSON, 2),
                ended(REASON_PERSON, 3) };
        struct breaker b = {};

        (void)state;
        assert_true(opens(REASON_PERSON, 1, 2, 3));
        assert_false(opens(REASON_PERSON, 1, 2, 70));
        for (size_t i = 0; i < ARRAY_LEN(x); i++)
                breaker_add(&b, &x[i]);
        assert_true(b.open);
}

static void what_restarts_and_trials_take_back_does_not_count(void **state) {
        (void)state;
        assert_false(opens(REASON_TRIAL, 1, 2, 3));
        assert_false(opens(REASON_DAEMON_STOPPED, 1, 2, 3));
        assert_false(opens(REASON_OBSERVER_SILENT, 1, 2, 3));
        assert_false(opens(REASON_KEPT, 1, 2, 3));
        assert_true(opens(REASON_OBSERVER_ASKED, 1, 2, 3));
        assert_true(opens(REASON_UNHEALTHY, 1, 2, 3));
}

static void three_in_a_row_count_wherever_they_are(void **state) {
        static const uint64_t minutes[] = { 1000, 900, 520, 510, 500, 10 };
        struct breaker b = {};

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(minutes); i++) {
                struct change x = ended(REASON_NO_EVIDENCE, minutes[i]);

                assert_int_equal(b.open, i > 4);
                breaker_add(&b, &x);
        }
        assert_true(b.open);
}

static void times_of_another_boot_are_not_compared(void **state) {
        struct change x = ended(REASON_OOM_KILL, 5);
        struct breaker b = {};

        (void)state;
        for (int i = 0; i < 3; i++) {
                breaker_boot(&b);
                breaker_add(&b, &x);
                breaker_add(&b, &x);
        }
        assert_false(b.open);
        breaker_add(&b, &x);
        breaker_boot(&b);
        assert_true(b.open);
}

static void a_persons_own_wish_is_no_rule(void **state) {
        struct change x = ended(REASON_OOM_KILL, 1);

        (void)state;
        x.rule = RULE_PERSON;
        assert_false(breaker_counts(&x));
        x.rule = RULE_MEMORY_HIGH;
        assert_true(breaker_counts(&x));
        x.state = CHANGE_COMMITTED;
        assert_false(breaker_counts(&x));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(three_rollbacks_within_an_hour_open_it),
                cmocka_unit_test(what_people_take_back_counts_as_well),
                cmocka_unit_test(what_restarts_and_trials_take_back_does_not_count),
                cmocka_unit_test(three_in_a_row_count_wherever_they_are),
                cmocka_unit_test(times_of_another_boot_are_not_compared),
                cmocka_unit_test(a_persons_own_wish_is_no_rule),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
