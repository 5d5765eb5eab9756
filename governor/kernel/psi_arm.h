/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ladder of PSI triggers of a container: for each of cpu, memory and io, "some" at 5, 20 and
 * 40 % of the window. Only dtgovd arms them (CAP_SYS_RESOURCE at the open decides: unprivileged
 * triggers share a clock that a container can blind); it passes the fds to the observer.
 */
#pragma once

#include "governor/kernel/psi.h"

#define PSI_WINDOW_USEC 500000U /* the shortest window of Linux 6.1 */

/*
 * Arms what can be armed of the ladder.
 *
 * @ret_fds:  the fds that were armed, in the order of LINK_CONTAINER
 * Returns:   mask of them as in struct link_container; 0 when PSI is off for this cgroup
 */
unsigned psi_ladder_arm(int dir_fd, int ret_fds[static LINK_LADDER_FDS]);
