/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What sampling is held against, one sweep a second over the children of PARENT.
 *
 *     kept   nine files of each kept open, only pread: nothing parsed, nothing stored
 *     naive  the same files by open, read, close with their whole path
 *
 * usage: reader kept|naive PARENT
 */
#include "state/base.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static const char *const files[] = { "cpu.stat", "memory.current", "memory.stat", "memory.events",
        "io.stat", "cpu.pressure", "memory.pressure", "io.pressure", "pids.current" };

#define CGROUPS_MAX 10000

static char *paths[CGROUPS_MAX];
static int kept[CGROUPS_MAX][ARRAY_LEN(files)];

static size_t list(const char *parent) {
        DIR *dir = opendir(parent);
        size_t count = 0;

        for (struct dirent *e; dir && (e = readdir(dir)) && count < CGROUPS_MAX;)
                if (e->d_type == DT_DIR && e->d_name[0] != '.' &&
                                asprintf(&paths[count], "%s/%s", parent, e->d_name) > 0)
                        count++;
        if (dir)
                closedir(dir);
        return count;
}

static int open_file(const char *cgroup, const char *file) {
        char path[600];

        (void)snprintf(path, sizeof(path), "%s/%s", cgroup, file);
        return open(path, O_RDONLY | O_CLOEXEC);
}

static void sweep_kept(size_t count) {
        char buf[8192];

        for (size_t i = 0; i < count; i++)
                for (size_t f = 0; f < ARRAY_LEN(files); f++)
                        (void)!pread(kept[i][f], buf, sizeof(buf), 0);
}

static void sweep_naive(size_t count) {
        char buf[8192];

        for (size_t i = 0; i < count; i++)
                for (size_t f = 0; f < ARRAY_LEN(files); f++) {
                        int fd = open_file(paths[i], files[f]);

                        if (fd >= 0) {
                                (void)!read(fd, buf, sizeof(buf));
                                close(fd);
                        }
                }
}

int main(int argc, char **argv) {
        struct rlimit limit = { .rlim_cur = 200000, .rlim_max = 200000 };
        bool naive = argc > 1 && strcmp(argv[1], "naive") == 0;
        struct timespec next;
        size_t count;

        if (argc != 3)
                return 2;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
        count = list(argv[2]);
        for (size_t i = 0; !naive && i < count; i++)
                for (size_t f = 0; f < ARRAY_LEN(files); f++)
                        kept[i][f] = open_file(paths[i], files[f]);

        clock_gettime(CLOCK_MONOTONIC, &next);
        for (;;) {
                (naive ? sweep_naive : sweep_kept)(count);
                next.tv_sec++;
                clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
        }
}
