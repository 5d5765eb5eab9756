/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/control/containers.h"

#include "governor/control/control.h"
#include "governor/control/recover.h"
#include "governor/kernel/scan.h"
#include "state/log.h"
#include "state/parse.h"
#include "state/text.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/stat.h>

struct managed *container_ref(struct managed *m) {
        m->refs++;
        return m;
}

void container_unref(struct managed *m) {
        if (!m || --m->refs > 0)
                return;
        (void)sd_event_source_disable_unref(m->events_source);
        if (m->events_fd >= 0)
                (void)close(m->events_fd);
        (void)close(m->dir_fd);
        free(m->identity);
        free(m);
}

static struct managed **bucket(struct control *c, uint64_t inode) {
        return &c->containers.buckets[inode % CONTAINERS_BUCKETS];
}

struct managed *container_by_inode(struct control *c, uint64_t inode) {
        for (struct managed *m = *bucket(c, inode); m; m = m->next)
                if (m->container.cgroup_inode == inode)
                        return m;
        return NULL;
}

struct managed *container_find(struct control *c, const char *id, uint64_t inode) {
        for (unsigned i = 0; i < CONTAINERS_BUCKETS; i++)
                for (struct managed *m = c->containers.buckets[i]; m; m = m->next)
                        if (strcmp(m->container.id, id) == 0 &&
                                        (inode == 0 || m->container.cgroup_inode == inode))
                                return m;
        return NULL;
}

void containers_each(struct control *c, void (*each)(void *data, struct managed *m), void *data) {
        for (unsigned i = 0; i < CONTAINERS_BUCKETS; i++)
                for (struct managed *m = c->containers.buckets[i], *next; m; m = next) {
                        next = m->next;
                        each(data, m);
                }
}

static void container_end(struct managed *m) {
        struct control *c = m->control;
        struct managed **at = bucket(c, m->container.cgroup_inode);

        while (*at != m)
                at = &(*at)->next;
        *at = m->next;
        c->containers.count--;
        m->alive = false;
        (void)sd_event_source_set_enabled(m->events_source, SD_EVENT_OFF);
        if (m->file[0])
                (void)registry_remove(c->containers_fd, m->file);
        log_info("container %.12s ended", m->container.id);
        identifier_end(c, m);
        observer_link_container_end(c, m);
        engine_container_ended(c, m);
        container_unref(m);
}

/*
 * The file must be read by the very fd that is polled, else it stays readable for good; and an
 * error of poll means nothing here: it is set at every change (kernfs).
 */
static bool still_populated(struct managed *m) {
        static const char *const keys[] = { "populated" };
        uint64_t populated = 0;
        char text[256];
        ssize_t n = pread(m->events_fd, text, sizeof(text) - 1, 0);

        if (n < 0) /* ENODEV: removed; anything else says nothing */
                return cgroup_populated(m->dir_fd) != -ENODEV;
        text[n] = '\0';
        return parse_flat_keyed(text, keys, 1, &populated) == 0 || populated != 0;
}

static int on_cgroup_events(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        struct managed *m = userdata;

        (void)s;
        (void)fd;
        (void)revents;
        if (!still_populated(m))
                container_end(m);
        return 0;
}

