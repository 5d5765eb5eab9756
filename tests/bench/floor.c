/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Floors: what the bare kernel needs for what dtgovd does.
 *
 *     floor write FILE VALUE           open, write, close of one file; prints ns
 *     floor rollback PARENT FILE VALUE open, read, write, read, close of FILE in every child
 *     floor trigger PRESSURE "some X Y" SECONDS  prints CLOCK_BOOTTIME ns at each event
 *     floor watch FILE SECONDS         prints CLOCK_BOOTTIME ns at each write to FILE (inotify)
 *     floor now                        prints CLOCK_BOOTTIME ns
 */
#include "state/base.h"
#include "state/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>

static uint64_t clock_ns(clockid_t clock) {
        struct timespec ts;

        clock_gettime(clock, &ts);
        return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

static void print_ns(uint64_t ns) {
        printf("%llu\n", (unsigned long long)ns);
        (void)fflush(stdout);
}

static int floor_write(char **argv) {
        uint64_t start = clock_ns(CLOCK_MONOTONIC);
        CLEANUP(closep) int fd = open(argv[0], O_WRONLY | O_CLOEXEC);

        if (fd < 0 || file_write_all(fd, argv[1], strlen(argv[1])) < 0)
                return 1;
        print_ns(clock_ns(CLOCK_MONOTONIC) - start);
        return 0;
}

static int rollback_one(int parent, const char *child, const char *file, const char *value) {
        CLEANUP(closep) int fd = -1;
        char path[600], buf[64];

        (void)snprintf(path, sizeof(path), "%s/%s", child, file);
        fd = openat(parent, path, O_RDWR | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        if (pread(fd, buf, sizeof(buf), 0) < 0 || pwrite(fd, value, strlen(value), 0) < 0 ||
                        pread(fd, buf, sizeof(buf), 0) < 0)
                return -errno;
        return 0;
}

static int floor_rollback(char **argv) {
        DIR *dir = opendir(argv[0]);
        unsigned count = 0;
        uint64_t start;

        if (!dir)
                return 1;
        start = clock_ns(CLOCK_MONOTONIC);
        for (struct dirent *e; (e = readdir(dir));)
                if (e->d_type == DT_DIR && e->d_name[0] != '.' &&
                                rollback_one(dirfd(dir), e->d_name, argv[1], argv[2]) == 0)
                        count++;
        printf("%u %llu\n", count, (unsigned long long)(clock_ns(CLOCK_MONOTONIC) - start));
        closedir(dir);
        return 0;
}

/* Prints the time at each event of @fd until @seconds have passed. */
static int watch(int fd, short events, const char *seconds) {
        uint64_t end = clock_ns(CLOCK_BOOTTIME) + strtoul(seconds, NULL, 10) * NSEC_PER_SEC, now;
        char buf[4096];

        while ((now = clock_ns(CLOCK_BOOTTIME)) < end) {
                struct pollfd p = { .fd = fd, .events = events };

                if (poll(&p, 1, (int)((end - now) / NSEC_PER_MSEC) + 1) <= 0)
                        continue;
                print_ns(clock_ns(CLOCK_BOOTTIME));
                if (events == POLLIN)
                        (void)!read(fd, buf, sizeof(buf));
                if (p.revents & POLLERR)
                        return 1;
        }
        return 0;
}

static int floor_trigger(char **argv) {
        CLEANUP(closep) int fd = open(argv[0], O_RDWR | O_NONBLOCK | O_CLOEXEC);

        if (fd < 0 || write(fd, argv[1], strlen(argv[1]) + 1) < 0)
                return 1;
        return watch(fd, POLLPRI, argv[2]);
}

static int floor_watch(char **argv) {
        CLEANUP(closep) int fd = inotify_init1(IN_CLOEXEC);

        if (fd < 0 || inotify_add_watch(fd, argv[0], IN_MODIFY) < 0)
                return 1;
        return watch(fd, POLLIN, argv[1]);
}

static int floor_now(char **argv) {
        (void)argv;
        print_ns(clock_ns(CLOCK_BOOTTIME));
        return 0;
}

int main(int argc, char **argv) {
        static const struct {
                const char *name;
                int arguments;
                int (*run)(char **argv);
        } modes[] = {
                { "write", 2, floor_write },
                { "rollback", 3, floor_rollback },
                { "trigger", 3, floor_trigger },
                { "watch", 2, floor_watch },
                { "now", 0, floor_now },
        };

        for (size_t i = 0; argc > 1 && i < ARRAY_LEN(modes); i++)
                if (strcmp(argv[1], modes[i].name) == 0 && argc == 2 + modes[i].arguments)
                        return modes[i].run(argv + 2);
        return 2;
}
