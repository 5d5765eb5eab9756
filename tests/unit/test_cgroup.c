/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/kernel/cgroup.h"
#include "governor/kernel/cgroup_write.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "tests/unit/tree.h"

struct fixture {
        struct tree tree;
        struct cgroup_root root;
        int fd; /* of /a/b */
};

static int set_up(void **state) {
        struct fixture *f = calloc(1, sizeof(*f));

        assert_non_null(f);
        f->tree = tree_make();
        tree_mkdir(&f->tree, "a/b");
        f->fd = tree_open(&f->tree, "a/b");
        assert_int_equal(cgroup_root_open(f->tree.path, &f->root, NULL), 0);
        *state = f;
        return 0;
}

static int tear_down(void **state) {
        struct fixture *f = *state;

        (void)close(f->fd);
        cgroup_root_close(&f->root);
        tree_remove(&f->tree);
        free(f);
        return 0;
}

static void a_plain_directory_is_a_fixture(void **state) {
        struct fixture *f = *state;

        assert_true(f->root.fixture);
        assert_string_equal(f->root.path, f->tree.path);
        assert_string_equal(f->root.prefix, "");
}

static void a_root_that_does_not_exist_is_told(void **state) {
        struct cgroup_root root;
        struct error err;

        (void)state;
        assert_int_equal(cgroup_root_open("/nowhere/at/all", &root, &err), -ENOENT);
        assert_non_null(strstr(err.text, "/nowhere/at/all"));
}

static void the_machine_has_unified_cgroups_or_is_refused_by_name(void **state) {
        struct cgroup_root root;
        struct error err;
        int r;

        (void)state;
        r = cgroup_root_open(NULL, &root, &err);
        if (r == 0) {
                assert_false(root.fixture);
                cgroup_root_close(&root);
                return;
        }
        assert_int_equal(r, -ENOTSUP);
        assert_non_null(strstr(err.text, "needs unified cgroup v2; found "));
        assert_non_null(strstr(err.text, ": dtgov doctor says how to get it"));
}

static int open_code(const struct fixture *f, const char *path) {
        int fd = -1, r;

        r = cgroup_open(&f->root, path, &fd, NULL, NULL);
        if (r == 0)
                (void)close(fd);
        return r;
}

static void an_opened_cgroup_is_the_directory_below_the_root(void **state) {
        struct fixture *f = *state;
        uint64_t inode = 0;
        struct stat st;
        int fd = -1;

        assert_int_equal(cgroup_open(&f->root, "/a/b", &fd, &inode, NULL), 0);
        assert_int_equal(fstat(f->fd, &st), 0);
        assert_int_equal(inode, st.st_ino);
        (void)close(fd);
        assert_int_equal(open_code(f, "/"), 0);
        assert_int_equal(open_code(f, "/a/none"), -ENOENT);
}

static void paths_that_leave_the_root_are_refused(void **state) {
        struct fixture *f = *state;

        assert_int_equal(symlinkat("/tmp", f->tree.fd, "out"), 0);
        assert_int_equal(symlinkat("a", f->tree.fd, "in"), 0);
        assert_int_equal(open_code(f, "/../tmp"), -EXDEV);
        assert_int_equal(open_code(f, "/a/.."), -EXDEV);
        assert_int_equal(open_code(f, "/out"), -ELOOP);
        assert_int_equal(open_code(f, "/in/b"), -ELOOP);
        assert_int_equal(open_code(f, "a"), -EINVAL);
        tree_write(&f->tree, "file", "");
        assert_int_equal(open_code(f, "/file"), -ENOTDIR);
}

static void a_prefix_restricts_what_is_governed(void **state) {
        struct fixture *f = *state;

        (void)snprintf(f->root.prefix, sizeof(f->root.prefix), "/a");
        tree_mkdir(&f->tree, "ab");
        assert_int_equal(open_code(f, "/a"), 0);
        assert_int_equal(open_code(f, "/a/b"), 0);
        assert_int_equal(open_code(f, "/ab"), -EXDEV);
        assert_int_equal(open_code(f, "/"), -EXDEV);
}

static void a_directory_that_is_not_on_cgroup2_is_refused(void **state) {
        struct fixture *f = *state;

        f->root.fixture = false;
        assert_int_equal(open_code(f, "/a"), -EINVAL);
}

