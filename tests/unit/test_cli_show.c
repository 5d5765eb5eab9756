/* SPDX-License-Identifier: Apache-2.0 */
/* What is shown: status, lists, one thing, and what happens. */
#include "tests/unit/cli_fixture.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void status_opens_with_what_hurts_and_what_mends_it(void **state) {
        struct bench *b = *state;
        char expected[512];

        assert_int_equal(run_line(b, ""), EXIT_DONE);
        (void)snprintf(expected, sizeof(expected),
                        "api lost 41 s of the last 60 s: quota 0.5 of %ld CPUs; cc1plus \u2190 "
                        "ninja 96 %%; dtgov approve P17\n"
                        "1 container watched\n"
                        "1 proposal waits for you: dtgov proposals\n",
                        sysconf(_SC_NPROCESSORS_ONLN));
        assert_string_equal(b->out, expected);
        assert_string_equal(b->err, "");
        assert_int_equal(run_line(b, "status --exit-code"), EXIT_FOUND);
}

static void less_than_a_minute_of_evidence_is_a_rate(void **state) {
        struct bench *b = *state;

        fake_answer(b, "ListFindings", NULL,
                        "{\"findings\":[{\"id\":\"F12\",\"containerId\":\"" API
                        "\",\"cgroupInode\":7,\"title\":\"slow\",\"lostUsecPerMin\":40000000,"
                        "\"sinceBoottimeNs\":7000000000,\"untilBoottimeNs\":37000000000}]}");
        assert_int_equal(run_line(b, "status"), EXIT_DONE);
        assert_non_null(strstr(b->out, "api loses 40 s a minute: slow; dtgov show F12\n"));
}

static void a_brake_is_told_of_both_containers(void **state) {
        struct bench *b = *state;

        fake_answer(b, "ListFindings", NULL,
                        "{\"findings\":[{\"id\":\"F12\",\"containerId\":\"" API
                        "\",\"cgroupInode\":7,\"rule\":\"io-brake\",\"victim\":\"shop\\u001b[2J\","
                        "\"lostUsecPerMin\":24000000,\"text\":\"fills it\",\"proposal\":\"P4\"}]}");
        assert_int_equal(run_line(b, "status"), EXIT_DONE);
        assert_non_null(strstr(b->out, "api fills it; dtgov approve P4\n"));
        assert_int_equal(run_line(b, "show F12"), EXIT_DONE);
        assert_non_null(strstr(b->out, "24 s a minute, by shop\\x1b[2J\n"));
}

static void empty_states_name_the_next_command(void **state) {
        struct bench *b = *state;

        b->fakes_count = 0;
        fake_answer(b, "ListContainers", NULL, "{\"containers\":[]}");
        fake_answer(b, "ListFindings", NULL, "{\"findings\":[]}");
        fake_answer(b, "ListProposals", NULL, "{\"proposals\":[]}");
        fake_answer(b, "ListChanges", NULL, "{\"changes\":[]}");
        fake_answer(b, "Health", NULL,
                        "{\"version\":\"1\",\"containers\":0,\"notes\":[\"no psi\"]}");
        assert_int_equal(run_line(b, "status --exit-code"), EXIT_DONE);
        assert_string_equal(b->out,
                        "No containers yet. Start one; if it does not show up here: dtgov doctor\n"
                        "dtgovd: no psi\ndtgov-observer: no psi\n");
        assert_int_equal(run_line(b, "findings"), EXIT_DONE);
        assert_non_null(strstr(b->out, "dtgov ps"));
        assert_int_equal(run_line(b, "proposals"), EXIT_DONE);
        assert_non_null(strstr(b->out, "dtgov findings"));
        assert_int_equal(run_line(b, "changes"), EXIT_DONE);
        assert_non_null(strstr(b->out, "dtgov proposals"));
        assert_int_equal(run_line(b, "ps"), EXIT_DONE);
        assert_non_null(strstr(b->out, "dtgov doctor"));
        assert_int_equal(run_line(b, "ps --json"), EXIT_DONE);
        assert_string_equal(b->out, "[]\n");
}

static void lists_for_programs_begin_with_the_id(void **state) {
        struct bench *b = *state;

        fake_answer(b, "ListChanges", NULL,
                        "{\"changes\":[{\"state\":\"committed\",\"id\":\"C2\"},{\"id\":\"C10\"}]}");
        assert_int_equal(run_line(b, "changes --json"), EXIT_DONE);
        assert_string_equal(b->out, "[{\"id\":\"C10\"},{\"id\":\"C2\",\"state\":\"committed\"}]\n");
        assert_int_equal(run_line(b, "ps --json"), EXIT_DONE);
        assert_int_equal(strncmp(b->out, "[{\"id\":\"api\",", 13), 0);
        assert_non_null(strstr(b->out, "\"name\":\"api\"}]\n"));
}

