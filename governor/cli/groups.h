/* SPDX-License-Identifier: Apache-2.0 */
/* Containers summed up by what they have in common: "ps --by template". */
#pragma once

#include "governor/cli/cli.h"

/* Whether containers can be grouped by that. */
bool groups_know(const char *by);

/* Prints a line, or with --json an object, for each group, largest use of CPU first. */
int print_groups(struct cli *c, const char *by);
