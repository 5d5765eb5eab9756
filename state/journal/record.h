/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One record of the journal, as it lies in the file. Numbers are in the machine's byte order: a
 * journal does not travel. The first eight bytes and the CRC stay where they are in every version.
 */
#pragma once

#include "state/journal/journal.h"

#define RECORD_MAGIC        0x4a475444u /* "DTGJ" */
#define RECORD_KNOBS        4           /* changed knobs in one record */
#define RECORD_LIMITS_BYTES 172

enum record_type {
        RECORD_INTENT = 1, /* opens a group; all up to its end belong to it and count together */
        RECORD_KNOB_CHANGES,
        RECORD_LIMITS, /* "file\0text\0file\0text\0...", in pieces */
        RECORD_END,
        RECORD_STATE, /* alone or, where compaction wrote it, within a group; also the next two */
        RECORD_STEP,
        RECORD_NOTE,
        RECORD_IDS,
        RECORD_ENVIRONMENT, /* within a group: what its container was called; also the next */
        RECORD_TEMPLATE,
        RECORD_TRUST, /* a person trusts a rule again */
        RECORD_TYPE_COUNT,
};

enum ids_kind { IDS_PROPOSAL, IDS_CHANGE, IDS_KIND_COUNT };

struct record_intent {
        uint64_t proposal, cgroup_inode, approved_boottime_ns;
        uint32_t rule, uid, owner, changes_count;
        char container_id[CONTAINER_ID_SIZE];
        uint8_t scope_mask;             /* not in version 1; also the next */
        uint32_t expected_usec_per_min; /* of struct effect */
};

struct record_state {
        uint64_t approved_boottime_ns, applied_boottime_ns, ended_boottime_ns, deadline_boottime_ns;
        struct knob_value kept[PROPOSAL_KNOBS_MAX];
        uint16_t state, reason, kept_mask, proven;
        uint32_t before_usec_per_min, after_usec_per_min; /* of struct effect; not in version 1 */
};

struct record_limits {
        uint32_t len;
        char bytes[RECORD_LIMITS_BYTES];
};

struct record_note {
        uint64_t proposal;
        char text[JOURNAL_NOTE_MAX];
};

struct record_ids {
        uint64_t kind, reserved; /* all numbers up to @reserved may have been given out */
};

struct record_trust {
        uint64_t rule, change; /* what its changes up to that number did is forgiven */
};

union record_body {
        struct record_intent intent;
        struct knob_change changes[RECORD_KNOBS];
        struct record_limits limits;
        uint32_t members; /* of the group, its end included */
        struct record_state state;
        struct journal_step step;
        struct record_note note;
        struct record_ids ids;
        struct record_trust trust;
        char name[JOURNAL_NAME_MAX];
        uint8_t bytes[176];
};

struct record {
        uint32_t magic;
        uint16_t version, type;
        uint64_t seq;
        uint64_t durable_seq; /* all records below it were on the disk when this one was written */
        uint64_t change;
        uint64_t boottime_ns, realtime_ns; /* information only */
        uint8_t boot[16];
        union record_body body;
        uint64_t unused;
        uint32_t previous_crc; /* of the record before it */
        uint32_t crc;          /* CRC-32C of all bytes before it */
};
_Static_assert(sizeof(struct record) == JOURNAL_RECORD_SIZE, "fixed-size records");

enum record_check { RECORD_ZERO, RECORD_GOOD, RECORD_BAD, RECORD_NEWER };

/* CRC-32C (Castagnoli, reflected); 0xe3069283 for "123456789". */
uint32_t crc32c(const void *data, size_t len);

/* Fills in magic, version and CRC. */
void record_seal(struct record *r);

/* Whether the record stands for itself: CRC, and every number in its range. */
enum record_check record_check(const struct record *r);
