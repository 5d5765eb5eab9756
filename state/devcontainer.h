/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What devcontainer.json says that a project needs at least. It is a wish of the project's authors:
 * it lifts nothing, it only says below which limits the project is known not to work.
 *
 * Source: devcontainer.json reference, "Minimum host requirements"; units as the devcontainers CLI
 * reads them
 */
#pragma once

#include "state/error.h"

#define DEVCONTAINER_FILE_MAX MIB

struct devcontainer_needs {
        uint64_t cpus, memory_bytes, storage_bytes; /* 0: says nothing */
};

/*
 * Reads "hostRequirements" of a file's text: JSON with comments, and commas before a bracket.
 *
 * @text:  is changed
 * Errors: -EINVAL not of that form; @err says what
 */
int devcontainer_parse(char *text, size_t len, struct devcontainer_needs *ret, struct error *err);
