/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A record is good when its CRC holds, its number is the next, and it carries the CRC of the one
 * before it. A segment ends at the first record that is not good, or by the number of the next.
 *
 * Torn or damaged? After a loss of power the disk may hold any part of what was not yet waited for,
 * in any order, so good records behind a bad one are no proof of damage. Each record says up to
 * which number all was on the disk when it was written: one behind the bad record that speaks for
 * it (durable_seq above its number) proves that it was acknowledged once. That is damage; all else
 * is a torn end that nobody was promised.
 *
 * In a damaged journal what is readable still counts, for recovery: the reader goes on at the next
 * good record. A group with a hole does not count.
 */
#include "state/journal/scan.h"

#include <string.h>

struct reader {
        struct scan *scan;
        struct changes *changes;
        bool chained; /* scan->crc is of the record before next_seq */
};

static bool follows(const struct reader *reader, const struct record *r) {
        const struct scan *scan = reader->scan;

        if (!reader->chained)
                return r->seq >= scan->next_seq;
        return r->seq == scan->next_seq && r->previous_crc == scan->crc;
}

static void damaged(struct reader *reader) {
        if (reader->scan->damaged_seq == 0)
                reader->scan->damaged_seq = reader->scan->next_seq;
        reader->chained = false;
        changes_drop_group(reader->changes);
}

/* Index from @from on of a record that proves that next_seq was on the disk; @count if none. */
static size_t find_witness(
                const struct reader *reader, const struct record *r, size_t from, size_t count) {
        uint64_t next = reader->scan->next_seq;

        while (from < count && (record_check(&r[from]) != RECORD_GOOD || r[from].seq <= next ||
                                               r[from].durable_seq <= next))
                from++;
        return from;
}

/* The first good record behind @from: less is lost than by going on at the witness. */
static size_t find_good(const struct reader *reader, const struct record *r, size_t from) {
        while (record_check(&r[from]) != RECORD_GOOD || r[from].seq <= reader->scan->next_seq)
                from++;
        return from;
}

/*
 * One segment, up to the number @limit.
 *
 * Returns: index of the record at which it ends
 * Errors:  -ENOMEM; -EPROTONOSUPPORT newer
 */
static int read_records(struct reader *reader, const struct record *r, size_t count, uint64_t limit,
                size_t *ret_end) {
        struct scan *scan = reader->scan;
        size_t i = 0;
        int e;

        while (i < count && scan->next_seq < limit) {
                enum record_check check = record_check(&r[i]);

                if (check == RECORD_NEWER) {
                        scan->newer = r[i].version;
                        return -EPROTONOSUPPORT;
                }
                if (check != RECORD_GOOD || !follows(reader, &r[i])) {
                        if (find_witness(reader, r, i, count) == count)
                                break;
                        i = find_good(reader, r, i);
                        damaged(reader);
                        continue;
                }
                e = changes_apply(reader->changes, &r[i]);
                if (e < 0)
                        return e;
                reader->chained = true;
                scan->next_seq = r[i].seq + 1;
                scan->durable_seq = r[i].durable_seq;
                scan->crc = r[i].crc;
                i++;
        }
        *ret_end = i;
        return 0;
}

static bool all_zero(const struct record *r, size_t count) {
        for (size_t i = 0; i < count; i++)
                if (record_check(&r[i]) != RECORD_ZERO)
                        return false;
        return true;
}

/* What is behind the last good record, and an intent whose end is missing, is dropped. */
static void finish(struct reader *reader, bool writable, bool clean, size_t end) {
        struct scan *scan = reader->scan;
        const struct changes_entry *open = reader->changes->building;

        scan->used_bytes = end * JOURNAL_RECORD_SIZE;
        if (open) {
                scan->next_seq = open->first_seq;
                scan->crc = reader->changes->crc_before;
                changes_drop_group(reader->changes);
                clean = false;
        }
        if (!clean)
                scan->torn_seq = scan->next_seq;
        if (clean && writable && scan->damaged_seq == 0)
                return;

        closep(&scan->fd);
        scan->fd = -1;
}

int scan_all(struct segments *s, struct changes *changes, struct scan *ret, struct error *err) {
        CLEANUP(freep) struct record *r = malloc(JOURNAL_SEGMENT_SIZE);
        struct reader reader = { .scan = ret, .changes = changes };
        bool writable = false, clean = true;
        size_t count, end = 0;
        int e = 0;

        *ret = (struct scan){ .next_seq = s->count > 0 ? s->first[0] : 1, .fd = -1 };
        if (!r)
                return -ENOMEM;

        for (size_t i = 0; i < s->count; i++) {
                uint64_t limit = i + 1 < s->count ? s->first[i + 1] : UINT64_MAX;

                closep(&ret->fd);
                ret->fd = -1;
                e = segment_load(s, s->first[i], r, &count, &ret->fd, err);
                if (e < 0)
                        return e;
                writable = e;
                if (ret->next_seq < s->first[i]) {
                        damaged(&reader);
                        ret->next_seq = s->first[i];
                }

                e = read_records(&reader, r, count, limit, &end);
                if (e < 0)
                        break;
                clean = all_zero(r + end, count - end);
        }
        if (e == -ENOMEM)
                return error_errno(err, e, "journal");
        finish(&reader, writable, clean, end);
        return 0;
}
