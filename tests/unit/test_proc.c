/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/kernel/proc.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tree.h"

/* From field 3, state, to 25 of proc(5). */
#define FIELDS                                                                                     \
        "S 41 42 42 0 -1 4194560 165 0 0 0 700 300 0 0 20 0 5 0 123456 9000000 256 "               \
        "18446744073709551615\n"

static int set_up(void **state) {
        static struct tree tree;

        tree = tree_make();
        *state = &tree;
        return 0;
}

static int tear_down(void **state) {
        tree_remove(*state);
        return 0;
}

/* Row 13 of the fault catalogue: the name is the process's own to choose. */
static void a_process_name_cannot_forge_the_other_fields(void **state) {
        static const struct {
                const char *comm, *read;
        } rows[] = {
                { "sh", "sh" },
                { "a) R 0 0", "a) R 0 0" },
                { ") (", ") (" },
                { "new\nline", "new\nline" },
                { "\xff\x1b[31m", "\xff\x1b[31m" },
                { "", "" },
                { "kworker/u16:3-events_unbound", "kworker/u16:3-e" },
        };
        struct tree *tree = *state;

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct proc_stat stat;
                char text[512];

                (void)snprintf(text, sizeof(text), "42 (%s) " FIELDS, rows[i].comm);
                tree_write(tree, "42/stat", text);
                assert_int_equal(proc_stat(tree->fd, 42, &stat), 0);
                assert_string_equal(stat.comm, rows[i].read);
                assert_int_equal(stat.pid, 42);
                assert_int_equal(stat.ppid, 41);
                assert_int_equal(stat.state, 'S');
                assert_int_equal(stat.utime_ticks, 700);
                assert_int_equal(stat.stime_ticks, 300);
                assert_int_equal(stat.threads, 5);
                assert_int_equal(stat.starttime_ticks, 123456);
                assert_int_equal(stat.rss_bytes, 256 * (uint64_t)sysconf(_SC_PAGESIZE));
        }
}

static void a_stat_that_is_cut_is_refused(void **state) {
        static const char *const texts[] = { "", "42", "42 (sh", "42 (sh)", "42 (sh) ", "42 (sh) S",
                "42 (sh) S 41 42", "42 )sh( S 1", "42 (sh) S -1 1 1 0 -1 1 1 0 0 0 7 3 0 0 20 0" };
        struct tree *tree = *state;
        struct proc_stat stat;

        for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
                tree_write(tree, "42/stat", texts[i]);
                assert_int_equal(proc_stat(tree->fd, 42, &stat), -EINVAL);
        }
}

/* Row 14. */
static void a_process_that_vanished_is_esrch(void **state) {
        struct tree *tree = *state;
        char path[CONTAINER_PATH_SIZE];
        struct proc_stat stat;
        uint64_t wait;

        assert_int_equal(proc_stat(tree->fd, 42, &stat), -ESRCH);
        assert_int_equal(proc_cgroup(tree->fd, 42, path), -ESRCH);
        assert_int_equal(proc_runqueue_wait_ns(tree->fd, 42, &wait), -ESRCH);
}

static void the_cgroup_is_that_of_the_unified_hierarchy(void **state) {
        static const struct {
                const char *text;
                int code;
                const char *path;
        } rows[] = {
                { "0::/docker/abc\n", 0, "/docker/abc" },
                { "5:memory:/x\n1:name=systemd:/y\n0::/z\n", 0, "/z" },
                { "0::/docker/abc (deleted)\n", 1, "/docker/abc" },
                { "0::/\n", 0, "/" },
                { "10::/wrong\n", -ENODATA, "" },
                { "", -ENODATA, "" },
        };
        struct tree *tree = *state;
        char path[CONTAINER_PATH_SIZE], text[2 * CONTAINER_PATH_SIZE];

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                path[0] = '\0';
                tree_write(tree, "42/cgroup", rows[i].text);
                assert_int_equal(proc_cgroup(tree->fd, 42, path), rows[i].code);
                assert_string_equal(path, rows[i].path);
        }

        memset(text, 'x', sizeof(text));
        memcpy(text, "0::/", 4);
        text[sizeof(text) - 1] = '\0';
        tree_write(tree, "42/cgroup", text);
        assert_int_equal(proc_cgroup(tree->fd, 42, path), -ENAMETOOLONG);
}

static void waiting_is_summed_over_threads(void **state) {
        struct tree *tree = *state;
        uint64_t wait = 0;

        tree_write(tree, "42/task/42/schedstat", "100 20 3\n");
        tree_write(tree, "42/task/43/schedstat", "100 3 3\n");
        tree_write(tree, "42/task/44/schedstat", "");
        tree_mkdir(tree, "42/task/45");
        assert_int_equal(proc_runqueue_wait_ns(tree->fd, 42, &wait), 0);
        assert_int_equal(wait, 23);
}

static void the_host_is_told_or_the_file_that_is_wrong(void **state) {
        struct tree *tree = *state;
        struct error err;
        struct host host;

        assert_int_equal(proc_host(tree->fd, &host, &err), -ENOENT);
        tree_write(tree, "meminfo", "MemTotal:       2048 kB\nMemFree: 1 kB\n");
        assert_int_equal(proc_host(tree->fd, &host, &err), -ENODATA);
        assert_non_null(strstr(err.text, "meminfo"));
        tree_write(tree, "meminfo", "MemTotal:       2048 kB\nMemAvailable:    512 kB\n");
        tree_write(tree, "stat", "intr 1 2 3\n");
        assert_int_equal(proc_host(tree->fd, &host, &err), -EINVAL);
        tree_write(tree, "stat", "cpu  1 2\ncpu0 1 2\ncpu3 1 2\nintr 1 2 3\ncpu9 1\n");
        tree_write(tree, "sys/kernel/random/boot_id", "short\n");
        assert_int_equal(proc_host(tree->fd, &host, &err), -EINVAL);
        tree_write(tree, "sys/kernel/random/boot_id", "01234567-89ab-cdef-0123-456789abcdef\n");
        assert_int_equal(proc_host(tree->fd, &host, &err), 0);
        assert_int_equal(host.memory_total_bytes, 2 * MIB);
        assert_int_equal(host.memory_available_bytes, MIB / 2);
        assert_int_equal(host.online_cpus, 2);
        assert_string_equal(host.boot_id, "01234567-89ab-cdef-0123-456789abcdef");
}

static void this_machine_and_this_process_can_be_read(void **state) {
        CLEANUP(closep) int proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        struct proc_stat stat;
        struct host host;

        (void)state;
        assert_int_equal(proc_host(proc_fd, &host, NULL), 0);
        assert_true(host.memory_total_bytes > host.memory_available_bytes);
        assert_int_equal(proc_stat(proc_fd, getpid(), &stat), 0);
        assert_int_equal(stat.ppid, getppid());
        assert_string_equal(stat.comm, "test_proc");
        assert_true(stat.rss_bytes > 0);
        assert_true(proc_boottime_ns() > 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(a_process_name_cannot_forge_the_other_fields),
                TEST(a_stat_that_is_cut_is_refused),
                TEST(a_process_that_vanished_is_esrch),
                TEST(the_cgroup_is_that_of_the_unified_hierarchy),
                TEST(waiting_is_summed_over_threads),
                TEST(the_host_is_told_or_the_file_that_is_wrong),
                TEST(this_machine_and_this_process_can_be_read),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
