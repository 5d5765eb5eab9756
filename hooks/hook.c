/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hook writes down what only it can see in time: at createRuntime the process already is in
 * its final cgroup. All it takes from the state are id, pid and bundle; the rest comes from the
 * kernel. It tells nobody and waits for nobody: the file is the message.
 *
 * The state is written by the runtime, but names and annotations in it by anybody, and the process
 * may end at any moment: everything is read through one descriptor of /proc/<pid>, which never
 * turns into another process.
 */
#include "hooks/hook.h"

#include "state/cpus.h"
#include "state/file.h"
#include "state/parse.h"
#include "state/text.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>

#define PROCESS_PATH_SIZE 128
#define STARTTIME_FIELD   22 /* proc(5), counted from 1 */
#define STATE_FIELD       3
#define TURN_MS           10
#define BUSY_TURNS        20 /* times as many turns, where CPUs are short */
#define RUNTIME_SIZE      sizeof(((struct container *)NULL)->runtime)

/* By system call: a few are cheaper than the page fault of the first by vDSO. */
static uint64_t clock_ns(clockid_t clock) {
        struct timespec ts = { 0 };

        (void)syscall(SYS_clock_gettime, clock, &ts);
        return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

/*
 * Waits until @fd can be read, in short turns. Those that pass while tasks must queue for a CPU
 * come out of @busy: the runtime that is to write may be among them.
 *
 * Returns: 1 readable or closed, 0 no turn is left
 */
static int wait_readable(int fd, uint64_t *turns, uint64_t *busy) {
        struct pollfd p = { .fd = fd, .events = POLLIN };

        while (*turns > 0) {
                int r = poll(&p, 1, TURN_MS);

                if (r > 0)
                        return 1;
                if (r < 0 && errno != EINTR)
                        return -errno;
                if (*busy > 0 && cpus_are_short())
                        (*busy)--;
                else
                        (*turns)--;
        }
        return 0;
}

/* [A-Za-z0-9_.-]{1,31}, as the wrapper writes it. */
static bool is_runtime_name(const char *name) {
        static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                      "0123456789_.-";
        size_t len = strspn(name, allowed);

        return len > 0 && len < RUNTIME_SIZE && name[len] == '\0';
}

void hook_take_arguments(struct hook_paths *paths, int argc, const char *const argv[]) {
        for (int i = 1; i + 1 < argc; i++) {
                const char *value = argv[i + 1];

                if (strcmp(argv[i], "--registry") == 0) {
                        if (value[0] == '/')
                                paths->registry = value;
                        i++;
                } else if (strcmp(argv[i], "--runtime") == 0) {
                        if (is_runtime_name(value))
                                paths->runtime = value;
                        i++;
                }
        }
}

ssize_t hook_read_state(int fd, char *buf, uint64_t wait_ns) {
        uint64_t until = clock_ns(CLOCK_MONOTONIC) + wait_ns;
        uint64_t turns = wait_ns / (TURN_MS * NSEC_PER_MSEC), busy = BUSY_TURNS * turns;
        size_t used = 0;
        bool over = false;

        for (;;) {
                int r = wait_readable(fd, &turns, &busy);
                ssize_t n;

                if (r < 0)
                        return r;
                if (r == 0)
                        break;
                /* What does not fit overwrites the byte that shows it. */
                n = read(fd, buf + used, HOOK_STATE_MAX + 1 - used);
                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n == 0)
                        break;
                if (n > 0)
                        used += (size_t)n;
                if (used > HOOK_STATE_MAX) {
                        over = true;
                        used = 0;
                }
                if (over && clock_ns(CLOCK_MONOTONIC) >= until)
                        break;
        }
        if (over)
                return -EFBIG;
        buf[used] = '\0';
        return (ssize_t)used;
}

