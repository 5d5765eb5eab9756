/* SPDX-License-Identifier: Apache-2.0 */
#include "state/link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <cmocka.h>

struct pair {
        int fd[2];
};

static struct pair make_pair(void) {
        struct pair p;

        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, p.fd), 0);
        return p;
}

static void close_pair(const struct pair *p) {
        (void)close(p->fd[0]);
        (void)close(p->fd[1]);
}

/* Whether the other end of a pipe was closed everywhere. */
static bool reader_gone(int write_fd) {
        return send(write_fd, "x", 1, MSG_NOSIGNAL) < 0 && errno == EPIPE;
}

static void every_type_has_the_size_of_its_structure(void **state) {
        (void)state;
        assert_int_equal(link_size(LINK_HELLO), sizeof(struct link_hello));
        assert_int_equal(link_size(LINK_SUBMIT), sizeof(struct link_submit));
        assert_int_equal(link_size(LINK_CHANGE), sizeof(struct link_change));
        for (int type = LINK_HELLO; type < LINK_TYPE_COUNT; type++) {
                assert_true(link_size((enum link_type)type) >= sizeof(struct link_head));
                assert_true(link_size((enum link_type)type) <= sizeof(union link_message));
        }
        assert_int_equal(link_size((enum link_type)0), 0);
        assert_int_equal(link_size(LINK_TYPE_COUNT), 0);
        assert_int_equal(link_size((enum link_type) - 1), 0);
}

static void a_message_arrives_as_it_was_sent(void **state) {
        struct link_hello hello = { .version = LINK_VERSION, .pid = 42 };
        struct pair p = make_pair();
        union link_message m;
        size_t count;

        (void)state;
        assert_int_equal(link_receive(p.fd[1], &m, NULL, 0, &count), -EAGAIN);
        assert_int_equal(link_send(p.fd[0], LINK_HELLO, &hello, NULL, 0), 0);
        assert_int_equal(link_receive(p.fd[1], &m, NULL, 0, &count), 1);
        assert_int_equal(m.head.type, LINK_HELLO);
        assert_int_equal(m.hello.pid, 42);
        assert_int_equal(count, 0);
        close_pair(&p);
}

static void file_descriptors_come_along_in_order(void **state) {
        struct link_container c = { .flags = CONTAINER_ADOPTED };
        struct pair p = make_pair(), a = make_pair(), b = make_pair();
        int fds[LINK_FDS_MAX];
        union link_message m;
        size_t count;
        char byte;

        (void)state;
        assert_int_equal(link_send(p.fd[0], LINK_CONTAINER, &c, (int[]){ a.fd[0], b.fd[0] }, 2), 0);
        assert_int_equal(link_receive(p.fd[1], &m, fds, LINK_FDS_MAX, &count), 1);
        assert_int_equal(count, 2);
        assert_int_equal(send(fds[0], "a", 1, 0), 1);
        assert_int_equal(send(fds[1], "b", 1, 0), 1);
        assert_int_equal(recv(a.fd[1], &byte, 1, 0), 1);
        assert_int_equal(byte, 'a');
        assert_int_equal(recv(b.fd[1], &byte, 1, 0), 1);
        assert_int_equal(byte, 'b');
        (void)close(fds[0]);
        (void)close(fds[1]);
        close_pair(&a);
        close_pair(&b);
        close_pair(&p);
}

static void unexpected_file_descriptors_are_closed_and_refused(void **state) {
        struct link_alive alive = {};
        struct pair p = make_pair(), passed = make_pair();
        union link_message m;
        size_t count;

        (void)state;
        assert_int_equal(link_send(p.fd[0], LINK_ALIVE, &alive, &passed.fd[0], 1), 0);
        (void)close(passed.fd[0]);
        assert_int_equal(link_receive(p.fd[1], &m, NULL, 0, &count), -EPROTO);
        assert_int_equal(count, 0);
        assert_true(reader_gone(passed.fd[1]));
        (void)close(passed.fd[1]);
        close_pair(&p);
}

static void a_message_whose_descriptors_find_no_room_is_told_from_a_foreign_one(void **state) {
        struct link_container c = { .container = { .id = "c1" } };
        struct pair p = make_pair(), passed = make_pair();
        struct rlimit files, none;
        union link_message m;
        int fds[LINK_FDS_MAX];
        size_t count;

        (void)state;
        assert_int_equal(link_send(p.fd[0], LINK_CONTAINER, &c, (int[]){ passed.fd[0] }, 1), 0);
        assert_int_equal(link_send(p.fd[0], LINK_CONTAINER, &c, (int[]){ passed.fd[0] }, 1), 0);
        (void)close(passed.fd[0]);
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
        none = (struct rlimit){ 0, files.rlim_max };
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
        assert_int_equal(link_receive(p.fd[1], &m, fds, LINK_FDS_MAX, &count), -EMFILE);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
        assert_int_equal(count, 0);
        assert_string_equal(m.container.container.id, "c1");
        assert_int_equal(link_receive(p.fd[1], &m, fds, LINK_FDS_MAX, &count), 1);
        assert_int_equal(count, 1);
        (void)close(fds[0]);
        assert_true(reader_gone(passed.fd[1]));
        (void)close(passed.fd[1]);
        close_pair(&p);
}

static void more_file_descriptors_than_wanted_leave_none_open(void **state) {
        struct link_container c = {};
        struct pair p = make_pair(), passed = make_pair();
        union link_message m;
        size_t count;
        int fds[1];

        (void)state;
        assert_int_equal(link_send(p.fd[0], LINK_CONTAINER, &c,
                                         (int[]){ passed.fd[0], passed.fd[0] }, 2),
                        0);
        (void)close(passed.fd[0]);
        assert_int_equal(link_receive(p.fd[1], &m, fds, 1, &count), -EPROTO);
        assert_int_equal(count, 0);
        assert_true(reader_gone(passed.fd[1]));
        (void)close(passed.fd[1]);
        close_pair(&p);
}

