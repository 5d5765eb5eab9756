/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the wrapper has to say, where the runtime's own log is. That may be no file: crun's --log
 * takes "journald:TAG", "syslog:TAG" and "file:PATH", too.
 *
 * Source: crun 1.8 libcrun/error.c (libcrun_init_logging)
 */
#pragma once

#include "state/base.h"

/*
 * The file of a log.
 *
 * @log:    value of --log; may be NULL
 * Returns: into @log, or NULL where it is no file
 */
const char *runtime_log_path(const char *log);

/*
 * A fault that stops nothing: a line of the log's file. On stderr, which may be the container's
 * own, only where there is a log that is no file.
 */
void runtime_log_warning(const char *log, const char *message);

/* A fault that ends the wrapper: on stderr, and in the log's file where there is one. */
void runtime_log_error(const char *log, const char *message);
