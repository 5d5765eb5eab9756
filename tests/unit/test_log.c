/* SPDX-License-Identifier: Apache-2.0 */
#include "state/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static char taken[256];
static enum event taken_event;
static bool takes = true;

static bool take(int level, enum event event, const char *line) {
        (void)level;
        taken_event = event;
        (void)snprintf(taken, sizeof(taken), "%s", line);
        return takes;
}

static void a_sink_gets_the_line_and_its_event(void **state) {
        (void)state;
        log_set_sink(take);
        log_event(LOG_NOTICE, EVENT_CONFLICT, "C%d of %s", 7, "a\033b");
        log_set_sink(NULL);
        assert_int_equal(taken_event, EVENT_CONFLICT);
        assert_string_equal(taken, "C7 of a\\x1bb");
}

/* What a warning looks like on stderr while a sink does not take it. */
static void assert_stderr(const char *want) {
        int saved = dup(STDERR_FILENO), ends[2];
        char text[64];
        ssize_t n;

        assert_int_equal(pipe(ends), 0);
        assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
        takes = false;
        log_set_sink(take);
        log_warning("no room");
        log_set_sink(NULL);
        takes = true;
        assert_true(dup2(saved, STDERR_FILENO) >= 0);
        n = read(ends[0], text, sizeof(text) - 1);
        assert_true(n >= 0);
        text[n] = '\0';
        assert_string_equal(text, want);
        (void)close(saved);
        (void)close(ends[0]);
        (void)close(ends[1]);
}

static void a_line_that_the_sink_does_not_take_goes_to_stderr(void **state) {
        (void)state;
        assert_int_equal(setenv("JOURNAL_STREAM", "1:2", 1), 0);
        assert_stderr("<4>no room\n");
        assert_int_equal(unsetenv("JOURNAL_STREAM"), 0);
}

static void where_no_journal_reads_a_line_begins_with_the_program(void **state) {
        (void)state;
        assert_int_equal(unsetenv("JOURNAL_STREAM"), 0);
        assert_stderr("test_log: no room\n");
}

static void every_event_has_an_id_of_its_own(void **state) {
        (void)state;
        assert_null(event_message_ids[EVENT_NONE]);
        for (int i = EVENT_NONE + 1; i < EVENT_COUNT; i++) {
                assert_int_equal(strlen(event_message_ids[i]), 32);
                assert_int_equal(strspn(event_message_ids[i], "0123456789abcdef"), 32);
                for (int k = EVENT_NONE + 1; k < i; k++)
                        assert_string_not_equal(event_message_ids[i], event_message_ids[k]);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_sink_gets_the_line_and_its_event),
                cmocka_unit_test(a_line_that_the_sink_does_not_take_goes_to_stderr),
                cmocka_unit_test(where_no_journal_reads_a_line_begins_with_the_program),
                cmocka_unit_test(every_event_has_an_id_of_its_own),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
