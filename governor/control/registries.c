/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/control/registries.h"

#include "governor/control/control.h"
#include "governor/control/setup.h"
#include "governor/kernel/nested.h"
#include "governor/kernel/scan.h"

#include <stdio.h>
#include <sys/inotify.h>

/* Who writes without end is heard that often. */
#define SCANS     10
#define SCAN_USEC USEC_PER_SEC

static bool is_known(void *data, uint64_t inode) {
        return container_by_inode(data, inode) != NULL;
}

static int take(void *data, const struct container *container) {
        char ignored[CONTAINER_ID_SIZE];
        unsigned flags = 0;

        (void)scan_classify(container->cgroup, ignored, &flags);
        return container_enlist(data, container, flags & ~CONTAINER_ADOPTED);
}

int registries_scan(struct control *c) {
        const struct nested_caller caller = { is_known, take, c };
        int r = 0;

        for (size_t i = 0; i < c->config.registries_count; i++) {
                int one = nested_scan(&c->root, c->proc_fd, c->registries.fd[i],
                                c->config.registries[i].below, &caller);

                r = r < 0 ? r : one;
        }
        return r;
}

static int on_inotify(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        char ignored[4096];

        (void)s;
        (void)revents;
        while (read(fd, ignored, sizeof(ignored)) > 0)
                ;
        (void)registries_scan(userdata); /* what fails is tried again by the next scan of all */
        return 0;
}

int registries_open(struct control *c, const char *folder, struct error *err) {
        for (size_t i = 0; i < c->config.registries_count; i++) {
                char path[512];
                int fd;

                (void)snprintf(path, sizeof(path), "%s/%s", folder, c->config.registries[i].name);
                fd = setup_directory(path, 0700, geteuid(), getegid(), err);
                if (fd < 0)
                        return fd;
                c->registries.fd[i] = fd;
        }
        return 0;
}

int registries_init(struct control *c) {
        struct registries *t = &c->registries;
        int r;

        if (c->config.registries_count == 0)
                return 0;
        t->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        if (t->inotify_fd < 0)
                return -errno;
        for (size_t i = 0; i < c->config.registries_count; i++) {
                char path[64];

                (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", t->fd[i]);
                if (inotify_add_watch(t->inotify_fd, path,
                                    IN_MOVED_TO | IN_CLOSE_WRITE | IN_ONLYDIR) < 0)
                        return -errno;
        }
        r = sd_event_add_io(c->event, &t->source, t->inotify_fd, EPOLLIN, on_inotify, c);
        return r < 0 ? r : sd_event_source_set_ratelimit(t->source, SCAN_USEC, SCANS);
}

void registries_done(struct control *c) {
        c->registries.source = sd_event_source_disable_unref(c->registries.source);
        if (c->registries.inotify_fd > 0)
                (void)close(c->registries.inotify_fd);
}
