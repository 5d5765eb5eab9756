/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal on a real directory. fdatasync(2), pwrite(2) and posix_fallocate(3) are this
 * program's own, so that a disk can be full or broken at will.
 */
#include "state/journal/journal.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cmocka.h>

#include "state/journal/scan.h"

#define BOOT       "0123abcd-0123-4567-89ab-0123456789ab"
#define OTHER_BOOT "ffffffff-0123-4567-89ab-0123456789ab"

/* How many calls still succeed; -1: all. After that each fails with the errno, @times of them. */
struct fault {
        int after, times, code;
};
static struct fault on_sync, on_write, on_allocate;

static bool fails(struct fault *fault) {
        if (fault->code == 0 || fault->times == 0)
                return false;
        if (fault->after > 0) {
                fault->after--;
                return false;
        }
        fault->times -= fault->times > 0;
        errno = fault->code;
        return true;
}

int fdatasync(int fd) {
        (void)fd;
        return fails(&on_sync) ? -1 : 0;
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t offset) {
        if (!fails(&on_write))
                return syscall(SYS_pwrite64, fd, data, len, offset);
        /* A disk that fills up takes a part first. */
        if (on_write.code == ENOSPC && len > 300)
                (void)!syscall(SYS_pwrite64, fd, data, 300, offset);
        errno = on_write.code;
        return -1;
}

int posix_fallocate(int fd, off_t offset, off_t len) {
        (void)offset;
        if (fails(&on_allocate))
                return on_allocate.code;
        return ftruncate(fd, len) < 0 ? errno : 0;
}

/* --- a journal of its own for each test --- */

struct fixture {
        char path[64];
        int dir_fd;
        struct journal *j;
};

static int setup(void **state) {
        struct fixture *f = calloc(1, sizeof(*f));

        on_sync = on_write = on_allocate = (struct fault){ 0 };
        (void)snprintf(f->path, sizeof(f->path), "/tmp/dtgov-journal-XXXXXX");
        assert_non_null(mkdtemp(f->path));
        f->dir_fd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(f->dir_fd >= 0);
        *state = f;
        return 0;
}

static int teardown(void **state) {
        struct fixture *f = *state;
        DIR *dir = opendir(f->path);
        struct dirent *item;

        journal_close(f->j);
        while ((item = readdir(dir)) != NULL)
                (void)unlinkat(f->dir_fd, item->d_name, 0);
        (void)closedir(dir);
        (void)close(f->dir_fd);
        (void)rmdir(f->path);
        free(f);
        return 0;
}

static void reopen_as(struct fixture *f, const char *boot) {
        struct error err = { "" };

        journal_close(f->j);
        f->j = NULL;
        if (journal_open(f->dir_fd, boot, &f->j, &err) < 0)
                fail_msg("%s", err.text);
}

static void reopen(struct fixture *f) {
        reopen_as(f, BOOT);
}

static struct change make_change(uint64_t number) {
        struct change c = { .number = number,
                .proposal = number + 1000,
                .container_id = "web",
                .cgroup_inode = 77,
                .rule = RULE_PERSON,
                .uid = 1000,
                .state = CHANGE_INTENT,
                .changes_count = 1 };

        c.changes[0] = (struct knob_change){
                .knob = KNOB_CPU_MAX, .old = { 100000, 100000 }, .new = { 200000, 100000 }
        };
        return c;
}

static char limit_text[] = "100000 100000";

static int put_intent(struct journal *j, uint64_t number) {
        struct change c = make_change(number);
        struct limits before = { .text = { [KNOB_CPU_MAX] = limit_text } };

        return journal_intent(j, &c, &before);
}

static int put_state(
                struct journal *j, uint64_t number, enum change_state change_state, bool durable) {
        struct change c = make_change(number);

        c.state = change_state;
        return journal_state(j, &c, durable);
}

struct found {
        uint64_t number;
        unsigned count;
        const struct journal_change *c;
};

