/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/kernel/systemd_unit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cmocka.h>

struct fixture {
        struct unit_properties unit;
        struct limits limits;
        struct unit_settings settings;
        struct error err;
};

/* A unit without limits of its own, as systemd 257 shows it. */
static int set_up(void **state) {
        static const enum knob_id numbers[] = { KNOB_MEMORY_MAX, KNOB_MEMORY_HIGH,
                KNOB_MEMORY_SWAP_MAX, KNOB_CPU_MAX, KNOB_CPU_WEIGHT, KNOB_PIDS_MAX,
                KNOB_MEMORY_ZSWAP_MAX, KNOB_IO_WEIGHT };
        struct fixture *f = calloc(1, sizeof(*f));

        assert_non_null(f);
        f->unit.period_usec = UINT64_MAX;
        f->unit.has = 1ULL << KNOB_MEMORY_LOW | 1ULL << KNOB_MEMORY_MIN |
                      1ULL << KNOB_MEMORY_ZSWAP_WB;
        f->unit.number[KNOB_MEMORY_ZSWAP_WB] = 1;
        for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
                f->unit.number[numbers[i]] = UINT64_MAX;
                f->unit.has |= 1ULL << numbers[i];
        }
        f->unit.has_set[0] = f->unit.has_set[1] = true;
        *state = f;
        return 0;
}

static int tear_down(void **state) {
        free(*state);
        return 0;
}

static char *text_of(const char *text) {
        return (char *)(uintptr_t)text; /* only read */
}

static int compare(struct fixture *f) {
        return unit_compare(&f->unit, &f->limits, &f->settings, &f->err);
}

/* The one of that name; one without a name when it is not sent. */
static struct unit_setting setting(const struct fixture *f, const char *property) {
        for (size_t i = 0; i < f->settings.count; i++)
                if (strcmp(f->settings.item[i].property, property) == 0)
                        return f->settings.item[i];
        return (struct unit_setting){ .property = NULL };
}

static void what_systemd_would_write_anyway_is_not_sent(void **state) {
        struct fixture *f = *state;

        f->limits.text[KNOB_MEMORY_MAX] = text_of("299999232");
        f->unit.number[KNOB_MEMORY_MAX] = 300000001; /* not a whole page */
        f->limits.text[KNOB_MEMORY_HIGH] = text_of("max");
        f->limits.text[KNOB_MEMORY_LOW] = text_of("0");
        f->limits.text[KNOB_CPU_WEIGHT] = text_of("100");
        f->limits.text[KNOB_IO_WEIGHT] = text_of("default 100\n8:0 50");
        f->limits.text[KNOB_IO_BFQ_WEIGHT] = text_of("default 100");
        f->limits.text[KNOB_CPU_MAX] = text_of("max 100000");
        f->limits.text[KNOB_CPU_IDLE] = text_of("0");
        f->limits.text[KNOB_CPU_MAX_BURST] = text_of("5000");
        f->limits.text[KNOB_MEMORY_SWAP_HIGH] = text_of("5000");
        f->limits.text[KNOB_MEMORY_OOM_GROUP] = text_of("0");
        f->limits.text[KNOB_MEMORY_ZSWAP_WB] = text_of("1");
        f->limits.text[KNOB_CPUSET_CPUS] = text_of("");
        f->limits.text[KNOB_IO_MAX] = text_of("8:0 rbps=1 wbps=max riops=max wiops=max");
        assert_int_equal(compare(f), 0);
        assert_int_equal(f->settings.count, 0);
}

static void every_difference_is_sent(void **state) {
        struct fixture *f = *state;

        f->limits.text[KNOB_MEMORY_SWAP_MAX] = text_of("0");
        f->limits.text[KNOB_MEMORY_LOW] = text_of("4096");
        f->limits.text[KNOB_CPU_WEIGHT] = text_of("60");
        f->limits.text[KNOB_PIDS_MAX] = text_of("77");
        f->limits.text[KNOB_MEMORY_ZSWAP_WB] = text_of("0");
        f->limits.text[KNOB_IO_WEIGHT] = text_of("default 50");
        f->limits.text[KNOB_IO_BFQ_WEIGHT] = text_of("default 50");
        f->limits.text[KNOB_MEMORY_HIGH] = text_of("max");
        f->unit.number[KNOB_MEMORY_HIGH] = 4096;
        assert_int_equal(compare(f), 0);
        assert_int_equal(f->settings.count, 7);
        assert_int_equal(setting(f, "MemorySwapMax").number, 0);
        assert_int_equal(setting(f, "MemoryLow").number, 4096);
        assert_int_equal(setting(f, "MemoryHigh").number, UINT64_MAX);
        assert_int_equal(setting(f, "CPUWeight").number, 60);
        assert_int_equal(setting(f, "TasksMax").number, 77);
        assert_int_equal(setting(f, "IOWeight").number, 50);
        assert_int_equal(setting(f, "MemoryZSwapWriteback").kind, SETTING_SWITCH);
}

