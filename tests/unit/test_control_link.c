/* SPDX-License-Identifier: Apache-2.0 */
/* dtgovd's end of the link: what it takes from an observer, and from one that misbehaves. */
#include "governor/control/steps.h"
#include "tests/unit/control_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

static void turn(struct fixture *f, unsigned times) {
        for (unsigned i = 0; i < times; i++)
                assert_true(sd_event_run(f->control.event, 5 * USEC_PER_MSEC) >= 0);
}

/* As an observer that connects anew. */
static void connect_anew(struct fixture *f, int listen_fd, uid_t uid) {
        int pair[2];

        observer_link_done(&f->control);
        (void)close(f->observer_fd);
        f->control.link = (struct observer_link){ 0 };
        assert_int_equal(
                        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair),
                        0);
        assert_true(observer_link_init(&f->control, pair[0], listen_fd, uid) >= 0);
        f->observer_fd = pair[1];
}

static void say(struct fixture *f, enum link_type type, void *message) {
        assert_int_equal(link_send(f->observer_fd, type, message, NULL, 0), 0);
        turn(f, 3);
}

static void say_hello(struct fixture *f, uint32_t version) {
        struct link_hello hello = { .version = version, .pid = 7 };

        say(f, LINK_HELLO, &hello);
}

/* The next message of a type; false: there is none. */
static bool hear(struct fixture *f, enum link_type type, union link_message *ret, size_t *ret_fds) {
        int fds[LINK_FDS_MAX];
        size_t count = 0;

        turn(f, 3);
        while (link_receive(f->observer_fd, ret, fds, LINK_FDS_MAX, &count) == 1) {
                for (size_t i = 0; i < count; i++)
                        (void)close(fds[i]);
                if (ret_fds)
                        *ret_fds = count;
                if (ret->head.type == type)
                        return true;
        }
        return false;
}

static bool is_lost(const struct fixture *f) {
        return f->control.link.fd < 0;
}

/* --- hello --- */

static void an_observer_that_says_hello_is_told_of_each_container(void **state) {
        struct fixture *f = *state;
        union link_message message;
        size_t fds = 0;

        fixture_write(f, "cpu.pressure", ""); /* takes any trigger */
        connect_anew(f, -1, geteuid());
        assert_false(control_observer_present(&f->control));
        say_hello(f, LINK_VERSION);
        assert_true(hear(f, LINK_HELLO, &message, NULL));
        assert_int_equal(message.hello.version, LINK_VERSION);
        assert_true(control_observer_present(&f->control));
        connect_anew(f, -1, geteuid());
        say_hello(f, LINK_VERSION);
        assert_true(hear(f, LINK_CONTAINER, &message, &fds));
        assert_string_equal(message.container.container.id, "c1");
        assert_int_equal(fds, 1 + (size_t)__builtin_popcount(message.container.ladder_mask));
        assert_int_equal(message.container.ladder_mask & 7, 7);
}

static void a_container_that_is_only_observed_comes_without_triggers(void **state) {
        struct fixture *f = *state;
        union link_message message;
        size_t fds = 0;

        fixture_write(f, "cpu.pressure", "");
        f->container->flags |= CONTAINER_OBSERVED_ONLY;
        connect_anew(f, -1, geteuid());
        say_hello(f, LINK_VERSION);
        assert_true(hear(f, LINK_CONTAINER, &message, &fds));
        assert_int_equal(fds, 1);
}

static void another_version_is_no_observer(void **state) {
        struct fixture *f = *state;

        connect_anew(f, -1, geteuid());
        say_hello(f, LINK_VERSION + 1);
        assert_true(is_lost(f));
}

static void whoever_begins_without_a_hello_is_no_observer(void **state) {
        struct fixture *f = *state;
        struct link_alive alive = { .boottime_ns = 1 };

        connect_anew(f, -1, geteuid());
        say(f, LINK_ALIVE, &alive);
        assert_true(is_lost(f));
}

/* --- proposals --- */

static struct link_answer submit(struct fixture *f, const struct proposal *p) {
        struct link_submit message = { .reference = 77, .proposal = *p };
        union link_message answer;

        say(f, LINK_SUBMIT, &message);
        assert_true(hear(f, LINK_ANSWER, &answer, NULL));
        assert_int_equal(answer.answer.reference, 77);
        return answer.answer;
}

static void a_proposal_is_answered_with_its_number(void **state) {
        struct fixture *f = *state;
        struct proposal p = fixture_wish(f, KNOB_PIDS_MAX, 200);
        struct link_answer answer;

        p.rule = RULE_PIDS_LIMIT;
        answer = submit(f, &p);
        assert_int_equal(answer.verdict, GUARD_ASK);
        assert_non_null(proposals_find(&f->control.proposals, answer.proposal));
}

