/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/journal_fixture.h"

/* --- what is written is read again --- */

static void the_checksum_is_crc32c(void **state) {
        (void)state;
        assert_int_equal(crc32c("123456789", 9), 0xe3069283);
}

static void a_change_comes_back_with_all_that_is_known_of_it(void **state) {
        static char long_text[KNOB_TEXT_MAX], empty[] = "", weight[] = "100";
        struct fixture *f = *state;
        struct limits before = { .text = { [KNOB_MEMORY_MAX] = empty,
                                                 [KNOB_CPU_WEIGHT] = weight,
                                                 [KNOB_IO_MAX] = long_text } };
        struct change c = make_change(3);
        const struct journal_change *read;
        uint64_t seq;

        memset(long_text, 'x', sizeof(long_text) - 1);
        c.changes_count = PROPOSAL_KNOBS_MAX;
        for (unsigned i = 0; i < PROPOSAL_KNOBS_MAX; i++)
                c.changes[i] = (struct knob_change){ .knob = i, .old = { i, 0 }, .new = { 9, i } };
        c.changes[6] = (struct knob_change){ .knob = KNOB_IO_MAX,
                .old = { .amount = KNOB_MAX, .key = io_key(259, 1048575, IO_WIOPS) },
                .new = { .amount = 100, .key = io_key(259, 1048575, IO_WIOPS) } };
        reopen(f);
        c.effect.expected_usec_per_min = 7;
        c.scope_mask = 5;
        assert_int_equal(journal_intent(f->j, &c, &before, "shop/web", "node:22", &seq), 0);
        assert_int_equal(journal_step(f->j, &c, JOURNAL_STEP, 7, (struct knob_value){ 5, 6 }, true),
                        0);
        assert_int_equal(journal_note(f->j, 3, 0, "because"), 0);
        c.state = CHANGE_ROLLED_BACK;
        c.reason = REASON_KEPT;
        c.kept_mask = 0x80;
        c.kept[7] = (struct knob_value){ 42, 1 };
        c.deadline_boottime_ns = 99;
        c.proven = 1;
        c.effect.before_usec_per_min = 8;
        c.effect.after_usec_per_min = LOST_UNKNOWN;
        c.state = CHANGE_ROLLING_BACK;
        assert_int_equal(journal_state(f->j, &c, false), 0);

        for (int pass = 0; pass < 2; pass++) {
                read = get(f->j, 3);
                assert_non_null(read);
                assert_memory_equal(&read->change, &c, sizeof(c));
                assert_int_equal(limits_differ(&read->before, &before, 0), -1);
                assert_int_equal(read->steps_count, 1);
                assert_int_equal(read->steps[0].position, 7);
                assert_int_equal(read->steps[0].kind, JOURNAL_STEP);
                assert_string_equal(read->environment, "shop/web");
                assert_string_equal(read->template, "node:22");
                assert_true(knob_equal(read->steps[0].value, (struct knob_value){ 5, 6 }));
                assert_string_equal(read->note, "because");
                assert_true(read->this_boot);
                reopen(f);
        }
        assert_int_equal(journal_health(f->j), JOURNAL_OK);
        assert_string_equal(journal_health_text(f->j), "");
}

static void a_change_of_another_boot_is_told_apart(void **state) {
        struct fixture *f = *state;

        reopen(f);
        assert_int_equal(put_intent(f->j, 1), 0);
        reopen_as(f, OTHER_BOOT);
        assert_false(get(f->j, 1)->this_boot);
}

static void numbers_are_never_given_twice(void **state) {
        struct fixture *f = *state;
        uint64_t number, last = 0;

        reopen(f);
        for (int i = 0; i < 200; i++) {
                if (i % 30 == 0)
                        reopen(f);
                assert_int_equal(journal_next_change(f->j, &number), 0);
                assert_true(number > last);
                last = number;
        }
        assert_int_equal(journal_next_proposal(f->j, &number), 0);
        assert_int_equal(number, 1);
}

static void a_step_that_cannot_be_journaled_is_refused(void **state) {
        struct fixture *f = *state;
        struct change c = make_change(1);

        reopen(f);
        assert_int_equal(journal_step(f->j, &c, JOURNAL_KEPT, 0, c.changes[0].old, true), -EINVAL);
        assert_int_equal(put_intent(f->j, 1), 0);
        assert_int_equal(journal_step(f->j, &c, JOURNAL_KEPT, 1, c.changes[0].old, true), -EINVAL);
        for (int i = 0; i < JOURNAL_STEPS_MAX; i++)
                assert_int_equal(
                                journal_step(f->j, &c, JOURNAL_KEPT, 0, c.changes[0].old, true), 0);
        assert_int_equal(journal_step(f->j, &c, JOURNAL_KEPT, 0, c.changes[0].old, true), -E2BIG);
}

