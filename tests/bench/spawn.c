/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spawns commands in turn, each with the same text on stdin, and prints for each the medians of
 * two costs, in nanoseconds: the clock from spawn to reap, and the CPU time from spawn to reap of
 * this process, the command, and all that the command waited for. Under counted instructions (qemu
 * -icount) both count instructions; the second leaves out threads of the kernel that happened to
 * run meanwhile.
 *
 * usage: spawn [--fresh FILE COPY] RUNS STDIN_FILE EMPTY_DIR -- COMMAND ARG... [-- COMMAND
 * ARG...]...
 *
 * The files of EMPTY_DIR are removed before each spawn ("-": nothing is). With --fresh, COPY is
 * written anew from FILE before each: for commands that edit it.
 */
#include "state/base.h"
#include "state/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#define COMMANDS_MAX 8
#define RUNS_MAX     1000
#define FRESH_MAX    (1 * MIB)
#define PAUSE_USEC   3000 /* for what a process leaves behind (RCU): not the next one's cost */

static uint64_t clock_ns[COMMANDS_MAX][RUNS_MAX], cpu_ns[COMMANDS_MAX][RUNS_MAX];

static uint64_t now_ns(void) {
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

static uint64_t timeval_ns(struct timeval tv) {
        return (uint64_t)tv.tv_sec * NSEC_PER_SEC + (uint64_t)tv.tv_usec * NSEC_PER_USEC;
}

static uint64_t own_cpu_ns(void) {
        struct timespec ts;

        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
        return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

static void empty(const char *path) {
        DIR *dir = strcmp(path, "-") != 0 ? opendir(path) : NULL;

        if (!dir)
                return;
        for (struct dirent *entry; (entry = readdir(dir));)
                (void)unlinkat(dirfd(dir), entry->d_name, 0);
        (void)closedir(dir);
}

/* What a command finds is a new file, as an engine writes it: not one that was edited before. */
static int write_fresh(const char *const files[static 2]) {
        CLEANUP(freep) char *text = NULL;
        size_t len;
        int r;

        if (!files[0])
                return 0;
        r = file_load_at(AT_FDCWD, files[0], FRESH_MAX, &text, &len);
        if (r < 0)
                return r;
        if (unlink(files[1]) < 0 && errno != ENOENT)
                return -errno;
        return file_create_at(AT_FDCWD, files[1], text, len, 0600);
}

static int spawn_once(char **argv, const char *text, size_t len, uint64_t *ret_clock_ns,
                uint64_t *ret_cpu_ns) {
        struct rusage usage;
        int fds[2], status;
        uint64_t start, own;
        pid_t pid;

        if (!argv[0])
                return -EINVAL;
        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        own = own_cpu_ns();
        start = now_ns();
        pid = vfork();
        if (pid < 0)
                return -errno;
        if (pid == 0) {
                dup2(fds[0], STDIN_FILENO);
                execv(argv[0], argv);
                _exit(127);
        }
        close(fds[0]);
        (void)file_write_all(fds[1], text, len);
        close(fds[1]);
        if (wait4(pid, &status, 0, &usage) < 0)
                return -errno;
        *ret_clock_ns = now_ns() - start;
        *ret_cpu_ns = own_cpu_ns() - own + timeval_ns(usage.ru_utime) + timeval_ns(usage.ru_stime);
        return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -ECHILD;
}

static int by_value(const void *a, const void *b) {
        uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

        return x < y ? -1 : x > y;
}

int main(int argc, char **argv) {
        char **commands[COMMANDS_MAX], text[65536];
        const char *fresh[2] = { NULL, NULL };
        size_t count = 0, runs;
        ssize_t len;

        (void)signal(SIGPIPE, SIG_IGN);
        if (argc > 4 && strcmp(argv[1], "--fresh") == 0) {
                fresh[0] = argv[2];
                fresh[1] = argv[3];
                argv += 3;
                argc -= 3;
        }
        if (argc < 6)
                return 2;
        runs = u64_min(strtoul(argv[1], NULL, 10), RUNS_MAX);
        len = file_read_at(AT_FDCWD, argv[2], text, sizeof(text));
        if (len < 0)
                return 2;
        for (int i = 4; i < argc; i++)
                if (strcmp(argv[i], "--") == 0 && count < COMMANDS_MAX) {
                        argv[i] = NULL;
                        commands[count++] = argv + i + 1;
                }

        for (size_t run = 0; run < runs; run++)
                for (size_t c = 0; c < count; c++) {
                        int r;

                        empty(argv[3]);
                        r = write_fresh(fresh);
                        (void)usleep(PAUSE_USEC);
                        if (r == 0)
                                r = spawn_once(commands[c], text, (size_t)len, &clock_ns[c][run],
                                                &cpu_ns[c][run]);
                        if (r < 0) {
                                (void)fprintf(stderr, "%s: %s\n", commands[c][0], strerror(-r));
                                return 1;
                        }
                }
        for (size_t c = 0; c < count; c++) {
                qsort(clock_ns[c], runs, sizeof(clock_ns[c][0]), by_value);
                qsort(cpu_ns[c], runs, sizeof(cpu_ns[c][0]), by_value);
                printf("%s %llu %llu\n", commands[c][0], (unsigned long long)clock_ns[c][runs / 2],
                                (unsigned long long)cpu_ns[c][runs / 2]);
        }
        return 0;
}