/* A daemon of another version, or somebody else at its socket. */
static void an_answer_of_another_shape_is_printed_and_no_crash(void **state) {
        static const char *const lines[] = { "status --json", "ps --json", "top --json",
                "findings --json", "proposals --json", "changes --json", "watch -n 1 --json",
                "pause --json", "rollback C17 --json", "keep C17 --json", "reject P17 --json",
                "status", "ps", "findings", "proposals", "changes", "keep C17", "reject P17" };
        struct bench *b = *state;

        b->fakes_count = 0;
        fake_answer(b, "ListContainers", NULL, "{\"containers\":[[\"x\"],5,null,{}]}");
        fake_answer(b, "ListFindings", NULL, "{\"findings\":[[\"x\"],5,null,{}]}");
        fake_answer(b, "ListProposals", NULL, "{\"proposals\":[[\"x\"],5,null,{}]}");
        fake_answer(b, "ListChanges", NULL, "{\"changes\":[[\"x\"],5,null,{}]}");
        fake_answer(b, "Health", NULL, "{}");
        fake_answer(b, "Pause", NULL, "{}");
        fake_answer(b, "Rollback", NULL, "{\"changes\":[[\"x\"],5,null,{}]}");
        fake_answer(b, "Keep", NULL, "{\"change\":[\"x\"]}");
        fake_answer(b, "Reject", NULL, "{\"proposal\":[\"x\"]}");
        for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
                assert_int_equal(run_line(b, lines[i]), EXIT_DONE);
                if (strstr(lines[i], "--json") && strncmp(lines[i], "watch", 5) != 0)
                        json_doc_free(read_output(b));
        }
        assert_int_equal(run_line(b, "findings --json"), EXIT_DONE);
        assert_non_null(strstr(b->out, "[\"x\"]"));
}

#define CHANGE(id, state, reason, expected, after)                                                 \
        "{\"id\":\"" id "\",\"containerId\":\"gone\",\"cgroupInode\":99,\"rule\":\"cpu-quota\","   \
        "\"environment\":\"shop/web\",\"template\":\"node:22\",\"state\":\"" state                 \
        "\",\"reason\":\"" reason "\",\"proven\":true,\"expectedUsecPerMin\":" expected            \
        ",\"afterUsecPerMin\":" after                                                              \
        ",\"beforeUsecPerMin\":40000000,\"knobs\":[{\"file\":\"cpu.max\",\"old\":\"50000 "         \
        "100000\","                                                                                \
        "\"new\":\"100000 100000\"},{\"file\":\"memory.high\",\"old\":\"max\",\"new\":\"max\"}]}"

static void fake_changes(struct bench *b) {
        fake_answer(b, "ListChanges", NULL, "{\"changes\":[%s,%s,%s,%s]}",
                        CHANGE("C1", "committed", "PROVEN", "1000000", "3000000"),
                        CHANGE("C2", "rolled_back", "OOM_KILL", "2000000", "2000000"),
                        CHANGE("C3", "committed", "PROVEN", "0", "9000000"),
                        CHANGE("C4", "rolled_back", "PERSON", "2000000", "4000000"));
        fake_answer(b, "ListRules", NULL,
                        "{\"rules\":[{\"id\":\"cpu-quota\",\"title\":\"t\",\"trusted\":false}]}");
}

static void trust_shows_what_became_of_each_rules_changes(void **state) {
        struct bench *b = *state;

        fake_changes(b);
        assert_int_equal(run_line(b, "trust"), EXIT_DONE);
        assert_non_null(strstr(b->out,
                        "RULE      ENVIRONMENT CHANGES HELPED UNPROVEN TAKEN BACK BY PEOPLE"));
        assert_non_null(strstr(b->out,
                        "cpu-quota shop/web          4      2        0          1         1 2 "
                        "s/min\n"));
        assert_non_null(strstr(b->out, "does not act alone until dtgov trust cpu-quota\n"));
        assert_int_equal(run_line(b, "trust --json"), EXIT_DONE);
        assert_string_equal(b->out, "[{\"id\":\"cpu-quota\",\"environment\":\"shop/web\","
                                    "\"template\":\"node:22\",\"changes\":4,\"proven\":2,"
                                    "\"unproven\":0,\"rolledBack\":2,\"rolledBackByPeople\":1,"
                                    "\"medianErrorUsecPerMin\":2000000,\"trusted\":false}]\n");
}

