/* SPDX-License-Identifier: Apache-2.0 */
/* The hook against a /proc, a cgroup tree and a registry of its own below /tmp. */
#include "hooks/hook.h"
#include "state/file.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define PID 4242
#define STATE                                                                                      \
        "{\"ociVersion\":\"1.0.2\",\"id\":\"c1\",\"status\":\"%s\",\"pid\":%s,\"bundle\":\"/b\"}"
#define STAT "4242 (a) b) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 777 20 21\n"

struct place {
        char root[64], proc[96], cgroup[96], registry[96];
        struct hook_paths paths;
};

static void put(struct place *place, const char *name, const char *text) {
        char path[256];
        int fd;

        (void)snprintf(path, sizeof(path), "%s/%s", place->root, name);
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(file_write_all(fd, text, strlen(text)), 0);
        (void)close(fd);
}

static void make(struct place *place, const char *name) {
        char path[256];

        (void)snprintf(path, sizeof(path), "%s/%s", place->root, name);
        assert_int_equal(mkdir(path, 0700), 0);
}

static void drop(struct place *place, const char *name) {
        char path[256];

        (void)snprintf(path, sizeof(path), "%s/%s", place->root, name);
        assert_int_equal(rmdir(path), 0);
}

static uint64_t inode_of(struct place *place, const char *name) {
        char path[256];
        struct stat st;

        (void)snprintf(path, sizeof(path), "%s/%s", place->root, name);
        assert_int_equal(stat(path, &st), 0);
        return st.st_ino;
}

static int make_place(void **state) {
        struct place *place = calloc(1, sizeof(*place));

        *state = place;
        strcpy(place->root, "/tmp/hook.XXXXXX");
        if (!mkdtemp(place->root))
                return -1;
        (void)snprintf(place->proc, sizeof(place->proc), "%s/proc", place->root);
        (void)snprintf(place->cgroup, sizeof(place->cgroup), "%s/cgroup", place->root);
        (void)snprintf(place->registry, sizeof(place->registry), "%s/registry", place->root);
        place->paths = (struct hook_paths){ .proc = place->proc,
                .cgroup = place->cgroup,
                .registry = place->registry,
                .parent = 7 };

        make(place, "proc");
        make(place, "proc/4242");
        make(place, "proc/4242/ns");
        make(place, "proc/7");
        make(place, "cgroup");
        make(place, "cgroup/c1");
        make(place, "registry");
        put(place, "proc/4242/cgroup", "0::/c1\n");
        put(place, "proc/4242/stat", STAT);
        if (symlink("net:[4026531840]",
                            strcat(strcpy((char[160]){ 0 }, place->proc), "/4242/ns/net")))
                return -1;
        put(place, "proc/7/comm", "runc\n");
        return 0;
}

static int drop_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        (void)st;
        (void)type;
        (void)ftw;
        return remove(path);
}

static int drop_place(void **state) {
        struct place *place = *state;
        int r = nftw(place->root, drop_one, 8, FTW_DEPTH | FTW_PHYS);

        free(place);
        return r;
}

static int run(struct place *place, const char *status, const char *pid) {
        char text[512];
        int n = snprintf(text, sizeof(text), STATE, status, pid);

        return hook_run(&place->paths, text, (size_t)n);
}

struct found {
        int count;
        char name[REGISTRY_NAME_SIZE];
};

static int note(void *data, const char *name) {
        struct found *found = data;

        found->count++;
        strcpy(found->name, name);
        return 0;
}

