/* SPDX-License-Identifier: Apache-2.0 */
/* One file a container. Its name alone tells container and cgroup apart from every other, so that a
 * restarted container never meets the file of its predecessor. */
#include "state/registry.h"

#include "state/file.h"
#include "state/parse.h"
#include "state/text.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>

#define SUFFIX ".json"

static void closedirp(DIR **dir) {
        if (*dir)
                (void)closedir(*dir);
}

void registry_name(const struct container *c, char out[static REGISTRY_NAME_SIZE]) {
        size_t used = text_append(out, REGISTRY_NAME_SIZE, 0, c->id);

        used = text_append(out, REGISTRY_NAME_SIZE, used, ".");
        used = text_append_u64(out, REGISTRY_NAME_SIZE, used, c->cgroup_inode);
        (void)text_append(out, REGISTRY_NAME_SIZE, used, SUFFIX);
}

int registry_parse_name(const char *name, char id[static CONTAINER_ID_SIZE], uint64_t *ret_inode) {
        struct container c = { 0 };
        char again[REGISTRY_NAME_SIZE];
        size_t len = strlen(name), dot;

        if (len >= REGISTRY_NAME_SIZE || len <= strlen(SUFFIX))
                return -EINVAL;
        for (dot = len - strlen(SUFFIX); dot > 0 && name[dot - 1] != '.';)
                dot--;
        if (dot < 2 || dot > CONTAINER_ID_SIZE)
                return -EINVAL;

        memcpy(c.id, name, dot - 1);
        if (!container_id_valid(c.id))
                return -EINVAL;
        memcpy(again, name + dot, len - strlen(SUFFIX) - dot);
        again[len - strlen(SUFFIX) - dot] = '\0';
        if (parse_u64(again, &c.cgroup_inode) < 0)
                return -EINVAL;

        /* One container has one name: no leading zeros, no other suffix. */
        registry_name(&c, again);
        if (strcmp(again, name) != 0)
                return -EINVAL;

        memcpy(id, c.id, CONTAINER_ID_SIZE);
        *ret_inode = c.cgroup_inode;
        return 0;
}

int registry_put(int dir_fd, const struct container *c) {
        CLEANUP(json_writer_freep) struct json_writer *w = NULL;
        char name[REGISTRY_NAME_SIZE];
        const char *text;
        size_t len;
        int r;

        r = json_writer_new(&w);
        if (r < 0)
                return r;
        r = container_to_json(c, w);
        if (r < 0)
                return r;
        r = json_writer_end(w, &text, &len);
        if (r < 0)
                return r;
        if (len >= CONTAINER_FILE_MAX)
                return -EFBIG;

        /* Cheaper by a rename than a temporary file; a text cut short is no JSON. */
        registry_name(c, name);
        r = file_create_at(dir_fd, name, text, len, 0600);
        if (r == -EEXIST)
                r = file_replace_at(dir_fd, name, text, len, 0600, /* durable= */ false);
        return r;
}

int registry_get(int dir_fd, const char *name, struct container *ret, struct error *err) {
        char text[CONTAINER_FILE_MAX], id[CONTAINER_ID_SIZE];
        struct container c;
        uint64_t inode;
        ssize_t len;
        int r;

        r = registry_parse_name(name, id, &inode);
        if (r < 0)
                return error_set(err, r, "not the name of a registry file");
        len = file_read_at(dir_fd, name, text, sizeof(text));
        if (len < 0)
                return error_errno(err, (int)len, "%s", name);
        if (len == 0)
                return error_set(err, -ENOENT, "%s: not written yet", name);
        r = container_from_json(text, (size_t)len, &c, err);
        if (r < 0)
                return error_prefix(err, r, "%s", name);
        if (strcmp(c.id, id) != 0 || c.cgroup_inode != inode)
                return error_set(err, -EINVAL, "%s: is about another container", name);

        *ret = c;
        return 0;
}

int registry_remove(int dir_fd, const char *name) {
        if (unlinkat(dir_fd, name, 0) < 0 && errno != ENOENT)
                return -errno;
        return 0;
}

int registry_list(int dir_fd, int (*each)(void *data, const char *name), void *data) {
        CLEANUP(closep) int fd = -1;
        CLEANUP(closedirp) DIR *dir = NULL;

        /* An fd of its own: reading moves the offset, and the caller's may be O_PATH. */
        fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        dir = fdopendir(fd);
        if (!dir)
                return -errno;
        (void)take_fd(&fd);

        for (;;) {
                char id[CONTAINER_ID_SIZE];
                struct dirent *entry;
                uint64_t inode;
                int r;

                errno = 0;
                entry = readdir(dir);
                if (!entry)
                        return -errno;
                if (registry_parse_name(entry->d_name, id, &inode) < 0)
                        continue;
                r = each(data, entry->d_name);
                if (r < 0)
                        return r;
        }
}
