/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk that loses its power, from what dm-log-writes recorded of it:
 *
 *     power replay LOG DEVICE FROM   does what is in the log from its entry FROM on, up to the next
 *                                    mark, or the next entry behind which the disk had been
 * flushed; prints "mark TEXT NEXT", "flush NEXT" or "end" power journal DIR BOOT_ID      prints the
 * health of the journal that is there, then "C<number> <knobs> <limit files of its intent>" of each
 * change
 *
 * The log holds a write when it was flushed, or had to be on the disk at once (FUA), and in that
 * order: what it holds up to any entry is what a disk with a volatile cache holds at the least.
 *
 * Source: Documentation/admin-guide/device-mapper/log-writes.rst, drivers/md/dm-log-writes.c
 */
#include "state/journal/journal.h"
#include "state/parse.h"

#include <endian.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define LOG_MAGIC   0x6a736677736872ULL
#define LOG_VERSION 1ULL
#define BLOCK_BYTES (MIB)

enum { IS_FLUSH = 1, IS_FUA = 2, IS_DISCARD = 4, IS_MARK = 8 };

/* Little-endian, as on the disk; each in a sector of its own, its data behind it. */
struct log_super {
        uint64_t magic, version, entries_count;
        uint32_t sector_bytes;
};

struct log_entry {
        uint64_t sector, sectors_count, flags, data_bytes;
};

static int complain(const char *what, int r) {
        (void)fprintf(stderr, "power: %s: %s\n", what, strerror(-r));
        return 1;
}

static int read_at(int fd, void *buf, size_t size, uint64_t at) {
        ssize_t n = pread(fd, buf, size, (off_t)at);

        return n == (ssize_t)size ? 0 : n < 0 ? -errno : -EIO;
}

static int copy(int from, uint64_t from_at, int to, uint64_t to_at, uint64_t bytes) {
        static char block[BLOCK_BYTES];

        while (bytes > 0) {
                size_t size = bytes < sizeof(block) ? bytes : sizeof(block);
                int r = read_at(from, block, size, from_at);

                if (r < 0)
                        return r;
                if (pwrite(to, block, size, (off_t)to_at) != (ssize_t)size)
                        return -EIO;
                from_at += size;
                to_at += size;
                bytes -= size;
        }
        return 0;
}

static int tell_mark(int log, uint64_t at, uint64_t bytes, uint64_t next) {
        char text[256] = "";
        int r = bytes < sizeof(text) ? read_at(log, text, bytes, at) : -E2BIG;

        if (r == 0)
                printf("mark %s %llu\n", text, (unsigned long long)next);
        return r;
}

/* Returns: 0 something was printed */
static int replay(int log, int device, uint64_t from) {
        struct log_super super;
        int r = read_at(log, &super, sizeof(super), 0);
        uint64_t sector_bytes = le32toh(super.sector_bytes), at = sector_bytes;

        if (r < 0 || le64toh(super.magic) != LOG_MAGIC || le64toh(super.version) != LOG_VERSION)
                return r < 0 ? r : -EBADMSG;
        for (uint64_t i = 0; i < le64toh(super.entries_count); i++) {
                struct log_entry e;
                uint64_t data_at = at + sector_bytes, bytes;

                r = read_at(log, &e, sizeof(e), at);
                if (r < 0)
                        return r;
                bytes = le64toh(e.flags) & IS_DISCARD ? 0 : le64toh(e.sectors_count) * sector_bytes;
                if (i >= from && le64toh(e.flags) & IS_MARK)
                        return tell_mark(log, at + sizeof(e), le64toh(e.data_bytes), i + 1);
                if (i >= from)
                        r = copy(log, data_at, device, le64toh(e.sector) * sector_bytes, bytes);
                if (r < 0)
                        return r;
                at = data_at + bytes;
                if (i >= from && le64toh(e.flags) & (IS_FLUSH | IS_FUA)) {
                        printf("flush %llu\n", (unsigned long long)i + 1);
                        return 0;
                }
        }
        printf("end\n");
        return 0;
}

static int tell_change(void *data, const struct journal_change *c) {
        unsigned files = 0;

        (void)data;
        for (unsigned i = 0; i < KNOB_COUNT; i++)
                files += c->before.text[i] != NULL;
        printf("C%llu %u %u\n", (unsigned long long)c->change.number, c->change.changes_count,
                        files);
        return 0;
}

static int show_journal(const char *dir, const char *boot_id) {
        static const char *const words[] = { "ok", "repaired", "damaged", "newer", "failing" };
        struct journal *j = NULL;
        struct error err = { "" };
        CLEANUP(closep) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int r = fd < 0 ? -errno : journal_open(fd, boot_id, &j, &err);

        if (r < 0)
                return complain(err.text[0] ? err.text : dir, r);
        printf("%s %s\n", words[journal_health(j)], journal_health_text(j));
        r = journal_each(j, tell_change, NULL);
        journal_close(j);
        return r < 0;
}

int main(int argc, char *argv[]) {
        uint64_t from;

        if (argc == 4 && strcmp(argv[1], "journal") == 0)
                return show_journal(argv[2], argv[3]);
        if (argc != 5 || strcmp(argv[1], "replay") != 0 || parse_u64(argv[4], &from) < 0) {
                (void)fprintf(stderr, "usage: power replay LOG DEVICE FROM | power journal DIR "
                                      "BOOT_ID\n");
                return 2;
        }
        CLEANUP(closep) int log = open(argv[2], O_RDONLY | O_CLOEXEC);
        CLEANUP(closep) int device = open(argv[3], O_WRONLY | O_CLOEXEC);
        int r = log < 0 || device < 0 ? -errno : replay(log, device, from);

        return r < 0 ? complain(argv[2], r) : 0;
}
