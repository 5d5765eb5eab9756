/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/control/proposals.h"

#include "governor/control/control.h"
#include "governor/control/guard_input.h"
#include "governor/control/policies.h"
#include "state/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

const char *const held_state_names[] = { "pending", "refused", "approved", "rejected", "expired",
        "stale" };

int proposals_init(struct proposals *t) {
        return getrandom(&t->seed, sizeof(t->seed), 0) < 0 ? -errno : 0;
}

void proposals_digest(const struct proposals *t, const struct proposal *p,
                char ret[static DIGEST_TEXT_SIZE]) {
        const unsigned char *byte = (const unsigned char *)p;
        uint64_t hash = t->seed;

        for (size_t i = 0; i < sizeof(*p); i++)
                hash = (hash ^ byte[i]) * 0x100000001b3; /* FNV-1a */
        (void)snprintf(ret, DIGEST_TEXT_SIZE, "%016" PRIx64, hash);
}

struct held *proposals_find(struct proposals *t, uint64_t number) {
        for (size_t i = 0; i < PROPOSALS_MAX && number != 0; i++)
                if (t->held[i].proposal.number == number)
                        return &t->held[i];
        return NULL;
}

/* The observer's copy ends too: what was rejected is not proposed again, what is stale may be. */
static void tell_observer(struct control *c, const struct held *h, enum change_state state) {
        const struct proposal *p = &h->proposal;
        struct change x = { .proposal = p->number,
                .cgroup_inode = p->cgroup_inode,
                .rule = p->rule,
                .state = state,
                .changes_count = p->changes_count };

        memcpy(x.container_id, p->container_id, sizeof(x.container_id));
        memcpy(x.changes, p->changes, sizeof(x.changes));
        observer_link_change(c, &x);
}

void proposals_end(struct control *c, struct held *h, enum held_state state, const char *text) {
        static const enum change_state told[] = {
                [HELD_REFUSED] = CHANGE_REFUSED,
                [HELD_REJECTED] = CHANGE_REJECTED,
                [HELD_EXPIRED] = CHANGE_EXPIRED,
                [HELD_STALE] = CHANGE_STALE,
        };

        h->state = state;
        (void)text_copy(h->text, sizeof(h->text), text);
        if (h->proposal.rule != RULE_PERSON)
                tell_observer(c, h, told[state]);
}

static bool is_stale(const struct managed *m, const struct proposal *p) {
        for (unsigned i = 0; i < p->changes_count; i++) {
                const struct knob_change *k = &p->changes[i];
                struct knob_value now;

                if (cgroup_read_knob(m->dir_fd, k->knob, k->new, &now) < 0 ||
                                !knob_equal(now, k->old))
                        return true;
        }
        return false;
}

void proposals_refresh(struct control *c) {
        uint64_t now = proc_boottime_ns();

        for (size_t i = 0; i < PROPOSALS_MAX; i++) {
                struct held *h = &c->proposals.held[i];
                const struct managed *m;

                if (h->proposal.number == 0 || h->state != HELD_PENDING)
                        continue;
                m = container_by_inode(c, h->proposal.cgroup_inode);
                if (now >= h->proposal.expires_boottime_ns)
                        proposals_end(c, h, HELD_EXPIRED,
                                        "nobody decided for a day; look for a new one");
                else if (!m)
                        proposals_end(c, h, HELD_STALE, "the container ended or was replaced");
                else if (is_stale(m, &h->proposal))
                        proposals_end(c, h, HELD_STALE,
                                        "a value changed since; look for a new proposal");
        }
}

/* A slot: free, else the oldest that is not pending. */
static struct held *find_slot(struct proposals *t) {
        struct held *best = NULL;

        for (size_t i = 0; i < PROPOSALS_MAX; i++) {
                struct held *h = &t->held[i];

                if (h->proposal.number == 0)
                        return h;
                if (h->state != HELD_PENDING &&
                                (!best || h->proposal.number < best->proposal.number))
                        best = h;
        }
        return best;
}

/* A rule knows better now; a person's wishes stand beside each other. */
static void supersede(struct proposals *t, const struct proposal *p) {
        char text[64];

        (void)snprintf(text, sizeof(text), "replaced by P%" PRIu64, p->number);
        for (size_t i = 0; i < PROPOSALS_MAX && p->rule != RULE_PERSON; i++) {
                struct held *h = &t->held[i];

                if (h->proposal.number != 0 && h->state == HELD_PENDING &&
                                h->proposal.rule == p->rule &&
                                h->proposal.cgroup_inode == p->cgroup_inode) {
                        h->state = HELD_STALE; /* by the observer itself */
                        (void)text_copy(h->text, sizeof(h->text), text);
                }
        }
}

/*
 * A wish of io.weight is one of io.bfq.weight too, in BFQ's range, and of that alone where there is
 * no iocost in the kernel. systemd derives the one from the other, and so knows the pair.
 */
static void add_bfq(const struct managed *m, struct proposal *p) {
        struct knob_change *weight = NULL, twin = { .knob = KNOB_IO_BFQ_WEIGHT };
        struct knob_value unused;

        for (unsigned i = 0; i < p->changes_count; i++) {
                if (p->changes[i].knob == KNOB_IO_BFQ_WEIGHT)
                        return;
                if (p->changes[i].knob == KNOB_IO_WEIGHT)
                        weight = &p->changes[i];
        }
        if (!weight || cgroup_read_knob(m->dir_fd, KNOB_IO_BFQ_WEIGHT, twin.new, &unused) < 0)
                return;
        twin.new.amount = io_weight_to_bfq(weight->new.amount);
        if (cgroup_read_knob(m->dir_fd, KNOB_IO_WEIGHT, weight->new, &unused) == -ENOENT)
                *weight = twin;
        else if (p->changes_count < PROPOSAL_KNOBS_MAX)
                p->changes[p->changes_count++] = twin;
}

/* Old values are what the kernel shows now, whatever the sender believed. */
static void complete(struct managed *m, struct proposal *p) {
        p->number = 0;
        memcpy(p->container_id, m->container.id, sizeof(p->container_id));
        p->cgroup_inode = m->container.cgroup_inode;
        p->created_boottime_ns = proc_boottime_ns();
        p->expires_boottime_ns = p->created_boottime_ns + PROPOSAL_LIFETIME_NS;
        if (p->rule != RULE_PERSON)
                return; /* the observer's old values are part of its evidence: compared, not set */
        add_bfq(m, p);
        for (unsigned i = 0; i < p->changes_count; i++) {
                struct knob_change *k = &p->changes[i];

                (void)cgroup_read_knob(m->dir_fd, k->knob, k->new, &k->old);
        }
}

int proposals_submit(struct control *c, struct managed *m, struct proposal *p, bool dry_run,
                struct guard_answer *ret) {
        struct held *h;
        int r;

        if (p->changes_count <= PROPOSAL_KNOBS_MAX)
                complete(m, p);
        guard_ask(c, m, p, ret);
        p->risk = ret->risk;
        if (ret->verdict == GUARD_REFUSE || dry_run)
                return 0;
        proposals_refresh(c);
        h = find_slot(&c->proposals);
        if (!h)
                return -EBUSY;
        r = journal_next_proposal(c->journal, &p->number);
        if (r < 0)
                return r;
        supersede(&c->proposals, p);
        *h = (struct held){ .proposal = *p, .answer = *ret };
        memcpy(&h->proposal, p, sizeof(*p)); /* padding too: the digest covers it */
        if (ret->verdict == GUARD_ALLOW)
                policies_approve(c, h);
        return 0;
}
