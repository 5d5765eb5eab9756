/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Podman and CRI-O take hooks from folders, of which their configuration names the list. dtgov's
 * hook is a link in one of them to the file that came with dtgov: when dtgov goes, the link leads
 * nowhere and is passed over, where a copy would fail the start of every container.
 *
 * Source: oci-hooks(5); containers.conf(5); containers/common pkg/hooks/read.go, of 0.50
 */
#pragma once

#include "state/error.h"

#define HOOKS_LINK "/etc/containers/oci/hooks.d/dtgov.json"

/* An engine that takes hooks from folders. */
struct hooks_engine {
        const char *name, *title, *program;
        const char *files[3];    /* its configuration, what comes last counts */
        const char *folder;      /* whose *.conf come after those, by name */
        const char *drop_in;     /* dtgov's of them */
        const char *table, *key; /* where the list of folders is, as of toml_find() */
};

extern const struct hooks_engine hooks_podman, hooks_crio;

/* What its configuration says. */
struct hooks_state {
        bool is_read;   /* the folder of the link is in the list that counts */
        char from[256]; /* the last file but ours that has a list; "" */
        bool has_drop_in;
        bool has_link;    /* a link or a file is at HOOKS_LINK */
        char target[512]; /* where the link leads; "" for a file */
        char hook[512];   /* the hook that the file names; "" when it cannot be read */
        bool hook_is_missing;
        bool leads_nowhere; /* a link to what is not there */
};

/* Errors: -ENOENT not installed here; -ENOTSUP older than what dtgov was tried with */
int hooks_find(const char *root, const struct hooks_engine *e, struct error *err);

/*
 * Reads all of its configuration.
 *
 * Errors: -EINVAL a file is not TOML; of conf_load()
 */
int hooks_read(const char *root, const struct hooks_engine *e, struct hooks_state *ret,
                struct error *err);

/* What the drop-in is to hold: the folder of packages, and the one of the link. */
void hooks_drop_in(const struct hooks_engine *e, char *out, size_t size);