static void only_a_person_speaks_for_a_person(void **state) {
        static const uint32_t rules_none[] = { RULE_PERSON, RULE_COUNT };
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(rules_none); i++) {
                struct proposal p = fixture_wish(f, KNOB_PIDS_MAX, 200);
                struct link_answer answer;

                p.rule = rules_none[i];
                answer = submit(f, &p);
                assert_int_equal(answer.verdict, GUARD_REFUSE);
                assert_int_equal(answer.reason, REASON_PARSE);
                assert_int_equal(answer.proposal, 0);
        }
        assert_false(is_lost(f));
}

static void a_proposal_for_a_container_that_is_not_here_is_refused(void **state) {
        struct fixture *f = *state;
        struct proposal p = fixture_wish(f, KNOB_PIDS_MAX, 200);

        p.rule = RULE_PIDS_LIMIT;
        (void)strcpy(p.container_id, "c2");
        assert_int_equal(submit(f, &p).reason, REASON_REPLACED);
        p.cgroup_inode++;
        assert_int_equal(submit(f, &p).reason, REASON_REPLACED);
}

static void a_refusal_of_the_guard_is_passed_on(void **state) {
        struct fixture *f = *state;
        struct proposal p = fixture_wish(f, KNOB_PIDS_MAX, 100);
        struct link_answer answer;

        p.rule = RULE_PIDS_LIMIT;
        answer = submit(f, &p);
        assert_int_equal(answer.reason, REASON_NO_CHANGE);
        assert_non_null(strstr(answer.text, "already so"));
}

static void too_many_proposals_are_a_matter_of_rate(void **state) {
        struct fixture *f = *state;
        struct proposal p = fixture_wish(f, KNOB_PIDS_MAX, 200);

        for (size_t i = 0; i < PROPOSALS_MAX; i++) {
                f->control.proposals.held[i].proposal = fixture_wish(f, KNOB_PIDS_MAX, 200);
                f->control.proposals.held[i].proposal.expires_boottime_ns = UINT64_MAX;
        }
        p.rule = RULE_PIDS_LIMIT;
        assert_int_equal(submit(f, &p).reason, REASON_RATE);
}

/* --- verdicts --- */

static void a_verdict_brings_what_was_measured(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ false);
        struct link_verdict v = { .change = 1,
                .verdict = VERDICT_BETTER,
                .before_usec_per_min = 5000,
                .after_usec_per_min = 61 * USEC_PER_SEC };

        say(f, LINK_VERDICT, &v);
        assert_int_equal(run->change.proven, 1);
        assert_int_equal(run->change.effect.before_usec_per_min, 5000);
        assert_int_equal(run->change.effect.after_usec_per_min, LOST_UNKNOWN); /* nobody can */
        v.change = 99;
        say(f, LINK_VERDICT, &v);
        assert_false(is_lost(f));
}

static void what_got_worse_is_said(void **state) {
        static const uint32_t causes[] = { 1, 0, LOSS_COUNT + 1 };
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(causes); i++) {
                struct run *run = fixture_apply(f, KNOB_PIDS_MAX, 200 + i, /* end= */ false);
                struct link_verdict v = {
                        .change = run->change.number, .verdict = VERDICT_WORSE, .cause = causes[i]
                };

                say(f, LINK_VERDICT, &v);
                fixture_until(f, run, CHANGE_ROLLED_BACK);
                assert_string_equal(
                                run->text, causes[i] == 1 ? loss_texts[0]
                                                          : reasons[REASON_OBSERVER_ASKED].text);
        }
}

/* --- an observer that misbehaves --- */

static void what_only_dtgovd_says_ends_the_link(void **state) {
        struct fixture *f = *state;
        struct link_alive alive = { .boottime_ns = 1 };
        struct link_answer answer = { .reference = 1 };

        say(f, LINK_ALIVE, &alive);
        assert_false(is_lost(f));
        say(f, LINK_ANSWER, &answer);
        assert_true(is_lost(f));
}

static void what_is_no_message_ends_the_link(void **state) {
        struct fixture *f = *state;

        assert_int_equal(send(f->observer_fd, "hi", 2, 0), 2);
        turn(f, 3);
        assert_true(is_lost(f));
}

static void more_messages_than_a_second_has_room_for_end_the_link(void **state) {
        struct fixture *f = *state;
        struct link_alive alive = { .boottime_ns = 1 };

        for (unsigned i = 0; i < 4 * LINK_RATE_PER_SEC && !is_lost(f); i++) {
                (void)link_send(f->observer_fd, LINK_ALIVE, &alive, NULL, 0);
                f->control.link.second_ns = proc_boottime_ns(); /* all within one */
                turn(f, 1);
        }
        assert_true(is_lost(f));
}

static void an_observer_that_leaves_takes_back_what_is_on_probation(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ false);

        assert_int_equal(shutdown(f->observer_fd, SHUT_RDWR), 0);
        fixture_until(f, run, CHANGE_ROLLED_BACK);
        assert_int_equal(run->change.reason, REASON_OBSERVER_SILENT);
        assert_true(is_lost(f));
        observer_link_change(&f->control, &run->change); /* nobody is told */
        turn(f, 300); /* and its tick has nobody to show life to */
}

