/* SPDX-License-Identifier: Apache-2.0 */
#include "state/journal/segment.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define NAME_SIZE  24
#define OPEN_FLAGS (O_RDWR | O_NOFOLLOW | O_NONBLOCK)

static void segment_name(uint64_t first, char out[static NAME_SIZE]) {
        (void)snprintf(out, NAME_SIZE, "%016" PRIx64 ".seg", first);
}

static void spare_name(unsigned slot, char out[static NAME_SIZE]) {
        (void)snprintf(out, NAME_SIZE, "spare-%u.seg", slot);
}

/* The number in a segment's name, 0 when it is not one. */
static uint64_t parse_name(const char *name) {
        char again[NAME_SIZE], *end;
        uint64_t first = strtoull(name, &end, 16);

        segment_name(first, again);
        return strcmp(name, again) == 0 ? first : 0;
}

static int check_safe(int fd, mode_t type, const char *name, struct stat *ret, struct error *err) {
        if (fstat(fd, ret) < 0)
                return error_errno(err, -errno, "journal: %s", name);
        if ((ret->st_mode & S_IFMT) == type && ret->st_uid == geteuid() &&
                        (ret->st_mode & (S_IWGRP | S_IWOTH)) == 0)
                return 0;
        return error_set(err, -EPERM,
                        "E_UNSAFE_PATH: %s is not a %s of user %u that nobody else may write: "
                        "chown and chmod go-w it, or move it away",
                        name, type == S_IFDIR ? "directory" : "file", (unsigned)geteuid());
}

static int compare(const void *a, const void *b) {
        uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

        return (left > right) - (left < right);
}

static void closedirp(DIR **dir) {
        if (*dir)
                (void)closedir(*dir);
}

int segments_open(struct segments *s, int dir_fd, struct error *err) {
        CLEANUP(closedirp) DIR *dir = NULL;
        CLEANUP(closep) int fd = -1;
        struct dirent *item;
        struct stat st;
        int r;

        s->dir_fd = dir_fd;
        s->count = 0;
        memset(s->spare, 0xff, sizeof(s->spare));
        r = check_safe(dir_fd, S_IFDIR, "the journal's directory", &st, err);
        if (r < 0)
                return r;

        fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        dir = fd >= 0 ? fdopendir(fd) : NULL;
        if (!dir)
                return error_errno(err, -errno, "journal: cannot list its directory");
        (void)take_fd(&fd);

        while (errno = 0, (item = readdir(dir)) != NULL) {
                uint64_t first = parse_name(item->d_name);

                if (first == 0)
                        continue;
                if (s->count == SEGMENTS_MAX)
                        return error_set(err, -E2BIG, "journal: over %d segments: move it away",
                                        SEGMENTS_MAX);
                s->first[s->count++] = first;
        }
        if (errno != 0) /* a part of the journal is none */
                return error_errno(err, -errno, "journal: cannot list its directory");
        qsort(s->first, s->count, sizeof(s->first[0]), compare);
        return 0;
}

void segments_close(struct segments *s) {
        for (unsigned i = 0; i < SPARES; i++)
                closep(&s->spare[i]);
}

int segment_load(struct segments *s, uint64_t first, struct record out[static SEGMENT_RECORDS],
                size_t *ret_count, int *ret_fd, struct error *err) {
        CLEANUP(closep) int fd = -1;
        char name[NAME_SIZE];
        size_t len = 0;
        struct stat st;
        int r;

        segment_name(first, name);
        fd = openat(s->dir_fd, name, OPEN_FLAGS | O_CLOEXEC);
        if (fd < 0 && errno == ELOOP)
                return error_set(err, -EPERM,
                                "E_UNSAFE_PATH: %s in the journal is a symbolic link: remove it",
                                name);
        if (fd < 0)
                return error_errno(err, -errno, "journal: %s", name);
        r = check_safe(fd, S_IFREG, name, &st, err);
        if (r < 0)
                return r;

        while (len < JOURNAL_SEGMENT_SIZE) {
                ssize_t got = pread(fd, (char *)out + len, JOURNAL_SEGMENT_SIZE - len, (off_t)len);

                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0)
                        return error_errno(err, -errno, "journal: %s", name);
                if (got == 0)
                        break;
                len += (size_t)got;
        }
        *ret_count = len / JOURNAL_RECORD_SIZE;
        *ret_fd = take_fd(&fd);
        return st.st_size == JOURNAL_SEGMENT_SIZE;
}

static int make_spare(struct segments *s, unsigned slot) {
        CLEANUP(closep) int fd = -1;
        char name[NAME_SIZE];
        int r;

        spare_name(slot, name);
        (void)unlinkat(s->dir_fd, name, 0);
        fd = openat(s->dir_fd, name, OPEN_FLAGS | O_CLOEXEC | O_CREAT | O_EXCL, 0600);
        if (fd < 0)
                return -errno;
        r = posix_fallocate(fd, 0, JOURNAL_SEGMENT_SIZE);
        if (r != 0) {
                (void)unlinkat(s->dir_fd, name, 0);
                return -r;
        }
        s->spare[slot] = take_fd(&fd);
        return 0;
}

int segments_make_spares(struct segments *s) {
        int r = 0;

        for (unsigned i = 0; i < SPARES && r == 0; i++)
                if (s->spare[i] < 0)
                        r = make_spare(s, i);
        return r;
}

unsigned segments_spares(const struct segments *s) {
        unsigned count = 0;

        for (unsigned i = 0; i < SPARES; i++)
                count += s->spare[i] >= 0;
        return count;
}

int segments_advance(struct segments *s, uint64_t first) {
        char from[NAME_SIZE], to[NAME_SIZE];
        unsigned slot = 0;

        while (slot < SPARES && s->spare[slot] < 0)
                slot++;
        if (slot == SPARES)
                return -ENOSPC;

        spare_name(slot, from);
        segment_name(first, to);
        if (renameat(s->dir_fd, from, s->dir_fd, to) < 0)
                return -errno;
        if (s->count == 0 || s->first[s->count - 1] != first) {
                /* So many are never reached: the oldest are compacted away long before. */
                if (s->count == SEGMENTS_MAX)
                        return -E2BIG;
                s->first[s->count++] = first;
        }
        return take_fd(&s->spare[slot]);
}

int segments_drop_oldest(struct segments *s) {
        char name[NAME_SIZE];

        segment_name(s->first[0], name);
        if (unlinkat(s->dir_fd, name, 0) < 0 && errno != ENOENT)
                return -errno;
        s->count--;
        memmove(s->first, s->first + 1, s->count * sizeof(s->first[0]));
        return 0;
}