static void file_descriptors_of_a_malformed_message_are_closed(void **state) {
        union {
                struct cmsghdr head;
                char bytes[CMSG_SPACE(sizeof(int))];
        } control = {};
        struct link_alive alive = { .head = { LINK_ALIVE, sizeof(alive) } };
        struct iovec iov = { &alive, sizeof(alive) - 1 };
        struct msghdr msg = { .msg_iov = &iov,
                .msg_iovlen = 1,
                .msg_control = &control,
                .msg_controllen = sizeof(control) };
        struct pair p = make_pair(), passed = make_pair();
        union link_message m;
        size_t count;
        int fds[LINK_FDS_MAX];

        (void)state;
        control.head.cmsg_level = SOL_SOCKET;
        control.head.cmsg_type = SCM_RIGHTS;
        control.head.cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(&control.head), &passed.fd[0], sizeof(int));
        assert_true(sendmsg(p.fd[0], &msg, 0) > 0);
        (void)close(passed.fd[0]);
        assert_int_equal(link_receive(p.fd[1], &m, fds, LINK_FDS_MAX, &count), -EPROTO);
        assert_true(reader_gone(passed.fd[1]));
        (void)close(passed.fd[1]);
        close_pair(&p);
}

static void a_message_of_another_size_or_type_is_refused(void **state) {
        static const struct {
                struct link_head head;
                size_t len;
        } rows[] = {
                { { LINK_ALIVE, sizeof(struct link_alive) }, sizeof(struct link_alive) - 1 },
                { { LINK_ALIVE, sizeof(struct link_alive) }, sizeof(struct link_alive) + 8 },
                { { LINK_ALIVE, sizeof(struct link_hello) + 8 }, sizeof(struct link_alive) },
                { { LINK_SUBMIT, sizeof(struct link_alive) }, sizeof(struct link_alive) },
                { { 0, sizeof(struct link_alive) }, sizeof(struct link_alive) },
                { { LINK_TYPE_COUNT, sizeof(struct link_alive) }, sizeof(struct link_alive) },
                { { UINT32_MAX, sizeof(struct link_alive) }, sizeof(struct link_alive) },
                { { LINK_ALIVE, sizeof(struct link_alive) }, 3 },
        };
        struct pair p = make_pair();
        union link_message m;
        size_t count;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                char bytes[64] = {};

                memcpy(bytes, &rows[i].head, sizeof(rows[i].head));
                assert_int_equal(send(p.fd[0], bytes, rows[i].len, 0), (ssize_t)rows[i].len);
                assert_int_equal(link_receive(p.fd[1], &m, NULL, 0, &count), -EPROTO);
        }
        close_pair(&p);
}

static void a_message_longer_than_any_is_refused(void **state) {
        static char bytes[sizeof(union link_message) + 16];
        struct link_head head = { LINK_CHANGE, sizeof(struct link_change) };
        struct pair p = make_pair();
        union link_message m;
        size_t count;

        (void)state;
        memcpy(bytes, &head, sizeof(head));
        assert_int_equal(send(p.fd[0], bytes, sizeof(bytes), 0), (ssize_t)sizeof(bytes));
        assert_int_equal(link_receive(p.fd[1], &m, NULL, 0, &count), -EPROTO);
        close_pair(&p);
}

static void a_closed_link_is_told_from_an_empty_one(void **state) {
        struct link_alive alive = {};
        struct pair p = make_pair();
        union link_message m;
        size_t count;

        (void)state;
        (void)close(p.fd[0]);
        assert_int_equal(link_receive(p.fd[1], &m, NULL, 0, &count), 0);
        assert_int_equal(link_send(p.fd[1], LINK_ALIVE, &alive, NULL, 0), -EPIPE);
        (void)close(p.fd[1]);
}

static void a_full_link_does_not_block_the_sender(void **state) {
        struct link_alive alive = {};
        struct pair p = make_pair();
        int r = 0;

        (void)state;
        for (int i = 0; i < 100000 && r == 0; i++)
                r = link_send(p.fd[0], LINK_ALIVE, &alive, NULL, 0);
        assert_int_equal(r, -EAGAIN);
        close_pair(&p);
}

static void what_is_not_in_the_protocol_is_not_sent(void **state) {
        int fds[LINK_FDS_MAX + 1] = {};
        struct link_alive alive = {};

        (void)state;
        assert_int_equal(link_send(-1, (enum link_type)0, &alive, NULL, 0), -EINVAL);
        assert_int_equal(link_send(-1, LINK_ALIVE, &alive, fds, ARRAY_LEN(fds)), -EINVAL);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_type_has_the_size_of_its_structure),
                cmocka_unit_test(a_message_arrives_as_it_was_sent),
                cmocka_unit_test(file_descriptors_come_along_in_order),
                cmocka_unit_test(unexpected_file_descriptors_are_closed_and_refused),
                cmocka_unit_test(
                                a_message_whose_descriptors_find_no_room_is_told_from_a_foreign_one),
                cmocka_unit_test(more_file_descriptors_than_wanted_leave_none_open),
                cmocka_unit_test(file_descriptors_of_a_malformed_message_are_closed),
                cmocka_unit_test(a_message_of_another_size_or_type_is_refused),
                cmocka_unit_test(a_message_longer_than_any_is_refused),
                cmocka_unit_test(a_closed_link_is_told_from_an_empty_one),
                cmocka_unit_test(a_full_link_does_not_block_the_sender),
                cmocka_unit_test(what_is_not_in_the_protocol_is_not_sent),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
