/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything is looked up by the caller's fd of /proc, so that tests can hand in a fixture. A
 * process may vanish between any two reads: that is -ESRCH, whatever the kernel called it.
 *
 * What lies in a process's own memory (cmdline, environ) is never read: a page of it may never
 * come.
 */
#include "governor/kernel/proc.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "state/file.h"
#include "state/parse.h"
#include "state/text.h"

#define TASKS_MAX 256 /* threads of one process that are asked for their waiting */

static ssize_t read_of(int proc_fd, pid_t pid, const char *file, char *buf, size_t size) {
        char name[64];
        ssize_t n;

        (void)snprintf(name, sizeof(name), "%d/%s", (int)pid, file);
        n = file_read_at(proc_fd, name, buf, size);
        return n == -ENOENT ? -ESRCH : n;
}

/*
 * Numbers of /proc/pid/stat from field @first on, proc(5); @wanted maps field numbers to where they
 * go. Other fields may be negative and are not looked at.
 */
struct wanted {
        unsigned field;
        uint64_t value;
};

static int parse_fields(const char *p, unsigned field, struct wanted *wanted, size_t count) {
        for (size_t i = 0; i < count; field++) {
                const char *end;

                p += *p == ' ';
                if (*p == '\0')
                        return -EINVAL;
                if (field == wanted[i].field) {
                        if (parse_u64_prefix(p, &wanted[i].value, &end) < 0)
                                return -EINVAL;
                        i++;
                }
                p += strcspn(p, " \n");
        }
        return 0;
}

int proc_stat(int proc_fd, pid_t pid, struct proc_stat *ret) {
        struct wanted wanted[] = { { 4, 0 }, { 14, 0 }, { 15, 0 }, { 20, 0 }, { 22, 0 },
                { 24, 0 } };
        struct proc_stat stat = { .pid = pid };
        const char *open, *close;
        char buf[2048];
        size_t len;
        ssize_t n;

        n = read_of(proc_fd, pid, "stat", buf, sizeof(buf));
        if (n < 0)
                return (int)n;

        /* The name may hold ") R 0 0" and newlines: what follows its last parenthesis counts. */
        open = strchr(buf, '(');
        close = strrchr(buf, ')');
        if (!open || !close || close < open || close[1] != ' ' || close[2] == '\0')
                return -EINVAL;
        if (parse_fields(close + 3, 4, wanted, ARRAY_LEN(wanted)) < 0 ||
                        wanted[0].value > INT32_MAX)
                return -EINVAL;

        len = (size_t)(close - open - 1);
        memcpy(stat.comm, open + 1, len < COMM_SIZE ? len : COMM_SIZE - 1);
        stat.state = close[2];
        stat.ppid = (pid_t)wanted[0].value;
        stat.utime_ticks = wanted[1].value;
        stat.stime_ticks = wanted[2].value;
        stat.threads = (unsigned)wanted[3].value;
        stat.starttime_ticks = wanted[4].value;
        stat.rss_bytes = wanted[5].value * (uint64_t)sysconf(_SC_PAGESIZE);
        *ret = stat;
        return 0;
}

int proc_cgroup(int proc_fd, pid_t pid, char ret[static CONTAINER_PATH_SIZE]) {
        static const char deleted[] = " (deleted)";
        char buf[8192], *line, *end;
        bool gone = false;
        ssize_t n;

        n = read_of(proc_fd, pid, "cgroup", buf, sizeof(buf));
        if (n < 0)
                return (int)n;

        line = strncmp(buf, "0::", 3) == 0 ? buf : strstr(buf, "\n0::");
        if (!line)
                return -ENODATA;
        line += *line == '\n';
        line += 3;
        *strchrnul(line, '\n') = '\0';

        end = line + strlen(line);
        if ((size_t)(end - line) >= sizeof(deleted) &&
                        strcmp(end - (sizeof(deleted) - 1), deleted) == 0) {
                end[-(ptrdiff_t)(sizeof(deleted) - 1)] = '\0';
                gone = true;
        }
        if (!text_copy(ret, CONTAINER_PATH_SIZE, line))
                return -ENAMETOOLONG;
        return gone;
}

