/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/varlink_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include <cmocka.h>

#include "governor/varlink/varlink_internal.h"

static int method_echo(struct varlink *link, const struct json *parameters, void *userdata) {
        const char *text;
        struct json_writer *w;

        (void)userdata;
        if (json_get_string(parameters, "text", &text, NULL) < 0)
                return varlink_error(link, "org.test.Bench.NoText", "text", "want text", NULL);
        assert_int_equal(varlink_reply_begin(link, &w), 0);
        json_put_string(w, "text", text);
        json_put_u64(w, "uid", varlink_get_peer(link)->uid);
        json_put_bool(w, "inGroup", varlink_peer_in_group(link, getgid()));
        json_put_bool(w, "alive", varlink_peer_is_alive(link));
        return varlink_reply_end(link);
}

static int answer_later(sd_event_source *source, uint64_t usec, void *userdata) {
        struct bench *b = userdata;
        struct varlink *link = TAKE(b->kept);
        struct json_writer *w;

        (void)usec;
        if (varlink_reply_begin(link, &w) == 0) {
                json_put_bool(w, "later", true);
                (void)varlink_reply_end(link);
        } else {
                assert_false(varlink_is_open(link));
                b->heard += 100;
        }
        varlink_unref(link);
        (void)sd_event_source_unref(source);
        return 0;
}

static int method_later(struct varlink *link, const struct json *parameters, void *userdata) {
        struct bench *b = userdata;
        sd_event_source *source;

        (void)parameters;
        b->kept = varlink_ref(link);
        return sd_event_add_time_relative(
                        b->event, &source, CLOCK_MONOTONIC, 50000, 1000, answer_later, b);
}

static int method_hear(struct varlink *link, const struct json *parameters, void *userdata) {
        struct bench *b = userdata;
        struct json_writer *w;

        (void)parameters;
        b->heard++;
        assert_int_equal(varlink_reply_begin(link, &w), 0);
        return varlink_reply_end(link);
}

/* One answer that is larger than any queue. */
static int method_large(struct varlink *link, const struct json *parameters, void *userdata) {
        struct json_writer *w;

        (void)parameters;
        (void)userdata;
        assert_int_equal(varlink_reply_begin(link, &w), 0);
        json_open_array(w, "numbers");
        for (unsigned i = 0; i < 100000; i++)
                json_put_u64(w, NULL, i);
        json_close_array(w);
        return varlink_reply_end(link);
}

static int method_forget(struct varlink *link, const struct json *parameters, void *userdata) {
        (void)link;
        (void)parameters;
        (void)userdata;
        return 0;
}

static const struct varlink_entry entries[] = {
        { "Echo", method_echo },
        { "Later", method_later },
        { "Hear", method_hear },
        { "Large", method_large },
        { "Forget", method_forget },
        { "Absent", NULL },
        { NULL, NULL },
};

const struct varlink_interface bench_interface = {
        .name = "org.test.Bench",
        .description = "interface org.test.Bench\nmethod Echo(text: string) -> (text: string)\n",
        .entries = entries,
};

static void *serve(void *data) {
        struct bench *b = data;
        struct varlink_server *s;
        int fd;

        assert_int_equal(sd_event_new(&b->event), 0);
        assert_int_equal(varlink_listen(b->path, 0666, &fd, NULL), 0);
        assert_int_equal(varlink_server_new(&s, b->event, &bench_interface, b), 0);
        s->idle_usec = IDLE_USEC;
        assert_true(varlink_server_listen_fd(s, fd) >= 0);
        loop_thread_run(&b->loop, b->event);
        varlink_server_free(s);
        (void)sd_event_unref(b->event);
        return NULL;
}

int bench_start(void **state) {
        struct bench *b = calloc(1, sizeof(*b));

        assert_non_null(b);
        (void)snprintf(b->dir, sizeof(b->dir), "/tmp/test-varlink-XXXXXX");
        assert_non_null(mkdtemp(b->dir));
        (void)snprintf(b->path, sizeof(b->path), "%s/socket", b->dir);
        loop_thread_begin(&b->loop, serve, b);
        *state = b;
        return 0;
}

int bench_stop(void **state) {
        struct bench *b = *state;

        loop_thread_end(&b->loop);
        (void)unlink(b->path);
        (void)rmdir(b->dir);
        free(b);
        return 0;
}

struct varlink *bench_dial(const struct bench *b) {
        struct varlink *link = NULL;
        struct error err = { "" };

        if (varlink_connect(&link, b->path, &err) < 0)
                fail_msg("%s", err.text);
        return link;
}

struct json_doc *bench_call(
                struct varlink *link, const char *method, const char *text, const char *error) {
        struct json_doc *doc = NULL;
        struct json_writer *w;
        const char *name;
        struct error err = { "" };

        assert_int_equal(varlink_call_begin(link, method, &w), 0);
        if (text)
                json_put_string(w, "text", text);
        if (varlink_call(link, WAIT_USEC, &doc, &name, &err) < 0)
                fail_msg("%s: %s", method, err.text);
        if (error)
                assert_string_equal(name, error);
        else
                assert_null(name);
        return doc;
}

const struct json *parameters_of(struct json_doc *doc) {
        return json_get(json_root(doc), "parameters");
}

int bench_dial_raw(const struct bench *b) {
        static const struct timeval patience = { .tv_sec = 10 };
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", b->path);
        assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        return fd;
}

bool hangs_up(int fd) {
        char byte;
        ssize_t n = recv(fd, &byte, 1, 0);

        (void)close(fd);
        return n == 0 || (n < 0 && errno == ECONNRESET);
}

uint64_t now_usec(void) {
        struct timespec t;

        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * USEC_PER_SEC + (uint64_t)t.tv_nsec / NSEC_PER_USEC;
}
