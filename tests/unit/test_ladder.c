/* SPDX-License-Identifier: Apache-2.0 */
#include "policies/rules/ladder.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define HIGH(old_mib, new_mib) change_of(KNOB_MEMORY_HIGH, old_mib, new_mib)

static uint64_t of_mib(uint64_t mib) {
        return mib == UINT64_MAX ? KNOB_MAX : mib * MIB;
}

static void add(struct change *x, enum knob_id id, uint64_t old_mib, uint64_t new_mib) {
        x->changes[x->changes_count++] = (struct knob_change){
                .knob = id, .old = { of_mib(old_mib), 0 }, .new = { of_mib(new_mib), 0 }
        };
}

static struct change change_of(enum knob_id id, uint64_t old_mib, uint64_t new_mib) {
        struct change x = { .number = 1 };

        add(&x, id, old_mib, new_mib);
        return x;
}

static const struct knob_value no_high = { KNOB_MAX, 0 };

/* Goes down the ladder with a load whose use follows memory.high at once. Returns: the steps */
static unsigned climb(struct change *x, uint64_t use_mib, struct ladder_step *ret) {
        struct ladder_input in = { .current_bytes = of_mib(use_mib) };
        unsigned count = 0;

        for (; count < LADDER_STEPS_MAX; count++) {
                ret[count] = ladder_next(x, &in);
                if (ret[count].action != LADDER_STEP)
                        break;
                (void)ladder_take(x, &ret[count]);
                in.current_bytes = u64_min(in.current_bytes, ret[count].value.amount);
        }
        return count;
}

static void a_limit_above_use_needs_no_ladder(void **state) {
        struct change x = HIGH(UINT64_MAX, 100), y = change_of(KNOB_MEMORY_MAX, 400, 100);

        (void)state;
        assert_false(ladder_begin(&x, 100 * MIB, &no_high));
        assert_false(ladder_begin(&y, 100 * MIB, &no_high));
        assert_int_equal(x.step_mask | y.step_mask, 0);
        assert_int_equal(y.changes_count, 1);
}

static void a_raise_needs_no_ladder(void **state) {
        struct change x = HIGH(100, 200), y = change_of(KNOB_CPU_MAX, 100, 50);

        (void)state;
        assert_false(ladder_begin(&x, 300 * MIB, &no_high));
        assert_false(ladder_begin(&y, 300 * MIB, &no_high));
}

static void no_step_of_memory_high_takes_more_than_a_tenth_of_use(void **state) {
        struct change x = HIGH(UINT64_MAX, 500);
        struct ladder_step steps[LADDER_STEPS_MAX];
        uint64_t use = 1000 * MIB;
        unsigned count;

        (void)state;
        assert_true(ladder_begin(&x, use, &no_high));
        count = climb(&x, 1000, steps);
        assert_int_equal(count, 7);
        for (unsigned i = 0; i < count; i++) {
                assert_int_equal(steps[i].position, 0);
                assert_in_range(steps[i].value.amount, use / 10 * 9 - 4096, use - 1);
                use = steps[i].value.amount;
        }
        assert_int_equal(use, 500 * MIB);
        assert_int_equal(x.step_mask, 0);
        assert_int_equal(steps[count].action, LADDER_DONE);
}

static void memory_max_comes_last_and_memory_high_becomes_what_it_was(void **state) {
        struct change x = change_of(KNOB_MEMORY_MAX, 2000, 800);
        struct ladder_step steps[LADDER_STEPS_MAX];
        unsigned count;

        (void)state;
        assert_true(ladder_begin(&x, 1000 * MIB, &no_high));
        assert_int_equal(x.changes_count, 2);
        assert_true(knob_equal(x.changes[1].old, x.changes[1].new));
        count = climb(&x, 1000, steps);
        assert_int_equal(count, 5);
        assert_int_equal(steps[0].value.amount, 900 * MIB);
        assert_in_range(steps[1].value.amount, 810 * MIB - 4096, 810 * MIB);
        assert_int_equal(steps[2].value.amount, 800 * MIB);
        assert_int_equal(steps[3].position, 0);
        assert_int_equal(steps[3].value.amount, 800 * MIB);
        assert_int_equal(steps[4].position, 1);
        assert_int_equal(steps[4].value.amount, KNOB_MAX);
        assert_int_equal(x.step_mask, 0);
}

