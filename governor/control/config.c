/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/control/config.h"

#include "policies/rules/ending.h"
#include "state/container.h"
#include "state/file.h"
#include "state/text.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static int check_safe(int fd, const char *dir, const char *file, struct error *err) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return error_errno(err, -errno, "%s/%s", dir, file);
        if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & (S_IWGRP | S_IWOTH)))
                return error_set(err, -EPERM,
                                "E_UNSAFE_PATH: %s/%s can be written by others than root; run: "
                                "chown "
                                "root: %s/%s && chmod go-w %s/%s",
                                dir, file, dir, file, dir, file);
        return 0;
}

static int load_bool(
                const struct json *value, const struct json *parent, bool *ret, struct error *err) {
        return json_get_bool(parent, value->key, ret, err);
}

static int load_guard(const struct json *guard, struct guard_rules *bounds, struct error *err) {
        const struct {
                const char *key;
                uint64_t *number;
        } numbers[] = {
                { "reserve_bytes", &bounds->reserve_bytes },
                { "memory_max_bytes", &bounds->memory_max_bytes },
                { "cpu_max_permille", &bounds->cpu_max_permille },
                { "pids_max", &bounds->pids_max },
        };

        if (guard->type != JSON_OBJECT)
                return error_set(err, -EINVAL, "'guard' is not an object");
        for (const struct json *v = guard->child; v; v = v->next) {
                int r = -ENOKEY;

                if (strcmp(v->key, "lower_memory_max") == 0)
                        r = load_bool(v, guard, &bounds->lower_memory_max, err);
                for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
                        if (strcmp(v->key, numbers[i].key) == 0)
                                r = json_get_u64(guard, v->key, numbers[i].number, err);
                if (r == -ENOKEY)
                        return error_set(err, -EINVAL, "'guard.%s' is not a setting", v->key);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* "soak_sec", and seconds by the name of a rule. */
static int load_probation(const struct json *object, struct config *config, struct error *err) {
        if (object->type != JSON_OBJECT)
                return error_set(err, -EINVAL, "'probation' is not an object");
        for (const struct json *v = object->child; v; v = v->next) {
                uint64_t *seconds = strcmp(v->key, "soak_sec") == 0 ? &config->soak_sec : NULL;
                int r;

                for (unsigned rule = 0; rule < RULE_COUNT; rule++)
                        if (strcmp(v->key, rules[rule].name) == 0)
                                seconds = &config->probation_sec[rule];
                if (!seconds)
                        return error_set(err, -EINVAL,
                                        "'probation.%s' is neither a rule nor soak_sec", v->key);
                r = json_get_u64(object, v->key, seconds, err);
                if (r < 0)
                        return r;
                if (*seconds == 0 || *seconds > ENDING_PROBATION_SEC_MAX)
                        return error_set(err, -EINVAL, "'probation.%s': want 1 to %d seconds",
                                        v->key, ENDING_PROBATION_SEC_MAX);
        }
        return 0;
}

bool config_is_below_root(const char *path) {
        return path[0] == '/' && path[1] != '\0' && !strstr(path, "/.") && !strstr(path, "//") &&
               path[strlen(path) - 1] != '/';
}

static int load_registries(const struct json *object, struct config *config, struct error *err) {
        if (object->type != JSON_OBJECT)
                return error_set(err, -EINVAL, "'registries' is not an object");
        for (const struct json *v = object->child; v; v = v->next) {
                struct config_registry *r = &config->registries[config->registries_count];
                const char *below;

                if (config->registries_count == CONFIG_REGISTRIES_MAX)
                        return error_set(err, -EINVAL, "'registries' has more than %d members",
                                        CONFIG_REGISTRIES_MAX);
                if (!container_id_valid(v->key) || !text_copy(r->name, sizeof(r->name), v->key))
                        return error_set(err, -EINVAL, "'registries': '%s' is no name for a folder",
                                        v->key);
                if (json_get_string(object, v->key, &below, NULL) < 0 ||
                                !config_is_below_root(below) ||
                                !text_copy(r->below, sizeof(r->below), below))
                        return error_set(err, -EINVAL,
                                        "'registries.%s': want a cgroup below the root, like "
                                        "\"/daytona.slice\"",
                                        v->key);
                config->registries_count++;
        }
        return 0;
}

static int load_document(struct json_doc *doc, struct config *config, struct error *err) {
        const struct json *root = json_root(doc);

        if (root->type != JSON_OBJECT)
                return error_set(err, -EINVAL, "not an object");
        for (const struct json *v = root->child; v; v = v->next) {
                int r;

                if (strcmp(v->key, "allow_unsandboxed") == 0)
                        r = load_bool(v, root, &config->allow_unsandboxed, err);
                else if (strcmp(v->key, "guard") == 0)
                        r = load_guard(v, &config->guard, err);
                else if (strcmp(v->key, "probation") == 0)
                        r = load_probation(v, config, err);
                else if (strcmp(v->key, "registries") == 0)
                        r = load_registries(v, config, err);
                else if (strcmp(v->key, "policies") == 0)
                        r = config_load_policies(v, &config->policies, err);
                else
                        r = error_set(err, -EINVAL, "'%s' is not a setting", v->key);
                if (r < 0)
                        return r;
        }
        return 0;
}

void config_default(struct config *ret) {
        *ret = (struct config){ .soak_sec = ENDING_SOAK_SEC };
        guard_rules_default(&ret->guard);
        for (unsigned rule = 0; rule < RULE_COUNT; rule++)
                ret->probation_sec[rule] = ending_probation_sec((enum rule_id)rule);
}

int config_load(const char *dir, struct config *ret, struct error *err) {
        CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
        CLEANUP(closep) int dir_fd = -1;
        CLEANUP(closep) int fd = -1;
        CLEANUP(freep) char *text = NULL;
        struct config config;
        size_t len;
        int r;

        config_default(&config);
        dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir_fd >= 0)
                fd = openat(dir_fd, CONFIG_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0) {
                if (errno != ENOENT)
                        return error_errno(err, -errno, "%s/" CONFIG_FILE, dir);
                *ret = config;
                return 0;
        }
        r = check_safe(dir_fd, dir, ".", err);
        if (r == 0)
                r = check_safe(fd, dir, CONFIG_FILE, err);
        if (r < 0)
                return r;
        r = file_load_at(dir_fd, CONFIG_FILE, CONFIG_FILE_MAX, &text, &len);
        if (r < 0)
                return error_errno(err, r, "%s/" CONFIG_FILE, dir);
        r = json_parse(text, len, 4, &doc, err);
        if (r >= 0)
                r = load_document(doc, &config, err);
        if (r < 0)
                return error_prefix(err, r, "%s/" CONFIG_FILE, dir);
        *ret = config;
        return 0;
}
