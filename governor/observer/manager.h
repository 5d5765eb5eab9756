/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The observer's one object: event loop, containers, link to dtgovd, query socket.
 */
#pragma once

#include "governor/kernel/proc.h"
#include "governor/observer/numbers.h"
#include "governor/observer/pressure.h"
#include "governor/observer/target.h"
#include "governor/varlink/varlink.h"
#include "policies/analysis/view.h"
#include "policies/sizing/sizing.h"

#define MANAGER_SLOTS       10 /* a sweep is spread over the second in as many parts */
#define MANAGER_INTERVAL_NS NSEC_PER_SEC
#define MANAGER_WINDOW_MAX  512 /* samples that rules look at: 100 s, and what the ladder adds */
#define MANAGER_WINDOW_NS   (100 * NSEC_PER_SEC)
#define MANAGER_TARGETS_MAX 5000 /* as many as one scan of dtgovd reports */

struct manager_options {
        const char *run_dir, *history_dir, *proc_dir;
        int link_fd, query_fd; /* -1: none was inherited */
        bool allow_unsandboxed;
};

struct uplink {
        int fd; /* -1: dtgovd is not there */
        bool inherited, hello;
        uint64_t said_ns, tried_ns, hello_ns;
        uint64_t reference; /* of the last submission */
        sd_event_source *source;
};

struct manager {
        sd_event *event;
        sd_event_source *timer, *again; /* the sweep; and soon after a trigger */
        struct varlink_server *server;
        struct manager_options options;
        struct uplink uplink;
        int proc_fd;
        struct numbers numbers;
        struct sizing_host host;
        uint64_t host_ns; /* when it was read */
        struct pressure pressure;
        struct disks disks;
        struct target **targets;
        size_t targets_count, targets_room;
        uint64_t started_ns; /* CLOCK_BOOTTIME */
        uint64_t tick;
        uint64_t sweep_usec; /* time that the last whole sweep took, all its parts together */
        uint64_t sweep_sum_usec;
        uint64_t sweep_began_usec;
        uint64_t interval_usec; /* from the beginning of the last sweep but one to that of the last
                                 */
        struct sample window[MANAGER_WINDOW_MAX];
};

/* Opens everything. What it opens is opened before the sandbox closes. */
int manager_new(struct manager **ret, const struct manager_options *options, struct error *err);
void manager_free(struct manager *m);

/* Runs until SIGTERM or until an inherited link closes. */
int manager_run(struct manager *m, struct error *err);

/* A container of dtgovd; takes over the fds, the first of which is the directory. */
void manager_add(struct manager *m, const struct link_container *c, const int *fds, size_t count);
struct target *manager_find(struct manager *m, uint64_t cgroup_inode);
struct target *manager_find_id(struct manager *m, const char *container_id);

/* How often a container is sampled: more seldom where one sweep takes longer than a second. */
uint64_t manager_interval_usec(const struct manager *m);

/* Counts a part of a sweep, from its beginning to its end. */
void manager_swept(struct manager *m, unsigned slot, uint64_t begin_usec, uint64_t end_usec);

/* Samples a container, and analyses it. */
void manager_sample(struct manager *m, struct target *t, uint64_t now_ns);

/* A trigger of the container fired: sampled at once, and for a moment again, where that may
 * complete evidence. */
void manager_fired(struct target *t, uint64_t now_ns);

/* The host's size, at most a second old. */
const struct sizing_host *manager_host(struct manager *m, uint64_t now_ns);

/* The container's samples since @since_ns, newest last, in m->window; void at the next call. */
struct view manager_view(struct manager *m, const struct target *t, uint64_t since_ns);

/* --- uplink.c: the link to dtgovd ------------------------------------------------------------- */

/* Takes the inherited link, or tries to connect; a dtgovd that is not there is tried again. */
int uplink_open(struct manager *m, struct error *err);
void uplink_close(struct manager *m);
/* Ten times a second: shows that it lives, notices silence, sends what is pending. */
void uplink_tick(struct manager *m, uint64_t now_ns);
int uplink_submit(struct manager *m, struct target *t, struct entry *e);
int uplink_report(struct manager *m, struct probation *p);

/* --- findings.c ------------------------------------------------------------------------------- */

/* Evaluates the rules whose symptom shows between @before and the sample just taken. */
void findings_update(
                struct manager *m, struct target *t, const struct sample *before, uint64_t now_ns);
/* A finding of a rule that looks at more than one container: it begins, or is there still. */
void findings_found(struct manager *m, struct target *t, struct finding *f, uint64_t now_ns);
/* Whether one more sample may complete a rule's evidence: then it is worth taking at once. */
bool findings_near(const struct target *t, uint64_t now_ns);
void findings_answer(struct manager *m, const struct link_answer *answer);
/* All proposals are to be submitted again: dtgovd was restarted. */
void findings_resubmit(struct manager *m);
/* A change of the container entered a state. */
void findings_change(struct manager *m, struct target *t, const struct change *c, uint64_t now_ns);
void findings_probation(struct manager *m, struct target *t);

/* --- api.c: org.dtgov.Observer on query.sock -------------------------------------------------- */

int api_open(struct manager *m, struct error *err);
