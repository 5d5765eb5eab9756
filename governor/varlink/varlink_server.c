/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections of a server. Who calls is asked of the kernel when the connection is accepted; how
 * many connections a uid has, and how often it calls, is known before a byte is parsed. Nothing
 * blocks, and nothing waits without an end but a peer that has sent nothing.
 *
 * A uid that calls too often is not refused: its connections are not read until it is their turn.
 */
#include "governor/varlink/varlink_internal.h"

#include <assert.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CALL_USEC     (USEC_PER_SEC / VARLINK_CALLS_PER_SEC)
#define BURST_USEC    (CALL_USEC * (VARLINK_CALLS_PER_SEC - 1))
#define ACCEPT_USEC   (100 * USEC_PER_MSEC) /* in each, no more than ACCEPTS are tried: */
#define ACCEPTS       256                   /* also without descriptors for them */
#define ACCURACY_USEC (5 * USEC_PER_MSEC)

#ifndef SO_PEERPIDFD /* Linux 6.5: of whoever connected, and not of who has its pid when it is     \
                        asked */
#define SO_PEERPIDFD 77
#endif

uint64_t varlink_now(const struct varlink_server *s) {
        uint64_t now = 0;

        (void)sd_event_now(s->event, CLOCK_MONOTONIC, &now);
        return now;
}

/* The entry of a uid. One without connections is given to another: the longest unused first. */
static struct varlink_user *find_user(struct varlink_server *s, uid_t uid) {
        struct varlink_user *free_one = NULL;

        for (size_t i = 0; i < ARRAY_LEN(s->users); i++) {
                struct varlink_user *u = &s->users[i];

                if (u->uid == uid && (u->connections > 0 || u->next_usec > 0))
                        return u;
                if (u->connections == 0 && (!free_one || u->next_usec < free_one->next_usec))
                        free_one = u;
        }
        assert(free_one); /* entries outnumber connections */
        *free_one = (struct varlink_user){ .uid = uid };
        return free_one;
}

/* Takes one call of the uid's share. Returns: 0, or when it may call again */
static uint64_t take_turn(struct varlink_user *u, uint64_t now_usec) {
        uint64_t next = u64_max(u->next_usec, now_usec);

        if (next - now_usec > BURST_USEC)
                return next - BURST_USEC;
        u->next_usec = next + CALL_USEC;
        return 0;
}

void varlink_disconnect(struct varlink *link) {
        struct varlink_server *s = link->server;

        if (!s)
                return;
        for (size_t i = 0; i < ARRAY_LEN(s->links); i++)
                if (s->links[i] == link)
                        s->links[i] = NULL;
        link->server = NULL;
        link->user->connections--;
        link->io = sd_event_source_disable_unref(link->io);
        link->timer = sd_event_source_disable_unref(link->timer);
        closep(&link->fd);
        closep(&link->peer_fd);
        link->fd = link->peer_fd = -1;
        varlink_unref(link);
}

static bool unread(const struct varlink *link) {
        return link->out_left > 0;
}

/* Calls what has arrived, one after the other: the next when the last was answered and read. */
static int process(struct varlink *link) {
        size_t len;
        int r;

        while (link->server && !link->calling && !unread(link) && varlink_frame(link, &len)) {
                link->resume_usec = take_turn(link->user, varlink_now(link->server));
                if (link->resume_usec > 0)
                        return 0;
                r = varlink_dispatch(link, link->in, len);
                if (r < 0)
                        return r;
                varlink_drop_frame(link, len);
                if (link->server)
                        link->since_usec = varlink_now(link->server);
        }
        return 0;
}