/* A systemd without the property does not write the file. */
static void what_this_systemd_has_no_property_for_stays(void **state) {
        struct fixture *f = *state;

        f->unit.has &= ~(1ULL << KNOB_MEMORY_ZSWAP_MAX);
        f->unit.has_set[1] = false;
        f->limits.text[KNOB_MEMORY_ZSWAP_MAX] = text_of("0");
        f->limits.text[KNOB_CPUSET_MEMS] = text_of("0");
        assert_int_equal(compare(f), 0);
        assert_int_equal(f->settings.count, 0);
}

static void a_quota_survives_its_way_through_systemd(void **state) {
        static const struct {
                const char *text;
                uint64_t unit_quota, unit_period;
                int code;
                uint64_t quota, period; /* 0: not sent */
        } rows[] = {
                { "150000 100000", 1500000, UINT64_MAX, 0, 0, 0 },
                { "33333 100000", 333333, UINT64_MAX, 0, 0, 0 },
                { "150000 100000", UINT64_MAX, UINT64_MAX, 0, 1500000, 0 },
                { "33333 50000", UINT64_MAX, UINT64_MAX, 0, 666660, 50000 },
                { "33333 50000", UINT64_MAX, 50000, 0, 666660, 0 },
                { "1 1", UINT64_MAX, UINT64_MAX, -EREMOTE, 0, 0 },
                { "1000 70000", UINT64_MAX, UINT64_MAX, 0, 14286, 70000 },
                { "150000 100000", 1500000, 50000, 0, 1500000, 100000 },
                { "max 100000", 1500000, UINT64_MAX, 0, UINT64_MAX, 0 },
                { "max 50000", UINT64_MAX, UINT64_MAX, -EREMOTE, 0, 0 },
                { "1000 200000", 5000, UINT64_MAX, 0, 0, 0 },
                { "nonsense", UINT64_MAX, UINT64_MAX, -EREMOTE, 0, 0 },
        };
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct unit_setting quota, period;

                f->limits.text[KNOB_CPU_MAX] = text_of(rows[i].text);
                f->unit.number[KNOB_CPU_MAX] = rows[i].unit_quota;
                f->unit.period_usec = rows[i].unit_period;
                assert_int_equal(compare(f), rows[i].code);
                if (rows[i].code < 0) {
                        assert_non_null(strstr(f->err.text, "cpu.max"));
                        continue;
                }
                quota = setting(f, "CPUQuotaPerSecUSec");
                period = setting(f, "CPUQuotaPeriodUSec");
                assert_int_equal(quota.number, rows[i].quota);
                assert_int_equal(period.number, rows[i].period);
        }
}

/* Linux 6.1 shows the weight of an idle cgroup as 0, 6.12 as 1. */
static void an_idle_cgroup_is_the_weight_of_zero(void **state) {
        struct fixture *f = *state;

        f->limits.text[KNOB_CPU_WEIGHT] = text_of("1");
        f->limits.text[KNOB_CPU_IDLE] = text_of("1");
        assert_int_equal(compare(f), 0);
        assert_string_equal(setting(f, "CPUWeight").property, "CPUWeight");
        assert_int_equal(setting(f, "CPUWeight").number, 0);
        f->unit.number[KNOB_CPU_WEIGHT] = 0;
        assert_int_equal(compare(f), 0);
        assert_int_equal(f->settings.count, 0);
}

static void bfq_weights_are_those_of_io_or_refused(void **state) {
        struct fixture *f = *state;

        f->limits.text[KNOB_IO_BFQ_WEIGHT] = text_of("default 200");
        assert_int_equal(compare(f), 0);
        assert_int_equal(setting(f, "IOWeight").number, 1200);
        f->limits.text[KNOB_IO_WEIGHT] = text_of("default 1200");
        assert_int_equal(compare(f), 0);
        assert_int_equal(f->settings.count, 1);
        f->limits.text[KNOB_IO_WEIGHT] = text_of("default 100");
        assert_int_equal(compare(f), -EREMOTE);
        assert_non_null(strstr(f->err.text, "io.bfq.weight"));
}

static void sets_of_cpus_are_sent_as_bits(void **state) {
        struct fixture *f = *state;
        struct unit_setting s;

        f->limits.text[KNOB_CPUSET_CPUS] = text_of("0-2,9");
        f->unit.set[1].bits[0] = 1;
        f->limits.text[KNOB_CPUSET_MEMS] = text_of("0");
        assert_int_equal(compare(f), 0);
        assert_int_equal(f->settings.count, 1);
        s = setting(f, "AllowedCPUs");
        assert_int_equal(s.set_bytes, 2);
        assert_ptr_equal(s.set, &f->settings.set[0]);
        assert_int_equal(f->settings.set[0].bits[0], 7);
        assert_int_equal(f->settings.set[0].bits[1], 2);

        f->limits.text[KNOB_CPUSET_MEMS] = text_of("");
        assert_int_equal(compare(f), 0);
        assert_int_equal(setting(f, "AllowedMemoryNodes").set_bytes, 0);

        static const char *const bad[] = { "x", "0-", "1,,2", "99999", "0 1" };
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                f->limits.text[KNOB_CPUSET_CPUS] = text_of(bad[i]);
                assert_int_equal(compare(f), -EREMOTE);
        }
}

