/* SPDX-License-Identifier: Apache-2.0 */
/* What is done: the commands that change something, and how each one ends. */
#include "tests/unit/cli_fixture.h"

#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void approve_sends_the_digest_of_what_was_shown(void **state) {
        struct bench *b = *state;

        fake_change(b, "Approve", "change\":", "probation", "");
        assert_int_equal(run_line(b, "approve P17 --yes"), EXIT_DONE);
        assert_non_null(strstr(b->heard, "Approve {\"id\":\"P17\",\"digest\":\"d1\",\"trialSec\":0,"
                                         "\"dryRun\":false,\"wait\":false}"));
        assert_non_null(strstr(b->out,
                        "cpu.max 0.5 \u2192 1.5 CPU, verified. On probation for 60 s.\n"
                        "Undo: dtgov rollback C17\n"
                        "Lasts until the container is re-created; to keep it: "
                        "docker update --cpus 1.5 api\n"));
}

static void a_trial_says_for_how_long(void **state) {
        struct bench *b = *state;

        fake_change(b, "Approve", "change\":", "probation", "");
        assert_int_equal(run_line(b, "trial P17 10m --yes"), EXIT_DONE);
        assert_non_null(strstr(b->heard, "\"trialSec\":600,"));
        assert_int_equal(run_line(b, "trial P17 soon --yes"), EXIT_USAGE);
        assert_int_equal(run_line(b, "trial P17 10 --yes"), EXIT_USAGE); /* of what */
        assert_int_equal(run_line(b, "trial P17 2d --yes"), EXIT_USAGE);
        assert_non_null(strstr(b->err, "want 90s, 10m or 2h"));
}

static void off_a_terminal_nothing_is_asked_and_nothing_done(void **state) {
        struct bench *b = *state;

        assert_int_equal(run_line(b, "approve P17"), EXIT_USAGE);
        assert_non_null(strstr(b->err, "--yes"));
        assert_int_equal(run_line(b, "set api cpu.max=1"), EXIT_USAGE);
        assert_string_equal(b->heard, "");
}

static void no_at_the_prompt_changes_nothing(void **state) {
        struct bench *b = *state;
        int master, terminal;

        assert_int_equal(openpty(&master, &terminal, NULL, NULL, NULL), 0);
        assert_int_equal(write(master, "n\n", 2), 2);
        assert_int_equal(run_line_on(b, "approve P17", terminal, terminal), EXIT_CANCELLED);
        assert_null(strstr(b->heard, "Approve"));

        fake_answer(b, "Propose", NULL,
                        "{\"proposal\":{\"id\":\"P18\",\"state\":\"pending\",\"digest\":\"d2\"},"
                        "\"writes\":[]}");
        fake_answer(b, "Reject", NULL, "{\"proposal\":{\"id\":\"P18\"}}");
        assert_int_equal(write(master, "\n", 1), 1);
        assert_int_equal(run_line_on(b, "set api memory.max=1.5G", terminal, terminal),
                        EXIT_CANCELLED);
        assert_non_null(strstr(b->heard, "\"assignments\":\"memory.max=1610612736\""));
        assert_non_null(strstr(b->heard, "Reject {\"id\":\"P18\""));
        (void)close(master);
        (void)close(terminal);
}

static void a_dry_run_lists_the_files(void **state) {
        struct bench *b = *state;

        fake_answer(b, "Approve", NULL,
                        "{\"writes\":[{\"file\":\"/docker/x/cpu.max\",\"old\":\"50000 100000\","
                        "\"new\":\"150000 100000\",\"owner\":\"systemd\"}]}");
        assert_int_equal(run_line(b, "approve P17 --dry-run"), EXIT_DONE);
        assert_string_equal(b->out, "FILE                       OLD           NEW OWNER\n"
                                    "/docker/x/cpu.max 50000 100000 150000 100000 systemd\n");
        assert_non_null(strstr(b->heard, "\"dryRun\":true"));
}

