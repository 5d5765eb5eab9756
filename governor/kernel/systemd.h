/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other owner of limits: systemd, by sd-bus. A value that is only in the kernel's file is lost
 * at the next daemon-reload; one that PID 1 was told survives it.
 *
 * Source: org.freedesktop.systemd1(5); experiments with systemd 252 and 257
 */
#pragma once

#include "state/change.h"

#define SYSTEMD_TIMEOUT_USEC (2 * USEC_PER_SEC) /* for PID 1's answer to one call */
#define SYSTEMD_UNIT_SIZE    256

/*
 * Whether systemd is PID 1 here, as sd_booted(3) finds out. One that is too busy to answer is: what
 * is its own must not be taken for plain.
 */
bool systemd_is_here(void);

/* Whether the last part of @path can be the name of a unit at all: asks nobody. */
bool systemd_may_be_unit(const char *path);

/*
 * All that follow may be called by any thread, and block. Each connects anew, to
 * /run/systemd/private (no broker needed), else to the system bus.
 */

/*
 * The unit whose own cgroup is exactly @path (not one below it).
 *
 * Returns: 1 and the unit's name; 0 and "", no unit owns it
 */
int systemd_unit_of(const char *path, char ret_unit[static SYSTEMD_UNIT_SIZE]);

/*
 * Tells PID 1 the new values of a unit, in one SetUnitProperties(runtime) call that also carries a
 * property for every other limit file whose value in the kernel differs from what systemd would
 * write: systemd rewrites all of them at any property change.
 *
 * @limits: the texts that all limit files have now, after the new values were written
 * @change: systemd writes io.max for the disks alone that the unit lists; those of the change are
 *          listed from then on
 * Errors:  -EREMOTE a file differs that this systemd writes and no property can express (@err names
 *          it): nothing was sent. -ETIMEDOUT; of the call
 */
int systemd_tell(const char *unit, const struct limits *limits, const struct change *change,
                struct error *err);

/*
 * The first half of systemd_tell(): would it be refused?
 *
 * Returns: 0 it would be sent; -EREMOTE with the file in @err
 */
int systemd_check(const char *unit, const struct limits *limits, const struct change *change,
                struct error *err);

/* Asks PID 1 anything and waits for the answer: messages sent before it have been acted upon. */
int systemd_sync(struct error *err);
