/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts dtgov into an engine's configuration, and takes it out again. An engine is never restarted,
 * nothing is written that was not shown, and what the engine does not take is taken back.
 *
 * What is said goes to a callback as text, which may hold names from outside: whoever prints it
 * makes it harmless.
 */
#pragma once

#include "governor/cli/setup/conf_file.h"

#include <limits.h>

/* What a text is about; the names of --json in setup_words. */
enum setup_word {
        SETUP_DIFF,    /* what is written, as a diff */
        SETUP_ADDS,    /* what that brings */
        SETUP_LEAVES,  /* what it does not cover */
        SETUP_NOTE,    /* what else is to be known */
        SETUP_DONE,    /* what was done */
        SETUP_CHECKED, /* what was seen to work */
        SETUP_NEXT,    /* what is left to do */
        SETUP_WORD_COUNT
};

extern const char *const setup_words[SETUP_WORD_COUNT];

struct setup {
        const char *root;    /* before every path; "" but in tests */
        const char *libexec; /* where dtgov's programs are */
        bool undo, dry_run;
        bool opt_in;          /* of Docker: a runtime to ask for, the default stays */
        unsigned patience_ms; /* how long an engine may take to read its configuration */
        void *userdata;
        void (*say)(void *userdata, enum setup_word word, const char *text);
        int (*confirm)(void *userdata,
                        const char *question); /* 0 yes; else returned by setup_run() */
        const char *engine;                    /* of setup_run() */
};

#define SETUP_STOP       INT_MAX   /* within: all is done, without an error */
#define SETUP_TAKEN_BACK (-EPROTO) /* it was written, did not work, and is as it was before */

/*
 * Sets up an engine, or undoes that.
 *
 * @engine: "docker", "podman", "containerd", "crio"
 * Returns: 0 done, or nothing was to be done; positive: what confirm() said
 * Errors:  -ENXIO no such engine; -EACCES only root may; SETUP_TAKEN_BACK; others as @err says
 */
int setup_run(struct setup *s, const char *engine, struct error *err);

/* The engines, by number. Returns: the name that setup_run() takes; NULL behind the last. */
const char *setup_engine(size_t i, const char **ret_program);

/* One text, printf style. */
void setup_say(const struct setup *s, enum setup_word word, const char *format, ...) PRINTF(3, 4);

/* A file and what is to be in it. */
struct setup_change {
        struct conf_file file;
        char *text; /* NULL: the file goes */
        bool changes;
        bool is_mend; /* dtgov is in it already: the copy of the time before stays */
};

#define SETUP_CHANGES_MAX 2

struct setup_plan {
        struct setup_change changes[SETUP_CHANGES_MAX];
        size_t count;
        char *before[SETUP_CHANGES_MAX]; /* what setup_commit() replaced; NULL: no file */
};

void setup_plan_done(struct setup_plan *p); /* for CLEANUP */

/* Shows what changes. */
int setup_show(const struct setup *s, const struct setup_plan *p, struct error *err);

/*
 * Whether to go on: asks, after it made sure that the caller may do it.
 *
 * Returns: 0 yes; SETUP_STOP a dry run; else positive, what confirm() said
 * Errors:  -EACCES
 */
int setup_decide(const struct setup *s, const char *question, struct error *err);

/* Writes all of it, with copies of what was there; nothing when one of them fails. */
int setup_commit(const struct setup *s, struct setup_plan *p, struct error *err);

/* Writes back what was there before setup_commit(). */
int setup_take_back(const struct setup *s, struct setup_plan *p, struct error *err);

/* Whether dtgov's own programs, that one and the hook, are there. */
int setup_check_programs(const struct setup *s, const char *program, struct error *err);

/* The engines. */
int docker_run(struct setup *s, struct error *err);
int podman_run(struct setup *s, struct error *err);
int crio_run(struct setup *s, struct error *err);
int containerd_run(struct setup *s, struct error *err);
