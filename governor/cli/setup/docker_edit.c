/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/cli/setup/docker_edit.h"

#include <stdio.h>
#include <string.h>

#include "governor/cli/setup/json_splice.h"
#include "state/json.h"
#include "state/runtime_conf.h"
#include "state/text.h"

#define PREFIX      "dtgov-"
#define RUNTIME     "dtgov-runtime"
#define DOCKER_OWN  "runc" /* what Docker brings, under a name that nobody may take */
#define DOCKER_SHIM "io.containerd.runc.v2" /* its other name */

static const char *base_of(const char *path) {
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

const char *docker_real_of(const char *path) {
        const char *base = base_of(path);

        if (strncmp(base, PREFIX, strlen(PREFIX)) != 0)
                return NULL;
        return strcmp(base, RUNTIME) == 0 ? DOCKER_OWN : base + strlen(PREFIX);
}

/* A program that one of dtgov's becomes, called by its name. */
static bool is_by_name(const char *path) {
        return runtime_has_link(base_of(path)) && runtime_is_usual(path);
}

static const char *or_empty(const char *text) {
        return text[strspn(text, " \t\r\n")] == '\0' ? "{}\n" : text;
}

/* The program of a runtime, "" when it has none. */
static const char *path_of(const struct json *runtime) {
        const char *path;

        return json_get_string(runtime, "path", &path, NULL) == 0 ? path : "";
}

/* dtgov's, or what an undo left of it for the containers that were made by it. */
static bool is_ours(const char *name, const char *path) {
        if (docker_real_of(path) || strcmp(name, DOCKER_RUNTIME) == 0)
                return true;
        return strncmp(name, PREFIX, strlen(PREFIX)) == 0 && runtime_has_link(base_of(path));
}

static int note_ours(
                struct docker_config *c, const char *name, const char *path, struct error *err) {
        size_t i = c->ours_count;

        if (i == DOCKER_RUNTIMES_MAX || !text_copy(c->ours[i], DOCKER_NAME_MAX, name) ||
                        !text_copy(c->ours_path[i], DOCKER_PATH_MAX, path))
                return error_set(err, -EINVAL, "too many runtimes of dtgov");
        c->ours_count++;
        return 0;
}

static int note_runtimes(const struct json *runtimes, struct docker_config *c, struct error *err) {
        for (const struct json *m = runtimes ? runtimes->child : NULL; m; m = m->next) {
                const char *path = path_of(m);
                int r = 0;

                if (m->type != JSON_OBJECT)
                        return error_set(err, -EINVAL, "runtime '%s' is not an object", m->key);
                if (strcmp(m->key, c->default_runtime) == 0) {
                        c->default_is_ours = docker_real_of(path) != NULL;
                        if (!text_copy(c->default_path, sizeof(c->default_path), path))
                                return error_set(err, -EINVAL, "the path of '%s' is too long",
                                                m->key);
                }
                if (is_ours(m->key, path))
                        r = note_ours(c, m->key, path, err);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int parse(const char *text, struct json_doc **ret, struct error *err) {
        int r = json_parse(text, strlen(text), JSON_DEPTH_MAX, ret, err);

        if (r == 0 && json_root(*ret)->type != JSON_OBJECT)
                return error_set(err, -EINVAL, "not a JSON object");
        return r;
}

int docker_config_read(const char *text, struct docker_config *ret, struct error *err) {
        CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
        const char *name = DOCKER_OWN;
        const struct json *runtimes;
        int r;

        *ret = (struct docker_config){ 0 };
        r = parse(or_empty(text), &doc, err);
        if (r < 0)
                return r;
        r = json_get_string(json_root(doc), "default-runtime", &name, err);
        if (r < 0 && r != -ENOENT)
                return r;
        if (name[0] == '\0' || strcmp(name, DOCKER_SHIM) == 0)
                name = DOCKER_OWN;
        if (!text_copy(ret->default_runtime, sizeof(ret->default_runtime), name))
                return error_set(err, -EINVAL, "'default-runtime' is too long");
        runtimes = json_get(json_root(doc), "runtimes");
        if (runtimes && runtimes->type != JSON_OBJECT && runtimes->type != JSON_NULL)
                return error_set(err, -EINVAL, "'runtimes' is not an object");
        return note_runtimes(runtimes, ret, err);
}

/* What dtgov's runtime is to be, so that the default of now comes behind it. */
static int find_chain(const struct docker_config *c, const struct json *entry, const char *real,
                struct docker_chain *ret, struct error *err) {
        const char *path = c->default_path;

        if (strcmp(c->default_runtime, DOCKER_OWN) == 0) {
                (void)text_copy(ret->program, sizeof(ret->program), RUNTIME);
                (void)text_copy(ret->real, sizeof(ret->real), real[0] ? real : DOCKER_OWN);
                return 0;
        }
        if (!entry)
                return error_set(err, -EINVAL, "the default runtime '%s' is not among 'runtimes'",
                                c->default_runtime);
        if (json_get(entry, "runtimeType") || path[0] == '\0')
                return error_set(err, -ENOTSUP,
                                "the default runtime '%s' is a shim of containerd, no program that "
                                "dtgov's runtime could execute",
                                c->default_runtime);
        (void)text_copy(ret->real, sizeof(ret->real), path);
        if (is_by_name(path)) {
                (void)snprintf(ret->program, sizeof(ret->program), PREFIX "%s", base_of(path));
                return 0;
        }
        if (strcmp(path, real) != 0)
                return error_set(err, -ENOTSUP,
                                "dtgov's runtime does not know %s yet: put the line \"runtime %s\" "
                                "into /etc/dtgov/runtime.conf",
                                path, path);
        (void)text_copy(ret->program, sizeof(ret->program), RUNTIME);
        return 0;
}

/* Sets a member of the text at *text, which it replaces. */
static int set(char **text, const char *const *path, const char *value, struct error *err) {
        char *next;
        int r = json_splice_set(*text, path, value, &next, err);

        if (r < 0)
                return r;
        free(*text);
        *text = next;
        return 0;
}

static int set_string(char **text, const char *const *path, const char *value, struct error *err) {
        CLEANUP(freep) char *string = NULL;

        if (json_splice_string(value, &string) < 0)
                return error_set(err, -ENOMEM, "out of memory");
        return set(text, path, string, err);
}

static int remove_member(char **text, const char *const *path, struct error *err) {
        char *next;
        int r = json_splice_remove(*text, path, &next, err);

        if (r < 0)
                return r;
        free(*text);
        *text = next;
        return 0;
}

static int set_runtime(char **text, const char *name, const char *key, const char *value,
                struct error *err) {
        const char *const path[] = { "runtimes", name, key, NULL };

        return set_string(text, path, value, err);
}

/* The arguments of the runtime that it stands before are its own, too. */
static int copy_arguments(char **text, const char *from, const char *to, struct error *err) {
        const char *const source[] = { "runtimes", from, "runtimeArgs", NULL };
        const char *const target[] = { "runtimes", to, "runtimeArgs", NULL };
        CLEANUP(freep) char *arguments = NULL;
        int r = json_splice_get(*text, source, &arguments, err);

        return r == -ENOENT ? 0 : r < 0 ? r : set(text, target, arguments, err);
}

/*
 * A runtime of dtgov's before another one.
 *
 * @own: what is there under that name, or NULL
 */
static int put_runtime(char **text, const struct json *own, const char *name, const char *before,
                const char *path, struct error *err) {
        const char *now = own ? path_of(own) : "";
        int r = 0;

        if (strcmp(now, path) == 0)
                return 0;
        if (now[0] && !docker_real_of(now) && !runtime_has_link(base_of(now)))
                return error_set(
                                err, -EEXIST, "the runtime '%s' is somebody else's: %s", name, now);
        r = set_runtime(text, name, "path", path, err);
        if (r == 0 && !own) /* what stands there already may be somebody's */
                r = copy_arguments(text, before, name, err);
        return r < 0 ? r : 1;
}

/* dtgov's is the default already; its programs may have moved. */
static int repoint(const struct docker_config *c, const struct docker_wish *wish,
                struct docker_chain *chain, char **text, struct error *err) {
        const char *base = base_of(c->default_path);
        char path[DOCKER_PATH_MAX + DOCKER_NAME_MAX];
        int r;

        if (wish->opt_in)
                return error_set(err, -EEXIST,
                                "dtgov's runtime is the default, so that nobody needs to ask for "
                                "it: take it out first (sudo dtgov setup docker --undo)");
        (void)text_copy(chain->program, sizeof(chain->program), base);
        (void)text_copy(chain->real, sizeof(chain->real), docker_real_of(c->default_path));
        (void)snprintf(path, sizeof(path), "%s/%s", wish->libexec, base);
        if (strcmp(path, c->default_path) == 0)
                return 0;
        r = set_runtime(text, c->default_runtime, "path", path, err);
        return r < 0 ? r : 1;
}

static int put_own(const struct docker_config *c, const struct json *runtimes,
                const struct docker_wish *wish, struct docker_chain *chain, char **text,
                struct error *err) {
        const char *const key[] = { "default-runtime", NULL };
        char path[DOCKER_PATH_MAX + DOCKER_NAME_MAX];
        int r;

        if (c->default_is_ours)
                return repoint(c, wish, chain, text, err);
        r = find_chain(c, json_get(runtimes, c->default_runtime), wish->real, chain, err);
        if (r < 0)
                return r;
        (void)snprintf(path, sizeof(path), "%s/%s", wish->libexec, chain->program);
        r = put_runtime(text, json_get(runtimes, DOCKER_RUNTIME), DOCKER_RUNTIME,
                        c->default_runtime, path, err);
        if (r < 0 || wish->opt_in)
                return r;
        r = set_string(text, key, DOCKER_RUNTIME, err);
        return r < 0 ? r : 1;
}

/* "dtgov-NAME" before each runtime NAME that is not dtgov's. Returns: whether something changed */
static int put_others(const struct json *runtimes, const struct docker_wish *wish,
                struct docker_chain *chain, char **text, struct error *err) {
        int changes = 0;

        for (const struct json *m = runtimes ? runtimes->child : NULL; m; m = m->next) {
                char name[DOCKER_NAME_MAX], path[DOCKER_PATH_MAX + DOCKER_NAME_MAX];
                const char *real = path_of(m);
                size_t used = strlen(chain->others);
                int r = snprintf(name, sizeof(name), PREFIX "%s", m->key);

                if (is_ours(m->key, real) || json_get(m, "runtimeType") || real[0] == '\0' ||
                                !is_by_name(real) || (size_t)r >= sizeof(name))
                        continue;
                (void)snprintf(path, sizeof(path), "%s/" PREFIX "%s", wish->libexec, base_of(real));
                r = put_runtime(text, json_get(runtimes, name), name, m->key, path, err);
                if (r < 0)
                        return r;
                changes |= r;
                (void)snprintf(chain->others + used, sizeof(chain->others) - used, "%s%s",
                                used ? ", " : "", name);
        }
        return changes;
}

int docker_edit_setup(const char *text, const struct docker_wish *wish, struct docker_chain *chain,
                char **ret, struct error *err) {
        CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
        CLEANUP(freep) char *next = strdup(or_empty(text));
        struct docker_config c;
        const struct json *runtimes;
        int r, others;

        *ret = NULL;
        *chain = (struct docker_chain){ 0 };
        if (!next)
                return error_set(err, -ENOMEM, "out of memory");
        r = docker_config_read(text, &c, err);
        if (r == 0)
                r = parse(next, &doc, err);
        if (r < 0)
                return r;
        runtimes = json_get(json_root(doc), "runtimes");
        r = put_own(&c, runtimes, wish, chain, &next, err);
        if (r < 0)
                return r;
        others = put_others(runtimes, wish, chain, &next, err);
        if (others < 0)
                return others;
        if (r > 0 || others > 0)
                *ret = TAKE(next);
        return r > 0 || others > 0;
}

/* What becomes of one of dtgov's runtimes. */
static int let_go(char **text, const char *name, bool keep, const char *real, struct error *err) {
        const char *const path[] = { "runtimes", name, NULL };
        const char *const program[] = { "runtimes", name, "path", NULL };
        CLEANUP(freep) char *now = NULL;
        CLEANUP(freep) char *wanted = NULL;
        int r;

        if (!keep)
                return remove_member(text, path, err) < 0 ? -EINVAL : 1;
        if (real[0] == '\0')
                return 0;
        if (json_splice_string(real, &wanted) < 0)
                return error_set(err, -ENOMEM, "out of memory");
        r = json_splice_get(*text, program, &now, err);
        if (r < 0 || strcmp(now, wanted) == 0)
                return r;
        r = set(text, program, wanted, err);
        return r < 0 ? r : 1;
}

/* An object of runtimes that dtgov's alone were in goes with them. */
static int drop_empty(char **text, struct error *err) {
        const char *const path[] = { "runtimes", NULL };
        CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
        int r = parse(*text, &doc, err);
        const struct json *runtimes = r < 0 ? NULL : json_get(json_root(doc), "runtimes");

        return runtimes && !runtimes->child ? remove_member(text, path, err) : r;
}

int docker_edit_undo(const char *text, const char *former, bool keep,
                const char (*reals)[DOCKER_PATH_MAX], char **ret, struct error *err) {
        const char *const key[] = { "default-runtime", NULL };
        CLEANUP(freep) char *next = strdup(or_empty(text));
        struct docker_config c;
        int r, changes = 0;

        *ret = NULL;
        if (!next)
                return error_set(err, -ENOMEM, "out of memory");
        r = docker_config_read(text, &c, err);
        if (r == 0 && c.default_is_ours) {
                r = set_string(&next, key, former, err);
                changes++;
        }
        for (size_t i = 0; r >= 0 && i < c.ours_count; i++) {
                r = let_go(&next, c.ours[i], keep, reals ? reals[i] : "", err);
                changes += r > 0;
        }
        if (r >= 0 && !keep && c.ours_count > 0)
                r = drop_empty(&next, err);
        if (r < 0)
                return r;
        if (changes > 0)
                *ret = TAKE(next);
        return changes > 0;
}

/* The name of the runtime whose program is called so. */
static bool find_by_program(const char *text, const char *base, char out[static DOCKER_NAME_MAX]) {
        CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
        const struct json *runtimes;

        if (parse(text, &doc, NULL) < 0)
                return false;
        runtimes = json_get(json_root(doc), "runtimes");
        for (const struct json *m = runtimes ? runtimes->child : NULL; m; m = m->next)
                if (!is_ours(m->key, path_of(m)) && strcmp(base_of(path_of(m)), base) == 0)
                        return text_copy(out, DOCKER_NAME_MAX, m->key);
        return false;
}

void docker_former(const char *text, const char *backup, char out[static DOCKER_NAME_MAX]) {
        struct docker_config before, now;
        const char *real;

        if (backup && docker_config_read(backup, &before, NULL) == 0 && !before.default_is_ours) {
                (void)text_copy(out, DOCKER_NAME_MAX, before.default_runtime);
                return;
        }
        real = docker_config_read(text, &now, NULL) == 0 ? docker_real_of(now.default_path) : NULL;
        if (!real || strcmp(real, DOCKER_OWN) == 0 || !find_by_program(text, real, out))
                (void)text_copy(out, DOCKER_NAME_MAX, DOCKER_OWN);
}