static void only_devices_that_the_unit_lists_are_compared(void **state) {
        struct fixture *f = *state;
        struct unit_setting s;
        struct stat st;
        char text[256];

        /* A path that is no device stands for the one that it lies on; this one is on no disk. */
        assert_int_equal(stat("/proc", &st), 0);
        (void)snprintf(text, sizeof(text),
                        "1:1 rbps=9 wbps=9 riops=9 wiops=9\n"
                        "%u:%u rbps=5 wbps=max riops=7 wiops=max",
                        major(st.st_dev), minor(st.st_dev));
        f->limits.text[KNOB_IO_MAX] = text;
        f->unit.io[0] = (struct unit_device_limit){ IO_RBPS, "/proc", 5 };
        f->unit.io[1] = (struct unit_device_limit){ IO_WBPS, "/proc", 6 };
        f->unit.io[2] = (struct unit_device_limit){ IO_RBPS, "/nowhere", 1 };
        f->unit.io_count = 3;
        assert_int_equal(compare(f), 0);
        assert_int_equal(f->settings.count, 2);
        s = setting(f, "IOWriteBandwidthMax");
        assert_int_equal(s.kind, SETTING_DEVICE);
        assert_int_equal(s.number, UINT64_MAX);
        assert_string_equal(s.device, "/proc");
        assert_int_equal(setting(f, "IOReadIOPSMax").number, 7);

        f->limits.text[KNOB_IO_MAX] = text_of("1:1 rbps=9 wbps=9 riops=9 wiops=9");
        assert_int_equal(compare(f), -EREMOTE);
        assert_non_null(strstr(f->err.text, "io.max"));
        (void)snprintf(text, sizeof(text), "%u:%u rbps=x", major(st.st_dev), minor(st.st_dev));
        f->limits.text[KNOB_IO_MAX] = text;
        assert_int_equal(compare(f), -EREMOTE);
}

static void a_disk_that_a_change_limits_is_told_of(void **state) {
        struct fixture *f = *state;
        struct change x = { .changes_count = 3,
                .changes = { { .knob = KNOB_IO_MAX, .new = { .key = io_key(7, 65535, IO_WBPS) } },
                                { .knob = KNOB_IO_MAX,
                                                .new = { .key = io_key(7, 65535, IO_RBPS) } },
                                { .knob = KNOB_PIDS_MAX } } };

        assert_int_equal(unit_add_disks(&f->unit, &x), 0);
        assert_int_equal(f->unit.io_count, 1);
        assert_string_equal(f->unit.io[0].path, "/dev/block/7:65535");
        assert_true(f->unit.io[0].value == KNOB_MAX);
        f->unit.io_count = UNIT_IO_MAX;
        x.changes[0].new.key = io_key(7, 65534, IO_WBPS);
        assert_int_equal(unit_add_disks(&f->unit, &x), -E2BIG);
}

static void what_no_property_can_express_is_refused_by_name(void **state) {
        struct fixture *f = *state;

        f->limits.text[KNOB_MEMORY_OOM_GROUP] = text_of("1");
        assert_int_equal(compare(f), -EREMOTE);
        assert_non_null(strstr(f->err.text, "memory.oom.group"));
        f->unit.oom_kill = true;
        assert_int_equal(compare(f), 0);
        f->limits.text[KNOB_MEMORY_MAX] = text_of("12abc");
        f->limits.text[KNOB_MEMORY_HIGH] = text_of("abc");
        assert_int_equal(compare(f), -EREMOTE);
        f->limits.text[KNOB_MEMORY_HIGH] = NULL;
        (void)snprintf(f->unit.refused, sizeof(f->unit.refused), "StartupCPUWeight");
        assert_int_equal(compare(f), -EREMOTE);
        assert_non_null(strstr(f->err.text, "StartupCPUWeight"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(what_systemd_would_write_anyway_is_not_sent),
                TEST(every_difference_is_sent),
                TEST(what_this_systemd_has_no_property_for_stays),
                TEST(a_quota_survives_its_way_through_systemd),
                TEST(an_idle_cgroup_is_the_weight_of_zero),
                TEST(bfq_weights_are_those_of_io_or_refused),
                TEST(sets_of_cpus_are_sent_as_bits),
                TEST(only_devices_that_the_unit_lists_are_compared),
                TEST(a_disk_that_a_change_limits_is_told_of),
                TEST(what_no_property_can_express_is_refused_by_name),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
