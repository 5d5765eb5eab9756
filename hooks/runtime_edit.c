/* SPDX-License-Identifier: Apache-2.0 */
#include "hooks/runtime_edit.h"

#include "state/file.h"
#include "state/parse.h"

#include <fcntl.h>
#include <string.h>

/* What a signal handler must remove; the fd is -1 while there is nothing. */
static char abandoned_name[300];
static volatile int abandoned_dir_fd = -1;

void runtime_edit_abandon(void) {
        if (abandoned_dir_fd >= 0)
                (void)unlinkat(abandoned_dir_fd, abandoned_name, 0);
}

/*
 * Whether the document is older than 1.0.2, the first with createRuntime. "1.0.2-dev", which runc
 * 1.1 and Docker 20.10 write, has it. What cannot be read counts as new.
 */
static bool is_before_create_runtime(const struct json *root) {
        uint64_t numbers[3] = { 0 };
        const char *version;

        if (json_get_string(root, "ociVersion", &version, NULL) < 0)
                return false;
        for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
                if (parse_u64_prefix(version, &numbers[i], &version) < 0)
                        return false;
                if (*version != '.')
                        break;
                version++;
        }
        return numbers[0] < 1 || (numbers[0] == 1 && numbers[1] == 0 && numbers[2] < 2);
}

/* The member @key as an @type, made when it is missing or null; NULL when it is something else. */
static struct json *member_as(
                struct json_doc *doc, struct json *object, const char *key, enum json_type type) {
        struct json *member = json_get(object, key);

        if (!member)
                return json_add(doc, object, key, type, NULL, /* front= */ false);
        if (member->type == JSON_NULL)
                member->type = type;
        return member->type == type ? member : NULL;
}

static bool has_hook(const struct json *stage, const char *path) {
        for (const struct json *entry = stage->child; entry; entry = entry->next) {
                const char *other;

                if (json_get_string(entry, "path", &other, NULL) == 0 && strcmp(other, path) == 0)
                        return true;
        }
        return false;
}

static bool add_text(struct json_doc *doc, struct json *array, const char *text) {
        return json_add(doc, array, NULL, JSON_STRING, text, /* front= */ false) != NULL;
}

/* "@option @value", or nothing. */
static bool add_option(
                struct json_doc *doc, struct json *args, const char *option, const char *value) {
        return !value || (add_text(doc, args, option) && add_text(doc, args, value));
}

/* args starts with argv[0]. env is not empty: without one runc gives the hook its own environment,
 * and from runc 1.3 on an empty one counts as none. */
static int add_entry(struct json_doc *doc, struct json *stage, const struct hook_entry *hook) {
        struct json *entry, *args, *env;
        bool ok;

        entry = json_add(doc, stage, NULL, JSON_OBJECT, NULL, /* front= */ false);
        if (!entry)
                return -ENOMEM;
        ok = json_add(doc, entry, "path", JSON_STRING, hook->path, false) &&
             (args = json_add(doc, entry, "args", JSON_ARRAY, NULL, false)) &&
             add_text(doc, args, "dtgov-hook") &&
             add_option(doc, args, "--registry", hook->registry) &&
             add_option(doc, args, "--runtime", hook->runtime) &&
             (env = json_add(doc, entry, "env", JSON_ARRAY, NULL, false)) &&
             add_text(doc, env, "DTGOV=1");
        return ok ? 0 : -ENOMEM;
}

/* Returns: 1 added, 0 was there */
static int add_to_stage(struct json_doc *doc, struct json *hooks, const char *name,
                const struct hook_entry *hook, struct error *err) {
        struct json *stage = member_as(doc, hooks, name, JSON_ARRAY);
        int r;

        if (!stage)
                return error_set(err, -EINVAL, "hooks.%s is not an array", name);
        if (has_hook(stage, hook->path))
                return 0;
        r = add_entry(doc, stage, hook);
        return r < 0 ? error_set(err, r, "out of memory") : 1;
}

int runtime_edit_text(const char *text, size_t len, const struct hook_entry *hook,
                struct json_writer *w, struct error *err) {
        CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
        struct json *root, *hooks;
        int first, last;

        first = json_parse(text, len, JSON_DEPTH_MAX, &doc, err);
        if (first < 0)
                return first;
        root = json_root(doc);
        if (root->type != JSON_OBJECT)
                return error_set(err, -EINVAL, "not a JSON object");
        hooks = member_as(doc, root, "hooks", JSON_OBJECT);
        if (!hooks)
                return error_set(err, -EINVAL, "hooks is not an object");

        first = add_to_stage(doc, hooks,
                        is_before_create_runtime(root) ? "prestart" : "createRuntime", hook, err);
        if (first < 0)
                return first;
        last = add_to_stage(doc, hooks, "poststop", hook, err);
        if (last < 0)
                return last;
        if (first == 0 && last == 0)
                return 0;

        json_put_value(w, NULL, root);
        return 1;
}

static int replace(int dir_fd, const char *name, const struct stat *like, const char *text,
                size_t len) {
        int r = file_temp_name(name, abandoned_name, sizeof(abandoned_name));

        if (r < 0)
                return r;
        abandoned_dir_fd = dir_fd;
        r = file_replace_like_at(dir_fd, name, text, len, like, /* durable= */ false);
        abandoned_dir_fd = -1;
        return r;
}

int runtime_edit_bundle(const char *bundle, const char *name, const struct hook_entry *hook,
                struct error *err) {
        CLEANUP(json_writer_freep) struct json_writer *w = NULL;
        CLEANUP(closep) int dir_fd = -1;
        CLEANUP(freep) char *text = NULL;
        const char *edited;
        struct stat st;
        size_t len;
        int r;

        dir_fd = open(bundle, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (dir_fd < 0)
                return error_errno(err, -errno, "bundle %s", bundle);
        r = file_load_at(dir_fd, name, CONFIG_SIZE_MAX, &text, &len);
        if (r < 0)
                return error_errno(err, r, "%s", name);
        if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return error_errno(err, -errno, "%s", name);

        r = json_writer_new(&w);
        if (r < 0)
                return error_set(err, r, "out of memory");
        r = runtime_edit_text(text, len, hook, w, err);
        if (r < 0)
                return error_prefix(err, r, "%s", name);
        if (r == 0)
                return 0;
        r = json_writer_end(w, &edited, &len);
        if (r == 0)
                r = replace(dir_fd, name, &st, edited, len);
        return r < 0 ? error_errno(err, r, "%s", name) : 1;
}
