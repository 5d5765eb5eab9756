/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walking a cgroup's descendants. A container can make cgroups of its own, as deep and as many as
 * it likes, and remove them while they are being read: depth and number are bounded, and what
 * vanishes is passed over. One open directory a level, no recursion.
 */
#include "governor/kernel/cgroup.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "state/parse.h"
#include "state/text.h"

#define PATH_SIZE (2 * CONTAINER_PATH_SIZE) /* of a descendant; a longer one is passed over */

struct walk {
        DIR *level[CGROUP_DEPTH_MAX + 1];
        size_t len[CGROUP_DEPTH_MAX + 1]; /* of the path of each level */
        int depth;                        /* index of the deepest open level, -1 none */
        int error;                        /* of the first directory that could not be read */
        char path[PATH_SIZE];
};

static void walk_done(struct walk *w) {
        for (; w->depth >= 0; w->depth--)
                (void)closedir(w->level[w->depth]);
}

/* Opens a directory as the next level. */
static int walk_push(struct walk *w, int dir_fd, const char *name) {
        CLEANUP(closep) int fd = -1;
        DIR *dir;

        fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
                return -errno;
        dir = fdopendir(fd);
        if (!dir)
                return -errno;

        (void)take_fd(&fd);
        w->depth++;
        w->level[w->depth] = dir;
        w->len[w->depth] = strlen(w->path);
        return 0;
}

/* What vanished was passed over; anything else may hide a part of the tree. */
static void walk_missed(struct walk *w, int error) {
        if (w->error == 0 && error != 0 && error != -ENOENT && error != -ENODEV)
                w->error = error;
}

/* Enters the next subdirectory of the deepest level. Returns: 1 entered, 0 there is none left */
static int walk_next(struct walk *w) {
        const struct dirent *entry;

        while (errno = 0, (entry = readdir(w->level[w->depth]))) {
                size_t len = w->len[w->depth];
                int n, r;

                if (entry->d_type != DT_DIR || entry->d_name[0] == '.' ||
                                w->depth == CGROUP_DEPTH_MAX)
                        continue;
                n = snprintf(w->path + len, sizeof(w->path) - len, "%s%s",
                                len > 0 && w->path[len - 1] == '/' ? "" : "/", entry->d_name);
                if (n <= 0 || len + (size_t)n >= sizeof(w->path))
                        continue;
                r = walk_push(w, dirfd(w->level[w->depth]), entry->d_name);
                if (r == 0)
                        return 1;
                walk_missed(w, r);
        }
        walk_missed(w, -errno);
        return 0;
}

int cgroup_walk(int dir_fd, const char *path, size_t max,
                int (*each)(void *data, int dir_fd, const char *path), void *data) {
        CLEANUP(walk_done) struct walk w = { .depth = -1 };
        int r;

        if (!text_copy(w.path, sizeof(w.path), path))
                return -ENAMETOOLONG;
        r = walk_push(&w, dir_fd, ".");
        if (r < 0)
                return r;

        for (size_t seen = 0; seen < max && w.depth >= 0; seen++) {
                r = each(data, dirfd(w.level[w.depth]), w.path);
                if (r < 0)
                        return r;
                if (r > 0)
                        (void)closedir(w.level[w.depth--]);
                while (w.depth >= 0 && walk_next(&w) == 0)
                        (void)closedir(w.level[w.depth--]);
        }
        return w.error;
}

struct pids {
        size_t left;
        int (*each)(void *data, pid_t pid);
        void *data;
        bool first_read;
};

#define PIDS_ENOUGH (-ECANCELED) /* ends the walk; never leaves this file */

/* cgroup.procs of a container may be far longer than any buffer: read by lines. */
static int pids_of(void *data, int dir_fd, const char *path) {
        struct pids *p = data;
        CLEANUP(closep) int fd = -1;
        char line[32];
        FILE *file;
        int r = 0;

        (void)path;
        fd = openat(dir_fd, "cgroup.procs", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
                return p->first_read ? 0 : -errno;
        p->first_read = true;
        file = fdopen(fd, "re");
        if (!file)
                return -ENOMEM;
        (void)take_fd(&fd);

        while (r >= 0 && fgets(line, sizeof(line), file)) {
                uint64_t pid;

                line[strcspn(line, "\n")] = '\0';
                if (parse_u64(line, &pid) < 0 || pid == 0 || pid > INT32_MAX)
                        continue; /* 0: a process of another pid namespace */
                r = p->left-- > 0 ? p->each(p->data, (pid_t)pid) : PIDS_ENOUGH;
        }
        (void)fclose(file);
        return r < 0 ? r : 0;
}

int cgroup_each_own_pid(int dir_fd, size_t max, int (*each)(void *data, pid_t pid), void *data) {
        struct pids p = { .left = max, .each = each, .data = data };
        int r = pids_of(&p, dir_fd, "");

        return r == PIDS_ENOUGH ? 0 : r;
}

int cgroup_each_pid(int dir_fd, size_t max, int (*each)(void *data, pid_t pid), void *data) {
        struct pids p = { .left = max, .each = each, .data = data };
        int r;

        r = cgroup_walk(dir_fd, "", 1 + CGROUP_CHILDREN_MAX, pids_of, &p);
        return r == PIDS_ENOUGH ? 0 : r;
}