static void a_rule_that_is_trusted_again_stays_so_over_a_restart(void **state) {
        struct fixture *f = *state;
        uint64_t number;

        reopen(f);
        for (int i = 0; i < 3; i++)
                assert_int_equal(journal_next_change(f->j, &number), 0);
        assert_int_equal(journal_trusted(f->j, RULE_CPU_QUOTA), 0);
        assert_int_equal(journal_trust(f->j, RULE_CPU_QUOTA), 0);
        reopen(f);
        assert_int_equal(journal_trusted(f->j, RULE_CPU_QUOTA), number);
        assert_int_equal(journal_trusted(f->j, RULE_MEMORY_LIMIT), 0);
}

static void a_name_that_does_not_fit_is_none(void **state) {
        struct fixture *f = *state;
        struct limits before = { .text = { [KNOB_CPU_MAX] = limit_text } };
        struct change c = make_change(1);
        char name[JOURNAL_NAME_MAX + 1];
        uint64_t seq;

        memset(name, 'x', sizeof(name) - 1);
        name[sizeof(name) - 1] = '\0';
        reopen(f);
        assert_int_equal(journal_intent(f->j, &c, &before, name, "", &seq), 0);
        assert_null(get(f->j, 1)->environment);
        assert_null(get(f->j, 1)->template);
        assert_int_equal(journal_health(f->j), JOURNAL_OK);
}

static void a_second_process_is_kept_out(void **state) {
        struct fixture *f = *state;
        struct journal *second = NULL;
        int other = open(f->path, O_RDONLY | O_DIRECTORY);

        reopen(f);
        assert_int_equal(journal_open(other, BOOT, &second, NULL), -EAGAIN);
        (void)close(other);
}

static void a_boot_id_that_is_none_is_refused(void **state) {
        static const char *const ids[] = { "", "abc", BOOT "0",
                "0123ABCD-0123-4567-89ab-0123456789ab" };
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(ids); i++)
                assert_int_equal(journal_open(f->dir_fd, ids[i], &f->j, NULL), -EINVAL);
}

/* --- a torn end --- */

static void an_intent_cut_at_any_byte_does_not_count_and_the_one_before_does(void **state) {
        struct fixture *f = *state;
        struct record *r;
        size_t first, all;

        reopen(f);
        assert_int_equal(put_intent(f->j, 1), 0);
        assert_int_equal(put_state(f->j, 1, CHANGE_PROBATION, true), 0);
        r = load(f, FIRST);
        first = used(r);
        free(r);
        assert_int_equal(put_intent(f->j, 2), 0);
        journal_close(f->j);
        f->j = NULL;
        r = load(f, FIRST);
        all = used(r);

        for (size_t len = first * 256; len < all * 256; len++) {
                bool zeroed = len & 1;

                store(f, FIRST, r, len, zeroed ? JOURNAL_SEGMENT_SIZE : (off_t)len);
                reopen(f);
                assert_int_equal(count_changes(f->j), 1);
                assert_state(f->j, 1, CHANGE_PROBATION);
                if (len >= (first + 1) * 256)
                        assert_int_equal(journal_health(f->j), JOURNAL_REPAIRED);

                /* What follows is written behind what was kept, and read again. */
                if (len % 16 == 0) {
                        assert_int_equal(put_intent(f->j, 5), 0);
                        reopen(f);
                        assert_int_equal(journal_health(f->j), JOURNAL_OK);
                        assert_int_equal(count_changes(f->j), 2);
                        assert_state(f->j, 5, CHANGE_INTENT);
                }
                journal_close(f->j);
                f->j = NULL;
                for (size_t n = 2; n <= all + 8; n++) {
                        char name[32];

                        (void)snprintf(name, sizeof(name), "%016zx.seg", n);
                        (void)unlinkat(f->dir_fd, name, 0);
                }
        }
        free(r);
}

static void what_was_dropped_is_told(void **state) {
        struct fixture *f = *state;
        struct record *r;

        reopen(f);
        assert_int_equal(put_intent(f->j, 1), 0);
        journal_close(f->j);
        f->j = NULL;
        r = load(f, FIRST);
        r[used(r) - 1].crc ^= 1;
        store(f, FIRST, r, JOURNAL_SEGMENT_SIZE, JOURNAL_SEGMENT_SIZE);
        free(r);
        reopen(f);
        assert_int_equal(journal_health(f->j), JOURNAL_REPAIRED);
        assert_non_null(strstr(journal_health_text(f->j), "dropped incomplete record 1 "));
        assert_int_equal(count_changes(f->j), 0);
}

