/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a dead dtgovd left behind: at start, at its end, by "dtgovd --recover", and the rollback
 * without a daemon. The same steps as in the engine, one after the other and without threads; it
 * may be killed at any point and started again.
 */
#pragma once

struct control;

/*
 * Ends every open change as recover_decide() says: what was on probation goes back.
 *
 * One whose container was not found by a scan that failed in part stays pending, for the next.
 *
 * Returns: how many could not be taken back; they stay open
 */
unsigned recover_all(struct control *c);

/* After a later scan: ends what is still pending. Returns: as recover_all() */
unsigned recover_pending(struct control *c);

/*
 * Takes back a change "C17", all of a container (its id, or the beginning of no other's), or
 * "--all".
 *
 * Returns: how many could not be taken back
 * Errors:  -ENOENT nothing matches; -ENOTUNIQ several ids begin so
 */
int recover_rollback(struct control *c, const char *target);
