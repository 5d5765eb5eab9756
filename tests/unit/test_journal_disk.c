/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/journal_fixture.h"

/* --- a disk that refuses --- */

static void without_a_spare_segment_no_change_starts_and_what_is_under_way_goes_on(void **state) {
        struct fixture *f = *state;
        uint64_t number = 1;
        int r;

        reopen(f);
        on_allocate = (struct fault){ .times = -1, .code = ENOSPC };
        while ((r = put_intent(f->j, number)) == 0)
                number++;
        assert_int_equal(r, -ENOSPC);
        assert_int_equal(journal_health(f->j), JOURNAL_FAILING);
        assert_non_null(strstr(journal_health_text(f->j), "E_NOSPACE"));
        assert_null(get(f->j, number));

        for (uint64_t i = 1; i < number; i++)
                assert_int_equal(put_state(f->j, i, CHANGE_ROLLED_BACK, true), 0);
        on_allocate.code = 0;
        assert_int_equal(journal_sync(f->j), 0);
        assert_int_equal(journal_health(f->j), JOURNAL_OK);
        reopen(f);
        assert_int_equal(journal_health(f->j), JOURNAL_OK);
        assert_state(f->j, number - 1, CHANGE_ROLLED_BACK);
}

static void a_write_that_fails_goes_to_another_segment(void **state) {
        static const int codes[] = { ENOSPC, EIO, EFBIG };
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
                reopen(f);
                assert_int_equal(put_intent(f->j, 2 * i + 1), 0);
                on_write = (struct fault){ .times = 1, .code = codes[i] };
                assert_int_equal(put_intent(f->j, 2 * i + 2), 0);
                reopen(f);
                assert_int_equal(journal_health(f->j), JOURNAL_OK);
                assert_int_equal(count_changes(f->j), 2 * i + 2);
        }
}

static void after_a_failed_fsync_all_that_was_not_acknowledged_is_written_elsewhere(void **state) {
        struct fixture *f = *state;

        reopen(f);
        assert_int_equal(put_intent(f->j, 1), 0);
        assert_int_equal(put_state(f->j, 1, CHANGE_APPLYING, false), 0);
        assert_int_equal(put_state(f->j, 1, CHANGE_VERIFY, false), 0);
        on_sync = (struct fault){ .times = 1, .code = EIO };
        assert_int_equal(put_intent(f->j, 2), 0);

        /* The pages of the first file are lost: all of it behind the first intent. */
        struct record *r = load(f, FIRST);
        memset(&r[5], 0, JOURNAL_SEGMENT_SIZE - 5 * 256);
        store(f, FIRST, r, JOURNAL_SEGMENT_SIZE, JOURNAL_SEGMENT_SIZE);
        free(r);
        reopen(f);
        assert_int_equal(journal_health(f->j), JOURNAL_OK);
        assert_state(f->j, 1, CHANGE_VERIFY);
        assert_state(f->j, 2, CHANGE_INTENT);
}

static void the_name_of_a_new_segment_is_on_the_disk_before_its_first_intent_counts(void **state) {
        struct fixture *f = *state;
        unsigned syncs;

        reopen(f);
        syncs = directory_syncs;
        assert_int_equal(put_intent(f->j, 1), 0);
        assert_int_equal(directory_syncs, syncs + 1);
        assert_int_equal(put_intent(f->j, 2), 0);
        assert_int_equal(directory_syncs, syncs + 1);
}

static void an_intent_that_misses_the_disk_ends_with_its_refusal(void **state) {
        struct fixture *f = *state;

        for (int after = 0; after < 3; after++) {
                uint64_t number = 10 * (uint64_t)after;

                reopen(f);
                assert_int_equal(put_intent(f->j, number + 1), 0);
                on_sync = (struct fault){ .times = -1, .code = EIO };
                assert_int_equal(put_intent(f->j, number + 2), -EIO);
                assert_int_equal(journal_health(f->j), JOURNAL_FAILING);
                assert_int_equal(put_state(f->j, number + 2, CHANGE_REFUSED, false), 0);
                on_sync.code = 0;
                if (after == 0)
                        assert_int_equal(put_state(f->j, 1, CHANGE_ROLLED_BACK, false), 0);
                else
                        assert_int_equal(put_intent(f->j, number + 3), 0);
                reopen(f);
                assert_int_equal(journal_health(f->j), JOURNAL_OK);
                assert_state(f->j, number + 2, CHANGE_REFUSED);
                assert_state(f->j, 1, CHANGE_ROLLED_BACK);
        }
}

