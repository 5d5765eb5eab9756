/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An engine's configuration file: read with suspicion, replaced whole, with a copy of what was
 * there beside it. What a person, an editor or another program does to it meanwhile is not lost:
 * then nothing is written.
 */
#pragma once

#include "state/error.h"
#include "state/file.h"

#define CONF_MAX      (256 * KIB) /* bytes of a file */
#define CONF_PATH_MAX 512
#define CONF_BACKUP   ".dtgov-backup"

struct conf_file {
        char path[CONF_PATH_MAX];  /* with the root before it */
        char shown[CONF_PATH_MAX]; /* without */
        char *text;                /* "" when there is no file; of a link: where it leads */
        size_t len;
        struct stat st;
        bool exists, is_link;
};

/*
 * Reads a file.
 *
 * @root:  is put before @path; "" but in tests
 * @ret:   conf_done() frees it, after a failure too
 * Errors: -ELOOP a symbolic link; -EMEDIUMTYPE no regular file; -EFBIG; -EPERM others than root
 *         and the caller own it or may write it, or the folder; -EROFS it is read-only; -EBUSY an
 *         editor has it open; @err says what to do. A file that is missing is no error.
 */
int conf_load(const char *root, const char *path, struct conf_file *ret, struct error *err);

/* The same for what is to be a symbolic link. */
int conf_load_link(const char *root, const char *path, struct conf_file *ret, struct error *err);

void conf_done(struct conf_file *f); /* for CLEANUP */

/*
 * Writes the file as it is to be, makes its folder, and waits for the disk; the owner and the mode
 * stay. @f is then the new file.
 *
 * @text:  NULL: the file goes
 * Errors: -ESTALE it is no longer what was read; of the calls made. The file is the old or the new.
 */
int conf_write(struct conf_file *f, const char *text, struct error *err);

/* Copies what was read beside the file. A file that is missing has no copy. */
int conf_back_up(const struct conf_file *f, struct error *err);

/* The copy beside a file, as conf_load(); exists is false when there is none. */
int conf_load_backup(const char *root, const char *path, struct conf_file *ret, struct error *err);
