/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The undo journal: fixed-size records in preallocated segments, each with a CRC and a gapless
 * sequence number. Only dtgovd writes it. An intent is durable before the first write to the
 * kernel; an undo never waits for the disk.
 *
 * A segment is "<first seq, 16 hex digits>.seg", allocated in advance, so that a full disk cannot
 * stop what is under way. The reader ends at the first record that is all zero; a torn last record
 * is dropped and told; a bad record with good ones behind it is damage: the file is kept as it is,
 * the journal becomes read-only, new changes are refused and rollbacks go on from memory.
 */
#pragma once

#include "state/change.h"

#define JOURNAL_VERSION      1
#define JOURNAL_RECORD_SIZE  256           /* bytes: two fit into a sector, none crosses one */
#define JOURNAL_SEGMENT_SIZE (1024 * 1024) /* bytes: 4096 records */
#define JOURNAL_IDS_AT_ONCE  64            /* P and C numbers are reserved in blocks of this */
#define JOURNAL_STEPS_MAX    32            /* values on the way that one change may write */
#define JOURNAL_NOTE_MAX     160           /* bytes of a person's reason, with the NUL */

struct journal;

/* A value that was journaled before it was written: a step of a ladder, or what is kept. */
struct journal_step {
        uint32_t position; /* of the knob in the change */
        struct knob_value value;
};

/* All that the journal knows of one change. */
struct journal_change {
        struct change change;
        struct limits before; /* every limit file when the intent was written */
        struct journal_step steps[JOURNAL_STEPS_MAX];
        unsigned steps_count;
        char note[JOURNAL_NOTE_MAX];
        bool this_boot; /* its cgroup can still exist */
};

enum journal_health {
        JOURNAL_OK,
        JOURNAL_REPAIRED, /* an incomplete last record was dropped; it was never acknowledged */
        JOURNAL_DAMAGED,  /* read-only: damage in the middle */
        JOURNAL_NEWER,    /* read-only: written by a newer version; nothing is modified */
        JOURNAL_FAILING,  /* the disk refused (ENOSPC, EIO): no new changes until it works again */
};

/*
 * Opens the journal in a directory, makes its first segment, replays what is there.
 *
 * @dir_fd:  kept open by the caller
 * @boot_id: of this boot, 36 characters: changes of another one cannot be undone
 * Errors:   -EPERM the directory or a segment is not the caller's own or writable by others
 *           (E_UNSAFE_PATH); of the system calls. Damage is no error: see journal_state().
 */
int journal_open(int dir_fd, const char *boot_id, struct journal **ret, struct error *err);
void journal_close(struct journal *j);
enum journal_health journal_health(const struct journal *j);
const char *journal_health_text(const struct journal *j); /* "" when OK: what, why, what next */

/* Calls @each for every change on record, oldest first; stops when it returns below 0. */
int journal_each(const struct journal *j, int (*each)(void *data, const struct journal_change *c),
                void *data);

/*
 * The intent of a change: all its knobs and the text of every limit file. Durable on return.
 *
 * Errors: -ENOSPC, -EIO, -EROFS (read-only): nothing of it counts, no write may follow
 */
int journal_intent(struct journal *j, const struct change *c, const struct limits *before);

/* A change entered a state. @durable: wait for the disk; undos never do. Errors: as above. */
int journal_state(struct journal *j, const struct change *c, bool durable);

/* A value is about to be written on the way. Durable when @durable. */
int journal_step(struct journal *j, const struct change *c, unsigned position,
                struct knob_value value, bool durable);

/* A person's words about a change or a proposal (change number 0). */
int journal_note(struct journal *j, uint64_t change, uint64_t proposal, const char *text);

/* The next free numbers; reserved durably in blocks. Errors: as journal_intent(). */
int journal_next_proposal(struct journal *j, uint64_t *ret);
int journal_next_change(struct journal *j, uint64_t *ret);
