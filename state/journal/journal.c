/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Undo records that cannot be written stay in the tail and go out with the next record that can. An
 * intent that cannot be written is taken off the tail: it never was.
 *
 * Compaction has no file format of its own: what is live in the oldest segment is written again at
 * the end, as one group each, and the segment is removed once that is on the disk.
 */
#include "state/journal/journal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include "state/journal/group.h"
#include "state/journal/scan.h"
#include "state/journal/tail.h"
#include "state/text.h"

#define SEGMENTS_KEEP 16 /* full segments; compacted beyond */

struct journal {
        struct tail tail;
        struct changes changes;
        uint64_t given[IDS_KIND_COUNT]; /* last number given out */
        uint64_t compacted_seq; /* the oldest segment goes when all before is durable; 0: it stays
                                 */

        enum journal_health opened; /* what reading it showed */
        char opened_text[ERROR_TEXT_MAX], failing_text[ERROR_TEXT_MAX];
        int failing;   /* errno of the disk, 0: it works */
        uint64_t lost; /* records for which there was no room while it did not */
};

/* Remembers how the disk answered; hands on what the caller's caller may see. */
static int disk_answer(struct journal *j, int r) {
        bool full = r == -ENOSPC || r == -EDQUOT || r == -EFBIG;

        if (r >= 0) {
                j->failing = 0;
                return r;
        }
        j->failing = -r;
        (void)snprintf(j->failing_text, sizeof(j->failing_text),
                        "%s: the journal cannot be written (%s): no new changes, rollbacks still "
                        "work; %zu records wait, %" PRIu64 " lost; %s",
                        reasons[full ? REASON_NOSPACE : REASON_JOURNAL].code, strerror(-r),
                        j->tail.count, j->lost, full ? "free some space" : "check the disk");
        return full ? -ENOSPC : r == -ENOMEM ? r : -EIO;
}

static bool have_room(struct journal *j, size_t records) {
        if (j->tail.count + records > TAIL_MAX)
                (void)disk_answer(j, tail_sync(&j->tail));
        return j->tail.count + records <= TAIL_MAX;
}

/*
 * One record by itself. What is not waited for cannot fail; what is waited for has happened too,
 * and stays in the tail when the disk refuses.
 */
static int append(struct journal *j, enum record_type type, uint64_t change, const void *body,
                size_t size, bool durable) {
        int r;

        if (j->opened == JOURNAL_NEWER)
                return -EROFS;
        if (!have_room(j, 1)) {
                j->lost++;
                return disk_answer(j, -ENOSPC);
        }
        tail_add(&j->tail, type, change, NULL, body, size);
        r = changes_apply(&j->changes, &j->tail.records[j->tail.count - 1]);
        if (r < 0)
                return r;
        if (durable)
                return disk_answer(j, tail_sync(&j->tail));
        r = tail_flush(&j->tail); /* should that work, it is no proof that the disk does */
        if (r < 0)
                (void)disk_answer(j, r);
        return 0;
}

/*
 * Writes again what is still needed of the oldest segment, as much of it as half of the tail has
 * room for: the next intent goes on. Nobody waits; compact_end() removes the segment.
 */
static void compact(struct journal *j) {
        uint64_t limit = j->tail.segments.first[1];

        for (size_t i = 0; i < j->changes.count; i++) {
                struct changes_entry *entry = j->changes.entries[i];

                if (entry->first_seq >= limit)
                        continue;
                if (j->tail.count + group_size(&entry->c) > TAIL_MAX / 2)
                        return;
                entry->first_seq = j->tail.next_seq;
                group_add(&j->tail, &entry->c, entry->c.boot, /* whole= */ true);
        }
        if (j->tail.count + IDS_KIND_COUNT + RULE_COUNT > TAIL_MAX / 2)
                return;
        for (uint64_t rule = 0; rule < RULE_COUNT; rule++) {
                struct record_trust trust = { .rule = rule, .change = j->changes.trusted[rule] };

                if (trust.change > 0)
                        tail_add(&j->tail, RECORD_TRUST, 0, NULL, &trust, sizeof(trust));
        }
        for (uint64_t kind = 0; kind < IDS_KIND_COUNT; kind++) {
                struct record_ids ids = { .kind = kind, .reserved = j->changes.reserved[kind] };

                tail_add(&j->tail, RECORD_IDS, 0, NULL, &ids, sizeof(ids));
        }
        j->compacted_seq = j->tail.next_seq;
}

/* Once all of it is on the disk. */
static int compact_end(struct journal *j) {
        if (j->compacted_seq == 0 || j->tail.durable_seq < j->compacted_seq)
                return 0;
        j->compacted_seq = 0;
        return segments_drop_oldest(&j->tail.segments);
}

/* --- opening --- */

static int parse_boot_id(const char *text, uint8_t out[static 16]) {
        size_t digits = 0;

        for (; *text != '\0'; text++) {
                const char *hex = "0123456789abcdef", *at = strchr(hex, *text);

                if (*text == '-')
                        continue;
                if (!at || digits == 32)
                        return -EINVAL;
                out[digits / 2] = (uint8_t)(out[digits / 2] << 4 | (at - hex));
                digits++;
        }
        return digits == 32 ? 0 : -EINVAL;
}

