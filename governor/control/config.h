/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /etc/dtgov/dtgov.json: root's bounds and switches. Absent is the same as {}.
 *
 *     { "allow_unsandboxed": false,
 *       "guard": { "lower_memory_max": false, "reserve_bytes": 0, "memory_max_bytes": 8589934592,
 *                  "cpu_max_permille": 4000, "pids_max": 10000 },
 *       "probation": { "soak_sec": 10, "set": 60, "cpu-quota": 60, "memory-limit": 120 },
 *       "registries": { "daytona": "/daytona.slice" },
 *       "policies": [ { "below": "/daytona.slice", "rule": "cpu-quota", "mode": "auto",
 *                       "at_most": { "cpu.max": "4" }, "risk": "low", "probation_sec": 120 },
 *                     { "environment": "prod-*", "mode": "off" } ] }
 *
 * Without "policies" nothing is done without a person.
 */
#pragma once

#include "policies/rules/guard.h"
#include "policies/rules/policy.h"
#include "state/json.h"

#define CONFIG_FILE           "dtgov.json"
#define CONFIG_FILE_MAX       65536 /* bytes */
#define CONFIG_REGISTRIES_MAX 8

/* Where the hook of an engine in a container writes, and the cgroup below which that counts. */
struct config_registry {
        char name[64];
        char below[256];
};

struct config {
        bool allow_unsandboxed;
        struct guard_rules guard;
        uint64_t probation_sec[RULE_COUNT]; /* how long a change of that rule is watched */
        uint64_t soak_sec;                  /* and a step of a ladder */
        struct config_registry registries[CONFIG_REGISTRIES_MAX];
        size_t registries_count;
        struct policies policies;
};

/* What counts without a file. */
void config_default(struct config *ret);

/*
 * @dir:   the directory of the file
 * Errors: -EPERM the file or its directory is not root's own (or this user's), or others may write
 *         it (E_UNSAFE_PATH, with the command that mends it); -EINVAL not JSON, an unknown key, a
 *         value out of range; @err names file and key
 */
int config_load(const char *dir, struct config *ret, struct error *err);

/* --- config.c and config_policies.c ----------------------------------------------------------- */

/* Errors: -EINVAL; @err says which policy, which member, and what is wanted */
int config_load_policies(const struct json *array, struct policies *ret, struct error *err);

/* "/" would be everybody's, and "/." the same in disguise. */
bool config_is_below_root(const char *path);
