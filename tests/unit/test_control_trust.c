/* SPDX-License-Identifier: Apache-2.0 */
/* What is said of a rule, and what must never be, from the changes that the engine holds. */
#include "governor/control/invariants.h"
#include "governor/control/steps.h"
#include "state/log.h"
#include "tests/unit/control_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define MINUTE_NS (60 * NSEC_PER_SEC)

/* A change that was taken back after a kill; @boot 0: in this boot. */
static void add_ended(struct fixture *f, uint64_t number, uint64_t minute, uint8_t boot) {
        struct run *run = calloc(1, sizeof(*run));

        assert_non_null(run);
        run->change = (struct change){ .number = number,
                .rule = RULE_CPU_QUOTA,
                .state = CHANGE_ROLLED_BACK,
                .reason = REASON_OOM_KILL,
                .ended_boottime_ns = minute * MINUTE_NS };
        run->this_boot = boot == 0;
        run->boot[0] = boot;
        engine_add(&f->control, run);
        f->control.engine.ended++;
}

static void a_reboot_gives_no_trust_back(void **state) {
        struct fixture *f = *state;

        for (uint64_t i = 1; i <= 3; i++)
                add_ended(f, i, 10 * i, /* boot= */ 7);
        assert_false(engine_trusts(&f->control, RULE_CPU_QUOTA));
        assert_true(engine_trusts(&f->control, RULE_PIDS_LIMIT));
}

static void rollbacks_of_three_boots_are_not_within_an_hour(void **state) {
        struct fixture *f = *state;

        for (uint8_t i = 1; i <= 3; i++)
                add_ended(f, i, 10, i);
        assert_true(engine_trusts(&f->control, RULE_CPU_QUOTA));
}

static void harm_is_on_record_though_something_was_kept(void **state) {
        struct fixture *f = *state;
        struct run *run;

        fixture_write(f, "memory.max", "536870912");
        fixture_write(f, "memory.high", "max");
        run = fixture_apply(f, KNOB_MEMORY_MAX, 943718400, /* end= */ false);
        fixture_write(f, "memory.current", "629145600");
        engine_verdict(&f->control, run->change.number, VERDICT_WORSE, 0, NULL);
        fixture_until(f, run, CHANGE_ROLLED_BACK);
        assert_int_equal(run->change.reason, REASON_OBSERVER_ASKED);
        assert_int_equal(run->change.kept_mask, 1);
}

/* What is logged when @run enters @state, in a process of its own: asan's build ends there. */
static void enter(struct fixture *f, const struct run *run, enum change_state state, char *out,
                size_t size) {
        size_t len = 0;
        ssize_t n;
        int fds[2];
        pid_t pid;

        assert_int_equal(pipe(fds), 0);
        pid = fork();
        if (pid == 0) {
                (void)dup2(fds[1], STDERR_FILENO);
                log_set_sink(NULL);
                invariants_enter(&f->control, run, state);
                _exit(0);
        }
        (void)close(fds[1]);
        while ((n = read(fds[0], out + len, size - 1 - len)) > 0)
                len += (size_t)n;
        out[len] = '\0';
        (void)close(fds[0]);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void a_second_open_change_of_a_container_is_noticed(void **state) {
        struct fixture *f = *state;
        struct run *first = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ false);
        struct run second = { .change = first->change };
        char said[1024];

        assert_int_equal(first->change.state, CHANGE_PROBATION);
        second.change.state = CHANGE_PRECHECK;
        second.change.number++;
        enter(f, &second, CHANGE_INTENT, said, sizeof(said));
        assert_non_null(strstr(said, "two open changes of one container"));
}

static void a_write_without_an_intent_is_noticed(void **state) {
        struct fixture *f = *state;
        struct run run = { .change = { .state = CHANGE_APPLYING } };
        char said[1024];

        enter(f, &run, CHANGE_VERIFY, said, sizeof(said));
        assert_non_null(strstr(said, "a write without an intent"));
}

static void what_is_in_order_is_not_told(void **state) {
        struct fixture *f = *state;
        struct run run = { .change = { .number = 9, .state = CHANGE_APPLYING } };
        char said[1024];

        enter(f, &run, CHANGE_VERIFY, said, sizeof(said));
        assert_string_equal(said, "");
}

#define TRUST_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_begin, fixture_end)

int main(void) {
        const struct CMUnitTest tests[] = {
                TRUST_TEST(a_reboot_gives_no_trust_back),
                TRUST_TEST(rollbacks_of_three_boots_are_not_within_an_hour),
                TRUST_TEST(harm_is_on_record_though_something_was_kept),
                TRUST_TEST(a_second_open_change_of_a_container_is_noticed),
                TRUST_TEST(a_write_without_an_intent_is_noticed),
                TRUST_TEST(what_is_in_order_is_not_told),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