static void rollbacks_wait_in_memory_until_the_disk_works(void **state) {
        struct fixture *f = *state;

        reopen(f);
        for (uint64_t i = 1; i <= 100; i++)
                assert_int_equal(put_intent(f->j, i), 0);
        on_write = (struct fault){ .times = -1, .code = ENOSPC };
        for (uint64_t i = 1; i <= 100; i++)
                assert_int_equal(put_state(f->j, i, CHANGE_ROLLED_BACK, false), 0);
        assert_int_equal(journal_health(f->j), JOURNAL_FAILING);
        assert_int_equal(put_state(f->j, 1, CHANGE_ROLLED_BACK, true), -ENOSPC);
        assert_int_equal(put_intent(f->j, 101), -ENOSPC);
        on_write.code = 0;
        assert_int_equal(put_state(f->j, 2, CHANGE_ROLLED_BACK, false), 0);
        reopen(f);
        assert_int_equal(count_changes(f->j), 100);
        for (uint64_t i = 1; i <= 100; i++)
                assert_state(f->j, i, CHANGE_ROLLED_BACK);
}

static void what_waits_has_a_bound_and_what_is_lost_is_told(void **state) {
        struct fixture *f = *state;
        int r = 0;

        reopen(f);
        assert_int_equal(put_intent(f->j, 1), 0);
        on_write = (struct fault){ .times = -1, .code = EIO };
        on_allocate = (struct fault){ .times = -1, .code = EIO };
        for (int i = 0; i < 2048; i++)
                assert_int_equal(put_state(f->j, 1, CHANGE_ROLLING_BACK, false), 0);
        r = put_state(f->j, 1, CHANGE_ROLLED_BACK, false);
        assert_int_equal(r, -ENOSPC);
        assert_non_null(strstr(journal_health_text(f->j), "2048 records wait, 1 lost"));
        on_write.code = on_allocate.code = 0;
        assert_int_equal(journal_sync(f->j), 0);
        reopen(f);
        assert_state(f->j, 1, CHANGE_ROLLING_BACK);
}

/* The Nth call fails, once or for ever, for every N until none does. */
static void whichever_call_fails_what_was_acknowledged_is_read_again(void **state) {
        struct fault *const faults[] = { &on_sync, &on_write, &on_allocate };
        struct fixture *f = *state;

        for (size_t kind = 0; kind < ARRAY_LEN(faults); kind++)
                for (int nth = 0; nth < 30; nth++)
                        for (int times = -1; times < 2; times += 2) {
                                int intents = 0, states = 0;

                                on_sync = on_write = on_allocate = (struct fault){ 0 };
                                *state = f;
                                *faults[kind] = (struct fault){ nth, times, EIO };
                                reopen(f);
                                for (uint64_t i = 1; i <= 8; i++) {
                                        if (put_intent(f->j, i) == 0)
                                                intents |= 1 << i;
                                        if (put_state(f->j, i, CHANGE_PROBATION, true) == 0)
                                                states |= intents & 1 << i;
                                }
                                faults[kind]->code = 0;
                                reopen(f);
                                assert_true(journal_health(f->j) <= JOURNAL_REPAIRED);
                                for (uint64_t i = 1; i <= 8; i++) {
                                        if (states >> i & 1)
                                                assert_state(f->j, i, CHANGE_PROBATION);
                                        else if (intents >> i & 1)
                                                assert_non_null(get(f->j, i));
                                }
                                (void)teardown(state);
                                (void)setup(state);
                                f = *state;
                        }
}

/* --- much of it --- */