static void judge(struct journal *j, const struct scan *scan) {
        char *text = j->opened_text;
        size_t size = sizeof(j->opened_text);

        if (scan->newer > 0) {
                j->opened = JOURNAL_NEWER;
                (void)snprintf(text, size,
                                "the journal is of format version %u, this dtgovd knows %u: "
                                "nothing is modified; install the newer dtgov again",
                                scan->newer, JOURNAL_VERSION);
        } else if (scan->damaged_seq > 0) {
                j->opened = JOURNAL_DAMAGED;
                (void)snprintf(text, size,
                                "E_JOURNAL: record %" PRIu64 " of the journal is damaged, with "
                                "good ones behind it: no new changes, rollbacks still work; check "
                                "the disk, then stop dtgovd, move the journal's files away and "
                                "start it again",
                                scan->damaged_seq);
        } else if (scan->torn_seq > 0) {
                j->opened = JOURNAL_REPAIRED;
                (void)snprintf(text, size,
                                "repaired: dropped incomplete record %" PRIu64
                                " at the end of the journal; it was never acknowledged",
                                scan->torn_seq);
        }
}

static int take_over(struct journal *j, struct error *err) {
        struct scan scan;
        int r;

        r = scan_all(&j->tail.segments, &j->changes, &scan, err);
        if (r < 0)
                return r;

        j->tail.fd = scan.fd;
        j->tail.used_bytes = scan.used_bytes;
        j->tail.next_seq = scan.next_seq;
        j->tail.durable_seq = scan.durable_seq;
        j->tail.crc = scan.crc;
        judge(j, &scan);
        for (int kind = 0; kind < IDS_KIND_COUNT; kind++)
                j->given[kind] = j->changes.reserved[kind];
        if (j->opened == JOURNAL_NEWER)
                return 0;

        /* What an earlier dtgovd did not wait for: from here on it is known to be there. */
        memcpy(j->tail.boot, j->changes.boot, sizeof(j->tail.boot));
        r = tail_sync(&j->tail);
        if (r >= 0)
                r = segments_make_spares(&j->tail.segments);
        (void)disk_answer(j, r);
        return 0;
}

int journal_open(int dir_fd, const char *boot_id, struct journal **ret, struct error *err) {
        struct journal *j = calloc(1, sizeof(*j));
        int r;

        if (!j)
                return -ENOMEM;
        j->tail.fd = -1;
        memset(j->tail.segments.spare, 0xff, sizeof(j->tail.segments.spare));
        j->tail.segments.dir_fd = dir_fd;
        j->tail.records = calloc(TAIL_MAX, sizeof(struct record));

        r = j->tail.records ? parse_boot_id(boot_id, j->changes.boot) : -ENOMEM;
        if (r < 0)
                (void)error_errno(err, r, "journal: boot id '%.40s'", boot_id);
        if (r >= 0 && flock(dir_fd, LOCK_EX | LOCK_NB) < 0)
                r = error_errno(err, -errno, "journal: another dtgovd has it");
        if (r >= 0)
                r = segments_open(&j->tail.segments, dir_fd, err);
        if (r >= 0)
                r = take_over(j, err);
        if (r < 0) {
                journal_close(j);
                return r;
        }
        *ret = j;
        return 0;
}

void journal_close(struct journal *j) {
        if (!j)
                return;
        if (j->tail.records && j->opened != JOURNAL_NEWER)
                (void)tail_flush(&j->tail);
        (void)flock(j->tail.segments.dir_fd, LOCK_UN);
        closep(&j->tail.fd);
        segments_close(&j->tail.segments);
        changes_done(&j->changes);
        free(j->tail.records);
        free(j);
}

enum journal_health journal_health(const struct journal *j) {
        if (j->opened == JOURNAL_NEWER || j->opened == JOURNAL_DAMAGED)
                return j->opened;
        return j->failing ? JOURNAL_FAILING : j->opened;
}

const char *journal_health_text(const struct journal *j) {
        return journal_health(j) == JOURNAL_FAILING ? j->failing_text : j->opened_text;
}

int journal_each(const struct journal *j, int (*each)(void *data, const struct journal_change *c),
                void *data) {
        for (size_t i = 0; i < j->changes.count; i++) {
                int r = each(data, &j->changes.entries[i]->c);

                if (r < 0)
                        return r;
        }
        return 0;
}

/* What is written is safe; now for what may go, and the spares. */
static int sync_done(struct journal *j, int r) {
        if (r >= 0)
                r = compact_end(j);
        if (r >= 0)
                r = segments_make_spares(&j->tail.segments);
        return disk_answer(j, r);
}

int journal_sync(struct journal *j) {
        return j->opened == JOURNAL_NEWER ? -EROFS : sync_done(j, tail_sync(&j->tail));
}

int journal_sync_begin(struct journal *j, struct journal_wait *ret) {
        int r = j->opened == JOURNAL_NEWER ? -EROFS : tail_sync_begin(&j->tail, ret);

        return r > 0 || r == -EROFS ? r : sync_done(j, r);
}

