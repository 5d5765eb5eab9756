/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Confinement after set-up: capabilities, no_new_privs, Landlock, seccomp, in this order, each
 * tried afterwards. The only file that knows libseccomp.
 *
 * Source: capabilities(7), landlock(7), seccomp(2)
 */
#pragma once

#include "state/error.h"

#include <sys/types.h>

enum sandbox_access {
        SANDBOX_READ,        /* files and directories below */
        SANDBOX_WRITE,       /* and write existing files; no truncation, no new ones */
        SANDBOX_MAKE,        /* and make, rename and remove files */
        SANDBOX_READ_UNLINK, /* read, and remove files */
};

struct sandbox_path {
        const char *path; /* one that does not exist is passed over */
        enum sandbox_access access;
};

struct sandbox {
        uid_t uid; /* to become; (uid_t)-1: stay */
        gid_t gid;
        uint64_t capabilities; /* to keep, bit mask of CAP_*; all else is dropped for good */
        const struct sandbox_path *paths; /* what Landlock allows; everything else is denied */
        size_t paths_count;
        const char *const *syscalls; /* names that seccomp allows; all else is EPERM */
        size_t syscalls_count;
        bool allow_unsandboxed; /* go on, with a warning, where the kernel lacks one of them */
};

/* Changes to the uid, sets no_new_privs, drops capabilities. Landlock and seccomp come after. */
int sandbox_drop(const struct sandbox *s, struct error *err);

/*
 * Landlock and seccomp, for all threads (TSYNC); execve, ptrace, mount and their like kill the
 * process. Nothing but listed paths and system calls works after this.
 *
 * Errors: -EOPNOTSUPP the kernel lacks Landlock or seccomp, and allow_unsandboxed is not set
 */
int sandbox_enter(const struct sandbox *s, struct error *err);

/* Tries what must fail now: open /etc/shadow, make a cgroup at @cgroup_root, become another uid. */
int sandbox_selftest(const char *cgroup_root, struct error *err);
