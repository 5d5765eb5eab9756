/* SPDX-License-Identifier: Apache-2.0 */
#include "policies/analysis/io_brake.h"
#include "state/knob.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define PART_USEC (10 * USEC_PER_SEC)
#define DISK      io_key(252, 16, IO_RBPS)

/* A victim, one that fills the disk, and the disk; a test changes what it is about. */
struct world {
        struct io_tenant quiet, greedy;
        struct io_disk_use disk;
        struct io_host host;
        const struct io_tenant *tenants[2];
        struct finding f;
};

static void do_io(struct io_tenant *t, struct io_disk_use *disk, enum io_limit limit,
                uint64_t in_each_part) {
        for (unsigned p = 0; p < IO_PARTS; p++) {
                t->uses[0].grown[p][limit] += in_each_part;
                disk->use.grown[p][limit] += in_each_part;
        }
}

static struct io_tenant tenant(uint64_t inode, const char *cgroup) {
        struct io_tenant t = {
                .cgroup_inode = inode, .cgroup = cgroup, .parts = IO_PARTS, .uses_count = 1
        };

        t.uses[0].disk = DISK;
        return t;
}

static struct world *world(void) {
        static struct world w;

        w = (struct world){ .quiet = tenant(7, "/docker/quiet"),
                .greedy = tenant(8, "/docker/greedy") };
        w.disk.use.disk = DISK;
        w.disk.most_per_sec[IO_WBPS] = 8 * MIB;
        w.host.disks = &w.disk;
        w.host.disks_count = 1;
        w.tenants[0] = &w.quiet;
        w.tenants[1] = &w.greedy;
        for (unsigned p = 0; p < IO_PARTS; p++) {
                w.host.span_usec[p] = PART_USEC;
                w.quiet.stalled_usec[p] = PART_USEC * 2 / 5;
        }
        do_io(&w.quiet, &w.disk, IO_WBPS, 5 * MIB);
        do_io(&w.quiet, &w.disk, IO_WIOPS, 50);
        do_io(&w.greedy, &w.disk, IO_WBPS, 70 * MIB);
        do_io(&w.greedy, &w.disk, IO_WIOPS, 10);
        return &w;
}

static bool found(struct world *w) {
        size_t at = io_brake_find(w->tenants, 2, &w->host, &w->quiet, &w->f);

        assert_true(at == 1 || at == 2); /* never the victim itself */
        return at == 1;
}

static void who_fills_the_disk_is_named_with_the_numbers(void **state) {
        struct world *w = world();
        const uint64_t *e = w->f.evidence;

        (void)state;
        assert_true(found(w));
        assert_true(w->f.lost_usec_per_min == 24 * USEC_PER_SEC);
        assert_true(e[EVIDENCE_BRAKE_WINDOW] == 3 * PART_USEC);
        assert_true(e[EVIDENCE_BRAKE_VICTIM] == 7);
        assert_true(e[EVIDENCE_BRAKE_KEY] == io_key(252, 16, IO_WBPS));
        assert_true(e[EVIDENCE_BRAKE_DONE] == 210 * MIB);
        assert_true(e[EVIDENCE_BRAKE_DISK_DONE] == 225 * MIB);
        assert_true(e[EVIDENCE_BRAKE_USE] == 7 * MIB);
        assert_true(e[EVIDENCE_BRAKE_MOST] == 8 * MIB);
        assert_true(e[EVIDENCE_BRAKE_LIMIT] == KNOB_MAX);
}

static void one_part_without_a_wait_is_no_finding(void **state) {
        struct world *w = world();

        (void)state;
        w->quiet.stalled_usec[1] = PART_USEC * 15 / 100 - 1;
        assert_false(found(w));
        w->quiet.stalled_usec[1]++;
        assert_true(found(w));
}

static void one_part_without_the_share_is_no_finding(void **state) {
        struct world *w = world();

        (void)state;
        w->disk.use.grown[2][IO_WBPS] = 117 * MIB;
        assert_false(found(w));
        w->disk.use.grown[2][IO_WBPS] = 116 * MIB;
        assert_true(found(w));
}

static void what_the_host_itself_does_is_nobodys_share(void **state) {
        struct world *w = world();

        (void)state;
        for (unsigned p = 0; p < IO_PARTS; p++)
                w->disk.use.grown[p][IO_WBPS] += 50 * MIB;
        assert_false(found(w));
}

static void all_writes_of_a_disk_that_is_busy_with_reads_are_no_reason(void **state) {
        struct world *w = world();

        (void)state;
        do_io(&w->quiet, &w->disk, IO_RBPS, 80 * MIB);
        assert_false(found(w));
}

static void a_victim_that_wants_back_what_was_evicted_is_short_of_memory(void **state) {
        struct world *w = world();

        (void)state;
        w->quiet.refaults[0] = 300;
        assert_false(found(w));
        w->quiet.refaults[0] = 299;
        assert_true(found(w));
}

static void another_disk_is_no_reason_to_wait(void **state) {
        struct world *w = world();

        (void)state;
        w->quiet.uses[0].disk = io_key(8, 0, IO_RBPS);
        assert_false(found(w));
}

static void a_victim_that_used_the_disk_only_once_does_not_wait_for_it(void **state) {
        struct world *w = world();

        (void)state;
        w->quiet.uses[0].grown[1][IO_WBPS] = w->quiet.uses[0].grown[1][IO_WIOPS] = 0;
        assert_false(found(w));
}

static void a_container_that_came_later_is_not_blamed_and_blames_nobody(void **state) {
        struct world *w = world();

        (void)state;
        w->greedy.parts = IO_PARTS - 1;
        assert_false(found(w));
        w->greedy.parts = IO_PARTS;
        w->quiet.parts = IO_PARTS - 1;
        assert_false(found(w));
}