/* A loss of power may keep the later half of what nobody had waited for. */
static void a_hole_in_what_was_never_acknowledged_is_no_damage(void **state) {
        struct fixture *f = *state;
        struct record *r;

        reopen(f);
        assert_int_equal(put_intent(f->j, 1), 0);
        for (int i = 0; i < 6; i++)
                assert_int_equal(put_state(f->j, 1, CHANGE_APPLYING, false), 0);
        journal_close(f->j);
        f->j = NULL;
        r = load(f, FIRST);
        memset(&r[used(r) - 5], 0, 2 * 256);
        store(f, FIRST, r, JOURNAL_SEGMENT_SIZE, JOURNAL_SEGMENT_SIZE);
        free(r);
        reopen(f);
        assert_int_equal(journal_health(f->j), JOURNAL_REPAIRED);
        assert_state(f->j, 1, CHANGE_APPLYING);
}

/* --- damage --- */

static void damage_in_the_middle_stops_new_changes_and_no_rollback(void **state) {
        struct fixture *f = *state;
        struct record *r, *after;
        uint64_t number;

        reopen(f);
        for (uint64_t i = 1; i <= 3; i++) {
                assert_int_equal(put_intent(f->j, i), 0);
                assert_int_equal(put_state(f->j, i, CHANGE_PROBATION, true), 0);
        }
        journal_close(f->j);
        f->j = NULL;
        r = load(f, FIRST);
        ((char *)r)[7 * 256 + 100] ^= 4;
        store(f, FIRST, r, JOURNAL_SEGMENT_SIZE, JOURNAL_SEGMENT_SIZE);

        for (int pass = 0; pass < 2; pass++) {
                reopen(f);
                assert_int_equal(journal_health(f->j), JOURNAL_DAMAGED);
                assert_non_null(strstr(journal_health_text(f->j), "record 8 of the journal"));
                assert_int_equal(put_intent(f->j, 9), -EROFS);
                assert_int_equal(journal_next_change(f->j, &number), -EROFS);
                assert_null(get(f->j, 2));
                assert_state(f->j, 1, CHANGE_PROBATION);
                assert_state(f->j, 3, pass ? CHANGE_ROLLED_BACK : CHANGE_PROBATION);
                assert_int_equal(put_state(f->j, 3, CHANGE_ROLLED_BACK, false), 0);
        }
        after = load(f, FIRST);
        assert_memory_equal(r, after, JOURNAL_SEGMENT_SIZE);
        free(after);
        free(r);
}

static void a_record_of_another_history_is_damage_though_its_own_sum_is_right(void **state) {
        struct fixture *f = *state;
        struct record *r;

        reopen(f);
        assert_int_equal(put_intent(f->j, 1), 0);
        assert_int_equal(put_state(f->j, 1, CHANGE_PROBATION, true), 0);
        assert_int_equal(put_state(f->j, 1, CHANGE_COMMITTED, true), 0);
        assert_int_equal(put_state(f->j, 1, CHANGE_COMMITTED, true), 0);
        journal_close(f->j);
        f->j = NULL;
        r = load(f, FIRST);
        r[4].body.state.state = CHANGE_ROLLED_BACK;
        record_seal(&r[4]);
        store(f, FIRST, r, JOURNAL_SEGMENT_SIZE, JOURNAL_SEGMENT_SIZE);
        free(r);
        reopen(f);
        assert_int_equal(journal_health(f->j), JOURNAL_DAMAGED);
}

static void a_missing_segment_is_damage(void **state) {
        struct fixture *f = *state;

        reopen(f);
        for (uint64_t i = 1; i <= 1500; i++)
                assert_int_equal(put_intent(f->j, i), 0);
        journal_close(f->j);
        f->j = NULL;
        assert_int_equal(unlinkat(f->dir_fd, FIRST, 0), 0);
        reopen(f);
        assert_int_equal(journal_health(f->j), JOURNAL_OK); /* the oldest may be compacted away */
        journal_close(f->j);
        f->j = NULL;
        struct record one = { .type = RECORD_IDS, .seq = 1 };
        record_seal(&one);
        store(f, FIRST, &one, sizeof(one), JOURNAL_SEGMENT_SIZE);
        reopen(f);
        assert_int_equal(journal_health(f->j), JOURNAL_DAMAGED);
        assert_state(f->j, 1500, CHANGE_INTENT);
}