static void a_dry_run_of_a_wish_says_that_nothing_was_proposed(void **state) {
        struct bench *b = *state;

        fake_answer(b, "Propose", NULL,
                        "{\"proposal\":{\"id\":\"P0\",\"state\":\"pending\",\"risk\":\"low\"},"
                        "\"writes\":[]}");
        assert_int_equal(run_line(b, "set api memory.max=1.5G --dry-run"), EXIT_DONE);
        assert_null(strstr(b->out, "P0"));
        assert_null(strstr(b->out, "waits for you"));
        assert_non_null(strstr(b->out, "nothing is written"));
}

static void what_is_done_already_is_no_error(void **state) {
        struct bench *b = *state;

        fake_proposal(b, "approved");
        fake_change(b, "ListChanges", "changes\":[", "committed", "");
        assert_int_equal(run_line(b, "approve P17 --yes"), EXIT_DONE);
        assert_string_equal(b->out, "P17 is already applied: C17, kept, unproven.\n");
        fake_answer(b, "Propose", "org.dtgov.Control.Refused",
                        "{\"code\":\"E_NO_CHANGE\",\"text\":\"it is so already\"}");
        assert_int_equal(run_line(b, "set api cpu.max=0.5 --yes"), EXIT_DONE);
        assert_int_equal(run_line(b, "set C17 cpu.max=0.5 --yes"), EXIT_DONE);
}

static void what_was_taken_back_is_not_applied_already(void **state) {
        struct bench *b = *state;

        fake_proposal(b, "approved");
        fake_change(b, "ListChanges", "changes\":[", "rolled_back", "");
        assert_int_equal(run_line(b, "approve P17 --yes"), EXIT_OUTDATED);
        assert_string_equal(b->err, "dtgov: P17 was applied as C17, which is over: rolled back; "
                                    "dtgov show C17\n");
}

static void what_was_approved_for_good_is_not_tried(void **state) {
        struct bench *b = *state;

        fake_proposal(b, "approved");
        fake_change(b, "ListChanges", "changes\":[", "committed", "");
        assert_int_equal(run_line(b, "trial P17 10m --yes"), EXIT_OUTDATED);
        assert_non_null(strstr(b->err, "P17 was approved already: C17, kept"));
}

static void who_may_not_decide_is_told_before_the_question(void **state) {
        struct bench *b = *state;
        int master, terminal;

        assert_int_equal(openpty(&master, &terminal, NULL, NULL, NULL), 0);
        fake_answer(b, "Health", NULL, "{\"mayDecide\":false}");
        fake_answer(b, "Approve", "org.dtgov.Control.NotAuthorized",
                        "{\"text\":\"only root and group dtgov decide\"}");
        assert_int_equal(run_line_on(b, "approve P17", terminal, terminal), EXIT_UNREACHABLE);
        assert_non_null(strstr(b->heard, "\"dryRun\":true"));
        assert_null(strstr(b->heard, "\"dryRun\":false"));
        assert_string_equal(b->out, "");
        (void)close(terminal);
        (void)close(master);
}

static void what_is_done_already_is_json_for_programs(void **state) {
        static const char *const lines[] = { "approve P17 --yes --json",
                "set api cpu.max=0.5 --yes --json", "set api cpu.max=0.5 --dry-run --json" };
        struct bench *b = *state;

        fake_proposal(b, "approved");
        fake_change(b, "ListChanges", "changes\":[", "committed", "");
        fake_answer(b, "Propose", "org.dtgov.Control.Refused",
                        "{\"code\":\"E_NO_CHANGE\",\"text\":\"it is so already\"}");
        for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
                CLEANUP(json_doc_freep) struct json_doc *doc = NULL;

                assert_int_equal(run_line(b, lines[i]), EXIT_DONE);
                doc = read_output(b);
                assert_string_not_equal(text_of(json_root(doc), "text"), "");
                assert_string_equal(text_of(json_get(json_root(doc), "change"), "id"),
                                i == 0 ? "C17" : "");
        }
        fake_answer(b, "Propose", NULL,
                        "{\"proposal\":{\"id\":\"P18\",\"state\":\"refused\","
                        "\"reason\":\"E_NO_CHANGE\"}}");
        assert_int_equal(run_line(b, "set api cpu.max=0.5 --yes --json"), EXIT_DONE);
        json_doc_free(read_output(b));
}

