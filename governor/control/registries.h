/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registries of engines in containers, as dtgov.json names them: RUN_DIR/registries/NAME, which the
 * container mounts where its hook writes. Its entries count only below the cgroup named there.
 */
#pragma once

#include "governor/control/config.h"

#include <systemd/sd-event.h>

struct control;

struct registries {
        int fd[CONFIG_REGISTRIES_MAX]; /* as many as are configured */
        int inotify_fd;
        sd_event_source *source;
};

/* Opens a folder for each, and makes it if need be. @folder: of all of them */
int registries_open(struct control *c, const char *folder, struct error *err);

/* Watches the folders. */
int registries_init(struct control *c);
void registries_done(struct control *c);

/* Enlists what they tell of. Errors: of nested_scan() */
int registries_scan(struct control *c);
