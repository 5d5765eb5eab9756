/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The undo journal: fixed-size records in preallocated segments, each with a CRC and a gapless
 * sequence number. Only dtgovd writes it. An intent is durable before the first write to the
 * kernel; an undo never waits for the disk.
 *
 * A segment is "<first seq, 16 hex digits>.seg", allocated in advance (two spares), so that a full
 * disk cannot stop what is under way. A torn end is dropped and told. A bad record behind which
 * others prove that it was on the disk is damage: the files stay as they are, new changes are
 * refused, and rollbacks go on and are recorded in a segment of their own.
 *
 * At most 16 segments are kept: what is still needed of the oldest (changes that can be undone, the
 * last 1000 ended ones, numbers) is written again before it goes.
 */
#pragma once

#include "state/change.h"

/* 1: without outcomes, names and steps of a ladder; 2: without knobs of io. */
#define JOURNAL_VERSION      3U
#define JOURNAL_RECORD_SIZE  256           /* bytes: two fit into a sector, none crosses one */
#define JOURNAL_SEGMENT_SIZE (1024 * 1024) /* bytes: 4096 records */
#define JOURNAL_IDS_AT_ONCE  64            /* P and C numbers are reserved in blocks of this */
#define JOURNAL_STEPS_MAX    32            /* values on the way that one change may write */
#define JOURNAL_NOTE_MAX     160           /* bytes of a person's reason, with the NUL */
#define JOURNAL_NAME_MAX     176           /* of an environment or template; a longer one is none */

struct journal;

enum journal_step_kind {
        JOURNAL_KEPT, /* by an undo: what use needs above the old value */
        JOURNAL_STEP, /* on the way down to the new value */
        JOURNAL_STEP_KIND_COUNT,
};

/* A value that was journaled before it was written. */
struct journal_step {
        uint32_t position; /* of the knob in the change */
        uint32_t kind;     /* enum journal_step_kind */
        struct knob_value value;
};

/* All that the journal knows of one change. */
struct journal_change {
        struct change change;
        struct limits before; /* every limit file when the intent was written */
        struct journal_step steps[JOURNAL_STEPS_MAX];
        unsigned steps_count;
        char note[JOURNAL_NOTE_MAX];
        const char *environment, *template; /* of its container then; NULL: not known */
        bool this_boot;                     /* its cgroup can still exist */
        uint8_t boot[16];                   /* whose clock its times are of */
};

enum journal_health {
        JOURNAL_OK,
        JOURNAL_REPAIRED, /* an incomplete last record was dropped; it was never acknowledged */
        JOURNAL_DAMAGED,  /* read-only: damage in the middle */
        JOURNAL_NEWER,    /* read-only: written by a newer version; nothing is modified */
        JOURNAL_FAILING,  /* the disk refused (ENOSPC, EIO): no new changes until it works again */
};

/*
 * Opens the journal in a directory, replays what is there, allocates the spares.
 *
 * @dir_fd:  opened for reading (not O_PATH) and kept open by the caller; locked by flock(2)
 * @boot_id: of this boot, 36 characters: changes of another one cannot be undone
 * Errors:   -EPERM the directory or a segment is not the caller's own or writable by others
 *           (E_UNSAFE_PATH); -EAGAIN another process has it open; of the system calls. Damage and a
 *           disk that refuses are no errors: see journal_health().
 */
int journal_open(int dir_fd, const char *boot_id, struct journal **ret, struct error *err);
void journal_close(struct journal *j);
enum journal_health journal_health(const struct journal *j);
const char *journal_health_text(const struct journal *j); /* "" when OK: what, why, what next */

/*
 * Waits for the disk: whatever was recorded without waiting, or could not be written. Also makes
 * the spares that are missing, so that JOURNAL_FAILING ends once the disk works.
 *
 * Errors: -ENOSPC, -EIO, -EROFS a newer journal
 */
int journal_sync(struct journal *j);

/*
 * The same in three parts: a slow disk holds up only journal_sync_wait(), which touches nothing but
 * @w and may run on another thread while more is recorded. One at a time.
 *
 * Returns: journal_sync_begin() 1 there is something to wait for, 0 nothing: no wait, no end
 * Errors:  as journal_sync(); a second try takes another file
 */
struct journal_wait {
        int fd, dir_fd;
        uint64_t seq;
        unsigned generation;
};
int journal_sync_begin(struct journal *j, struct journal_wait *ret);
int journal_sync_wait(const struct journal_wait *w);
int journal_sync_end(struct journal *j, struct journal_wait *w, int r);

/* Whether a sync has something to do: records that wait, a disk that failed. */
bool journal_wants_sync(const struct journal *j);

/* Whether all records below @seq are known to be on the disk. */
bool journal_is_durable(const struct journal *j, uint64_t seq);

/*
 * Calls @each for every change on record, oldest first; stops when it returns below 0. @each may
 * record states, steps and notes, but no intent.
 */
int journal_each(const struct journal *j, int (*each)(void *data, const struct journal_change *c),
                void *data);

/*
 * The intent of a change: all its knobs and the text of every limit file. Nothing may be written to
 * the kernel before journal_is_durable(@ret_seq); when the disk refuses, the caller ends the change
 * with a state.
 *
 * @environment, @template: of its container, NULL: not known; one that does not fit is not kept
 * Errors: -ENOSPC also when the segment for its undo could not be allocated, -EIO, -EROFS
 * (read-only), -E2BIG, -ENOMEM: nothing of it counts
 */
int journal_intent(struct journal *j, const struct change *c, const struct limits *before,
                const char *environment, const char *template, uint64_t *ret_seq);

/*
 * A change entered a state. A state without an intent before it leaves a record and nothing else.
 *
 * @durable: wait for the disk; undos never do
 * Errors:   -EROFS a newer journal; when @durable also -ENOSPC, -EIO: the record waits in memory
 * and goes out with the next one. Not @durable: none but -ENOSPC with 2048 records waiting.
 */
int journal_state(struct journal *j, const struct change *c, bool durable);

/*
 * A value is about to be written on the way. Errors: as journal_state(); -E2BIG over
 * JOURNAL_STEPS_MAX, -EINVAL no such change or position: the value must not be written then.
 */
int journal_step(struct journal *j, const struct change *c, enum journal_step_kind kind,
                unsigned position, struct knob_value value, bool durable);

/* Whether a value was journaled for a knob. */
bool journal_has_step(const struct journal_step *steps, unsigned count, unsigned position,
                struct knob_value value);

/* A person's words about a change or a proposal (change number 0); not waited for. */
int journal_note(struct journal *j, uint64_t change, uint64_t proposal, const char *text);

/*
 * The next free numbers, reserved in blocks and not waited for: a change's is durable with its
 * intent, and so is that of the proposal behind it. A proposal that led to nothing may share its
 * number with one of after a power failure.
 * Errors: as journal_intent()
 */
int journal_next_proposal(struct journal *j, uint64_t *ret);
int journal_next_change(struct journal *j, uint64_t *ret);

/*
 * A person trusts a rule again: what became of its changes so far no longer counts against it.
 * Not waited for: a slow disk is to hold up nobody's rollback. Errors: as journal_state()
 */
int journal_trust(struct journal *j, enum rule_id rule);

/* The last change of which nothing counts against the rule; 0 none. */
uint64_t journal_trusted(const struct journal *j, enum rule_id rule);