static void a_change_shows_what_it_was_to_do_and_what_it_did(void **state) {
        struct bench *b = *state;

        fake_changes(b);
        assert_int_equal(run_line(b, "show C1"), EXIT_DONE);
        assert_non_null(strstr(b->out, "C1 shop/web: cpu.max 0.5 \u2192 1 CPU\n"));
        assert_non_null(strstr(b->out,
                        "  expected   1 s lost a minute\n"
                        "  measured   40 s lost a minute before, 3 s lost a minute after\n"));
}

static void show_tells_everything_of_a_finding(void **state) {
        struct bench *b = *state;

        assert_int_equal(run_line(b, "show F12"), EXIT_DONE);
        assert_non_null(strstr(b->out, "  found      CPU is throttled\n"
                                       "  lost       41 s a minute\n"
                                       "  PROCESS PID BELOW COUNT  CPU"));
        assert_non_null(strstr(b->out, "cc1plus"));
        assert_non_null(strstr(b->out, "-4 KiB"));
        assert_non_null(strstr(b->out, "  why        the quota\n"));
        assert_int_equal(run_line(b, "show api"), EXIT_DONE);
        assert_non_null(strstr(b->out,
                        "  cpu        0.50 of 0.50 CPUs\n"
                        "  memory     100 MiB, without a limit\n"
                        "  tasks      12, its limit is not known yet\n"
                        "  stalled    80 % for CPU, 0 % for memory, 0 % for IO of the time\n"));
        assert_int_equal(run_line(b, "show C9"), EXIT_ERROR);
        assert_int_equal(run_line(b, "show nobody"), EXIT_ERROR);
}

static void measured_numbers_are_in_units_of_people(void **state) {
        struct bench *b = *state;

        fake_answer(b, "ListFindings", NULL,
                        "{\"findings\":[{\"id\":\"F12\",\"containerId\":\"" API
                        "\",\"cgroupInode\":7,\"title\":\"slow\",\"evidence\":["
                        "{\"name\":\"throttled_periods\",\"value\":45,\"unit\":\"\"},"
                        "{\"name\":\"quota\",\"value\":50000,\"unit\":\"usec\"},"
                        "{\"name\":\"max\",\"value\":536870912,\"unit\":\"bytes\"}]}]}");
        assert_int_equal(run_line(b, "show F12"), EXIT_DONE);
        assert_non_null(strstr(b->out,
                        "  measured   throttled periods: 45, quota: 50 ms, max: 512 MiB\n"));
        assert_int_equal(run_line(b, "show F12 --json"), EXIT_DONE);
        assert_non_null(strstr(b->out, "\"value\":536870912"));
}

static void facts_fit_the_terminal_and_commands_stay_whole(void **state) {
        struct bench *b = *state;

        fake_change(b, "ListChanges", "changes\":[", "committed", "");
        b->columns = 30;
        assert_int_equal(run_line(b, "show C17"), EXIT_DONE);
        assert_non_null(strstr(b->out, "  lasts      until the\n"
                                       "             container is\n"
                                       "             re-created\n"));
        assert_non_null(strstr(b->out, "  to keep it docker update --cpus 1.5 api\n"));
}

static void who_approved_is_a_name(void **state) {
        struct bench *b = *state;

        fake_answer(b, "ListChanges", NULL,
                        "{\"changes\":[{\"id\":\"C1\",\"state\":\"committed\",\"uid\":0,"
                        "\"approvedBoottimeNs\":1},{\"id\":\"C2\",\"state\":\"committed\","
                        "\"uid\":4123456789,\"approvedBoottimeNs\":1}]}");
        assert_int_equal(run_line(b, "show C1"), EXIT_DONE);
        assert_non_null(strstr(b->out, " ago by root (uid 0)\n"));
        assert_int_equal(run_line(b, "show C2"), EXIT_DONE);
        assert_non_null(strstr(b->out, " ago by uid 4123456789\n"));
}

static void show_names_the_command_that_approves(void **state) {
        struct bench *b = *state;

        assert_int_equal(run_line(b, "show P17"), EXIT_DONE);
        assert_non_null(strstr(b->out, "dtgov approve P17\n"));
        assert_non_null(strstr(b->out, "dtgov reject P17"));
}

