/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The containers that dtgovd knows: from the hook's files, or adopted by a scan. Each is held by
 * the fd of its cgroup's directory and keyed by that inode: a successor of the same id is another
 * container. The end is what cgroup.events says, never what a hook or a path says.
 */
#pragma once

#include "state/identity.h"
#include "state/link.h"
#include "state/registry.h"

#include <systemd/sd-event.h>

#define CONTAINERS_BUCKETS   1024                /* by inode; a host has at most some thousands */
#define CONTAINERS_SCAN_USEC (30 * USEC_PER_SEC) /* adoption, and files that inotify missed */
#define CONTAINERS_WALK_MAX  50000               /* cgroups that are looked at for a lost one */
#define CONTAINERS_FDS_KEPT  256 /* that no container gets: for people (two each) and rollbacks */
#define CONTAINERS_BAD_MAX   64  /* names of bad files that are remembered, to log each once */

struct control;

struct managed {
        struct managed *next; /* in its bucket */
        struct control *control;
        struct container container;
        unsigned flags; /* enum container_flag */
        unsigned refs;  /* the table's own, each run's, each job's */
        int dir_fd;     /* O_PATH */
        int events_fd;
        sd_event_source *events_source;
        char file[REGISTRY_NAME_SIZE]; /* in the registry; "" when adopted */
        bool alive, protected_;
        bool told;                 /* the observer has its fds */
        struct identity *identity; /* NULL: nobody has said yet who it is */
        uint64_t ask_ns;           /* when to ask; 0: not */
        unsigned asked;            /* how often without a lasting answer */
        bool identity_told;
};

struct containers {
        struct managed *buckets[CONTAINERS_BUCKETS];
        unsigned count;
        uint64_t bad[CONTAINERS_BAD_MAX];
        unsigned bad_next;
        bool unsure;  /* the last scan failed in part: what it did not find may be there */
        bool no_room; /* some were not added for want of descriptors */
        int inotify_fd;
        sd_event_source *inotify_source, *scan_source;
};

/* Watches the registry. containers_scan() finds what is there already. */
int containers_init(struct control *c);
void containers_done(struct control *c);

/* Reads every file of the registry and adopts what engines run without a hook. */
void containers_scan(struct control *c);

/* NULL: none that lives. By id the inode decides between two of the same; 0: whichever is found. */
struct managed *container_by_inode(struct control *c, uint64_t inode);
struct managed *container_find(struct control *c, const char *id, uint64_t inode);

/* Calls @each for every container that lives. */
void containers_each(struct control *c, void (*each)(void *data, struct managed *m), void *data);

/* Whether a cgroup is a container's own or below one. */
bool container_holds(struct control *c, const char *path);

/* One that somebody else found and that is none yet: opened and checked as any other. */
int container_enlist(struct control *c, const struct container *container, unsigned flags);

struct managed *container_ref(struct managed *m);
void container_unref(struct managed *m);

/*
 * Whether a registry file describes a container that may be governed, and opens it.
 *
 * Returns: 1 and the fd; 0 its cgroup is gone
 * Errors:  -EPERM protected; -ESTALE another inode or process; -EXDEV not below the root; @err
 */
int container_check(struct control *c, const struct container *container, int *ret_fd,
                struct error *err);
