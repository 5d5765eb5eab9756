/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/kernel/block.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cmocka.h>

#include "tests/unit/tree.h"

#define STAT "8:0 rbytes=1 wbytes=0 rios=1 wios=0 dbytes=0 dios=0\n"

/* A host with a disk under BFQ and one without; a cgroup that used neither. */
struct fixture {
        struct tree tree;
        int proc_fd, root_fd, sys_fd, dir_fd;
        struct io_weighing io;
};

static int set_up(void **state) {
        struct fixture *f = calloc(1, sizeof(*f));

        f->tree = tree_make();
        tree_write(&f->tree, "sys/dev/block/8:0/queue/scheduler", "none [mq-deadline] bfq\n");
        tree_write(&f->tree, "sys/dev/block/8:16/queue/scheduler", "none mq-deadline [bfq]\n");
        tree_write(&f->tree, "sys/block/sda/queue/scheduler", "none [mq-deadline] bfq\n");
        tree_mkdir(&f->tree, "root/cgroup");
        f->proc_fd = tree_open(&f->tree, ".");
        f->root_fd = tree_open(&f->tree, "root");
        f->sys_fd = tree_open(&f->tree, "sys");
        f->dir_fd = tree_open(&f->tree, "root/cgroup");
        *state = f;
        return 0;
}

static int tear_down(void **state) {
        struct fixture *f = *state;

        (void)close(f->proc_fd);
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

static struct io_disk disk_of(struct fixture *f, uint64_t major, uint64_t minor) {
        struct io_disk disk;

        block_disk(f->proc_fd, f->sys_fd, io_key(major, minor, IO_WBPS), &disk);
        return disk;
}

static void a_partition_is_told_from_its_disk(void **state) {
        struct fixture *f = *state;

        tree_write(&f->tree, "sys/devices/sda/dev", "8:32\n");
        tree_write(&f->tree, "sys/devices/sda/sda1/partition", "1\n");
        assert_int_equal(symlinkat("../../devices/sda", f->sys_fd, "dev/block/8:32"), 0);
        assert_int_equal(symlinkat("../../devices/sda/sda1", f->sys_fd, "dev/block/8:33"), 0);
        assert_true(disk_of(f, 8, 32).present);
        assert_string_equal(disk_of(f, 8, 32).whole, "");
        assert_true(disk_of(f, 8, 33).present);
        assert_string_equal(disk_of(f, 8, 33).whole, "8:32");
        assert_false(disk_of(f, 8, 34).present);
}

static void what_lies_on_another_device_is_known(void **state) {
        struct fixture *f = *state;

        tree_mkdir(&f->tree, "sys/dev/block/253:0/dm");
        tree_mkdir(&f->tree, "sys/dev/block/8:1/partition");
        assert_int_equal(block_lies_on_another(f->sys_fd, io_key(253, 0, IO_WBPS)), 1);
        assert_int_equal(block_lies_on_another(f->sys_fd, io_key(8, 1, IO_WBPS)), 1);
        assert_int_equal(block_lies_on_another(f->sys_fd, io_key(8, 0, IO_WBPS)), 0);
        assert_int_equal(block_lies_on_another(f->sys_fd, io_key(9, 9, IO_WBPS)), -ENOENT);
}

static void a_node_has_the_kernels_name_where_it_says_one(void **state) {
        struct fixture *f = *state;
        char node[BLOCK_NODE_SIZE];

        tree_write(&f->tree, "sys/dev/block/8:0/uevent",
                        "MAJOR=8\nMINOR=0\nDEVNAME=sda\nDEVTYPE=disk\n");
        block_node(f->sys_fd, io_key(8, 0, IO_WBPS), node);
        assert_string_equal(node, "/dev/sda");
        tree_write(&f->tree, "sys/dev/block/8:0/uevent", "MAJOR=8\nOLD_DEVNAME=sda\n");
        block_node(f->sys_fd, io_key(8, 0, IO_WBPS), node);
        assert_string_equal(node, "/dev/block/8:0");
        block_node(f->sys_fd, io_key(9, 9, IO_WBPS), node);
        assert_string_equal(node, "/dev/block/9:9");
}

/* A file of swap is on the disk that it lies on. */
static void a_disk_with_swap_is_known(void **state) {
        struct fixture *f = *state;
        char text[256];
        struct stat st;

        assert_int_equal(fstat(f->tree.fd, &st), 0);
        (void)snprintf(text, sizeof(text),
                        "Filename\t\t\tType\n/nowhere partition 1 0 -2\n%s/swaps\t file 1 0 -3\n",
                        f->tree.path);
        tree_write(&f->tree, "swaps", text);
        assert_true(disk_of(f, major(st.st_dev), minor(st.st_dev)).swap);
        assert_false(disk_of(f, 259, 1048575).swap);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(only_disks_that_the_cgroup_uses_count),
                TEST(where_none_is_used_yet_any_disk_counts),
                TEST(many_disks_are_named_in_part),
                TEST(what_is_no_line_of_a_device_is_passed_over),
                TEST(a_partition_is_told_from_its_disk),
                TEST(what_lies_on_another_device_is_known),
                TEST(a_node_has_the_kernels_name_where_it_says_one),
                TEST(a_disk_with_swap_is_known),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
