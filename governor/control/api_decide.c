/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/control/api.h"
#include "governor/control/control.h"
#include "state/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* "memory.max=4G;cpu.max=1.5" into the knobs of @p. */
static int parse_assignments(char *text, struct proposal *p, struct error *err) {
        char *rest = text, *one;

        while ((one = strsep(&rest, ";"))) {
                char *value = strchr(one, '=');
                int id, r;

                if (!value)
                        return error_set(err, -EINVAL, "'%s': want knob=value", one);
                *value++ = '\0';
                id = knob_find(one);
                if (id < 0 || !knobs[id].settable)
                        return error_set(err, -EINVAL,
                                        "'%s' is not a knob: memory.max, memory.high, cpu.max, "
                                        "cpu.weight, pids.max and others, see dtgov(1)",
                                        one);
                if (p->changes_count == PROPOSAL_KNOBS_MAX)
                        return error_set(err, -E2BIG, "at most %d knobs at once",
                                        PROPOSAL_KNOBS_MAX);
                r = knob_parse((enum knob_id)id, value, &p->changes[p->changes_count].new, err);
                if (r < 0)
                        return r;
                p->changes[p->changes_count++].knob = (uint32_t)id;
        }
        return 0;
}

static int reply_proposal(
                struct control *c, struct varlink *link, struct managed *m, const struct held *h) {
        struct json_writer *w;
        int r = varlink_reply_begin(link, &w);

        if (r < 0)
                return r;
        api_put_proposal(w, "proposal", c, h);
        if (m) {
                json_open_array(w, "writes");
                api_put_writes(w, m, h->proposal.changes, h->proposal.changes_count, false);
                json_close_array(w);
        }
        return varlink_reply_end(link);
}

static int reply_journal(struct control *c, struct varlink *link, int r) {
        char text[LINK_TEXT_SIZE];

        if (r == -EBUSY)
                return varlink_error(link, API_ERROR("Busy"), "text",
                                "too many proposals are pending: approve or reject some", NULL);
        (void)snprintf(text, sizeof(text), "no change made; rollbacks still work: %s",
                        journal_health_text(c->journal));
        return api_refuse(link, REASON_NOSPACE, text);
}

int api_propose(struct varlink *link, const struct json *parameters, void *userdata) {
        struct control *c = userdata;
        struct api_call call;
        CLEANUP(freep) char *text = NULL;
        struct proposal p = { .rule = RULE_PERSON };
        struct guard_answer answer;
        struct held dry = { .state = HELD_PENDING };
        struct managed *m;
        struct error err;
        int r;

        if (api_begin(c, link, "Propose", parameters, &call) < 0)
                return 0;
        m = call.container ? container_find(c, call.container, call.inode) : NULL;
        if (!m)
                return varlink_error(link, API_ERROR("NotFound"), "id",
                                call.container ? call.container : "", "text",
                                "no such container; dtgov ps lists them", NULL);
        text = strdup(call.assignments ? call.assignments : "");
        if (!text)
                return -ENOMEM;
        p.uid = varlink_get_peer(link)->uid;
        if (parse_assignments(text, &p, &err) < 0)
                return varlink_error(link, API_ERROR("InvalidParameter"), "parameter",
                                "assignments", "text", err.text, NULL);
        r = proposals_submit(c, m, &p, call.dry_run, &answer);
        if (r < 0)
                return reply_journal(c, link, r);
        if (answer.verdict == GUARD_REFUSE)
                return api_refuse(link, answer.reason, answer.text);
        dry.proposal = p;
        dry.answer = answer;
        return reply_proposal(
                        c, link, m, call.dry_run ? &dry : proposals_find(&c->proposals, p.number));
}

/* Waits for the outcome of an approval. */
struct approval {
        struct waiter waiter;
        struct control *control;
        struct varlink *link;
        uint64_t proposal;
};

static int reply_change(struct control *c, struct varlink *link, const struct run *run) {
        const struct managed *m = container_by_inode(c, run->change.cgroup_inode);
        struct json_writer *w;
        int r = varlink_reply_begin(link, &w);

        if (r < 0)
                return r;
        api_put_change(w, "change", c, run);
        json_open_array(w, "writes");
        if (m)
                api_put_writes(w, m, run->change.changes, run->change.changes_count, false);
        json_close_array(w);
        return varlink_reply_end(link);
}

static void on_outcome(struct waiter *w, const struct run *run) {
        struct approval *a = (struct approval *)w;
        struct held *h = proposals_find(&a->control->proposals, a->proposal);
        const struct change *x = &run->change;
        char id[24];

        if (h && x->number != 0)
                h->change = x->number;
        if (h && x->number == 0 && h->state == HELD_APPROVED)
                h->state = x->state == CHANGE_STALE ? HELD_STALE : HELD_PENDING;
        (void)snprintf(id, sizeof(id), "C%" PRIu64, x->number);
        if (!varlink_is_open(a->link))
                log_debug("change %s: nobody waits for the answer", id);
        else if (x->number == 0)
                (void)api_refuse(a->link, x->reason, run->text);
        else if (change_on_probation(x->state) || x->state == CHANGE_COMMITTED)
                (void)reply_change(a->control, a->link, run);
        else
                (void)varlink_error(a->link, API_ERROR("Failed"), "code", reasons[x->reason].code,
                                "text", run->text[0] ? run->text : reasons[x->reason].text,
                                "change", id, NULL);
        varlink_unref(a->link);
        free(a);
}

