/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/loop_thread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/epoll.h>

#include <cmocka.h>

static int on_stop(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        (void)fd;
        (void)events;
        (void)userdata;
        return sd_event_exit(sd_event_source_get_event(source), 0);
}

void loop_thread_begin(struct loop_thread *t, void *(*serve)(void *data), void *data) {
        assert_int_equal(pipe(t->stop), 0);
        assert_int_equal(pthread_create(&t->thread, NULL, serve, data), 0);
        while (!t->up)
                (void)usleep(1000);
}

void loop_thread_run(struct loop_thread *t, sd_event *event) {
        assert_true(sd_event_add_io(event, NULL, t->stop[0], EPOLLIN, on_stop, NULL) >= 0);
        t->up = true;
        (void)sd_event_loop(event);
}

void loop_thread_end(struct loop_thread *t) {
        assert_int_equal(write(t->stop[1], "x", 1), 1);
        assert_int_equal(pthread_join(t->thread, NULL), 0);
        (void)close(t->stop[0]);
        (void)close(t->stop[1]);
}