static void each_refusal_has_its_exit_status(void **state) {
        static const struct {
                const char *error, *parameters;
                int code;
                const char *says;
        } cases[] = {
                { "org.dtgov.Control.Stale", "{\"code\":\"E_STALE\",\"text\":\"changed\"}",
                                EXIT_OUTDATED, "dtgov: changed (E_STALE)\n" },
                { "org.dtgov.Control.Refused", "{\"code\":\"E_HEADROOM\",\"text\":\"too little\"}",
                                EXIT_REFUSED, "dtgov: too little (E_HEADROOM)\n" },
                { "org.dtgov.Control.NotAuthorized",
                                "{\"text\":\"only root and group dtgov-admin decide\"}",
                                EXIT_UNREACHABLE,
                                "dtgov: approve: only root and group dtgov-admin decide; sudo " },
                { "org.dtgov.Control.NotAuthorized", "{\"text\":\"run dtgov on the host\"}",
                                EXIT_UNREACHABLE, "dtgov: run dtgov on the host\n" },
                { "org.dtgov.Control.Busy", "{\"text\":\"E_BUSY: \\u001b[2J\"}", EXIT_ERROR,
                                "E_BUSY: \\x1b[2J" },
        };
        struct bench *b = *state;

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                fake_answer(b, "Approve", cases[i].error, "%s", cases[i].parameters);
                assert_int_equal(run_line(b, "approve P17 --yes"), cases[i].code);
                assert_non_null(strstr(b->err, cases[i].says));
        }
        fake_proposal(b, "expired");
        assert_int_equal(run_line(b, "approve P17 --yes"), EXIT_OUTDATED);
        assert_int_equal(run_line(b, "approve P99 --yes"), EXIT_ERROR);
        assert_int_equal(run_line(b, "approve api --yes"), EXIT_USAGE);
}

static void a_verification_that_failed_is_seven(void **state) {
        struct bench *b = *state;

        fake_change(b, "Approve", "change\":", "rolled_back", "");
        assert_int_equal(run_line(b, "approve P17 --yes --wait"), EXIT_REVERTED);
        assert_non_null(strstr(b->out, "C17 cpu.max 0.5 \u2192 1.5 CPU: rolled back"));
}

static void a_rollback_that_kept_more_is_eight(void **state) {
        struct bench *b = *state;

        fake_change(b, "Rollback", "changes\":[", "rolled_back", "");
        assert_int_equal(run_line(b, "rollback C17"), EXIT_DONE);
        assert_string_equal(b->out, "C17 api: cpu.max 1.5 \u2192 0.5 CPU: rolled back\n");
        fake_answer(b, "Rollback", NULL,
                        "{\"changes\":[{\"id\":\"C17\",\"state\":\"rolled_back\","
                        "\"endedBoottimeNs\":1}]}");
        assert_int_equal(run_line(b, "rollback C17"), EXIT_DONE);
        assert_non_null(strstr(b->out, "already rolled back"));
        fake_change(b, "Rollback", "changes\":[", "rolled_back", ",\"kept\":\"100000 100000\"");
        assert_int_equal(run_line(b, "rollback api"), EXIT_KEPT);
        assert_non_null(strstr(b->out, "cpu.max kept at 1 CPU, not 0.5 CPU"));
        assert_non_null(strstr(b->heard, "\"containerId\":\"" API "\",\"cgroupInode\":7"));
        assert_int_equal(run_line(b, "rollback"), EXIT_USAGE);
        assert_int_equal(run_line(b, "rollback C17 --all"), EXIT_USAGE);
}

