/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts dtgov's hooks into the config.json of a bundle. Everything else in it stays as it was:
 * order, unknown members, and numbers digit by digit.
 */
#pragma once

#include "state/json.h"

#define CONFIG_SIZE_MAX (1 * MIB)

/* The entry that is added. */
struct hook_entry {
        const char *path;     /* absolute; an entry with this path is ours */
        const char *registry; /* directory; NULL: the hook's own default */
        const char *runtime;  /* name of the real runtime; NULL: the hook finds out */
};

/*
 * The document with the hooks in it: createRuntime and poststop, or, for a document older than
 * runtime-spec 1.0.2, which may meet a runtime that knows no createRuntime, prestart and poststop.
 *
 * @w:      where the new text goes, without anything in it yet
 * Returns: 1 written, 0 the hooks are there already and nothing was written
 * Errors:  -EINVAL not an OCI configuration; -ENOMEM
 */
int runtime_edit_text(const char *text, size_t len, const struct hook_entry *hook,
                struct json_writer *w, struct error *err);

/*
 * The same for a file, replaced by rename(2) with owner and mode kept. Whatever fails, the file is
 * the old or the new one.
 *
 * @bundle: directory, not a symbolic link
 * @name:   of the file in it, one component
 * Errors:  -EMEDIUMTYPE not a regular file; -EFBIG larger than CONFIG_SIZE_MAX; of
 *          runtime_edit_text() and of the calls made
 */
int runtime_edit_bundle(const char *bundle, const char *name, const struct hook_entry *hook,
                struct error *err);

/* Removes the temporary file of a runtime_edit_bundle() that a signal ended. Safe in a handler. */
void runtime_edit_abandon(void);
