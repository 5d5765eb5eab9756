/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dtgovd's sandbox: what is left to it after set-up. Uid 0 without capabilities but
 * CAP_SYS_RESOURCE (PSI triggers), files by Landlock, system calls by seccomp.
 */
#pragma once

#include "state/error.h"

struct control;
struct options;

/* Drops, confines and tries what must fail now. Errors: as in sandbox.h */
int confine(struct control *c, const struct options *o, struct error *err);
