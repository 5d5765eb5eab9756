/* SPDX-License-Identifier: Apache-2.0 */
#include "state/cpus.h"

#include "state/file.h"
#include "state/parse.h"

#include <fcntl.h>
#include <sched.h>
#include <string.h>

bool cpus_are_short(void) {
        char text[128], *all, *running;
        cpu_set_t cpus;
        uint64_t count;

        if (file_read_at(AT_FDCWD, "/proc/loadavg", text, sizeof(text)) < 0)
                return false;
        all = strchr(text, '/');
        if (!all)
                return false;
        *all = '\0';
        running = strrchr(text, ' ');
        CPU_ZERO(&cpus);
        return running && parse_u64(running + 1, &count) >= 0 &&
               sched_getaffinity(0, sizeof(cpus), &cpus) == 0 && count > (uint64_t)CPU_COUNT(&cpus);
}
