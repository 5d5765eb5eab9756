/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/control/observer_link.h"

#include "governor/control/control.h"
#include "governor/kernel/psi_arm.h"
#include "state/log.h"
#include "state/text.h"

#include <string.h>
#include <sys/socket.h>

struct out_message {
        struct out_message *next;
        enum link_type type;
        union link_message body;
};

bool control_observer_present(const struct control *c) {
        const struct observer_link *l = &c->link;

        return l->fd >= 0 && l->hello && u64_sub(proc_boottime_ns(), l->heard_ns) < LINK_SILENCE_NS;
}

static void drop_queue(struct observer_link *l) {
        while (l->first) {
                struct out_message *message = l->first;

                l->first = message->next;
                free(message);
        }
        l->last = &l->first;
        l->queued = 0;
}

static void link_lost(struct control *c, const char *why) {
        struct observer_link *l = &c->link;

        if (l->fd < 0)
                return;
        log_event(LOG_WARNING, EVENT_OBSERVER_LOST,
                        "observer gone (%s): no new changes; what is on probation goes back", why);
        l->io = sd_event_source_disable_unref(l->io);
        (void)close(take_fd(&l->fd));
        l->hello = false;
        drop_queue(l);
        engine_observer_lost(c);
}

/*
 * The link is lost in the next turn of the loop: who sends may be in the middle of a change, which
 * is not to be taken back under its hands.
 */
static void give_up(struct control *c, const char *why) {
        struct observer_link *l = &c->link;

        log_warning("no more is told to the observer: %s", why);
        l->hello = false;
        (void)shutdown(l->fd, SHUT_RDWR);
}

/* Returns: 1 sent, 0 the socket is full, below 0 the link is lost. */
static int send_now(struct control *c, enum link_type type, void *message, const int *fds,
                size_t count) {
        int r = link_send(c->link.fd, type, message, fds, count);

        if (r >= 0)
                return 1;
        if (r == -EAGAIN || r == -ENOBUFS || r == -ETOOMANYREFS) {
                (void)sd_event_source_set_io_events(c->link.io, EPOLLIN | EPOLLOUT);
                return 0;
        }
        return r;
}

static int send_container(struct control *c, struct managed *m) {
        struct link_container message = { .container = m->container, .flags = m->flags };
        int fds[LINK_FDS_MAX] = { m->dir_fd };
        size_t count;
        int r;

        if (c->psi_available && !(m->flags & CONTAINER_OBSERVED_ONLY))
                message.ladder_mask = psi_ladder_arm(m->dir_fd, fds + 1);
        count = 1 + (size_t)__builtin_popcount(message.ladder_mask);
        r = send_now(c, LINK_CONTAINER, &message, fds, count);
        for (size_t i = 1; i < count; i++)
                (void)close(fds[i]); /* the observer's copy keeps the trigger */
        return r;
}

struct pump {
        struct control *control;
        int r;
};

static void pump_container(void *data, struct managed *m) {
        struct pump *p = data;

        if (p->r <= 0)
                return;
        if (!m->told) {
                p->r = send_container(p->control, m);
                m->told = p->r > 0;
                m->identity_told = false;
        }
        if (m->told && m->identity && !m->identity_told) {
                struct link_identity message = { .identity = *m->identity };

                p->r = send_now(p->control, LINK_IDENTITY, &message, NULL, 0);
                m->identity_told = p->r > 0;
        }
}

/* Containers first: what is queued may be about them. */
static void pump(struct control *c) {
        struct observer_link *l = &c->link;
        struct pump p = { c, 1 };

        if (l->fd < 0 || !l->hello)
                return;
        containers_each(c, pump_container, &p);
        while (p.r > 0 && l->first) {
                struct out_message *message = l->first;

                p.r = send_now(c, message->type, &message->body, NULL, 0);
                if (p.r <= 0)
                        break;
                l->first = message->next;
                if (!l->first)
                        l->last = &l->first;
                l->queued--;
                free(message);
        }
        if (p.r > 0)
                (void)sd_event_source_set_io_events(l->io, EPOLLIN);
        else if (p.r < 0)
                give_up(c, strerror(-p.r));
}