static void usage_errors_say_what_is_wanted(void **state) {
        static const struct {
                const char *line, *says;
        } cases[] = {
                { "set api cpu=1 --yes", "cpu: no knob that dtgov sets; did you mean cpu.max?" },
                { "aprove P17", "aprove: no such command; did you mean approve? dtgov help" },
                { "lst", "dtgov: lst: no such command; dtgov help lists them\n" },
                { "help aprove", "did you mean approve?" },
                { "frobnicate", "frobnicate: no such command; dtgov help lists" },
                { "approve", "dtgov: approve: too few arguments; usage: dtgov approve P" },
                { "ps a b", "dtgov: ps: too many arguments; usage: dtgov ps [ENV]" },
                { "ps --wait", "ps: it does not take --wait; dtgov ps --help" },
                { "--frob ps", "dtgov: ps: no option --frob; dtgov ps --help lists what" },
                { "ps -x", "dtgov: ps: no option -x; dtgov ps --help" },
                { "--frob", "dtgov: no option --frob; dtgov --help" },
                { "approve P17 --wait=3", "approve: want no value after --wait; dtgov approve" },
                { "reject P17 --reason", "reject: want a value after --reason; dtgov reject" },
                { "top -n", "top: want a value after -n; dtgov top --help" },
                { "set api memory.mx=4G", "did you mean memory.max? dtgov set --help" },
                { "set api frobnicate=1", "frobnicate: no knob that dtgov sets; dtgov set --help" },
                { "set api memory.max=4X", "bytes" },
                { "set api memory.max", "memory.max: no KNOB=VALUE; want" },
                { "set api io.latency=1", "no knob that dtgov sets" },
                { "set api io.max=1", "one limit of one disk, like '8:0 wbps=10M'" },
                { "top -n x", "-n" },
                { "reject F12", "F12: not a proposal; want one like P17, dtgov proposals" },
        };
        struct bench *b = *state;

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                assert_int_equal(run_line(b, cases[i].line), EXIT_USAGE);
                if (!strstr(b->err, cases[i].says))
                        fail_msg("%s: %s", cases[i].line, b->err);
        }
}

static void what_is_not_there_is_told_alike(void **state) {
        static const struct {
                const char *line, *says;
        } cases[] = {
                { "show P99", "dtgov: P99: no such proposal; dtgov proposals --all lists them\n" },
                { "show C99", "dtgov: C99: no such change; dtgov changes lists them\n" },
                { "show F99", "dtgov: F99: no such finding; dtgov findings lists them\n" },
                { "show x", "dtgov: x: no such container or environment; dtgov ps lists them\n" },
                { "approve P99 --yes", "dtgov: P99: no such proposal; dtgov proposals --all" },
                { "trial P99 10m --yes", "dtgov: P99: no such proposal; dtgov proposals --all" },
                { "set x cpu.max=1 --yes", "dtgov: x: no such container or environment; dtgov" },
                { "show p99", "begin with P: did you mean P99?" },
                { "set P1 cpu.max=1 --yes", "dtgov: P1 is the id of a proposal; want a container" },
                { "rollback C99", "dtgov: C99: no such change; dtgov changes lists them\n" },
        };
        struct bench *b = *state;

        fake_answer(b, "Rollback", "org.dtgov.Control.NotFound",
                        "{\"id\":\"C99\",\"text\":\"no such change; dtgov changes lists them\"}");
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                assert_int_equal(run_line(b, cases[i].line), EXIT_ERROR);
                if (!strstr(b->err, cases[i].says))
                        fail_msg("%s: %s", cases[i].line, b->err);
        }
}

static void trust_in_a_rule_is_a_word_to_dtgovd(void **state) {
        struct bench *b = *state;

        fake_answer(b, "ListRules", NULL,
                        "{\"rules\":[{\"id\":\"cpu-quota\",\"trusted\":false},"
                        "{\"id\":\"memory-high\",\"trusted\":true}]}");
        assert_int_equal(run_line(b, "trust memory-high"), EXIT_DONE);
        assert_non_null(strstr(b->out, "memory-high is trusted already: its record stays"));
        assert_null(strstr(b->heard, "Trust"));
        fake_answer(b, "Trust", NULL, "{\"rule\":{\"id\":\"cpu-quota\",\"trusted\":true}}");
        assert_int_equal(run_line(b, "trust cpu-quota"), EXIT_DONE);
        assert_non_null(strstr(b->heard, "Trust {\"id\":\"cpu-quota\"}"));
        assert_non_null(strstr(b->out, "cpu-quota is trusted"));
}

