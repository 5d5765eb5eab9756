/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/observer/pressure.h"
#include "tests/unit/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void write_some(struct tree *t, const char *path, unsigned long long usec) {
        char text[200];

        (void)snprintf(text, sizeof(text),
                        "some avg10=0.00 avg60=0.00 avg300=0.00 total=%llu\n"
                        "full avg10=0.00 avg60=0.00 avg300=0.00 total=7\n",
                        usec);
        tree_write(t, path, text);
}

static struct tree host_make(unsigned long long usec) {
        struct tree t = tree_make();

        write_some(&t, "pressure/cpu", usec);
        write_some(&t, "pressure/memory", usec + 1);
        write_some(&t, "pressure/io", usec + 2);
        return t;
}

static void the_reading_nearest_in_time_is_taken(void **state) {
        struct tree t = host_make(1000);
        struct pressure p = {};
        struct sample s = { .boottime_ns = 11 * NSEC_PER_SEC };

        (void)state;
        pressure_read(&p, t.fd, 10 * NSEC_PER_SEC);
        write_some(&t, "pressure/cpu", 9000);
        pressure_read(&p, t.fd, 12 * NSEC_PER_SEC + 1);
        pressure_put(&p, &s);
        assert_int_equal(s.value[SAMPLE_HOST_CPU_SOME], 1000);
        assert_int_equal(s.value[SAMPLE_HOST_MEMORY_SOME], 1001);
        assert_int_equal(s.value[SAMPLE_HOST_IO_SOME], 1002);
        s.boottime_ns = 12 * NSEC_PER_SEC;
        pressure_put(&p, &s);
        assert_int_equal(s.value[SAMPLE_HOST_CPU_SOME], 9000);
        tree_remove(&t);
}

static void what_was_not_read_then_is_not_known(void **state) {
        struct tree t = host_make(1000);
        struct pressure p = {};
        struct sample s = { .boottime_ns = 20 * NSEC_PER_SEC,
                .present = 1ULL << SAMPLE_HOST_CPU_SOME };

        (void)state;
        pressure_read(&p, t.fd, 10 * NSEC_PER_SEC);
        pressure_put(&p, &s);
        assert_int_equal(s.present, 0);
        tree_remove(&t);
}

static void it_is_read_once_a_second(void **state) {
        struct tree t = host_make(1000);
        struct pressure p = {};

        (void)state;
        pressure_read(&p, t.fd, 10 * NSEC_PER_SEC);
        pressure_read(&p, t.fd, 10 * NSEC_PER_SEC + NSEC_PER_SEC / 2);
        assert_int_equal(p.next, 1);
        for (unsigned i = 1; i <= PRESSURE_READINGS; i++)
                pressure_read(&p, t.fd, (10 + i) * NSEC_PER_SEC);
        assert_int_equal(p.next, 1);
        tree_remove(&t);
}

static void a_kernel_without_pressure_leaves_nothing(void **state) {
        struct tree t = tree_make();
        struct pressure p = {};
        struct sample s = { .boottime_ns = 10 * NSEC_PER_SEC };

        (void)state;
        pressure_read(&p, t.fd, 10 * NSEC_PER_SEC);
        pressure_put(&p, &s);
        assert_int_equal(s.present, 0);
        tree_remove(&t);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_reading_nearest_in_time_is_taken),
                cmocka_unit_test(what_was_not_read_then_is_not_known),
                cmocka_unit_test(it_is_read_once_a_second),
                cmocka_unit_test(a_kernel_without_pressure_leaves_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