static void enqueue(struct control *c, enum link_type type, const void *body) {
        struct observer_link *l = &c->link;
        struct out_message *message;

        if (l->fd < 0 || !l->hello)
                return;
        message = l->queued < OBSERVER_QUEUE_MAX ? calloc(1, sizeof(*message)) : NULL;
        if (!message) {
                give_up(c, "it does not read");
                return;
        }
        message->type = type;
        memcpy(&message->body, body, link_size(type));
        *l->last = message;
        l->last = &message->next;
        l->queued++;
}

void observer_link_container(struct control *c, struct managed *m) {
        (void)m;
        pump(c);
}

void observer_link_container_end(struct control *c, struct managed *m) {
        struct link_container_end message = { .cgroup_inode = m->container.cgroup_inode };

        if (!m->told)
                return;
        enqueue(c, LINK_CONTAINER_END, &message);
        pump(c);
}

/* Not sent at once: a rollback of a thousand is not to wait for a thousand messages. */
void observer_link_change(struct control *c, const struct change *x) {
        struct link_change message = { .change = *x };
        bool idle = !c->link.first;

        enqueue(c, LINK_CHANGE, &message);
        if (idle && c->link.fd >= 0)
                (void)sd_event_source_set_io_events(c->link.io, EPOLLIN | EPOLLOUT);
}

static void take_submit(struct control *c, struct link_submit *submit) {
        struct link_answer message = { .reference = submit->reference, .verdict = GUARD_REFUSE };
        struct managed *m = container_by_inode(c, submit->proposal.cgroup_inode);
        struct guard_answer answer = { .verdict = GUARD_REFUSE, .reason = REASON_REPLACED };
        struct proposal *p = &submit->proposal;
        int r;

        p->container_id[CONTAINER_ID_SIZE - 1] = '\0';
        p->uid = c->link.uid;
        if (p->rule == RULE_PERSON || p->rule >= RULE_COUNT) {
                answer.reason = REASON_PARSE; /* only a person speaks for a person */
        } else if (m && strcmp(m->container.id, p->container_id) == 0) {
                r = proposals_submit(c, m, p, /* dry_run= */ false, &answer);
                if (r < 0) {
                        answer.verdict = GUARD_REFUSE;
                        answer.reason = r == -EBUSY ? REASON_RATE : REASON_NOSPACE;
                }
        }
        message.verdict = answer.verdict;
        message.reason = answer.reason;
        message.proposal = answer.verdict == GUARD_REFUSE ? 0 : p->number;
        (void)text_copy(message.text, sizeof(message.text),
                        answer.text[0] ? answer.text : reasons[answer.reason].text);
        enqueue(c, LINK_ANSWER, &message);
        pump(c);
}

static void forget_told(void *data, struct managed *m) {
        (void)data;
        m->told = false;
}

static int take_hello(struct control *c, const struct link_hello *hello) {
        struct link_hello ours = { .version = LINK_VERSION, .pid = (uint32_t)getpid() };

        if (hello->version != LINK_VERSION)
                return -EPROTONOSUPPORT;
        c->link.hello = true;
        containers_each(c, forget_told, NULL);
        log_info("observer is here (pid %u)", hello->pid);
        if (send_now(c, LINK_HELLO, &ours, NULL, 0) < 0)
                return -EPIPE;
        pump(c);
        return 0;
}

static void take_verdict(struct control *c, const struct link_verdict *v) {
        const struct effect measured = {
                .before_usec_per_min = v->before_usec_per_min,
                .after_usec_per_min = v->after_usec_per_min,
        };

        engine_verdict(c, v->change, v->verdict, v->cause, &measured);
}

static int take_message(struct control *c, union link_message *message) {
        struct observer_link *l = &c->link;

        if (!l->hello)
                return message->head.type == LINK_HELLO ? take_hello(c, &message->hello) : -EPROTO;
        switch (message->head.type) {
        case LINK_ALIVE:
                return 0;
        case LINK_SUBMIT:
                take_submit(c, &message->submit);
                return 0;
        case LINK_VERDICT:
                take_verdict(c, &message->verdict);
                return 0;
        default:
                return -EPROTO;
        }
}

