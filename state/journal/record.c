/* SPDX-License-Identifier: Apache-2.0 */
#include "state/journal/record.h"

#include <string.h>

uint32_t crc32c(const void *data, size_t len) {
        /* Of the polynomial 0x82f63b78, four bits at a time: 64 bytes of table. */
        static const uint32_t nibbles[16] = { 0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1,
                0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6,
                0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75 };
        const uint8_t *bytes = data;
        uint32_t crc = UINT32_MAX;

        for (size_t i = 0; i < len; i++) {
                crc ^= bytes[i];
                crc = crc >> 4 ^ nibbles[crc & 15];
                crc = crc >> 4 ^ nibbles[crc & 15];
        }
        return ~crc;
}

void record_seal(struct record *r) {
        r->magic = RECORD_MAGIC;
        r->version = JOURNAL_VERSION;
        r->crc = crc32c(r, offsetof(struct record, crc));
}

static bool ended(const char *text, size_t size) {
        return memchr(text, '\0', size) != NULL;
}

static bool body_good(const struct record *r) {
        const union record_body *b = &r->body;

        switch (r->type) {
        case RECORD_INTENT:
                return b->intent.changes_count <= PROPOSAL_KNOBS_MAX &&
                       b->intent.rule < RULE_COUNT && b->intent.owner <= OWNER_SYSTEMD &&
                       ended(b->intent.container_id, sizeof(b->intent.container_id));
        case RECORD_KNOB_CHANGES:
                for (unsigned i = 0; i < RECORD_KNOBS; i++)
                        if (b->changes[i].knob >= KNOB_COUNT || !knobs[b->changes[i].knob].settable)
                                return false;
                return true;
        case RECORD_LIMITS:
                return b->limits.len <= RECORD_LIMITS_BYTES;
        case RECORD_STATE:
                return b->state.state < CHANGE_STATE_COUNT && b->state.reason < REASON_COUNT;
        case RECORD_STEP:
                return b->step.position < PROPOSAL_KNOBS_MAX &&
                       (r->version < 2 || b->step.kind < JOURNAL_STEP_KIND_COUNT);
        case RECORD_NOTE:
                return ended(b->note.text, sizeof(b->note.text));
        case RECORD_ENVIRONMENT:
        case RECORD_TEMPLATE:
                return ended(b->name, sizeof(b->name));
        case RECORD_TRUST:
                return b->trust.rule < RULE_COUNT;
        case RECORD_IDS:
                return b->ids.kind < IDS_KIND_COUNT && b->ids.reserved < UINT64_MAX / 2;
        default:
                return r->type == RECORD_END;
        }
}

enum record_check record_check(const struct record *r) {
        static const struct record zero;

        /* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison): a record has no padding */
        if (memcmp(r, &zero, sizeof(zero)) == 0)
                return RECORD_ZERO;
        if (r->magic != RECORD_MAGIC || r->crc != crc32c(r, offsetof(struct record, crc)))
                return RECORD_BAD;
        if (r->version > JOURNAL_VERSION)
                return RECORD_NEWER;
        return r->version > 0 && r->seq > 0 && r->seq < UINT64_MAX && body_good(r) ? RECORD_GOOD
                                                                                   : RECORD_BAD;
}
