/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trees of small files in a temporary directory: fixtures of /proc and of a cgroup hierarchy.
 */
#pragma once

#include "state/base.h"

struct tree {
        int fd; /* of the directory */
        char path[64];
};

/* Makes an empty directory; tree_remove() it. */
struct tree tree_make(void);
void tree_remove(struct tree *tree);

/* Writes a file below, and makes the directories on the way to it. */
void tree_write(const struct tree *tree, const char *path, const char *text);

/* Makes a directory below, and those on the way to it. */
void tree_mkdir(const struct tree *tree, const char *path);

/* Opens a directory below; the caller closes it. */
int tree_open(const struct tree *tree, const char *path);
