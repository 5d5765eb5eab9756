/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an undo or a recovery has to do, decided from what the journal says and what the kernel
 * shows. Pure; compare-and-set: a value that is neither the old one, nor the new one, nor a
 * journaled step is somebody else's and stays.
 */
#pragma once

#include "state/change.h"

enum undo_action {
        UNDO_NOTHING,  /* it is the old value already */
        UNDO_WRITE,    /* write the value: the old one, or (kept) what use needs */
        UNDO_CONFLICT, /* somebody else's value: hands off */
};

struct undo_knob {
        enum undo_action action;
        struct knob_value value; /* to write */
        bool kept;               /* above the old value, since use is above it */
};

/* What the kernel shows of one knob and of what it limits. */
struct undo_input {
        struct knob_value current;
        uint64_t in_use;                /* memory.current, or what of it cannot be reclaimed */
        const struct knob_value *steps; /* journaled values of this knob */
        unsigned steps_count;
};

/*
 * The undo of one knob.
 *
 * A raise of memory.max whose old value is below what is in use plus headroom is not taken back
 * whole: the old limit would kill. What is needed is kept: use plus UNDO_HEADROOM_PERMYRIAD in
 * whole pages, never above the current value; where that is needed whole, "kept" comes with
 * UNDO_NOTHING. Nothing else kills: any other old value is written back whatever is in use.
 */
#define UNDO_HEADROOM_PERMYRIAD 1000 /* 10 % above use, and at least UNDO_HEADROOM_BYTES */
#define UNDO_HEADROOM_BYTES     (8 * MIB)
struct undo_knob undo_decide(const struct knob_change *change, const struct undo_input *input);

/* Use and that headroom in whole pages, upwards: no limit below it is ever written. */
uint64_t undo_needed_bytes(enum knob_id id, uint64_t in_use);

/*
 * What recovery makes of an open change found in the journal.
 *
 * @same_boot:  the journal's boot is this one
 * @alive:      its cgroup still exists, with that inode
 * @any_new:    at least one knob shows the new value or a step; it is undone even where another
 *              knob shows somebody else's value
 * @ret_reason: why; REASON_NONE: the reason that it has stays
 * Returns:     the state to go to: LAPSED, EXPIRED, REFUSED (nothing happened), ROLLING_BACK,
 *              CONFLICT, REVERTED_EXTERNALLY (on probation, but the old values are there), or
 *              @state itself: committed and ended ones, and an undo that goes on
 */
enum change_state recover_decide(enum change_state state, bool same_boot, bool alive, bool any_new,
                bool any_foreign, enum reason *ret_reason);
