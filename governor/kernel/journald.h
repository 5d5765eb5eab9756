/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal of systemd as the place of the log, with its MESSAGE_IDs.
 */
#pragma once

/*
 * Has log_event() speak to the journal, when that is what stderr leads to: elsewhere, and as soon
 * as the journal does not take a line, it is stderr.
 *
 * @program: a static text, SYSLOG_IDENTIFIER
 */
void journald_take_log(const char *program);
