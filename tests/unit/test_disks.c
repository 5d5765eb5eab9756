/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/observer/manager.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tree.h"

#define SDA io_key(8, 0, IO_RBPS)

/* Two containers and a disk of files: how much of it they read is what a test says. */
struct fake_host {
        struct tree tree;
        struct manager m;
        struct target quiet, greedy, third, *targets[3];
        uint64_t now_ns, quiet_bytes, greedy_bytes, quiet_per_sec, greedy_per_sec, waits_per_sec,
                        third_waits_per_sec;
};

static void open_target(struct fake_host *h, struct target *t, const char *id, uint64_t inode) {
        char path[64];

        t->manager = &h->m;
        t->container.cgroup_inode = inode;
        (void)snprintf(t->container.id, sizeof(t->container.id), "%s", id);
        (void)snprintf(t->container.cgroup, sizeof(t->container.cgroup), "/%s", id);
        (void)snprintf(path, sizeof(path), "%s/io.max", id);
        tree_write(&h->tree, path, "");
        (void)snprintf(path, sizeof(path), "%s/%s", h->tree.path, id);
        t->sampler.dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(t->sampler.dir_fd >= 0);
}

static struct fake_host *host_make(void) {
        struct fake_host *h = calloc(1, sizeof(*h));

        h->tree = tree_make();
        h->m.proc_fd = open(h->tree.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        h->m.numbers.dir_fd = h->m.uplink.fd = -1;
        open_target(h, &h->quiet, "quiet", 7);
        open_target(h, &h->greedy, "greedy", 8);
        open_target(h, &h->third, "third", 9);
        h->targets[0] = &h->quiet;
        h->targets[1] = &h->greedy;
        h->targets[2] = &h->third;
        h->m.targets = h->targets;
        h->m.targets_count = 3;
        h->now_ns = 1000 * NSEC_PER_SEC;
        h->quiet_per_sec = 100 * KIB;
        h->greedy_per_sec = 4 * MIB;
        h->waits_per_sec = 2;
        return h;
}

static void host_free(struct fake_host *h) {
        for (unsigned i = 0; i < 3; i++) {
                free(h->targets[i]->entries[RULE_IO_BRAKE]);
                free(h->targets[i]->disks);
                (void)close(h->targets[i]->sampler.dir_fd);
        }
        (void)close(h->m.proc_fd);
        tree_remove(&h->tree);
        free(h);
}

static void sample(struct target *t, uint64_t bytes) {
        char text[128];

        (void)snprintf(text, sizeof(text), "8:0 rbytes=%llu wbytes=0 rios=%llu wios=0 dbytes=0\n",
                        (unsigned long long)bytes, (unsigned long long)bytes / 4096);
        if (t->sampler.disks)
                disk_table_parse(text, t->sampler.disks);
}

static void pass(struct fake_host *h, unsigned seconds) {
        for (unsigned i = 0; i < seconds; i++) {
                char text[256];

                h->now_ns += NSEC_PER_SEC;
                h->quiet_bytes += h->quiet_per_sec;
                h->greedy_bytes += h->greedy_per_sec;
                for (unsigned k = DISKS_RUNG - 1; k <= DISKS_RUNG + 1; k++) {
                        h->quiet.sampler.ladder_count[k] += h->waits_per_sec;
                        h->third.sampler.ladder_count[k] += h->third_waits_per_sec;
                }
                if (h->waits_per_sec + h->third_waits_per_sec > 0)
                        disks_alert(&h->m, h->now_ns);
                (void)snprintf(text, sizeof(text),
                                "   8       0 sda 0 0 %llu 0 0 0 0 0 0 0 0 0\n"
                                "   8       1 sda1 9 9 9 9 9 9 9 9 9 9 9\n",
                                (unsigned long long)(h->quiet_bytes + h->greedy_bytes) / 512);
                tree_write(&h->tree, "diskstats", text);
                disks_tick(&h->m, h->now_ns);
                sample(&h->quiet, h->quiet_bytes);
                sample(&h->greedy, h->greedy_bytes);
                sample(&h->third, h->quiet_bytes / 2);
        }
}

static const struct entry *found(const struct fake_host *h) {
        assert_null(h->quiet.entries[RULE_IO_BRAKE]);
        return h->greedy.entries[RULE_IO_BRAKE];
}

static void nothing_is_kept_as_long_as_nobody_waits(void **state) {
        struct fake_host *h = host_make();

        (void)state;
        h->waits_per_sec = 0;
        pass(h, 60);
        assert_null(h->quiet.disks);
        assert_null(h->greedy.disks);
        assert_null(found(h));
        host_free(h);
}

static void after_three_parts_the_one_that_fills_the_disk_is_found(void **state) {
        struct fake_host *h = host_make();
        const struct entry *e;

        (void)state;
        pass(h, 31);
        assert_null(found(h));
        pass(h, 3);
        e = found(h);
        assert_non_null(e);
        assert_true(e->finding.evidence[EVIDENCE_BRAKE_VICTIM] == 7);
        assert_true(e->finding.evidence[EVIDENCE_BRAKE_KEY] == SDA);
        assert_true(e->finding.evidence[EVIDENCE_BRAKE_USE] == 4 * MIB);
        assert_true(e->finding.lost_usec_per_min == 24 * USEC_PER_SEC);
        assert_int_equal(e->submission, SUBMISSION_PENDING);
        assert_int_equal(e->proposal.changes_count, 1);
        assert_true(e->proposal.changes[0].old.amount == KNOB_MAX);
        assert_true(e->proposal.changes[0].new.key == SDA);
        assert_true(e->proposal.changes[0].new.amount < 3 * MIB);
        host_free(h);
}

static void a_limit_that_is_as_tight_is_not_proposed_again(void **state) {
        struct fake_host *h = host_make();

        (void)state;
        tree_write(&h->tree, "greedy/io.max", "8:0 rbps=1048576 wbps=max riops=max wiops=max\n");
        pass(h, 40);
        assert_non_null(found(h));
        assert_int_equal(found(h)->submission, SUBMISSION_NONE);
        assert_int_equal(found(h)->unsized, REASON_NO_CHANGE);
        host_free(h);
}

static void a_container_with_a_limit_of_its_own_is_no_victim(void **state) {
        struct fake_host *h = host_make();

        (void)state;
        tree_write(&h->tree, "quiet/io.max", "8:0 rbps=max wbps=max riops=20 wiops=max\n");
        pass(h, 40);
        assert_null(found(h));
        tree_write(&h->tree, "quiet/io.max", "8:16 rbps=1048576 wbps=max riops=max wiops=max\n");
        pass(h, 10);
        assert_non_null(found(h));
        host_free(h);
}

static void the_watch_ends_when_nobody_waits_any_more(void **state) {
        struct fake_host *h = host_make();

        (void)state;
        pass(h, 20);
        assert_non_null(h->quiet.disks);
        h->waits_per_sec = 0;
        pass(h, 12);
        assert_null(h->quiet.disks);
        assert_null(h->quiet.sampler.disks);

        h->waits_per_sec = 2; /* and begins anew: what was before is no evidence */
        pass(h, 25);
        assert_null(found(h));
        pass(h, 10);
        assert_non_null(found(h));
        host_free(h);
}

static void a_pause_of_the_machine_is_no_part(void **state) {
        struct fake_host *h = host_make();

        (void)state;
        pass(h, 25);
        h->now_ns += 60 * NSEC_PER_SEC;
        pass(h, 25);
        assert_null(found(h));
        pass(h, 10);
        assert_non_null(found(h));
        host_free(h);
}

static uint64_t victim_of(const struct fake_host *h) {
        const struct entry *e = found(h);

        return e ? e->finding.evidence[EVIDENCE_BRAKE_VICTIM] : 0;
}

static void a_victim_stays_the_one_as_long_as_it_waits(void **state) {
        struct fake_host *h = host_make();
        struct entry *e;

        (void)state;
        h->waits_per_sec = 1;
        pass(h, 35);
        assert_int_equal(victim_of(h), 7);
        h->third_waits_per_sec = 2; /* longer than the first */
        pass(h, 40);
        assert_int_equal(victim_of(h), 7);
        e = h->greedy.entries[RULE_IO_BRAKE];
        e->submission = SUBMISSION_ANSWERED;
        h->waits_per_sec = 0;
        pass(h, 20);
        assert_int_equal(victim_of(h), 9);
        assert_int_equal(e->submission, SUBMISSION_PENDING); /* for another's sake: another wish */
        host_free(h);
}

static void of_two_victims_the_one_that_waits_longer_is_named(void **state) {
        struct fake_host *h = host_make();

        (void)state;
        h->waits_per_sec = 1;
        h->third_waits_per_sec = 2;
        pass(h, 35);
        assert_int_equal(victim_of(h), 9);
        host_free(h);
}

static void a_victim_that_is_gone_blames_nobody(void **state) {
        struct fake_host *h = host_make();

        (void)state;
        h->quiet.gone = true;
        pass(h, 60);
        assert_null(found(h));
        host_free(h);
}

static void lines_that_are_not_whole_and_disks_too_many_are_left_out(void **state) {
        char text[1024] = "8:0 \n8:1 rbytes=1 wbytes=2 rios=3\n8:2\nx\n";
        struct disk_table table;

        (void)state;
        for (unsigned i = 0; i < IO_DISKS_MAX + 2; i++) {
                size_t len = strlen(text);

                (void)snprintf(text + len, sizeof(text) - len,
                                "9:%u rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n", i);
        }
        disk_table_parse(text, &table);
        assert_true(table.read);
        assert_int_equal(table.count, IO_DISKS_MAX);
        assert_true(table.rows[0].disk == io_key(9, 0, IO_RBPS));
        assert_true(table.rows[7].value[IO_WIOPS] == 4);
}

static void a_disk_of_the_host_counts_merged_requests_and_sectors_of_512(void **state) {
        struct disk_counters c;

        (void)state;
        assert_int_equal(disk_parse("   8       0 sda 10 2 30 4 50 6 70 8 0 0 0\n", &c), 0);
        assert_true(c.disk == SDA);
        assert_true(c.value[IO_RBPS] == 30 * 512);
        assert_true(c.value[IO_WBPS] == 70 * 512);
        assert_true(c.value[IO_RIOPS] == 12);
        assert_true(c.value[IO_WIOPS] == 56);
        assert_false(c.stacked);
        assert_int_equal(disk_parse(" 253       1 dm-1 10 2 30 4 50 6 70 8 0 0 0\n", &c), 0);
        assert_true(c.stacked);
        assert_int_equal(disk_parse("   8       0 sda 10 2 30\n", &c), -EINVAL);
        assert_int_equal(disk_parse("", &c), -EINVAL);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(nothing_is_kept_as_long_as_nobody_waits),
                cmocka_unit_test(after_three_parts_the_one_that_fills_the_disk_is_found),
                cmocka_unit_test(a_limit_that_is_as_tight_is_not_proposed_again),
                cmocka_unit_test(a_container_with_a_limit_of_its_own_is_no_victim),
                cmocka_unit_test(the_watch_ends_when_nobody_waits_any_more),
                cmocka_unit_test(a_pause_of_the_machine_is_no_part),
                cmocka_unit_test(a_victim_stays_the_one_as_long_as_it_waits),
                cmocka_unit_test(of_two_victims_the_one_that_waits_longer_is_named),
                cmocka_unit_test(a_victim_that_is_gone_blames_nobody),
                cmocka_unit_test(lines_that_are_not_whole_and_disks_too_many_are_left_out),
                cmocka_unit_test(a_disk_of_the_host_counts_merged_requests_and_sectors_of_512),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
