/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Engines are known by the names that they give. A container of plain runc, crun or ctr may lie
 * anywhere under any name: what tells it is the init of a pid namespace of its own. Without one
 * (--pid=host) only its hook does.
 */
#include "governor/kernel/scan.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "governor/kernel/proc.h"
#include "state/identity.h"
#include "state/text.h"

#define ENGINE_ID_LEN 64    /* hexadecimal digits of all engines' ids */
#define PIDS_TRIED    64    /* of which the oldest is taken for the container's init */
#define WALK_MAX      50000 /* cgroups of the host that a scan looks at */

static bool is_engine_id(const char *text, size_t len) {
        if (len != ENGINE_ID_LEN)
                return false;
        for (size_t i = 0; i < len; i++)
                if (!isdigit((unsigned char)text[i]) && (text[i] < 'a' || text[i] > 'f'))
                        return false;
        return true;
}

static bool ends_with(const char *text, size_t len, const char *tail) {
        size_t tail_len = strlen(tail);

        return len >= tail_len && strncmp(text + len - tail_len, tail, tail_len) == 0;
}

/*
 * One component of a path: "docker-<id>.scope" under the systemd driver, "libpod-<id>" or "<id>"
 * under the cgroupfs driver, "kubepods-...:cri-containerd:<id>" where drivers were mixed up.
 *
 * Returns: where the id begins, NULL for something else
 */
static const char *engine_id(const char *name, size_t len) {
        static const char *const engines[] = { "docker-", "libpod-", "crio-", "cri-containerd-",
                "nerdctl-" };
        const char *id;

        if (is_engine_id(name, len))
                return name;
        if (len < ENGINE_ID_LEN)
                return NULL;
        id = name + len - ENGINE_ID_LEN;
        if (id > name && id[-1] == ':' && is_engine_id(id, ENGINE_ID_LEN))
                return id;
        if (ends_with(name, len, ".scope"))
                len -= strlen(".scope");
        for (size_t i = 0; i < ARRAY_LEN(engines); i++) {
                size_t skip = strlen(engines[i]);

                if (len == skip + ENGINE_ID_LEN && strncmp(name, engines[i], skip) == 0 &&
                                is_engine_id(name + skip, ENGINE_ID_LEN))
                        return name + skip;
        }
        return NULL;
}

int scan_classify(const char *path, char ret_id[static CONTAINER_ID_SIZE], unsigned *ret_flags) {
        *ret_flags = CONTAINER_ADOPTED;
        if (container_observed_only(path))
                *ret_flags |= CONTAINER_OBSERVED_ONLY;

        /* The first that is a container's: one within a container is that container's affair. */
        for (const char *name = path; *name != '\0';) {
                size_t len;
                const char *id;

                name += *name == '/';
                len = strcspn(name, "/");
                id = engine_id(name, len);
                name += len;
                if (!id)
                        continue;
                if (*name == '\0' && ends_with(path, strlen(path), ".scope"))
                        *ret_flags |= CONTAINER_OWNED_BY_SYSTEMD;
                else if (*name != '\0' && strcmp(name, "/container") != 0)
                        return 0;
                memcpy(ret_id, id, ENGINE_ID_LEN);
                ret_id[ENGINE_ID_LEN] = '\0';
                return 1;
        }
        return 0;
}

bool scan_protected(const char *path, const char *self) {
        static const char *const tails[] = { ".slice", ".service", ".socket", ".mount", ".swap",
                "/init.scope" };
        size_t len = strlen(path);

        while (len > 0 && path[len - 1] == '/')
                len--;
        if (len == 0)
                return true;
        if (strncmp(self, path, len) == 0 && (self[len] == '/' || self[len] == '\0'))
                return true;
        for (size_t i = 0; i < ARRAY_LEN(tails); i++)
                if (ends_with(path, len, tails[i]))
                        return true;

        /* A login session is a scope too. */
        return strncmp(path, "/user.slice/", 12) == 0 && strstr(path, "/session-") &&
               ends_with(path, len, ".scope");
}

struct scan {
        int proc_fd;
        int (*each)(void *data, const struct container *c, unsigned flags);
        void *data;
        struct container container;
        size_t found;
        int error; /* of the first that could not be looked at */
};

#define SCAN_ENOUGH (-ECANCELED) /* ends the walk; never leaves this file */