static void a_thousand_alternating_changes_lose_no_record(void **state) {
        struct fixture *f = *state;
        struct segments segments;
        uint64_t seq = 1;

        reopen(f);
        for (uint64_t i = 1; i <= 1000; i++) {
                assert_int_equal(put_intent(f->j, i), 0);
                assert_int_equal(put_state(f->j, i, CHANGE_PROBATION, true), 0);
                assert_int_equal(put_state(f->j, i, CHANGE_ROLLING_BACK, false), 0);
                assert_int_equal(put_state(f->j, i, CHANGE_ROLLED_BACK, false), 0);
        }
        reopen(f);
        assert_int_equal(count_changes(f->j), 1000);
        for (uint64_t i = 1; i <= 1000; i++)
                assert_state(f->j, i, CHANGE_ROLLED_BACK);

        /* Every record that was ever written is still in the files: 4 of an intent, 3 states. */
        assert_int_equal(segments_open(&segments, f->dir_fd, NULL), 0);
        for (size_t i = 0; i < segments.count; i++) {
                uint64_t limit = i + 1 < segments.count ? segments.first[i + 1] : UINT64_MAX;
                char name[32];
                struct record *r;

                (void)snprintf(name, sizeof(name), "%016zx.seg", (size_t)segments.first[i]);
                r = load(f, name);
                for (size_t n = 0; n < SEGMENT_RECORDS && seq < limit && r[n].seq == seq; n++)
                        seq++;
                free(r);
        }
        assert_int_equal(seq, 7001);
}

static void compaction_keeps_what_is_needed_and_the_number_of_files_small(void **state) {
        static char text[3000];
        struct fixture *f = *state;
        struct limits before = { .text = { [KNOB_IO_MAX] = text } };
        struct change c = make_change(1);
        unsigned files = 0;
        uint64_t number = 0;
        DIR *dir;

        memset(text, 'x', sizeof(text) - 1);
        reopen(f);
        for (int i = 0; i < 70; i++)
                assert_int_equal(journal_next_change(f->j, &number), 0);
        assert_int_equal(put_intent(f->j, 1), 0);
        assert_int_equal(journal_step(f->j, &c, JOURNAL_KEPT, 0, (struct knob_value){ 5, 6 }, true),
                        0);
        assert_int_equal(journal_note(f->j, 1, 0, "kept"), 0);
        assert_int_equal(put_state(f->j, 1, CHANGE_COMMITTED, true), 0);
        for (uint64_t i = 2; i <= 6000; i++) {
                c = make_change(i);
                assert_int_equal(intend(f->j, &c, &before), 0);
                assert_int_equal(put_state(f->j, i, CHANGE_ROLLED_BACK, false), 0);
        }
        reopen(f);
        assert_int_equal(journal_health(f->j), JOURNAL_OK);
        assert_state(f->j, 1, CHANGE_COMMITTED);
        assert_int_equal(get(f->j, 1)->steps_count, 1);
        assert_string_equal(get(f->j, 1)->note, "kept");
        assert_string_equal(get(f->j, 1)->before.text[KNOB_CPU_MAX], limit_text);
        assert_in_range(count_changes(f->j), 1001, 1002);
        assert_state(f->j, 6000, CHANGE_ROLLED_BACK);
        assert_state(f->j, 5001, CHANGE_ROLLED_BACK);
        assert_int_equal(journal_next_change(f->j, &number), 0);
        assert_int_equal(number, 129);

        dir = opendir(f->path);
        for (struct dirent *item = readdir(dir); item; item = readdir(dir))
                files += strstr(item->d_name, ".seg") != NULL;
        (void)closedir(dir);
        assert_in_range(files, 16, 17 + SPARES);
}

/* dtgovd writes intents on its loop and has a thread wait for the disk. */
static void an_intent_waits_for_no_disk_even_where_it_compacts(void **state) {
        static char text[3000];
        struct fixture *f = *state;
        struct limits before = { .text = { [KNOB_IO_MAX] = text } };
        struct segments segments;
        uint64_t seq;

        memset(text, 'x', sizeof(text) - 1);
        reopen(f);
        for (uint64_t i = 1; i <= 4000; i++) {
                struct change c = make_change(i);

                file_syncs = 0;
                assert_int_equal(journal_intent(f->j, &c, &before, NULL, NULL, &seq), 0);
                assert_int_equal(file_syncs, 0);
                assert_int_equal(put_state(f->j, i, CHANGE_ROLLED_BACK, false), 0);
                if (i % 5 == 0)
                        assert_int_equal(journal_sync(f->j), 0);
        }
        assert_int_equal(segments_open(&segments, f->dir_fd, NULL), 0);
        assert_true(segments.first[0] > 1);
        segments_close(&segments);
}

