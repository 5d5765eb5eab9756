/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A directory of the journal that fails: opening, listing, renaming, reading; and memory that runs
 * out. What was acknowledged is read again by the next one that works.
 */
#include "tests/unit/short_memory.h"

#include "tests/unit/journal_fixture.h"

static struct fault on_open, on_list, on_folder, on_rename, on_unlink, on_stat, on_read, on_copy;

int openat(int fd, const char *path, int flags, ...) {
        mode_t mode = 0;
        va_list args;

        va_start(args, flags);
        if (flags & O_CREAT)
                mode = va_arg(args, mode_t);
        va_end(args);
        return fails(&on_open) ? -1 : (int)syscall(SYS_openat, fd, path, flags, mode);
}

struct dirent *readdir(DIR *dir) {
        return fails(&on_list) ? NULL : (struct dirent *)(void *)readdir64(dir);
}

int renameat(int from_fd, const char *from, int to_fd, const char *to) {
        return fails(&on_rename) ? -1 : (int)syscall(SYS_renameat, from_fd, from, to_fd, to);
}

int unlinkat(int fd, const char *path, int flags) {
        return fails(&on_unlink) ? -1 : (int)syscall(SYS_unlinkat, fd, path, flags);
}

int fstat(int fd, struct stat *ret) {
        return fails(&on_stat) ? -1 : (int)syscall(SYS_fstat, fd, ret);
}

ssize_t pread(int fd, void *data, size_t len, off_t offset) {
        return fails(&on_read) ? -1 : syscall(SYS_pread64, fd, data, len, offset);
}

int fcntl(int fd, int command, ...) {
        va_list args;
        long arg;

        va_start(args, command);
        arg = va_arg(args, long);
        va_end(args);
        if (command == F_GETFL && fails(&on_folder)) /* as fdopendir(3) asks */
                return -1;
        if (command == F_DUPFD_CLOEXEC && fails(&on_copy))
                return -1;
        return (int)syscall(SYS_fcntl, fd, command, arg);
}

static void heal(void) {
        struct fault *const all[] = { &on_sync, &on_write, &on_allocate, &on_open, &on_list,
                &on_folder, &on_rename, &on_unlink, &on_stat, &on_read, &on_copy };

        for (size_t i = 0; i < ARRAY_LEN(all); i++)
                *all[i] = (struct fault){ 0 };
}

static int begin(void **state) {
        heal();
        return setup(state);
}

static int end(void **state) {
        heal();
        return teardown(state);
}

/* Opens it, or tries again without the fault. Returns: the error of the first try */
static int try_open(struct fixture *f) {
        struct error err = { "" };
        int r;

        journal_close(f->j);
        f->j = NULL;
        r = journal_open(f->dir_fd, BOOT, &f->j, &err);
        if (r < 0) {
                assert_null(f->j);
                heal();
                (void)memory_failed();
                reopen(f);
        }
        return r;
}

/* Two changes on record; then a start and three more, of which the ones that count are told. */
static unsigned write_history(struct fixture *f) {
        reopen(f);
        assert_int_equal(put_intent(f->j, 1), 0);
        assert_int_equal(put_intent(f->j, 2), 0);
        return 3; /* the bits of both */
}

static unsigned go_on(struct fixture *f) {
        unsigned counted = 0;

        (void)try_open(f);
        for (uint64_t number = 3; number <= 5; number++) {
                if (put_intent(f->j, number) == 0)
                        counted |= 1U << (number - 1);
                (void)put_state(f->j, number, CHANGE_APPLYING, false);
        }
        return counted;
}

static void assert_counted(struct fixture *f, unsigned counted) {
        heal();
        (void)memory_failed();
        reopen(f);
        for (uint64_t number = 1; number <= 5; number++)
                if (counted >> (number - 1) & 1)
                        assert_non_null(get(f->j, number));
        assert_int_equal(put_intent(f->j, 6), 0); /* and it works */
}

static void whatever_fails_once_what_counts_is_read_again(void **state) {
        struct fault *const faults[] = { &on_open, &on_list, &on_folder, &on_rename, &on_unlink,
                &on_stat, &on_read, &on_copy, &on_write, &on_sync, &on_allocate };
        static const int codes[] = { EIO, EMFILE, EDQUOT };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(faults); i++)
                for (int after = 0; after < 12; after++) {
                        void *one = NULL;
                        unsigned counted;

                        assert_int_equal(begin(&one), 0);
                        counted = write_history(one);
                        *faults[i] = (struct fault){ after, 1, codes[(size_t)after % 3] };
                        counted |= go_on(one);
                        assert_counted(one, counted);
                        assert_int_equal(end(&one), 0);
                }
}

static void whatever_fails_for_good_what_counts_is_read_again(void **state) {
        struct fault *const faults[] = { &on_open, &on_rename, &on_unlink, &on_copy };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(faults); i++)
                for (int after = 0; after < 8; after++) {
                        void *one = NULL;
                        unsigned counted;

                        assert_int_equal(begin(&one), 0);
                        counted = write_history(one);
                        *faults[i] = (struct fault){ after, -1, EIO };
                        counted |= go_on(one);
                        assert_counted(one, counted);
                        assert_int_equal(end(&one), 0);
                }
}

static void short_of_memory_it_is_not_opened_or_whole(void **state) {
        struct fixture *f = *state;
        bool failed = true;

        if (!SHORT_MEMORY) {
                print_message("%s", NO_SHORT_MEMORY);
                skip();
        }
        (void)write_history(f);
        for (int point = 0; failed && point < 100; point++) {
                memory_left = point;
                (void)try_open(f);
                failed = memory_failed();
                assert_non_null(get(f->j, 1));
                assert_non_null(get(f->j, 2));
        }
        assert_false(failed);
}

