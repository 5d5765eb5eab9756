/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/observer/manager.h"
#include "state/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#define RETRY_NS          NSEC_PER_SEC
#define MESSAGES_PER_TURN 64 /* the loop serves others between them */
#define SUBMITS_PER_TICK  8  /* eighty a second */
#define REPORTS_PER_TICK  8  /* as many: both are less than what dtgovd takes */

static int send_message(struct manager *m, enum link_type type, void *message) {
        if (m->uplink.fd < 0)
                return -ENOTCONN;
        return link_send(m->uplink.fd, type, message, NULL, 0);
}

void uplink_close(struct manager *m) {
        struct uplink *u = &m->uplink;

        u->source = sd_event_source_disable_unref(u->source);
        closep(&u->fd);
        u->fd = -1;
        u->hello = false;
        for (size_t i = 0; i < m->targets_count; i++)
                m->targets[i]->stale = true;
}

/* Without a service manager nobody would start another one: it ends with its dtgovd. */
static void lost(struct manager *m, const char *why) {
        bool inherited = m->uplink.inherited;

        log_warning("link to dtgovd: %s%s", why,
                        inherited ? "; ending" : "; sampling goes on, connecting again");
        uplink_close(m);
        if (inherited)
                (void)sd_event_exit(m->event, 0);
}

static void on_hello(struct manager *m, const struct link_hello *hello) {
        if (hello->version != LINK_VERSION) {
                lost(m, "it speaks another version of the protocol");
                return;
        }
        m->uplink.hello = true;
        m->uplink.hello_ns = proc_boottime_ns();
        findings_resubmit(m);
        log_info("link to dtgovd (pid %" PRIu32 ") is up", hello->pid);
}

static void on_change(struct manager *m, const struct change *c) {
        struct target *t = manager_find(m, c->cgroup_inode);

        if (t)
                findings_change(m, t, c, proc_boottime_ns());
}

static void on_identity(struct manager *m, const struct identity *identity) {
        struct target *t = manager_find(m, identity->cgroup_inode);

        if (!t || !identity_is_about(identity, &t->container))
                return;
        if (!t->identity)
                t->identity = malloc(sizeof(*t->identity));
        if (t->identity)
                *t->identity = *identity;
}

static void on_message(
                struct manager *m, union link_message *message, const int *fds, size_t count) {
        struct target *t;

        switch (message->head.type) {
        case LINK_HELLO:
                on_hello(m, &message->hello);
                break;
        case LINK_CONTAINER:
                manager_add(m, &message->container, fds, count);
                break;
        case LINK_CONTAINER_END:
                t = manager_find(m, message->container_end.cgroup_inode);
                if (t)
                        t->gone = true;
                break;
        case LINK_ANSWER:
                message->answer.text[LINK_TEXT_SIZE - 1] = '\0';
                findings_answer(m, &message->answer);
                break;
        case LINK_CHANGE:
                on_change(m, &message->change.change);
                break;
        case LINK_IDENTITY:
                on_identity(m, &message->identity.identity);
                break;
        default:
                break; /* LINK_ALIVE has said all by coming; the others are not for this side */
        }
}

/* One container less to watch is no reason to leave the others. */
static void without_room(union link_message *message) {
        struct container *c = &message->container.container;

        if (message->head.type != LINK_CONTAINER)
                return;
        c->id[sizeof(c->id) - 1] = '\0';
        log_warning("%s is not observed: no descriptor is left; raise LimitNOFILE= of "
                    "dtgov-observer.service, or ulimit -n in the foreground",
                        c->id);
}

static int on_link(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        struct manager *m = userdata;

        (void)source;
        (void)fd;
        (void)revents;
        for (int i = 0; i < MESSAGES_PER_TURN && m->uplink.fd >= 0; i++) {
                union link_message message;
                int fds[LINK_FDS_MAX];
                size_t count;
                int r;

                r = link_receive(m->uplink.fd, &message, fds, LINK_FDS_MAX, &count);
                if (r == -EAGAIN)
                        break;
                if (r == -EMFILE) {
                        without_room(&message);
                        continue;
                }
                if (r <= 0) {
                        lost(m, r == 0 ? "closed" : strerrordesc_np(-r));
                        break;
                }
                if (count > 0 && message.head.type != LINK_CONTAINER)
                        for (size_t k = 0; k < count; k++)
                                (void)close(fds[k]);
                on_message(m, &message, fds, count);
        }
        return 0;
}

