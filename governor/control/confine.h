/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dtgovd's sandbox: what is left to it after set-up. Uid 0 without capabilities but
 * CAP_SYS_RESOURCE (PSI triggers), files by Landlock, system calls by seccomp.
 */
#pragma once

#include "state/error.h"

struct control;
struct options;

/*
 * Drops, confines and tries what must fail now. Before the first thread is made.
 *
 * Returns: 0; 1 the kernel lacks something that was allowed to be lacking, @err says what
 * Errors:  as in sandbox.h
 */
int confine(struct control *c, const struct options *o, struct error *err);
