/* SPDX-License-Identifier: Apache-2.0 */
/* An event loop in a thread, for tests that are the other side of what it serves. */
#pragma once

#include "state/base.h"

#include <pthread.h>
#include <systemd/sd-event.h>

struct loop_thread {
        pthread_t thread;
        int stop[2];
        _Atomic bool up;
};

/* Begins @serve, and waits until it is in loop_thread_run(). */
void loop_thread_begin(struct loop_thread *t, void *(*serve)(void *data), void *data);

/* The loop of @serve, from its thread, until loop_thread_end(). */
void loop_thread_run(struct loop_thread *t, sd_event *event);

void loop_thread_end(struct loop_thread *t);
