/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log of the daemons: one line on stderr, with a "<N>" level where the journal of systemd reads
 * it (sd-daemon(3)), elsewhere with the program's name; a daemon may set a sink of its own. Control
 * bytes are escaped here, so that no text from a container reaches a terminal as a command. Only
 * event handlers and main() log.
 */
#pragma once

#include "state/base.h"
#include "state/event.h"

#include <syslog.h>

/* Returns: whether the line was taken; else it goes to stderr */
typedef bool (*log_sink)(int level, enum event event, const char *line);

/* Lines above @level (LOG_ERR..LOG_DEBUG) are dropped. Default: LOG_INFO. */
void log_set_level(int level);

/* @sink gets each line, without its level mark and newline; NULL: stderr again. */
void log_set_sink(log_sink sink);

/* @level is one of syslog.h; the line is cut at 1 KiB. */
void log_event(int level, enum event event, const char *format, ...) PRINTF(3, 4);

#define log_write(level, ...) log_event(level, EVENT_NONE, __VA_ARGS__)

#define log_error(...)   log_write(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_WARNING, __VA_ARGS__)
#define log_notice(...)  log_write(LOG_NOTICE, __VA_ARGS__)
#define log_info(...)    log_write(LOG_INFO, __VA_ARGS__)
#define log_debug(...)   log_write(LOG_DEBUG, __VA_ARGS__)