static void a_newer_journal_is_refused_and_nothing_is_modified(void **state) {
        struct fixture *f = *state;
        struct record *r, *after;
        uint64_t number;

        reopen(f);
        assert_int_equal(put_intent(f->j, 1), 0);
        journal_close(f->j);
        f->j = NULL;
        r = load(f, FIRST);
        r[0].version = JOURNAL_VERSION + 1;
        r[0].crc = crc32c(&r[0], offsetof(struct record, crc));
        store(f, FIRST, r, JOURNAL_SEGMENT_SIZE, JOURNAL_SEGMENT_SIZE);
        (void)unlinkat(f->dir_fd, "spare-0.seg", 0);

        reopen(f);
        assert_int_equal(journal_health(f->j), JOURNAL_NEWER);
        assert_non_null(strstr(journal_health_text(f->j), "version 4"));
        assert_int_equal(put_intent(f->j, 2), -EROFS);
        assert_int_equal(put_state(f->j, 1, CHANGE_ROLLED_BACK, false), -EROFS);
        assert_int_equal(journal_sync(f->j), -EROFS);
        assert_int_equal(journal_next_proposal(f->j, &number), -EROFS);
        assert_int_equal(faccessat(f->dir_fd, "spare-0.seg", F_OK, 0), -1);
        after = load(f, FIRST);
        assert_memory_equal(r, after, JOURNAL_SEGMENT_SIZE);
        free(after);
        free(r);
}

static void a_file_that_others_may_write_is_refused(void **state) {
        struct fixture *f = *state;
        struct error err;

        reopen(f);
        assert_int_equal(put_intent(f->j, 1), 0);
        journal_close(f->j);
        f->j = NULL;

        assert_int_equal(fchmodat(f->dir_fd, FIRST, 0620, 0), 0);
        assert_int_equal(journal_open(f->dir_fd, BOOT, &f->j, &err), -EPERM);
        assert_non_null(strstr(err.text, "E_UNSAFE_PATH"));
        assert_int_equal(fchmodat(f->dir_fd, FIRST, 0600, 0), 0);

        assert_int_equal(fchmod(f->dir_fd, 0777), 0);
        assert_int_equal(journal_open(f->dir_fd, BOOT, &f->j, &err), -EPERM);
        assert_int_equal(fchmod(f->dir_fd, 0700), 0);

        assert_int_equal(renameat(f->dir_fd, FIRST, f->dir_fd, "elsewhere"), 0);
        assert_int_equal(symlinkat("elsewhere", f->dir_fd, FIRST), 0);
        assert_int_equal(journal_open(f->dir_fd, BOOT, &f->j, &err), -EPERM);
        assert_non_null(strstr(err.text, "symbolic link"));
        assert_int_equal(unlinkat(f->dir_fd, FIRST, 0), 0);

        assert_int_equal(mkfifoat(f->dir_fd, FIRST, 0600), 0);
        assert_int_equal(journal_open(f->dir_fd, BOOT, &f->j, &err), -EPERM);
}

static void a_file_of_somebody_else_is_refused(void **state) {
        struct fixture *f = *state;

        if (geteuid() != 0) {
                print_message("only root can give a file away: make test runs this as root\n");
                skip();
        }
        assert_int_equal(fchown(f->dir_fd, 12345, (gid_t)-1), 0);
        assert_int_equal(journal_open(f->dir_fd, BOOT, &f->j, NULL), -EPERM);
        assert_int_equal(fchown(f->dir_fd, 0, (gid_t)-1), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_checksum_is_crc32c),
                JOURNAL_TEST(a_change_comes_back_with_all_that_is_known_of_it),
                JOURNAL_TEST(a_change_of_another_boot_is_told_apart),
                JOURNAL_TEST(numbers_are_never_given_twice),
                JOURNAL_TEST(a_step_that_cannot_be_journaled_is_refused),
                JOURNAL_TEST(a_rule_that_is_trusted_again_stays_so_over_a_restart),
                JOURNAL_TEST(a_name_that_does_not_fit_is_none),
                JOURNAL_TEST(a_second_process_is_kept_out),
                JOURNAL_TEST(a_boot_id_that_is_none_is_refused),
                JOURNAL_TEST(an_intent_cut_at_any_byte_does_not_count_and_the_one_before_does),
                JOURNAL_TEST(what_was_dropped_is_told),
                JOURNAL_TEST(a_hole_in_what_was_never_acknowledged_is_no_damage),
                JOURNAL_TEST(damage_in_the_middle_stops_new_changes_and_no_rollback),
                JOURNAL_TEST(a_record_of_another_history_is_damage_though_its_own_sum_is_right),
                JOURNAL_TEST(a_missing_segment_is_damage),
                JOURNAL_TEST(a_newer_journal_is_refused_and_nothing_is_modified),
                JOURNAL_TEST(a_file_that_others_may_write_is_refused),
                JOURNAL_TEST(a_file_of_somebody_else_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