static void an_observer_that_is_silent_takes_back_what_is_on_probation(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ false);
        uint64_t deadline = proc_boottime_ns() + 10 * NSEC_PER_SEC;

        f->control.link.heard_ns = 1;
        while (run->change.state != CHANGE_ROLLED_BACK && proc_boottime_ns() < deadline)
                turn(f, 1);
        assert_int_equal(run->change.reason, REASON_OBSERVER_SILENT);
        assert_true(f->control.link.silent);
        assert_false(is_lost(f)); /* it may speak again */
}

/* What it has not read waits, in order, and comes when it reads again. */
static void an_observer_that_is_slow_misses_nothing(void **state) {
        struct fixture *f = *state;
        union link_message message;
        struct change x = { .state = CHANGE_COMMITTED };
        uint64_t expected = 1, number;

        for (number = 1; f->control.link.queued < 40; number++) {
                x.number = number;
                observer_link_change(&f->control, &x);
                turn(f, 1);
        }
        while (expected < number && hear(f, LINK_CHANGE, &message, NULL)) {
                assert_int_equal(message.change.change.number, expected);
                expected++;
        }
        assert_int_equal(expected, number);
        assert_int_equal(f->control.link.queued, 0);
}

static void an_observer_that_reads_no_more_counts_as_gone(void **state) {
        struct fixture *f = *state;
        struct change x = { .state = CHANGE_COMMITTED };

        for (unsigned i = 0; i <= OBSERVER_QUEUE_MAX; i++)
                observer_link_change(&f->control, &x);
        assert_false(control_observer_present(&f->control));
        turn(f, 1);
        assert_true(is_lost(f));
        assert_int_equal(f->control.link.queued, 0);
}

/* --- connecting --- */

static int dial(struct fixture *f, struct sockaddr_un *at) {
        int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        assert_int_equal(connect(fd, (const struct sockaddr *)at, sizeof(*at)), 0);
        turn(f, 3);
        return fd;
}

static int listen_there(struct fixture *f, struct sockaddr_un *at) {
        int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        *at = (struct sockaddr_un){ .sun_family = AF_UNIX };
        (void)snprintf(at->sun_path, sizeof(at->sun_path), "%s/link.sock", f->dir);
        assert_int_equal(bind(fd, (const struct sockaddr *)at, sizeof(*at)), 0);
        assert_int_equal(listen(fd, 4), 0);
        return fd;
}

static void stop_listening(struct fixture *f, int listen_fd) {
        observer_link_done(&f->control);
        f->control.link = (struct observer_link){ .fd = -1 };
        (void)close(listen_fd);
}

static void another_observer_takes_the_place_of_the_first(void **state) {
        struct fixture *f = *state;
        struct sockaddr_un at;
        int listen_fd = listen_there(f, &at), first, second;
        char byte;

        connect_anew(f, listen_fd, geteuid());
        first = dial(f, &at);
        second = dial(f, &at);
        assert_int_equal(recv(first, &byte, 1, 0), 0);
        assert_int_equal(recv(second, &byte, 1, 0), -1);
        assert_false(is_lost(f));
        (void)close(first);
        (void)close(second);
        stop_listening(f, listen_fd);
}

static void nobody_else_may_be_the_observer(void **state) {
        struct fixture *f = *state;
        struct sockaddr_un at;
        int listen_fd = listen_there(f, &at), fd;
        char byte;

        connect_anew(f, listen_fd, geteuid() + 1);
        fd = dial(f, &at);
        assert_int_equal(recv(fd, &byte, 1, 0), 0);
        assert_false(is_lost(f)); /* the one that is there stays */
        (void)close(fd);
        stop_listening(f, listen_fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_begin, fixture_end)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(an_observer_that_says_hello_is_told_of_each_container),
                TEST(a_container_that_is_only_observed_comes_without_triggers),
                TEST(another_version_is_no_observer),
                TEST(whoever_begins_without_a_hello_is_no_observer),
                TEST(a_proposal_is_answered_with_its_number),
                TEST(only_a_person_speaks_for_a_person),
                TEST(a_proposal_for_a_container_that_is_not_here_is_refused),
                TEST(a_refusal_of_the_guard_is_passed_on),
                TEST(too_many_proposals_are_a_matter_of_rate),
                TEST(a_verdict_brings_what_was_measured),
                TEST(what_got_worse_is_said),
                TEST(what_only_dtgovd_says_ends_the_link),
                TEST(what_is_no_message_ends_the_link),
                TEST(more_messages_than_a_second_has_room_for_end_the_link),
                TEST(an_observer_that_leaves_takes_back_what_is_on_probation),
                TEST(an_observer_that_is_silent_takes_back_what_is_on_probation),
                TEST(an_observer_that_is_slow_misses_nothing),
                TEST(an_observer_that_reads_no_more_counts_as_gone),
                TEST(another_observer_takes_the_place_of_the_first),
                TEST(nobody_else_may_be_the_observer),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
