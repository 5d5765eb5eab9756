/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two daemons that answer from a table, for what the commands print and ask for. They are the
 * server half of the project's own protocol, in a thread.
 */
#pragma once

#include "governor/cli/commands.h"
#include "tests/unit/loop_thread.h"

#define API "0000000000000000000000000000000000000000000000000000000000000aaa"

/* What a daemon answers: parameters, or an error and its parameters. */
struct fake {
        const char *method, *error;
        char parameters[2048];
};

struct bench {
        char dir[64], path[DAEMON_COUNT][96];
        struct loop_thread loop;
        struct fake fakes[24];
        size_t fakes_count;
        char heard[2048]; /* methods and parameters of control.sock that came */
        char out[16384], err[2048];
        size_t columns; /* of the terminal that is printed on; 0: none */
};

/* Two daemons and one throttled container: set-up and teardown of a test. */
int fake_start(void **state);
int fake_stop(void **state);

/* A method's answer from now on. @error: its name, or NULL; @format: the parameters, JSON */
PRINTF(4, 5)
void fake_answer(struct bench *b, const char *method, const char *error, const char *format, ...);

/* Proposal P17 for the container, in this state. */
void fake_proposal(struct bench *b, const char *state);

/* Change C17 as an answer. @around: the key before it; @more: members of its knob behind "new" */
void fake_change(struct bench *b, const char *method, const char *around, const char *state,
                const char *more);

/* Four containers: two of one service, one in a folder, one whose label is hostile. */
void fake_crowd(struct bench *b);

/*
 * Carries out a command line, words separated by blanks; what it printed is in out and err.
 * Returns: its exit status
 */
int run_line(struct bench *b, const char *line);

/* The same, reading and asking on @in, complaining on @err unless that is -1. */
int run_line_on(struct bench *b, const char *line, int in, int err);

/* What a program was given for --json, read again; the caller frees it. */
struct json_doc *read_output(const struct bench *b);
