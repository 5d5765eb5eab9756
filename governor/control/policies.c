/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/control/policies.h"

#include "governor/control/control.h"
#include "governor/control/guard_input.h"
#include "state/log.h"

#include <string.h>

const struct policy *policies_of(
                const struct control *c, const struct managed *m, enum rule_id rule) {
        struct policy_subject subject;

        policy_subject_of(&m->container, m->identity, &subject);
        return policy_find(&c->config.policies, &subject, rule);
}

/* Waits for what becomes of it: what was refused in precheck waits for a person. */
struct approval {
        struct waiter waiter;
        struct control *control;
        uint64_t proposal;
};

static void on_outcome(struct waiter *w, const struct run *run) {
        struct approval *a = (struct approval *)w;
        struct held *h = proposals_find(&a->control->proposals, a->proposal);
        const struct change *x = &run->change;

        if (h && x->number != 0) {
                h->change = x->number;
        } else if (h && h->state == HELD_APPROVED) {
                h->state = x->state == CHANGE_STALE ? HELD_STALE : HELD_PENDING;
                h->policy_ns = proc_boottime_ns();
        }
        free(a);
}

void policies_approve(struct control *c, struct held *h) {
        struct approval *a = calloc(1, sizeof(*a));
        const struct proposal *p = &h->proposal;

        if (!a)
                return; /* it is pending, and looked at again */
        a->waiter.call = on_outcome;
        a->control = c;
        a->proposal = p->number;
        h->state = HELD_APPROVED;
        log_event(LOG_NOTICE, EVENT_ALLOWED, "P%llu of %.12s, %s: policy %u approves it",
                        (unsigned long long)p->number, p->container_id, rules[p->rule].name,
                        h->answer.policy->number);
        if (engine_begin(c, p, CHANGE_UID_POLICY, /* trial_ns= */ 0, &a->waiter) < 0) {
                h->state = HELD_PENDING;
                free(a);
        }
}

static void look_at(struct control *c, struct held *h) {
        struct managed *m = container_by_inode(c, h->proposal.cgroup_inode);
        const struct policy *policy = m ? policies_of(c, m, (enum rule_id)h->proposal.rule) : NULL;
        struct guard_answer answer;

        if (!policy || policy->mode == POLICY_ASK)
                return;
        guard_ask(c, m, &h->proposal, &answer);
        if (answer.verdict == GUARD_REFUSE && answer.reason == REASON_POLICY)
                proposals_end(c, h, HELD_REFUSED, answer.text);
        if (answer.verdict == GUARD_REFUSE)
                return; /* or what will pass: another change of it, the observer away */
        h->answer = answer;
        if (answer.verdict == GUARD_ALLOW)
                policies_approve(c, h);
}

void policies_look(struct control *c, uint64_t now_ns) {
        struct proposals *t = &c->proposals;

        if (c->config.policies.count == 0 || now_ns < t->policies_ns + POLICIES_LOOK_NS)
                return;
        t->policies_ns = now_ns;
        for (size_t i = 0; i < PROPOSALS_MAX; i++) {
                struct held *h = &t->held[i];

                if (h->proposal.number != 0 && h->state == HELD_PENDING &&
                                h->proposal.rule != RULE_PERSON &&
                                now_ns < h->proposal.expires_boottime_ns &&
                                (h->policy_ns == 0 || now_ns >= h->policy_ns + POLICIES_RETRY_NS))
                        look_at(c, h);
        }
}
