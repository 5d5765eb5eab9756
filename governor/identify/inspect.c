/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/identify/inspect.h"

#include "governor/kernel/proc.h"

#include <string.h>

#define DEPTH_MAX     32 /* Docker's document has seven levels */
#define VARIABLES_MAX 1000
#define SNAPSHOT      "DAYTONA_SANDBOX_SNAPSHOT="
#define DIGEST_DIGITS 64

/* A string member; "" when it is absent, no string, or holds a NUL byte. */
static const char *text_of(const struct json *object, const char *key) {
        const char *text;

        return json_get_string(object, key, &text, NULL) == 0 ? text : "";
}

static void read_labels(const struct json *labels, struct identity_facts *facts) {
        unsigned number = 0;

        if (!labels || labels->type != JSON_OBJECT)
                return;
        for (const struct json *l = labels->child; l; l = l->next) {
                bool plain = l->type == JSON_STRING && !memchr(l->text, '\0', l->len);

                identity_add_label(facts, number++, l->key, plain ? l->text : "");
                if (number > IDENTITY_LABELS_MAX)
                        break; /* that is noted */
        }
}

/* The first counts: the runner puts its own before those that a sandbox asks for. */
static const char *find_snapshot(const struct json *variables) {
        unsigned number = 0;

        if (!variables || variables->type != JSON_ARRAY)
                return "";
        for (const struct json *v = variables->child; v && number++ < VARIABLES_MAX; v = v->next)
                if (v->type == JSON_STRING && !memchr(v->text, '\0', v->len) &&
                                strncmp(v->text, SNAPSHOT, strlen(SNAPSHOT)) == 0)
                        return v->text + strlen(SNAPSHOT);
        return "";
}

static void read_health(const struct json *health, struct identity_facts *facts) {
        uint64_t streak;

        facts->health = text_of(health, "Status");
        if (json_get_u64(health, "FailingStreak", &streak, NULL) == 0)
                facts->failing_streak = (uint32_t)u64_min(streak, UINT32_MAX);
}

/* Whether the engine's process is in the container's cgroup, or below it. */
static bool is_process_of(int proc_fd, const struct json *root, const struct container *c) {
        size_t len = strlen(c->cgroup);
        char path[CONTAINER_PATH_SIZE];
        uint64_t pid;

        if (proc_fd < 0)
                return true;
        if (json_get_u64(json_get(root, "State"), "Pid", &pid, NULL) < 0 || pid == 0 ||
                        pid > INT32_MAX || proc_cgroup(proc_fd, (pid_t)pid, path) < 0)
                return false;
        return strncmp(path, c->cgroup, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

/* Podman leaves out what kind of digest it is. */
static const char *digest_of(const struct json *root, char out[static IDENTITY_TEXT_SIZE]) {
        const char *text = text_of(root, "Image");

        if (strlen(text) != DIGEST_DIGITS || strspn(text, "0123456789abcdef") != DIGEST_DIGITS)
                return text;
        memcpy(out, "sha256:", 7);
        memcpy(out + 7, text, DIGEST_DIGITS + 1);
        return out;
}

enum identity_status inspect_read(const char *text, size_t len, const struct container *c,
                enum engine_kind engine, int proc_fd, struct identity *ret) {
        CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
        struct identity_facts facts = { .engine = engine };
        const struct json *root, *config, *host;
        char digest[IDENTITY_TEXT_SIZE];

        if (json_parse(text, len, DEPTH_MAX, &doc, NULL) < 0)
                return IDENTITY_GARBLED;
        root = json_root(doc);
        config = json_get(root, "Config");
        host = json_get(root, "HostConfig");
        if (root->type != JSON_OBJECT || !config)
                return IDENTITY_GARBLED;
        if (strcmp(text_of(root, "Id"), c->id) != 0 || !is_process_of(proc_fd, root, c))
                return IDENTITY_OTHER;

        facts.name = text_of(root, "Name");
        facts.name += facts.name[0] == '/';
        facts.image = text_of(config, "Image");
        facts.image_digest = digest_of(root, digest);
        facts.network = text_of(host, "NetworkMode");
        facts.runtime = text_of(host, "Runtime");
        if (strcmp(facts.runtime, "oci") == 0)
                facts.runtime = ""; /* Podman's word for whichever it is */
        read_health(json_get(json_get(root, "State"), "Health"), &facts);
        facts.snapshot = find_snapshot(json_get(config, "Env"));
        read_labels(json_get(config, "Labels"), &facts);
        identity_decide(c, &facts, ret);
        return IDENTITY_FOUND;
}