static int watch_end(struct control *c, struct managed *m) {
        int r;

        m->events_fd = openat(m->dir_fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
        if (m->events_fd < 0)
                return -errno;
        r = sd_event_add_io(
                        c->event, &m->events_source, m->events_fd, EPOLLPRI, on_cgroup_events, m);
        return r == -EPERM ? 0 : r; /* a plain file of a test's tree cannot be polled */
}

/* What takes changes back, and whoever asks for it, finds a descriptor whatever is started. */
static bool is_short_of_files(int fd) {
        struct rlimit files = { .rlim_cur = RLIM_INFINITY };

        (void)getrlimit(RLIMIT_NOFILE, &files);
        return (rlim_t)fd + CONTAINERS_FDS_KEPT >= files.rlim_cur;
}

static int container_add(struct control *c, const struct container *container, unsigned flags,
                int dir_fd, const char *file) {
        CLEANUP(closep) int fd = dir_fd;
        struct managed *m;
        int r;

        if (is_short_of_files(fd)) {
                c->containers.no_room = true;
                return -EMFILE;
        }
        m = calloc(1, sizeof(*m));
        if (!m)
                return -ENOMEM;
        m->control = c;
        m->container = *container;
        m->flags = flags;
        m->refs = 1;
        m->dir_fd = take_fd(&fd);
        m->events_fd = -1;
        m->alive = true;
        m->protected_ = scan_protected(container->cgroup, c->self_cgroup);
        (void)text_copy(m->file, sizeof(m->file), file);
        if (systemd_is_here() && systemd_may_be_unit(container->cgroup))
                m->flags |= CONTAINER_OWNED_BY_SYSTEMD;
        r = c->event ? watch_end(c, m) : 0;
        if (r < 0) {
                container_unref(m);
                return r;
        }
        m->next = *bucket(c, container->cgroup_inode);
        *bucket(c, container->cgroup_inode) = m;
        c->containers.count++;
        log_debug("container %.12s: %s", container->id, container->cgroup);
        engine_container_began(c, m);
        identifier_begin(c, m);
        observer_link_container(c, m);
        if (m->events_fd >= 0 && !still_populated(m))
                container_end(m);
        return 0;
}

static bool is_below(const char *path, const char *above) {
        size_t len = strlen(above);

        return strncmp(path, above, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

struct holder {
        const char *path;
        bool found;
};

static void look_for_holder(void *data, struct managed *m) {
        struct holder *h = data;

        h->found |= is_below(h->path, m->container.cgroup);
}

bool container_holds(struct control *c, const char *path) {
        struct holder h = { .path = path };

        containers_each(c, look_for_holder, &h);
        return h.found;
}

/* A process may have left children behind. What is gone is so at a second look too. */
static int check_children(int dir_fd) {
        int r = cgroup_populated(dir_fd);

        if (r == -ENODEV)
                r = cgroup_populated(dir_fd);
        return r == -ENODEV ? 0 : r;
}

/* The process that the hook saw must be that one and in that cgroup, as long as it lives. */
static int check_process(struct control *c, const struct container *container, int dir_fd,
                struct error *err) {
        char path[CONTAINER_PATH_SIZE];
        struct proc_stat st;

        if (container->pid <= 0 || proc_stat(c->proc_fd, container->pid, &st) < 0 ||
                        st.starttime_ticks != container->starttime_ticks || st.state == 'Z')
                return check_children(dir_fd);
        if (proc_cgroup(c->proc_fd, container->pid, path) < 0)
                return check_children(dir_fd);
        if (!is_below(path, container->cgroup))
                return error_set(err, -ESTALE, "process %d is in %s, not in %s", container->pid,
                                path, container->cgroup);
        return 1;
}

int container_check(struct control *c, const struct container *container, int *ret_fd,
                struct error *err) {
        CLEANUP(closep) int fd = -1;
        uint64_t inode;
        int r = cgroup_open(&c->root, container->cgroup, &fd, &inode, err);

        if (r == -ENOENT) /* no other error says that it is gone */
                return 0;
        if (r < 0)
                return r;
        if (inode != container->cgroup_inode)
                return 0; /* a successor of the same name: this one is gone */
        if (scan_protected(container->cgroup, c->self_cgroup))
                return error_set(err, -EPERM, "E_PROTECTED: %s is not dtgov's to govern",
                                container->cgroup);
        r = check_process(c, container, fd, err);
        if (r > 0)
                *ret_fd = take_fd(&fd);
        return r;
}

/* The host lacked something for a moment; what could not be looked at may well be there. */
static bool is_unsure(int r) {
        return r == -EMFILE || r == -ENFILE || r == -ENOMEM || r == -EIO || r == -EINTR ||
               r == -ENOSPC || r == -EAGAIN || r == -ENODEV;
}

/* FNV-1a: tells names apart, no more. */
static uint64_t name_hash(const char *name) {
        uint64_t hash = 0xcbf29ce484222325;

        for (; *name; name++)
                hash = (hash ^ (unsigned char)*name) * 0x100000001b3;
        return hash;
}

static bool is_bad_known(struct containers *t, const char *name) {
        uint64_t hash = name_hash(name);

        for (unsigned i = 0; i < CONTAINERS_BAD_MAX; i++)
                if (t->bad[i] == hash)
                        return true;
        t->bad[t->bad_next++ % CONTAINERS_BAD_MAX] = hash;
        return false;
}

/*
 * A scan may adopt a container between the making of its cgroup and its hook: the hook knows more.
 * The observer gets the same cgroup once more, and takes it for that.
 */
static int complete_adopted(struct control *c, struct managed *m, const struct container *container,
                unsigned flags, const char *file) {
        m->container = *container;
        m->flags = (flags & ~CONTAINER_ADOPTED) | (m->flags & CONTAINER_OWNED_BY_SYSTEMD);
        (void)text_copy(m->file, sizeof(m->file), file);
        m->told = false;
        observer_link_container(c, m);
        return 0;
}

static int take_file(void *data, const char *name) {
        struct control *c = data;
        struct container container;
        struct managed *known;
        char id[CONTAINER_ID_SIZE], ignored[CONTAINER_ID_SIZE];
        unsigned flags = 0;
        uint64_t inode;
        struct error err = { "" };
        int fd = -1, r;

        r = registry_parse_name(name, id, &inode);
        if (r < 0)
                return 0; /* a temporary file, or none of ours */
        known = container_by_inode(c, inode);
        if (known && (!(known->flags & CONTAINER_ADOPTED) || strcmp(known->container.id, id) != 0))
                return 0;
        r = registry_get(c->containers_fd, name, &container, &err);
        if (r >= 0 && (container.cgroup_inode != inode || strcmp(container.id, id) != 0))
                r = error_set(&err, -EINVAL, "the content is of another container");
        if (r >= 0)
                r = container_check(c, &container, &fd, &err);
        if (r == 0)
                (void)registry_remove(c->containers_fd, name); /* ended while nobody watched */
        if (r > 0) {
                (void)scan_classify(container.cgroup, ignored, &flags);
                if (known) {
                        (void)close(fd);
                        r = complete_adopted(c, known, &container, flags, name);
                } else {
                        r = container_add(c, &container, flags & ~CONTAINER_ADOPTED, fd, name);
                }
        }
        c->containers.unsure |= is_unsure(r);
        if (r < 0 && r != -ENOENT && !is_bad_known(&c->containers, name))
                log_warning("registry file %s, ignoring: %s", name,
                                err.text[0] ? err.text : strerror(-r));
        return 0;
}

int container_enlist(struct control *c, const struct container *container, unsigned flags) {
        uint64_t inode;
        int fd = -1, r;

        if (container_by_inode(c, container->cgroup_inode) ||
                        scan_protected(container->cgroup, c->self_cgroup))
                return 0;
        r = cgroup_open(&c->root, container->cgroup, &fd, &inode, NULL);
        if (r == 0 && inode != container->cgroup_inode) {
                (void)close(fd);
                return 0;
        }
        if (r == 0)
                r = container_add(c, container, flags, fd, "");
        c->containers.unsure |= is_unsure(r);
        return 0; /* one that cannot be adopted hides no other */
}

/*
 * What runs in a container is governed at its top: only an engine in it says what it holds, by a
 * registry of its own. A scan cannot tell: a container of a plain runtime has any name, and with
 * systemd in it no process at its top.
 */
static int adopt(void *data, const struct container *container, unsigned flags) {
        char above[CONTAINER_PATH_SIZE];

        (void)text_copy(above, sizeof(above), container->cgroup);
        *strrchr(above, '/') = '\0';
        if (above[0] && container_holds(data, above))
                return 0;
        return container_enlist(data, container, flags | CONTAINER_ADOPTED);
}

static int find_lost(void *data, int dir_fd, const char *path) {
        struct control *c = data;
        struct container lost = { .runtime = "unknown" };
        const struct run *run;
        struct stat st;
        int r;

        if (fstat(dir_fd, &st) < 0) {
                c->containers.unsure = true;
                return 0;
        }
        run = engine_lost(c, st.st_ino);
        if (!run)
                return 0;
        r = cgroup_populated(dir_fd);
        c->containers.unsure |= r < 0 && r != -ENODEV;
        if (r <= 0)
                return 0;
        lost.cgroup_inode = st.st_ino;
        (void)text_copy(lost.cgroup, sizeof(lost.cgroup), path);
        (void)text_copy(lost.id, sizeof(lost.id), run->change.container_id);
        return adopt(c, &lost, 0);
}

/* A change in force whose container nothing names any more: its cgroup is known by the inode. */
static int find_all_lost(struct control *c) {
        CLEANUP(closep) int fd = -1;
        const char *top = c->root.prefix[0] != '\0' ? c->root.prefix : "/";
        int r;

        if (!engine_lost(c, 0))
                return 0;
        r = cgroup_open(&c->root, top, &fd, NULL, NULL);
        return r < 0 ? r : cgroup_walk(fd, c->root.prefix, CONTAINERS_WALK_MAX, find_lost, c);
}

void containers_scan(struct control *c) {
        int r, more;

        c->containers.unsure = c->containers.no_room = false;
        r = registry_list(c->containers_fd, take_file, c);
        more = scan_containers(&c->root, c->proc_fd, adopt, c);
        if (r >= 0)
                r = more;
        more = registries_scan(c);
        if (r >= 0)
                r = more;
        more = find_all_lost(c);
        if (r >= 0)
                r = more;
        c->containers.unsure |= r < 0;
        if (r < 0)
                log_warning("looking for containers: %s, trying again", strerror(-r));
}

static int on_inotify(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        struct control *c = userdata;
        _Alignas(struct inotify_event) char buf[16384];
        ssize_t n;

        (void)s;
        (void)revents;
        while ((n = read(fd, buf, sizeof(buf))) > 0)
                for (char *at = buf; at < buf + n;) {
                        const struct inotify_event *e = (const void *)at;

                        if (e->mask & IN_Q_OVERFLOW)
                                containers_scan(c);
                        else if (e->len > 0)
                                (void)take_file(c, e->name);
                        at += sizeof(*e) + e->len;
                }
        (void)recover_pending(c);
        return 0;
}

static uint64_t scan_wait(const struct control *c) {
        return c->containers.unsure ? USEC_PER_SEC : CONTAINERS_SCAN_USEC;
}

static int on_scan(sd_event_source *s, uint64_t usec, void *userdata) {
        (void)usec;
        struct control *c = userdata;

        containers_scan(c);
        (void)recover_pending(c);
        proposals_refresh(c);
        (void)sd_event_source_set_time_relative(s, scan_wait(c));
        return 0;
}

int containers_init(struct control *c) {
        struct containers *t = &c->containers;
        char path[64];
        int r;

        t->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        if (t->inotify_fd < 0)
                return -errno;
        (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", c->containers_fd);
        if (inotify_add_watch(t->inotify_fd, path, IN_MOVED_TO | IN_CLOSE_WRITE | IN_ONLYDIR) < 0)
                return -errno;
        r = sd_event_add_io(c->event, &t->inotify_source, t->inotify_fd, EPOLLIN, on_inotify, c);
        if (r < 0)
                return r;
        r = sd_event_add_time_relative(c->event, &t->scan_source, CLOCK_MONOTONIC, scan_wait(c),
                        USEC_PER_SEC / 10, on_scan, c);
        if (r < 0)
                return r;
        return sd_event_source_set_enabled(t->scan_source, SD_EVENT_ON);
}

void containers_done(struct control *c) {
        struct containers *t = &c->containers;

        (void)sd_event_source_disable_unref(t->inotify_source);
        (void)sd_event_source_disable_unref(t->scan_source);
        if (t->inotify_fd > 0)
                (void)close(t->inotify_fd);
        for (unsigned i = 0; i < CONTAINERS_BUCKETS; i++)
                for (struct managed *m; (m = t->buckets[i]);) {
                        t->buckets[i] = m->next;
                        container_unref(m);
                }
}
