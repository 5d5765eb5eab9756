/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding the hierarchy and opening and reading cgroups in it. libcgroup is used for discovery
 * only, and in this file only: its state is global to the process, its values are 4 KiB each, and
 * it works by path, where dtgov works by directory fd.
 */
#include "governor/kernel/cgroup.h"

#include <fcntl.h>
#include <libcgroup.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "state/file.h"
#include "state/parse.h"
#include "state/text.h"

static bool on_cgroup2(int fd) {
        struct statfs fs;

        return fstatfs(fd, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

static bool path_on_cgroup2(const char *path) {
        struct statfs fs;

        return statfs(path, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

/* libcgroup's own would print to standard output. */
static PRINTF(3, 0) void log_nothing(void *data, int level, const char *format, va_list args) {
        (void)data;
        (void)level;
        (void)format;
        (void)args;
}

/* Returns: 1 *ret is the mount point of cgroup2, for the caller to free; 0 there is none, and
 * *ret_found is what there is instead. */
static int discover(char **ret, const char **ret_found) {
        static const char *const controllers[] = { "memory", "cpu", "pids" };
        bool any = false, unified = path_on_cgroup2("/sys/fs/cgroup/unified");

        cgroup_set_logger(log_nothing, CGROUP_LOG_ERROR, NULL);
        if (cgroup_init() != 0) {
                *ret_found = "none";
                return 0;
        }

        for (size_t i = 0; i < ARRAY_LEN(controllers); i++) {
                CLEANUP(freep) char *mount = NULL;

                if (cgroup_get_subsys_mount_point(controllers[i], &mount) != 0)
                        continue;
                any = true;
                if (!path_on_cgroup2(mount)) {
                        *ret_found = unified ? "hybrid" : "v1";
                        return 0;
                }
                if (!*ret)
                        *ret = TAKE(mount);
        }
        *ret_found = "none";
        return any;
}

/* Cuts @mount off the front of @path; NULL when @path is not @mount or below it. */
static const char *below(const char *path, const char *mount) {
        size_t len = strlen(mount);

        if (strncmp(path, mount, len) != 0 || (path[len] != '/' && path[len] != '\0'))
                return NULL;
        return path + len;
}

int cgroup_root_open(const char *path, struct cgroup_root *ret, struct error *err) {
        CLEANUP(freep) char *mount = NULL, *real = NULL;
        const char *prefix = "", *found = "none";
        struct cgroup_root root = { .fd = -1 };
        bool discovered;

        if (path) {
                real = realpath(path, NULL);
                if (!real)
                        return error_errno(err, -errno, "%s", path);
                root.fixture = !path_on_cgroup2(real);
        }

        discovered = !root.fixture && discover(&mount, &found) > 0;
        /* A part of the hierarchy whose mount is not known would be taken for the whole. */
        if (!root.fixture && !discovered)
                return error_set(err, -ENOTSUP,
                                "needs unified cgroup v2; found %s: dtgov doctor says how to get "
                                "it",
                                found);
        if (path && discovered)
                prefix = below(real, mount);
        if (path && (!discovered || !prefix)) {
                free(mount);
                mount = TAKE(real);
                prefix = "";
        }

        if (!text_copy(root.path, sizeof(root.path), mount) ||
                        !text_copy(root.prefix, sizeof(root.prefix), prefix))
                return error_set(err, -ENAMETOOLONG, "%s: the path is too long", mount);
        root.fd = open(mount, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (root.fd < 0)
                return error_errno(err, -errno, "%s", mount);

        *ret = root;
        return 0;
}

void cgroup_root_close(struct cgroup_root *root) {
        closep(&root->fd);
        root->fd = -1;
}

static bool has_dot_dot(const char *path) {
        for (const char *p = path; (p = strstr(p, "/..")); p += 3)
                if (p[3] == '/' || p[3] == '\0')
                        return true;
        return false;
}

int cgroup_open(const struct cgroup_root *root, const char *path, int *ret_fd, uint64_t *ret_inode,
                struct error *err) {
        struct open_how how = {
                .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
                .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
        };
        CLEANUP(closep) int fd = -1;
        const char *relative;
        struct stat st;

        if (path[0] != '/')
                return error_set(err, -EINVAL, "cgroup '%s': not an absolute path", path);
        if (has_dot_dot(path) || !below(path, root->prefix))
                return error_set(err, -EXDEV, "cgroup %s: not below what is governed (%s%s)", path,
                                root->path, root->prefix);

        relative = path + strspn(path, "/");
        fd = (int)syscall(SYS_openat2, root->fd, *relative ? relative : ".", &how, sizeof(how));
        if (fd < 0 || fstat(fd, &st) < 0)
                return error_errno(err, -errno, "cgroup %s", path);
        if (!root->fixture && !on_cgroup2(fd))
                return error_set(err, -EINVAL, "cgroup %s: not a directory of cgroup2", path);

        if (ret_inode)
                *ret_inode = st.st_ino;
        *ret_fd = take_fd(&fd);
        return 0;
}

ssize_t cgroup_read(int dir_fd, const char *file, char *buf, size_t size) {
        return file_read_at(dir_fd, file, buf, size);
}

int cgroup_read_u64(int dir_fd, const char *file, uint64_t *ret) {
        char buf[64];
        ssize_t n;

        n = cgroup_read(dir_fd, file, buf, sizeof(buf));
        if (n < 0)
                return n == -EFBIG ? -EINVAL : (int)n;
        if (n > 0 && buf[n - 1] == '\n')
                buf[n - 1] = '\0';
        if (strcmp(buf, "max") == 0) {
                *ret = KNOB_MAX;
                return 0;
        }
        return parse_u64(buf, ret);
}

int cgroup_read_key(int dir_fd, const char *file, const char *key, uint64_t *ret) {
        char buf[CGROUP_FILE_MAX];
        uint64_t value;
        ssize_t n;

        n = cgroup_read(dir_fd, file, buf, sizeof(buf));
        if (n < 0)
                return (int)n;
        if (parse_flat_keyed(buf, &key, 1, &value) == 0)
                return -ENODATA;

        *ret = value;
        return 0;
}

int cgroup_populated(int dir_fd) {
        uint64_t populated;
        int r;

        r = cgroup_read_key(dir_fd, "cgroup.events", "populated", &populated);
        if (r < 0)
                return r == -ENOENT ? -ENODEV : r;
        return populated != 0;
}
