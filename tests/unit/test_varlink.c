/* SPDX-License-Identifier: Apache-2.0 */
/* Both ends of the protocol over a socket of its own: the server runs in a thread. */
#include "tests/unit/varlink_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "governor/varlink/varlink_internal.h"

static void a_call_is_answered_with_who_called(void **state) {
        CLEANUP(varlink_unrefp) struct varlink *link = bench_dial(*state);
        CLEANUP(json_doc_freep)
        struct json_doc *doc = bench_call(link, "org.test.Bench.Echo", "h\xc3\xa4\n", NULL);
        const char *text;
        uint64_t uid;
        bool in_group;

        assert_int_equal(json_get_string(parameters_of(doc), "text", &text, NULL), 0);
        assert_string_equal(text, "h\xc3\xa4\n");
        assert_int_equal(json_get_u64(parameters_of(doc), "uid", &uid, NULL), 0);
        assert_int_equal(uid, getuid());
        assert_int_equal(json_get_bool(parameters_of(doc), "inGroup", &in_group, NULL), 0);
        assert_true(in_group);
}

/* Connects in a process that hands its connection over, ends, and is waited for. */
static int dial_and_end(const struct bench *b) {
        char control[CMSG_SPACE(sizeof(int))] = { 0 }, byte = 'x';
        struct iovec piece = { &byte, 1 };
        struct msghdr message = { .msg_iov = &piece,
                .msg_iovlen = 1,
                .msg_control = control,
                .msg_controllen = sizeof(control) };
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);
        int pair[2], fd;
        pid_t pid;

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                fd = bench_dial_raw(b);
                *head = (struct cmsghdr){ CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
                memcpy(CMSG_DATA(head), &fd, sizeof(int));
                _exit(sendmsg(pair[1], &message, 0) == 1 ? 0 : 1);
        }
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        assert_int_equal(recvmsg(pair[0], &message, 0), 1);
        memcpy(&fd, CMSG_DATA(head), sizeof(int));
        (void)close(pair[0]);
        (void)close(pair[1]);
        return fd;
}

static void a_connection_outlives_who_made_it_and_says_so(void **state) {
        static const char request[] =
                        "{\"method\":\"org.test.Bench.Echo\",\"parameters\":{\"text\":\"x\"}}";
        int fds[] = { bench_dial_raw(*state), dial_and_end(*state) };
        char text[512];

        for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
                assert_int_equal(send(fds[i], request, sizeof(request), 0), sizeof(request));
                assert_true(recv(fds[i], text, sizeof(text), 0) > 0);
                assert_non_null(strstr(text, i == 0 ? "\"alive\":true" : "\"alive\":false"));
                (void)close(fds[i]);
        }
}

static void an_answer_may_come_later(void **state) {
        CLEANUP(varlink_unrefp) struct varlink *link = bench_dial(*state);

        for (int i = 0; i < 2; i++)
                json_doc_free(bench_call(link, "org.test.Bench.Later", NULL, NULL));
}

static void who_hangs_up_before_the_answer_is_gone(void **state) {
        struct bench *b = *state;
        struct varlink *link = bench_dial(b);
        struct json_doc *doc;
        struct json_writer *w;
        const char *name;

        assert_int_equal(varlink_call_begin(link, "org.test.Bench.Later", &w), 0);
        assert_int_equal(varlink_call(link, 5000, &doc, &name, NULL), -ETIMEDOUT);
        varlink_unref(link);
        for (int i = 0; i < 1000 && b->heard < 100; i++)
                (void)usleep(1000);
        assert_int_equal(b->heard, 100);
}

static void what_is_not_known_is_named(void **state) {
        static const char *const cases[][2] = {
                { "org.test.Bench.Nothing", "org.varlink.service.MethodNotFound" },
                { "org.test.Other.Echo", "org.varlink.service.InterfaceNotFound" },
                { "org.test.Ben.Echo", "org.varlink.service.InterfaceNotFound" },
                { "org.test.Bench.Absent", "org.varlink.service.MethodNotImplemented" },
                { "org.test.Bench.Forget", "org.varlink.service.MethodNotImplemented" },
                { "org.test.Bench.Echo", "org.test.Bench.NoText" },
                { "org.varlink.service.GetInterfaceDescription",
                                "org.varlink.service.InvalidParameter" },
                { "org.varlink.service.Other", "org.varlink.service.MethodNotFound" },
        };
        CLEANUP(varlink_unrefp) struct varlink *link = bench_dial(*state);

        for (size_t i = 0; i < ARRAY_LEN(cases); i++)
                json_doc_free(bench_call(link, cases[i][0], NULL, cases[i][1]));
}

