/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/fake_engine.h"

#include "state/file.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

/* Until the end of the request's head, or of the test. */
static bool hear(struct fake_engine *f, int fd) {
        struct pollfd p[] = { { .fd = fd, .events = POLLIN }, { .fd = f->stop[0], POLLIN, 0 } };
        size_t used = 0;

        f->heard[0] = '\0';
        while (!strstr(f->heard, "\r\n\r\n")) {
                ssize_t n;

                if (poll(p, 2, -1) < 0 || p[1].revents)
                        return false;
                n = read(fd, f->heard + used, sizeof(f->heard) - 1 - used);
                if (n <= 0)
                        return false;
                used += (size_t)n;
                f->heard[used] = '\0';
        }
        return true;
}

/* Until the client gives up, or the test ends. */
static void wait_for_end(struct fake_engine *f, int fd) {
        struct pollfd p[] = { { .fd = fd, .events = POLLRDHUP },
                { .fd = f->stop[0], .events = POLLIN } };

        (void)poll(p, 2, -1);
}

static void send_part(int fd, const char *data, size_t len) {
        while (len > 0) {
                ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

                if (n <= 0)
                        return;
                data += n;
                len -= (size_t)n;
        }
}

static void send_10mib(int fd) {
        static char junk[64 * KIB];

        memset(junk, 'x', sizeof(junk));
        for (size_t sent = 0; sent < 10 * MIB; sent += sizeof(junk))
                send_part(fd, junk, sizeof(junk));
}

static void serve(struct fake_engine *f, int fd) {
        bool half = f->manner == FAKE_STALLS || f->manner == FAKE_BREAKS_OFF;
        char head[128];

        f->asked++;
        if (!hear(f, fd))
                return;
        if (f->manner == FAKE_SENDS_10MIB)
                send_10mib(fd);
        if (f->manner == FAKE_HANGS)
                wait_for_end(f, fd);
        if (f->manner == FAKE_HANGS || f->manner == FAKE_SENDS_10MIB)
                return;
        (void)snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n",
                        f->body_bytes);
        send_part(fd, f->head ? f->head : head, strlen(f->head ? f->head : head));
        send_part(fd, f->body, half ? f->body_bytes / 2 : f->body_bytes);
        if (f->manner == FAKE_STALLS || f->manner == FAKE_STAYS_OPEN)
                wait_for_end(f, fd);
}

static void *run(void *data) {
        struct fake_engine *f = data;
        struct pollfd p[] = { { .fd = f->listen_fd, .events = POLLIN },
                { .fd = f->stop[0], .events = POLLIN } };

        while (poll(p, 2, -1) > 0 && !p[1].revents) {
                CLEANUP(closep) int fd = accept(f->listen_fd, NULL, NULL);

                if (fd >= 0)
                        serve(f, fd);
        }
        return NULL;
}

void fake_engine_begin(struct fake_engine *f) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        (void)strcpy(f->dir, "/tmp/dtgov-engine-XXXXXX");
        assert_non_null(mkdtemp(f->dir));
        (void)snprintf(f->path, sizeof(f->path), "%s/engine.sock", f->dir);
        (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", f->path);
        if (f->body && f->body_bytes == 0)
                f->body_bytes = strlen(f->body);
        f->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(f->listen_fd >= 0);
        assert_int_equal(bind(f->listen_fd, (const struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(listen(f->listen_fd, 8), 0);
        assert_int_equal(pipe(f->stop), 0);
        assert_int_equal(pthread_create(&f->thread, NULL, run, f), 0);
}

void fake_engine_end(struct fake_engine *f) {
        assert_int_equal(write(f->stop[1], "", 1), 1);
        assert_int_equal(pthread_join(f->thread, NULL), 0);
        (void)close(f->listen_fd);
        (void)close(f->stop[0]);
        (void)close(f->stop[1]);
        (void)unlink(f->path);
        (void)rmdir(f->dir);
}