/* The path of the line "0::/path": the unified hierarchy, alone or beside others. */
static int read_cgroup(int proc_fd, char out[static CONTAINER_PATH_SIZE]) {
        static const char deleted[] = " (deleted)";
        char text[CONTAINER_PATH_SIZE + 1024], *line, *end; /* other hierarchies: a line each */
        ssize_t len;

        len = file_read_at(proc_fd, "cgroup", text, sizeof(text));
        if (len < 0)
                return (int)len;
        line = strncmp(text, "0::/", 4) == 0 ? text : strstr(text, "\n0::/");
        if (!line)
                return -ENOENT;
        line += *line == '\n' ? 4 : 3;
        end = strchrnul(line, '\n');
        *end = '\0';

        /* The root is the host's: there are kernel threads in it, and never a container. */
        if (strcmp(line, "/") == 0)
                return -ENOENT;
        if ((size_t)(end - line) >= strlen(deleted) && strcmp(end - strlen(deleted), deleted) == 0)
                return -ENOENT;
        return text_copy(out, CONTAINER_PATH_SIZE, line) ? 0 : -ENAMETOOLONG;
}

/* Start time in clock ticks; -ESRCH when the process has ended and only waits to be reaped. */
static int read_starttime(int proc_fd, uint64_t *ret_ticks) {
        char text[1024];
        const char *p, *end;
        ssize_t len;

        len = file_read_at(proc_fd, "stat", text, sizeof(text));
        if (len < 0)
                return (int)len;
        /* The name before it may hold spaces and brackets of its own. */
        p = strrchr(text, ')');
        if (!p || p[1] != ' ')
                return -EINVAL;
        p += 2;
        if (*p == 'Z' || *p == 'X')
                return -ESRCH;
        for (unsigned field = STATE_FIELD; field < STARTTIME_FIELD; field++) {
                p = strchr(p, ' ');
                if (!p)
                        return -EINVAL;
                p++;
        }
        return parse_u64_prefix(p, ret_ticks, &end);
}

/* Inode of the directory of a cgroup. By system call: fstat(3) of glibc until 2.38 goes by an empty
 * path, for four times the cost. */
static int read_cgroup_inode(const struct hook_paths *paths, const char *cgroup, uint64_t *ret) {
        CLEANUP(closep) int fd = -1;
        char path[CONTAINER_PATH_SIZE + 64];
        struct statfs fs;
        struct stat st;
        size_t used;

        used = text_append(path, sizeof(path), 0, paths->cgroup);
        used = text_append(path, sizeof(path), used, cgroup);
        if (used >= sizeof(path))
                return -ENAMETOOLONG;
        fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        if (syscall(SYS_fstat, fd, &st) < 0 || fstatfs(fd, &fs) < 0)
                return -errno;
        if (paths->cgroup_type != 0 && (uint32_t)fs.f_type != paths->cgroup_type)
                return -EMEDIUMTYPE;

        *ret = st.st_ino;
        return 0;
}

static void process_path(const struct hook_paths *paths, pid_t pid, const char *name,
                char out[static PROCESS_PATH_SIZE]) {
        size_t used = text_append(out, PROCESS_PATH_SIZE, 0, paths->proc);

        used = text_append(out, PROCESS_PATH_SIZE, used, "/");
        used = text_append_u64(out, PROCESS_PATH_SIZE, used, (uint64_t)pid);
        (void)text_append(out, PROCESS_PATH_SIZE, used, name);
}

/* The runtime's name as the arguments say, else of the process that called the hook; "" when it
 * cannot be read. */
static void read_runtime(const struct hook_paths *paths, char out[static RUNTIME_SIZE]) {
        char path[PROCESS_PATH_SIZE], text[64];

        if (paths->runtime) {
                (void)text_copy(out, RUNTIME_SIZE, paths->runtime);
                return;
        }

        process_path(paths, paths->parent, "/comm", path);
        if (file_read_at(AT_FDCWD, path, text, sizeof(text)) < 0)
                return;
        *strchrnul(text, '\n') = '\0';
        (void)text_copy(out, RUNTIME_SIZE, text);
}

/* Inode of the network namespace, 0 when it is not to be had. The link says it: "net:[4026531840]";
 * stat(2) of it would say the same, for more. */
