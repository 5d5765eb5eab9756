/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Source: integration.md, "Daytona, devcontainers, compose"; names of cgroups by what Docker,
 * Podman, containerd, CRI-O and BuildKit give them.
 */
#include "state/identity.h"

#include "state/text.h"

#include <string.h>

#define ENGINE_ID_LEN 64 /* hexadecimal digits of the ids of Docker and Podman */
#define BUILD_ID_LEN  25 /* letters and digits of BuildKit's */
#define HEX_DIGITS    "0123456789abcdef"
#define BUILD_DIGITS  "0123456789abcdefghijklmnopqrstuvwxyz"

#define STATUS_ROW_(id, name, retry, text) { name, text, retry },
#define SECOND_(id, second)                second,
const struct identity_status_row identity_statuses[] = { IDENTITY_STATUS_TABLE(STATUS_ROW_) };
const char *const environment_rules[] = { ENVIRONMENT_RULE_TABLE(SECOND_) };
const char *const template_rules[] = { TEMPLATE_RULE_TABLE(SECOND_) };
const char *const engine_names[] = { ENGINE_TABLE(SECOND_) };
const char *const network_modes[] = { NETWORK_TABLE(SECOND_) };
const char *const healths[] = { HEALTH_TABLE(SECOND_) };
static const char *const label_names[] = { IDENTITY_LABEL_TABLE(SECOND_) };
const char *const identity_notes[] = {
        "labels truncated: only 64 are looked at, and none that is longer than 255 bytes",
        "labels cannot raise or approve: those that begin with dtgov. are ignored",
};

/* --- rules ------------------------------------------------------------------------------------ */

/*
 * The first whose label is there wins. With @joins the environment is "label/other label", where
 * the other is there too.
 */
static const struct {
        enum environment_rule rule;
        enum identity_label label, joins; /* joins LABEL_COUNT: nothing */
} environments[] = {
        { ENVIRONMENT_DAYTONA_SANDBOX, LABEL_SANDBOX, LABEL_COUNT },
        { ENVIRONMENT_DAYTONA_WORKSPACE, LABEL_WORKSPACE, LABEL_WORKSPACE_PROJECT },
        { ENVIRONMENT_DEVCONTAINER, LABEL_DEVCONTAINER_FOLDER, LABEL_COUNT },
        { ENVIRONMENT_COMPOSE, LABEL_COMPOSE_PROJECT, LABEL_COMPOSE_SERVICE },
};

static bool is_text(const char *text) {
        return text && text[0] != '\0';
}

/* "first/second", or "first" alone. Returns whether it fits; @out is "" when it does not. */
static bool join(char out[static IDENTITY_TEXT_SIZE], const char *first, const char *second) {
        size_t used = text_append(out, IDENTITY_TEXT_SIZE, 0, first);

        if (is_text(second)) {
                used = text_append(out, IDENTITY_TEXT_SIZE, used, "/");
                used = text_append(out, IDENTITY_TEXT_SIZE, used, second);
        }
        if (used < IDENTITY_TEXT_SIZE)
                return true;
        out[0] = '\0';
        return false;
}

static void copy(char *out, size_t size, const char *text) {
        if (is_text(text) && !text_copy(out, size, text))
                out[0] = '\0';
}

