/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the records add up to: the changes on record. Reading the journal and writing it take the
 * same way through changes_apply().
 */
#pragma once

#include "state/journal/record.h"

#define CHANGES_ENDED_MAX 1000 /* ended changes that are remembered */

struct changes_entry {
        struct journal_change c;
        char *environment, *template; /* of it */
        uint64_t first_seq;           /* of its intent: no record of it is older */
};

struct changes {
        uint8_t boot[16];               /* of this boot */
        struct changes_entry **entries; /* by change number */
        size_t count, room;
        uint64_t reserved[IDS_KIND_COUNT];
        uint64_t trusted[RULE_COUNT]; /* journal_trusted() */

        /* The group being read: counts only when its end is there. */
        struct changes_entry *building;
        uint32_t members, knobs_seen;
        uint32_t crc_before; /* of the record before the group */
        char *limits;
        size_t limits_len;
};

void changes_done(struct changes *changes);
struct changes_entry *changes_find(const struct changes *changes, uint64_t number);

/* Whether it can still be undone: open, or committed in this boot. */
bool changes_live(const struct changes_entry *entry);

/* Forgets a group whose end is missing. */
void changes_drop_group(struct changes *changes);

/* Takes one good record. Errors: -ENOMEM */
int changes_apply(struct changes *changes, const struct record *r);
