/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/observer/ladder.h"

#include "governor/kernel/proc.h"
#include "governor/observer/manager.h"

#include <sys/epoll.h>

static void drop(struct rung *rung) {
        rung->source = sd_event_source_disable_unref(rung->source);
        closep(&rung->fd);
        rung->fd = -1;
}

static int on_rung(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        struct rung *rung = userdata;
        struct sampler *s = &rung->target->sampler;
        uint64_t now_ns = proc_boottime_ns();

        (void)source;
        (void)fd;
        /* The cgroup is gone: a trigger in error would be ready for ever. */
        if (revents & (EPOLLERR | EPOLLHUP)) {
                drop(rung);
                return 0;
        }

        s->ladder_count[rung->bit]++;
        s->ladder_ns[rung->bit / 3] = now_ns;
        if (rung->bit == DISKS_RUNG)
                disks_alert(rung->target->manager, now_ns);
        manager_fired(rung->target, now_ns);
        return 0;
}

void ladder_add(sd_event *event, struct target *t, uint32_t mask, const int *fds) {
        unsigned next = 0;

        for (unsigned i = 0; i < LINK_LADDER_FDS; i++) {
                struct rung *rung = &t->rungs[i];

                *rung = (struct rung){ .target = t, .fd = -1, .bit = i };
                if (!(mask >> i & 1))
                        continue;
                rung->fd = fds[next++];
                if (sd_event_add_io(event, &rung->source, rung->fd, EPOLLPRI, on_rung, rung) < 0)
                        drop(rung);
                else
                        t->sampler.ladder_mask |= 1U << i;
        }
}

void ladder_remove(struct target *t) {
        for (unsigned i = 0; i < LINK_LADDER_FDS; i++)
                drop(&t->rungs[i]);
        t->sampler.ladder_mask = 0;
}