void varlink_settle(struct varlink *link) {
        uint64_t when = UINT64_MAX;
        uint32_t events = 0;
        size_t len;
        bool frame;

        if (!link->server)
                return;
        frame = varlink_frame(link, &len);
        if (unread(link)) {
                events = EPOLLOUT;
                when = link->since_usec + link->server->idle_usec;
        } else if (!link->calling && frame) {
                when = link->resume_usec;
        } else if (!link->calling && link->eof) {
                varlink_disconnect(link);
                return;
        } else if (!link->calling) {
                events = EPOLLIN;
                if (link->in_used > 0)
                        when = link->since_usec + link->server->idle_usec;
        }
        (void)sd_event_source_set_io_events(link->io, events);
        (void)sd_event_source_set_time(link->timer, when);
        (void)sd_event_source_set_enabled(
                        link->timer, when == UINT64_MAX ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
}

/* The end of every event of a connection. */
static int finish(struct varlink *link, int r) {
        if (r >= 0)
                r = process(link);
        if (r < 0)
                varlink_disconnect(link);
        else
                varlink_settle(link);
        varlink_unref(link);
        return 0;
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        struct varlink *link = varlink_ref(userdata);
        bool begun = link->in_used > 0, goes_on;
        ssize_t n = -ECONNRESET;

        (void)source;
        (void)fd;
        if (events & EPOLLOUT) {
                n = varlink_flush(link);
                goes_on = n > 0;
        } else {
                if (events & EPOLLIN)
                        n = varlink_fill(link);
                link->eof = n == 0;
                goes_on = !begun; /* half a frame does not buy time by more bytes */
        }
        if (goes_on)
                link->since_usec = varlink_now(link->server);
        return finish(link, n == -EAGAIN ? 0 : (int)n);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        struct varlink *link = varlink_ref(userdata);
        size_t len;

        (void)source;
        (void)usec;
        return finish(link, unread(link) || !varlink_frame(link, &len) ? -ETIMEDOUT : 0);
}

/* Asks the kernel who connected. */
static int ask_peer(struct varlink *link) {
        struct ucred peer;
        socklen_t len = sizeof(peer), fd_len = sizeof(link->peer_fd);

        if (getsockopt(link->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
                return -errno;
        link->peer = (struct varlink_peer){ peer.pid, peer.uid, peer.gid };
        if (getsockopt(link->fd, SOL_SOCKET, SO_PEERPIDFD, &link->peer_fd, &fd_len) < 0)
                link->peer_fd = errno == ENOPROTOOPT ? (int)syscall(SYS_pidfd_open, peer.pid, 0)
                                                     : -1;
        return 0;
}

bool varlink_peer_is_alive(const struct varlink *link) {
        struct pollfd ended = { .fd = link->peer_fd, .events = POLLIN };

        return link->peer_fd >= 0 && poll(&ended, 1, 0) == 0;
}

bool varlink_peer_in_group(const struct varlink *link, gid_t gid) {
        socklen_t len = NGROUPS_MAX * sizeof(gid_t);
        CLEANUP(freep) gid_t *groups = malloc(len);

        if (link->peer.gid == gid)
                return true;
        if (!groups || getsockopt(link->fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) < 0)
                return false;
        for (size_t i = 0; i < len / sizeof(gid_t); i++)
                if (groups[i] == gid)
                        return true;
        return false;
}

/* Says why and hangs up; whoever does not read it sees the connection closed. */
static int refuse(const struct varlink *link, const char *interface, unsigned count) {
        char text[256];
        int n = snprintf(text, sizeof(text),
                        "{\"error\":\"%s.Busy\",\"parameters\":{\"text\":\"E_BUSY: uid %u has %u "
                        "connections here: close one first\"}}",
                        interface, link->peer.uid, count);

        (void)send(link->fd, text, (size_t)n + 1, MSG_DONTWAIT | MSG_NOSIGNAL);
        return -EBUSY;
}

/* A place for the connection, NULL when there is none for this uid. */
static struct varlink **find_place(struct varlink_server *s, const struct varlink_user *u) {
        struct varlink **place = NULL;
        unsigned used = 0, most = VARLINK_CONNECTIONS_MAX;

        if (u->uid != 0)
                most -= VARLINK_CONNECTIONS_PER_UID;
        for (size_t i = 0; i < ARRAY_LEN(s->links); i++) {
                if (s->links[i])
                        used++;
                else
                        place = &s->links[i];
        }
        return used < most && u->connections < VARLINK_CONNECTIONS_PER_UID ? place : NULL;
}

/* Takes in one connection. */
static int admit(struct varlink_server *s, struct varlink *link) {
        struct varlink **place;
        int r;

        r = ask_peer(link);
        if (r < 0)
                return r;
        link->user = find_user(s, link->peer.uid);
        place = find_place(s, link->user);
        if (!place)
                return refuse(link, s->interface->name, link->user->connections);

        link->server = s;
        link->user->connections++;
        *place = varlink_ref(link);
        r = sd_event_add_io(s->event, &link->io, link->fd, EPOLLIN, on_io, link);
        if (r >= 0)
                r = sd_event_add_time(s->event, &link->timer, CLOCK_MONOTONIC, UINT64_MAX,
                                ACCURACY_USEC, on_timer, link);
        if (r < 0)
                varlink_disconnect(link);
        else
                varlink_settle(link);
        return r;
}

static int on_connect(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        struct varlink_server *s = userdata;
        CLEANUP(closep) int peer = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        struct varlink *link;

        (void)source;
        (void)events;
        if (peer < 0)
                return 0; /* it stays in the queue */
        link = varlink_new(peer, VARLINK_REQUEST_MAX);
        if (!link)
                return 0;
        (void)take_fd(&peer);
        (void)admit(s, link);
        varlink_unref(link);
        return 0;
}

int varlink_server_new(struct varlink_server **ret, sd_event *event,
                const struct varlink_interface *interface, void *userdata) {
        struct varlink_server *s = calloc(1, sizeof(*s));

        if (!s)
                return -ENOMEM;
        *s = (struct varlink_server){ .event = sd_event_ref(event),
                .interface = interface,
                .idle_usec = VARLINK_IDLE_USEC,
                .userdata = userdata };
        *ret = s;
        return 0;
}

void varlink_server_free(struct varlink_server *s) {
        if (!s)
                return;
        for (size_t i = 0; i < ARRAY_LEN(s->links); i++)
                if (s->links[i])
                        varlink_disconnect(s->links[i]);
        (void)sd_event_source_disable_unref(s->listening);
        (void)sd_event_unref(s->event);
        free(s);
}

int varlink_server_listen_fd(struct varlink_server *s, int fd) {
        int flags = fcntl(fd, F_GETFL), r;

        if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
                return -errno;
        r = sd_event_add_io(s->event, &s->listening, fd, EPOLLIN, on_connect, s);
        if (r >= 0)
                r = sd_event_source_set_ratelimit(s->listening, ACCEPT_USEC, ACCEPTS);
        return r < 0 ? r : sd_event_source_set_io_fd_own(s->listening, true);
}

/*
 * Whoever called listen(2) is the peer of all that connect (unix(7)). A child that hangs may hold
 * the socket of a daemon that has ended: nobody will answer there.
 */
static bool is_left_over(const struct varlink *somebody) {
        struct ucred peer = { 0 };
        socklen_t len = sizeof(peer);

        return getsockopt(somebody->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
               peer.pid > 0 && kill(peer.pid, 0) < 0 && errno == ESRCH;
}

int varlink_listen(const char *path, mode_t mode, int *ret_fd, struct error *err) {
        struct varlink *somebody;
        struct sockaddr_un address;
        CLEANUP(closep) int fd = -1;
        struct stat st;
        int r;

        r = varlink_connect(&somebody, path, NULL);
        if (r >= 0) {
                r = is_left_over(somebody) ? -ESRCH : 0;
                varlink_unref(somebody);
        }
        if (r >= 0 || r == -EAGAIN) /* its queue is full */
                return error_set(err, -EADDRINUSE, "%s: somebody answers there already", path);
        fd = varlink_socket(path, &address, err);
        if (fd < 0)
                return fd;
        if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode) && unlink(path) < 0)
                return error_errno(err, -errno, "%s: cannot be replaced", path);
        /* Nobody can connect between bind(2) and listen(2), so its first mode does not matter. */
        if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
                        chmod(path, mode) < 0 || listen(fd, SOMAXCONN) < 0)
                return error_errno(err, -errno, "%s", path);
        *ret_fd = take_fd(&fd);
        return 0;
}
