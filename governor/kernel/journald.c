/* SPDX-License-Identifier: Apache-2.0 */
/* No location of code in the journal: this file would be all of them. */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include "governor/kernel/journald.h"

#include "state/log.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>

#define FIELD_MAX 1088 /* the longest line of log.h and the name of its field */

static const char *identifier;

/* Returns: the field as text in @buffer, cut if need be */
static struct iovec field(char *buffer, size_t size, const char *name, const char *value) {
        int n = snprintf(buffer, size, "%s=%s", name, value);

        return (struct iovec){ buffer, n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1 };
}

static bool send_line(int level, enum event event, const char *line) {
        char message[FIELD_MAX], priority[16], program[64], id[64];
        char digit[2] = { (char)('0' + (level & 7)), '\0' };
        struct iovec fields[4];
        int count = 0;

        fields[count++] = field(message, sizeof(message), "MESSAGE", line);
        fields[count++] = field(priority, sizeof(priority), "PRIORITY", digit);
        fields[count++] = field(program, sizeof(program), "SYSLOG_IDENTIFIER", identifier);
        if (event != EVENT_NONE)
                fields[count++] = field(id, sizeof(id), "MESSAGE_ID", event_message_ids[event]);
        return sd_journal_sendv(fields, count) >= 0;
}

/* systemd says so by the device and inode of the stream (systemd.exec(5), JOURNAL_STREAM). */
static bool stderr_is_journal(void) {
        const char *stream = secure_getenv("JOURNAL_STREAM");
        char ours[64];
        struct stat st;

        if (!stream || fstat(STDERR_FILENO, &st) < 0)
                return false;
        (void)snprintf(ours, sizeof(ours), "%llu:%llu", (unsigned long long)st.st_dev,
                        (unsigned long long)st.st_ino);
        return strcmp(stream, ours) == 0;
}

void journald_take_log(const char *program) {
        if (!stderr_is_journal())
                return;
        identifier = program;
        log_set_sink(send_line);
}
