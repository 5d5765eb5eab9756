/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which runtime the wrapper stands for, and which hook it adds.
 */
#pragma once

#include "state/error.h"

#define RUNTIME_CONF_MAX 4096 /* bytes of the file */
#define RUNTIME_PATH_MAX 1024
#define RUNTIME_NAME_MAX 32 /* with the NUL */

struct runtime_conf {
        char runtime[RUNTIME_PATH_MAX];  /* "" when the file does not say */
        char hook[RUNTIME_PATH_MAX];     /* DTGOV_LIBEXECDIR "/dtgov-hook" when it does not say */
        char registry[RUNTIME_PATH_MAX]; /* "" when it does not say: the hook's own default */
};

/* What holds without a file. */
void runtime_conf_default(struct runtime_conf *ret);

/*
 * Reads a file of lines "key value": runtime, hook, registry, each an absolute path; empty lines
 * and lines that start with "#" are passed over. A line ends with LF or CRLF.
 *
 * @ret:    set to the defaults first; on failure it is the defaults
 * Returns: 0; 1 a line is none of these: @err names it, the others hold
 * Errors:  -ENOENT no such file; -EPERM it belongs to neither root nor the caller, or others may
 *          write it; -EINVAL such a line may be the one of the runtime, and no other names it; of
 *          open(2) and read(2)
 */
int runtime_conf_load(const char *path, struct runtime_conf *ret, struct error *err);

/* Whether "dtgov-NAME" is one of the wrapper's own names: that runtime needs no line. */
bool runtime_has_link(const char *name);

/* Whether runtime_find() of its last component may come to that path; a name alone, too. */
bool runtime_is_usual(const char *path);

/*
 * The runtime that the program's own name stands for: "dtgov-runc" is runc, also crun, sysbox-runc
 * and nvidia-container-runtime. Other names, "dtgov-runtime" too, stand for none.
 *
 * @argv0:  name or path that the program was called by; may be NULL
 * Returns: a static text, or NULL
 */
const char *runtime_of_name(const char *argv0);

/*
 * The name of a runtime as the hook's --runtime takes it: the last component, cut to 31 characters,
 * with "_" for all that is not of [A-Za-z0-9_.-]; "" when there is none.
 */
void runtime_name(const char *path, char out[static RUNTIME_NAME_MAX]);

/*
 * Finds an executable that is not this one itself, which may lie under the runtime's name, in the
 * directories where engines look.
 *
 * @name:  one component
 * Errors: -ENOENT
 */
int runtime_find(const char *name, char out[static RUNTIME_PATH_MAX]);

/*
 * The real runtime: by own name, else by configuration, else runc. What names a runtime and cannot
 * be understood leads to none: runc in place of another one would be less isolation than was asked
 * for, and would not know the containers of the other.
 *
 * @argv0:     as for runtime_of_name()
 * @conf_path: read only where the name does not say, so that the usual call opens no file
 * Errors:     -ENOENT there is none; -ELOOP it is this program; of runtime_conf_load()
 */
int runtime_resolve(const char *argv0, const char *conf_path, char out[static RUNTIME_PATH_MAX],
                struct error *err);

/* Whether @path is the program that runs now, by device and inode. */
bool runtime_is_self(const char *path);
