/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writer threads: four, made at start, since a write to a limit file may block in reclaim. One
 * of them takes nothing but undos, so that three stuck writers never keep a rollback waiting.
 * Threads touch only their job; the journal and everything else belong to the event loop.
 */
#pragma once

#include "state/base.h"

#include <pthread.h>
#include <systemd/sd-event.h>

#define WRITERS_COUNT          4
#define WRITER_DEADLINE_NS     (2 * NSEC_PER_SEC)    /* a write that takes longer is given up */
#define WRITER_CHECK_USEC      (250 * USEC_PER_MSEC) /* how often deadlines are looked at */
#define WRITER_BUS_DEADLINE_NS (30 * NSEC_PER_SEC)   /* PID 1 has timeouts of its own */

struct writers;

/*
 * One job. It is the first member of what it works on; the owner of that frees it in done().
 *
 * @work: on a thread
 * @done: on the event loop, with what work() returned. A job that overran its deadline is told
 *        twice: first -ETIMEDOUT while the thread still has it (@abandoned is false then; it must
 *        not be freed), and again with @abandoned set once the thread has come back.
 */
struct job {
        int (*work)(struct job *job);
        void (*done)(struct job *job, int result);
        void (*drop)(struct job *job); /* in place of done(), when the writers end first; or NULL */
        bool undo;                     /* goes first, and may use the reserved thread */
        bool slow;                     /* talks to PID 1: the longer deadline */
        bool abandoned;
        /* of the pool */
        struct job *next;
        pthread_t thread;
        uint64_t started_ns; /* 0: waiting */
        int result;
        bool cancelled; /* atomic: no further step, please */
};

/* Starts the threads. Call it before the sandbox is entered. */
int writers_new(struct writers **ret, sd_event *event);

/*
 * Stops the threads; what is running is interrupted and waited for, two seconds at most. Jobs that
 * wait, or came back unheard, are dropped.
 *
 * Returns: false: a thread still sits in a system call (reclaim, a dead disk, PID 1); it keeps @w
 *          and its job, so that nothing of them may be freed before another call is true
 */
bool writers_free(struct writers *w);

void writers_submit(struct writers *w, struct job *job);

/*
 * Does a job on a thread of its own and waits for it, without an event loop. Over its deadline it
 * is interrupted, and given up a second later.
 *
 * Returns: of work(); -ETIMEDOUT with @abandoned: the thread still has the job and all it uses
 */
int job_do(struct job *job);

/* For work(), before each step: whether the event loop gave the job up. */
bool job_cancelled(struct job *job);
