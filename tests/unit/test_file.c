/* SPDX-License-Identifier: Apache-2.0 */
/* Reading with a bound, and replacing whole, in a directory of its own. */
#include "state/file.h"
#include "tests/unit/tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cmocka.h>

/* The program's own fsync(2): it counts, and fails at will. */
static int sync_error;
static unsigned sync_count;

int fsync(int fd) {
        (void)fd;
        sync_count++;
        errno = sync_error;
        return sync_error != 0 ? -1 : 0;
}

/* While set, every write(2) takes one byte, or fails when none is left. */
static ssize_t write_left = -1;

ssize_t write(int fd, const void *data, size_t len) {
        if (write_left < 0)
                return syscall(SYS_write, fd, data, len);
        if (write_left == 0) {
                errno = ENOSPC;
                return -1;
        }
        write_left--;
        return syscall(SYS_write, fd, data, (size_t)1);
}

static int make_place(void **state) {
        static struct tree tree;

        tree = tree_make();
        *state = &tree;
        sync_error = 0;
        sync_count = 0;
        write_left = -1;
        return 0;
}

static int drop_place(void **state) {
        write_left = -1;
        tree_remove(*state);
        return 0;
}

/* How many names the directory holds. */
static int names(const struct tree *tree) {
        DIR *dir = opendir(tree->path);
        int count = 0;

        assert_non_null(dir);
        for (struct dirent *entry; (entry = readdir(dir));)
                count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
        (void)closedir(dir);
        return count;
}

static void assert_content(const struct tree *tree, const char *name, const char *want) {
        char text[64];

        assert_int_equal(file_read_at(tree->fd, name, text, sizeof(text)), strlen(want));
        assert_string_equal(text, want);
}

static void what_is_read_fits_with_its_end_or_is_refused(void **state) {
        const struct tree *tree = *state;
        char text[8];

        tree_write(tree, "empty", "");
        tree_write(tree, "seven", "1234567");
        tree_write(tree, "eight", "12345678");
        assert_int_equal(file_read_at(tree->fd, "empty", text, sizeof(text)), 0);
        assert_string_equal(text, "");
        assert_int_equal(file_read_at(tree->fd, "seven", text, sizeof(text)), 7);
        assert_string_equal(text, "1234567");
        assert_int_equal(file_read_at(tree->fd, "eight", text, sizeof(text)), -EFBIG);
        assert_int_equal(file_read_at(tree->fd, "empty", text, 1), 0);
        assert_int_equal(file_read_at(tree->fd, "none", text, sizeof(text)), -ENOENT);
}

static void reading_waits_for_no_fifo_and_follows_no_link(void **state) {
        const struct tree *tree = *state;
        char text[8], *loaded = NULL;
        size_t len;

        tree_write(tree, "file", "x");
        tree_mkdir(tree, "dir");
        assert_int_equal(mkfifoat(tree->fd, "fifo", 0600), 0);
        assert_int_equal(symlinkat("file", tree->fd, "link"), 0);
        /* Nobody writes: that is the end of the file. */
        assert_int_equal(file_read_at(tree->fd, "fifo", text, sizeof(text)), 0);
        assert_int_equal(file_read_at(tree->fd, "link", text, sizeof(text)), -ELOOP);
        assert_int_equal(file_read_at(tree->fd, "dir", text, sizeof(text)), -EISDIR);
        assert_int_equal(file_load_at(tree->fd, "fifo", 8, &loaded, &len), -EMEDIUMTYPE);
        assert_int_equal(file_load_at(tree->fd, "link", 8, &loaded, &len), -ELOOP);
        assert_int_equal(file_load_at(tree->fd, "dir", 8, &loaded, &len), -EMEDIUMTYPE);
        assert_null(loaded);
}

static void a_file_is_loaded_up_to_the_limit(void **state) {
        const struct tree *tree = *state;
        char *text = NULL;
        size_t len = 0;

        tree_write(tree, "seven", "1234567");
        assert_int_equal(file_load_at(tree->fd, "seven", 6, &text, &len), -EFBIG);
        assert_null(text);
        assert_int_equal(file_load_at(tree->fd, "seven", 7, &text, &len), 0);
        assert_int_equal(len, 7);
        assert_string_equal(text, "1234567");
        free(text);
}

static void a_file_that_says_it_is_empty_and_is_not_is_refused(void **state) {
        char *text = NULL;
        size_t len;

        (void)state;
        /* Like a file that grows between fstat(2) and read(2). */
        assert_int_equal(file_load_at(AT_FDCWD, "/proc/self/status", 4096, &text, &len), -EFBIG);
        assert_null(text);
}

