/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether processes must queue for a CPU: who is waited for may be one of them.
 */
#pragma once

#include "state/base.h"

/*
 * Whether more tasks want a CPU than there are at this moment: proc_loadavg(5), "running/all". Only
 * functions that a signal handler may call (signal-safety(7)).
 *
 * Returns: false where that cannot be known
 */
bool cpus_are_short(void);