static void a_daemon_that_does_not_run_is_named(void **state) {
        struct bench *b = *state;

        (void)unlink(b->path[DAEMON_CONTROL]);
        assert_int_equal(run_line(b, "status"), EXIT_UNREACHABLE);
        assert_non_null(strstr(b->out, "api lost 41 s"));
        assert_non_null(strstr(b->err, "dtgov: dtgovd: it does not run, nobody listens at "));
        assert_int_equal(run_line(b, "version"), EXIT_DONE);
        (void)unlink(b->path[DAEMON_OBSERVER]);
        assert_int_equal(run_line(b, "ps"), EXIT_UNREACHABLE);
        assert_non_null(strstr(b->err, "sudo systemctl start dtgov-observer"));
        assert_int_equal(run_line(b, "doctor --json"), EXIT_ERROR);
        assert_non_null(strstr(b->out, "{\"id\":\"dtgovd\",\"state\":\"broken\""));
}

static void without_the_observer_status_shows_what_dtgovd_knows(void **state) {
        struct bench *b = *state;
        struct json_doc *doc;

        (void)unlink(b->path[DAEMON_OBSERVER]);
        assert_int_equal(run_line(b, "status"), EXIT_UNREACHABLE);
        assert_non_null(strstr(b->out, "1 container not watched\n"));
        assert_non_null(strstr(b->out, "1 proposal waits for you: dtgov proposals\n"));
        assert_non_null(strstr(b->err, "sudo systemctl start dtgov-observer"));
        assert_int_equal(run_line(b, "status --json"), EXIT_UNREACHABLE);
        doc = read_output(b);
        assert_int_equal(json_get(json_root(doc), "observer")->type, JSON_NULL);
        assert_int_equal(json_get(json_root(doc), "dtgovd")->type, JSON_OBJECT);
        json_doc_free(doc);
}

static void ascii_where_the_locale_is_c(void **state) {
        struct bench *b = *state;

        assert_non_null(setlocale(LC_CTYPE, "C"));
        assert_int_equal(run_line(b, "status"), EXIT_DONE);
        assert_non_null(strstr(b->out, "cc1plus <- ninja"));
        assert_int_equal(run_line(b, "proposals"), EXIT_DONE);
        for (const char *s = b->out; *s; s++)
                assert_false(*s & 0x80);
}

static void watch_begins_with_what_is_open(void **state) {
        struct bench *b = *state;

        assert_int_equal(run_line(b, "watch -n 2"), EXIT_DONE);
        assert_non_null(strstr(b->out, "finding   found      F12 api lost 41 s"));
        assert_non_null(strstr(b->out, "proposal  pending    P17 api: cpu.max 0.5"));
        assert_int_equal(run_line(b, "watch -n 1 --json"), EXIT_DONE);
        assert_int_equal(strncmp(b->out, "{\"id\":\"F12\",\"kind\":\"finding\"", 28), 0);
}

static void changes_that_are_followed_begin_with_those_that_are_open(void **state) {
        struct bench *b = *state;

        fake_change(b, "ListChanges", "changes\":[", "probation", "");
        assert_int_equal(run_line(b, "changes --follow -n 1"), EXIT_DONE);
        assert_non_null(strstr(b->out, "change    probation  C17 api: cpu.max 0.5"));
        assert_null(strstr(b->out, "finding"));
        assert_int_equal(run_line(b, "changes api --follow -n 1 --json"), EXIT_DONE);
        assert_int_equal(strncmp(b->out, "{\"id\":\"C17\",\"kind\":\"change\"", 27), 0);
        assert_int_equal(run_line(b, "changes -n 1"), EXIT_USAGE);
        assert_non_null(strstr(b->err, "dtgov changes --follow -n 1"));
}

static void what_a_policy_approved_is_said_to_be_so(void **state) {
        struct bench *b = *state;

        fake_answer(b, "ListChanges", NULL,
                        "{\"changes\":[{\"id\":\"C17\",\"containerId\":\"" API
                        "\",\"cgroupInode\":7,\"state\":\"applying\",\"uid\":4294967295,"
                        "\"byPolicy\":true,\"knobs\":[{\"file\":\"cpu.max\","
                        "\"old\":\"50000 100000\",\"new\":\"150000 100000\"}]}]}");
        assert_int_equal(run_line(b, "changes"), EXIT_DONE);
        assert_non_null(strstr(b->out, "1.5 CPU, by policy"));
        assert_int_equal(run_line(b, "changes --follow -n 1"), EXIT_DONE);
        assert_non_null(strstr(b->out, "1.5 CPU, by policy, applying"));
        assert_int_equal(run_line(b, "show C17"), EXIT_DONE);
        assert_non_null(strstr(b->out, "by a policy (dtgov.json)"));
        assert_null(strstr(b->out, "4294967295"));
}

