/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The triggers of a container in the event loop. Not in an epoll set of their own below it: looking
 * whether the inner set is ready polls the triggers, and polling one takes its event away
 * (kernel/sched/psi.c, psi_trigger_poll), so that the inner epoll_wait() would find none.
 */
#pragma once

#include "governor/observer/target.h"

/*
 * Watches the triggers of a container; the fds are the target's from here on.
 *
 * @mask: which of the nine came, as in struct link_container; @fds holds them in that order
 */
void ladder_add(sd_event *event, struct target *t, uint32_t mask, const int *fds);

/* Takes them out and closes them. */
void ladder_remove(struct target *t);
