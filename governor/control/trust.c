/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far a rule is trusted. Its record is the journal's ended changes; a person's word that it may
 * act alone again is a record too, so both outlast dtgovd.
 */
#include "governor/control/api.h"
#include "governor/control/control.h"
#include "governor/control/steps.h"
#include "policies/rules/breaker.h"
#include "policies/rules/ladder.h"
#include "state/log.h"

#include <string.h>

bool engine_trusts(const struct control *c, enum rule_id rule) {
        uint64_t trusted = journal_trusted(c->journal, rule);
        const struct run *last = NULL;
        struct breaker breaker = {};

        for (const struct run *run = c->engine.runs; run; run = run->next) {
                if (run->change.rule != rule || run->change.number <= trusted)
                        continue;
                if (last && memcmp(last->boot, run->boot, sizeof(run->boot)) != 0)
                        breaker_boot(&breaker);
                breaker_add(&breaker, &run->change);
                last = run;
        }
        return !breaker.open;
}

void trust_look(const struct control *c, const struct run *run) {
        enum rule_id rule = (enum rule_id)run->change.rule;

        if (breaker_counts(&run->change) && !engine_trusts(c, rule))
                log_event(LOG_WARNING, EVENT_UNTRUSTED,
                                "%s was taken back three times within an hour: it does not act "
                                "alone until dtgov trust %s",
                                rules[rule].name, rules[rule].name);
}

static bool is_persons(const struct run *run) {
        const struct change *x = &run->change;

        switch (x->state) {
        case CHANGE_ROLLED_BACK:
                return x->reason == REASON_PERSON || x->reason == REASON_EXTERNAL ||
                       x->reason == REASON_KEPT;
        case CHANGE_CONFLICT:
        case CHANGE_SUPERSEDED:
        case CHANGE_REVERTED_EXTERNALLY:
                return true;
        default:
                return x->rule == RULE_PERSON && run_in_force(run);
        }
}

/* What came to nothing was no word about it. */
static bool says_something(const struct run *run) {
        return run->change.number != 0 && run->this_boot && run->change.state != CHANGE_REFUSED &&
               run->change.state != CHANGE_STALE;
}

uint64_t engine_claimed(const struct control *c, uint64_t cgroup_inode) {
        uint64_t seen = 0, claimed = 0;

        for (const struct run *run = c->engine.runs; run; run = run->next) {
                const struct change *x = &run->change;

                if (x->cgroup_inode != cgroup_inode || !says_something(run))
                        continue;
                for (unsigned i = 0; i < x->changes_count; i++) {
                        uint64_t bit = 1ULL << x->changes[i].knob;

                        if (ladder_helper(&x->changes[i]))
                                continue;
                        if (!(seen & bit) && is_persons(run))
                                claimed |= bit;
                        seen |= bit;
                }
        }
        return claimed;
}

static void put_rule(struct control *c, struct json_writer *w, const char *key, enum rule_id rule) {
        json_open_object(w, key);
        json_put_string(w, "id", rules[rule].name);
        json_put_string(w, "title", rules[rule].title);
        json_put_bool(w, "trusted", engine_trusts(c, rule));
        json_close_object(w);
}

int api_list_rules(struct varlink *link, const struct json *parameters, void *userdata) {
        struct control *c = userdata;
        struct json_writer *w;
        int r = varlink_reply_begin(link, &w);

        (void)parameters;
        if (r < 0)
                return r;
        json_open_array(w, "rules");
        for (unsigned rule = 0; rule < RULE_COUNT; rule++)
                if (rule != RULE_PERSON)
                        put_rule(c, w, NULL, (enum rule_id)rule);
        json_close_array(w);
        return varlink_reply_end(link);
}

int api_trust(struct varlink *link, const struct json *parameters, void *userdata) {
        struct control *c = userdata;
        struct json_writer *w;
        struct api_call call;
        unsigned rule = 0;
        int r;

        if (api_begin(c, link, "Trust", parameters, &call) < 0)
                return 0;
        while (rule < RULE_COUNT &&
                        (rule == RULE_PERSON || !call.id || strcmp(rules[rule].name, call.id) != 0))
                rule++;
        if (rule == RULE_COUNT)
                return varlink_error(link, API_ERROR("NotFound"), "id", call.id ? call.id : "",
                                "text", "no such rule; man dtgov lists them", NULL);
        r = engine_trusts(c, (enum rule_id)rule) ? 0
                                                 : journal_trust(c->journal, (enum rule_id)rule);
        if (r < 0)
                return api_refuse(link, REASON_JOURNAL, NULL);
        r = varlink_reply_begin(link, &w);
        if (r < 0)
                return r;
        put_rule(c, w, "rule", (enum rule_id)rule);
        return varlink_reply_end(link);
}