/* The container ends while somebody watches. */
static void *end_container(void *data) {
        struct bench *b = data;

        (void)usleep(300000);
        for (size_t i = 0; i < b->fakes_count; i++)
                if (strcmp(b->fakes[i].method, "ListContainers") == 0)
                        (void)strcpy(b->fakes[i].parameters, "{\"containers\":[]}");
        return NULL;
}

static void watch_for_no_event_ends_at_once(void **state) {
        struct bench *b = *state;

        (void)alarm(20);
        assert_int_equal(run_line(b, "watch -n 0"), EXIT_DONE);
        (void)alarm(0);
        assert_string_equal(b->out, "");
}

static void watch_tells_what_has_ended(void **state) {
        struct bench *b = *state;
        pthread_t thread;

        assert_int_equal(pthread_create(&thread, NULL, end_container, b), 0);
        assert_int_equal(run_line(b, "watch -n 3"), EXIT_DONE);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_non_null(strstr(b->out, "container ended      api\n"));
}

/* Both daemons come while somebody watches; then the container ends. */
static void *start_daemons(void *data) {
        struct bench *b = data;

        (void)usleep(300000);
        for (size_t i = 0; i < DAEMON_COUNT; i++) {
                char away[128];

                (void)snprintf(away, sizeof(away), "%s.away", b->path[i]);
                (void)rename(away, b->path[i]);
        }
        (void)usleep(1200000);
        return end_container(data);
}

static void watch_takes_what_is_there_when_a_daemon_first_answers_for_old(void **state) {
        struct bench *b = *state;
        pthread_t thread;

        fake_change(b, "ListChanges", "changes\":[", "committed", "");
        for (size_t i = 0; i < DAEMON_COUNT; i++) {
                char away[128];

                (void)snprintf(away, sizeof(away), "%s.away", b->path[i]);
                assert_int_equal(rename(b->path[i], away), 0);
        }
        assert_int_equal(pthread_create(&thread, NULL, start_daemons, b), 0);
        (void)alarm(20);
        assert_int_equal(run_line(b, "watch -n 3"), EXIT_DONE);
        (void)alarm(0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_null(strstr(b->out, "started"));
        assert_null(strstr(b->out, "change "));
        assert_non_null(strstr(b->out, "finding   found"));
        assert_non_null(strstr(b->out, "proposal  pending"));
        assert_non_null(strstr(b->out, "container ended      api\n"));
}

static void ps_lists_environments_and_who_is_in_them(void **state) {
        struct bench *b = *state;

        fake_crowd(b);
        assert_int_equal(run_line(b, "ps"), EXIT_DONE);
        assert_non_null(strstr(b->out, "\napi "));
        assert_non_null(strstr(b->out, "\nshop/web (shop-web-1) "));
        assert_non_null(strstr(b->out, "\nshop/web (shop-web-2) "));
        assert_int_equal(run_line(b, "ps shop/web"), EXIT_DONE);
        assert_null(strstr(b->out, "api"));
        assert_non_null(strstr(b->out, "shop-web-2"));
        assert_int_equal(run_line(b, "ps api"), EXIT_DONE);
        assert_null(strstr(b->out, "shop"));
}

static void ps_tells_a_limit_that_is_not_known_from_none(void **state) {
        struct bench *b = *state;

        assert_int_equal(run_line(b, "ps"), EXIT_DONE);
        assert_non_null(strstr(b->out, "100 MiB / max"));
        assert_non_null(strstr(b->out, "12 / -"));
}

static void ps_sums_up_by_template_or_environment(void **state) {
        struct bench *b = *state;

        fake_crowd(b);
        assert_int_equal(run_line(b, "ps --by template"), EXIT_DONE);
        assert_non_null(strstr(b->out, "TEMPLATE             CONTAINERS CPUS"));
        assert_non_null(strstr(b->out, "shop/web                      2 0.75  2 MiB     5"));
        assert_non_null(strstr(b->out, "node:22@0123456789ab          1 0.00"));
        assert_int_equal(run_line(b, "ps --by environment --json"), EXIT_DONE);
        assert_non_null(strstr(b->out, "{\"id\":\"shop/web\",\"by\":\"environment\","
                                       "\"containers\":2,\"cpuPermyriad\":7500,"));
        assert_int_equal(run_line(b, "ps --by colour"), EXIT_USAGE);
        assert_int_equal(run_line(b, "ps api --by template"), EXIT_USAGE);
}

/* Row 10 of the fault catalogue. */
static void a_hostile_label_is_shown_and_not_obeyed(void **state) {
        static const char *const lines[] = { "ps", "ps --by environment", "ps --by template",
                "show a4", "ps --json", "findings", "show a" };
        struct bench *b = *state;

        fake_crowd(b);
        for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
                (void)run_line(b, lines[i]);
                assert_null(strchr(b->out, '\033'));
                assert_null(strchr(b->err, '\033'));
        }
        assert_int_equal(run_line(b, "show a4"), EXIT_DONE);
        assert_non_null(strstr(b->out, "\\x1b[2J\\u{202e}<script>"));
}