static int attach(struct manager *m, int fd) {
        struct link_hello hello = { .version = LINK_VERSION, .pid = (uint32_t)getpid() };
        struct uplink *u = &m->uplink;
        int r;

        u->fd = fd;
        u->said_ns = proc_boottime_ns();
        r = sd_event_add_io(m->event, &u->source, fd, EPOLLIN, on_link, m);
        if (r >= 0)
                r = send_message(m, LINK_HELLO, &hello);
        if (r < 0)
                uplink_close(m); /* a link that nobody reads is none */
        return r;
}

static int connect_link(struct manager *m) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        CLEANUP(closep) int fd = -1;
        int n;

        n = snprintf(address.sun_path, sizeof(address.sun_path), "%s/link.sock",
                        m->options.run_dir);
        if (n < 0 || (size_t)n >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
                return -errno;
        return attach(m, take_fd(&fd));
}

int uplink_open(struct manager *m, struct error *err) {
        int r;

        m->uplink.inherited = m->options.link_fd >= 0;
        if (m->uplink.inherited) {
                r = attach(m, m->options.link_fd);
                return r < 0 ? error_errno(err, r, "the link fd %d cannot be used",
                                               m->options.link_fd)
                             : 0;
        }
        r = connect_link(m);
        if (r < 0)
                log_notice("%s/link.sock: %s; trying again every second", m->options.run_dir,
                                strerrordesc_np(-r));
        return 0;
}

static void send_pending(struct manager *m) {
        int sent = 0;

        for (size_t i = 0; i < m->targets_count; i++)
                for (unsigned k = 0; k < RULE_COUNT; k++) {
                        struct entry *e = m->targets[i]->entries[k];

                        if (!e || e->submission != SUBMISSION_PENDING)
                                continue;
                        if (sent++ == SUBMITS_PER_TICK || uplink_submit(m, m->targets[i], e) < 0)
                                return;
                }
}

static void send_reports(struct manager *m) {
        int sent = 0;

        for (size_t i = 0; i < m->targets_count && sent < REPORTS_PER_TICK; i++) {
                struct probation *p = m->targets[i]->probation;

                if (!p || !p->due)
                        continue;
                if (uplink_report(m, p) < 0)
                        return;
                sent++;
        }
}

/* A dtgovd that hangs is its watchdog's affair: the end of its socket says that it is gone. */
void uplink_tick(struct manager *m, uint64_t now_ns) {
        struct link_alive alive = { .boottime_ns = now_ns };
        struct uplink *u = &m->uplink;

        if (u->fd < 0) {
                if (now_ns < u->tried_ns + RETRY_NS)
                        return;
                u->tried_ns = now_ns;
                (void)connect_link(m);
                return;
        }
        if (now_ns >= u->said_ns + LINK_ALIVE_NS && send_message(m, LINK_ALIVE, &alive) == 0)
                u->said_ns = now_ns;
        if (!u->hello)
                return;
        send_reports(m);
        send_pending(m);
}

int uplink_submit(struct manager *m, struct target *t, struct entry *e) {
        struct link_submit submit = { .proposal = e->proposal };
        int r;

        /* dtgovd has not named the container again: it would not know it. */
        if (!m->uplink.hello || t->stale)
                return -ENOTCONN;
        submit.reference = ++m->uplink.reference;
        r = send_message(m, LINK_SUBMIT, &submit);
        e->reference = submit.reference;
        if (r >= 0)
                e->submission = SUBMISSION_SENT;
        return r;
}

int uplink_report(struct manager *m, struct probation *p) {
        struct link_verdict v = {
                .change = p->change,
                .verdict = p->report.verdict,
                .cause = p->report.cause,
                .before_usec_per_min = p->report.effect.before_usec_per_min,
                .after_usec_per_min = p->report.effect.after_usec_per_min,
        };
        int r = send_message(m, LINK_VERDICT, &v);

        p->due = r < 0;
        return r;
}