static void the_service_describes_itself(void **state) {
        CLEANUP(varlink_unrefp) struct varlink *link = bench_dial(*state);
        struct json_doc *doc = bench_call(link, "org.varlink.service.GetInfo", NULL, NULL);
        const char *text;
        struct json_writer *w;

        assert_string_equal(
                        json_get(parameters_of(doc), "interfaces")->last->text, "org.test.Bench");
        json_doc_free(doc);

        assert_int_equal(
                        varlink_call_begin(link, "org.varlink.service.GetInterfaceDescription", &w),
                        0);
        json_put_string(w, "interface", "org.test.Bench");
        assert_int_equal(varlink_call(link, WAIT_USEC, &doc, &text, NULL), 0);
        assert_int_equal(json_get_string(parameters_of(doc), "description", &text, NULL), 0);
        assert_string_equal(text, bench_interface.description);
        json_doc_free(doc);
}

static void more_is_answered_once(void **state) {
        static const char request[] = "{\"method\":\"org.test.Bench.Hear\",\"more\":true}";
        int fd = bench_dial_raw(*state);
        char text[128];

        assert_int_equal(send(fd, request, sizeof(request), 0), sizeof(request));
        assert_int_equal(recv(fd, text, sizeof(text), 0), sizeof("{\"parameters\":{}}"));
        assert_string_equal(text, "{\"parameters\":{}}");
        (void)close(fd);
}

static void a_oneway_call_is_carried_out_and_not_answered(void **state) {
        static const char request[] = "{\"method\":\"org.test.Bench.Hear\",\"oneway\":true}\0"
                                      "{\"method\":\"org.test.Bench.Hear\",\"oneway\":true}\0"
                                      "{\"method\":\"org.test.Bench.Hear\"}";
        struct bench *b = *state;
        int fd = bench_dial_raw(b);
        char text[128];

        assert_int_equal(send(fd, request, sizeof(request), 0), sizeof(request));
        assert_int_equal(recv(fd, text, sizeof(text), 0), sizeof("{\"parameters\":{}}"));
        assert_string_equal(text, "{\"parameters\":{}}");
        assert_int_equal(b->heard, 3);
        (void)close(fd);
}

static void what_is_no_call_is_hung_up_on(void **state) {
        static const char *const texts[] = { "", "{", "[]", "{}", "{\"method\":1}",
                "{\"method\":\"Echo\"}", "{\"method\":\".Echo\"}", "v2 {\"method\":\"a.B\"}",
                "{\"method\":\"org.test.Bench.Echo\",\"parameters\":[]}",
                "{\"method\":\"org.test.Bench.Echo\",\"more\":true,\"oneway\":true}",
                "{\"method\":\"org.test.Bench.Echo\",\"more\":1}",
                "{\"method\":\"org.test.Bench.Echo\",\"parameters\":{\"a\":{\"b\":{\"c\":{}}}}}",
                "GET / HTTP/1.1\r\nHost: evil\r\n\r\n" };

        for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
                int fd = bench_dial_raw(*state);
                size_t size = strlen(texts[i]) + 1;

                assert_int_equal(send(fd, texts[i], size, 0), size);
                assert_true(hangs_up(fd));
        }
}

static void a_frame_has_a_largest_size(void **state) {
        int fd = bench_dial_raw(*state);
        char text[VARLINK_REQUEST_MAX + 1];

        memset(text, ' ', sizeof(text));
        (void)send(fd, text, sizeof(text), MSG_NOSIGNAL);
        assert_true(hangs_up(fd));
}

static void half_a_frame_waits_but_not_long(void **state) {
        int fd = bench_dial_raw(*state);
        uint64_t from = now_usec();

        /* Bytes one by one do not buy more time. */
        for (int i = 0; i < 20 && send(fd, "{", 1, MSG_NOSIGNAL) == 1; i++)
                (void)usleep(15000);
        assert_true(hangs_up(fd));
        assert_in_range(now_usec() - from, IDLE_USEC - 5000, IDLE_USEC + 400000);
}

static void a_connection_may_be_silent(void **state) {
        CLEANUP(varlink_unrefp) struct varlink *link = bench_dial(*state);

        (void)usleep(2 * IDLE_USEC);
        json_doc_free(bench_call(link, "org.test.Bench.Echo", "x", NULL));
}