/* How many files the registry holds; the last of them goes to @c unless that is NULL. */
static int entries(struct place *place, struct container *c) {
        int fd = open(place->registry, O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct found found = { 0 };

        assert_int_equal(registry_list(fd, note, &found), 0);
        if (c)
                assert_int_equal(registry_get(fd, found.name, c, NULL), 0);
        (void)close(fd);
        return found.count;
}

static void a_created_container_is_written_down_with_what_the_kernel_says(void **state) {
        static const char *const statuses[] = { "creating", "created", "running" };
        struct place *place = *state;
        struct container c;

        for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
                assert_int_equal(run(place, statuses[i], "4242"), 0);
                assert_int_equal(entries(place, &c), 1);
                assert_string_equal(c.id, "c1");
                assert_string_equal(c.runtime, "runc");
                assert_string_equal(c.cgroup, "/c1");
                assert_string_equal(c.bundle, "/b");
                assert_int_equal(c.pid, PID);
                assert_int_equal(c.starttime_ticks, 777);
                assert_true(c.cgroup_inode == inode_of(place, "cgroup/c1"));
                assert_int_equal(c.netns_inode, 4026531840);
                assert_true(c.created_boottime_ns > 0);
        }
}

static void states_that_are_not_of_a_container_leave_no_trace(void **state) {
        static const char *const rows[] = {
                "",
                "{",
                "[]",
                "null",
                "\"c1\"",
                "{}",
                "{\"id\":\"c1\"}",
                "{\"id\":\"c1\",\"status\":\"creating\"}",
                "{\"id\":\"../../x\",\"status\":\"creating\",\"pid\":4242}",
                "{\"id\":\"\",\"status\":\"creating\",\"pid\":4242}",
                "{\"id\":\"c1\\u0000\",\"status\":\"creating\",\"pid\":4242}",
                "{\"id\":7,\"status\":\"creating\",\"pid\":4242}",
                "{\"id\":\"c1\",\"id\":\"c2\",\"status\":\"creating\",\"pid\":4242}",
                "{\"id\":\"c1\",\"status\":\"paused\",\"pid\":4242}",
                "{\"id\":\"c1\",\"status\":\"creating\",\"pid\":\"4242\"}",
                "{\"id\":\"c1\",\"status\":\"creating\",\"pid\":4242}x",
                "{\"id\":\"c1\xff\",\"status\":\"creating\",\"pid\":4242}",
                ("{\"id\":\"c1\",\"status\":\"creating\",\"pid\":4242,\"a\":"
                 "[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]}"),
        };
        struct place *place = *state;

        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                assert_true(hook_run(&place->paths, rows[i], strlen(rows[i])) < 0);
        assert_int_equal(entries(place, NULL), 0);
}

static void pids_that_cannot_be_a_container_are_ignored(void **state) {
        static const char *const rows[] = { "0", "1", "-1", "-4242", "2147483648", "4294971538",
                "1e3", "4242.0", "null", "99999" };
        struct place *place = *state;

        make(place, "proc/1");
        put(place, "proc/1/cgroup", "0::/c1\n");
        put(place, "proc/1/stat", STAT);
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                assert_true(run(place, "creating", rows[i]) < 0);
        assert_int_equal(entries(place, NULL), 0);
}

static void the_unified_line_is_found_among_others(void **state) {
        static const struct {
                const char *text;
                int code;
        } rows[] = {
                { "0::/c1\n", 0 },
                { "0::/c1", 0 },
                { "12:cpu,cpuacct:/x\n1:name=systemd:/y\n0::/c1\n", 0 },
                { "10::/c1\n", -ENOENT },
                { "0::/c1 (deleted)\n", -ENOENT },
                { "0::/other\n", -ENOENT },
                { "0::/\n", -ENOENT },
                { "0::c1\n", -ENOENT },
                { "1:name=systemd:/c1\n", -ENOENT },
                { "", -ENOENT },
        };
        struct place *place = *state;

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                put(place, "proc/4242/cgroup", rows[i].text);
                assert_int_equal(run(place, "creating", "4242"), rows[i].code);
        }
}

static void a_cgroup_whose_path_leaves_the_tree_is_not_written(void **state) {
        struct place *place = *state;

        put(place, "proc/4242/cgroup", "0::/../cgroup/c1\n");
        assert_int_equal(run(place, "creating", "4242"), -EINVAL);
        assert_int_equal(entries(place, NULL), 0);
}

