/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/kernel/psi.h"

#include <string.h>

#include "state/parse.h"

const char *const psi_files[3] = { "cpu.pressure", "memory.pressure", "io.pressure" };
const unsigned psi_ladder_percent[3] = { 5, 20, 40 };

/* The number behind " total=" of the line that begins with @name. Errors: -ENODATA no such line */
static int total_of(const char *text, const char *name, uint64_t *ret) {
        size_t len = strlen(name);

        while (*text != '\0') {
                const char *end = strchrnul(text, '\n');

                if (strncmp(text, name, len) == 0) {
                        const char *total = strstr(text, " total=");
                        uint64_t value;

                        if (!total || total > end ||
                                        parse_u64_prefix(total + 7, &value, &total) < 0 ||
                                        total != end)
                                return -EINVAL;
                        *ret = value;
                        return 0;
                }
                text = end + (*end == '\n');
        }
        return -ENODATA;
}

int psi_parse(const char *text, uint64_t *ret_some_usec, uint64_t *ret_full_usec) {
        uint64_t some, full = 0;

        if (total_of(text, "some ", &some) < 0)
                return -EINVAL;
        if (total_of(text, "full ", &full) == -EINVAL)
                return -EINVAL;

        *ret_some_usec = some;
        *ret_full_usec = full;
        return 0;
}
