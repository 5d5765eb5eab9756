/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/kernel/block.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tree.h"

#define STAT "8:0 rbytes=1 wbytes=0 rios=1 wios=0 dbytes=0 dios=0\n"

/* A host with a disk under BFQ and one without; a cgroup that used neither. */
struct fixture {
        struct tree tree;
        int root_fd, sys_fd, dir_fd;
        struct io_weighing io;
};

static int set_up(void **state) {
        struct fixture *f = calloc(1, sizeof(*f));

        f->tree = tree_make();
        tree_write(&f->tree, "sys/dev/block/8:0/queue/scheduler", "none [mq-deadline] bfq\n");
        tree_write(&f->tree, "sys/dev/block/8:16/queue/scheduler", "none mq-deadline [bfq]\n");
        tree_write(&f->tree, "sys/block/sda/queue/scheduler", "none [mq-deadline] bfq\n");
        tree_mkdir(&f->tree, "root/cgroup");
        f->root_fd = tree_open(&f->tree, "root");
        f->sys_fd = tree_open(&f->tree, "sys");
        f->dir_fd = tree_open(&f->tree, "root/cgroup");
        *state = f;
        return 0;
}

static int tear_down(void **state) {
        struct fixture *f = *state;

        (void)close(f->root_fd);
        (void)close(f->sys_fd);
        (void)close(f->dir_fd);
        tree_remove(&f->tree);
        free(f);
        return 0;
}

static void look(struct fixture *f) {
        block_weighing(f->root_fd, f->sys_fd, f->dir_fd, &f->io);
}

static void only_disks_that_the_cgroup_uses_count(void **state) {
        struct fixture *f = *state;

        tree_write(&f->tree, "root/cgroup/io.stat", STAT);
        tree_write(&f->tree, "root/io.cost.qos", "8:16 enable=1 ctrl=auto\n8:0 enable=0\n");
        look(f);
        assert_false(f->io.bfq);
        assert_false(f->io.iocost);
        assert_string_equal(f->io.devices, "8:0");

        tree_write(&f->tree, "root/cgroup/io.stat", STAT "8:16 rbytes=1\n");
        look(f);
        assert_true(f->io.bfq);
        assert_true(f->io.iocost);
        assert_string_equal(f->io.devices, "8:0, 8:16");
}

static void where_none_is_used_yet_any_disk_counts(void **state) {
        struct fixture *f = *state;

        look(f);
        assert_false(f->io.bfq);
        assert_false(f->io.iocost);
        assert_string_equal(f->io.devices, "");
        tree_write(&f->tree, "sys/block/sdb/queue/scheduler", "[bfq] none\n");
        tree_write(&f->tree, "root/io.cost.qos", "8:0 enable=0\n253:0 enable=1 ctrl=auto\n");
        look(f);
        assert_true(f->io.bfq);
        assert_true(f->io.iocost);
}

static void many_disks_are_named_in_part(void **state) {
        struct fixture *f = *state;

        tree_write(&f->tree, "root/cgroup/io.stat",
                        "8:0 rbytes=1\n8:16 rbytes=1\n8:32 rbytes=1\n8:48 rbytes=1\n8:64 \n");
        look(f);
        assert_string_equal(f->io.devices, "8:0, 8:16, 8:32, ...");
}

static void what_is_no_line_of_a_device_is_passed_over(void **state) {
        struct fixture *f = *state;

        tree_write(&f->tree, "root/cgroup/io.stat", "x\n\n8 rbytes=1\n(unknown) rbytes=2\n");
        tree_write(&f->tree, "root/io.cost.qos", "default enable=1\n");
        look(f);
        assert_string_equal(f->io.devices, "");
        assert_false(f->io.iocost);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(only_disks_that_the_cgroup_uses_count),
                TEST(where_none_is_used_yet_any_disk_counts),
                TEST(many_disks_are_named_in_part),
                TEST(what_is_no_line_of_a_device_is_passed_over),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