static void the_ninth_connection_of_a_uid_is_told_so(void **state) {
        struct varlink *links[VARLINK_CONNECTIONS_PER_UID];
        const char *text;

        for (size_t i = 0; i < ARRAY_LEN(links); i++) {
                links[i] = bench_dial(*state);
                json_doc_free(bench_call(links[i], "org.test.Bench.Echo", "x", NULL));
        }
        for (int i = 0; i < 50; i++) {
                CLEANUP(varlink_unrefp) struct varlink *ninth = bench_dial(*state);
                CLEANUP(json_doc_freep)
                struct json_doc *doc = bench_call(
                                ninth, "org.test.Bench.Echo", "x", "org.test.Bench.Busy");

                assert_int_equal(json_get_string(parameters_of(doc), "text", &text, NULL), 0);
                assert_non_null(strstr(text, "E_BUSY"));
        }
        json_doc_free(bench_call(links[0], "org.test.Bench.Echo", "x", NULL));
        for (size_t i = 0; i < ARRAY_LEN(links); i++)
                varlink_unref(links[i]);
        for (int i = 0; i < 20; i++) {
                CLEANUP(varlink_unrefp) struct varlink *link = NULL;

                (void)usleep(10000);
                link = bench_dial(*state);
                json_doc_free(bench_call(link, "org.test.Bench.Echo", "x", NULL));
                break;
        }
}

