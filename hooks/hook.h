/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What dtgov-hook does between its start and its _exit(0): reads the state of the container from
 * stdin and writes, or removes, its file in the registry.
 */
#pragma once

#include "state/registry.h"

#define HOOK_STATE_MAX       (64 * KIB) /* bytes of the state that are kept */
#define HOOK_STATE_DEPTH_MAX 16
#define HOOK_STDIN_NS        (150 * NSEC_PER_MSEC) /* then whoever feeds it is left alone */

/* Where things are. The tests have directories of their own. */
struct hook_paths {
        const char *proc;     /* "/proc" */
        const char *cgroup;   /* "/sys/fs/cgroup" */
        const char *registry; /* directory, absolute */
        uint32_t cgroup_type; /* CGROUP2_SUPER_MAGIC; 0 takes any file system */
        const char *runtime;  /* its name; NULL: that of the process @parent */
        pid_t parent;
};

/*
 * Takes "--registry DIR" and "--runtime NAME", in any order, from the arguments. Whatever else is
 * there, or is not of that form, is passed over.
 */
void hook_take_arguments(struct hook_paths *paths, int argc, const char *const argv[]);

/*
 * Reads the state and, whatever its length, goes on reading to the end, so that the runtime is not
 * killed by SIGPIPE (crun before 1.17 does not ignore it).
 *
 * @buf:     HOOK_STATE_MAX + 1 bytes; what is kept ends with a NUL
 * @wait_ns: longest wait for more to come, up to twenty times as long where CPUs are short; a
 *           stream that never pauses is left after this, too
 * Returns:  bytes kept; it may be less than a whole document
 * Errors:   -EFBIG longer than HOOK_STATE_MAX; of read(2) and poll(2)
 */
ssize_t hook_read_state(int fd, char *buf, uint64_t wait_ns);

/*
 * Does what the state asks for: "creating", "created" and "running" put the container into the
 * registry, "stopped" removes the files of that id whose cgroup is gone. The hook's arguments do
 * not say which, since the engines share one entry among all stages.
 *
 * Errors: -EINVAL not the state of a container; -ENOENT no registry, or no such process or cgroup;
 *         -ESRCH the process has ended; -EMEDIUMTYPE not cgroup v2; of the calls made
 */
int hook_run(const struct hook_paths *paths, const char *text, size_t len);
