/* SPDX-License-Identifier: Apache-2.0 */
/* dtgovd's side of identity: whom it asks, when, and what it does with answers good and bad. */
#include "governor/control/health.h"
#include "governor/control/identifier.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#include "tests/unit/control_fixture.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

struct bench {
        struct fixture *fixture;
        struct control *control;
        struct managed *container;
        int listen_fd, fd; /* dtgov-identify's ends; -1 none */
};

static void listen_there(struct bench *b) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/identify.sock",
                        b->fixture->dir);
        b->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        assert_true(b->listen_fd >= 0);
        assert_int_equal(bind(b->listen_fd, (const struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(listen(b->listen_fd, 4), 0);
}

static int begin(void **state) {
        struct bench *b = calloc(1, sizeof(*b));
        void *fixture = NULL;

        assert_non_null(b);
        assert_int_equal(fixture_begin(&fixture), 0);
        b->fixture = fixture;
        b->control = &b->fixture->control;
        b->container = b->fixture->container;
        b->listen_fd = b->fd = -1;
        (void)strcpy(b->container->container.id, ID); /* as Docker's */
        *state = b;
        return 0;
}

static int end(void **state) {
        struct bench *b = *state;
        void *fixture = b->fixture;

        if (b->fd >= 0)
                (void)close(b->fd);
        if (b->listen_fd >= 0)
                (void)close(b->listen_fd);
        identifier_done(b->control);
        assert_int_equal(fixture_end(&fixture), 0);
        free(b);
        return 0;
}

static void start(struct bench *b) {
        assert_true(identifier_init(b->control, b->fixture->dir) >= 0);
}

/* Runs dtgovd's loop for a while. */
static void spin(struct bench *b, uint64_t msec) {
        uint64_t until = proc_boottime_ns() + msec * NSEC_PER_MSEC;

        while (proc_boottime_ns() < until) {
                b->control->link.heard_ns = proc_boottime_ns();
                assert_true(sd_event_run(b->control->event, 10 * USEC_PER_MSEC) >= 0);
        }
}

/* Takes the question that dtgovd asks within @msec. Returns: whether it did */
static bool asked(struct bench *b, uint64_t msec, struct identity_request *ret) {
        for (uint64_t waited = 0; waited < msec; waited += 20) {
                spin(b, 20);
                if (b->fd < 0)
                        b->fd = accept4(b->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
                if (b->fd >= 0 && recv(b->fd, ret, sizeof(*ret), 0) == (ssize_t)sizeof(*ret))
                        return true;
        }
        return false;
}

static void answer(struct bench *b, const void *data, size_t len) {
        assert_int_equal(send(b->fd, data, len, 0), (ssize_t)len);
        (void)close(take_fd(&b->fd));
        spin(b, 50);
}

static struct identity named(const struct bench *b, const char *environment) {
        struct identity i;

        identity_default(&b->container->container, &i);
        i.status = IDENTITY_FOUND;
        (void)strcpy(i.environment, environment);
        return i;
}

/* The next identity that the observer is told; false: none. */
static bool told(struct bench *b, struct identity *ret) {
        union link_message message;
        int fds[LINK_FDS_MAX];
        size_t count;

        while (link_receive(b->fixture->observer_fd, &message, fds, LINK_FDS_MAX, &count) == 1) {
                for (size_t i = 0; i < count; i++)
                        (void)close(fds[i]);
                if (message.head.type != LINK_IDENTITY)
                        continue;
                *ret = message.identity.identity;
                return true;
        }
        return false;
}

static void a_container_is_asked_about_after_its_start_and_the_observer_told(void **state) {
        struct bench *b = *state;
        struct identity_request request;
        struct identity i;

        listen_there(b);
        start(b);
        assert_false(asked(b, 700, &request)); /* a hook may still be waited for */
        assert_true(asked(b, 5000, &request));
        assert_int_equal(request.version, IDENTITY_VERSION);
        assert_string_equal(request.container.id, ID);
        assert_false(told(b, &i));
        i = named(b, "shop/web");
        answer(b, &i, sizeof(i));
        memset(&i, 0, sizeof(i));
        assert_true(told(b, &i));
        assert_string_equal(i.environment, "shop/web");
        assert_int_equal(b->control->identifier.waiting, 0);
        assert_string_equal(identifier_note(b->control), "");
}

static void an_observer_that_comes_back_is_told_again(void **state) {
        struct bench *b = *state;
        struct identity i = named(b, "shop/web");

        b->container->identity = malloc(sizeof(i));
        assert_non_null(b->container->identity);
        *b->container->identity = i;
        b->container->told = false; /* as after its hello */
        b->container->identity_told = true;
        observer_link_container(b->control, b->container);
        assert_true(told(b, &i));
        assert_string_equal(i.environment, "shop/web");
}

static void what_is_no_record_is_not_passed_on(void **state) {
        struct bench *b = *state;
        struct identity_request request;
        struct identity i;

        listen_there(b);
        start(b);
        b->container->ask_ns = 1;
        assert_true(asked(b, 5000, &request));
        i = named(b, "other");
        i.cgroup_inode++;
        answer(b, &i, sizeof(i));
        assert_false(told(b, &i));
        assert_int_equal(b->control->identifier.waiting, 1); /* and it is asked again */

        b->container->ask_ns = 1;
        assert_true(asked(b, 5000, &request));
        i = named(b, "long");
        memset(i.environment, 'a', sizeof(i.environment));
        answer(b, &i, sizeof(i));
        assert_false(told(b, &i));
        assert_int_equal(b->container->asked, 2);
        b->container->ask_ns = 1;
        assert_true(asked(b, 5000, &request));
        answer(b, &i, sizeof(i) - 1);
        b->container->ask_ns = 1;
        assert_true(asked(b, 5000, &request));
        (void)close(take_fd(&b->fd)); /* it ends without a word */
        spin(b, 50);
        assert_false(told(b, &i));
        assert_int_equal(b->container->asked, 4);
}

static void it_asks_again_a_few_times_and_no_more(void **state) {
        struct bench *b = *state;
        struct identity_request request;
        struct identity i = named(b, ID);

        listen_there(b);
        start(b);
        i.status = IDENTITY_NO_ENGINE;
        for (unsigned try = 0; try < IDENTIFIER_TRIES; try++) {
                b->container->ask_ns = 1;
                assert_true(asked(b, 5000, &request));
                answer(b, &i, sizeof(i));
                assert_true(told(b, &i)); /* so that people see why it has no name */
                assert_int_equal(i.status, IDENTITY_NO_ENGINE);
        }
        assert_int_equal(b->container->ask_ns, 0);
        assert_int_equal(b->control->identifier.waiting, 0);
}

static void an_answer_that_does_not_come_is_given_up(void **state) {
        struct bench *b = *state;
        struct identity_request request;

        listen_there(b);
        start(b);
        b->container->ask_ns = 1;
        assert_true(asked(b, 5000, &request));
        spin(b, 600);
        assert_int_equal(b->container->asked, 0);
        b->control->identifier.deadline_ns = 1;
        spin(b, 700);
        assert_int_equal(b->container->asked, 1);
        assert_null(b->control->identifier.asking);
}

static void a_container_that_ends_is_asked_about_no_more(void **state) {
        struct bench *b = *state;
        struct identity_request request;
        struct identity i = named(b, "late");

        listen_there(b);
        start(b);
        b->container->ask_ns = 1;
        assert_true(asked(b, 5000, &request));
        b->container->alive = false;
        identifier_end(b->control, b->container);
        answer(b, &i, sizeof(i));
        assert_false(told(b, &i));
        assert_null(b->container->identity);
        assert_int_equal(b->control->identifier.waiting, 0);
}

/* As without systemd. */
static void without_a_socket_status_says_so(void **state) {
        struct bench *b = *state;
        struct identity_request request;

        start(b);
        spin(b, 1700);
        assert_non_null(strstr(identifier_note(b->control), "dtgov-identify.socket"));
        assert_int_equal(b->container->asked, 0);

        listen_there(b);
        b->control->identifier.absent_ns = 1; /* long ago */
        assert_true(asked(b, 5000, &request));
        assert_string_equal(identifier_note(b->control), "");
}

static void whom_no_engine_knows_is_not_asked_about(void **state) {
        struct bench *b = *state;

        (void)strcpy(b->container->container.id, "c1");
        start(b);
        assert_int_equal(b->control->identifier.waiting, 0);
        spin(b, 700);
        assert_string_equal(identifier_note(b->control), "");
}

static void answers_with(struct bench *b, enum health health, uint32_t streak) {
        struct identity_request request;
        struct identity i = named(b, "shop/web");

        i.health = health;
        i.failing_streak = streak;
        assert_true(asked(b, 5000, &request));
        answer(b, &i, sizeof(i));
}

static void answers(struct bench *b, enum health health) {
        answers_with(b, health, 0);
}

/* A change on probation, of a container whose engine runs a check. */
static struct run *on_probation(struct bench *b) {
        struct identity i;
        struct run *run;

        (void)strcpy(b->container->container.id, "c1"); /* as the fixture's wishes call it */
        run = fixture_apply(b->fixture, KNOB_PIDS_MAX, 200, /* end= */ false);
        (void)strcpy(b->container->container.id, ID);
        i = named(b, "shop/web");
        assert_int_equal(run->change.state, CHANGE_PROBATION);
        run->change.deadline_boottime_ns = UINT64_MAX;
        b->container->identity = malloc(sizeof(i));
        assert_non_null(b->container->identity);
        i.health = HEALTH_HEALTHY;
        *b->container->identity = i;
        listen_there(b);
        start(b);
        identifier_end(b->control, b->container);
        return run;
}

static void a_check_that_begins_to_fail_takes_its_change_back(void **state) {
        struct bench *b = *state;
        struct run *run = on_probation(b);

        health_look(b->control, run, proc_boottime_ns());
        answers(b, HEALTH_HEALTHY);
        assert_int_equal(run->change.state, CHANGE_PROBATION);
        health_look(b->control, run, proc_boottime_ns());
        assert_int_equal(b->control->identifier.waiting, 0); /* not before its turn */
        health_look(b->control, run, proc_boottime_ns() + HEALTH_ASK_NS);
        answers(b, HEALTH_UNHEALTHY);
        assert_true(run->change.state == CHANGE_ROLLING_BACK ||
                        run->change.state == CHANGE_ROLLED_BACK);
        assert_int_equal(run->change.reason, REASON_UNHEALTHY);
}

static void a_check_that_failed_before_says_nothing_of_the_change(void **state) {
        struct bench *b = *state;
        struct run *run = on_probation(b);

        health_look(b->control, run, proc_boottime_ns());
        answers(b, HEALTH_UNHEALTHY);
        health_look(b->control, run, proc_boottime_ns() + HEALTH_ASK_NS);
        answers(b, HEALTH_UNHEALTHY);
        assert_int_equal(run->change.state, CHANGE_PROBATION);
}

static void two_failures_in_a_row_are_enough(void **state) {
        struct bench *b = *state;
        struct run *run = on_probation(b);

        health_look(b->control, run, proc_boottime_ns());
        answers_with(b, HEALTH_HEALTHY, 0);
        health_look(b->control, run, proc_boottime_ns() + HEALTH_ASK_NS);
        answers_with(b, HEALTH_HEALTHY, 1);
        assert_int_equal(run->change.state, CHANGE_PROBATION);
        health_look(b->control, run, proc_boottime_ns() + 2 * HEALTH_ASK_NS);
        answers_with(b, HEALTH_HEALTHY, 2);
        assert_int_equal(run->change.reason, REASON_UNHEALTHY);
}

static void a_check_that_had_failed_a_few_times_already_says_nothing(void **state) {
        struct bench *b = *state;
        struct run *run = on_probation(b);

        health_look(b->control, run, proc_boottime_ns());
        answers_with(b, HEALTH_HEALTHY, 1);
        health_look(b->control, run, proc_boottime_ns() + HEALTH_ASK_NS);
        answers_with(b, HEALTH_HEALTHY, 2);
        assert_int_equal(run->change.state, CHANGE_PROBATION);
}

static void a_try_that_waits_for_its_turn_does_not_hold_up_the_check(void **state) {
        struct bench *b = *state;
        struct run *run = on_probation(b);
        struct identity_request request;

        identifier_begin(b->control, b->container);
        b->container->ask_ns = UINT64_MAX; /* as after many tries without an answer */
        health_look(b->control, run, proc_boottime_ns());
        assert_int_equal(b->control->identifier.waiting, 1);
        assert_true(asked(b, 5000, &request));
}

static void a_container_without_a_check_is_not_asked_about_again(void **state) {
        struct bench *b = *state;
        struct run *run = on_probation(b);

        b->container->identity->health = HEALTH_NONE;
        health_look(b->control, run, proc_boottime_ns());
        assert_int_equal(b->control->identifier.waiting, 0);
}

static void an_engine_that_is_down_takes_no_names_away(void **state) {
        struct bench *b = *state;
        struct run *run = on_probation(b);
        struct identity_request request;
        struct identity i = named(b, ID);

        health_look(b->control, run, proc_boottime_ns());
        i.status = IDENTITY_NO_ENGINE;
        assert_true(asked(b, 5000, &request));
        answer(b, &i, sizeof(i));
        assert_string_equal(b->container->identity->environment, "shop/web");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        const struct CMUnitTest tests[] = {
                TEST(a_container_is_asked_about_after_its_start_and_the_observer_told),
                TEST(an_observer_that_comes_back_is_told_again),
                TEST(what_is_no_record_is_not_passed_on),
                TEST(it_asks_again_a_few_times_and_no_more),
                TEST(an_answer_that_does_not_come_is_given_up),
                TEST(a_container_that_ends_is_asked_about_no_more),
                TEST(without_a_socket_status_says_so),
                TEST(whom_no_engine_knows_is_not_asked_about),
                TEST(a_check_that_begins_to_fail_takes_its_change_back),
                TEST(a_check_that_failed_before_says_nothing_of_the_change),
                TEST(two_failures_in_a_row_are_enough),
                TEST(a_check_that_had_failed_a_few_times_already_says_nothing),
                TEST(a_try_that_waits_for_its_turn_does_not_hold_up_the_check),
                TEST(a_container_without_a_check_is_not_asked_about_again),
                TEST(an_engine_that_is_down_takes_no_names_away),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
