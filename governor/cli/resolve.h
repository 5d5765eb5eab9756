/* SPDX-License-Identifier: Apache-2.0 */
/* What a person types, made into what is meant: an id, or one container. Pure. */
#pragma once

#include "state/error.h"
#include "state/json.h"

/* A container as far as names go; texts are "" where nothing is known. */
struct place {
        const char *environment, *name, *container_id, *runtime, *cgroup;
        uint64_t cgroup_inode;
        const struct json *json; /* what the daemon said of it */
};

/* Whether @words are "P17": the letter and a number. */
bool is_id(const char *words, char letter);

/*
 * The container that is meant: by environment, name or id, else by the end of its environment
 * behind a slash, else by the beginning of its id, with "@cgroup inode" where two runtimes have the
 * same.
 *
 * @also:  one that @words stand for in another way; NULL: none
 * Errors: -ENOENT none; -ENOTUNIQ several, which @err lists; @words empty -EINVAL
 */
int place_find(const struct place *places, size_t count, const char *words,
                const struct place *also, const struct place **ret, struct error *err);

/* Whether @words name the environment of the place, wholly or by what stands last in it. */
bool place_is_in(const struct place *place, const char *words);

/* Edits between two words: insert, delete, replace, swap of neighbours. At most 32 bytes count. */
unsigned word_distance(const char *a, const char *b);