static const char *last_component(const char *path) {
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

static void decide_environment(const struct identity_facts *facts, struct identity *i) {
        for (size_t k = 0; k < ARRAY_LEN(environments); k++) {
                const char *label = facts->labels[environments[k].label];
                enum identity_label joins = environments[k].joins;

                if (!is_text(label) ||
                                !join(i->environment, label,
                                                joins < LABEL_COUNT ? facts->labels[joins] : NULL))
                        continue;
                i->environment_rule = environments[k].rule;
                return;
        }
        if (i->name[0] != '\0') {
                (void)join(i->environment, i->name, NULL);
                i->environment_rule = ENVIRONMENT_NAME;
        }
}

/* A compose service of the same folder name is the same, whoever checked it out and where. */
static const char *compose_group(const struct identity_facts *facts) {
        const char *folder = facts->labels[LABEL_COMPOSE_FOLDER];

        if (is_text(folder) && is_text(last_component(folder)))
                return last_component(folder);
        return facts->labels[LABEL_COMPOSE_PROJECT];
}

static void decide_template(const struct identity_facts *facts, struct identity *i) {
        const char *service = facts->labels[LABEL_COMPOSE_SERVICE], *group = compose_group(facts);
        const char *digest = facts->image_digest;
        bool daytona = is_text(facts->labels[LABEL_SANDBOX]) ||
                       is_text(facts->labels[LABEL_ORGANIZATION]);

        if (daytona && is_text(facts->snapshot) && join(i->template, facts->snapshot, NULL))
                i->template_rule = TEMPLATE_DAYTONA;
        else if (is_text(service) && is_text(group) && join(i->template, group, service))
                i->template_rule = TEMPLATE_COMPOSE;
        else if (is_text(digest) && join(i->template, digest, NULL))
                i->template_rule = TEMPLATE_IMAGE;
}

static enum network_mode network_of(const char *mode) {
        if (!is_text(mode))
                return NETWORK_UNKNOWN;
        if (strcmp(mode, "host") == 0)
                return NETWORK_HOST;
        if (strcmp(mode, "none") == 0)
                return NETWORK_NONE;
        return strncmp(mode, "container:", 10) == 0 ? NETWORK_SHARED : NETWORK_OWN;
}

static enum health health_of(const char *word) {
        for (unsigned i = 0; i < HEALTH_COUNT; i++)
                if (is_text(word) && strcmp(word, healths[i]) == 0)
                        return i;
        return HEALTH_NONE;
}

void identity_add_label(struct identity_facts *facts, unsigned number, const char *name,
                const char *value) {
        if (number >= IDENTITY_LABELS_MAX) {
                facts->notes |= IDENTITY_LABELS_TRUNCATED;
                return;
        }
        if (strncmp(name, "dtgov.", 6) == 0 || strncmp(name, "org.dtgov.", 10) == 0)
                facts->notes |= IDENTITY_LABELS_WISH;
        for (size_t i = 0; i < LABEL_COUNT; i++) {
                if (strcmp(label_names[i], name) != 0)
                        continue;
                if (strlen(value) >= IDENTITY_TEXT_SIZE)
                        facts->notes |= IDENTITY_LABELS_TRUNCATED;
                else
                        facts->labels[i] = value;
        }
}

void identity_decide(const struct container *c, const struct identity_facts *facts,
                struct identity *ret) {
        const char *folder = facts->labels[LABEL_DEVCONTAINER_FOLDER];

        identity_default(c, ret);
        ret->status = IDENTITY_FOUND;
        ret->engine = facts->engine;
        ret->notes = facts->notes;
        ret->network = network_of(facts->network);
        ret->health = health_of(facts->health);
        ret->failing_streak = facts->failing_streak;
        copy(ret->name, sizeof(ret->name), facts->name);
        copy(ret->image, sizeof(ret->image), facts->image);
        copy(ret->runtime, sizeof(ret->runtime), facts->runtime);
        copy(ret->folder, sizeof(ret->folder),
                        is_text(folder) ? folder : facts->labels[LABEL_COMPOSE_FOLDER]);
        decide_environment(facts, ret);
        decide_template(facts, ret);
}

/* --- without asking --------------------------------------------------------------------------- */

/*
 * "/docker/buildkit/<id>" under the cgroupfs driver; under systemd's the executor of Docker takes
 * "system.slice:docker:<id>" for a path.
 */
const char *identity_build_id(const char *cgroup) {
        const char *name = last_component(cgroup), *id = strrchr(name, ':');
        bool below = (size_t)(name - cgroup) > 10 && strncmp(name - 10, "/buildkit/", 10) == 0;

        id = id ? id + 1 : name;
        if (strlen(id) != BUILD_ID_LEN || strspn(id, BUILD_DIGITS) != BUILD_ID_LEN)
                return NULL;
        if (id == name)
                return below ? id : NULL;
        return strstr(name, ".slice:") ? id : NULL;
}

void identity_default(const struct container *c, struct identity *ret) {
        *ret = (struct identity){ .cgroup_inode = c->cgroup_inode };
        (void)text_copy(ret->id, sizeof(ret->id), c->id);
        if (identity_build_id(c->cgroup)) {
                ret->engine = ENGINE_BUILDKIT;
                ret->environment_rule = ENVIRONMENT_BUILDKIT;
                (void)text_copy(ret->environment, sizeof(ret->environment), "buildkit");
                return;
        }
        (void)text_copy(ret->environment, sizeof(ret->environment), c->id);
        (void)identity_engines(c, &ret->engine);
}

static bool ends_with(const char *text, size_t len, const char *tail) {
        size_t tail_len = strlen(tail);

        return len >= tail_len && strncmp(text + len - tail_len, tail, tail_len) == 0;
}

/* Whose the cgroup is, by what stands before the id in its path. */
static enum engine_kind engine_of_cgroup(const struct container *c) {
        static const struct {
                const char *before;
                enum engine_kind engine;
        } rows[] = { { "/docker-", ENGINE_DOCKER }, { "/docker/", ENGINE_DOCKER },
                { "libpod-", ENGINE_PODMAN }, { "crio-", ENGINE_CRIO },
                { "cri-containerd-", ENGINE_CONTAINERD }, { "cri-containerd:", ENGINE_CONTAINERD },
                { "nerdctl-", ENGINE_CONTAINERD } };
        const char *id = strstr(c->cgroup, c->id);

        for (size_t i = 0; id && i < ARRAY_LEN(rows); i++)
                if (ends_with(c->cgroup, (size_t)(id - c->cgroup), rows[i].before))
                        return rows[i].engine;
        return ENGINE_NONE;
}

/* Else by where its bundle is, when a hook said so. */
static enum engine_kind engine_of_bundle(const struct container *c) {
        static const struct {
                const char *part;
                enum engine_kind engine;
        } rows[] = { { "/moby/", ENGINE_DOCKER }, { "/io.containerd.", ENGINE_CONTAINERD },
                { "/containers/storage/", ENGINE_PODMAN } };

        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                if (strstr(c->bundle, rows[i].part))
                        return rows[i].engine;
        return ENGINE_NONE;
}

unsigned identity_engines(const struct container *c, enum engine_kind *ret_engine) {
        enum engine_kind engine = engine_of_cgroup(c);
        bool of_engine = strlen(c->id) == ENGINE_ID_LEN &&
                         strspn(c->id, HEX_DIGITS) == ENGINE_ID_LEN;

        if (engine == ENGINE_NONE)
                engine = engine_of_bundle(c);
        *ret_engine = engine;
        if (!of_engine || container_observed_only(c->cgroup))
                return 0;
        switch (engine) {
        case ENGINE_DOCKER:
        case ENGINE_PODMAN:
                return 1U << engine;
        case ENGINE_NONE: /* a parent of somebody's own: either */
                return 1U << ENGINE_DOCKER | 1U << ENGINE_PODMAN;
        default: /* without an interface that is plain HTTP */
                return 0;
        }
}

/* --- from outside ----------------------------------------------------------------------------- */

bool identity_is_about(const struct identity *i, const struct container *c) {
        return i->cgroup_inode == c->cgroup_inode && strncmp(i->id, c->id, sizeof(i->id)) == 0 &&
               i->status < IDENTITY_STATUS_COUNT && i->engine < ENGINE_COUNT &&
               i->environment_rule < ENVIRONMENT_RULE_COUNT &&
               i->template_rule < TEMPLATE_RULE_COUNT && i->network < NETWORK_COUNT &&
               i->health < HEALTH_COUNT && i->notes >> IDENTITY_NOTES_COUNT == 0 &&
               memchr(i->environment, '\0', sizeof(i->environment)) && i->environment[0] != '\0' &&
               memchr(i->template, '\0', sizeof(i->template)) &&
               memchr(i->name, '\0', sizeof(i->name)) && memchr(i->image, '\0', sizeof(i->image)) &&
               memchr(i->folder, '\0', sizeof(i->folder)) &&
               memchr(i->runtime, '\0', sizeof(i->runtime));
}