static uint64_t random_state = 88172645463325252ULL;

static uint64_t random_below(uint64_t bound) {
        random_state ^= random_state << 13;
        random_state ^= random_state >> 7;
        random_state ^= random_state << 17;
        return random_state % bound;
}

/* Append, crash, read: a prefix, for any cut, zeroed or scrambled, of what was not acknowledged. */
static void at_any_kill_point_a_prefix_is_read(void **state) {
#ifdef __SANITIZE_ADDRESS__
        const int points = 2000;
#else
        const int points = 10000;
#endif
        struct fixture *f = *state;
        struct record *whole, *cut = malloc(64 * 256);
        struct segments segments;
        size_t count;

        reopen(f);
        for (uint64_t i = 1; i <= 8; i++) {
                assert_int_equal(put_intent(f->j, i), 0);
                assert_int_equal(put_state(f->j, i, CHANGE_PROBATION, false), 0);
                assert_int_equal(put_state(f->j, i, CHANGE_COMMITTED, i % 3 == 0), 0);
        }
        journal_close(f->j);
        f->j = NULL;
        whole = load(f, FIRST);
        count = used(whole);
        assert_int_equal(count, 48);
        assert_int_equal(segments_open(&segments, f->dir_fd, NULL), 0);

        for (int i = 0; i < points; i++) {
                size_t at = random_below(count * 256), record = at / 256, kind = random_below(3);
                size_t groups = 0, open_group = 0;
                struct changes changes = { 0 };
                struct scan scan;

                memset(cut, 0, 64 * 256);
                memcpy(cut, whole, at);
                if (kind == 2)
                        for (size_t k = at; k < count * 256; k++)
                                ((char *)cut)[k] = (char)random_below(256);
                store(f, FIRST, cut, kind == 0 ? at : 64 * 256, kind == 0 ? (off_t)at : 64 * 256);

                /* A byte that is lost may have been what it is now; not one that is not there. */
                while (kind != 0 && record < count &&
                                memcmp(&cut[record], &whole[record], 256) == 0)
                        record++;
                for (size_t k = 0; k < record; k++) {
                        if (whole[k].type == RECORD_INTENT)
                                open_group = k + 1;
                        if (whole[k].type == RECORD_END)
                                groups++, open_group = 0;
                }
                assert_int_equal(scan_all(&segments, &changes, &scan, NULL), 0);
                closep(&scan.fd);
                assert_int_equal(scan.damaged_seq, 0);
                assert_int_equal(scan.next_seq, open_group ? open_group : record + 1);
                assert_int_equal(changes.count, groups);
                changes_done(&changes);
        }
        free(whole);
        free(cut);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                JOURNAL_TEST(without_a_spare_segment_no_change_starts_and_what_is_under_way_goes_on),
                JOURNAL_TEST(a_write_that_fails_goes_to_another_segment),
                JOURNAL_TEST(after_a_failed_fsync_all_that_was_not_acknowledged_is_written_elsewhere),
                JOURNAL_TEST(the_name_of_a_new_segment_is_on_the_disk_before_its_first_intent_counts),
                JOURNAL_TEST(an_intent_that_misses_the_disk_ends_with_its_refusal),
                JOURNAL_TEST(rollbacks_wait_in_memory_until_the_disk_works),
                JOURNAL_TEST(what_waits_has_a_bound_and_what_is_lost_is_told),
                JOURNAL_TEST(whichever_call_fails_what_was_acknowledged_is_read_again),
                JOURNAL_TEST(a_thousand_alternating_changes_lose_no_record),
                JOURNAL_TEST(compaction_keeps_what_is_needed_and_the_number_of_files_small),
                JOURNAL_TEST(an_intent_waits_for_no_disk_even_where_it_compacts),
                JOURNAL_TEST(at_any_kill_point_a_prefix_is_read),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
