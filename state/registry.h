/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry of running containers: a directory of small files, "<id>.<cgroup inode>.json". The
 * hook writes one without anybody's help; whoever starts later reads them all.
 */
#pragma once

#include "state/container.h"

#define REGISTRY_NAME_SIZE (CONTAINER_ID_SIZE + 32)

/* "<id>.<inode>.json" of a container, and back. Errors of parse: -EINVAL not such a name. */
void registry_name(const struct container *c, char out[static REGISTRY_NAME_SIZE]);
int registry_parse_name(const char *name, char id[static CONTAINER_ID_SIZE], uint64_t *ret_inode);

/*
 * Writes the container's file: a reader sees what was there before, or nothing in it yet, or all of
 * it; IN_CLOSE_WRITE or IN_MOVED_TO tells when. Errors: of file_create_at(), file_replace_at().
 */
int registry_put(int dir_fd, const struct container *c);

/* Reads one file by name. Errors: of file_read_at() and container_from_json(); -ENOENT also for one
 * that is being written. */
int registry_get(int dir_fd, const char *name, struct container *ret, struct error *err);

/* Removes one file; one that is gone already is no error. */
int registry_remove(int dir_fd, const char *name);

/* Calls @each for every name in the directory that is of the registry's form; stops when it
 * returns below 0 and hands that on. */
int registry_list(int dir_fd, int (*each)(void *data, const char *name), void *data);
