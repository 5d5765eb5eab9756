/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The places of one daemon, its container "box" and the neighbour. In a fixture tree limit files
 * are plain files: old and new values have the same length there, since nothing truncates.
 */
#include "tests/faults/faults.h"

#include "state/file.h"
#include "state/registry.h"
#include "state/text.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define USED_BYTES   (32 * MIB)
#define HEAR_SECONDS 30
#define SCOPES       "/sys/fs/cgroup/system.slice" /* tests/faults/bus makes them */

const struct knob_text knob_texts[] = {
        { "memory.max", "16777216", "67108864" },
        { "memory.high", "12582912", "50331648" },
        { "cpu.max", "100000 100000", "150000 100000" },
        { "cpu.weight", "200", "100" },
        { "pids.max", "100", "200" },
};
const size_t knob_texts_count = ARRAY_LEN(knob_texts);
const char assignments[] = "memory.max=67108864;memory.high=50331648;cpu.max=150000 100000;"
                           "cpu.weight=100;pids.max=200";
const char kept_assignments[] = "memory.max=67108864;memory.high=50331648;pids.max=200";
const char lower_assignments[] = "memory.high=" LOWERED_TEXT;

#define STAT_USED "anon 1048576\nfile 0\ninactive_file 0\nslab_reclaimable 0\n"
#define STAT_CACHE                                                                                 \
        "anon 1048576\nfile 11534336\ninactive_file 11534336\nslab_reclaimable 0\n"                \
        "workingset_refault_anon 0\nworkingset_refault_file 0\n"

static const struct {
        const char *file, *text;
} fixture_files[] = {
        { "memory.low", "0\n" },
        { "memory.min", "0\n" },
        { "memory.swap.max", "max\n" },
        { "memory.swap.high", "max\n" },
        { "memory.oom.group", "0\n" },
        { "cpu.max.burst", "0\n" },
        { "cpu.idle", "0\n" },
        { "io.max", "\n" },
        { "memory.current", "1048576\n" },
        { "memory.stat", STAT_USED },
        { "memory.events", "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\n" },
        { "memory.events.local", "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\n" },
        { "pids.current", "1\n" },
        { "pids.events", "max 0\n" },
        { "cgroup.events", "populated 1\nfrozen 0\n" },
        { "cgroup.procs", "\n" },
};

int file_text(const char *dir, const char *name, char *buf, size_t size) {
        CLEANUP(closep) int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -errno : file_read_at(fd, name, buf, size);

        if (n > 0 && buf[n - 1] == '\n')
                buf[n - 1] = '\0';
        return n < 0 ? (int)n : 0;
}