/* Row 18 of the fault catalogue. */
static void numbers_of_a_file_are_read_whole_or_not_at_all(void **state) {
        static const struct {
                const char *text;
                int code;
                uint64_t value;
        } rows[] = {
                { "max\n", 0, KNOB_MAX },
                { "0\n", 0, 0 },
                { "4096", 0, 4096 },
                { "18446744073709551615\n", 0, UINT64_MAX },
                { "18446744073709551616\n", -ERANGE, 0 },
                { "12abc\n", -EINVAL, 0 },
                { "-1\n", -EINVAL, 0 },
                { "\n", -EINVAL, 0 },
                { "", -EINVAL, 0 },
                { "1\n2\n", -EINVAL, 0 },
                { "0000000000000000000000000000000000000000000000000000000000000000001", -EINVAL,
                                0 },
        };
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                uint64_t value = 0;

                tree_write(&f->tree, "a/b/memory.max", rows[i].text);
                assert_int_equal(cgroup_read_u64(f->fd, "memory.max", &value), rows[i].code);
                assert_int_equal(value, rows[i].value);
        }
        assert_int_equal(cgroup_read_u64(f->fd, "memory.high", &(uint64_t){ 0 }), -ENOENT);
}

/* Row 16. */
static void known_keys_are_found_among_unknown_and_huge_ones(void **state) {
        struct fixture *f = *state;
        uint64_t value = 0;

        tree_write(&f->tree, "a/b/memory.events",
                        "new_key 1\nlow 18446744073709551616\nhigh 7\nmax x\noom 9");
        assert_int_equal(cgroup_read_key(f->fd, "memory.events", "high", &value), 0);
        assert_int_equal(value, 7);
        assert_int_equal(cgroup_read_key(f->fd, "memory.events", "oom", &value), 0);
        assert_int_equal(value, 9);
        assert_int_equal(cgroup_read_key(f->fd, "memory.events", "low", &value), -ENODATA);
        assert_int_equal(cgroup_read_key(f->fd, "memory.events", "max", &value), -ENODATA);
        assert_int_equal(cgroup_read_key(f->fd, "memory.events", "oom_kill", &value), -ENODATA);
        assert_int_equal(cgroup_read_key(f->fd, "pids.events", "max", &value), -ENOENT);
}

static void populated_is_told_and_a_missing_file_means_gone(void **state) {
        struct fixture *f = *state;

        assert_int_equal(cgroup_populated(f->fd), -ENODEV);
        tree_write(&f->tree, "a/b/cgroup.events", "populated 1\nfrozen 0\n");
        assert_int_equal(cgroup_populated(f->fd), 1);
        tree_write(&f->tree, "a/b/cgroup.events", "populated 0\nfrozen 0\n");
        assert_int_equal(cgroup_populated(f->fd), 0);
}

static void limits_hold_what_files_there_are(void **state) {
        struct fixture *f = *state;
        struct limits limits;

        assert_int_equal(cgroup_read_limits(f->fd, &limits), -ENODEV);
        tree_write(&f->tree, "a/b/memory.max", "max\n");
        tree_write(&f->tree, "a/b/io.max",
                        "8:0 rbps=1 wbps=max riops=max wiops=max\n8:16 rbps=2\n");
        assert_int_equal(cgroup_read_limits(f->fd, &limits), 0);
        assert_string_equal(limits.text[KNOB_MEMORY_MAX], "max");
        assert_string_equal(limits.text[KNOB_IO_MAX],
                        "8:0 rbps=1 wbps=max riops=max wiops=max\n8:16 rbps=2");
        assert_null(limits.text[KNOB_CPU_MAX]);
        limits_done(&limits);
}

static void a_knob_is_written_as_the_kernel_wants_it(void **state) {
        struct fixture *f = *state;
        struct knob_value quota = { 150000, 100000 };
        char buf[64];

        assert_int_equal(cgroup_write(f->fd, KNOB_CPU_MAX, quota), -ENOENT);
        tree_write(&f->tree, "a/b/cpu.max", "");
        assert_int_equal(cgroup_write(f->fd, KNOB_CPU_MAX, quota), 0);
        assert_true(cgroup_read(f->fd, "cpu.max", buf, sizeof(buf)) > 0);
        assert_string_equal(buf, "150000 100000");
        assert_int_equal(cgroup_write(f->fd, KNOB_IO_LATENCY, quota), -EOPNOTSUPP);
}

