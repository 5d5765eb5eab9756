/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of an OCI runtime, as far as the wrapper must understand it: which command it
 * is, where the bundle lies, where errors are logged. Nothing is changed, nothing is copied.
 */
#pragma once

#include "state/base.h"

struct runtime_args {
        const char *command; /* first positional; NULL when there is none */
        const char *bundle;  /* last --bundle or -b; NULL: the current directory */
        const char *config;  /* crun's --config; NULL: "config.json" */
        const char *log;     /* --log; NULL when there is none */
        bool edit;           /* the command builds a container from a bundle */
};

/*
 * Reads @argv of runc, crun and what is built like them. Flags have one or two dashes, their values
 * follow "=" or are the next argument; global flags come before the command, the others anywhere
 * behind it until "--".
 *
 * @ret:   filled in even on failure, as far as it was understood, with @ret->edit false
 * Errors: -EINVAL a global flag that is not known: whether the next argument is its value or the
 *         command cannot be told
 * Source: runc 1.1 main.go, create.go, run.go, restore.go; crun 1.8 crun.c, create.c, run.c
 */
int runtime_args_parse(int argc, char *const argv[], struct runtime_args *ret);