int file_put(const char *dir, const char *name, const char *text) {
        char path[512];
        int r;

        (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
        CLEANUP(closep) int fd = open(path, O_WRONLY | O_CLOEXEC);

        if (fd < 0)
                return -errno;
        r = write(fd, text, strlen(text)) < 0 ? -errno : 0;
        return r;
}

static int make_file(const char *dir, const char *name, const char *text) {
        char path[512];

        (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
        CLEANUP(closep) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

        return fd < 0 || write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

static void answer(int fd) {
        if (write(fd, "+", 1) != 1)
                _exit(1);
}

/* Uses memory when it gets SIGUSR1, and gives it back at SIGUSR2; answers through @fd. */
static _Noreturn void be_process(int fd) {
        sigset_t set;
        void *used = NULL;
        int signal;

        (void)sigemptyset(&set);
        (void)sigaddset(&set, SIGUSR1);
        (void)sigaddset(&set, SIGUSR2);
        (void)sigprocmask(SIG_BLOCK, &set, NULL);
        answer(fd);
        for (;;) {
                if (sigwait(&set, &signal) != 0)
                        _exit(0);
                if (used)
                        (void)munmap(used, USED_BYTES);
                used = NULL;
                if (signal == SIGUSR1)
                        used = mmap(NULL, USED_BYTES, PROT_READ | PROT_WRITE,
                                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
                answer(fd);
        }
}

static int process_fds[2] = { -1, -1 };

/* Returns: -ESRCH when it is dead, as one is that was killed for its memory */
static int hear(pid_t pid) {
        struct pollfd p = { .fd = process_fds[0], .events = POLLIN };
        char byte;

        for (unsigned waited = 0; waited < HEAR_SECONDS; waited++) {
                siginfo_t ended = { .si_pid = 0 };

                if (poll(&p, 1, 1000) > 0)
                        return read(process_fds[0], &byte, 1) == 1 ? 0 : -EPIPE;
                if (waitid(P_PID, (id_t)pid, &ended, WEXITED | WNOHANG | WNOWAIT) < 0 ||
                                ended.si_pid == pid)
                        return -ESRCH;
        }
        return -ETIMEDOUT;
}

static int make_process(struct lane *l, const char *dir, pid_t *ret) {
        char text[32];

        if (l->fixture)
                return 0;
        if (process_fds[0] < 0 && pipe2(process_fds, O_CLOEXEC) < 0)
                return -errno;
        *ret = fork();
        if (*ret == 0)
                be_process(process_fds[1]);
        (void)snprintf(text, sizeof(text), "%d", *ret);
        if (*ret < 0 || file_put(dir, "cgroup.procs", text) < 0)
                return -ESRCH;
        return hear(*ret);
}

int lane_use_memory(struct lane *l, bool much) {
        if (l->fixture && make_file(l->box, "memory.stat", STAT_USED) < 0)
                return -EIO;
        if (l->fixture)
                return make_file(l->box, "memory.current", much ? "33554432\n" : "1048576\n");
        if (kill(l->box_pid, much ? SIGUSR1 : SIGUSR2) < 0)
                return -errno;
        return hear(l->box_pid);
}

int lane_use_cache(struct lane *l, const char *bytes) {
        int r = make_file(l->box, "memory.stat", STAT_CACHE);

        return r < 0 ? r : make_file(l->box, "memory.current", bytes);
}

static int make_cgroup(struct lane *l, const char *dir, pid_t *ret_pid) {
        int r = 0;

        if (l->bus)
                return make_process(l, dir, ret_pid); /* beside the one that systemd knows */
        r = mkdir(dir, 0755) < 0 ? -errno : 0;

        for (size_t i = 0; r == 0 && l->fixture && i < ARRAY_LEN(fixture_files); i++)
                r = make_file(dir, fixture_files[i].file, fixture_files[i].text);
        for (size_t i = 0; r == 0 && i < knob_texts_count; i++) {
                char line[64];

                (void)snprintf(line, sizeof(line), "%s\n", knob_texts[i].old);
                r = l->fixture ? make_file(dir, knob_texts[i].file, line)
                               : file_put(dir, knob_texts[i].file, line);
        }
        return r < 0 ? r : make_process(l, dir, ret_pid);
}

/* As the hook does; the process is not the one it saw, so that only the cgroup speaks for it. */
static int register_box(struct lane *l) {
        struct container c = { .id = "box", .runtime = "crun", .pid = 1, .starttime_ticks = 1 };
        char dir[300];
        struct stat st;

        if (stat(l->box, &st) < 0)
                return -errno;
        l->box_inode = c.cgroup_inode = st.st_ino;
        if (l->bus)
                return 0; /* adopted */
        (void)snprintf(c.cgroup, sizeof(c.cgroup), "%s/box",
                        l->fixture ? "" : strrchr(l->root, '/'));
        (void)snprintf(dir, sizeof(dir), "%s/run/containers", l->dir);
        CLEANUP(closep) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        return fd < 0 ? -errno : registry_put(fd, &c);
}

static bool is_limit(const char *dir, const char *name) {
        static const char *const prefixes[] = { "memory.", "cpu.", "io.", "pids.", "cpuset." };
        static const char *const others[] = { "memory.reclaim", "memory.peak", "memory.swap.peak" };
        char path[512];
        struct stat st;

        (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
        for (size_t i = 0; i < ARRAY_LEN(others); i++)
                if (strcmp(name, others[i]) == 0)
                        return false;
        if (strstr(name, ".pressure") || strstr(name, ".events") || strstr(name, ".stat") ||
                        strstr(name, ".current") || stat(path, &st) < 0 || !(st.st_mode & S_IWUSR))
                return false;
        for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
                if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
                        return true;
        return false;
}

static int take_snapshot(const char *dir, struct snapshot *s) {
        struct dirent *e;
        DIR *d = opendir(dir);

        s->count = 0;
        while (d && (e = readdir(d)))
                if (s->count < FILES_MAX && is_limit(dir, e->d_name)) {
                        (void)snprintf(s->files[s->count].name, sizeof(s->files[0].name), "%.39s",
                                        e->d_name);
                        if (file_text(dir, e->d_name, s->files[s->count].text,
                                            sizeof(s->files[0].text)) == 0)
                                s->count++;
                }
        if (d)
                (void)closedir(d);
        return s->count > 0 ? 0 : -ENOENT;
}

static int make_dirs(struct lane *l) {
        static const char *const names[] = { "", "/run", "/run/containers", "/state", "/etc" };
        char path[512];

        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
                (void)snprintf(path, sizeof(path), "%s%s", l->dir, names[i]);
                if (mkdir(path, strstr(path, "containers") ? 0700 : 0755) < 0)
                        return -errno;
        }
        if (l->bus)
                return text_copy(l->root, sizeof(l->root), SCOPES) ? 0 : -EINVAL;
        if (l->fixture)
                (void)snprintf(l->root, sizeof(l->root), "%s/cg", l->dir);
        else
                (void)snprintf(l->root, sizeof(l->root), "/sys/fs/cgroup/faults-%u", l->number);
        if (mkdir(l->root, 0755) < 0)
                return -errno;
        if (!l->fixture)
                return file_put(l->root, "cgroup.subtree_control", "+cpu +memory +io +pids");
        return 0;
}

int lane_make(struct lane *l) {
        const char *head = l->bus ? "docker-" : "", *tail = l->bus ? ".scope" : "";
        char other[sizeof(l->id)]; /* as an engine names it: dtgovd adopts it */
        int r = make_dirs(l);

        (void)snprintf(l->id, sizeof(l->id), l->bus ? "c%063u" : "box", l->number);
        (void)snprintf(other, sizeof(other), "a%063u", l->number);
        (void)snprintf(l->box, sizeof(l->box), "%s/%s%s%s", l->root, head, l->id, tail);
        (void)snprintf(l->other, sizeof(l->other), "%s/%s%s%s", l->root, head, other, tail);
        if (r == 0)
                r = make_cgroup(l, l->box, &l->box_pid);
        if (r == 0)
                r = make_cgroup(l, l->other, &l->other_pid);
        if (r == 0)
                r = register_box(l);
        if (r == 0)
                r = take_snapshot(l->box, &l->box_before);
        if (r == 0)
                r = take_snapshot(l->other, &l->other_before);
        l->shared = mmap(NULL, sizeof(*l->shared), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (l->shared == MAP_FAILED)
                r = -ENOMEM;
        return r < 0 ? r : observer_start(l);
}

static void empty_journal(const struct lane *l) {
        char path[600];
        struct dirent *e;
        DIR *dir;
        int n = snprintf(path, sizeof(path), "%s/state/journal/", l->dir);

        dir = opendir(path);
        while (dir && (e = readdir(dir)))
                if (e->d_name[0] != '.') {
                        (void)snprintf(path + n, sizeof(path) - (size_t)n, "%.255s", e->d_name);
                        (void)unlink(path);
                }
        if (dir)
                (void)closedir(dir);
}

/* A daemon that takes root for somebody else gives its directories away. */
static void set_owner(const struct lane *l) {
        static const char *const names[] = { "/run", "/run/containers", "/state", "/state/journal",
                "/state/trusted", "/state/history" };
        char path[512];

        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
                (void)snprintf(path, sizeof(path), "%s%s", l->dir, names[i]);
                if (chown(path, geteuid(), getegid()) < 0)
                        return;
        }
}

void lane_renew(struct lane *l) {
        daemon_kill(l);
        set_owner(l);
        empty_journal(l);
        if (l->box_pid > 0 && waitpid(l->box_pid, NULL, WNOHANG) != 0)
                (void)make_process(l, l->box, &l->box_pid);
        (void)register_box(l);
        l->acknowledged = 0;
        l->lowered = l->foreign = false;

        (void)lane_use_memory(l, false);
        for (size_t i = 0; i < knob_texts_count; i++) {
                char line[64];

                (void)snprintf(line, sizeof(line), "%s\n", knob_texts[i].old);
                if (l->fixture)
                        (void)make_file(l->box, knob_texts[i].file, line);
                else
                        (void)file_put(l->box, knob_texts[i].file, line);
        }
        if (l->bus)
                (void)owner_restore(l);
}

void lane_remove(struct lane *l) {
        pid_t pids[] = { l->daemon_pid, l->observer_pid, l->box_pid, l->other_pid };

        for (size_t i = 0; i < ARRAY_LEN(pids); i++)
                if (pids[i] > 0 && kill(pids[i], SIGKILL) == 0)
                        (void)waitpid(pids[i], NULL, 0);
        if (!l->fixture && !l->bus) {
                (void)rmdir(l->box);
                (void)rmdir(l->other);
                (void)rmdir(l->root);
        }
}
