/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The project in whose folder dtgov is run: its devcontainer.json is read with the caller's rights,
 * and what it needs at least is a floor for what the caller sets.
 */
#pragma once

#include "state/devcontainer.h"

#define PROJECT_PATH_MAX 1024

struct project {
        char folder[PROJECT_PATH_MAX]; /* absolute, without a slash at its end */
        const char *file;              /* below it */
        struct devcontainer_needs needs;
};

/*
 * Looks in @start and above for .devcontainer/devcontainer.json or .devcontainer.json.
 *
 * @start:  an absolute folder
 * Returns: 1 found, 0 none
 * Errors:  -EINVAL and those of file_load_at(): there is one and it cannot be used; @err says why,
 *          and @ret has its folder and file
 */
int project_find(const char *start, struct project *ret, struct error *err);

/* The same from where the caller is. */
int project_here(struct project *ret, struct error *err);
