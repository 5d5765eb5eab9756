/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/cli/setup/conf_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "state/text.h"

#define FILE_MODE   0644
#define FOLDER_MODE 0755

/* What editors leave beside a file that they have open: vim and nano, emacs. */
static const char *const editors[] = { ".%s.swp", ".#%s" };

/* The folder of a file, opened, and the name in it. */
static int open_folder(const struct conf_file *f, const char **ret_name) {
        const char *slash = strrchr(f->path, '/');
        char folder[CONF_PATH_MAX];
        int fd;

        (void)snprintf(folder, sizeof(folder), "%.*s", (int)(slash - f->path), f->path);
        *ret_name = slash + 1;
        fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

static bool is_trusted(const struct stat *st) {
        return (st->st_uid == 0 || st->st_uid == geteuid()) && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

static int check_editors(
                const struct conf_file *f, int folder, const char *name, struct error *err) {
        for (size_t i = 0; i < ARRAY_LEN(editors); i++) {
                char other[CONF_PATH_MAX];
                struct stat st;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
                (void)snprintf(other, sizeof(other), editors[i], name);
#pragma GCC diagnostic pop
                if (fstatat(folder, other, &st, AT_SYMLINK_NOFOLLOW) == 0)
                        return error_set(err, -EBUSY,
                                        "%s is open in an editor: end it, or remove %s beside it",
                                        f->shown, other);
        }
        return 0;
}

static int check_file(const struct conf_file *f, struct error *err) {
        if (!S_ISREG(f->st.st_mode))
                return error_set(err, -EMEDIUMTYPE, "%s is not a regular file", f->shown);
        if (f->st.st_size > (off_t)CONF_MAX)
                return error_set(err, -EFBIG, "%s is larger than %llu KiB", f->shown,
                                (unsigned long long)(CONF_MAX / KIB));
        if (!is_trusted(&f->st))
                return error_set(err, -EPERM,
                                "%s belongs to uid %u with mode %04o: want a file that only root "
                                "can write: sudo chown root: %s; sudo chmod go-w %s",
                                f->shown, f->st.st_uid, f->st.st_mode & 07777, f->shown, f->shown);
        if (!(f->st.st_mode & S_IWUSR))
                return error_set(err, -EROFS,
                                "%s is read-only (mode %04o): somebody protects it: sudo chmod u+w "
                                "%s",
                                f->shown, f->st.st_mode & 07777, f->shown);
        return 0;
}

static int read_link(struct conf_file *f, int folder, const char *name, struct error *err) {
        char target[CONF_PATH_MAX];
        ssize_t len = readlinkat(folder, name, target, sizeof(target) - 1);

        if (len < 0)
                return error_errno(err, -errno, "%s", f->shown);
        target[len] = '\0';
        free(f->text);
        f->text = strdup(target);
        f->len = (size_t)len;
        f->exists = true;
        return f->text ? 0 : error_set(err, -ENOMEM, "out of memory");
}

static int read_file(struct conf_file *f, int folder, const char *name, struct error *err) {
        char *text;
        int r = check_file(f, err);

        if (r == 0)
                r = check_editors(f, folder, name, err);
        if (r < 0)
                return r;
        r = file_load_at(folder, name, CONF_MAX, &text, &f->len);
        if (r < 0)
                return error_errno(err, r, "%s", f->shown);
        free(f->text);
        f->text = text;
        f->exists = true;
        if (strlen(text) != f->len)
                return error_set(err, -EINVAL, "%s holds a NUL byte", f->shown);
        return 0;
}

static int load(struct conf_file *f, struct error *err) {
        CLEANUP(closep) int folder = -1;
        const char *name;
        struct stat st;

        f->text = strdup("");
        if (!f->text)
                return error_set(err, -ENOMEM, "out of memory");
        folder = open_folder(f, &name);
        if (folder == -ENOENT)
                return 0;
        if (folder < 0 || fstat(folder, &st) < 0)
                return error_errno(err, folder < 0 ? folder : -errno, "the folder of %s", f->shown);
        if (!is_trusted(&st))
                return error_set(err, -EPERM, "others than root may write the folder of %s",
                                f->shown);
        if (fstatat(folder, name, &f->st, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? 0 : error_errno(err, -errno, "%s", f->shown);
        if (S_ISLNK(f->st.st_mode)) {
                int r = read_link(f, folder, name, err);

                if (r == 0 && !f->is_link)
                        return error_set(err, -ELOOP,
                                        "%s is a symbolic link to %s: dtgov does not write through "
                                        "it; edit what made it",
                                        f->shown, f->text);
                return r;
        }
        f->is_link = false;
        return read_file(f, folder, name, err);
}

static int set_path(struct conf_file *f, const char *root, const char *path, const char *suffix,
                struct error *err) {
        int n = snprintf(f->path, sizeof(f->path), "%s%s%s", root, path, suffix);

        if (n < 0 || (size_t)n >= sizeof(f->path))
                return error_set(err, -ENAMETOOLONG, "the name of the file is too long");
        (void)snprintf(f->shown, sizeof(f->shown), "%s%s", path, suffix);
        return 0;
}

int conf_load(const char *root, const char *path, struct conf_file *ret, struct error *err) {
        int r;

        *ret = (struct conf_file){ 0 };
        r = set_path(ret, root, path, "", err);
        return r < 0 ? r : load(ret, err);
}

int conf_load_link(const char *root, const char *path, struct conf_file *ret, struct error *err) {
        int r;

        *ret = (struct conf_file){ .is_link = true };
        r = set_path(ret, root, path, "", err);
        return r < 0 ? r : load(ret, err);
}

int conf_load_backup(const char *root, const char *path, struct conf_file *ret, struct error *err) {
        int r;

        *ret = (struct conf_file){ 0 };
        r = set_path(ret, root, path, CONF_BACKUP, err);
        return r < 0 ? r : load(ret, err);
}

void conf_done(struct conf_file *f) {
        free(TAKE(f->text));
}

/* Whether the file is what was read: the same bytes in the same inode. */
static int check_same(const struct conf_file *f, struct error *err) {
        CLEANUP(conf_done) struct conf_file now = { .is_link = f->is_link };
        int r;

        (void)text_copy(now.path, sizeof(now.path), f->path);
        (void)text_copy(now.shown, sizeof(now.shown), f->shown);
        r = load(&now, err);
        if (r < 0)
                return r;
        if (now.exists != f->exists || now.is_link != f->is_link ||
                        strcmp(now.text, f->text) != 0 ||
                        (now.exists && (now.st.st_ino != f->st.st_ino ||
                                                       now.st.st_mode != f->st.st_mode)))
                return error_set(err, -ESTALE,
                                "%s was changed meanwhile, by somebody else: nothing was written",
                                f->shown);
        return 0;
}

/* Makes the folders on the way to the file. */
static int make_folders(const struct conf_file *f) {
        char path[CONF_PATH_MAX];

        for (const char *slash = strchr(f->path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                (void)snprintf(path, sizeof(path), "%.*s", (int)(slash - f->path), f->path);
                if (mkdir(path, FOLDER_MODE) < 0 && errno != EEXIST)
                        return -errno;
        }
        return 0;
}

static int replace_link(int folder, const char *name, const char *target) {
        char temp[CONF_PATH_MAX];
        int r = file_temp_name(name, temp, sizeof(temp));

        if (r < 0)
                return r;
        (void)unlinkat(folder, temp, 0);
        if (symlinkat(target, folder, temp) < 0)
                return -errno;
        if (renameat(folder, temp, folder, name) < 0) {
                r = -errno;
                (void)unlinkat(folder, temp, 0);
                return r;
        }
        return 0;
}

static int put(const struct conf_file *f, const char *text) {
        CLEANUP(closep) int folder = -1;
        const char *name;
        int r = text ? make_folders(f) : 0;

        if (r < 0)
                return r;
        folder = open_folder(f, &name);
        if (folder < 0)
                return folder;
        if (!text)
                r = unlinkat(folder, name, 0) < 0 ? -errno : 0;
        else if (f->is_link)
                r = replace_link(folder, name, text);
        else if (f->exists)
                r = file_replace_like_at(folder, name, text, strlen(text), &f->st, true);
        else
                r = file_replace_at(folder, name, text, strlen(text), FILE_MODE, true);
        if (r == 0 && fsync(folder) < 0)
                r = -errno;
        return r;
}

int conf_write(struct conf_file *f, const char *text, struct error *err) {
        bool is_link = f->is_link;
        int r = check_same(f, err);

        if (r < 0)
                return r;
        r = put(f, text);
        if (r < 0)
                return error_errno(err, r, "%s cannot be written", f->shown);
        conf_done(f);
        f->exists = false;
        f->is_link = is_link;
        return load(f, err);
}

int conf_back_up(const struct conf_file *f, struct error *err) {
        struct conf_file copy = *f;
        int r;

        if (!f->exists)
                return 0;
        r = snprintf(copy.path, sizeof(copy.path), "%s%s", f->path, CONF_BACKUP);
        if (r < 0 || (size_t)r >= sizeof(copy.path))
                return error_set(err, -ENAMETOOLONG, "the name of the file is too long");
        r = put(&copy, f->text);
        return r < 0 ? error_errno(err, r, "%s%s cannot be written", f->shown, CONF_BACKUP) : 0;
}
