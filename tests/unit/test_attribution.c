/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/observer/attribution.h"
#include "state/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

/* A tree with "proc" and "cgroup", of which the test may write any process. */
struct fixture {
        char path[64];
        int proc_fd, cgroup_fd;
        char procs[16384];
        struct attribution *a;
};

static void write_at(int dir_fd, const char *name, const char *text) {
        assert_int_equal(file_replace_at(dir_fd, name, text, strlen(text), 0600, false), 0);
}

static int set_up(void **state) {
        struct fixture *f = calloc(1, sizeof(*f));
        int fd;

        if (!f)
                return -1;
        strcpy(f->path, "/tmp/dtgov-attribution-XXXXXX");
        if (!mkdtemp(f->path)) {
                free(f);
                return -1;
        }
        fd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        (void)mkdirat(fd, "proc", 0700);
        (void)mkdirat(fd, "cgroup", 0700);
        f->proc_fd = openat(fd, "proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        f->cgroup_fd = openat(fd, "cgroup", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        (void)close(fd);
        *state = f;
        return attribution_new(&f->a);
}

static void remove_tree(int parent_fd, const char *name) {
        int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        struct dirent *entry;
        DIR *dir;

        if (fd < 0) {
                (void)unlinkat(parent_fd, name, 0);
                return;
        }
        dir = fdopendir(fd);
        while (dir && (entry = readdir(dir)))
                if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
                        remove_tree(fd, entry->d_name);
        if (dir)
                (void)closedir(dir);
        (void)unlinkat(parent_fd, name, AT_REMOVEDIR);
}

static int tear_down(void **state) {
        struct fixture *f = *state;

        attribution_free(f->a);
        (void)close(f->proc_fd);
        (void)close(f->cgroup_fd);
        remove_tree(AT_FDCWD, f->path);
        free(f);
        return 0;
}

/* One process: its comm as the kernel shows it, CPU in ticks, memory in pages, wait in ns. */
static void process(struct fixture *f, int pid, int ppid, const char *comm, unsigned ticks,
                unsigned start, unsigned pages, unsigned wait_ns) {
        char text[512], name[16];
        int fd, task_fd;

        (void)snprintf(name, sizeof(name), "%d", pid);
        (void)mkdirat(f->proc_fd, name, 0700);
        fd = openat(f->proc_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        (void)mkdirat(fd, "task", 0700);
        task_fd = openat(fd, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        (void)mkdirat(task_fd, name, 0700);
        (void)snprintf(text, sizeof(text),
                        "%d (%s) R %d 1 1 0 -1 4194304 0 0 0 0 %u 0 0 0 20 0 1 0 %u 1000000 %u "
                        "18446744073709551615 0 0 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0\n",
                        pid, comm, ppid, ticks, start, pages);
        write_at(fd, "stat", text);
        (void)snprintf(text, sizeof(text), "1000 %u 5\n", wait_ns);
        write_at(fd, "schedstat", text);
        (void)close(fd);
        fd = openat(task_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        write_at(fd, "schedstat", text);
        (void)close(fd);
        (void)close(task_fd);

        (void)snprintf(text, sizeof(text), "%d\n", pid);
        if (!strstr(f->procs, text))
                strcat(f->procs, text);
        write_at(f->cgroup_fd, "cgroup.procs", f->procs);
}

static void scan(struct fixture *f, unsigned second, uint64_t usage_usec) {
        assert_int_equal(attribution_scan(f->a, f->proc_fd, f->cgroup_fd,
                                         (100 + second) * NSEC_PER_SEC, usage_usec),
                        0);
}

static void a_compiler_is_named_with_the_build_tool_above_it(void **state) {
        struct fixture *f = *state;
        struct culprit top[3];

        process(f, 10, 1, "bash", 0, 5, 10, 0);
        process(f, 11, 10, "ninja", 0, 6, 10, 0);
        process(f, 12, 11, "sh", 0, 7, 10, 0);
        process(f, 13, 12, "g++", 0, 7, 10, 0);
        process(f, 14, 13, "cc1plus", 0, 7, 1000, 0);
        scan(f, 0, 0);
        process(f, 14, 13, "cc1plus", 96, 7, 3000, 0);
        process(f, 11, 10, "ninja", 4, 6, 10, 0);
        scan(f, 1, 1000000);
        assert_in_range(attribution_top(f->a, BY_CPU, top, 3), 2, 3);
        assert_string_equal(top[0].comm, "cc1plus");
        assert_string_equal(top[0].ancestor, "ninja");
        assert_in_range(top[0].cpu_permyriad, 9500, 9700);
        assert_int_equal(top[0].pid, 14);
        assert_string_equal(top[1].comm, "ninja");
        assert_string_equal(top[1].ancestor, "");
}

static void without_a_build_tool_the_nearest_other_name_is_taken(void **state) {
        struct fixture *f = *state;
        struct culprit top[1];

        process(f, 10, 1, "code-server", 0, 5, 10, 0);
        process(f, 11, 10, "sh", 0, 6, 10, 0);
        process(f, 12, 11, "rg", 0, 7, 10, 0);
        scan(f, 0, 0);
        process(f, 12, 11, "rg", 50, 7, 10, 0);
        scan(f, 1, 500000);
        assert_int_equal(attribution_top(f->a, BY_CPU, top, 1), 1);
        assert_string_equal(top[0].ancestor, "code-server");
}

static void the_same_name_and_ancestor_are_one(void **state) {
        struct fixture *f = *state;
        struct culprit top[3];

        process(f, 10, 1, "make", 0, 5, 10, 0);
        for (int i = 0; i < 4; i++)
                process(f, 20 + i, 10, "cc1", 0, 6, 100, 0);
        scan(f, 0, 0);
        for (int i = 0; i < 4; i++)
                process(f, 20 + i, 10, "cc1", 25, 6, 100, 0);
        scan(f, 1, 1000000);
        assert_true(attribution_top(f->a, BY_CPU, top, 3) >= 1);
        assert_int_equal(top[0].count, 4);
        assert_in_range(top[0].cpu_permyriad, 9900, 10000);
        assert_true(top[0].memory_bytes == 400 * (uint64_t)sysconf(_SC_PAGESIZE));
}

static void a_process_that_began_meanwhile_counts_whole(void **state) {
        struct fixture *f = *state;
        struct culprit top[1];

        process(f, 10, 1, "make", 0, 5, 10, 0);
        scan(f, 0, 0);
        process(f, 20, 10, "ld", 80, 900, 100, 0);
        scan(f, 1, 1000000);
        assert_int_equal(attribution_top(f->a, BY_CPU, top, 1), 1);
        assert_string_equal(top[0].comm, "ld");
        assert_in_range(top[0].cpu_permyriad, 7900, 8100);
}

static void a_pid_taken_over_is_another_process(void **state) {
        struct fixture *f = *state;
        struct culprit top[1];

        process(f, 20, 1, "old", 1000, 5, 10, 0);
        scan(f, 0, 0);
        process(f, 20, 1, "new", 30, 900, 10, 0);
        scan(f, 1, 300000);
        assert_int_equal(attribution_top(f->a, BY_CPU, top, 1), 1);
        assert_string_equal(top[0].comm, "new");
        assert_in_range(top[0].cpu_permyriad, 9900, 10000);
}

static void memory_is_ordered_by_growth(void **state) {
        struct fixture *f = *state;
        struct culprit top[2];

        process(f, 20, 1, "big", 10, 5, 90000, 0);
        process(f, 21, 1, "leak", 10, 5, 100, 0);
        scan(f, 0, 0);
        process(f, 21, 1, "leak", 11, 5, 5100, 0);
        scan(f, 1, 10000);
        assert_int_equal(attribution_top(f->a, BY_MEMORY_GROWTH, top, 2), 2);
        assert_string_equal(top[0].comm, "leak");
        assert_true(top[0].memory_growth_bytes == 5000 * (int64_t)sysconf(_SC_PAGESIZE));
        assert_string_equal(top[1].comm, "big");
        assert_true(top[1].memory_growth_bytes == 0);
}

static void waiting_for_a_cpu_is_summed_up(void **state) {
        struct fixture *f = *state;
        struct culprit top[1];

        process(f, 20, 1, "node", 0, 5, 10, 1000);
        scan(f, 0, 0);
        process(f, 20, 1, "node", 50, 5, 10, 1000);
        scan(f, 1, 500000);
        process(f, 20, 1, "node", 100, 5, 10, 400001000);
        scan(f, 2, 1000000);
        assert_int_equal(attribution_top(f->a, BY_CPU, top, 1), 1);
        assert_in_range(top[0].runqueue_wait_usec_per_sec, 190000, 240000);
}

static void it_looks_at_most_once_a_second(void **state) {
        struct fixture *f = *state;
        struct culprit top[1];

        process(f, 20, 1, "node", 0, 5, 10, 0);
        scan(f, 0, 0);
        process(f, 20, 1, "node", 50, 5, 10, 0);
        assert_int_equal(attribution_scan(f->a, f->proc_fd, f->cgroup_fd,
                                         100 * NSEC_PER_SEC + NSEC_PER_SEC / 2, 500000),
                        0);
        assert_int_equal(attribution_top(f->a, BY_CPU, top, 1), 1);
        assert_int_equal(top[0].cpu_permyriad, 0);
}

static void hostile_names_are_read_right(void **state) {
        struct fixture *f = *state;
        struct culprit top[1];

        process(f, 20, 1, "a) R 0 0\n", 0, 5, 10, 0);
        scan(f, 0, 0);
        process(f, 20, 1, "a) R 0 0\n", 50, 5, 10, 0);
        scan(f, 1, 500000);
        assert_int_equal(attribution_top(f->a, BY_CPU, top, 1), 1);
        assert_string_equal(top[0].comm, "a) R 0 0\n");
}

static void processes_that_vanish_are_left_out(void **state) {
        struct fixture *f = *state;
        struct culprit top[2];

        process(f, 20, 1, "node", 10, 5, 10, 0);
        strcat(f->procs, "77\n20\n");
        write_at(f->cgroup_fd, "cgroup.procs", f->procs);
        scan(f, 0, 0);
        assert_int_equal(attribution_top(f->a, BY_COUNT, top, 2), 1);
        assert_int_equal(top[0].count, 1);
}

static void a_loop_of_parents_ends(void **state) {
        struct fixture *f = *state;
        struct culprit top[2];

        process(f, 20, 21, "sh", 10, 5, 10, 0);
        process(f, 21, 20, "sh", 10, 5, 10, 0);
        scan(f, 0, 0);
        assert_int_equal(attribution_top(f->a, BY_COUNT, top, 2), 1);
        assert_string_equal(top[0].ancestor, "");
}

static void more_names_than_there_is_room_for_do_no_harm(void **state) {
        struct fixture *f = *state;
        struct culprit top[1];

        for (int i = 0; i < 60; i++) {
                char name[16];

                (void)snprintf(name, sizeof(name), "p%d", i);
                process(f, 20 + i, 1, name, 0, 5, 10, 0);
        }
        scan(f, 0, 0);
        process(f, 25, 1, "p5", 50, 5, 10, 0);
        scan(f, 1, 500000);
        assert_int_equal(attribution_top(f->a, BY_CPU, top, 1), 1);
        assert_string_equal(top[0].comm, "p5");
}

static void a_process_that_became_another_has_its_last_name(void **state) {
        struct fixture *f = *state;
        struct culprit top[4];

        process(f, 20, 1, "runc:[2:INIT]", 0, 5, 10, 0);
        scan(f, 0, 0);
        process(f, 20, 1, "runc:[2:INIT]", 10, 5, 10, 0);
        scan(f, 1, 100000);
        process(f, 20, 1, "node", 50, 5, 10, 0);
        scan(f, 2, 500000);
        assert_int_equal(attribution_top(f->a, BY_CPU, top, 4), 1);
        assert_string_equal(top[0].comm, "node");
}

static void who_did_nothing_is_left_out_but_not_the_first(void **state) {
        struct culprit some[] = { { .comm = "a", .cpu_permyriad = 9000 },
                { .comm = "b", .memory_growth_bytes = 25 }, { .comm = "c", .cpu_permyriad = 100 },
                { .comm = "d", .memory_growth_bytes = 64 * KIB },
                { .comm = "e", .runqueue_wait_usec_per_sec = 5000 } };
        struct culprit none[] = { { .comm = "a" }, { .comm = "b" } };
        struct culprit big[] = { { .comm = "a", .memory_growth_bytes = MIB },
                { .comm = "b", .memory_bytes = 64 * MIB } };

        (void)state;
        assert_int_equal(attribution_notable(some, 5, BY_CPU), 4);
        assert_string_equal(some[1].comm, "c");
        assert_string_equal(some[3].comm, "e");
        assert_int_equal(attribution_notable(none, 2, BY_CPU), 1);
        assert_int_equal(attribution_notable(none, 2, BY_COUNT), 2);
        assert_int_equal(attribution_notable(none, 0, BY_CPU), 0);
        assert_int_equal(attribution_notable(big, 2, BY_MEMORY_GROWTH), 2);
}

static void titles_count_by_their_first_word(void **state) {
        (void)state;
        assert_true(attribution_telling("npm run build"));
        assert_true(attribution_telling("ninja"));
        assert_false(attribution_telling("ninjas"));
        assert_true(attribution_dull("bash"));
        assert_false(attribution_dull("node"));
        assert_false(attribution_telling(""));
        assert_false(attribution_dull(""));
}

#define WITH_TREE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                WITH_TREE(a_compiler_is_named_with_the_build_tool_above_it),
                WITH_TREE(without_a_build_tool_the_nearest_other_name_is_taken),
                WITH_TREE(the_same_name_and_ancestor_are_one),
                WITH_TREE(a_process_that_began_meanwhile_counts_whole),
                WITH_TREE(a_pid_taken_over_is_another_process),
                WITH_TREE(memory_is_ordered_by_growth),
                WITH_TREE(waiting_for_a_cpu_is_summed_up),
                WITH_TREE(it_looks_at_most_once_a_second),
                WITH_TREE(hostile_names_are_read_right),
                WITH_TREE(processes_that_vanish_are_left_out),
                WITH_TREE(a_loop_of_parents_ends),
                WITH_TREE(more_names_than_there_is_room_for_do_no_harm),
                WITH_TREE(a_process_that_became_another_has_its_last_name),
                cmocka_unit_test(who_did_nothing_is_left_out_but_not_the_first),
                cmocka_unit_test(titles_count_by_their_first_word),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
