/* SPDX-License-Identifier: Apache-2.0 */
#include "policies/sizing/sizing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct sizing_host big = { 64 * GIB, 40 * GIB, 16 };

static struct finding cpu_finding(uint64_t quota, uint64_t usage_per_sec, uint64_t held_per_sec) {
        struct finding f = { .rule = RULE_CPU_QUOTA, .number = 12, .cgroup_inode = 99 };

        strcpy(f.container_id, "abc");
        f.evidence[EVIDENCE_CPU_WINDOW] = 60 * USEC_PER_SEC;
        f.evidence[EVIDENCE_CPU_USAGE] = 60 * usage_per_sec;
        f.evidence[EVIDENCE_CPU_THROTTLED] = 60 * held_per_sec;
        f.evidence[EVIDENCE_CPU_QUOTA] = quota;
        f.evidence[EVIDENCE_CPU_PERIOD] = 100000;
        return f;
}

/* The new quota, 0 when nothing is proposed. */
static uint64_t new_quota(
                struct finding f, const struct sizing_host *host, enum reason *ret_reason) {
        struct proposal p;

        *ret_reason = REASON_NONE;
        if (!sizing_propose(&f, host, &p, ret_reason))
                return 0;
        assert_int_equal(p.changes_count, 1);
        assert_int_equal(p.changes[0].knob, KNOB_CPU_MAX);
        assert_true(p.changes[0].old.amount == f.evidence[EVIDENCE_CPU_QUOTA]);
        assert_true(p.changes[0].new.period_usec == f.evidence[EVIDENCE_CPU_PERIOD]);
        return p.changes[0].new.amount;
}

static void a_quota_grows_to_the_half_core_that_covers_the_demand(void **state) {
        enum reason reason;

        (void)state;
        assert_int_equal(new_quota(cpu_finding(200000, 2000000, 700000), &big, &reason), 300000);
        assert_int_equal(new_quota(cpu_finding(200000, 2000000, 500000), &big, &reason), 250000);
        assert_int_equal(new_quota(cpu_finding(200000, 2000000, 500001), &big, &reason), 300000);
}

static void a_quota_at_most_doubles(void **state) {
        enum reason reason;

        (void)state;
        assert_int_equal(new_quota(cpu_finding(100000, 1000000, 9000000), &big, &reason), 200000);
        assert_int_equal(new_quota(cpu_finding(7000, 70000, 3000000), &big, &reason), 14000);
}

static void a_quota_is_at_most_the_online_cpus(void **state) {
        static const struct sizing_host two = { 8 * GIB, 4 * GIB, 2 };
        enum reason reason;

        (void)state;
        assert_int_equal(new_quota(cpu_finding(150000, 1500000, 2000000), &two, &reason), 200000);
        assert_int_equal(new_quota(cpu_finding(200000, 1500000, 2000000), &two, &reason), 0);
        assert_int_equal(reason, REASON_HOST_RESERVE);
}

static void a_quota_above_the_demand_stays(void **state) {
        enum reason reason;

        (void)state;
        assert_int_equal(new_quota(cpu_finding(400000, 1000000, 200000), &big, &reason), 0);
        assert_int_equal(reason, REASON_NO_CHANGE);
}

/* In us of each minute; of a container that was active in so many of ten periods. */
static uint64_t expected(struct finding f, uint64_t active_of_ten) {
        enum reason reason = REASON_NONE;
        struct proposal p;

        f.evidence[EVIDENCE_CPU_PERIODS] = 60 * active_of_ten;
        assert_true(sizing_propose(&f, &big, &p, &reason));
        return p.expected_usec_per_min;
}

static void what_always_wants_more_is_expected_to_stand_still_for_the_rest(void **state) {
        (void)state;
        /* a tenth of a CPU of one; then a fifth */
        assert_int_equal(expected(cpu_finding(10000, 100000, 900000), 10), 48 * USEC_PER_SEC);
        assert_int_equal(expected(cpu_finding(200000, 2000000, 700000), 10), 0);
}

/* Of each second 0.7 s at a fifth of a CPU, and a rest of 0.3 s: at two fifths 0.35 s and that
 * rest, where the work itself takes 0.14 s. */