static void a_file_is_made_whole_or_not_at_all(void **state) {
        const struct tree *tree = *state;

        assert_int_equal(file_create_at(tree->fd, "file", "new", 3, 0600), 0);
        assert_content(tree, "file", "new");
        assert_int_equal(file_create_at(tree->fd, "file", "other", 5, 0600), -EEXIST);
        assert_content(tree, "file", "new");
        write_left = 2;
        assert_int_equal(file_create_at(tree->fd, "half", "new", 3, 0600), -ENOSPC);
        write_left = -1;
        assert_int_equal(names(tree), 1);
}

static void a_file_is_replaced_whole_with_its_mode(void **state) {
        const struct tree *tree = *state;
        struct stat st;

        tree_write(tree, "file", "a longer text than the next");
        assert_int_equal(file_replace_at(tree->fd, "file", "new", 3, 0600, false), 0);
        assert_content(tree, "file", "new");
        assert_int_equal(fstatat(tree->fd, "file", &st, 0), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        assert_int_equal(file_replace_at(tree->fd, "other", "", 0, 0600, false), 0);
        assert_content(tree, "other", "");
        assert_int_equal(names(tree), 2);
        assert_int_equal(sync_count, 0);
}

static void writing_goes_on_after_a_short_write(void **state) {
        const struct tree *tree = *state;

        write_left = 5;
        assert_int_equal(file_replace_at(tree->fd, "file", "12345", 5, 0600, false), 0);
        write_left = -1;
        assert_content(tree, "file", "12345");
}

static void what_fails_leaves_the_old_file_and_no_temporary_one(void **state) {
        const struct tree *tree = *state;
        char name[300];

        tree_write(tree, "file", "old");
        write_left = 2;
        assert_int_equal(file_replace_at(tree->fd, "file", "new", 3, 0600, false), -ENOSPC);
        write_left = -1;
        sync_error = EIO;
        assert_int_equal(file_replace_at(tree->fd, "file", "new", 3, 0600, true), -EIO);
        assert_content(tree, "file", "old");
        tree_mkdir(tree, "dir");
        assert_int_equal(file_replace_at(tree->fd, "dir", "new", 3, 0600, false), -EISDIR);
        memset(name, 'x', sizeof(name) - 1);
        name[sizeof(name) - 1] = '\0';
        assert_int_equal(file_replace_at(tree->fd, name, "new", 3, 0600, false), -ENAMETOOLONG);
        assert_int_equal(file_replace_at(tree->fd, "none/file", "new", 3, 0600, false), -ENOENT);
        assert_int_equal(names(tree), 2);
}

static void a_temporary_file_that_was_left_is_no_obstacle(void **state) {
        const struct tree *tree = *state;
        char name[64];

        (void)snprintf(name, sizeof(name), ".file.%d", (int)getpid());
        assert_int_equal(symlinkat("/etc/passwd", tree->fd, name), 0);
        assert_int_equal(file_replace_at(tree->fd, "file", "new", 3, 0600, false), 0);
        assert_content(tree, "file", "new");
        assert_int_equal(names(tree), 1);
}

static void durable_waits_for_file_and_directory(void **state) {
        const struct tree *tree = *state;

        assert_int_equal(file_replace_at(tree->fd, "file", "new", 3, 0600, true), 0);
        assert_content(tree, "file", "new");
        assert_int_equal(sync_count, 2);
}

static void a_file_that_is_like_another_has_its_mode_and_no_other_name(void **state) {
        const struct tree *tree = *state;
        struct stat like, st;

        tree_write(tree, "a", "old");
        assert_int_equal(fchmodat(tree->fd, "a", 0640, 0), 0);
        assert_int_equal(fstatat(tree->fd, "a", &like, 0), 0);
        assert_int_equal(file_replace_like_at(tree->fd, "a", "new", 3, &like, true), 0);
        assert_content(tree, "a", "new");
        assert_int_equal(fstatat(tree->fd, "a", &st, 0), 0);
        assert_int_equal(st.st_mode & 07777, 0640);
        assert_int_equal(st.st_uid, like.st_uid);
        assert_int_equal(names(tree), 1);
        assert_int_equal(sync_count, 2);
}

int main(void) {
#define TEST(function) cmocka_unit_test_setup_teardown(function, make_place, drop_place)
        const struct CMUnitTest tests[] = {
                TEST(what_is_read_fits_with_its_end_or_is_refused),
                TEST(reading_waits_for_no_fifo_and_follows_no_link),
                TEST(a_file_is_loaded_up_to_the_limit),
                TEST(a_file_that_says_it_is_empty_and_is_not_is_refused),
                TEST(a_file_is_made_whole_or_not_at_all),
                TEST(a_file_is_replaced_whole_with_its_mode),
                TEST(writing_goes_on_after_a_short_write),
                TEST(what_fails_leaves_the_old_file_and_no_temporary_one),
                TEST(a_temporary_file_that_was_left_is_no_obstacle),
                TEST(durable_waits_for_file_and_directory),
                TEST(a_file_that_is_like_another_has_its_mode_and_no_other_name),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
