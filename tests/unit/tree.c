/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tree.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "state/file.h"

struct tree tree_make(void) {
        struct tree tree = { .fd = -1, .path = "/tmp/dtgov-test-XXXXXX" };

        assert_non_null(mkdtemp(tree.path));
        tree.fd = open(tree.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(tree.fd >= 0);
        return tree;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        (void)st;
        (void)type;
        (void)ftw;
        return remove(path);
}

void tree_remove(struct tree *tree) {
        (void)close(tree->fd);
        assert_int_equal(nftw(tree->path, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

void tree_mkdir(const struct tree *tree, const char *path) {
        char part[1024];

        for (const char *slash = path; *slash != '\0';) {
                slash = strchrnul(slash + 1, '/');
                (void)snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
                assert_true(mkdirat(tree->fd, part, 0755) == 0 || errno == EEXIST);
        }
}

void tree_write(const struct tree *tree, const char *path, const char *text) {
        const char *slash = strrchr(path, '/');
        char directory[1024];
        int fd;

        if (slash) {
                (void)snprintf(directory, sizeof(directory), "%.*s", (int)(slash - path), path);
                tree_mkdir(tree, directory);
        }
        fd = openat(tree->fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        assert_true(fd >= 0);
        assert_int_equal(file_write_all(fd, text, strlen(text)), 0);
        (void)close(fd);
}

int tree_open(const struct tree *tree, const char *path) {
        int fd = openat(tree->fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);

        assert_true(fd >= 0);
        return fd;
}