static void short_of_memory_an_intent_is_refused_or_counts(void **state) {
        struct fixture *f = *state;
        bool failed = true;
        uint64_t number = 1;

        if (!SHORT_MEMORY) {
                print_message("%s", NO_SHORT_MEMORY);
                skip();
        }
        reopen(f);
        for (; failed && number < 200; number++) {
                struct change c = make_change(number);
                struct limits before = { .text = { [KNOB_CPU_MAX] = limit_text } };
                uint64_t seq;
                int r;

                memory_left = (int)number - 1;
                r = journal_intent(f->j, &c, &before, "shop/web", "node", &seq);
                failed = memory_failed();
                assert_int_equal(r, failed ? -ENOMEM : 0);
                if (r == 0)
                        assert_string_equal(get(f->j, number)->environment, "shop/web");
        }
        assert_false(failed);
        assert_int_equal(journal_sync(f->j), 0);
}

static void a_read_that_is_interrupted_goes_on(void **state) {
        struct fixture *f = *state;

        (void)write_history(f);
        on_read = (struct fault){ 0, 3, EINTR };
        assert_int_equal(try_open(f), 0);
        assert_int_equal(count_changes(f->j), 2);
        on_write = (struct fault){ 0, 3, EINTR };
        assert_int_equal(put_intent(f->j, 3), 0);
}

static void more_segments_than_are_of_its_making_are_refused(void **state) {
        struct fixture *f = *state;
        struct error err = { "" };
        char name[32];

        for (unsigned i = 1; i <= SEGMENTS_MAX + 1; i++) {
                (void)snprintf(name, sizeof(name), "%016x.seg", i);
                (void)close(openat(f->dir_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        }
        assert_int_equal(journal_open(f->dir_fd, BOOT, &f->j, &err), -E2BIG);
        assert_non_null(strstr(err.text, "move it away"));
}

static void an_intent_of_more_knobs_than_there_may_be_is_refused(void **state) {
        struct fixture *f = *state;
        struct change c = make_change(1);
        struct limits before = { 0 };
        uint64_t seq;

        reopen(f);
        c.changes_count = PROPOSAL_KNOBS_MAX + 1;
        assert_int_equal(journal_intent(f->j, &c, &before, NULL, NULL, &seq), -E2BIG);
}

static void a_wait_that_is_overtaken_by_another_file_says_nothing(void **state) {
        struct fixture *f = *state;
        struct journal_wait w;

        reopen(f);
        assert_int_equal(put_state(f->j, 1, CHANGE_APPLYING, false), 0);
        assert_int_equal(journal_sync_begin(f->j, &w), 1);
        on_write = (struct fault){ 0, 1, EIO }; /* the tail moves to a new segment meanwhile */
        assert_int_equal(put_state(f->j, 1, CHANGE_VERIFY, false), 0);
        assert_int_equal(journal_sync_end(f->j, &w, -EIO), 0);
        assert_true(journal_wants_sync(f->j));
        assert_int_equal(journal_sync(f->j), 0);
        assert_int_equal(journal_sync_begin(f->j, &w), 0); /* nothing is left to wait for */
        assert_false(journal_wants_sync(f->j));
}

static void a_second_wait_for_the_same_is_no_step_back(void **state) {
        struct fixture *f = *state;
        struct journal_wait w;

        reopen(f);
        assert_int_equal(put_state(f->j, 1, CHANGE_APPLYING, false), 0);
        assert_int_equal(journal_sync_begin(f->j, &w), 1);
        assert_int_equal(journal_sync(f->j), 0); /* as at the end of dtgovd */
        assert_int_equal(journal_sync_end(f->j, &w, 0), 0);
        assert_false(journal_wants_sync(f->j));
}

static void a_segment_that_cannot_be_removed_is_said_and_a_rule_stays_trusted(void **state) {
        struct fixture *f = *state;
        uint64_t number = 1, ignored;

        reopen(f);
        assert_int_equal(journal_next_change(f->j, &ignored), 0);
        assert_int_equal(journal_trust(f->j, RULE_CPU_QUOTA), 0);
        on_unlink = (struct fault){ 0, -1, EIO };
        while (journal_health(f->j) == JOURNAL_OK && number < 60000) {
                assert_int_equal(put_intent(f->j, number), 0); /* which is on the disk */
                if (journal_health(f->j) == JOURNAL_OK)
                        (void)put_state(f->j, number++, CHANGE_ROLLED_BACK, false);
        }
        assert_int_equal(journal_health(f->j), JOURNAL_FAILING);
        heal();
        assert_int_equal(journal_sync(f->j), 0);
        /* Two segments more: the oldest ones are compacted away. */
        for (unsigned i = 0; i < 2 * SEGMENT_RECORDS / 4; i++, number++) {
                assert_int_equal(put_intent(f->j, number), 0);
                (void)put_state(f->j, number, CHANGE_ROLLED_BACK, false);
        }
        reopen(f);
        assert_int_equal(journal_trusted(f->j, RULE_CPU_QUOTA), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(whatever_fails_once_what_counts_is_read_again),
                cmocka_unit_test(whatever_fails_for_good_what_counts_is_read_again),
                TEST(short_of_memory_it_is_not_opened_or_whole),
                TEST(short_of_memory_an_intent_is_refused_or_counts),
                TEST(a_read_that_is_interrupted_goes_on),
                TEST(more_segments_than_are_of_its_making_are_refused),
                TEST(an_intent_of_more_knobs_than_there_may_be_is_refused),
                TEST(a_wait_that_is_overtaken_by_another_file_says_nothing),
                TEST(a_second_wait_for_the_same_is_no_step_back),
                TEST(a_segment_that_cannot_be_removed_is_said_and_a_rule_stays_trusted),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
