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
        SANDBOX_MAKE,        /* and make, truncate, rename and remove files; no directories */
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

/*
 * Changes to the uid and gid without further groups, drops capabilities and sets no_new_privs and
 * not dumpable. For all that is to come: call it before threads are made.
 *
 * Errors: of setresuid(2), capset(2), prctl(2)
 */
int sandbox_drop(const struct sandbox *s, struct error *err);

/*
 * Landlock, then seccomp; execve, ptrace, mount and their like kill the process. Nothing but listed
 * paths and system calls works after this. Listed but narrowed: "socket" to AF_UNIX, "mmap" and
 * "mprotect" to no PROT_EXEC, "clone" to CLONE_THREAD; "clone3" is always ENOSYS, so that libc
 * falls back. Landlock binds only the calling thread and those it makes: call it before any other.
 *
 * Returns: 0 all is in force; 1 allow_unsandboxed, and @err says what this kernel lacks
 * Errors:  -EOPNOTSUPP the kernel lacks Landlock or seccomp, and allow_unsandboxed is not set;
 *          -EBUSY there are threads already; -EINVAL a system call that libseccomp does not know
 */
int sandbox_enter(const struct sandbox *s, struct error *err);

/*
 * Tries what must fail now: open /etc/shadow, write below /proc/sys, make a cgroup at @cgroup_root,
 * become another uid. Only after a sandbox_enter() that returned 0.
 *
 * Errors: -ENOTRECOVERABLE one of them worked: end at once; @err says which
 */
int sandbox_selftest(const char *cgroup_root, struct error *err);

/* The two halves of sandbox_enter(). Errors: -EOPNOTSUPP the kernel lacks it; as there. */
int sandbox_landlock(const struct sandbox *s, struct error *err);
int sandbox_seccomp(const struct sandbox *s, struct error *err);
