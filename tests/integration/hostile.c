/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An observer that means harm: it behaves until there is a file DIR/go, DIR being where it lies
 * itself; then it does what is in that file, on the link that dtgovd gave it (fd 3):
 *
 *     silent    nothing at all           often     more messages than are allowed
 *     early     says who it is again     theirs    sends what only dtgovd may send
 *     long      a message too long       short     a message too short
 *     strangers proposals and verdicts for whatever it knows, mixed up, a hundred a second
 *     noise     messages of the right size whose content is chance, a hundred a second
 *     hangs     neither reads nor ends
 *
 * With a file DIR/deaf it closes the socket for questions (fd 4), so that nobody waits for answers.
 */
#include "state/link.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINK_FD    3
#define QUERY_FD   4
#define KNOWN_MAX  64
#define PAUSE_USEC 10000 /* a hundred a second */

static struct container containers[KNOWN_MAX];
static size_t containers_count;
static struct change changes[KNOWN_MAX];
static size_t changes_count;

static void say(enum link_type type, void *message) {
        if (link_send(LINK_FD, type, message, NULL, 0) == -EPIPE)
                exit(0);
}

static void say_alive(void) {
        struct link_alive alive = { .boottime_ns = 1 };

        say(LINK_ALIVE, &alive);
}

static void say_hello(void) {
        struct link_hello hello = { .version = LINK_VERSION, .pid = (uint32_t)getpid() };

        say(LINK_HELLO, &hello);
}

/* Whatever dtgovd tells is kept for later. */
static void listen_for(int wait_ms) {
        struct pollfd p = { .fd = LINK_FD, .events = POLLIN };
        union link_message m;
        int fds[LINK_FDS_MAX];
        size_t count = 0;

        while (poll(&p, 1, wait_ms) > 0) {
                if (link_receive(LINK_FD, &m, fds, LINK_FDS_MAX, &count) <= 0)
                        exit(0);
                for (size_t i = 0; i < count; i++)
                        (void)close(fds[i]);
                if (m.head.type == LINK_CONTAINER && containers_count < KNOWN_MAX)
                        containers[containers_count++] = m.container.container;
                if (m.head.type == LINK_CHANGE && changes_count < KNOWN_MAX)
                        changes[changes_count++] = m.change.change;
        }
}

static uint64_t chance(uint64_t below) {
        return below ? (uint64_t)random() % below : 0;
}

static void be_silent(void) {
        for (;;)
                listen_for(1000);
}

static void flood(void) {
        for (;;)
                say_alive();
}

static void send_theirs(void) {
        struct link_container c = { .container = containers[0] };

        say(LINK_CONTAINER, &c);
        be_silent();
}

static void send_bytes(size_t size) {
        static char bytes[65536];
        struct link_head head = { .type = LINK_ALIVE, .size = (uint32_t)size };

        memcpy(bytes, &head, sizeof(head));
        (void)send(LINK_FD, bytes, size, MSG_NOSIGNAL);
        be_silent();
}

static void send_long(void) {
        send_bytes(65536);
}

static void send_short(void) {
        send_bytes(sizeof(struct link_head) - 1);
}

/* The id of one, the cgroup of another; values of no knob, or no values at all. */
static void propose_something(void) {
        struct link_submit s = { .reference = chance(9) };
        struct proposal *p = &s.proposal;
        const struct container *a = &containers[chance(containers_count)];
        const struct container *b = &containers[chance(containers_count)];

        memcpy(p->container_id, a->id, sizeof(p->container_id));
        p->cgroup_inode = chance(3) ? b->cgroup_inode : (uint64_t)random();
        p->rule = (uint32_t)chance(RULE_COUNT + 2);
        p->changes_count = (uint32_t)(chance(4) ? chance(PROPOSAL_KNOBS_MAX) + 1 : UINT32_MAX);
        for (size_t i = 0; i < PROPOSAL_KNOBS_MAX; i++) {
                p->changes[i].knob = (uint32_t)chance(KNOB_COUNT + 3);
                p->changes[i].new.amount = chance(2) ? chance(1000) : UINT64_MAX - chance(2);
                p->changes[i].new.key = (uint64_t)random() << chance(33);
        }
        p->uid = 0;
        p->expires_boottime_ns = UINT64_MAX;
        say(LINK_SUBMIT, &s);
}

/* Of changes that are over, or were never there, that they are bad, or good. */
static void judge_something(void) {
        struct link_verdict v = { .change = chance(1000) + 1000,
                .verdict = (uint32_t)chance(5),
                .before_usec_per_min = (uint32_t)random(),
                .after_usec_per_min = UINT32_MAX,
                .cause = (uint32_t)random() };

        if (changes_count > 0 && chance(2)) {
                const struct change *x = &changes[chance(changes_count)];

                v.change = x->number + chance(2) * chance(9);
                v.verdict = chance(2) ? 9
                                      : VERDICT_NONE; /* its own may not be taken back by this */
        }
        say(LINK_VERDICT, &v);
}

static void send_strangers(void) {
        for (;;) {
                chance(2) ? propose_something() : judge_something();
                listen_for(PAUSE_USEC / 1000);
        }
}

static void send_noise(void) {
        static const enum link_type types[] = { LINK_ALIVE, LINK_SUBMIT, LINK_VERDICT };

        for (;;) {
                union link_message m;
                unsigned char *bytes = (unsigned char *)&m;

                for (size_t i = 0; i < sizeof(m); i++)
                        bytes[i] = (unsigned char)chance(256);
                if (containers_count > 0 && chance(2)) {
                        const struct container *c = &containers[chance(containers_count)];

                        memcpy(m.submit.proposal.container_id, c->id, sizeof(c->id));
                        m.submit.proposal.cgroup_inode = c->cgroup_inode;
                }
                if (changes_count > 0 && chance(2))
                        m.verdict.change = changes[chance(changes_count)].number;
                say(types[chance(ARRAY_LEN(types))], &m);
                listen_for(PAUSE_USEC / 1000);
        }
}

static void hang(void) {
        for (;;)
                (void)pause();
}

static const struct {
        const char *name;
        void (*act)(void);
} acts[] = {
        { "silent", be_silent },
        { "often", flood },
        { "early", say_hello },
        { "theirs", send_theirs },
        { "long", send_long },
        { "short", send_short },
        { "strangers", send_strangers },
        { "noise", send_noise },
        { "hangs", hang },
};

static void act_as(const char *name) {
        for (size_t i = 0; i < ARRAY_LEN(acts); i++)
                if (strncmp(name, acts[i].name, strlen(acts[i].name)) == 0)
                        acts[i].act();
        be_silent();
}

int main(int argc, char **argv) {
        char path[512], name[32];
        const char *slash = strrchr(argv[0], '/');
        int len = (int)(slash ? slash - argv[0] : 0);
        FILE *deaf;

        (void)argc;
        srandom(1);
        (void)snprintf(path, sizeof(path), "%.*s/deaf", len, argv[0]);
        deaf = fopen(path, "re");
        if (deaf) {
                (void)fclose(deaf);
                (void)close(QUERY_FD);
        }
        (void)snprintf(path, sizeof(path), "%.*s/go", len, argv[0]);
        say_hello();
        for (;;) {
                FILE *go = fopen(path, "re");

                if (go && fgets(name, sizeof(name), go))
                        act_as(name);
                if (go)
                        (void)fclose(go);
                say_alive();
                listen_for(300);
        }
}