int journal_sync_wait(const struct journal_wait *w) {
        return tail_sync_wait(w);
}

int journal_sync_end(struct journal *j, struct journal_wait *w, int r) {
        return sync_done(j, tail_sync_end(&j->tail, w, r));
}

bool journal_wants_sync(const struct journal *j) {
        return j->opened != JOURNAL_NEWER && (j->tail.count > 0 || j->failing);
}

bool journal_is_durable(const struct journal *j, uint64_t seq) {
        return j->tail.durable_seq >= seq;
}

/* --- records --- */

static bool read_only(const struct journal *j) {
        return j->opened == JOURNAL_NEWER || j->opened == JOURNAL_DAMAGED;
}

/* Room for a group, and a whole spare segment behind it for what its undo will write. */
static int reserve(struct journal *j, size_t records) {
        int r = segments_make_spares(&j->tail.segments);
        unsigned needed = tail_fits(&j->tail, j->tail.count - j->tail.written + records) ? 1 : 2;

        if (segments_spares(&j->tail.segments) < needed)
                return r < 0 ? r : -ENOSPC;
        if (j->tail.segments.count > SEGMENTS_KEEP && j->compacted_seq == 0)
                compact(j);
        return have_room(j, records) ? 0 : -ENOSPC;
}

int journal_intent(struct journal *j, const struct change *c, const struct limits *before,
                const char *environment, const char *template, uint64_t *ret_seq) {
        struct journal_change jc = {
                .change = *c, .before = *before, .environment = environment, .template = template
        };
        size_t mark;
        uint64_t seq;
        uint32_t crc;
        int r;

        if (read_only(j))
                return -EROFS;
        if (group_size(&jc) > TAIL_MAX || c->changes_count > PROPOSAL_KNOBS_MAX)
                return -E2BIG;
        r = reserve(j, group_size(&jc));
        if (r < 0)
                return disk_answer(j, r);

        mark = j->tail.count;
        seq = j->tail.next_seq;
        crc = j->tail.crc;
        group_add(&j->tail, &jc, NULL, /* whole= */ false);
        r = tail_flush(&j->tail);
        if (r < 0) {
                /* Whatever of it is in a file is superseded by the next segment of this number. */
                tail_abandon(&j->tail);
                j->tail.count = mark;
                j->tail.next_seq = seq;
                j->tail.crc = crc;
                return disk_answer(j, r);
        }
        *ret_seq = j->tail.next_seq;
        for (size_t i = mark; i < j->tail.count && r >= 0; i++)
                r = changes_apply(&j->changes, &j->tail.records[i]);
        return r;
}

int journal_state(struct journal *j, const struct change *c, bool durable) {
        struct record_state body = group_state(c);

        return append(j, RECORD_STATE, c->number, &body, sizeof(body), durable);
}

int journal_step(struct journal *j, const struct change *c, enum journal_step_kind kind,
                unsigned position, struct knob_value value, bool durable) {
        struct journal_step body = { .position = position, .kind = kind, .value = value };
        const struct changes_entry *entry = changes_find(&j->changes, c->number);

        if (!entry || position >= c->changes_count)
                return -EINVAL;
        if (entry->c.steps_count == JOURNAL_STEPS_MAX)
                return -E2BIG;
        return append(j, RECORD_STEP, c->number, &body, sizeof(body), durable);
}

bool journal_has_step(const struct journal_step *steps, unsigned count, unsigned position,
                struct knob_value value) {
        for (unsigned i = 0; i < count; i++)
                if (steps[i].position == position && knob_equal(steps[i].value, value))
                        return true;
        return false;
}

int journal_note(struct journal *j, uint64_t change, uint64_t proposal, const char *text) {
        struct record_note body = { .proposal = proposal };

        (void)text_copy(body.text, sizeof(body.text), text);
        return append(j, RECORD_NOTE, change, &body, sizeof(body), /* durable= */ false);
}

static int next_number(struct journal *j, enum ids_kind kind, uint64_t *ret) {
        struct record_ids body = { .kind = kind, .reserved = j->given[kind] + JOURNAL_IDS_AT_ONCE };
        int r;

        if (read_only(j))
                return -EROFS;
        if (j->given[kind] == j->changes.reserved[kind]) {
                r = append(j, RECORD_IDS, 0, &body, sizeof(body), /* durable= */ false);
                if (r < 0) {
                        j->changes.reserved[kind] = j->given[kind];
                        return r;
                }
        }
        *ret = ++j->given[kind];
        return 0;
}

int journal_next_proposal(struct journal *j, uint64_t *ret) {
        return next_number(j, IDS_PROPOSAL, ret);
}

int journal_next_change(struct journal *j, uint64_t *ret) {
        return next_number(j, IDS_CHANGE, ret);
}

int journal_trust(struct journal *j, enum rule_id rule) {
        struct record_trust body = { .rule = rule, .change = j->given[IDS_CHANGE] };

        return append(j, RECORD_TRUST, 0, &body, sizeof(body), /* durable= */ false);
}

uint64_t journal_trusted(const struct journal *j, enum rule_id rule) {
        return j->changes.trusted[rule];
}
