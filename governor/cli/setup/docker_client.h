/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is asked of a running engine, by its own client: docker, or podman, which takes the same
 * words. It is asked by its own socket, whatever the caller's DOCKER_HOST and contexts say.
 */
#pragma once

#include "governor/cli/setup/docker_edit.h"

struct client {
        const char *root;
        bool is_podman;
};

/*
 * The default runtime of the engine that runs.
 *
 * Errors: -ENOENT there is no client; -EHOSTDOWN the engine does not answer; -ETIME
 */
int client_default_runtime(
                const struct client *c, char out[static DOCKER_NAME_MAX], struct error *err);

/* Whether it has a runtime of that name. Errors: as above */
int client_has_runtime(const struct client *c, const char *name, struct error *err);

/*
 * The containers, stopped ones too, that were made with one of these runtimes.
 *
 * @names:  "api, web and 3 more", cut where it does not fit
 * Returns: how many
 * Errors:  as above
 */
int client_containers(const struct client *c, const struct docker_config *runtimes, char *names,
                size_t size, struct error *err);

enum trial {
        TRIAL_RAN,      /* a container ran, and ended as it should */
        TRIAL_NO_IMAGE, /* no image is here */
        TRIAL_FAILED,   /* none ran, for want of "true" in the image too; @err says why */
};

/*
 * Runs "true" in a container of an image that is here, without a network, and removes it.
 *
 * @runtime: NULL: the default
 * @image:   its name, when there is one
 */
enum trial client_try(const struct client *c, const char *runtime, char *image, size_t size,
                struct error *err);
