/* SPDX-License-Identifier: Apache-2.0 */
/* Which Docker there is on this host, and what it was started with. */
#pragma once

#include "state/error.h"

#include <sys/types.h>

#define DOCKER_CONFIG "/etc/docker/daemon.json"

struct docker_engine {
        char program[256]; /* of dockerd, without the root */
        char config[256];  /* its configuration file */
        char version[64];
        unsigned major;
        pid_t pid;        /* 0: it does not run */
        char others[256]; /* other dockerd that are installed beside it; "" */
        char flags[4096]; /* of the command line, or where it does not run of its unit */
};

/*
 * Errors: -ENOENT not installed here; -ENOTUNIQ installed twice, and none runs; -ENOTSUP from a
 *         snap, or older than 20.10; @err says what to do
 */
int docker_find(const char *root, struct docker_engine *ret, struct error *err);

/* The flag with which dockerd was started that daemon.json may then not hold; NULL: none. */
const char *docker_conflict(const struct docker_engine *e);

/* Tells it to read its configuration again: by systemd where that started it, else by SIGHUP. */
int docker_reload(const char *root, const struct docker_engine *e, struct error *err);
