/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/control/identifier.h"

#include "governor/control/control.h"
#include "governor/control/health.h"
#include "state/log.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Before each try. At first Docker still starts it; later its daemon may be down for a while. */
static const unsigned delays_sec[IDENTIFIER_TRIES] = { 1, 2, 5, 15, 60, 300 };

static void ask_next(struct control *c);

static void settle(struct control *c, struct managed *m) {
        if (m->ask_ns == 0)
                return;
        m->ask_ns = 0;
        c->identifier.waiting--;
}

void identifier_begin(struct control *c, struct managed *m) {
        enum engine_kind engine;

        if (!c->identifier.timer || identity_engines(&m->container, &engine) == 0)
                return;
        m->ask_ns = proc_boottime_ns() + delays_sec[0] * NSEC_PER_SEC;
        c->identifier.waiting++;
        (void)sd_event_source_set_enabled(c->identifier.timer, SD_EVENT_ON);
}

void identifier_again(struct control *c, struct managed *m) {
        if (!c->identifier.timer || c->identifier.asking == m)
                return;
        c->identifier.waiting += m->ask_ns == 0;
        m->asked = 0;
        m->ask_ns = proc_boottime_ns();
        (void)sd_event_source_set_enabled(c->identifier.timer, SD_EVENT_ON);
}

void identifier_end(struct control *c, struct managed *m) {
        settle(c, m);
}

/*
 * Who it is, once known, stays: an engine that is down later takes no names away.
 *
 * Returns: false where there is no memory for it
 */
static bool keep(struct control *c, struct managed *m, const struct identity *identity) {
        if (m->identity && m->identity->status == IDENTITY_FOUND &&
                        identity->status != IDENTITY_FOUND)
                return true;
        if (!m->identity)
                m->identity = malloc(sizeof(*m->identity));
        if (!m->identity)
                return false;
        *m->identity = *identity;
        m->identity_told = false;
        observer_link_container(c, m);
        health_heard(c, m);
        return true;
}

/* @identity: NULL when there was no answer. */
static void finish(struct control *c, const struct identity *identity) {
        struct identifier *i = &c->identifier;
        struct managed *m = TAKE(i->asking);

        i->io = sd_event_source_disable_unref(i->io);
        (void)close(take_fd(&i->fd));
        if (identity && !identity_is_about(identity, &m->container)) {
                log_warning("dtgov-identify answered about another container, ignoring");
                identity = NULL;
        }
        if (m->alive && identity && !keep(c, m, identity))
                identity = NULL;
        if ((identity && !identity_statuses[identity->status].retry) ||
                        ++m->asked >= IDENTIFIER_TRIES)
                settle(c, m);
        else if (m->ask_ns != 0)
                m->ask_ns = proc_boottime_ns() + delays_sec[m->asked] * NSEC_PER_SEC;
        container_unref(m);
}

static int on_answer(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        struct control *c = userdata;
        struct identity identity;
        ssize_t n = recv(fd, &identity, sizeof(identity), MSG_DONTWAIT | MSG_TRUNC);

        (void)s;
        (void)revents;
        finish(c, n == (ssize_t)sizeof(identity) ? &identity : NULL);
        ask_next(c);
        return 0;
}

static int dial(const char *path, int *ret) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        CLEANUP(closep) int fd = -1;

        (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
                return -errno;
        *ret = take_fd(&fd);
        return 0;
}

static int ask(struct control *c, struct managed *m) {
        struct identity_request request = {
                .version = IDENTITY_VERSION, .size = sizeof(request), .container = m->container
        };
        struct identifier *i = &c->identifier;
        CLEANUP(closep) int fd = -1;
        int r = dial(i->path, &fd);

        i->absent_ns = r < 0 && r != -EAGAIN ? proc_boottime_ns() : 0;
        if (r < 0)
                return r;
        if (send(fd, &request, sizeof(request), MSG_NOSIGNAL) < 0)
                return -errno;
        r = sd_event_add_io(c->event, &i->io, fd, EPOLLIN, on_answer, c);
        if (r < 0)
                return r;
        i->fd = take_fd(&fd);
        i->asking = container_ref(m);
        i->deadline_ns = proc_boottime_ns() + IDENTIFIER_WAIT_NS;
        return 0;
}

struct search {
        struct managed *first;
};

static void look_for_first(void *data, struct managed *m) {
        struct search *s = data;

        if (m->ask_ns != 0 && (!s->first || m->ask_ns < s->first->ask_ns))
                s->first = m;
}

static void ask_next(struct control *c) {
        struct identifier *i = &c->identifier;
        uint64_t now = proc_boottime_ns();
        struct search s = { NULL };

        if (i->fd >= 0 || i->waiting == 0 ||
                        (i->absent_ns != 0 && now < i->absent_ns + IDENTIFIER_ABSENT_NS))
                return;
        containers_each(c, look_for_first, &s);
        if (s.first && s.first->ask_ns <= now)
                (void)ask(c, s.first); /* else it is tried again at the next tick */
}

static int on_tick(sd_event_source *s, uint64_t usec, void *userdata) {
        struct control *c = userdata;
        struct identifier *i = &c->identifier;

        (void)usec;
        if (i->fd >= 0 && proc_boottime_ns() >= i->deadline_ns)
                finish(c, NULL);
        ask_next(c);
        if (i->fd < 0 && i->waiting == 0)
                return sd_event_source_set_enabled(s, SD_EVENT_OFF);
        return sd_event_source_set_time_relative(s, IDENTIFIER_TICK_USEC);
}

static void begin_each(void *data, struct managed *m) {
        identifier_begin(data, m);
}

int identifier_init(struct control *c, const char *run_dir) {
        struct identifier *i = &c->identifier;
        int r;

        i->fd = -1;
        r = snprintf(i->path, sizeof(i->path), "%s/identify.sock", run_dir);
        if ((size_t)r >= sizeof(i->path))
                return -ENAMETOOLONG;
        r = sd_event_add_time_relative(c->event, &i->timer, CLOCK_MONOTONIC, IDENTIFIER_TICK_USEC,
                        USEC_PER_SEC / 10, on_tick, c);
        if (r >= 0)
                containers_each(c, begin_each, c);
        return r;
}

void identifier_done(struct control *c) {
        struct identifier *i = &c->identifier;

        i->io = sd_event_source_disable_unref(i->io);
        i->timer = sd_event_source_disable_unref(i->timer);
        if (!i->asking)
                return;
        (void)close(take_fd(&i->fd));
        container_unref(TAKE(i->asking));
}

const char *identifier_note(const struct control *c) {
        return c->identifier.absent_ns == 0
                               ? ""
                               : "nobody listens at identify.sock: containers are called by their "
                                 "ids; with systemd: systemctl enable --now dtgov-identify.socket";
}
