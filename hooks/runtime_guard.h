/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wrapper's net: whatever goes wrong in it, a crash or an endless loop too, the real runtime is
 * executed with what was given to the wrapper.
 */
#pragma once

#include "state/base.h"

#define RUNTIME_GUARD_SEC 2  /* for all that the wrapper does itself; some milliseconds is usual */
#define RUNTIME_BUSY_SEC  20 /* at the most, while processes must queue for a CPU */

/*
 * From here on SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT and an alarm execute @path with @argv.
 * Both must stay as they are.
 */
void runtime_guard_start(const char *path, char *const argv[]);

/* Takes the net away: alarm, handlers and mask as they were before. They survive an execve(2). */
void runtime_guard_end(void);
