/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/kernel/nested.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "governor/kernel/proc.h"
#include "state/registry.h"
#include "tests/unit/tree.h"

#define FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)
#define BELOW "/runner.slice"
#define INNER "cg/runner.slice/docker-1.scope/docker/inner"

/* A runner with a container of its own Docker in it, this process; and somebody else's beside. */
struct scene {
        struct tree tree;
        struct cgroup_root root;
        struct container found;
        uint64_t known;
        unsigned count;
        int proc_fd, registry_fd;
};

static uint64_t inode_of(const struct scene *h, const char *path) {
        char full[256];
        struct stat st;

        (void)snprintf(full, sizeof(full), "%s/%s", h->tree.path, path);
        assert_int_equal(stat(full, &st), 0);
        return st.st_ino;
}

static void make_cgroup(const struct scene *h, const char *path) {
        char file[256], pid[32];

        (void)snprintf(file, sizeof(file), "%s/cgroup.events", path);
        tree_write(&h->tree, file, "populated 1\n");
        (void)snprintf(file, sizeof(file), "%s/cgroup.procs", path);
        (void)snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
        tree_write(&h->tree, file, pid);
}

static int make_host(void **state) {
        struct scene *h = calloc(1, sizeof(*h));
        char path[256];

        assert_non_null(h);
        h->tree = tree_make();
        make_cgroup(h, INNER);
        make_cgroup(h, "cg/docker/outside");
        tree_mkdir(&h->tree, "registry");
        (void)snprintf(path, sizeof(path), "%s/cg", h->tree.path);
        assert_int_equal(cgroup_root_open(path, &h->root, NULL), 0);
        (void)snprintf(path, sizeof(path), "%s/registry", h->tree.path);
        h->registry_fd = open(path, FLAGS);
        h->proc_fd = open("/proc", FLAGS);
        *state = h;
        return 0;
}

static int drop_host(void **state) {
        struct scene *h = *state;

        cgroup_root_close(&h->root);
        closep(&h->registry_fd);
        closep(&h->proc_fd);
        tree_remove(&h->tree);
        free(h);
        return 0;
}

/* What the hook in the runner sees: its own pid namespace and its own root of cgroups. */
static struct container entry(const struct scene *h, const char *id, uint64_t inode) {
        struct container c = { .runtime = "runc",
                .pid = 17,
                .cgroup = "/docker/inner",
                .cgroup_inode = inode,
                .netns_inode = 4026531840,
                .bundle = "/run/containerd/moby/inner" };
        struct proc_stat stat;

        (void)strcpy(c.id, id);
        assert_int_equal(proc_stat(h->proc_fd, getpid(), &stat), 0);
        c.starttime_ticks = stat.starttime_ticks;
        return c;
}

static bool is_known(void *data, uint64_t inode) {
        const struct scene *h = data;

        return inode == h->known;
}

static int take(void *data, const struct container *c) {
        struct scene *h = data;

        h->found = *c;
        h->count++;
        return 0;
}

static void scan(struct scene *h) {
        const struct nested_caller caller = { is_known, take, h };

        h->count = 0;
        assert_int_equal(nested_scan(&h->root, h->proc_fd, h->registry_fd, BELOW, &caller), 0);
}

static int count_one(void *data, const char *name) {
        unsigned *count = data;

        (void)name;
        (*count)++;
        return 0;
}

static unsigned files(const struct scene *h) {
        unsigned count = 0;

        assert_int_equal(registry_list(h->registry_fd, count_one, &count), 0);
        return count;
}

static void an_entry_is_found_by_its_inode_and_only_that_much_is_believed(void **state) {
        struct scene *h = *state;
        struct container c = entry(h, "inner", inode_of(h, INNER));

        assert_int_equal(registry_put(h->registry_fd, &c), 0);
        scan(h);
        assert_int_equal(h->count, 1);
        assert_string_equal(h->found.id, "inner");
        assert_string_equal(h->found.runtime, "runc");
        assert_string_equal(h->found.cgroup, "/runner.slice/docker-1.scope/docker/inner");
        assert_int_equal(h->found.pid, getpid());
        assert_int_equal(h->found.cgroup_inode, c.cgroup_inode);
        assert_int_equal(h->found.netns_inode, 0);
        assert_string_equal(h->found.bundle, "");
        assert_int_equal(files(h), 1);
}

static void what_is_not_below_the_runner_does_not_count(void **state) {
        static const char *const paths[] = { "cg/docker/outside", "cg/docker", "cg",
                "cg/runner.slice" };
        struct scene *h = *state;

        make_cgroup(h, "cg");
        make_cgroup(h, "cg/docker");
        make_cgroup(h, "cg/runner.slice");
        for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
                struct container c = entry(h, "inner", inode_of(h, paths[i]));

                assert_int_equal(registry_put(h->registry_fd, &c), 0);
                scan(h);
                assert_int_equal(h->count, 0);
                assert_int_equal(files(h), 0);
        }
}

static void a_process_of_another_start_is_another_one(void **state) {
        struct scene *h = *state;
        struct container c = entry(h, "inner", inode_of(h, INNER));

        c.starttime_ticks++;
        assert_int_equal(registry_put(h->registry_fd, &c), 0);
        scan(h);
        assert_int_equal(h->count, 0);
        assert_int_equal(files(h), 0);
}

static void what_is_known_is_not_looked_at_again_and_stays(void **state) {
        struct scene *h = *state;
        struct container c = entry(h, "inner", inode_of(h, INNER));

        h->known = c.cgroup_inode;
        assert_int_equal(registry_put(h->registry_fd, &c), 0);
        scan(h);
        assert_int_equal(h->count, 0);
        assert_int_equal(files(h), 1);
}

static void a_file_that_is_being_written_stays(void **state) {
        struct scene *h = *state;
        struct container c = entry(h, "inner", inode_of(h, INNER));
        char name[REGISTRY_NAME_SIZE], path[REGISTRY_NAME_SIZE + 16];

        registry_name(&c, name);
        (void)snprintf(path, sizeof(path), "registry/%s", name);
        tree_write(&h->tree, path, "");
        scan(h);
        assert_int_equal(h->count, 0);
        assert_int_equal(files(h), 1);
        assert_int_equal(registry_put(h->registry_fd, &c), 0);
        scan(h);
        assert_int_equal(h->count, 1);
}

static void what_lies_is_taken_away_a_bounded_part_at_a_time(void **state) {
        struct scene *h = *state;
        struct container c = entry(h, "inner", 0);

        for (uint64_t i = 1; i <= NESTED_MAX + 10; i++) {
                c.cgroup_inode = i << 40;
                assert_int_equal(registry_put(h->registry_fd, &c), 0);
        }
        scan(h);
        assert_int_equal(files(h), 10);
        scan(h);
        assert_int_equal(files(h), 0);
        assert_int_equal(h->count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_host, drop_host)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(an_entry_is_found_by_its_inode_and_only_that_much_is_believed),
                TEST(what_is_not_below_the_runner_does_not_count),
                TEST(a_process_of_another_start_is_another_one),
                TEST(what_is_known_is_not_looked_at_again_and_stays),
                TEST(a_file_that_is_being_written_stays),
                TEST(what_lies_is_taken_away_a_bounded_part_at_a_time),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
