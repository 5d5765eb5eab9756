/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A segment of any content is read without harm. A journal's numbers and CRCs would keep everything
 * behind them out of reach, so a record that begins with 's' gets the right ones.
 */
#include "state/journal/scan.h"

#include <fcntl.h>
#include <string.h>

#define RECORDS 64

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static char dir[] = "/tmp/fuzz-journal.XXXXXX";
static int dir_fd = -1, segment_fd = -1;

static void clean_up(void) {
        (void)unlinkat(dir_fd, "0000000000000001.seg", 0);
        (void)rmdir(dir);
}

static void set_up(void) {
        if (!mkdtemp(dir))
                abort();
        (void)atexit(clean_up);
        dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        segment_fd = openat(dir_fd, "0000000000000001.seg", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (segment_fd < 0)
                abort();
}

static void make_right(struct record *records, size_t count) {
        for (size_t i = 0; i < count; i++) {
                if ((records[i].magic & 0xff) != 's')
                        continue;
                records[i].seq = i + 1;
                records[i].previous_crc = i > 0 ? records[i - 1].crc : 0;
                record_seal(&records[i]);
        }
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
        static struct record records[RECORDS];
        static struct segments segments;
        struct changes changes = { 0 };
        struct scan scan = { .fd = -1 };

        if (dir_fd < 0)
                set_up();
        if (size > sizeof(records))
                size = sizeof(records);
        memset(records, 0, sizeof(records));
        memcpy(records, data, size);
        make_right(records, size / sizeof(records[0]));
        if (pwrite(segment_fd, records, size, 0) != (ssize_t)size ||
                        ftruncate(segment_fd, (off_t)size) < 0)
                abort();

        if (segments_open(&segments, dir_fd, NULL) < 0)
                abort();
        if (scan_all(&segments, &changes, &scan, NULL) == 0 && scan.next_seq > RECORDS + 1 &&
                        scan.damaged_seq == 0)
                abort();
        closep(&scan.fd);
        changes_done(&changes);
        segments_close(&segments);
        return 0;
}
