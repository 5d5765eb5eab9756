/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/observer/pressure.h"

#include "governor/kernel/psi.h"
#include "state/file.h"

#include <fcntl.h>

#define NEAR_NS (2 * NSEC_PER_SEC)

static int read_some(int proc_fd, const char *path, uint64_t *ret) {
        CLEANUP(closep) int fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
        char text[512];
        uint64_t full;
        ssize_t n;

        if (fd < 0)
                return -errno;
        n = read(fd, text, sizeof(text) - 1);
        if (n < 0)
                return -errno;
        text[n] = '\0';
        return psi_parse(text, ret, &full);
}

void pressure_read(struct pressure *p, int proc_fd, uint64_t now_ns) {
        static const char *const paths[3] = { "pressure/cpu", "pressure/memory", "pressure/io" };
        const struct pressure_reading *last =
                        &p->readings[(p->next + PRESSURE_READINGS - 1) % PRESSURE_READINGS];
        struct pressure_reading now = { .boottime_ns = now_ns };

        if (last->boottime_ns != 0 && now_ns < last->boottime_ns + NSEC_PER_SEC)
                return;
        for (unsigned i = 0; i < 3; i++)
                if (read_some(proc_fd, paths[i], &now.some_usec[i]) < 0)
                        return;
        p->readings[p->next] = now;
        p->next = (p->next + 1) % PRESSURE_READINGS;
}

void pressure_put(const struct pressure *p, struct sample *s) {
        const struct pressure_reading *best = NULL;
        uint64_t best_ns = NEAR_NS;

        for (unsigned i = 0; i < PRESSURE_READINGS; i++) {
                const struct pressure_reading *r = &p->readings[i];
                uint64_t away_ns = u64_max(r->boottime_ns, s->boottime_ns) -
                                   u64_min(r->boottime_ns, s->boottime_ns);

                if (r->boottime_ns != 0 && away_ns < best_ns) {
                        best = r;
                        best_ns = away_ns;
                }
        }
        for (unsigned i = 0; i < 3; i++) {
                enum sample_id id = SAMPLE_HOST_CPU_SOME + i;

                s->present &= ~(1ULL << id);
                if (!best)
                        continue;
                s->present |= 1ULL << id;
                s->value[id] = best->some_usec[i];
        }
}
