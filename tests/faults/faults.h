/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fault injection over the real dtgovd. A point is one system call of one phase, at which the
 * daemon is killed or which fails with an errno. After each point the daemon is started again and
 * what it left is looked at.
 *
 * A lane is a directory with everything that one daemon needs, and a container of its own.
 */
#pragma once

#include "state/container.h"
#include "state/knob.h"

#include <sys/types.h>

#define FAULT_KILL    (-1) /* an action; above 0: the errno, 0: none, only count */
#define FAULT_DELAY   (-2) /* its thread stands before the call, and all others go on */
#define THREADS_MAX   64
#define FILES_MAX     64
#define FILE_TEXT_MAX 128
#define TEXT_MAX      512

/* --- tracer.c: runs a program from system call to system call ------------------------------- */

struct traced {
        pid_t pid;         /* thread group */
        pid_t helper;      /* a child whose end is the end of the trace; 0: the program's own end */
        const char *from;  /* count from the openat() of this path on; NULL: from the start */
        bool only_writers; /* count only the opening of limit files for writing */
        unsigned at;       /* at which system call, from 1 */
        unsigned tell;   /* count only behind this message to PID 1, from 1, which it gets frozen */
        bool to_systemd; /* look for such messages */
        int action;
        unsigned seen;
        unsigned tells; /* SetUnitProperties that left, or were about to */
        bool told, hit, dead, stuck;
        long number;    /* of the system call that was hit */
        char first[64]; /* its first argument, were it a file descriptor */
        int status;     /* of the program, when dead */
        int helper_status;
        pid_t held; /* the thread that is delayed, until: */
        uint64_t release_ns;
        uint64_t deadline_ns;

        bool counting;
        unsigned threads_count;
        struct thread {
                pid_t tid;
                bool inside;   /* between entry and exit of a system call */
                bool replaced; /* its result has to be replaced at exit */
                bool tells;    /* in the sendmsg() behind which to count */
        } threads[THREADS_MAX];
};

/* Takes hold of all threads; on return each waits in a system call, and none is counted. */
int trace_attach(struct traced *t);

/* A child that waits for its tracer: call it there before execv(). */
void trace_me(void);
int trace_began(struct traced *t);

/* Until the helper or the program ends, or the deadline. The program runs free afterwards. */
void trace_run(struct traced *t);

/* --- lane.c ------------------------------------------------------------------------------------
 */

struct snapshot {
        unsigned count;
        struct {
                char name[40], text[FILE_TEXT_MAX];
        } files[FILES_MAX];
};

/* Shared with the children. */
struct shared {
        volatile pid_t daemon_pid; /* whose hello the observer has; 0 none */
        volatile int outcome;      /* enum outcome of the last request */
        volatile uint64_t change;  /* that the answer named */
        char text[TEXT_MAX];
};

enum outcome { OUTCOME_NONE, OUTCOME_OK, OUTCOME_REFUSED, OUTCOME_FAILED, OUTCOME_LOST };

struct lane {
        unsigned number;
        bool fixture; /* plain files instead of cgroups */
        bool bus;     /* scopes of systemd, which are there already */
        bool verbose;
        const char *dtgovd;
        char id[65];              /* of the box */
        char dir[256], root[256]; /* of the lane; its cgroup root */
        char box[300], other[300];
        uint64_t box_inode;
        pid_t box_pid, other_pid, observer_pid, daemon_pid, thaw_pid;
        int control_fd, link_fd;
        unsigned calls; /* since the daemon was started */
        uint64_t started_ns;
        uint64_t acknowledged; /* the newest change whose answer said that it is in force */
        bool lowered;          /* memory.high may stand on a step of a ladder */
        bool foreign;          /* FOREIGN_FILE is somebody else's */
        struct shared *shared;
        struct snapshot box_before, other_before;
        char why[TEXT_MAX]; /* what the violation is */
};

extern const struct knob_text { const char *file, *old, *new; } knob_texts[];
extern const size_t knob_texts_count;
extern const char assignments[], kept_assignments[], lower_assignments[];

/* What somebody else writes meanwhile. */
#define FOREIGN_FILE "pids.max"
#define FOREIGN_TEXT "150"

/* Where the ladder ends; every value on the way has as many digits: nothing truncates a fixture. */
#define LOWERED_TEXT "10485760"

int lane_make(struct lane *l);
void lane_renew(struct lane *l); /* all as at the start: limit files, journal, registry */
void lane_remove(struct lane *l);
int lane_use_memory(struct lane *l, bool much);
int lane_use_cache(
                struct lane *l, const char *bytes); /* of a fixture: used, and can be reclaimed */

int file_text(const char *dir, const char *name, char *buf, size_t size);
int file_put(const char *dir, const char *name, const char *text);

/* --- daemon.c ------------------------------------------------------------------------------- */

pid_t daemon_spawn(struct lane *l, bool recover, bool traced);
int daemon_up(struct lane *l); /* starts it unless it runs; waits until it has recovered */
void daemon_kill(struct lane *l);
int observer_start(struct lane *l);

enum request {
        REQUEST_SET,
        REQUEST_SET_KEPT,
        REQUEST_LOWER,   /* the first step of a ladder */
        REQUEST_LOWERED, /* waits for its last one */
        REQUEST_ROLLBACK,
        REQUEST_SETTLED,
};

/* A child that makes the request once a byte comes on @ret_go. Its status is 0. */
pid_t request_start(struct lane *l, enum request request, int *ret_go);
enum outcome request_wait(struct lane *l, pid_t pid);
enum outcome request_do(struct lane *l, enum request request);

/* --- check.c: each returns 0, or -1 and l->why says what is wrong ------------------------------
 */

enum expected { EXPECT_OLD, EXPECT_NEW, EXPECT_EITHER };
int check_files(struct lane *l, enum expected expected, bool kept);
int check_settled(struct lane *l, bool kept); /* no open change any more, all values old or kept */
int check_works(struct lane *l);              /* set and rollback */

/* --- owner.c: systemd, of which the scope is ---------------------------------------------------
 */

/* PID 1 stands still, and what is sent to it waits, until it is thawed: by a child, for its end. */
int owner_freeze(void);
int owner_thaw(void);
int owner_thaw_after(struct lane *l, uint64_t usec);
void owner_wait(struct lane *l);

int owner_restore(const struct lane *l);      /* all properties as at the start */
int check_owner(struct lane *l, bool reload); /* its properties are what the kernel has */

/* --- phases.c ------------------------------------------------------------------------------- */

struct point {
        unsigned phase, at;
        int action;
        unsigned tell; /* above 0: @at counts from behind this message to a frozen PID 1 */
        unsigned thaw; /* which of thaws[] */
};

/* When PID 1 acts again, after the recovery began. Recovery asks for 2 s, then waits for 1 s. */
extern const struct thaw {
        const char *name;
        uint64_t usec;
} thaws[];
extern const unsigned thaws_count;

struct result {
        bool reached, died, violation;
        long number;
        char first[64];
};

extern const unsigned phases_count;
const char *phase_name(unsigned phase);
const char *phase_unfit(
                const struct lane *l, unsigned phase); /* why it is not done there, or NULL */

/* Performs one point. @ret_seen: how many system calls there were, for a dry run. */
void point_run(struct lane *l, const struct point *p, struct result *ret,
                struct traced *ret_traced);
