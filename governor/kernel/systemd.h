/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other owner of limits: systemd, by sd-bus. A value that is only in the kernel's file is lost
 * at the next daemon-reload; one that PID 1 was told survives it.
 *
 * Source: org.freedesktop.systemd1(5); experiments with systemd 252 and 257
 */
#pragma once

#include "state/container.h"
#include "state/knob.h"

#define SYSTEMD_TIMEOUT_USEC (2 * USEC_PER_SEC) /* for PID 1's answer to one call */

struct systemd;

/*
 * Connects to PID 1: /run/systemd/private first (no broker needed), else the system bus.
 *
 * Errors: -ENOENT no systemd runs here
 */
int systemd_open(struct systemd **ret, struct error *err);
void systemd_close(struct systemd *s);

/*
 * The unit whose own cgroup is exactly @path (not one below it).
 *
 * Returns: 1 and the unit's name, 0 no unit owns it
 */
int systemd_unit_of(struct systemd *s, const char *path, char ret_unit[static 256]);

/*
 * Tells PID 1 the new values of a unit, in one SetUnitProperties(runtime) call that also carries a
 * property for every other limit file whose value in the kernel differs from what systemd would
 * write: systemd rewrites all of them at any property change.
 *
 * @limits: the texts that all limit files have now, after the new values were written
 * Errors:  -EREMOTE a file differs that this systemd writes and no property can express (@err names
 *          it): nothing was sent. -ETIMEDOUT; of the call
 */
int systemd_tell(struct systemd *s, const char *unit, const struct limits *limits,
                struct error *err);

/*
 * The first half of systemd_tell(): would it be refused?
 *
 * Returns: 0 it would be sent; -EREMOTE with the file in @err
 */
int systemd_check(struct systemd *s, const char *unit, const struct limits *limits,
                struct error *err);

/* Asks PID 1 anything and waits for the answer: messages sent before it have been acted upon. */
int systemd_sync(struct systemd *s, struct error *err);
