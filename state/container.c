/* SPDX-License-Identifier: Apache-2.0 */
/* The registry file's format. It is written by the hook and read by whoever runs later, perhaps of
 * another version: unknown members are passed over, known ones must be what they should. */
#include "state/container.h"

#include "state/text.h"

#include <string.h>

#define FORMAT_VERSION 1
#define DEPTH_MAX      8 /* the file has one level; room for members of a later version */

static bool is_alnum(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool container_id_valid(const char *id) {
        size_t len;

        if (!is_alnum(id[0]))
                return false;
        for (len = 1; id[len] != '\0'; len++)
                if (len >= CONTAINER_ID_SIZE - 1 || (!is_alnum(id[len]) && !strchr("_.-", id[len])))
                        return false;
        return true;
}

const char *container_observed_only(const char *cgroup) {
        if (strstr(cgroup, "/kubepods") || strstr(cgroup, "/kubelet"))
                return "a Kubernetes pod: the kubelet owns its limits and writes them again";
        if (strncmp(cgroup, "/user.slice/", 12) == 0)
                return "rootless: its limits belong to the service manager of its user";
        return NULL;
}

bool container_scope(const char *cgroup, char ret[static CONTAINER_PATH_SIZE]) {
        static const char leaf[] = "/container", scope[] = ".scope";
        size_t len = strlen(cgroup), above = len - strlen(leaf);

        ret[0] = '\0';
        if (len <= strlen(leaf) + strlen(scope) || len >= CONTAINER_PATH_SIZE ||
                        strcmp(cgroup + above, leaf) != 0 ||
                        strncmp(cgroup + above - strlen(scope), scope, strlen(scope)) != 0)
                return false;
        memcpy(ret, cgroup, above);
        ret[above] = '\0';
        return true;
}

/* Absolute and without a ".." component. */
static bool path_is_safe(const char *path) {
        if (path[0] != '/')
                return false;
        for (const char *p = strstr(path, "/.."); p; p = strstr(p + 1, "/.."))
                if (p[3] == '\0' || p[3] == '/')
                        return false;
        return true;
}

/* A string member that fits into @out; a missing one is an error unless @optional. */
static int get_text(const struct json *root, const char *key, bool optional, char *out, size_t size,
                struct error *err) {
        const char *text;
        int r;

        if (optional && !json_get(root, key))
                return 0;
        r = json_get_string(root, key, &text, NULL);
        if (r < 0)
                return error_set(err, -EINVAL, "'%s' is missing or not a plain string", key);
        if (!text_copy(out, size, text))
                return error_set(err, -EINVAL, "'%s' is longer than %zu bytes", key, size - 1);
        return 0;
}

static int get_number(const struct json *root, const char *key, bool optional, uint64_t max,
                uint64_t *ret, struct error *err) {
        uint64_t value;
        int r;

        if (optional && !json_get(root, key))
                return 0;
        r = json_get_u64(root, key, &value, err);
        if (r < 0)
                return -EINVAL;
        if (value > max)
                return error_set(err, -EINVAL, "'%s' is out of range", key);
        *ret = value;
        return 0;
}

static int check_version(const struct json *root, struct error *err) {
        uint64_t version = 0;
        int r;

        r = get_number(root, "v", /* optional= */ false, UINT64_MAX, &version, err);
        if (r < 0)
                return r;
        if (version > FORMAT_VERSION)
                return error_set(err, -EPROTONOSUPPORT, "written by a newer version of dtgov");
        if (version < FORMAT_VERSION)
                return error_set(err, -EINVAL, "'v' is out of range");
        return 0;
}

static int get_texts(const struct json *root, struct container *c, struct error *err) {
        int r;

        r = get_text(root, "id", /* optional= */ false, c->id, sizeof(c->id), err);
        if (r == 0)
                r = get_text(root, "cgroup", /* optional= */ false, c->cgroup, sizeof(c->cgroup),
                                err);
        if (r == 0)
                r = get_text(root, "bundle", /* optional= */ true, c->bundle, sizeof(c->bundle),
                                err);
        if (r == 0)
                r = get_text(root, "runtime", /* optional= */ true, c->runtime, sizeof(c->runtime),
                                err);
        if (r < 0)
                return r;

        if (!container_id_valid(c->id))
                return error_set(err, -EINVAL, "'id' is not the id of a container");
        if (!path_is_safe(c->cgroup))
                return error_set(err, -EINVAL, "'cgroup' is not an absolute path without '..'");
        if (c->bundle[0] != '\0' && !path_is_safe(c->bundle))
                return error_set(err, -EINVAL, "'bundle' is not an absolute path without '..'");
        return 0;
}

static int get_numbers(const struct json *root, struct container *c, struct error *err) {
        const struct {
                const char *key;
                bool optional;
                uint64_t max, *ret;
        } rows[] = {
                { "starttime", false, UINT64_MAX, &c->starttime_ticks },
                { "cgroup_inode", false, UINT64_MAX, &c->cgroup_inode },
                { "netns_inode", true, UINT64_MAX, &c->netns_inode },
                { "created_boottime_ns", true, UINT64_MAX, &c->created_boottime_ns },
        };
        uint64_t pid = 0;
        int r;

        r = get_number(root, "pid", /* optional= */ false, INT32_MAX, &pid, err);
        for (size_t i = 0; r == 0 && i < ARRAY_LEN(rows); i++)
                r = get_number(root, rows[i].key, rows[i].optional, rows[i].max, rows[i].ret, err);
        if (r < 0)
                return r;

        c->pid = (int32_t)pid;
        return 0;
}

int container_from_json(const char *text, size_t len, struct container *ret, struct error *err) {
        CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
        struct container c = { 0 };
        const struct json *root;
        int r;

        r = json_parse(text, len, DEPTH_MAX, &doc, err);
        if (r < 0)
                return r;
        root = json_root(doc);
        if (root->type != JSON_OBJECT)
                return error_set(err, -EINVAL, "not a JSON object");

        r = check_version(root, err);
        if (r == 0)
                r = get_texts(root, &c, err);
        if (r == 0)
                r = get_numbers(root, &c, err);
        if (r < 0)
                return r;

        *ret = c;
        return 0;
}

int container_to_json(const struct container *c, struct json_writer *w) {
        if (!container_id_valid(c->id) || !path_is_safe(c->cgroup) || c->pid < 0)
                return -EINVAL;

        json_open_object(w, NULL);
        json_put_u64(w, "v", FORMAT_VERSION);
        json_put_string(w, "id", c->id);
        json_put_string(w, "runtime", c->runtime);
        json_put_u64(w, "pid", (uint64_t)c->pid);
        json_put_u64(w, "starttime", c->starttime_ticks);
        json_put_string(w, "cgroup", c->cgroup);
        json_put_u64(w, "cgroup_inode", c->cgroup_inode);
        json_put_u64(w, "netns_inode", c->netns_inode);
        json_put_string(w, "bundle", c->bundle);
        json_put_u64(w, "created_boottime_ns", c->created_boottime_ns);
        json_close_object(w);
        return 0;
}