/* The oldest of the processes: the container's init, but for what joined from outside. */
static int take_oldest(void *data, pid_t pid) {
        struct scan *s = data;
        struct proc_stat stat;

        if (proc_stat(s->proc_fd, pid, &stat) < 0)
                return 0;
        if (s->container.pid == 0 || stat.starttime_ticks < s->container.starttime_ticks) {
                s->container.pid = pid;
                s->container.starttime_ticks = stat.starttime_ticks;
        }
        return 0;
}

static int take_init(void *data, pid_t pid) {
        struct scan *s = data;

        return s->container.pid == 0 && proc_is_namespace_init(s->proc_fd, pid) > 0
                               ? take_oldest(data, pid)
                               : 0;
}

/*
 * "runc-web.scope" and "crun-web.scope/container" are of web, "/default/web" is, and so is
 * "system.slice:docker:web" when it is a step of a build.
 */
static bool copy_id(const char *path, char ret[static CONTAINER_ID_SIZE]) {
        static const char *const runtimes[] = { "runc-", "crun-" };
        const char *name = strrchr(path, '/') + 1, *end = path + strlen(path);
        const char *build = identity_build_id(path);

        if (build)
                return text_copy(ret, CONTAINER_ID_SIZE, build);

        if (strcmp(name, "container") == 0 && ends_with(path, (size_t)(name - 1 - path), ".scope"))
                for (end = name - 1, name = end; name > path && name[-1] != '/'; name--)
                        ;
        if (ends_with(name, (size_t)(end - name), ".scope")) {
                end -= strlen(".scope");
                for (size_t i = 0; i < ARRAY_LEN(runtimes); i++)
                        if (strncmp(name, runtimes[i], strlen(runtimes[i])) == 0)
                                name += strlen(runtimes[i]);
        }
        if (end - name >= CONTAINER_ID_SIZE)
                return false;
        memcpy(ret, name, (size_t)(end - name));
        ret[end - name] = '\0';
        return container_id_valid(ret);
}

/* What people start in their sessions (unshare, a browser's sandbox) is no engine's container. */
static bool holds_init(struct scan *s, int dir_fd, const char *path, unsigned *ret_flags) {
        if (strncmp(path, "/user.slice/", 12) == 0 || scan_protected(path, "") ||
                        !copy_id(path, s->container.id))
                return false;
        *ret_flags = CONTAINER_ADOPTED;
        if (ends_with(path, strlen(path), ".scope"))
                *ret_flags |= CONTAINER_OWNED_BY_SYSTEMD;
        (void)cgroup_each_own_pid(dir_fd, PIDS_TRIED, take_init, s);
        return s->container.pid != 0;
}

static int scan_one(void *data, int dir_fd, const char *path) {
        struct scan *s = data;
        struct container *c = &s->container;
        struct stat st;
        unsigned flags;
        int r;

        memset(c, 0, sizeof(*c));
        if (scan_classify(path, c->id, &flags) == 0 && !holds_init(s, dir_fd, path, &flags))
                return 0;
        /* crun's own leaf: the limits are there, and the scope around it is systemd's. */
        if (!ends_with(path, strlen(path), "/container") &&
                        faccessat(dir_fd, "container/cgroup.procs", F_OK, 0) == 0)
                return 0;
        if (!text_copy(c->cgroup, sizeof(c->cgroup), path))
                return 1;
        r = cgroup_populated(dir_fd);
        if (r > 0 && fstat(dir_fd, &st) < 0)
                r = -errno;
        if (r < 0 && r != -ENODEV && s->error == 0)
                s->error = r;
        if (r <= 0)
                return 1;

        c->cgroup_inode = st.st_ino;
        if (c->pid == 0)
                (void)cgroup_each_pid(dir_fd, PIDS_TRIED, take_oldest, s);
        r = s->each(s->data, c, flags);
        if (r < 0)
                return r;
        return ++s->found < SCAN_MAX ? 1 : SCAN_ENOUGH;
}

int scan_containers(const struct cgroup_root *root, int proc_fd,
                int (*each)(void *data, const struct container *c, unsigned flags), void *data) {
        struct scan s = { .proc_fd = proc_fd, .each = each, .data = data };
        CLEANUP(closep) int fd = -1;
        int r;

        r = cgroup_open(root, root->prefix[0] != '\0' ? root->prefix : "/", &fd, NULL, NULL);
        if (r < 0)
                return r;
        r = cgroup_walk(fd, root->prefix, WALK_MAX, scan_one, &s);
        if (r == 0)
                r = s.error;
        return r == SCAN_ENOUGH ? 0 : r;
}
