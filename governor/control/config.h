/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /etc/dtgov/dtgov.json: root's bounds and switches. Absent is the same as {}.
 *
 *     { "allow_unsandboxed": false,
 *       "guard": { "lower_memory_max": false, "reserve_bytes": 0, "memory_max_bytes": 8589934592,
 *                  "cpu_max_permille": 4000, "pids_max": 10000 } }
 */
#pragma once

#include "policies/rules/guard.h"

#define CONFIG_FILE     "dtgov.json"
#define CONFIG_FILE_MAX 65536 /* bytes */

struct config {
        bool allow_unsandboxed;
        struct guard_rules guard;
};

/*
 * @dir:   the directory of the file
 * Errors: -EPERM the file or its directory is not root's own (or this user's), or others may write
 *         it (E_UNSAFE_PATH, with the command that mends it); -EINVAL not JSON, an unknown key, a
 *         value out of range; @err names file and key
 */
int config_load(const char *dir, struct config *ret, struct error *err);
