/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dtgovd's socket over the tree of control_fixture.h, and a caller in the same thread. Who calls is
 * what the test says: getsockopt(2) is the program's own, so this header is for one of its files.
 */
#pragma once

#include "governor/control/api.h"
#include "tests/unit/control_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include <cmocka.h>

#define CALL_NS (5 * NSEC_PER_SEC)

struct api {
        struct fixture *f;
        struct control *c;
        int fd; /* the caller's end; -1: it hung up */
        char reply[131072];
};

static uid_t peer_uid;

int getsockopt(int fd, int level, int name, void *value, socklen_t *len) {
        long r = syscall(SYS_getsockopt, fd, level, name, value, len);

        if (r == 0 && level == SOL_SOCKET && name == SO_PEERCRED)
                ((struct ucred *)value)->uid = peer_uid;
        return (int)r;
}

static void dial(struct api *a) {
        struct sockaddr_un at = { .sun_family = AF_UNIX };

        (void)snprintf(at.sun_path, sizeof(at.sun_path), "%s/control.sock", a->f->dir);
        if (a->fd >= 0)
                (void)close(a->fd);
        a->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        assert_int_equal(connect(a->fd, (const struct sockaddr *)&at, sizeof(at)), 0);
}

static int begin(void **state) {
        struct api *a = calloc(1, sizeof(*a));
        void *fixture = NULL;
        char path[128];
        int fd = -1;

        assert_non_null(a);
        peer_uid = 0;
        assert_int_equal(fixture_begin(&fixture), 0);
        a->f = fixture;
        a->c = &a->f->control;
        a->c->admin_gid = (gid_t)-1;
        a->fd = -1;
        (void)snprintf(path, sizeof(path), "%s/control.sock", a->f->dir);
        assert_int_equal(varlink_listen(path, 0600, &fd, NULL), 0);
        assert_true(api_init(a->c, fd) >= 0);
        dial(a);
        *state = a;
        return 0;
}

static int end(void **state) {
        struct api *a = *state;
        void *fixture = a->f;

        if (a->fd >= 0)
                (void)close(a->fd);
        varlink_server_free(a->c->server);
        assert_int_equal(fixture_end(&fixture), 0);
        free(a);
        return 0;
}

static void turn(struct api *a) {
        int r;

        a->c->link.heard_ns = proc_boottime_ns();
        r = sd_event_run(a->c->event, 10 * USEC_PER_MSEC);
        assert_true(r >= 0 || r == -ENOMEM);
}

/* @parameters: members, in quotation marks like those of people: 'id':'P1' */
static void ask(struct api *a, const char *method, const char *parameters) {
        char text[2048];
        int n = snprintf(text, sizeof(text),
                        "{\"method\":\"org.dtgov.Control.%s\",\"parameters\":{%s}}", method,
                        parameters);

        for (char *at = text; *at; at++)
                if (*at == '\'')
                        *at = '"';
        assert_int_equal(send(a->fd, text, (size_t)n + 1, 0), n + 1);
}

/* The answer; NULL: the connection was closed, or nothing came. */
static const char *hear_within(struct api *a, uint64_t ns) {
        uint64_t deadline = proc_boottime_ns() + ns;
        size_t len = 0;

        while (proc_boottime_ns() < deadline) {
                ssize_t n = recv(a->fd, a->reply + len, sizeof(a->reply) - len, 0);

                if (n == 0)
                        return NULL;
                if (n > 0)
                        len += (size_t)n;
                if (len > 0 && a->reply[len - 1] == '\0')
                        return a->reply;
                turn(a);
        }
        return NULL;
}

static __attribute__((unused)) const char *hear(struct api *a) {
        return hear_within(a, CALL_NS);
}

static __attribute__((unused)) const char *call(
                struct api *a, const char *method, const char *parameters) {
        const char *reply;

        ask(a, method, parameters);
        reply = hear(a);
        assert_non_null(reply);
        return reply;
}

/* Whether the answer has it, in quotation marks as above. */
static bool says(const struct api *a, const char *what) {
        char text[512];
        size_t n = 0;

        for (; what[n]; n++) {
                text[n] = what[n];
                if (text[n] == '\'')
                        text[n] = '"';
        }
        text[n] = '\0';
        return strstr(a->reply, text) != NULL;
}

/* The first string of that name in the answer. */
static __attribute__((unused)) void string_of(
                const struct api *a, const char *key, char *ret, size_t size) {
        char pattern[64];
        const char *at;
        size_t n = 0;

        (void)snprintf(pattern, sizeof(pattern), "\"%s\":\"", key);
        at = strstr(a->reply, pattern);
        assert_non_null(at);
        for (at += strlen(pattern); *at != '"' && n + 1 < size; at++)
                ret[n++] = *at;
        ret[n] = '\0';
}
