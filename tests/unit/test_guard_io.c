/* SPDX-License-Identifier: Apache-2.0 */
/* The guard on limits of io. */
#include "tests/unit/guard_fixture.h"

/* A wish of io.weight is one of both files. */
static void want_weight(struct fixture *f, uint64_t weight) {
        f->p.changes_count = 0;
        want(f, KNOB_IO_WEIGHT, weight);
        want(f, KNOB_IO_BFQ_WEIGHT, io_weight_to_bfq(weight));
}

static void a_weight_that_nothing_looks_at_is_refused_with_what_to_do(void **state) {
        struct fixture *f = *state;

        (void)strcpy(f->container.io.devices, "8:0, 259:0");
        want_weight(f, 200);
        assert_refused(f, REASON_NO_WEIGHING,
                        "neither iocost nor BFQ is active on 8:0, 259:0; write bfq into");
        f->container.io.devices[0] = '\0';
        assert_refused(f, REASON_NO_WEIGHING, "active on any disk");
        f->container.io.bfq = true;
        assert_asked(f, RISK_LOW, "");
        f->container.io = (struct io_weighing){ .iocost = true };
        assert_asked(f, RISK_LOW, "");
}

static void a_weight_of_the_other_controller_is_refused_by_its_name(void **state) {
        struct fixture *f = *state;

        f->container.io.iocost = true;
        want(f, KNOB_IO_BFQ_WEIGHT, 200);
        assert_refused(f, REASON_NO_WEIGHING,
                        "io.bfq.weight: no effect on any disk: iocost weighs there: set io.weight");
        f->p.changes_count = 0;
        f->container.io = (struct io_weighing){ .bfq = true };
        want(f, KNOB_IO_WEIGHT, 200);
        assert_refused(f, REASON_NO_WEIGHING, "its BFQ weighs no cgroups");
}

/* A limit of a disk, which has none now. */
static void want_io(struct fixture *f, uint64_t minor, enum io_limit limit, uint64_t amount) {
        unsigned i = f->p.changes_count++;
        struct knob_value none = { .amount = KNOB_MAX, .key = io_key(8, minor, limit) };

        f->p.changes[i] = (struct knob_change){ .knob = KNOB_IO_MAX, .old = none, .new = none };
        f->p.changes[i].new.amount = amount;
        f->container.io_max[i] = (struct guard_io_max){
                .now = none, .parent = none, .disk = { .present = true }
        };
}

static void each_limit_of_each_disk_is_a_knob_of_its_own(void **state) {
        struct fixture *f = *state;

        want_io(f, 0, IO_WBPS, MIB);
        want_io(f, 0, IO_RBPS, MIB);
        want_io(f, 16, IO_WBPS, MIB);
        assert_asked(f, RISK_MEDIUM, "");
        f->container.io_max[2].now.amount = 2 * MIB;
        assert_refused(f, REASON_STALE,
                        "8:16 wbps=max when it was proposed and is 8:16 wbps=2 MiB/s");
        want_io(f, 0, IO_WBPS, 2 * MIB);
        assert_refused(f, REASON_PARSE, "io.max is given twice");
}

static void only_whole_disks_are_limited(void **state) {
        struct fixture *f = *state;

        want_io(f, 1, IO_WBPS, MIB);
        f->container.io_max[0].disk.present = false;
        assert_refused(f, REASON_DEVICE, "there is no disk 8:1 on this host");
        f->container.io_max[0].disk = (struct io_disk){ .present = true, .whole = "8:0" };
        assert_refused(f, REASON_DEVICE,
                        "8:1 is a partition, and the kernel limits whole disks: "
                        "set it for 8:0");
}

static void a_brake_on_swap_is_refused_to_rules_and_told_to_people(void **state) {
        struct fixture *f = *state;

        want_io(f, 0, IO_WBPS, MIB);
        f->container.io_max[0].disk.swap = true;
        assert_asked(f, RISK_MEDIUM, "swap is on 8:0");
        f->p.rule = RULE_MEMORY_LIMIT;
        assert_refused(f, REASON_DEVICE, "rules put no brake there");
}

static void a_tighter_parent_counts_for_its_own_limit_alone(void **state) {
        struct fixture *f = *state;

        want_io(f, 0, IO_WBPS, 4 * MIB);
        want_io(f, 0, IO_RBPS, 4 * MIB);
        f->container.io_max[0].parent.amount = MIB;
        assert_asked(f, RISK_MEDIUM, "no effect beyond 8:0 wbps=1 MiB/s");
}

/* Whoever shares the disk has a say: no policy names io.max (config_policies.c), so none allows it.
 */
static void a_brake_is_a_persons_to_decide_whatever_a_policy_takes(void **state) {
        struct policy policy = { .number = 3, .mode = POLICY_AUTO, .risk = RISK_HIGH };
        struct fixture *f = *state;

        policy.at_most[policy.at_most_count++] =
                        (struct policy_bound){ KNOB_CPU_MAX, { 300000, 100000 } };
        f->container.policy = &policy;
        f->p.rule = RULE_IO_BRAKE;
        want_io(f, 0, IO_WBPS, MIB);
        assert_asked(f, RISK_MEDIUM, "policy 3 does not name io.max: yours to decide");
        f->container.io_max[0].disk.swap = true;
        assert_refused(f, REASON_DEVICE, "rules put no brake there");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(a_weight_that_nothing_looks_at_is_refused_with_what_to_do),
                TEST(a_weight_of_the_other_controller_is_refused_by_its_name),
                TEST(each_limit_of_each_disk_is_a_knob_of_its_own),
                TEST(only_whole_disks_are_limited),
                TEST(a_brake_on_swap_is_refused_to_rules_and_told_to_people),
                TEST(a_brake_is_a_persons_to_decide_whatever_a_policy_takes),
                TEST(a_tighter_parent_counts_for_its_own_limit_alone),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