static void work_in_portions_is_expected_to_rest_as_long_as_before(void **state) {
        (void)state;
        assert_in_range(expected(cpu_finding(20000, 140000, 560000), 7),
                        (350 - 140) * 60000000ULL / 650 - 2, (350 - 140) * 60000000ULL / 650 + 2);
}

static void another_period_is_kept(void **state) {
        struct finding f = cpu_finding(25000, 500000, 900000);
        enum reason reason;

        (void)state;
        f.evidence[EVIDENCE_CPU_PERIOD] = 50000;
        assert_int_equal(new_quota(f, &big, &reason), 50000);
}

static void numbers_without_meaning_propose_nothing(void **state) {
        struct finding f = cpu_finding(100000, 1000000, 900000);
        enum reason reason;
        struct proposal p;

        (void)state;
        f.evidence[EVIDENCE_CPU_PERIOD] = 0;
        assert_int_equal(new_quota(f, &big, &reason), 0);
        f = cpu_finding(KNOB_MAX, 1000000, 900000);
        assert_int_equal(new_quota(f, &big, &reason), 0);
        f = cpu_finding(100000, 1000000, 900000);
        f.evidence[EVIDENCE_CPU_WINDOW] = 0;
        assert_int_equal(new_quota(f, &big, &reason), 0);
        f.rule = RULE_PERSON;
        assert_false(sizing_propose(&f, &big, &p, &reason));
        assert_int_equal(reason, REASON_NO_CHANGE);
}

static void a_proposal_carries_whose_it_is_and_why(void **state) {
        struct finding f = cpu_finding(100000, 1000000, 900000);
        enum reason reason;
        struct proposal p;

        (void)state;
        f.lost_usec_per_min = 41;
        assert_true(sizing_propose(&f, &big, &p, &reason));
        assert_string_equal(p.container_id, "abc");
        assert_int_equal(p.cgroup_inode, 99);
        assert_int_equal(p.finding, 12);
        assert_int_equal(p.rule, RULE_CPU_QUOTA);
        assert_int_equal(p.lost_usec_per_min, 41);
        assert_memory_equal(p.evidence, f.evidence, sizeof(p.evidence));
}

static struct finding limit_finding(uint64_t max, uint64_t high) {
        struct finding f = { .rule = RULE_MEMORY_LIMIT };

        f.evidence[EVIDENCE_LIMIT_MAX] = max;
        f.evidence[EVIDENCE_LIMIT_HIGH] = high;
        return f;
}

static void memory_grows_by_half(void **state) {
        struct finding f = limit_finding(2 * GIB, KNOB_MAX);
        enum reason reason;
        struct proposal p;

        (void)state;
        assert_true(sizing_propose(&f, &big, &p, &reason));
        assert_int_equal(p.changes_count, 1);
        assert_int_equal(p.changes[0].knob, KNOB_MEMORY_MAX);
        assert_true(p.changes[0].new.amount == 3 * GIB);
}

static void the_host_keeps_a_reserve_of_memory(void **state) {
        static const struct sizing_host rich = { 64 * GIB, 4 * GIB, 4 };
        static const struct sizing_host small = { 4 * GIB, GIB, 4 };
        static const struct sizing_host poor = { 4 * GIB, 520 * MIB, 4 };
        struct finding f = limit_finding(2 * GIB, KNOB_MAX);
        enum reason reason;
        struct proposal p;

        (void)state;
        assert_true(sizing_propose(&f, &rich, &p, &reason));
        assert_in_range(p.changes[0].new.amount, 2 * GIB + 818 * MIB, 2 * GIB + 820 * MIB);
        assert_true(sizing_propose(&f, &small, &p, &reason));
        assert_true(p.changes[0].new.amount == 2 * GIB + 512 * MIB);
        assert_false(sizing_propose(&f, &poor, &p, &reason));
        assert_int_equal(reason, REASON_HOST_RESERVE);
}

static void memory_high_in_the_way_is_raised_with_max(void **state) {
        struct finding f = limit_finding(2 * GIB, GIB);
        enum reason reason;
        struct proposal p;

        (void)state;
        assert_true(sizing_propose(&f, &big, &p, &reason));
        assert_int_equal(p.changes_count, 2);
        assert_int_equal(p.changes[1].knob, KNOB_MEMORY_HIGH);
        assert_true(p.changes[1].new.amount <= 3 * GIB / 2);
        assert_true(p.changes[1].new.amount > 3 * GIB / 2 - 8 * KIB);
}