static bool over_rate(struct observer_link *l, uint64_t now) {
        if (u64_sub(now, l->second_ns) >= NSEC_PER_SEC) {
                l->second_ns = now;
                l->messages = 0;
        }
        return ++l->messages > LINK_RATE_PER_SEC;
}

static int on_io(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        struct control *c = userdata;
        struct observer_link *l = &c->link;

        (void)s;
        if (revents & EPOLLOUT)
                pump(c);
        while (l->fd == fd) {
                union link_message message;
                size_t count;
                int r = link_receive(fd, &message, NULL, 0, &count);

                if (r == -EAGAIN)
                        break;
                if (r == 0)
                        link_lost(c, "it closed the link");
                else if (r < 0)
                        link_lost(c, strerror(-r));
                if (r <= 0)
                        break;
                l->heard_ns = proc_boottime_ns();
                l->silent = false;
                r = over_rate(l, l->heard_ns) ? -EBUSY : take_message(c, &message);
                if (r < 0)
                        link_lost(c, r == -EBUSY ? "too many messages" : strerror(-r));
        }
        return 0;
}

/* On failure the link has none, and @fd is still the caller's. */
static int link_begin(struct control *c, int fd) {
        struct observer_link *l = &c->link;
        int r = sd_event_add_io(c->event, &l->io, fd, EPOLLIN, on_io, c);

        if (r < 0)
                return r;
        l->fd = fd;
        l->hello = l->silent = false;
        l->heard_ns = proc_boottime_ns();
        return 0;
}

static int on_accept(sd_event_source *s, int listen_fd, uint32_t revents, void *userdata) {
        struct control *c = userdata;
        CLEANUP(closep) int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        struct ucred peer = { .uid = (uid_t)-1 };
        socklen_t len = sizeof(peer);

        (void)s;
        (void)revents;
        if (fd < 0)
                return 0;
        (void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len);
        if (peer.uid != c->link.uid) {
                log_warning("uid %u may not be the observer, ignoring", (unsigned)peer.uid);
                return 0;
        }
        link_lost(c, "another one connected");
        if (link_begin(c, fd) >= 0)
                (void)take_fd(&fd);
        return 0;
}

static int on_tick(sd_event_source *s, uint64_t usec, void *userdata) {
        struct control *c = userdata;
        struct observer_link *l = &c->link;
        struct link_alive alive = { .boottime_ns = proc_boottime_ns() };

        (void)usec;
        (void)sd_event_source_set_time_relative(s, OBSERVER_TICK_USEC);
        if (l->fd < 0)
                return 0;
        if (!l->silent && u64_sub(alive.boottime_ns, l->heard_ns) >= LINK_SILENCE_NS) {
                l->silent = true;
                log_event(LOG_WARNING, EVENT_OBSERVER_LOST,
                                "observer silent for 10 s: what is on probation goes back");
                engine_observer_lost(c);
        }
        if (l->hello && l->ticks++ % 2 == 0)
                (void)send_now(c, LINK_ALIVE, &alive, NULL, 0);
        pump(c);
        return 0;
}

int observer_link_init(struct control *c, int fd, int listen_fd, uid_t uid) {
        struct observer_link *l = &c->link;
        int r = 0;

        l->fd = -1;
        l->listen_fd = listen_fd;
        l->uid = uid;
        l->last = &l->first;
        if (fd >= 0)
                r = link_begin(c, fd);
        if (r >= 0 && listen_fd >= 0)
                r = sd_event_add_io(c->event, &l->accept, listen_fd, EPOLLIN, on_accept, c);
        if (r >= 0)
                r = sd_event_add_time_relative(c->event, &l->tick, CLOCK_MONOTONIC,
                                OBSERVER_TICK_USEC, USEC_PER_MSEC, on_tick, c);
        return r < 0 ? r : sd_event_source_set_enabled(l->tick, SD_EVENT_ON);
}

void observer_link_done(struct control *c) {
        struct observer_link *l = &c->link;

        (void)sd_event_source_disable_unref(l->io);
        (void)sd_event_source_disable_unref(l->accept);
        (void)sd_event_source_disable_unref(l->tick);
        if (l->fd >= 0)
                (void)close(take_fd(&l->fd));
        drop_queue(l);
}