static void a_disk_that_was_not_known_in_a_part_proves_nothing(void **state) {
        struct world *w = world();

        (void)state;
        w->disk.use.grown[0][IO_WBPS] = w->disk.use.grown[0][IO_WIOPS] = 0;
        assert_false(found(w));
        w->host.disks_count = 0;
        assert_false(found(w));
}

static void containers_within_one_another_do_not_blame_each_other(void **state) {
        struct world *w = world();

        (void)state;
        w->greedy.cgroup = "/docker/quiet/inner";
        assert_false(found(w));
        w->greedy.cgroup = "/docker";
        assert_false(found(w));
        w->greedy.cgroup = "/docker/qui";
        assert_true(found(w));
}

static void of_two_within_one_another_the_outer_one_is_blamed(void **state) {
        struct world *w = world();
        struct io_tenant inner = w->greedy;
        const struct io_tenant *tenants[] = { &inner, &w->greedy, &w->quiet };

        (void)state;
        inner.cgroup = "/docker/greedy/inner";
        assert_int_equal(io_brake_find(tenants, 3, &w->host, &w->quiet, &w->f), 1);
        tenants[0] = &w->greedy;
        tenants[1] = &inner;
        assert_int_equal(io_brake_find(tenants, 3, &w->host, &w->quiet, &w->f), 0);
}

static void operations_are_named_where_bytes_are_not_the_reason(void **state) {
        struct world *w = world();

        (void)state;
        do_io(&w->quiet, &w->disk, IO_WBPS, 60 * MIB);
        do_io(&w->greedy, &w->disk, IO_WIOPS, 1000);
        assert_true(found(w));
        assert_true(w->f.evidence[EVIDENCE_BRAKE_KEY] == io_key(252, 16, IO_WIOPS));
}

static void its_use_is_the_middle_of_the_three_parts(void **state) {
        struct world *w = world();

        (void)state;
        w->greedy.uses[0].grown[1][IO_WBPS] = w->disk.use.grown[1][IO_WBPS] = 900 * MIB;
        assert_true(found(w));
        assert_true(w->f.evidence[EVIDENCE_BRAKE_USE] == 7 * MIB);
}

static void of_disks_that_lie_on_one_another_the_lowest_is_named(void **state) {
        struct world *w = world();
        static struct io_disk_use disks[2]; /* as long as the world */

        (void)state;
        disks[0] = disks[1] = w->disk;
        disks[0].use.disk = io_key(253, 0, IO_RBPS);
        disks[0].stacked = true;
        w->host.disks = disks;
        w->host.disks_count = 2;
        for (unsigned i = 0; i < 2; i++) {
                struct io_tenant *t = i == 0 ? &w->quiet : &w->greedy;

                t->uses[1] = t->uses[0];
                t->uses[0].disk = disks[0].use.disk;
                t->uses_count = 2;
        }
        assert_true(found(w));
        assert_true(w->f.evidence[EVIDENCE_BRAKE_KEY] == io_key(252, 16, IO_WBPS));
        w->host.disks_count = 1;
        assert_true(found(w));
        assert_true(w->f.evidence[EVIDENCE_BRAKE_KEY] == io_key(253, 0, IO_WBPS));
}

static void who_waits_for_its_own_limit_is_nobodys_victim(void **state) {
        struct world *w = world();

        (void)state;
        w->quiet.limited[1] = io_key(8, 0, IO_RBPS);
        assert_true(found(w));
        w->quiet.limited[0] = DISK;
        assert_false(found(w));
}

static void who_fills_the_disk_with_bytes_is_no_victim_of_many_operations(void **state) {
        struct world *w = world();

        (void)state;
        do_io(&w->greedy, &w->disk, IO_WIOPS, 1000);
        do_io(&w->quiet, &w->disk, IO_WBPS, 70 * MIB);
        assert_true(found(w)); /* about half of the bytes each */
        do_io(&w->quiet, &w->disk, IO_WBPS, 700 * MIB);
        assert_false(found(w));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(who_fills_the_disk_is_named_with_the_numbers),
                cmocka_unit_test(one_part_without_a_wait_is_no_finding),
                cmocka_unit_test(one_part_without_the_share_is_no_finding),
                cmocka_unit_test(what_the_host_itself_does_is_nobodys_share),
                cmocka_unit_test(all_writes_of_a_disk_that_is_busy_with_reads_are_no_reason),
                cmocka_unit_test(a_victim_that_wants_back_what_was_evicted_is_short_of_memory),
                cmocka_unit_test(another_disk_is_no_reason_to_wait),
                cmocka_unit_test(a_victim_that_used_the_disk_only_once_does_not_wait_for_it),
                cmocka_unit_test(a_container_that_came_later_is_not_blamed_and_blames_nobody),
                cmocka_unit_test(a_disk_that_was_not_known_in_a_part_proves_nothing),
                cmocka_unit_test(containers_within_one_another_do_not_blame_each_other),
                cmocka_unit_test(of_two_within_one_another_the_outer_one_is_blamed),
                cmocka_unit_test(operations_are_named_where_bytes_are_not_the_reason),
                cmocka_unit_test(its_use_is_the_middle_of_the_three_parts),
                cmocka_unit_test(who_waits_for_its_own_limit_is_nobodys_victim),
                cmocka_unit_test(who_fills_the_disk_with_bytes_is_no_victim_of_many_operations),
                cmocka_unit_test(of_disks_that_lie_on_one_another_the_lowest_is_named),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