static struct finding high_finding(uint64_t high, uint64_t max) {
        struct finding f = { .rule = RULE_MEMORY_HIGH };

        f.evidence[EVIDENCE_HIGH_HIGH] = high;
        f.evidence[EVIDENCE_HIGH_MAX] = max;
        return f;
}

static void memory_high_grows_by_half_and_stays_below_max(void **state) {
        static const struct sizing_host poor = { 4 * GIB, 520 * MIB, 4 };
        struct finding f = high_finding(GIB, 4 * GIB);
        enum reason reason;
        struct proposal p;

        (void)state;
        assert_true(sizing_propose(&f, &big, &p, &reason));
        assert_int_equal(p.changes[0].knob, KNOB_MEMORY_HIGH);
        assert_true(p.changes[0].new.amount == 3 * GIB / 2);
        f = high_finding(3 * GIB, 4 * GIB);
        assert_true(sizing_propose(&f, &big, &p, &reason));
        assert_true(p.changes[0].new.amount <= 4 * GIB / 10 * 9);
        f = high_finding(GIB, KNOB_MAX);
        assert_true(sizing_propose(&f, &big, &p, &reason));
        f = high_finding(GIB, GIB);
        assert_false(sizing_propose(&f, &big, &p, &reason));
        assert_int_equal(reason, REASON_NO_CHANGE);
        f = high_finding(GIB, 4 * GIB);
        assert_false(sizing_propose(&f, &poor, &p, &reason));
        assert_int_equal(reason, REASON_HOST_RESERVE);
}

static void unlimited_memory_has_nothing_to_raise(void **state) {
        struct finding f = limit_finding(KNOB_MAX, KNOB_MAX);
        enum reason reason;
        struct proposal p;

        (void)state;
        assert_false(sizing_propose(&f, &big, &p, &reason));
        assert_int_equal(reason, REASON_NO_CHANGE);
        f = high_finding(KNOB_MAX, KNOB_MAX);
        assert_false(sizing_propose(&f, &big, &p, &reason));
}

static struct finding pids_finding(uint64_t max) {
        struct finding f = { .rule = RULE_PIDS_LIMIT };

        f.evidence[EVIDENCE_PIDS_MAX] = max;
        return f;
}

static void the_number_of_tasks_doubles_within_what_the_host_bears(void **state) {
        static const struct sizing_host small = { 128 * MIB, 64 * MIB, 1 };
        struct finding f = pids_finding(500);
        enum reason reason;
        struct proposal p;

        (void)state;
        assert_true(sizing_propose(&f, &big, &p, &reason));
        assert_true(p.changes[0].new.amount == 1000);
        f = pids_finding(400);
        assert_true(sizing_propose(&f, &small, &p, &reason));
        assert_true(p.changes[0].new.amount == 512);
        f = pids_finding(512);
        assert_false(sizing_propose(&f, &small, &p, &reason));
        assert_int_equal(reason, REASON_HOST_RESERVE);
        f = pids_finding(KNOB_MAX);
        assert_false(sizing_propose(&f, &big, &p, &reason));
}

/* A disk that does 8 MiB/s at most, and @now now; one container does @use of it. */
static struct finding brake_finding(uint64_t use, uint64_t now) {
        struct finding f = { .rule = RULE_IO_BRAKE, .lost_usec_per_min = 20 * USEC_PER_SEC };

        f.evidence[EVIDENCE_BRAKE_WINDOW] = 30 * USEC_PER_SEC;
        f.evidence[EVIDENCE_BRAKE_KEY] = io_key(8, 0, IO_WBPS);
        f.evidence[EVIDENCE_BRAKE_USE] = use;
        f.evidence[EVIDENCE_BRAKE_DONE] = use * 30;
        f.evidence[EVIDENCE_BRAKE_DISK_DONE] = now * 30;
        f.evidence[EVIDENCE_BRAKE_MOST] = 8 * MIB;
        f.evidence[EVIDENCE_BRAKE_LIMIT] = KNOB_MAX;
        return f;
}

