/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/kernel/scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tree.h"

#define ID       "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER    "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
#define OBSERVED (CONTAINER_ADOPTED | CONTAINER_OBSERVED_ONLY)
#define OWNED    (CONTAINER_ADOPTED | CONTAINER_OWNED_BY_SYSTEMD)

static void engines_are_known_by_the_names_they_give(void **state) {
        static const struct {
                const char *path;
                int is;
                unsigned flags;
        } rows[] = {
                { "/system.slice/docker-" ID ".scope", 1, OWNED },
                { "/docker/" ID, 1, CONTAINER_ADOPTED },
                { "/some/parent/" ID, 1, CONTAINER_ADOPTED },
                { "/machine.slice/libpod-" ID ".scope", 1, OWNED },
                { "/machine.slice/libpod-" ID ".scope/container", 1, CONTAINER_ADOPTED },
                { "/libpod_parent/libpod-" ID, 1, CONTAINER_ADOPTED },
                { "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod1.slice/"
                  "cri-containerd-" ID ".scope",
                                1, OBSERVED | CONTAINER_OWNED_BY_SYSTEMD },
                { "/kubepods/burstable/pod1-2-3/" ID, 1, OBSERVED },
                { "/kubepods.slice/pod.slice/crio-" ID ".scope", 1,
                                OBSERVED | CONTAINER_OWNED_BY_SYSTEMD },
                { "/system.slice/containerd.service/kubepods-pod1.slice:cri-containerd:" ID, 1,
                                OBSERVED },
                { "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID
                  ".scope/container",
                                1, OBSERVED },
                { "/user.slice/user-1000.slice/session-1.scope", 0, OBSERVED },
                { "/machine.slice/libpod-conmon-" ID ".scope", 0, CONTAINER_ADOPTED },
                { "/machine.slice/libpod-" ID ".scope/other", 0, CONTAINER_ADOPTED },
                { "/docker/" ID "/docker/" OTHER, 0, CONTAINER_ADOPTED },
                { "/docker/" ID "x", 0, CONTAINER_ADOPTED },
                { "/docker/ABCDEF6789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", 0,
                                CONTAINER_ADOPTED },
                { "/system.slice/docker.service", 0, CONTAINER_ADOPTED },
                { "/docker", 0, CONTAINER_ADOPTED },
                { "/", 0, CONTAINER_ADOPTED },
                { "", 0, CONTAINER_ADOPTED },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                char id[CONTAINER_ID_SIZE] = "";
                unsigned flags = 0;

                assert_int_equal(scan_classify(rows[i].path, id, &flags), rows[i].is);
                assert_string_equal(id, rows[i].is ? ID : "");
                assert_int_equal(flags, rows[i].flags);
        }
}

/* Row 72 of the fault catalogue. */
static void what_keeps_the_host_alive_is_protected(void **state) {
        static const char self[] = "/system.slice/box.scope/dtgovd";
        static const char *const protected[] = { "", "/", "//", "/init.scope", "/system.slice",
                "/system.slice/", "/machine.slice", "/user.slice/user-1000.slice",
                "/system.slice/docker.service", "/system.slice/docker.socket",
                "/system.slice/var-lib.mount", "/user.slice/user-1000.slice/user@1000.service",
                "/user.slice/user-1000.slice/user@1000.service/init.scope",
                "/user.slice/user-1000.slice/session-3.scope", "/system.slice/box.scope",
                "/system.slice/box.scope/dtgovd", "/system.slice/box.scope/dtgovd/" };
        static const char *const free_to_govern[] = { "/dtgov-demo/x", "/foo", "/docker/" ID,
                "/system.slice/docker-" ID ".scope", "/system.slice/runc-foo.scope",
                "/system.slice/runc-foo.scope/container", "/system.slice/box.scope/dtgov",
                "/system.slice/box.scope/dtgovd/child", "/system.slice/ci.service/job" };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(protected); i++)
                assert_true(scan_protected(protected[i], self));
        for (size_t i = 0; i < ARRAY_LEN(free_to_govern); i++)
                assert_false(scan_protected(free_to_govern[i], self));
}

struct found {
        unsigned count;
        char text[2048];
};

static int note(void *data, const struct container *c, unsigned flags) {
        struct found *found = data;
        size_t used = strlen(found->text);

        found->count++;
        (void)snprintf(found->text + used, sizeof(found->text) - used, "%.8s %u %d %llu %s\n",
                        c->id, flags, c->pid, (unsigned long long)c->starttime_ticks, c->cgroup);
        return found->count == 99 ? -EINTR : 0;
}

static void add_process(const struct tree *tree, const char *cgroup, int pid, int starttime) {
        char path[512], text[256];

        (void)snprintf(path, sizeof(path), "cgroup%s/cgroup.procs", cgroup);
        (void)snprintf(text, sizeof(text), "999999\n%d\n", pid);
        tree_write(tree, path, text);
        (void)snprintf(path, sizeof(path), "cgroup%s/cgroup.events", cgroup);
        tree_write(tree, path, "populated 1\n");
        (void)snprintf(path, sizeof(path), "proc/%d/stat", pid);
        (void)snprintf(text, sizeof(text),
                        "%d (sh) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 %d 0 0 0\n", pid,
                        starttime);
        tree_write(tree, path, text);
}

