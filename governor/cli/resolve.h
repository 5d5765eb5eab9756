/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a person types, made into what is meant: an id, or one container. Pure but for Docker's
 * names, which are read from its files when the caller may.
 */
#pragma once

#include "state/error.h"
#include "state/json.h"

/* A container as far as names go. @name is "" where none is known. */
struct place {
        const char *environment, *container_id, *runtime, *cgroup;
        char name[128];
        uint64_t cgroup_inode;
        const struct json *json; /* what the daemon said of it */
};

/* Whether @words are "P17": the letter and a number. */
bool is_id(const char *words, char letter);

/*
 * The container that is meant: by environment, name or id, "id@cgroup inode" where two runtimes
 * have the same id, else by the beginning of its id.
 *
 * Errors: -ENOENT none; -ENOTUNIQ several, which @err lists; @words empty -EINVAL
 */
int place_find(const struct place *places, size_t count, const char *words,
                const struct place **ret, struct error *err);

/*
 * Docker's name of a container, without the slash before it.
 *
 * @docker_dir: "/var/lib/docker"
 * Errors:      -EACCES the caller may not read it; -ENOENT not one of Docker's; -EINVAL
 */
int docker_name(const char *docker_dir, const char *container_id, char *out, size_t size);

/* Edits between two words: insert, delete, replace, swap of neighbours. At most 32 bytes count. */
unsigned word_distance(const char *a, const char *b);
