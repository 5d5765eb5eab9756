/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/kernel/disk.h"

#include <string.h>

#include "state/file.h"
#include "state/parse.h"

#define DISKSTATS_MAX 65536 /* 100 bytes a line */
#define SECTOR_BYTES  512   /* of the file, whatever the disk has */

/* By the kernel's name, for where it lies stands in /sys, which not everybody may read. */
static bool is_stacked(const char *name) {
        static const char *const kinds[] = { "dm-", "md", "loop", "bcache", "drbd" };

        for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
                if (strncmp(name, kinds[i], strlen(kinds[i])) == 0)
                        return true;
        return false;
}

static const char *next_number(const char *text, uint64_t *ret) {
        text += strspn(text, " ");
        return parse_u64_prefix(text, ret, &text) < 0 ? NULL : text;
}

/* "   8       0 sda READS MERGED SECTORS MS WRITES MERGED SECTORS MS ..." */
int disk_parse(const char *line, struct disk_counters *ret) {
        enum { READS, READS_MERGED, SECTORS_READ, MS, WRITES, WRITES_MERGED, SECTORS_WRITTEN, ALL };
        uint64_t major, minor, n[ALL];
        bool stacked;

        line = next_number(line, &major);
        line = line ? next_number(line, &minor) : NULL;
        if (!line || *line != ' ')
                return -EINVAL;
        line += strspn(line, " ");
        stacked = is_stacked(line);
        line += strcspn(line, " \n");
        for (unsigned i = 0; i < ALL; i++) {
                line = next_number(line, &n[i]);
                if (!line)
                        return -EINVAL;
        }
        *ret = (struct disk_counters){ io_key(major, minor, IO_RBPS),
                { n[SECTORS_READ] * SECTOR_BYTES, n[SECTORS_WRITTEN] * SECTOR_BYTES,
                                n[READS] + n[READS_MERGED], n[WRITES] + n[WRITES_MERGED] },
                stacked };
        return 0;
}

int disk_read(int proc_fd, struct disk_counters *disks, size_t count) {
        CLEANUP(freep) char *text = malloc(DISKSTATS_MAX);
        ssize_t n;

        if (!text)
                return -ENOMEM;
        n = file_read_at(proc_fd, "diskstats", text, DISKSTATS_MAX);
        if (n < 0)
                return (int)n;
        for (const char *line = text; *line; line += *line == '\n') {
                struct disk_counters c;

                if (disk_parse(line, &c) == 0)
                        for (size_t i = 0; i < count; i++)
                                if (disks[i].disk == c.disk)
                                        disks[i] = c;
                line += strcspn(line, "\n");
        }
        return 0;
}
