/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What dtgovd needs before it confines itself: directories, the lock, sockets, and without a
 * service manager the observer too.
 */
#pragma once

#include "state/error.h"

#include <sys/types.h>

struct control;

struct options {
        const char *run_dir, *state_dir, *config_dir, *cgroup_root; /* cgroup_root NULL: discover */
        const char *observer_user;
        const char *rollback; /* C17, a container or --all */
        uint64_t probation_sec, soak_sec;
        bool allow_unsandboxed, no_observer, recover;
};

/* What came from the service manager, or was made here; -1 what there is not. */
struct setup {
        int lock_fd, control_fd, query_fd;
        int link_fd;        /* connected: the observer was started from here */
        int link_listen_fd; /* from the service manager */
        uid_t observer_uid;
        gid_t observer_gid;
};

/*
 * Makes a directory if need be, and checks whose it is.
 *
 * Returns: its fd
 * Errors:  -EPERM it is not its owner's alone (E_UNSAFE_PATH)
 */
int setup_directory(const char *path, mode_t mode, uid_t uid, gid_t gid, struct error *err);

/*
 * Makes and checks the directories, and opens them into @c.
 *
 * Errors: -EPERM a directory is not root's own or may be written by others (E_UNSAFE_PATH)
 */
int setup_directories(
                struct control *c, const struct options *o, struct setup *s, struct error *err);

/* Errors: -EBUSY "already running (pid N)" */
int setup_lock(const struct options *o, struct setup *s, struct error *err);

/* The uid and gid of --observer-user. Errors: -ENOENT no such user. */
int setup_observer_user(const struct options *o, struct setup *s, struct error *err);

/* Takes the sockets of the service manager, else makes them. */
int setup_sockets(const struct options *o, struct setup *s, struct error *err);

/* Starts the observer with the link and the query socket, unless the service manager does. */
int setup_observer(const struct options *o, struct setup *s, struct error *err);
