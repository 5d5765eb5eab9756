/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dtgovd: what its parts share. One event loop owns all of it; writer threads see only their jobs.
 */
#pragma once

#include "governor/control/config.h"
#include "governor/control/containers.h"
#include "governor/control/durable.h"
#include "governor/control/engine.h"
#include "governor/control/identifier.h"
#include "governor/control/observer_link.h"
#include "governor/control/proposals.h"
#include "governor/control/registries.h"
#include "governor/control/writer.h"
#include "governor/kernel/cgroup.h"
#include "governor/kernel/proc.h"
#include "governor/varlink/varlink.h"
#include "state/journal/journal.h"

#define ADMIN_GROUP "dtgov-admin"

struct control {
        sd_event *event;
        struct config config;
        struct cgroup_root root;
        int proc_fd, sys_fd, containers_fd, journal_fd;
        char self_cgroup[CONTAINER_PATH_SIZE];
        struct host host;
        uint64_t started_boottime_ns;
        uint64_t probation_ns; /* how long a fresh change is watched; 0: as configured for its rule
                                */
        uint64_t soak_ns;      /* how long a step of a ladder */
        bool psi_available;    /* the kernel measures pressure */
        bool sandboxed;
        bool paused;     /* nothing is applied */
        gid_t admin_gid; /* (gid_t)-1: there is no such group */

        struct journal *journal;
        struct writers *writers;
        struct durable durable;
        struct containers containers;
        struct registries registries;
        struct proposals proposals;
        struct engine engine;
        struct observer_link link;
        struct identifier identifier;
        struct varlink_server *server;
};

/* pause.c: whether it was paused before; and from now on, below 0: only until dtgovd ends. */
void pause_init(struct control *c);
int pause_set(struct control *c, bool paused);

/* Whether the observer is there and talks. */
bool control_observer_present(const struct control *c);

/* Whether new changes may be journaled. */
bool control_journal_ok(const struct control *c);