static void a_cgroup_that_ends_in_deleted_by_name_is_a_deleted_one(void **state) {
        struct place *place = *state;

        make(place, "cgroup/c1 (deleted)");
        put(place, "proc/4242/cgroup", "0::/c1 (deleted)\n");
        assert_int_equal(run(place, "creating", "4242"), -ENOENT);
}

static void the_start_time_is_counted_from_the_last_bracket(void **state) {
        static const struct {
                const char *text;
                int code;
        } rows[] = {
                { STAT, 0 },
                { "4242 () S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 777", 0 },
                { "4242 (x) Z 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 777 1", -ESRCH },
                { "4242 (x) X 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 777 1", -ESRCH },
                { "4242 (x) S 1 2 3", -EINVAL },
                { "4242 x S", -EINVAL },
                { "", -EINVAL },
        };
        struct place *place = *state;

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                put(place, "proc/4242/stat", rows[i].text);
                assert_int_equal(run(place, "creating", "4242"), rows[i].code);
        }
}

static void another_file_system_than_cgroup2_is_refused(void **state) {
        struct place *place = *state;

        place->paths.cgroup_type = 0x63677270; /* cgroup2 */
        assert_int_equal(run(place, "creating", "4242"), -EMEDIUMTYPE);
        assert_int_equal(entries(place, NULL), 0);
}

static void without_a_registry_nothing_is_made(void **state) {
        struct place *place = *state;
        struct stat st;

        drop(place, "registry");
        assert_int_equal(run(place, "creating", "4242"), -ENOENT);
        assert_int_equal(run(place, "stopped", "0"), -ENOENT);
        assert_int_equal(stat(place->registry, &st), -1);
}

static void what_is_not_known_of_runtime_bundle_and_network_stays_empty(void **state) {
        static const char text[] = "{\"id\":\"c1\",\"status\":\"created\",\"pid\":4242,"
                                   "\"bundle\":\"relative\"}";
        struct place *place = *state;
        struct container c;
        char path[128];

        place->paths.parent = 8;
        (void)snprintf(path, sizeof(path), "%s/4242/ns/net", place->proc);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(hook_run(&place->paths, text, strlen(text)), 0);
        assert_int_equal(entries(place, &c), 1);
        assert_string_equal(c.runtime, "");
        assert_string_equal(c.bundle, "");
        assert_int_equal(c.netns_inode, 0);
}

static void the_arguments_name_registry_and_runtime_in_any_order(void **state) {
#define NAME31 "0123456789012345678901234567890"
        static const struct {
                const char *argv[7];
                const char *registry, *runtime;
        } rows[] = {
                { { "h" }, "/default", NULL },
                { { NULL }, "/default", NULL },
                { { "h", "--registry", "/r" }, "/r", NULL },
                { { "h", "--runtime", "crun" }, "/default", "crun" },
                { { "h", "--registry", "/r", "--runtime", "crun" }, "/r", "crun" },
                { { "h", "--runtime", "crun", "--registry", "/r" }, "/r", "crun" },
                { { "h", "createRuntime", "--runtime", "crun", "x" }, "/default", "crun" },
                { { "h", "--registry", "r", "--runtime", "" }, "/default", NULL },
                { { "h", "--registry", "--runtime", "crun" }, "/default", NULL },
                { { "h", "--runtime", "a b", "--registry" }, "/default", NULL },
                { { "h", "--runtime", "a\xff" }, "/default", NULL },
                { { "h", "--runtime", NAME31 }, "/default", NAME31 },
                { { "h", "--runtime", NAME31 "x" }, "/default", NULL },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct hook_paths paths = { .registry = "/default" };
                int argc = 0;

                while (rows[i].argv[argc])
                        argc++;
                hook_take_arguments(&paths, argc, rows[i].argv);
                assert_string_equal(paths.registry, rows[i].registry);
                if (rows[i].runtime)
                        assert_string_equal(paths.runtime, rows[i].runtime);
                else
                        assert_null(paths.runtime);
        }
}

