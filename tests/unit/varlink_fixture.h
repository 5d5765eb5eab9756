/* SPDX-License-Identifier: Apache-2.0 */
/* A server of the protocol in a thread, at a socket of its own, and what tests say to it. */
#pragma once

#include "governor/varlink/varlink.h"
#include "tests/unit/loop_thread.h"

#define IDLE_USEC (150 * USEC_PER_MSEC)
#define WAIT_USEC (10 * USEC_PER_SEC)

struct bench {
        char dir[64], path[96];
        struct loop_thread loop;
        _Atomic int heard; /* oneway calls that arrived */
        struct varlink *kept;
        sd_event *event;
};

extern const struct varlink_interface bench_interface;

/* The server begins and ends: set-up and teardown of a test. */
int bench_start(void **state);
int bench_stop(void **state);

/* A connection of our own client; the caller unrefs it. */
struct varlink *bench_dial(const struct bench *b);

/* Calls a method with one string. Returns the answer; its error is compared with @error. */
struct json_doc *bench_call(
                struct varlink *link, const char *method, const char *text, const char *error);

const struct json *parameters_of(struct json_doc *doc);

/* A plain connection, for what a client of ours would not send. */
int bench_dial_raw(const struct bench *b);

/* Whether the server hangs up without a word. */
bool hangs_up(int fd);

/* CLOCK_MONOTONIC */
uint64_t now_usec(void);
