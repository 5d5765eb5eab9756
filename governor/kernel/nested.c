/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/kernel/nested.h"

#include <string.h>
#include <sys/stat.h>

#include "governor/kernel/proc.h"
#include "state/registry.h"
#include "state/text.h"

#define WALK_MAX   50000 /* cgroups below the container's that a scan looks at */
#define PIDS_TRIED 256

struct entry {
        char name[REGISTRY_NAME_SIZE];
        uint64_t inode;
        bool keep;
};

struct nested {
        int proc_fd, registry_fd;
        const char *below;
        const struct nested_caller *caller;
        struct entry *entries;
        size_t count;
        struct container container; /* the one that is looked at */
};

static int collect(void *data, const char *name) {
        struct nested *n = data;
        char id[CONTAINER_ID_SIZE];
        struct entry *e = &n->entries[n->count];

        if (n->count == NESTED_MAX || registry_parse_name(name, id, &e->inode) < 0 ||
                        n->caller->known(n->caller->data, e->inode) ||
                        !text_copy(e->name, sizeof(e->name), name))
                return 0;
        e->keep = false;
        n->count++;
        return 0;
}

/* The process that the hook saw, by the one number of it that all namespaces share. */
static int take_process(void *data, pid_t pid) {
        struct nested *n = data;
        struct proc_stat stat;

        if (n->container.pid == 0 && proc_stat(n->proc_fd, pid, &stat) == 0 && stat.state != 'Z' &&
                        stat.starttime_ticks == n->container.starttime_ticks)
                n->container.pid = pid;
        return 0;
}

/* Returns: whether the container is there */
static bool read_entry(struct nested *n, struct entry *e, int dir_fd, const char *path) {
        struct container *c = &n->container, said;
        int r = registry_get(n->registry_fd, e->name, &said, NULL);

        e->keep = r == -ENOENT; /* it is being written */
        if (r < 0)
                return false;
        *c = (struct container){ .cgroup_inode = e->inode,
                .starttime_ticks = said.starttime_ticks,
                .created_boottime_ns = proc_boottime_ns() };
        (void)text_copy(c->id, sizeof(c->id), said.id);
        (void)text_copy(c->runtime, sizeof(c->runtime), said.runtime);
        if (!text_copy(c->cgroup, sizeof(c->cgroup), path) || cgroup_populated(dir_fd) <= 0)
                return false;
        (void)cgroup_each_pid(dir_fd, PIDS_TRIED, take_process, n);
        e->keep = c->pid != 0;
        return e->keep;
}

static int match(void *data, int dir_fd, const char *path) {
        struct nested *n = data;
        struct stat st;
        int r;

        if (fstat(dir_fd, &st) < 0 || strcmp(path, n->below) == 0)
                return 0;
        for (size_t i = 0; i < n->count; i++) {
                struct entry *e = &n->entries[i];

                if (e->inode != st.st_ino || !read_entry(n, e, dir_fd, path))
                        continue;
                r = n->caller->each(n->caller->data, &n->container);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int walk(const struct cgroup_root *root, struct nested *n) {
        CLEANUP(closep) int fd = -1;
        int r = cgroup_open(root, n->below, &fd, NULL, NULL);

        if (r == -ENOENT) /* nobody is there */
                return 0;
        return r < 0 ? r : cgroup_walk(fd, n->below, WALK_MAX, match, n);
}

int nested_scan(const struct cgroup_root *root, int proc_fd, int registry_fd, const char *below,
                const struct nested_caller *caller) {
        CLEANUP(freep) struct entry *entries = calloc(NESTED_MAX + 1, sizeof(*entries));
        struct nested n = { .proc_fd = proc_fd,
                .registry_fd = registry_fd,
                .below = below,
                .caller = caller,
                .entries = entries };
        int r;

        if (!entries)
                return -ENOMEM;
        r = registry_list(registry_fd, collect, &n);
        if (r < 0 || n.count == 0)
                return r;
        r = walk(root, &n);
        for (size_t i = 0; r == 0 && i < n.count; i++)
                if (!entries[i].keep)
                        (void)registry_remove(registry_fd, entries[i].name);
        return r;
}
