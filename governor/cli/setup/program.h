/* SPDX-License-Identifier: Apache-2.0 */
/* Runs an engine's own programs with the caller's rights: the only place that starts any. */
#pragma once

#include "state/error.h"

#define PROGRAM_OUTPUT_MAX (4 * MIB)
#define PROGRAM_PATIENCE_S 60 /* an engine that only says its version took 29 on a slow machine */

struct program_answer {
        int status; /* exit status; 128 and the signal */
        char *out;  /* what it printed; cut at PROGRAM_OUTPUT_MAX */
        char *said; /* what it said on stderr, without the line end */
};

void program_done(struct program_answer *a); /* for CLEANUP */

/*
 * Finds a program in the usual folders; the caller's PATH does not count.
 *
 * @root:   is put before the folders; "" but in tests
 * @name:   or a path
 * Returns: whether it is there; the path in @out
 */
bool program_find(const char *root, const char *name, char *out, size_t size);

/*
 * Runs a program to its end, with nothing on its standard input and an environment of its own.
 *
 * @argv:    its name first, NULL at the end
 * @seconds: then it is killed
 * @fd:      what it finds as descriptor 3; -1: nothing
 * @ret:     program_done() frees it, after a failure too
 * Errors:   -ENOENT it is not there; -ETIME it did not end; of the calls made
 */
int program_run(const char *root, const char *const *argv, unsigned seconds, int fd,
                struct program_answer *ret, struct error *err);