static void the_tightest_parent_counts_as_a_rate(void **state) {
        struct fixture *f = *state;
        const struct knob_value none = { 0 };
        char path[CONTAINER_PATH_SIZE];
        struct knob_value value;

        tree_mkdir(&f->tree, "a/b/c/d");
        assert_int_equal(
                        cgroup_parent_limit(&f->root, "/a/b/c/d", KNOB_CPU_MAX, none, &value, path),
                        0);
        assert_int_equal(value.amount, KNOB_MAX);
        assert_string_equal(path, "");

        tree_write(&f->tree, "a/cpu.max", "100000 50000\n");
        tree_write(&f->tree, "a/b/cpu.max", "150000 100000\n");
        tree_write(&f->tree, "a/b/c/cpu.max", "max 100000\n");
        tree_write(&f->tree, "a/b/c/d/cpu.max", "1000 100000\n");
        tree_write(&f->tree, "a/memory.max", "4096\n");
        (void)snprintf(f->root.prefix, sizeof(f->root.prefix), "/a/b/c");
        assert_int_equal(
                        cgroup_parent_limit(&f->root, "/a/b/c/d", KNOB_CPU_MAX, none, &value, path),
                        0);
        assert_int_equal(value.amount, 150000);
        assert_string_equal(path, "/a/b");
        assert_int_equal(cgroup_parent_limit(
                                         &f->root, "/a/b/c/d", KNOB_MEMORY_MAX, none, &value, path),
                        0);
        assert_int_equal(value.amount, 4096);
        assert_string_equal(path, "/a");
}

static int add_pid(void *data, pid_t pid) {
        *(uint64_t *)data += (uint64_t)pid;
        return pid == 666 ? -EINTR : 0;
}

static void pids_come_from_the_cgroup_and_all_below(void **state) {
        struct fixture *f = *state;
        uint64_t sum = 0;

        tree_write(&f->tree, "a/b/cgroup.procs", "1\n20\n0\n");
        tree_write(&f->tree, "a/b/c/cgroup.procs", "300\n");
        tree_write(&f->tree, "a/b/d/e/cgroup.procs", "4000\n50000\n");
        tree_mkdir(&f->tree, "a/b/vanished");
        assert_int_equal(cgroup_each_pid(f->fd, 100, add_pid, &sum), 0);
        assert_int_equal(sum, 54321);

        sum = 0;
        assert_int_equal(cgroup_each_pid(f->fd, 2, add_pid, &sum), 0);
        assert_int_equal(sum, 21);

        tree_write(&f->tree, "a/b/c/cgroup.procs", "666\n");
        assert_int_equal(cgroup_each_pid(f->fd, 100, add_pid, &sum), -EINTR);
}

static void pids_of_a_cgroup_that_is_gone_are_an_error(void **state) {
        struct fixture *f = *state;
        uint64_t sum = 0;

        assert_int_equal(cgroup_each_pid(f->fd, 100, add_pid, &sum), -ENOENT);
}

static int count(void *data, int dir_fd, const char *path) {
        (void)dir_fd;
        ++*(size_t *)data;
        return strstr(path, "/skip") && !strstr(path, "/skip/") ? 1 : 0;
}

static void a_walk_is_bounded_in_depth_and_number(void **state) {
        struct fixture *f = *state;
        char deep[256] = "a/b";
        size_t seen = 0;

        for (int i = 0; i < 40; i++)
                (void)snprintf(deep + strlen(deep), sizeof(deep) - strlen(deep), "/d");
        tree_mkdir(&f->tree, deep);
        assert_int_equal(cgroup_walk(f->fd, "/a/b", 1000, count, &seen), 0);
        assert_int_equal(seen, 1 + CGROUP_DEPTH_MAX);

        seen = 0;
        tree_mkdir(&f->tree, "a/b/skip/x/y");
        assert_int_equal(cgroup_walk(f->fd, "/a/b", 1000, count, &seen), 0);
        assert_int_equal(seen, 2 + CGROUP_DEPTH_MAX);

        seen = 0;
        assert_int_equal(cgroup_walk(f->fd, "/a/b", 5, count, &seen), 0);
        assert_int_equal(seen, 5);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(a_plain_directory_is_a_fixture),
                TEST(a_root_that_does_not_exist_is_told),
                TEST(the_machine_has_unified_cgroups_or_is_refused_by_name),
                TEST(an_opened_cgroup_is_the_directory_below_the_root),
                TEST(paths_that_leave_the_root_are_refused),
                TEST(a_prefix_restricts_what_is_governed),
                TEST(a_directory_that_is_not_on_cgroup2_is_refused),
                TEST(numbers_of_a_file_are_read_whole_or_not_at_all),
                TEST(known_keys_are_found_among_unknown_and_huge_ones),
                TEST(populated_is_told_and_a_missing_file_means_gone),
                TEST(limits_hold_what_files_there_are),
                TEST(a_knob_is_written_as_the_kernel_wants_it),
                TEST(the_tightest_parent_counts_as_a_rate),
                TEST(pids_come_from_the_cgroup_and_all_below),
                TEST(pids_of_a_cgroup_that_is_gone_are_an_error),
                TEST(a_walk_is_bounded_in_depth_and_number),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