static void what_was_taken_back_shows_how_it_is_done_again(void **state) {
        struct bench *b = *state;

        fake_change(b, "ListChanges", "changes\":[", "rolled_back", "");
        assert_int_equal(run_line(b, "show C17"), EXIT_DONE);
        assert_non_null(strstr(b->out, "dtgov set api 'cpu.max=150000 100000'\n"));
        assert_int_equal(run_line(b, "show api"), EXIT_DONE);
        assert_null(strstr(b->out, "C17"));
}

static void a_container_shows_what_is_under_way_in_it(void **state) {
        struct bench *b = *state;

        fake_change(b, "ListChanges", "changes\":[", "probation", "");
        assert_int_equal(run_line(b, "show api"), EXIT_DONE);
        assert_non_null(strstr(b->out, "  C17        cpu.max 0.5 "));
        assert_non_null(strstr(b->out, "on probation"));
}

static void in_its_first_minute_the_observer_has_not_found_nothing(void **state) {
        struct bench *b = *state;

        fake_answer(b, "ListFindings", NULL, "{\"findings\":[]}");
        fake_answer(b, "Health", NULL,
                        "{\"containers\":1,\"link\":true,\"startedBoottimeNs\":%llu}",
                        (unsigned long long)(boottime_ns() - 20 * NSEC_PER_SEC));
        assert_int_equal(run_line(b, "status"), EXIT_DONE);
        assert_non_null(strstr(
                        b->out, "1 container watched, for 20 s: what slows them down shows"));
        fake_answer(b, "Health", NULL, "{\"containers\":1,\"link\":true,\"startedBoottimeNs\":1}");
        assert_int_equal(run_line(b, "status"), EXIT_DONE);
        assert_non_null(strstr(b->out, "nothing slows them down"));
}

static void while_paused_nothing_is_proposed(void **state) {
        struct bench *b = *state;

        fake_answer(b, "Health", NULL, "{\"paused\":true}");
        assert_int_equal(run_line(b, "set api cpu.max=1 --yes"), EXIT_REFUSED);
        assert_non_null(strstr(b->err, "dtgov is paused: sudo dtgov resume"));
        assert_null(strstr(b->heard, "Propose"));
}

static void without_the_observer_names_are_said_to_be_unknown(void **state) {
        struct bench *b = *state;

        (void)unlink(b->path[DAEMON_OBSERVER]);
        assert_int_equal(run_line(b, "set web cpu.max=1 --yes"), EXIT_ERROR);
        assert_non_null(strstr(b->err, "web: no container has that id, and dtgov-observer"));
        assert_non_null(strstr(b->err, "sudo systemctl start dtgov-observer"));
}

static void help_is_a_command_too(void **state) {
        struct bench *b = *state;

        assert_int_equal(run_line(b, "help"), EXIT_DONE);
        assert_non_null(strstr(b->out, "Commands:\n"));
        for (const char *line = b->out; *line; line += strcspn(line, "\n"), line += *line == '\n')
                assert_true(strcspn(line, "\n") <= 80);
        assert_int_equal(run_line(b, "help trial"), EXIT_DONE);
        assert_non_null(strstr(b->out, "dtgov trial P TIME [--dry-run] [--wait]: "));
        assert_int_equal(run_line(b, "help status"), EXIT_DONE);
        assert_non_null(strstr(b->out, "dtgov status: what hurts"));
}