static int look(void *data, const struct journal_change *c) {
        struct found *found = data;

        found->count++;
        if (c->change.number == found->number)
                found->c = c;
        return 0;
}

static unsigned count_changes(const struct journal *j) {
        struct found found = { 0 };

        (void)journal_each(j, look, &found);
        return found.count;
}

static const struct journal_change *get(const struct journal *j, uint64_t number) {
        struct found found = { .number = number };

        (void)journal_each(j, look, &found);
        return found.c;
}

static void assert_state(const struct journal *j, uint64_t number, enum change_state wanted) {
        const struct journal_change *c = get(j, number);

        assert_non_null(c);
        assert_string_equal(change_states[c->change.state].name, change_states[wanted].name);
}

/* The segments' bytes, for tests that damage them. */
static struct record *load(struct fixture *f, const char *name) {
        struct record *r = calloc(1, JOURNAL_SEGMENT_SIZE);
        int fd = openat(f->dir_fd, name, O_RDONLY);

        assert_true(fd >= 0 && pread(fd, r, JOURNAL_SEGMENT_SIZE, 0) >= 0);
        (void)close(fd);
        return r;
}

static void store(struct fixture *f, const char *name, const void *data, size_t len, off_t size) {
        int fd = openat(f->dir_fd, name, O_RDWR | O_CREAT, 0600);

        assert_true(fd >= 0);
        assert_int_equal(ftruncate(fd, 0), 0);
        assert_int_equal(syscall(SYS_pwrite64, fd, data, len, 0), len);
        assert_int_equal(ftruncate(fd, size), 0);
        (void)close(fd);
}

#define FIRST "0000000000000001.seg"

static size_t used(const struct record *r) {
        size_t n = 0;

        while (n < SEGMENT_RECORDS && record_check(&r[n]) != RECORD_ZERO)
                n++;
        return n;
}

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

        memset(long_text, 'x', sizeof(long_text) - 1);
        c.changes_count = PROPOSAL_KNOBS_MAX;
        for (unsigned i = 0; i < PROPOSAL_KNOBS_MAX; i++)
                c.changes[i] = (struct knob_change){ .knob = i, .old = { i, 0 }, .new = { 9, i } };
        reopen(f);
        assert_int_equal(journal_intent(f->j, &c, &before), 0);
        assert_int_equal(journal_step(f->j, &c, 7, (struct knob_value){ 5, 6 }, true), 0);
        assert_int_equal(journal_note(f->j, 3, 0, "because"), 0);
        c.state = CHANGE_ROLLED_BACK;
        c.reason = REASON_KEPT;
        c.kept_mask = 0x80;
        c.kept[7] = (struct knob_value){ 42, 1 };
        c.deadline_boottime_ns = 99;
        c.proven = 1;
        c.state = CHANGE_ROLLING_BACK;
        assert_int_equal(journal_state(f->j, &c, false), 0);

        for (int pass = 0; pass < 2; pass++) {
                read = get(f->j, 3);
                assert_non_null(read);
                assert_memory_equal(&read->change, &c, sizeof(c));
                assert_int_equal(limits_differ(&read->before, &before, 0), -1);
                assert_int_equal(read->steps_count, 1);
                assert_int_equal(read->steps[0].position, 7);
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
        assert_int_equal(journal_step(f->j, &c, 0, c.changes[0].old, true), -EINVAL);
        assert_int_equal(put_intent(f->j, 1), 0);
        assert_int_equal(journal_step(f->j, &c, 1, c.changes[0].old, true), -EINVAL);
        for (int i = 0; i < JOURNAL_STEPS_MAX; i++)
                assert_int_equal(journal_step(f->j, &c, 0, c.changes[0].old, true), 0);
        assert_int_equal(journal_step(f->j, &c, 0, c.changes[0].old, true), -E2BIG);
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
        assert_non_null(strstr(journal_health_text(f->j), "version 2"));
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

        if (geteuid() != 0)
                skip();
        assert_int_equal(fchown(f->dir_fd, 12345, (gid_t)-1), 0);
        assert_int_equal(journal_open(f->dir_fd, BOOT, &f->j, NULL), -EPERM);
        assert_int_equal(fchown(f->dir_fd, 0, (gid_t)-1), 0);
}

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

