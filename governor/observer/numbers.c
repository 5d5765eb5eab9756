/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/observer/numbers.h"

#include "state/file.h"
#include "state/parse.h"

#include <inttypes.h>
#include <stdio.h>

int numbers_open(struct numbers *n, int dir_fd, struct error *err) {
        const char *end;
        char text[32];
        ssize_t len;

        *n = (struct numbers){ .dir_fd = dir_fd, .next = 1, .reserved = 1 };
        if (dir_fd < 0)
                return 0;

        len = file_read_at(dir_fd, NUMBERS_FILE, text, sizeof(text));
        if (len == -ENOENT)
                return 0;
        if (len < 0)
                return error_errno(err, (int)len, "cannot read '%s'", NUMBERS_FILE);
        if (parse_u64_prefix(text, &n->reserved, &end) < 0 || *end != '\n' || n->reserved == 0) {
                closep(&n->dir_fd);
                *n = (struct numbers){ .dir_fd = -1 }; /* half a number is none */
                return error_set(err, -EINVAL,
                                "'%s' in the history directory holds no number; findings stay "
                                "without one: put a number above all that were seen into it",
                                NUMBERS_FILE);
        }
        n->next = n->reserved;
        return 0;
}

void numbers_done(struct numbers *n) {
        closep(&n->dir_fd);
        n->dir_fd = -1;
}

uint64_t numbers_next(struct numbers *n) {
        char text[32];
        int len;

        if (n->next < n->reserved)
                return n->next++;
        if (n->dir_fd < 0)
                return 0;

        len = snprintf(text, sizeof(text), "%" PRIu64 "\n", n->reserved + NUMBERS_BLOCK);
        if (file_replace_at(n->dir_fd, NUMBERS_FILE, text, (size_t)len, 0600, true) < 0)
                return 0;
        n->reserved += NUMBERS_BLOCK;
        return n->next++;
}