static void a_pause_that_cannot_be_kept_says_so(void **state) {
        struct bench *b = *state;

        fake_answer(b, "Pause", NULL, "{\"paused\":true}");
        assert_int_equal(run_line(b, "pause"), EXIT_DONE);
        assert_null(strstr(b->out, "But "));
        fake_answer(b, "Pause", NULL, "{\"paused\":true,\"text\":\"only until dtgovd ends\"}");
        assert_int_equal(run_line(b, "pause"), EXIT_DONE);
        assert_non_null(strstr(b->out, "But only until dtgovd ends\n"));
}

static void write_needs(const struct bench *b) {
        char path[128];
        FILE *f;

        (void)snprintf(path, sizeof(path), "%s/.devcontainer.json", b->dir);
        f = fopen(path, "we");
        assert_non_null(f);
        (void)fputs("{ /* at least */ \"hostRequirements\": { \"cpus\": 2, \"memory\": \"4gb\" } }",
                        f);
        (void)fclose(f);
}

static void a_project_is_not_set_below_what_it_needs(void **state) {
        struct bench *b = *state;
        CLEANUP(freep) char *before = getcwd(NULL, 0);

        write_needs(b);
        fake_crowd(b);
        fake_answer(b, "Propose", "org.dtgov.Control.Refused",
                        "{\"code\":\"E_NO_CHANGE\",\"text\":\"it is so already\"}");
        assert_int_equal(chdir(b->dir), 0);
        assert_int_equal(run_line(b, "set api memory.max=2G --yes"), EXIT_REFUSED);
        assert_non_null(strstr(b->err, "memory.max: this project needs at least 4 GiB"));
        assert_int_equal(run_line(b, "set api cpu.max=1.5 --yes"), EXIT_REFUSED);
        assert_non_null(strstr(b->err, "at least 2 CPUs (hostRequirements in .devcontainer.json)"));
        assert_string_equal(b->heard, "");
        assert_int_equal(run_line(b, "set api memory.max=4G cpu.max=2 --yes"), EXIT_DONE);
        assert_int_equal(run_line(b, "set api cpu.max=max pids.max=100 --yes"), EXIT_DONE);
        assert_int_equal(run_line(b, "set shop-web-1 memory.max=1G --yes"), EXIT_DONE);
        (void)run_line(b, "doctor");
        assert_non_null(strstr(b->out, "project        .devcontainer.json needs 2 CPUs and 4 GiB"));
        assert_non_null(strstr(b->out, "dtgov set a3 memory.max=4294967296 cpu.max=2"));
        assert_int_equal(chdir(before), 0);
        assert_int_equal(run_line(b, "set api memory.max=2G --yes"), EXIT_DONE);
}

static void a_hostile_error_is_shown_and_not_obeyed(void **state) {
        struct bench *b = *state;

        fake_answer(b, "Rollback", "org.dtgov.Control.Failed",
                        "{\"text\":\"no\",\"change\":\"C1\\u001b[2J\"}");
        assert_int_equal(run_line(b, "rollback C17"), EXIT_REVERTED);
        assert_string_equal(b->err, "dtgov: no; dtgov show C1\\x1b[2J\n");
        fake_answer(b, "Reject", "org.dtgov.Control.\033[2J", "{}");
        assert_int_equal(run_line(b, "reject P17"), EXIT_ERROR);
        assert_string_equal(b->err, "dtgov: \\x1b[2J\n");
}

static void a_hostile_value_is_shown_and_not_obeyed(void **state) {
        struct bench *b = *state;

        assert_int_equal(run_line(b, "set api memory.max=\033[31mX"), EXIT_USAGE);
        assert_non_null(strstr(b->err, "memory.max: '\\x1b[31mX' is not a value"));
        assert_null(strchr(b->err, '\033'));
}