static void a_brake_leaves_half_of_the_disk_to_the_others(void **state) {
        struct finding f = brake_finding(6 * MIB, 8 * MIB);
        enum reason reason;
        struct proposal p;

        (void)state;
        assert_true(sizing_propose(&f, &big, &p, &reason));
        assert_int_equal(p.changes_count, 1);
        assert_int_equal(p.changes[0].knob, KNOB_IO_MAX);
        assert_true(p.changes[0].old.amount == KNOB_MAX);
        assert_true(p.changes[0].old.key == io_key(8, 0, IO_WBPS));
        assert_true(p.changes[0].new.amount == 4 * MIB);
        assert_true(p.changes[0].new.key == io_key(8, 0, IO_WBPS));
        assert_int_equal(p.risk, RISK_MEDIUM);
        assert_true(p.expected_usec_per_min == 20 * USEC_PER_SEC * 4 / 6);
}

static void where_half_of_the_most_would_brake_nothing_it_is_half_of_now(void **state) {
        struct finding f = brake_finding(2 * MIB, 3 * MIB);
        enum reason reason;
        struct proposal p;

        (void)state;
        assert_true(sizing_propose(&f, &big, &p, &reason));
        assert_true(p.changes[0].new.amount == 3 * MIB / 2);
}

static void a_brake_that_is_as_tight_or_would_stop_the_work_is_not_proposed(void **state) {
        struct finding f = brake_finding(6 * MIB, 8 * MIB);
        enum reason reason;
        struct proposal p;

        (void)state;
        f.evidence[EVIDENCE_BRAKE_LIMIT] = 4 * MIB;
        assert_false(sizing_propose(&f, &big, &p, &reason));
        assert_int_equal(reason, REASON_NO_CHANGE);
        f.evidence[EVIDENCE_BRAKE_LIMIT] = 5 * MIB;
        assert_true(sizing_propose(&f, &big, &p, &reason));
        f = brake_finding(60 * KIB, 90 * KIB);
        assert_false(sizing_propose(&f, &big, &p, &reason));
        f = brake_finding(0, 0);
        assert_false(sizing_propose(&f, &big, &p, &reason));
}

static void a_brake_on_operations_counts_operations(void **state) {
        struct finding f = brake_finding(500, 700);
        enum reason reason;
        struct proposal p;

        (void)state;
        f.evidence[EVIDENCE_BRAKE_KEY] = io_key(8, 0, IO_RIOPS);
        f.evidence[EVIDENCE_BRAKE_MOST] = 702;
        assert_true(sizing_propose(&f, &big, &p, &reason));
        assert_true(p.changes[0].new.amount == 351);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_quota_grows_to_the_half_core_that_covers_the_demand),
                cmocka_unit_test(a_quota_at_most_doubles),
                cmocka_unit_test(a_quota_is_at_most_the_online_cpus),
                cmocka_unit_test(a_quota_above_the_demand_stays),
                cmocka_unit_test(what_always_wants_more_is_expected_to_stand_still_for_the_rest),
                cmocka_unit_test(work_in_portions_is_expected_to_rest_as_long_as_before),
                cmocka_unit_test(another_period_is_kept),
                cmocka_unit_test(numbers_without_meaning_propose_nothing),
                cmocka_unit_test(a_proposal_carries_whose_it_is_and_why),
                cmocka_unit_test(memory_grows_by_half),
                cmocka_unit_test(the_host_keeps_a_reserve_of_memory),
                cmocka_unit_test(memory_high_in_the_way_is_raised_with_max),
                cmocka_unit_test(memory_high_grows_by_half_and_stays_below_max),
                cmocka_unit_test(unlimited_memory_has_nothing_to_raise),
                cmocka_unit_test(the_number_of_tasks_doubles_within_what_the_host_bears),
                cmocka_unit_test(a_brake_leaves_half_of_the_disk_to_the_others),
                cmocka_unit_test(where_half_of_the_most_would_brake_nothing_it_is_half_of_now),
                cmocka_unit_test(a_brake_that_is_as_tight_or_would_stop_the_work_is_not_proposed),
                cmocka_unit_test(a_brake_on_operations_counts_operations),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