static void a_runtime_that_the_arguments_name_is_not_looked_for(void **state) {
        struct place *place = *state;
        struct container c;

        place->paths.runtime = "sysbox-runc";
        assert_int_equal(run(place, "creating", "4242"), 0);
        assert_int_equal(entries(place, &c), 1);
        assert_string_equal(c.runtime, "sysbox-runc");
}

static void poststop_removes_what_is_gone_and_may_come_twice(void **state) {
        struct place *place = *state;

        assert_int_equal(run(place, "creating", "4242"), 0);
        drop(place, "cgroup/c1");
        assert_int_equal(run(place, "stopped", "0"), 0);
        assert_int_equal(entries(place, NULL), 0);
        assert_int_equal(run(place, "stopped", "0"), 0);
}

static void poststop_needs_no_pid(void **state) {
        static const char text[] = "{\"id\":\"c1\",\"status\":\"stopped\"}";
        struct place *place = *state;

        assert_int_equal(run(place, "creating", "4242"), 0);
        drop(place, "cgroup/c1");
        assert_int_equal(hook_run(&place->paths, text, strlen(text)), 0);
        assert_int_equal(entries(place, NULL), 0);
}

static void a_restarted_container_keeps_its_new_file(void **state) {
        struct place *place = *state;
        struct container c;

        assert_int_equal(run(place, "creating", "4242"), 0);
        /* The successor's directory is made before the old one goes, so that it is another inode.
         */
        make(place, "cgroup/next");
        drop(place, "cgroup/c1");
        assert_int_equal(
                        renameat(AT_FDCWD, strcat(strcpy((char[160]){ 0 }, place->cgroup), "/next"),
                                        AT_FDCWD,
                                        strcat(strcpy((char[160]){ 0 }, place->cgroup), "/c1")),
                        0);
        assert_int_equal(run(place, "creating", "4242"), 0);
        assert_int_equal(entries(place, NULL), 2);
        assert_int_equal(run(place, "stopped", "0"), 0);
        assert_int_equal(entries(place, &c), 1);
        assert_true(c.cgroup_inode == inode_of(place, "cgroup/c1"));
}

static void poststop_leaves_the_files_of_other_ids(void **state) {
        static const char text[] = "{\"id\":\"c\",\"status\":\"stopped\"}";
        struct place *place = *state;

        assert_int_equal(run(place, "creating", "4242"), 0);
        drop(place, "cgroup/c1");
        assert_int_equal(hook_run(&place->paths, text, strlen(text)), 0);
        assert_int_equal(entries(place, NULL), 1);
}

int main(void) {
#define TEST(function) cmocka_unit_test_setup_teardown(function, make_place, drop_place)
        const struct CMUnitTest tests[] = {
                TEST(a_created_container_is_written_down_with_what_the_kernel_says),
                TEST(states_that_are_not_of_a_container_leave_no_trace),
                TEST(pids_that_cannot_be_a_container_are_ignored),
                TEST(the_unified_line_is_found_among_others),
                TEST(a_cgroup_whose_path_leaves_the_tree_is_not_written),
                TEST(a_cgroup_that_ends_in_deleted_by_name_is_a_deleted_one),
                TEST(the_start_time_is_counted_from_the_last_bracket),
                TEST(another_file_system_than_cgroup2_is_refused),
                TEST(without_a_registry_nothing_is_made),
                TEST(what_is_not_known_of_runtime_bundle_and_network_stays_empty),
                cmocka_unit_test(the_arguments_name_registry_and_runtime_in_any_order),
                TEST(a_runtime_that_the_arguments_name_is_not_looked_for),
                TEST(poststop_removes_what_is_gone_and_may_come_twice),
                TEST(poststop_needs_no_pid),
                TEST(a_restarted_container_keeps_its_new_file),
                TEST(poststop_leaves_the_files_of_other_ids),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
