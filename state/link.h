/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The link between dtgovd and the observer: SOCK_SEQPACKET, one of these structures a message, file
 * descriptors by SCM_RIGHTS. This file is the protocol. Every message has its exact size; anything
 * else ends the link. Numbers are in the byte order of the machine: both ends run on it.
 */
#pragma once

#include "state/change.h"
#include "state/identity.h"
#include "state/loss.h"
#include "state/sample.h"

#define LINK_VERSION      5
#define LINK_ALIVE_NS     (2 * NSEC_PER_SEC)  /* how often each side shows that it lives */
#define LINK_SILENCE_NS   (10 * NSEC_PER_SEC) /* after this the other side counts as gone */
#define LINK_RATE_PER_SEC 200                 /* messages from the observer; more ends the link */
#define LINK_LADDER_FDS   9                   /* cpu, memory, io: at 5, 20 and 40 % each */
#define LINK_FDS_MAX      (1 + LINK_LADDER_FDS)
#define LINK_TEXT_SIZE    256

enum link_type {
        LINK_HELLO = 1,     /* both ways, first message of each side */
        LINK_ALIVE,         /* both ways */
        LINK_CONTAINER,     /* to the observer, with fds: the cgroup's directory, then the ladder */
        LINK_CONTAINER_END, /* to the observer */
        LINK_SUBMIT,        /* to dtgovd: the numbers of a proposal */
        LINK_ANSWER,        /* to the observer: what became of a submitted proposal */
        LINK_CHANGE,        /* to the observer: a change entered a state */
        LINK_VERDICT,       /* to dtgovd: a change on probation helped, hurt, or cannot be judged */
        LINK_IDENTITY,      /* to the observer, after its container: who that is */
        LINK_TYPE_COUNT,
};

enum container_flag {
        CONTAINER_ADOPTED = 1 << 0,       /* found by a scan, not by the hook */
        CONTAINER_OBSERVED_ONLY = 1 << 1, /* Kubernetes pods, rootless containers */
        CONTAINER_OWNED_BY_SYSTEMD = 1 << 2,
};

struct link_head {
        uint32_t type; /* enum link_type */
        uint32_t size; /* bytes of the whole message */
};

struct link_hello {
        struct link_head head;
        uint32_t version;
        uint32_t pid;
};

struct link_alive {
        struct link_head head;
        uint64_t boottime_ns;
};

/*
 * @ladder_mask: which of the nine triggers came along, bit 3 * resource + step (resource 0 cpu,
 * 1 memory, 2 io; step 0 5 %, 1 20 %, 2 40 %); their fds follow the directory's in that order.
 */
struct link_container {
        struct link_head head;
        struct container container;
        uint32_t flags; /* enum container_flag */
        uint32_t ladder_mask;
};

struct link_container_end {
        struct link_head head;
        uint64_t cgroup_inode;
};

struct link_submit {
        struct link_head head;
        uint64_t reference; /* the observer's own; comes back in the answer */
        struct proposal proposal;
};

enum guard_verdict { GUARD_REFUSE, GUARD_ASK, GUARD_ALLOW };

struct link_answer {
        struct link_head head;
        uint64_t reference;
        uint64_t proposal; /* P number, 0 when refused */
        uint32_t verdict;  /* enum guard_verdict */
        uint32_t reason;   /* enum reason */
        char text[LINK_TEXT_SIZE];
};

struct link_change {
        struct link_head head;
        struct change change;
};

enum verdict { VERDICT_NONE, VERDICT_BETTER, VERDICT_WORSE };

struct link_verdict {
        struct link_head head;
        uint64_t change;
        uint32_t verdict; /* enum verdict; WORSE asks for a rollback */
        uint32_t before_usec_per_min, after_usec_per_min; /* as in struct effect */
        uint32_t cause; /* enum loss_id + 1: what got worse; 0: not said */
};

struct link_identity {
        struct link_head head;
        struct identity identity;
};

/* Size that a message of @type has; 0 for a type that does not exist. */
size_t link_size(enum link_type type);

/*
 * Sends one message; its head is filled in here.
 *
 * Errors: -EAGAIN the other side does not read; of sendmsg(2)
 */
int link_send(int fd, enum link_type type, void *message, const int *fds, size_t fds_count);

/* Room for any message. */
union link_message {
        struct link_head head;
        struct link_hello hello;
        struct link_alive alive;
        struct link_container container;
        struct link_container_end container_end;
        struct link_submit submit;
        struct link_answer answer;
        struct link_change change;
        struct link_verdict verdict;
        struct link_identity identity;
};

/*
 * Receives one message and checks type and size. fds that came along are the caller's; with
 * @fds_max 0 any that come are closed and the message is refused.
 *
 * Returns: 1 a message, 0 the other side has closed
 * Errors:  -EAGAIN none there; -EPROTO not a message of this protocol; -EMFILE a good message whose
 *          fds found no room in this process, all closed: the next may be whole; of recvmsg(2)
 */
int link_receive(int fd, union link_message *ret, int *ret_fds, size_t fds_max, size_t *ret_count);