static void both_are_lowered_memory_high_first(void **state) {
        struct change x = change_of(KNOB_MEMORY_MAX, 2000, 950);
        struct ladder_step steps[LADDER_STEPS_MAX];
        unsigned count;

        (void)state;
        add(&x, KNOB_MEMORY_HIGH, 1900, 900);
        assert_true(ladder_begin(&x, 1000 * MIB, &x.changes[1].old));
        count = climb(&x, 1000, steps);
        assert_int_equal(x.changes_count, 2);
        assert_int_equal(steps[0].position, 1);
        assert_int_equal(steps[0].value.amount, 900 * MIB);
        assert_int_equal(steps[1].position, 0);
        assert_int_equal(steps[1].value.amount, 950 * MIB);
        assert_int_equal(count, 2);
        assert_int_equal(x.step_mask, 0);
}

static void a_step_waits_until_use_has_come_down_to_the_last_one(void **state) {
        struct change x = HIGH(UINT64_MAX, 500);
        struct ladder_input in = { .current_bytes = 1000 * MIB };
        struct ladder_step step;

        (void)state;
        assert_true(ladder_begin(&x, in.current_bytes, &no_high));
        step = ladder_next(&x, &in);
        (void)ladder_take(&x, &step);
        assert_int_equal(ladder_next(&x, &in).action, LADDER_WAIT);
        in.current_bytes = 900 * MIB;
        assert_int_equal(ladder_next(&x, &in).action, LADDER_STEP);
}

static void a_step_waits_while_what_was_reclaimed_is_read_again(void **state) {
        struct change x = HIGH(UINT64_MAX, 500);
        struct ladder_input in = { .current_bytes = 1000 * MIB, .refaults_per_sec = 5000 };
        struct ladder_step step;

        (void)state;
        assert_true(ladder_begin(&x, in.current_bytes, &no_high));
        step = ladder_next(&x, &in);
        assert_int_equal(step.action, LADDER_STEP);
        (void)ladder_take(&x, &step);
        in.current_bytes = 800 * MIB;
        assert_int_equal(ladder_next(&x, &in).action, LADDER_WAIT);
        in.refaults_per_sec = LADDER_REFAULTS_PER_SEC;
        assert_int_equal(ladder_next(&x, &in).action, LADDER_STEP);
}

static void memory_max_waits_until_use_fits_below_it(void **state) {
        struct change x = change_of(KNOB_MEMORY_MAX, 2000, 900);
        struct ladder_input in = { .current_bytes = 1000 * MIB };
        struct ladder_step step;

        (void)state;
        assert_true(ladder_begin(&x, in.current_bytes, &no_high));
        step = ladder_next(&x, &in);
        assert_int_equal(step.value.amount, 900 * MIB);
        assert_true(ladder_take(&x, &step));
        assert_int_equal(ladder_next(&x, &in).action, LADDER_WAIT);
        in.current_bytes = 890 * MIB;
        step = ladder_next(&x, &in);
        assert_int_equal(step.position, 0);
        assert_false(ladder_take(&x, &step)); /* the new value: the intent has it */
}

static void use_that_hovers_a_little_above_is_pushed_below_memory_max(void **state) {
        struct change x = change_of(KNOB_MEMORY_MAX, 2000, 900);
        struct knob_value high = { 900 * MIB, 0 };
        struct ladder_input in = { .current_bytes = 900 * MIB + 4096 };
        struct ladder_step step;

        (void)state;
        assert_true(ladder_begin(&x, in.current_bytes, &high));
        step = ladder_next(&x, &in);
        assert_int_equal(step.action, LADDER_STEP);
        assert_int_equal(step.position, 1);
        assert_int_equal(step.value.amount, 810 * MIB);
        (void)ladder_take(&x, &step);
        in.current_bytes = 811 * MIB; /* as near as memory.high comes */
        step = ladder_next(&x, &in);
        assert_int_equal(step.action, LADDER_STEP);
        assert_int_equal(step.position, 0);
}

static void without_a_memory_high_there_is_no_ladder(void **state) {
        struct change x = change_of(KNOB_MEMORY_MAX, 2000, 900);

        (void)state;
        assert_false(ladder_begin(&x, 1000 * MIB, NULL));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_limit_above_use_needs_no_ladder),
                cmocka_unit_test(a_raise_needs_no_ladder),
                cmocka_unit_test(no_step_of_memory_high_takes_more_than_a_tenth_of_use),
                cmocka_unit_test(memory_max_comes_last_and_memory_high_becomes_what_it_was),
                cmocka_unit_test(both_are_lowered_memory_high_first),
                cmocka_unit_test(a_step_waits_until_use_has_come_down_to_the_last_one),
                cmocka_unit_test(a_step_waits_while_what_was_reclaimed_is_read_again),
                cmocka_unit_test(memory_max_waits_until_use_fits_below_it),
                cmocka_unit_test(use_that_hovers_a_little_above_is_pushed_below_memory_max),
                cmocka_unit_test(without_a_memory_high_there_is_no_ladder),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
