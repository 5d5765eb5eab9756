/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an engine says about a container, made into what people call it: the environment (what a
 * developer calls "my project"), the template that it was made from, and the rule that decided
 * each. Labels are hostile text: anybody who may start a container writes them. They name, they
 * never allow anything; they are kept raw and escaped where they are shown.
 *
 * The record is fixed in size and without pointers: dtgov-identify answers with it, dtgovd compares
 * it and passes it on to the observer.
 */
#pragma once

#include "state/container.h"

#define IDENTITY_TEXT_SIZE  256 /* bytes of a text with the NUL; a longer one counts as none */
#define IDENTITY_LABELS_MAX 64  /* labels of a container that are looked at */

/* X(ID, name, whether to ask again, what a person reads) */
#define IDENTITY_STATUS_TABLE(X)                                                                   \
        X(NONE, "none", false, "no engine to ask: its id is its name")                             \
        X(FOUND, "found", false, "")                                                               \
        X(UNKNOWN, "unknown", false, "no engine knows it: its id is its name")                     \
        X(NO_ENGINE, "noEngine", true, "its engine does not run, or not where it is looked for")   \
        X(SILENT, "silent", true, "its engine did not answer in time")                             \
        X(GARBLED, "garbled", true, "its engine's answer is none, or cut off")                     \
        X(TOO_LARGE, "tooLarge", false, "its engine's answer is larger than 4 MiB")                \
        X(OTHER, "other", true, "its engine answered about another container")                     \
        X(REFUSED, "refused", true, "its engine refused to answer")

/* X(ID, name in text and JSON) of what made the environment's name, the last resort first */
#define ENVIRONMENT_RULE_TABLE(X)                                                                  \
        X(ID, "container id")                                                                      \
        X(NAME, "container name")                                                                  \
        X(COMPOSE, "compose service")                                                              \
        X(DEVCONTAINER, "devcontainer folder")                                                     \
        X(DAYTONA_WORKSPACE, "Daytona workspace")                                                  \
        X(DAYTONA_SANDBOX, "Daytona sandbox")                                                      \
        X(BUILDKIT, "BuildKit's cgroup")

#define TEMPLATE_RULE_TABLE(X)                                                                     \
        X(NONE, "none")                                                                            \
        X(IMAGE, "image digest")                                                                   \
        X(COMPOSE, "compose service")                                                              \
        X(DAYTONA, "Daytona snapshot")

#define ENGINE_TABLE(X)                                                                            \
        X(NONE, "")                                                                                \
        X(DOCKER, "docker")                                                                        \
        X(PODMAN, "podman")                                                                        \
        X(CONTAINERD, "containerd")                                                                \
        X(CRIO, "cri-o")                                                                           \
        X(BUILDKIT, "buildkit")

#define NETWORK_TABLE(X)                                                                           \
        X(UNKNOWN, "unknown")                                                                      \
        X(OWN, "own")                                                                              \
        X(HOST, "host")                                                                            \
        X(SHARED, "shared") /* with another container */                                           \
        X(NONE, "none")

/* Of the engine's own check. X(ID, the engine's word) */
#define HEALTH_TABLE(X)                                                                            \
        X(NONE, "none") /* it has none, or nobody says */                                          \
        X(STARTING, "starting")                                                                    \
        X(HEALTHY, "healthy")                                                                      \
        X(UNHEALTHY, "unhealthy")

#define IDENTITY_ENUM_(id, ...)    IDENTITY_##id,
#define ENVIRONMENT_ENUM_(id, ...) ENVIRONMENT_##id,
#define TEMPLATE_ENUM_(id, ...)    TEMPLATE_##id,
#define ENGINE_ENUM_(id, ...)      ENGINE_##id,
#define NETWORK_ENUM_(id, ...)     NETWORK_##id,
#define HEALTH_ENUM_(id, ...)      HEALTH_##id,
enum identity_status { IDENTITY_STATUS_TABLE(IDENTITY_ENUM_) IDENTITY_STATUS_COUNT };
enum environment_rule { ENVIRONMENT_RULE_TABLE(ENVIRONMENT_ENUM_) ENVIRONMENT_RULE_COUNT };
enum template_rule { TEMPLATE_RULE_TABLE(TEMPLATE_ENUM_) TEMPLATE_RULE_COUNT };
enum engine_kind { ENGINE_TABLE(ENGINE_ENUM_) ENGINE_COUNT };
enum network_mode { NETWORK_TABLE(NETWORK_ENUM_) NETWORK_COUNT };
enum health { HEALTH_TABLE(HEALTH_ENUM_) HEALTH_COUNT };

