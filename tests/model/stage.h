/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dtgovd's writer threads, its recovery and PID 1 on a stage: each is stopped where the model has
 * the end of a step, and goes on when a trace says so. Nothing runs but what is told to.
 */
#pragma once

#include "governor/control/control.h"

enum gate {
        GATE_START, /* a job, or recovery, has not begun */
        GATE_KNOB,  /* before a knob is looked at, to be written */
        GATE_WRITE, /* looked at, about to be written; only with @hang */
        GATE_READ,  /* before all is read back */
        GATE_TELL,  /* before PID 1 is told */
        GATE_PID1,  /* it has the message */
        GATE_LOOK,  /* recovery: before a change is looked at */
        GATE_WAIT,  /* recovery: before it tries a rollback again */
        GATE_DONE,
};

struct actor {
        enum gate at;
        uint64_t proposal; /* of the change; 0: the journal's sync, or recovery between two */
        struct job *job;   /* NULL: recovery */
        bool hang, fail;   /* what the next write of a limit file does */
        bool given_up;
        int answer; /* PID 1's */
        int result; /* of the job, when it is done */
};

/* Takes the place of dtgovd's PID 1. Values are texts of limit files. */
#define STAGE_FILES 2
#define STAGE_UNIT  "docker-c0.scope"
struct message {
        struct actor *sender; /* NULL: dead */
        uint64_t proposal;
        char text[STAGE_FILES][KNOB_VALUE_TEXT_MAX];
        bool there;
};
extern struct message stage_messages[2];

/* Who works for a change, or for none (0); given up ones are another question. NULL: nobody. */
struct actor *stage_actor(uint64_t proposal, bool given_up);

/* The journal's sync; NULL: none is under way. */
struct actor *stage_sync(const struct control *c);

/* Lets it go on to the next gate; a job that is done then tells the engine, unless given up. */
void stage_go(struct actor *a);

/* What the writers do with a job that is over its deadline. */
void stage_give_up(struct actor *a);

/* And when its thread is back: tells the engine. */
void stage_back(struct actor *a);

/* Begins recover_all(); *ret_failed is there when stage_recovery() is NULL. */
void stage_recover(struct control *c);
struct actor *stage_recovery(void);

/* A crash: nobody is there any more, messages at PID 1 still are. */
void stage_clear(void);
