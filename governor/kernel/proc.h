/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading /proc. What is read here was written by hostile programs: comm may hold anything.
 *
 * Source: proc(5); Documentation/scheduler/sched-stats.rst
 */
#pragma once

#include "state/container.h"
#include "state/finding.h"

struct proc_stat {
        pid_t pid, ppid;
        char comm[COMM_SIZE];
        char state;
        uint64_t utime_ticks, stime_ticks, starttime_ticks; /* of sysconf(_SC_CLK_TCK) */
        uint64_t rss_bytes;
        unsigned threads;
};

/* @proc_fd: of /proc, or of a fixture. Errors: -ESRCH no such process; -EINVAL not in its form. */
int proc_stat(int proc_fd, pid_t pid, struct proc_stat *ret);

/*
 * The process's cgroup from the cgroup2 mount. " (deleted)" at its end is cut and told.
 *
 * Returns: 1 the cgroup is deleted, 0 it is not
 * Errors:  -ESRCH; -ENODATA no line of cgroup v2; -ENAMETOOLONG
 */
int proc_cgroup(int proc_fd, pid_t pid, char ret[static CONTAINER_PATH_SIZE]);

/*
 * Whether the process is the init of a pid namespace below that of /proc itself.
 *
 * Source:  Documentation/filesystems/proc.rst, NSpid
 * Returns: 1 it is, 0 it is not
 * Errors:  -ESRCH; -ENODATA the kernel does not say
 */
int proc_is_namespace_init(int proc_fd, pid_t pid);

/* Time that all its threads waited for a CPU, in ns, summed over at most 256 of them. */
int proc_runqueue_wait_ns(int proc_fd, pid_t pid, uint64_t *ret_ns);

struct host {
        uint64_t memory_total_bytes, memory_available_bytes;
        unsigned online_cpus;
        char boot_id[37]; /* 36 characters of a UUID */
};

/* Errors: of the files /proc/meminfo, /proc/stat, /proc/sys/kernel/random/boot_id. */
int proc_host(int proc_fd, struct host *ret, struct error *err);

uint64_t proc_boottime_ns(void); /* CLOCK_BOOTTIME: counts suspend, never goes back */
