/* SPDX-License-Identifier: Apache-2.0 */
#include "hooks/runtime_log.h"

#include "state/file.h"
#include "state/json.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LINE_MAX_ 1024

const char *runtime_log_path(const char *log) {
        static const char file[] = "file:";

        if (!log || strncmp(log, "journald:", 9) == 0 || strncmp(log, "syslog:", 7) == 0)
                return NULL;
        return strncmp(log, file, strlen(file)) == 0 ? log + strlen(file) : log;
}

/* One line in the form that containerd looks for (getLastRuntimeError) and crun and runc write. */
static void append_line(const char *path, const char *level, const char *message) {
        CLEANUP(json_writer_freep) struct json_writer *w = NULL;
        CLEANUP(closep) int fd = -1;
        char when[32], line[LINE_MAX_];
        const char *text;
        struct tm tm;
        time_t now = time(NULL);
        size_t len;
        int n;

        if (!path || !gmtime_r(&now, &tm) || json_writer_new(&w) < 0)
                return;
        (void)strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
        n = snprintf(line, sizeof(line), "dtgov: %s", message);
        if (n < 0)
                return;
        json_open_object(w, NULL);
        json_put_string(w, "level", level);
        json_put_string(w, "msg", line);
        json_put_string(w, "time", when);
        json_close_object(w);
        if (json_writer_end(w, &text, &len) < 0)
                return;
        n = snprintf(line, sizeof(line), "%s\n", text);
        fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0644);
        if (fd >= 0 && n > 0 && (size_t)n < sizeof(line))
                (void)file_write_all(fd, line, (size_t)n);
}

void runtime_log_warning(const char *log, const char *message) {
        const char *path = runtime_log_path(log);

        if (log && !path)
                (void)fprintf(stderr, "dtgov: %s\n", message);
        append_line(path, "warning", message);
}

void runtime_log_error(const char *log, const char *message) {
        (void)fprintf(stderr, "dtgov: %s\n", message);
        append_line(runtime_log_path(log), "error", message);
}
