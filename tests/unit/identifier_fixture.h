/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dtgovd's side of identity over the tree of control_fixture.h, and dtgov-identify's in the same
 * thread: what it is asked, and what it answers, is up to the test.
 */
#pragma once

#include "governor/control/identifier.h"
#include "tests/unit/control_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

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
static __attribute__((unused)) bool told(struct bench *b, struct identity *ret) {
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