static uint64_t read_netns(int proc_fd) {
        static const char prefix[] = "net:[";
        char text[64];
        const char *end;
        uint64_t inode;
        ssize_t n;

        n = readlinkat(proc_fd, "ns/net", text, sizeof(text) - 1);
        if (n < 0)
                return 0;
        text[n] = '\0';
        if (strncmp(text, prefix, strlen(prefix)) != 0 ||
                        parse_u64_prefix(text + strlen(prefix), &inode, &end) < 0 || *end != ']')
                return 0;
        return inode;
}

static int read_process(const struct hook_paths *paths, struct container *c) {
        CLEANUP(closep) int proc_fd = -1;
        char path[PROCESS_PATH_SIZE];
        int r;

        process_path(paths, c->pid, "", path);
        proc_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (proc_fd < 0)
                return -errno;

        r = read_cgroup(proc_fd, c->cgroup);
        if (r == 0)
                r = read_cgroup_inode(paths, c->cgroup, &c->cgroup_inode);
        if (r == 0)
                c->netns_inode = read_netns(proc_fd);
        /* Last, so that all of the above was true of a living process. */
        return r < 0 ? r : read_starttime(proc_fd, &c->starttime_ticks);
}

static int add(const struct hook_paths *paths, int registry_fd, const struct json *state,
                struct container *c) {
        const char *bundle;
        uint64_t pid;
        int r;

        r = json_get_u64(state, "pid", &pid, NULL);
        if (r < 0)
                return r;
        if (pid <= 1 || pid > INT32_MAX)
                return -EINVAL;
        c->pid = (int32_t)pid;
        if (json_get_string(state, "bundle", &bundle, NULL) == 0 && bundle[0] == '/' &&
                        !text_copy(c->bundle, sizeof(c->bundle), bundle))
                c->bundle[0] = '\0';

        r = read_process(paths, c);
        if (r < 0)
                return r;
        read_runtime(paths, c->runtime);
        c->created_boottime_ns = clock_ns(CLOCK_BOOTTIME);
        return registry_put(registry_fd, c);
}

struct removal {
        const struct hook_paths *paths;
        const char *id;
        int registry_fd;
};

/* Removes one file of the id unless its cgroup is still there: it may be that of the successor. */
static int remove_if_gone(void *data, const char *name) {
        const struct removal *removal = data;
        char id[CONTAINER_ID_SIZE];
        struct container c;
        uint64_t inode, now = 0;
        int r;

        if (registry_parse_name(name, id, &inode) < 0 || strcmp(id, removal->id) != 0)
                return 0;
        if (registry_get(removal->registry_fd, name, &c, NULL) < 0)
                return 0;
        r = read_cgroup_inode(removal->paths, c.cgroup, &now);
        if (r == -ENOENT || (r == 0 && now != inode))
                (void)registry_remove(removal->registry_fd, name);
        return 0;
}

int hook_run(const struct hook_paths *paths, const char *text, size_t len) {
        CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
        CLEANUP(closep) int registry_fd = -1;
        CLEANUP(freep) struct container *c = calloc(1, sizeof(*c)); /* no further page of stack */
        const char *id, *status = "";
        const struct json *state;
        int r;

        if (!c)
                return -ENOMEM;
        r = json_parse(text, len, HOOK_STATE_DEPTH_MAX, &doc, NULL);
        if (r < 0)
                return r;
        state = json_root(doc);
        r = json_get_string(state, "id", &id, NULL);
        if (r == 0)
                r = json_get_string(state, "status", &status, NULL);
        if (r < 0)
                return -EINVAL;
        if (!container_id_valid(id))
                return -EINVAL;
        (void)text_copy(c->id, sizeof(c->id), id);

        registry_fd = open(paths->registry, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (registry_fd < 0)
                return -errno;
        if (strcmp(status, "stopped") == 0) {
                struct removal removal = { paths, c->id, registry_fd };

                return registry_list(registry_fd, remove_if_gone, &removal);
        }
        if (strcmp(status, "creating") != 0 && strcmp(status, "created") != 0 &&
                        strcmp(status, "running") != 0)
                return -EINVAL;
        return add(paths, registry_fd, state, c);
}
