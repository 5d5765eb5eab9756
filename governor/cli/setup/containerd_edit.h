/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containerd's config.toml with a runtime "dtgov" for CRI. The lines are put at the end, between
 * two comments, and taken away from there; nothing else is touched. No I/O.
 *
 * Source: containerd docs/cri/config.md, of 1.6 and 2.0
 */
#pragma once

#include "state/error.h"

/*
 * @program: that "BinaryName" is to be
 * @ret:     the new text; the caller frees it. NULL when all is there already
 * Returns:  1 something changes, 0 nothing
 * Errors:   -EINVAL not TOML; -ENOTSUP CRI is switched off: there is nothing to set up; -EEXIST the
 *           lines cannot be put there safely: containerd_lines() are for a person
 */
int containerd_edit_setup(const char *text, const char *program, char **ret, struct error *err);

/* Returns: 1 something changes, 0 nothing. Errors: -EINVAL the end of our lines is missing */
int containerd_edit_undo(const char *text, char **ret, struct error *err);

/* The lines alone, as that document needs them. */
int containerd_lines(const char *text, const char *program, char **ret, struct error *err);

/* The program of the runtime "dtgov" that a document has. Returns: 1 found, 0 not; -EINVAL */
int containerd_program(const char *text, char *out, size_t size, struct error *err);

/* Whether CRI, to which such a runtime belongs, is there at all. */
bool containerd_has_cri(const char *text);
