/* SPDX-License-Identifier: Apache-2.0 */
/* An observer at the other end of dtgovd's link, in the same thread, over control_fixture.h. */
#pragma once

#include "governor/control/steps.h"
#include "tests/unit/control_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

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
