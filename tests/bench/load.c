/* SPDX-License-Identifier: Apache-2.0 */
/*
 * COUNT cgroups below PARENT, one process in each; ACTIVE_PERCENT of them wake twice a second,
 * touch 128 KiB and spin a little, the others sleep. Registers each one as a container when
 * REGISTRY is given. Prints "ready" and lives until its stdin ends, then removes what it made.
 *
 * usage: load PARENT COUNT ACTIVE_PERCENT [REGISTRY]
 */
#include "governor/kernel/proc.h"
#include "state/file.h"
#include "state/registry.h"
#include "state/text.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

static volatile unsigned char touched[128 * KIB];

static void work(void) {
        struct timespec half = { .tv_nsec = 500000000 };

        for (unsigned turn = 0;; turn++) {
                nanosleep(&half, NULL);
                for (size_t i = 0; i < sizeof(touched); i += 4096)
                        touched[i]++;
                for (volatile unsigned spin = 0; spin < 20000; spin++)
                        ;
        }
}

static _Noreturn void child(const char *procs, bool active) {
        char pid[16];
        int fd, n;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        fd = open(procs, O_WRONLY | O_CLOEXEC);
        n = snprintf(pid, sizeof(pid), "%d", (int)getpid());
        if (fd < 0 || file_write_all(fd, pid, (size_t)n) < 0)
                _exit(1);
        close(fd);
        if (active)
                work();
        for (;;)
                pause();
}

static int register_one(int registry, const char *path, unsigned i, pid_t pid) {
        struct container c = { .pid = pid, .created_boottime_ns = proc_boottime_ns() };
        CLEANUP(closep) int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct proc_stat ps;
        struct stat st;
        int r;

        r = proc_stat(proc, pid, &ps);
        if (r < 0)
                return r;
        if (stat(path, &st) < 0)
                return -errno;
        (void)snprintf(c.id, sizeof(c.id), "bench%05u", i);
        (void)snprintf(c.runtime, sizeof(c.runtime), "runc");
        (void)snprintf(c.bundle, sizeof(c.bundle), "/bench");
        (void)text_copy(c.cgroup, sizeof(c.cgroup), path + strlen("/sys/fs/cgroup"));
        c.cgroup_inode = st.st_ino;
        c.netns_inode = 1;
        c.starttime_ticks = ps.starttime_ticks;
        return registry_put(registry, &c);
}

/* Waits until the child has moved itself: its cgroup is populated then. */
static void wait_populated(const char *path) {
        char file[600], text[256];

        (void)snprintf(file, sizeof(file), "%s/cgroup.events", path);
        for (int i = 0; i < 1000; i++) {
                if (file_read_at(AT_FDCWD, file, text, sizeof(text)) > 0 &&
                                strstr(text, "populated 1"))
                        return;
                usleep(1000);
        }
}

int main(int argc, char **argv) {
        CLEANUP(closep) int registry = -1;
        unsigned count, active_percent;
        char path[512], procs[600];

        if (argc < 4)
                return 2;
        count = (unsigned)strtoul(argv[2], NULL, 10);
        active_percent = (unsigned)strtoul(argv[3], NULL, 10);
        if (argc > 4) {
                registry = open(argv[4], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                if (registry < 0)
                        return 2;
        }

        for (unsigned i = 0; i < count; i++) {
                pid_t pid;

                (void)snprintf(path, sizeof(path), "%s/c%05u", argv[1], i);
                (void)snprintf(procs, sizeof(procs), "%s/cgroup.procs", path);
                if (mkdir(path, 0755) < 0 && errno != EEXIST) {
                        perror(path);
                        return 1;
                }
                pid = fork();
                if (pid == 0)
                        child(procs, i * active_percent / 100 != (i + 1) * active_percent / 100);
                wait_populated(path);
                if (registry >= 0 && register_one(registry, path, i, pid) < 0)
                        return 1;
        }
        puts("ready");
        (void)fflush(stdout);
        while (read(STDIN_FILENO, path, sizeof(path)) > 0)
                ;

        for (unsigned i = 0; i < count; i++) {
                (void)snprintf(path, sizeof(path), "%s/c%05u/cgroup.kill", argv[1], i);
                int fd = open(path, O_WRONLY | O_CLOEXEC);

                if (fd >= 0) {
                        (void)file_write_all(fd, "1", 1);
                        close(fd);
                }
        }
        while (wait(NULL) > 0)
                ;
        for (unsigned i = 0; i < count; i++) {
                (void)snprintf(path, sizeof(path), "%s/c%05u", argv[1], i);
                (void)rmdir(path);
        }
        return 0;
}