struct identity_status_row {
        const char *name, *text;
        bool retry;
};
extern const struct identity_status_row identity_statuses[IDENTITY_STATUS_COUNT];
extern const char *const environment_rules[ENVIRONMENT_RULE_COUNT];
extern const char *const template_rules[TEMPLATE_RULE_COUNT];
extern const char *const engine_names[ENGINE_COUNT];
extern const char *const network_modes[NETWORK_COUNT];
extern const char *const healths[HEALTH_COUNT];

enum identity_note {
        IDENTITY_LABELS_TRUNCATED = 1 << 0, /* more than 64, or one that is too long */
        IDENTITY_LABELS_WISH = 1 << 1,      /* one that would command dtgov */
        IDENTITY_NOTES_COUNT = 2,
};
extern const char *const identity_notes[IDENTITY_NOTES_COUNT]; /* by bit */

struct identity {
        uint64_t cgroup_inode; /* of the container that was asked about */
        char id[CONTAINER_ID_SIZE];
        uint32_t status;           /* enum identity_status */
        uint32_t engine;           /* enum engine_kind */
        uint32_t environment_rule; /* enum environment_rule */
        uint32_t template_rule;    /* enum template_rule */
        uint32_t network;          /* enum network_mode */
        uint32_t notes;            /* enum identity_note */
        uint32_t health;           /* enum health */
        uint32_t failing_streak;   /* of its check: failures in a row, before it is unhealthy */
        char environment[IDENTITY_TEXT_SIZE];
        char template[IDENTITY_TEXT_SIZE];
        char name[IDENTITY_TEXT_SIZE];   /* the engine's name of the container */
        char image[IDENTITY_TEXT_SIZE];  /* as it was asked for: "node:22" */
        char folder[IDENTITY_TEXT_SIZE]; /* of the project, where a label says so */
        char runtime[32];                /* as the engine calls it */
};

#define IDENTITY_VERSION 2

/* What dtgov-identify is asked, one message of SOCK_SEQPACKET; the record is the answer. */
struct identity_request {
        uint32_t version;
        uint32_t size;
        struct container container;
};

/* Labels that are looked at; all others are passed over. */
#define IDENTITY_LABEL_TABLE(X)                                                                    \
        X(SANDBOX, "daytona.sandbox_name")                                                         \
        X(ORGANIZATION, "daytona.organization_id")                                                 \
        X(WORKSPACE, "daytona.workspace.id")                                                       \
        X(WORKSPACE_PROJECT, "daytona.workspace.project.name")                                     \
        X(DEVCONTAINER_FOLDER, "devcontainer.local_folder")                                        \
        X(COMPOSE_PROJECT, "com.docker.compose.project")                                           \
        X(COMPOSE_SERVICE, "com.docker.compose.service")                                           \
        X(COMPOSE_FOLDER, "com.docker.compose.project.working_dir")

#define LABEL_ENUM_(id, name) LABEL_##id,
enum identity_label { IDENTITY_LABEL_TABLE(LABEL_ENUM_) LABEL_COUNT };

/* A container as its engine describes it. Texts may be NULL or "": not known. */
struct identity_facts {
        enum engine_kind engine;
        const char *name, *image, *image_digest, *network, *runtime, *health;
        uint32_t failing_streak;
        const char *snapshot; /* DAYTONA_SANDBOX_SNAPSHOT of its environment variables */
        const char *labels[LABEL_COUNT];
        uint32_t notes; /* enum identity_note, of its labels */
};

/*
 * Notes a label. A value of IDENTITY_TEXT_SIZE bytes or more is none: half a name would be
 * another's.
 *
 * @number: how many labels came before it; from IDENTITY_LABELS_MAX on it is passed over
 */
void identity_add_label(
                struct identity_facts *facts, unsigned number, const char *name, const char *value);

/* The rules: environment, template, and which rule it was. The record must be that of @c. */
void identity_decide(const struct container *c, const struct identity_facts *facts,
                struct identity *ret);

/* What is known of a container without asking anybody. */
void identity_default(const struct container *c, struct identity *ret);

/*
 * Which engines can be asked about a container, by its cgroup, bundle and id.
 *
 * Returns: bit mask of 1 << enum engine_kind; 0: none, @ret_engine says whose it is where the
 *          cgroup shows it
 */
unsigned identity_engines(const struct container *c, enum engine_kind *ret_engine);

/* The id of a BuildKit build's step by its cgroup; NULL: it is none. */
const char *identity_build_id(const char *cgroup);

/* Whether a record that came from outside is about @c, and whole: texts end, numbers have names. */
bool identity_is_about(const struct identity *identity, const struct container *c);