/* A trial may take a day, and its probation may be extended as any other. */
static void whoever_waits_for_a_trial_waits_longer_than_it_takes(void **state) {
        const struct cli plain = { .given = 0 }, ends = { .given = OPTION_WAIT };
        const struct cli trial = { .given = OPTION_WAIT, .trial_sec = 36000 };
        const struct cli much = { .given = OPTION_WAIT, .trial_sec = UINT64_MAX / USEC_PER_SEC };

        (void)state;
        assert_true(answer_wait_usec(&plain) < answer_wait_usec(&ends));
        assert_int_equal(answer_wait_usec(&trial), answer_wait_usec(&ends) + 36000 * USEC_PER_SEC);
        assert_int_equal(answer_wait_usec(&much), answer_wait_usec(&ends) + 86400 * USEC_PER_SEC);
}

/* C17 is a change of api, and what somebody called another container. */
static void a_change_and_a_container_of_one_name_are_told_apart_by_the_user(void **state) {
        struct bench *b = *state;

        fake_answer(b, "ListContainers", NULL,
                        "{\"containers\":[{\"id\":\"api\",\"name\":\"api\",\"containerId\":\"" API
                        "\",\"cgroupInode\":7},{\"id\":\"C17\",\"name\":\"C17\","
                        "\"containerId\":\"b1\",\"cgroupInode\":8}]}");
        fake_change(b, "ListChanges", "changes\":[", "committed", "");
        assert_int_equal(run_line(b, "set C17 cpu.weight=555 --yes"), EXIT_ERROR);
        assert_non_null(strstr(b->err, "C17: could be 2 containers; name one of C17 (b1@8), "
                                       "api (000000000000@7)"));
        assert_string_equal(b->heard, "");
}

#define AGAINST_DAEMONS(test) cmocka_unit_test_setup_teardown(test, fake_start, fake_stop)

int main(void) {
        const struct CMUnitTest tests[] = {
                AGAINST_DAEMONS(approve_sends_the_digest_of_what_was_shown),
                AGAINST_DAEMONS(a_trial_says_for_how_long),
                AGAINST_DAEMONS(off_a_terminal_nothing_is_asked_and_nothing_done),
                AGAINST_DAEMONS(no_at_the_prompt_changes_nothing),
                AGAINST_DAEMONS(a_dry_run_lists_the_files),
                AGAINST_DAEMONS(a_dry_run_of_a_wish_says_that_nothing_was_proposed),
                AGAINST_DAEMONS(what_is_done_already_is_no_error),
                AGAINST_DAEMONS(what_was_taken_back_is_not_applied_already),
                AGAINST_DAEMONS(what_was_taken_back_shows_how_it_is_done_again),
                AGAINST_DAEMONS(a_container_shows_what_is_under_way_in_it),
                AGAINST_DAEMONS(in_its_first_minute_the_observer_has_not_found_nothing),
                AGAINST_DAEMONS(while_paused_nothing_is_proposed),
                AGAINST_DAEMONS(without_the_observer_names_are_said_to_be_unknown),
                AGAINST_DAEMONS(trust_in_a_rule_is_a_word_to_dtgovd),
                AGAINST_DAEMONS(what_was_approved_for_good_is_not_tried),
                AGAINST_DAEMONS(who_may_not_decide_is_told_before_the_question),
                AGAINST_DAEMONS(what_is_done_already_is_json_for_programs),
                AGAINST_DAEMONS(each_refusal_has_its_exit_status),
                AGAINST_DAEMONS(a_verification_that_failed_is_seven),
                AGAINST_DAEMONS(a_rollback_that_kept_more_is_eight),
                AGAINST_DAEMONS(usage_errors_say_what_is_wanted),
                AGAINST_DAEMONS(what_is_not_there_is_told_alike),
                AGAINST_DAEMONS(help_is_a_command_too),
                AGAINST_DAEMONS(a_pause_that_cannot_be_kept_says_so),
                AGAINST_DAEMONS(a_hostile_error_is_shown_and_not_obeyed),
                AGAINST_DAEMONS(a_project_is_not_set_below_what_it_needs),
                AGAINST_DAEMONS(a_hostile_value_is_shown_and_not_obeyed),
                cmocka_unit_test(whoever_waits_for_a_trial_waits_longer_than_it_takes),
                AGAINST_DAEMONS(a_change_and_a_container_of_one_name_are_told_apart_by_the_user),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