int proc_is_namespace_init(int proc_fd, pid_t pid) {
        char buf[8192], *line, *end;
        ssize_t n = read_of(proc_fd, pid, "status", buf, sizeof(buf));

        if (n < 0)
                return (int)n;
        line = strstr(buf, "\nNSpid:\t"); /* one pid for each namespace, its own the last */
        if (!line)
                return -ENODATA;
        line += strlen("\nNSpid:\t");
        end = strchrnul(line, '\n');
        return end - line > 2 && end[-1] == '1' && end[-2] == '\t';
}

int proc_runqueue_wait_ns(int proc_fd, pid_t pid, uint64_t *ret_ns) {
        CLEANUP(closep) int fd = -1;
        const struct dirent *entry;
        uint64_t sum = 0;
        char name[32];
        DIR *dir;

        (void)snprintf(name, sizeof(name), "%d/task", (int)pid);
        fd = openat(proc_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
                return errno == ENOENT ? -ESRCH : -errno;
        dir = fdopendir(fd);
        if (!dir)
                return -errno;
        (void)take_fd(&fd);

        for (unsigned tasks = 0; tasks < TASKS_MAX && (entry = readdir(dir));) {
                char file[300], buf[128];
                const char *p;
                uint64_t wait;

                if (entry->d_name[0] == '.')
                        continue;
                tasks++;
                (void)snprintf(file, sizeof(file), "%s/schedstat", entry->d_name);
                /* "time on a CPU, time waiting for one, times run" */
                if (file_read_at(dirfd(dir), file, buf, sizeof(buf)) < 0 || !(p = strchr(buf, ' ')))
                        continue;
                if (parse_u64_prefix(p + 1, &wait, &p) == 0)
                        sum += wait;
        }
        (void)closedir(dir);

        *ret_ns = sum;
        return 0;
}

/* "MemTotal:       16384 kB" in bytes. */
static int meminfo_of(const char *text, const char *key, uint64_t *ret_bytes) {
        const char *p = strstr(text, key);
        uint64_t kib;

        if (!p)
                return -ENODATA;
        p += strlen(key);
        p += strspn(p, " ");
        if (parse_u64_prefix(p, &kib, &p) < 0 || strncmp(p, " kB", 3) != 0)
                return -EINVAL;
        *ret_bytes = kib * KIB;
        return 0;
}

/* The lines "cpu0", "cpu1" ... come first; the rest of the file may be long and is not read. */
static int count_cpus(int proc_fd, unsigned *ret) {
        CLEANUP(closep) int fd = -1;
        unsigned count = 0;
        char line[512];
        FILE *file;

        fd = openat(proc_fd, "stat", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
                return -errno;
        file = fdopen(fd, "re");
        if (!file)
                return -ENOMEM;
        (void)take_fd(&fd);

        while (fgets(line, sizeof(line), file) && strncmp(line, "cpu", 3) == 0)
                count += line[3] >= '0' && line[3] <= '9';
        (void)fclose(file);
        if (count == 0)
                return -EINVAL;
        *ret = count;
        return 0;
}

int proc_host(int proc_fd, struct host *ret, struct error *err) {
        struct host host = { 0 };
        char buf[8192];
        ssize_t n;
        int r;

        n = file_read_at(proc_fd, "meminfo", buf, sizeof(buf));
        if (n < 0)
                return error_errno(err, (int)n, "/proc/meminfo");
        r = meminfo_of(buf, "MemTotal:", &host.memory_total_bytes);
        if (r == 0)
                r = meminfo_of(buf, "MemAvailable:", &host.memory_available_bytes);
        if (r < 0)
                return error_set(err, r, "/proc/meminfo: no MemTotal and MemAvailable in kB");

        r = count_cpus(proc_fd, &host.online_cpus);
        if (r < 0)
                return error_errno(err, r, "/proc/stat");

        n = file_read_at(proc_fd, "sys/kernel/random/boot_id", buf, sizeof(buf));
        if (n < 0)
                return error_errno(err, (int)n, "/proc/sys/kernel/random/boot_id");
        buf[strcspn(buf, "\n")] = '\0';
        if (strlen(buf) != sizeof(host.boot_id) - 1)
                return error_set(err, -EINVAL, "/proc/sys/kernel/random/boot_id: not a UUID");
        (void)text_copy(host.boot_id, sizeof(host.boot_id), buf);

        *ret = host;
        return 0;
}

uint64_t proc_boottime_ns(void) {
        struct timespec now;

        (void)clock_gettime(CLOCK_BOOTTIME, &now);
        return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}