/* Root is one of the uids here; the other is whoever root may become. */
static void a_thousand_connections_of_one_uid_leave_another_alone(void **state) {
        struct bench *b = *state;
        int fds[1000];
        pid_t pid;
        int status;

        if (getuid() != 0) {
                print_message("only root can be two uids: make test runs this as root\n");
                skip();
        }
        assert_int_equal(chmod(b->dir, 0755), 0);
        for (size_t i = 0; i < ARRAY_LEN(fds); i++)
                fds[i] = bench_dial_raw(b);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                struct varlink *link;
                struct json_doc *doc;
                struct json_writer *w;
                const char *error = "";

                if (setgid(65534) < 0 || setuid(65534) < 0 ||
                                varlink_connect(&link, b->path, NULL) < 0 ||
                                varlink_call_begin(link, "org.test.Bench.Echo", &w) < 0)
                        _exit(1);
                json_put_string(w, "text", "x");
                _exit(varlink_call(link, WAIT_USEC, &doc, &error, NULL) < 0 || error ? 2 : 0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        for (size_t i = 0; i < ARRAY_LEN(fds); i++)
                (void)close(fds[i]);
}

static void who_calls_too_often_waits(void **state) {
        CLEANUP(varlink_unrefp) struct varlink *link = bench_dial(*state);
        uint64_t from = now_usec();

        for (int i = 0; i < VARLINK_CALLS_PER_SEC + 6; i++)
                json_doc_free(bench_call(link, "org.test.Bench.Echo", "x", NULL));
        assert_in_range(now_usec() - from, 250000, 2000000);
}

static void calls_that_are_sent_together_are_answered_in_turn(void **state) {
        static const char request[] = "{\"method\":\"org.test.Bench.Later\"}\0"
                                      "{\"method\":\"org.test.Bench.Hear\"}\0"
                                      "{\"method\":\"org.test.Bench.Later\"}";
        static const char answer[] = "{\"parameters\":{\"later\":true}}\0"
                                     "{\"parameters\":{}}\0"
                                     "{\"parameters\":{\"later\":true}}";
        int fd = bench_dial_raw(*state);
        char text[sizeof(answer)];

        assert_int_equal(send(fd, request, sizeof(request), 0), sizeof(request));
        assert_int_equal(shutdown(fd, SHUT_WR), 0);
        assert_int_equal(recv(fd, text, sizeof(text), MSG_WAITALL), sizeof(text));
        assert_memory_equal(text, answer, sizeof(answer));
        assert_true(hangs_up(fd));
}

static void passed_descriptors_are_closed_and_their_sender_too(void **state) {
        char control[CMSG_SPACE(sizeof(int))] = { 0 };
        struct iovec piece = { (char[]){ "{" }, 1 };
        struct msghdr message = { .msg_iov = &piece,
                .msg_iovlen = 1,
                .msg_control = control,
                .msg_controllen = sizeof(control) };
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);
        int fd = bench_dial_raw(*state), pair[2];
        char byte;

        assert_int_equal(pipe(pair), 0);
        *head = (struct cmsghdr){ CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
        memcpy(CMSG_DATA(head), &pair[1], sizeof(int));
        assert_int_equal(sendmsg(fd, &message, 0), 1);
        (void)close(pair[1]);
        assert_true(hangs_up(fd));
        assert_int_equal(read(pair[0], &byte, 1), 0);
        (void)close(pair[0]);
}

static void who_does_not_read_is_cut_off(void **state) {
        static const char request[] = "{\"method\":\"org.test.Bench.Large\"}";
        int fd = bench_dial_raw(*state);
        char block[65536];
        size_t received = 0;
        ssize_t n;

        assert_int_equal(send(fd, request, sizeof(request), 0), sizeof(request));
        (void)usleep(2 * IDLE_USEC + 100000);
        while ((n = recv(fd, block, sizeof(block), 0)) > 0)
                received += (size_t)n;
        assert_in_range(received, 1, 500000); /* of the 588 kB of the answer */
        (void)close(fd);
}

static void one_large_answer_arrives_whole(void **state) {
        CLEANUP(varlink_unrefp) struct varlink *link = bench_dial(*state);
        CLEANUP(json_doc_freep)
        struct json_doc *doc = bench_call(link, "org.test.Bench.Large", NULL, NULL);

        assert_string_equal(json_get(parameters_of(doc), "numbers")->last->text, "99999");
}

static void a_socket_is_replaced_only_when_nobody_answers(void **state) {
        struct bench *b = *state;
        struct varlink *link;
        struct error err;
        char path[128];
        int fd;

        assert_int_equal(varlink_listen(b->path, 0666, &fd, &err), -EADDRINUSE);
        (void)snprintf(path, sizeof(path), "%s/other", b->dir);
        assert_int_equal(varlink_connect(&link, path, &err), -ENOENT);
        assert_int_equal(varlink_listen(path, 0600, &fd, &err), 0);
        (void)close(fd);
        assert_int_equal(varlink_connect(&link, path, &err), -ECONNREFUSED);
        assert_non_null(strstr(err.text, "nobody listens"));
        assert_int_equal(varlink_listen(path, 0600, &fd, &err), 0);
        (void)close(fd);
        (void)unlink(path);
}

/* A child of a daemon that has ended holds its socket, and answers nothing. */
static void a_socket_that_only_a_child_left_behind_holds_is_replaced(void **state) {
        struct bench *b = *state;
        char path[128];
        int fd, ends[2];
        pid_t daemon;

        (void)snprintf(path, sizeof(path), "%s/left", b->dir);
        assert_int_equal(pipe(ends), 0);
        daemon = fork();
        if (daemon == 0) {
                if (varlink_listen(path, 0600, &fd, NULL) < 0)
                        _exit(1);
                if (fork() == 0) {
                        (void)close(ends[1]);
                        if (read(ends[0], path, 1) < 0) /* until the test is over */
                                _exit(1);
                }
                _exit(0);
        }
        (void)close(ends[0]);
        assert_int_equal(waitpid(daemon, NULL, 0), daemon);
        assert_int_equal(varlink_listen(path, 0600, &fd, NULL), 0);
        (void)close(fd);
        (void)close(ends[1]);
        (void)unlink(path);
}

#define OVER_A_SOCKET(test) cmocka_unit_test_setup_teardown(test, bench_start, bench_stop)

int main(void) {
        const struct CMUnitTest tests[] = {
                OVER_A_SOCKET(a_call_is_answered_with_who_called),
                OVER_A_SOCKET(a_connection_outlives_who_made_it_and_says_so),
                OVER_A_SOCKET(an_answer_may_come_later),
                OVER_A_SOCKET(who_hangs_up_before_the_answer_is_gone),
                OVER_A_SOCKET(what_is_not_known_is_named),
                OVER_A_SOCKET(the_service_describes_itself),
                OVER_A_SOCKET(more_is_answered_once),
                OVER_A_SOCKET(a_oneway_call_is_carried_out_and_not_answered),
                OVER_A_SOCKET(what_is_no_call_is_hung_up_on),
                OVER_A_SOCKET(a_frame_has_a_largest_size),
                OVER_A_SOCKET(half_a_frame_waits_but_not_long),
                OVER_A_SOCKET(a_connection_may_be_silent),
                OVER_A_SOCKET(the_ninth_connection_of_a_uid_is_told_so),
                OVER_A_SOCKET(a_thousand_connections_of_one_uid_leave_another_alone),
                OVER_A_SOCKET(who_calls_too_often_waits),
                OVER_A_SOCKET(calls_that_are_sent_together_are_answered_in_turn),
                OVER_A_SOCKET(passed_descriptors_are_closed_and_their_sender_too),
                OVER_A_SOCKET(who_does_not_read_is_cut_off),
                OVER_A_SOCKET(one_large_answer_arrives_whole),
                OVER_A_SOCKET(a_socket_is_replaced_only_when_nobody_answers),
                OVER_A_SOCKET(a_socket_that_only_a_child_left_behind_holds_is_replaced),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
