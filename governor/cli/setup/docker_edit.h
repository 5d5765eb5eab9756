/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Docker's daemon.json, before and after: which runtime is its default, and dtgov's in its place.
 * No I/O. A runtime is dtgov's when its program is called "dtgov-...".
 *
 * Source: dockerd(8); moby daemon/config: a key that is taken away keeps its old value at a reload
 */
#pragma once

#include "state/error.h"

#define DOCKER_RUNTIME      "dtgov"
#define DOCKER_NAME_MAX     128
#define DOCKER_PATH_MAX     1024
#define DOCKER_RUNTIMES_MAX 16

/* What a daemon.json says. */
struct docker_config {
        char default_runtime[DOCKER_NAME_MAX]; /* "runc" when it does not say */
        bool default_is_ours;
        char default_path[DOCKER_PATH_MAX]; /* the default's program, "" where Docker knows it */
        /* The runtimes that are dtgov's, or were: "dtgov" too; their programs. */
        char ours[DOCKER_RUNTIMES_MAX][DOCKER_NAME_MAX];
        char ours_path[DOCKER_RUNTIMES_MAX][DOCKER_PATH_MAX];
        size_t ours_count;
};

/* What dtgov's runtime stands before. */
struct docker_chain {
        char program[DOCKER_NAME_MAX]; /* in LIBEXECDIR: "dtgov-runtime", "dtgov-crun" */
        char real[DOCKER_PATH_MAX];    /* what it executes then, name or path */
        char others[512];              /* "dtgov-nvidia, dtgov-crun": of other runtimes; "" */
};

/* What setup is to do. */
struct docker_wish {
        const char *libexec; /* where dtgov's programs are */
        const char *real;    /* what /etc/dtgov/runtime.conf names; "" when nothing */
        bool opt_in;         /* the default stays: who wants dtgov's runtime asks for it */
};

/*
 * @text:   "" or blanks are an empty configuration
 * Errors:  -EINVAL not JSON, or not what dockerd takes
 */
int docker_config_read(const char *text, struct docker_config *ret, struct error *err);

/*
 * dtgov's runtime before the one that is the default now, and as the default; and "dtgov-NAME"
 * before each other runtime NAME whose program the wrapper knows by name.
 *
 * @ret:    the new text; the caller frees it. NULL when all is there already
 * Returns: 1 something changes, 0 nothing
 * Errors:  -EINVAL as above; -EEXIST a runtime of that name is somebody else's, or dtgov's is the
 *          default where it is to be none; -ENOTSUP the default cannot be chained; @err says what
 *          to do
 */
int docker_edit_setup(const char *text, const struct docker_wish *wish, struct docker_chain *chain,
                char **ret, struct error *err);

/*
 * The former default again, written out.
 *
 * @former: the default
 * @keep:   dtgov's runtimes stay, since containers name them
 * @reals:  what their programs become then, in the order of docker_config's; one that is "" and
 *          NULL for all: they stay, too
 * Returns: 1 something changes, 0 nothing
 */
int docker_edit_undo(const char *text, const char *former, bool keep,
                const char (*reals)[DOCKER_PATH_MAX], char **ret, struct error *err);

/*
 * Which runtime was the default before dtgov's.
 *
 * @backup: the text before, NULL when there is none
 */
void docker_former(const char *text, const char *backup, char out[static DOCKER_NAME_MAX]);

/* "crun" of ".../dtgov-crun"; "runc" of dtgov-runtime; NULL: not dtgov's. */
const char *docker_real_of(const char *path);