static int begin(struct control *c, struct varlink *link, struct held *h,
                const struct api_call *call) {
        struct approval *a = calloc(1, sizeof(*a));
        int r;

        if (!a)
                return -ENOMEM;
        a->waiter.end = call->wait;
        a->waiter.call = on_outcome;
        a->control = c;
        a->link = varlink_ref(link);
        a->proposal = h->proposal.number;
        h->state = HELD_APPROVED; /* now: an approval counts once */
        r = engine_begin(c, &h->proposal, varlink_get_peer(link)->uid,
                        call->trial_sec * NSEC_PER_SEC, &a->waiter);
        if (r < 0) {
                h->state = HELD_PENDING;
                varlink_unref(a->link);
                free(a);
        }
        return r;
}

/* An approval of what is no longer pending. Being applied already is no error. */
static int reply_over(struct control *c, struct varlink *link, const struct held *h) {
        const struct run *run = engine_find(c, h->change);

        switch (h->state) {
        case HELD_APPROVED:
                if (h->change != 0 && run)
                        return reply_change(c, link, run);
                return varlink_error(link, API_ERROR("Busy"), "text",
                                "it is being applied right now; dtgov changes", NULL);
        case HELD_EXPIRED:
                return api_refuse(link, REASON_EXPIRED, h->text);
        case HELD_REJECTED:
                return api_refuse(link, REASON_STALE,
                                "it was rejected; dtgov proposals lists what is there now");
        default:
                return api_refuse(link, REASON_STALE, h->text);
        }
}

static struct held *find_held(struct control *c, struct varlink *link, const char *id) {
        struct held *h;

        proposals_refresh(c);
        h = proposals_find(&c->proposals, api_number('P', id));
        if (!h)
                (void)varlink_error(link, API_ERROR("NotFound"), "id", id ? id : "", "text",
                                "no such proposal; dtgov proposals --all lists them (pending ones "
                                "end with dtgovd)",
                                NULL);
        return h;
}

int api_approve(struct varlink *link, const struct json *parameters, void *userdata) {
        struct control *c = userdata;
        struct api_call call;
        char expected[DIGEST_TEXT_SIZE];
        struct json_writer *w;
        struct held *h;
        int r;

        if (api_begin(c, link, "Approve", parameters, &call) < 0)
                return 0;
        if (call.trial_sec > TRIAL_SEC_MAX)
                return varlink_error(link, API_ERROR("InvalidParameter"), "parameter", "trialSec",
                                "text", "a trial lasts at most a day", NULL);
        h = find_held(c, link, call.id);
        if (!h)
                return 0;
        proposals_digest(&c->proposals, &h->proposal, expected);
        if (!call.digest || strcmp(call.digest, expected) != 0)
                return api_refuse(link, REASON_DIGEST, NULL);
        if (h->state != HELD_PENDING)
                return reply_over(c, link, h);
        if (!call.dry_run)
                return begin(c, link, h, &call);
        r = varlink_reply_begin(link, &w);
        if (r < 0)
                return r;
        json_open_array(w, "writes");
        api_put_writes(w, container_by_inode(c, h->proposal.cgroup_inode), h->proposal.changes,
                        h->proposal.changes_count, false);
        json_close_array(w);
        return varlink_reply_end(link);
}

int api_keep(struct varlink *link, const struct json *parameters, void *userdata) {
        struct control *c = userdata;
        struct api_call call;
        struct run *run;

        if (api_begin(c, link, "Keep", parameters, &call) < 0)
                return 0;
        run = engine_find(c, api_number('C', call.change));
        if (!run || run->change.number == 0)
                return varlink_error(link, API_ERROR("NotFound"), "id",
                                call.change ? call.change : "", "text",
                                "no such change; dtgov changes lists them", NULL);
        if (!engine_keep(c, run))
                return api_refuse(link, REASON_STALE,
                                "it is not in force any more; dtgov changes says why");
        return reply_change(c, link, run);
}

int api_reject(struct varlink *link, const struct json *parameters, void *userdata) {
        struct control *c = userdata;
        struct api_call call;
        struct held *h;

        if (api_begin(c, link, "Reject", parameters, &call) < 0)
                return 0;
        h = find_held(c, link, call.id);
        if (!h)
                return 0;
        if (h->state == HELD_APPROVED)
                return api_refuse(link, REASON_STALE,
                                "it is approved, so there is a change to take back; dtgov changes");
        if (h->state != HELD_PENDING && h->state != HELD_REJECTED)
                return reply_over(c, link, h);
        proposals_end(c, h, HELD_REJECTED, call.reason ? call.reason : "");
        if (call.reason)
                (void)journal_note(c->journal, 0, h->proposal.number, call.reason);
        return reply_proposal(c, link, NULL, h);
}
