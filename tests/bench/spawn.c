/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spawns commands in turn, each with the same text on stdin, and prints for each the median cost
 * from spawn to reap: CPU time of this process and its children together, in nanoseconds. Under
 * counted instructions (qemu -icount) that is a count of instructions.
 *
 * usage: spawn RUNS STDIN_FILE -- COMMAND ARG... [-- COMMAND ARG...]...
 */
#include "state/base.h"
#include "state/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#define COMMANDS_MAX 8
#define RUNS_MAX     1000

static uint64_t cost[COMMANDS_MAX][RUNS_MAX];

static uint64_t now_ns(void) {
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

/* One spawn; the clock stands for work done, since this process and the child never both sleep. */
static int spawn_once(char **argv, const char *text, size_t len, uint64_t *ret_ns) {
        int fds[2], status;
        uint64_t start;
        pid_t pid;

        if (!argv[0])
                return -EINVAL;
        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
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
        if (waitpid(pid, &status, 0) < 0)
                return -errno;
        *ret_ns = now_ns() - start;
        return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -ECHILD;
}

static int by_value(const void *a, const void *b) {
        uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

        return x < y ? -1 : x > y;
}

int main(int argc, char **argv) {
        char **commands[COMMANDS_MAX], text[65536];
        size_t count = 0, runs;
        ssize_t len;

        if (argc < 5)
                return 2;
        runs = u64_min(strtoul(argv[1], NULL, 10), RUNS_MAX);
        len = file_read_at(AT_FDCWD, argv[2], text, sizeof(text));
        if (len < 0)
                return 2;
        for (int i = 3; i < argc; i++)
                if (strcmp(argv[i], "--") == 0 && count < COMMANDS_MAX) {
                        argv[i] = NULL;
                        commands[count++] = argv + i + 1;
                }

        for (size_t run = 0; run < runs; run++)
                for (size_t c = 0; c < count; c++) {
                        int r = spawn_once(commands[c], text, (size_t)len, &cost[c][run]);

                        if (r < 0) {
                                (void)fprintf(stderr, "%s: %s\n", commands[c][0], strerror(-r));
                                return 1;
                        }
                }
        for (size_t c = 0; c < count; c++) {
                qsort(cost[c], runs, sizeof(cost[c][0]), by_value);
                printf("%s %llu %llu\n", commands[c][0], (unsigned long long)cost[c][runs / 2],
                                (unsigned long long)cost[c][runs * 9 / 10]);
        }
        return 0;
}