static void show_says_by_which_rule_a_container_has_its_name(void **state) {
        struct bench *b = *state;

        fake_crowd(b);
        assert_int_equal(run_line(b, "show api"), EXIT_DONE);
        assert_non_null(strstr(b->out, "  is         /home/ada/src/api (devcontainer folder)\n"
                                       "  made from  node:22@0123456789ab\n"));
        assert_non_null(strstr(b->out, "  note       labels truncated\n"));
        assert_int_equal(run_line(b, "show shop/web"), EXIT_DONE);
        assert_non_null(strstr(b->out, "shop-web-1"));
        assert_non_null(strstr(b->out, "shop-web-2"));
        assert_int_equal(run_line(b, "set web cpu.max=1 --yes"), EXIT_ERROR);
        assert_non_null(strstr(b->err, "web: could be 2 containers; name one of shop-web-1 (a1@1), "
                                       "shop-web-2 (a2@2)"));
}

#define AGAINST_DAEMONS(test) cmocka_unit_test_setup_teardown(test, fake_start, fake_stop)

int main(void) {
        const struct CMUnitTest tests[] = {
                AGAINST_DAEMONS(status_opens_with_what_hurts_and_what_mends_it),
                AGAINST_DAEMONS(less_than_a_minute_of_evidence_is_a_rate),
                AGAINST_DAEMONS(a_brake_is_told_of_both_containers),
                AGAINST_DAEMONS(empty_states_name_the_next_command),
                AGAINST_DAEMONS(lists_for_programs_begin_with_the_id),
                AGAINST_DAEMONS(an_answer_of_another_shape_is_printed_and_no_crash),
                AGAINST_DAEMONS(trust_shows_what_became_of_each_rules_changes),
                AGAINST_DAEMONS(a_change_shows_what_it_was_to_do_and_what_it_did),
                AGAINST_DAEMONS(show_tells_everything_of_a_finding),
                AGAINST_DAEMONS(measured_numbers_are_in_units_of_people),
                AGAINST_DAEMONS(facts_fit_the_terminal_and_commands_stay_whole),
                AGAINST_DAEMONS(who_approved_is_a_name),
                AGAINST_DAEMONS(show_names_the_command_that_approves),
                AGAINST_DAEMONS(a_daemon_that_does_not_run_is_named),
                AGAINST_DAEMONS(without_the_observer_status_shows_what_dtgovd_knows),
                AGAINST_DAEMONS(watch_begins_with_what_is_open),
                AGAINST_DAEMONS(changes_that_are_followed_begin_with_those_that_are_open),
                AGAINST_DAEMONS(what_a_policy_approved_is_said_to_be_so),
                AGAINST_DAEMONS(watch_for_no_event_ends_at_once),
                AGAINST_DAEMONS(watch_tells_what_has_ended),
                AGAINST_DAEMONS(watch_takes_what_is_there_when_a_daemon_first_answers_for_old),
                AGAINST_DAEMONS(ps_lists_environments_and_who_is_in_them),
                AGAINST_DAEMONS(ps_tells_a_limit_that_is_not_known_from_none),
                AGAINST_DAEMONS(ps_sums_up_by_template_or_environment),
                AGAINST_DAEMONS(a_hostile_label_is_shown_and_not_obeyed),
                AGAINST_DAEMONS(show_says_by_which_rule_a_container_has_its_name),
                AGAINST_DAEMONS(ascii_where_the_locale_is_c),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
