/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Floors: what the bare kernel needs for what dtgovd does. Times are in ns, of CLOCK_BOOTTIME where
 * they are points.
 *
 *     floor write FILE VALUE            open, write, close of one file: how long
 *     floor durable DIR FILE VALUE      the same behind 4 KiB and fdatasync in DIR
 *     floor rollback DIR FILE VALUE     open, read, write, read, close of FILE in every child
 *     floor trigger PSI TEXT SEC STAT   each event of the trigger TEXT, and when nr_throttled of
 *                                       STAT has grown since all was quiet
 *     floor bursts PROCS COUNT MS LEN   computes COUNT times LEN ms in that cgroup: each begin
 *     floor stamp                       its input, each line behind the time
 */
#include "state/base.h"
#include "state/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
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

#define TRIGGER_QUIET_MS 1000

static unsigned long long throttled_of(const char *cpu_stat) {
        char text[4096];
        const char *p;

        if (file_read_at(AT_FDCWD, cpu_stat, text, sizeof(text)) < 0 ||
                        !(p = strstr(text, "nr_throttled ")))
                return 0;
        return strtoull(p + strlen("nr_throttled "), NULL, 10);
}

static int floor_trigger(char **argv) {
        unsigned long long before = throttled_of(argv[3]);
        uint64_t end = clock_ns(CLOCK_BOOTTIME) + strtoul(argv[2], NULL, 10) * NSEC_PER_SEC, now;
        CLEANUP(closep) int fd = open(argv[0], O_RDWR | O_NONBLOCK | O_CLOEXEC);

        if (fd < 0 || write(fd, argv[1], strlen(argv[1]) + 1) < 0)
                return 1;
        while ((now = clock_ns(CLOCK_BOOTTIME)) < end) {
                struct pollfd p = { .fd = fd, .events = POLLPRI };

                if (poll(&p, 1, TRIGGER_QUIET_MS) <= 0) {
                        before = throttled_of(argv[3]);
                        continue;
                }
                now = clock_ns(CLOCK_BOOTTIME);
                if (p.revents & POLLERR)
                        return 1;
                /* The kernel counts a throttled period at its end. */
                for (int i = 0; i < 150 && throttled_of(argv[3]) == before; i++)
                        usleep(1000);
                printf("%llu ", (unsigned long long)now);
                print_ns(clock_ns(CLOCK_BOOTTIME));
        }
        return 0;
}

static int floor_durable(char **argv) {
        char path[600], page[4096] = "";
        CLEANUP(closep) int fd = -1, file = -1;
        uint64_t start;

        (void)snprintf(path, sizeof(path), "%s/floor", argv[0]);
        fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0 || posix_fallocate(fd, 0, sizeof(page)) != 0 || fsync(fd) < 0)
                return 1;
        start = clock_ns(CLOCK_MONOTONIC);
        if (pwrite(fd, page, sizeof(page), 0) < 0 || fdatasync(fd) < 0)
                return 1;
        file = open(argv[1], O_WRONLY | O_CLOEXEC);
        if (file < 0 || file_write_all(file, argv[2], strlen(argv[2])) < 0)
                return 1;
        print_ns(clock_ns(CLOCK_MONOTONIC) - start);
        return 0;
}

static int floor_bursts(char **argv) {
        unsigned long count = strtoul(argv[1], NULL, 10), period_ms = strtoul(argv[2], NULL, 10),
                      length_ms = strtoul(argv[3], NULL, 10);
        CLEANUP(closep) int fd = open(argv[0], O_WRONLY | O_CLOEXEC);
        struct timespec next;

        if (fd < 0 || file_write_all(fd, "0", 1) < 0)
                return 1;
        clock_gettime(CLOCK_MONOTONIC, &next);
        for (; count > 0; count--) {
                uint64_t end = clock_ns(CLOCK_MONOTONIC) + length_ms * NSEC_PER_MSEC;

                print_ns(clock_ns(CLOCK_BOOTTIME));
                while (clock_ns(CLOCK_MONOTONIC) < end)
                        ;
                next.tv_nsec += (long)(period_ms % 1000 * NSEC_PER_MSEC);
                next.tv_sec += (time_t)(period_ms / 1000) + next.tv_nsec / (long)NSEC_PER_SEC;
                next.tv_nsec %= (long)NSEC_PER_SEC;
                clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
        }
        return 0;
}

static int floor_stamp(char **argv) {
        char line[4096];

        (void)argv;
        while (fgets(line, sizeof(line), stdin)) {
                printf("%llu %s", (unsigned long long)clock_ns(CLOCK_BOOTTIME), line);
                (void)fflush(stdout);
        }
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
                { "trigger", 4, floor_trigger },
                { "durable", 3, floor_durable },
                { "bursts", 4, floor_bursts },
                { "stamp", 0, floor_stamp },
        };

        for (size_t i = 0; argc > 1 && i < ARRAY_LEN(modes); i++)
                if (strcmp(argv[1], modes[i].name) == 0 && argc == 2 + modes[i].arguments)
                        return modes[i].run(argv + 2);
        return 2;
}
