/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A journal in a directory of its own for each test. fdatasync(2), pwrite(2) and posix_fallocate(3)
 * are the test program's own, so that a disk can be full or broken at will. A header, since only
 * the programs that test the journal may have them.
 */
#pragma once

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

static __attribute__((unused)) bool fails(struct fault *fault) {
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

/* Calls of fsync(2), which directories get, and of fdatasync(2). */
static unsigned directory_syncs, file_syncs;

int fsync(int fd) {
        (void)fd;
        directory_syncs++;
        return fails(&on_sync) ? -1 : 0;
}

int fdatasync(int fd) {
        (void)fd;
        file_syncs++;
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

static __attribute__((unused)) int setup(void **state) {
        struct fixture *f = calloc(1, sizeof(*f));

        if (!f)
                abort();
        on_sync = on_write = on_allocate = (struct fault){ 0 };
        (void)snprintf(f->path, sizeof(f->path), "/tmp/dtgov-journal-XXXXXX");
        assert_non_null(mkdtemp(f->path));
        f->dir_fd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(f->dir_fd >= 0);
        *state = f;
        return 0;
}

static __attribute__((unused)) int teardown(void **state) {
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

static __attribute__((unused)) void reopen_as(struct fixture *f, const char *boot) {
        struct error err = { "" };

        journal_close(f->j);
        f->j = NULL;
        if (journal_open(f->dir_fd, boot, &f->j, &err) < 0)
                fail_msg("%s", err.text);
}

static __attribute__((unused)) void reopen(struct fixture *f) {
        reopen_as(f, BOOT);
}

static __attribute__((unused)) struct change make_change(uint64_t number) {
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

/* An intent, and the wait for it. */
static __attribute__((unused)) int intend(
                struct journal *j, const struct change *c, const struct limits *before) {
        uint64_t seq = 0;
        int r = journal_intent(j, c, before, NULL, NULL, &seq);

        if (r >= 0)
                r = journal_sync(j);
        return seq != 0 && journal_is_durable(j, seq) ? 0 : r;
}

static __attribute__((unused)) int put_intent(struct journal *j, uint64_t number) {
        struct change c = make_change(number);
        struct limits before = { .text = { [KNOB_CPU_MAX] = limit_text } };

        return intend(j, &c, &before);
}

static __attribute__((unused)) int put_state(
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

static __attribute__((unused)) int look(void *data, const struct journal_change *c) {
        struct found *found = data;

        found->count++;
        if (c->change.number == found->number)
                found->c = c;
        return 0;
}

static __attribute__((unused)) unsigned count_changes(const struct journal *j) {
        struct found found = { 0 };

        (void)journal_each(j, look, &found);
        return found.count;
}

static __attribute__((unused)) const struct journal_change *get(
                const struct journal *j, uint64_t number) {
        struct found found = { .number = number };

        (void)journal_each(j, look, &found);
        return found.c;
}

static __attribute__((unused)) void assert_state(
                const struct journal *j, uint64_t number, enum change_state wanted) {
        const struct journal_change *c = get(j, number);

        assert_non_null(c);
        assert_string_equal(change_states[c->change.state].name, change_states[wanted].name);
}

/* The segments' bytes, for tests that damage them. */
static __attribute__((unused)) struct record *load(struct fixture *f, const char *name) {
        struct record *r = calloc(1, JOURNAL_SEGMENT_SIZE);
        int fd = openat(f->dir_fd, name, O_RDONLY);

        assert_true(fd >= 0 && pread(fd, r, JOURNAL_SEGMENT_SIZE, 0) >= 0);
        (void)close(fd);
        return r;
}

static __attribute__((unused)) void store(
                struct fixture *f, const char *name, const void *data, size_t len, off_t size) {
        int fd = openat(f->dir_fd, name, O_RDWR | O_CREAT, 0600);

        assert_true(fd >= 0);
        assert_int_equal(ftruncate(fd, 0), 0);
        assert_int_equal(syscall(SYS_pwrite64, fd, data, len, 0), len);
        assert_int_equal(ftruncate(fd, size), 0);
        (void)close(fd);
}

#define FIRST "0000000000000001.seg"

static __attribute__((unused)) size_t used(const struct record *r) {
        size_t n = 0;

        while (n < SEGMENT_RECORDS && record_check(&r[n]) != RECORD_ZERO)
                n++;
        return n;
}

#define JOURNAL_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
