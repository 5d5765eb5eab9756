/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The proposals that dtgovd holds. One is immutable once it has a number; an approval carries the
 * digest of what was shown. They live in memory and end with dtgovd; the observer submits anew.
 */
#pragma once

#include "policies/rules/guard.h"

#define PROPOSALS_MAX    256 /* the oldest that is not pending makes room */
#define PROPOSAL_ID_SIZE 24  /* "P" and a number */
#define DIGEST_TEXT_SIZE 17  /* 16 hex digits */

struct control;
struct managed;

enum held_state {
        HELD_PENDING,
        HELD_REFUSED,
        HELD_APPROVED,
        HELD_REJECTED,
        HELD_EXPIRED,
        HELD_STALE
};
extern const char *const held_state_names[];

/* One proposal and what became of it. proposal.number 0: a free slot. */
struct held {
        struct proposal proposal;
        struct guard_answer answer;
        enum held_state state;
        uint64_t change;    /* C number it led to, 0 none */
        uint64_t policy_ns; /* when a policy's approval of it came to nothing; 0: never */
        char text[LINK_TEXT_SIZE];
};

struct proposals {
        struct held held[PROPOSALS_MAX];
        uint64_t seed;        /* of the digests, random at each start */
        uint64_t policies_ns; /* when policies were asked about them last */
};

/* Errors: of getrandom(2) */
int proposals_init(struct proposals *t);

/*
 * Asks the guard and, unless it refuses or @dry_run, numbers and keeps the proposal. One of the
 * same container and rule that is still pending makes place for it. What the guard allows is
 * approved at once.
 *
 * @p:     container, knobs with new values, rule and numbers filled in; the rest is done here
 * Errors: -EBUSY too many are pending; -ENOSPC, -EIO, -EROFS no number can be had
 */
int proposals_submit(struct control *c, struct managed *m, struct proposal *p, bool dry_run,
                struct guard_answer *ret);

struct held *proposals_find(struct proposals *t, uint64_t number);

/*
 * Ends a proposal that led to no change; the observer is told of its own.
 *
 * @state: HELD_REFUSED, HELD_REJECTED, HELD_EXPIRED or HELD_STALE
 */
void proposals_end(struct control *c, struct held *h, enum held_state state, const char *text);

/* Marks what is over: expired, of a container that ended, with an old value that changed. */
void proposals_refresh(struct control *c);

/*
 * The digest of a proposal, as the hex text that is shown. Both texts that are compared come from
 * this dtgovd and numbers are never given twice: it tells proposals apart, and lives of dtgovd.
 */
void proposals_digest(const struct proposals *t, const struct proposal *p,
                char ret[static DIGEST_TEXT_SIZE]);
