/* SPDX-License-Identifier: Apache-2.0 */
#include "state/log.h"

#include "state/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define LINE_MAX_BYTES 1024

static int log_level = LOG_INFO;
static log_sink log_to;

void log_set_level(int level) {
        log_level = level;
}

void log_set_sink(log_sink sink) {
        log_to = sink;
}

void log_event(int level, enum event event, const char *format, ...) {
        char raw[LINE_MAX_BYTES], line[LINE_MAX_BYTES];
        va_list args;

        if (level > log_level)
                return;

        va_start(args, format);
        (void)vsnprintf(raw, sizeof(raw), format, args);
        va_end(args);
        text_printable(raw, line, sizeof(line));

        if (log_to && log_to(level, event, line))
                return;
        if (secure_getenv("JOURNAL_STREAM") && !isatty(STDERR_FILENO))
                (void)dprintf(STDERR_FILENO, "<%d>%s\n", level, line);
        else
                (void)dprintf(STDERR_FILENO, "%s: %s\n", program_invocation_short_name, line);
}