static void a_scan_finds_each_populated_container_once(void **state) {
        struct tree tree = tree_make();
        struct cgroup_root root;
        struct found found = { 0 };
        char path[128];
        int proc_fd;

        (void)state;
        add_process(&tree, "/docker/" ID, 20, 700);
        add_process(&tree, "/docker/" ID "/docker/" OTHER, 21, 600);
        tree_write(&tree, "cgroup/docker/" OTHER "/cgroup.events", "populated 0\n");
        add_process(&tree, "/machine.slice/libpod-" OTHER ".scope/container", 30, 800);
        tree_write(&tree, "cgroup/machine.slice/libpod-" OTHER ".scope/cgroup.events",
                        "populated 1\n");
        (void)snprintf(path, sizeof(path), "%s/cgroup", tree.path);
        assert_int_equal(cgroup_root_open(path, &root, NULL), 0);
        proc_fd = tree_open(&tree, "proc");

        assert_int_equal(scan_containers(&root, proc_fd, note, &found), 0);
        assert_int_equal(found.count, 2);
        assert_non_null(strstr(found.text, "01234567 1 21 600 /docker/" ID "\n"));
        assert_non_null(strstr(found.text,
                        "fedcba98 1 30 800 /machine.slice/libpod-" OTHER ".scope/container\n"));

        found = (struct found){ .count = 98 };
        assert_int_equal(scan_containers(&root, proc_fd, note, &found), -EINTR);

        found = (struct found){ 0 };
        (void)snprintf(root.prefix, sizeof(root.prefix), "/machine.slice");
        assert_int_equal(scan_containers(&root, proc_fd, note, &found), 0);
        assert_int_equal(found.count, 1);
        assert_non_null(strstr(found.text, " /machine.slice/libpod-" OTHER));

        (void)close(proc_fd);
        cgroup_root_close(&root);
        tree_remove(&tree);
}

static void add_status(const struct tree *tree, int pid, const char *nspid) {
        char path[64], text[128];

        (void)snprintf(path, sizeof(path), "proc/%d/status", pid);
        (void)snprintf(text, sizeof(text), "Name:\tNSpid\nPid:\t%d\nNSpid:\t%s\nVmPeak:\t1 kB\n",
                        pid, nspid);
        tree_write(tree, path, text);
}

/* Plain runc and crun, ctr: no engine gave them a name that could be known. */
static void the_init_of_a_pid_namespace_makes_a_container(void **state) {
        static const struct {
                const char *cgroup, *nspid, *found; /* NULL: none */
        } rows[] = {
                { "/default/web", "20\t1", "web 1 20 700 /default/web" },
                { "/system.slice/runc-web.scope", "20\t1",
                                "web 5 20 700 /system.slice/runc-web.scope" },
                { "/system.slice/crun-web.scope/container", "20\t1",
                                "web 1 20 700 /system.slice/crun-web.scope/container" },
                { "/web", "20\t7\t1", "web 1 20 700 /web" },
                { "/runc-web", "20\t1", "runc-web 1 20 700 /runc-web" },
                { "/docker/buildkit/xv1w1h0zj2q3abcdefghi0123", "20\t1",
                                "xv1w1h0z 1 20 700 /docker/buildkit/xv1w" },
                { "/system.slice/system.slice:docker:xv1w1h0zj2q3abcdefghi0123", "20\t1",
                                "xv1w1h0z 1 20 700 /system.slice/system.slice:" },
                { "/web", "20", NULL },
                { "/web", "20\t11", NULL },
                { "/web", "1", NULL },
                { "/-web", "20\t1", NULL },
                { "/system.slice/web.service", "20\t1", NULL },
                { "/user.slice/user-1000.slice/app-browser.scope", "20\t1", NULL },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct tree tree = tree_make();
                struct cgroup_root root;
                struct found found = { 0 };
                char path[128];
                int proc_fd;

                add_process(&tree, rows[i].cgroup, 20, 700);
                add_status(&tree, 20, rows[i].nspid);
                (void)snprintf(path, sizeof(path), "%s/cgroup", tree.path);
                assert_int_equal(cgroup_root_open(path, &root, NULL), 0);
                proc_fd = tree_open(&tree, "proc");
                assert_int_equal(scan_containers(&root, proc_fd, note, &found), 0);
                assert_int_equal(found.count, rows[i].found ? 1 : 0);
                if (rows[i].found)
                        assert_non_null(strstr(found.text, rows[i].found));
                (void)close(proc_fd);
                cgroup_root_close(&root);
                tree_remove(&tree);
        }
}

/* Not the cgroup around it, whose processes are all below. */
static void the_init_of_a_container_below_makes_none(void **state) {
        struct tree tree = tree_make();
        struct cgroup_root root;
        struct found found = { 0 };
        char path[128];
        int proc_fd;

        (void)state;
        add_process(&tree, "/default/web", 20, 700);
        add_status(&tree, 20, "20\t1");
        tree_write(&tree, "cgroup/default/cgroup.procs", "");
        tree_write(&tree, "cgroup/default/cgroup.events", "populated 1\n");
        (void)snprintf(path, sizeof(path), "%s/cgroup", tree.path);
        assert_int_equal(cgroup_root_open(path, &root, NULL), 0);
        proc_fd = tree_open(&tree, "proc");
        assert_int_equal(scan_containers(&root, proc_fd, note, &found), 0);
        assert_int_equal(found.count, 1);
        assert_non_null(strstr(found.text, "web 1 20 700 /default/web"));
        (void)close(proc_fd);
        cgroup_root_close(&root);
        tree_remove(&tree);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(engines_are_known_by_the_names_they_give),
                cmocka_unit_test(what_keeps_the_host_alive_is_protected),
                cmocka_unit_test(the_init_of_a_pid_namespace_makes_a_container),
                cmocka_unit_test(the_init_of_a_container_below_makes_none),
                cmocka_unit_test(a_scan_finds_each_populated_container_once),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
