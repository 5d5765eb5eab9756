/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How an observer comes and goes, one that misbehaves, and a link that takes nothing: calls of
 * sockets are the program's own, so that they can fail.
 */
#include "tests/unit/link_fixture.h"

#include <dlfcn.h>
#include <sys/syscall.h>
#include <sys/un.h>

/* Errors that the next calls get; 0: none. */
static int send_error, accept_error, add_io_error;
static int spared_fd; /* which can be written all the same */

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
        if (send_error == 0 || fd == spared_fd)
                return syscall(SYS_sendmsg, fd, message, flags);
        errno = send_error;
        return -1;
}

int accept4(int fd, struct sockaddr *restrict at, socklen_t *restrict len, int flags) {
        if (accept_error == 0)
                return (int)syscall(SYS_accept4, fd, at, len, flags);
        errno = accept_error;
        return -1;
}

int sd_event_add_io(sd_event *e, sd_event_source **ret, int fd, uint32_t events,
                sd_event_io_handler_t callback, void *userdata) {
        __typeof__(&sd_event_add_io) real;

        *(void **)&real = dlsym(RTLD_NEXT, "sd_event_add_io");
        return add_io_error != 0 ? -add_io_error : real(e, ret, fd, events, callback, userdata);
}

static int begin(void **state) {
        send_error = accept_error = add_io_error = 0;
        spared_fd = -1;
        return fixture_begin(state);
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
        assert_false(control_observer_present(&f->control));
        turn(f, 250);             /* which is said once */
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

static void what_the_link_has_no_room_for_waits(void **state) {
        static const int lacking[] = { EAGAIN, ENOBUFS, ETOOMANYREFS };
        struct fixture *f = *state;
        union link_message message;

        for (size_t i = 0; i < ARRAY_LEN(lacking); i++) {
                struct change x = { .number = 100 + i, .state = CHANGE_COMMITTED };

                send_error = lacking[i];
                observer_link_change(&f->control, &x);
                turn(f, 3);
                assert_int_equal(f->control.link.queued, 1);
                send_error = 0;
                assert_true(hear(f, LINK_CHANGE, &message, NULL));
                assert_int_equal(message.change.change.number, x.number);
        }
}

static void a_link_that_cannot_be_written_is_lost(void **state) {
        struct fixture *f = *state;
        struct change x = { .number = 100, .state = CHANGE_COMMITTED };

        send_error = EPIPE;
        observer_link_change(&f->control, &x);
        turn(f, 3);
        assert_true(is_lost(f));
        connect_anew(f, -1, geteuid());
        spared_fd = f->observer_fd;
        say_hello(f, LINK_VERSION);
        assert_true(is_lost(f));
}

static void before_its_hello_an_observer_is_told_nothing(void **state) {
        struct fixture *f = *state;
        union link_message message;
        uint64_t end = proc_boottime_ns() + 2500 * NSEC_PER_MSEC;

        connect_anew(f, -1, geteuid());
        while (proc_boottime_ns() < end) /* of two ticks */
                turn(f, 1);
        assert_false(hear(f, LINK_ALIVE, &message, NULL));
        say_hello(f, LINK_VERSION);
        end += 2500 * NSEC_PER_MSEC;
        while (proc_boottime_ns() < end)
                turn(f, 1);
        assert_true(hear(f, LINK_ALIVE, &message, NULL));
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

static void an_observer_that_cannot_be_let_in_keeps_no_other_out(void **state) {
        struct fixture *f = *state;
        struct sockaddr_un at;
        int listen_fd = listen_there(f, &at), fd;
        char byte;

        connect_anew(f, listen_fd, geteuid());
        accept_error = EMFILE;
        fd = dial(f, &at);
        assert_false(is_lost(f));
        accept_error = 0;
        add_io_error = ENOMEM;
        turn(f, 3);
        assert_int_equal(recv(fd, &byte, 1, 0), 0);
        (void)close(fd);
        add_io_error = 0;
        fd = dial(f, &at);
        assert_false(is_lost(f));
        (void)close(fd);
        stop_listening(f, listen_fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, fixture_end)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(what_only_dtgovd_says_ends_the_link),
                TEST(what_is_no_message_ends_the_link),
                TEST(more_messages_than_a_second_has_room_for_end_the_link),
                TEST(an_observer_that_leaves_takes_back_what_is_on_probation),
                TEST(an_observer_that_is_silent_takes_back_what_is_on_probation),
                TEST(an_observer_that_is_slow_misses_nothing),
                TEST(an_observer_that_reads_no_more_counts_as_gone),
                TEST(what_the_link_has_no_room_for_waits),
                TEST(a_link_that_cannot_be_written_is_lost),
                TEST(before_its_hello_an_observer_is_told_nothing),
                TEST(an_observer_that_cannot_be_let_in_keeps_no_other_out),
                TEST(another_observer_takes_the_place_of_the_first),
                TEST(nobody_else_may_be_the_observer),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