static void a_refused_intent_never_was_whatever_of_it_is_in_a_file(void **state) {
        struct fixture *f = *state;

        for (int after = 0; after < 3; after++) {
                uint64_t number = 10 * (uint64_t)after;

                reopen(f);
                assert_int_equal(put_intent(f->j, number + 1), 0);
                on_sync = (struct fault){ .times = -1, .code = EIO };
                assert_int_equal(put_intent(f->j, number + 2), -EIO);
                assert_int_equal(journal_health(f->j), JOURNAL_FAILING);
                assert_null(get(f->j, number + 2));
                on_sync.code = 0;
                if (after == 0)
                        assert_int_equal(put_state(f->j, 1, CHANGE_ROLLED_BACK, false), 0);
                else
                        assert_int_equal(put_intent(f->j, number + 3), 0);
                reopen(f);
                assert_int_equal(journal_health(f->j), JOURNAL_OK);
                assert_null(get(f->j, number + 2));
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
        assert_int_equal(journal_step(f->j, &c, 0, (struct knob_value){ 5, 6 }, true), 0);
        assert_int_equal(journal_note(f->j, 1, 0, "kept"), 0);
        assert_int_equal(put_state(f->j, 1, CHANGE_COMMITTED, true), 0);
        for (uint64_t i = 2; i <= 6000; i++) {
                c = make_change(i);
                assert_int_equal(journal_intent(f->j, &c, &before), 0);
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

                /* A byte that is lost may have been what it is now. */
                while (record < count && memcmp(&cut[record], &whole[record], 256) == 0)
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

#define JOURNAL_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_checksum_is_crc32c),
                JOURNAL_TEST(a_change_comes_back_with_all_that_is_known_of_it),
                JOURNAL_TEST(a_change_of_another_boot_is_told_apart),
                JOURNAL_TEST(numbers_are_never_given_twice),
                JOURNAL_TEST(a_step_that_cannot_be_journaled_is_refused),
                JOURNAL_TEST(a_second_process_is_kept_out),
                JOURNAL_TEST(a_boot_id_that_is_none_is_refused),
                JOURNAL_TEST(an_intent_cut_at_any_byte_does_not_count_and_the_one_before_does),
                JOURNAL_TEST(what_was_dropped_is_told),
                JOURNAL_TEST(a_hole_in_what_was_never_acknowledged_is_no_damage),
                JOURNAL_TEST(damage_in_the_middle_stops_new_changes_and_no_rollback),
                JOURNAL_TEST(a_missing_segment_is_damage),
                JOURNAL_TEST(a_newer_journal_is_refused_and_nothing_is_modified),
                JOURNAL_TEST(a_file_that_others_may_write_is_refused),
                JOURNAL_TEST(a_file_of_somebody_else_is_refused),
                JOURNAL_TEST(without_a_spare_segment_no_change_starts_and_what_is_under_way_goes_on),
                JOURNAL_TEST(a_write_that_fails_goes_to_another_segment),
                JOURNAL_TEST(after_a_failed_fsync_all_that_was_not_acknowledged_is_written_elsewhere),
                JOURNAL_TEST(a_refused_intent_never_was_whatever_of_it_is_in_a_file),
                JOURNAL_TEST(rollbacks_wait_in_memory_until_the_disk_works),
                JOURNAL_TEST(what_waits_has_a_bound_and_what_is_lost_is_told),
                JOURNAL_TEST(whichever_call_fails_what_was_acknowledged_is_read_again),
                JOURNAL_TEST(a_thousand_alternating_changes_lose_no_record),
                JOURNAL_TEST(compaction_keeps_what_is_needed_and_the_number_of_files_small),
                JOURNAL_TEST(at_any_kill_point_a_prefix_is_read),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
