/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/control/api.h"
#include "governor/control/control.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const risks[] = { "low", "medium", "high" };
static const char *const verdicts[] = { "refuse", "ask", "allow" };

static void put_id(struct json_writer *w, const char *key, char letter, uint64_t number) {
        char id[24];

        (void)snprintf(id, sizeof(id), "%c%" PRIu64, letter, number);
        json_put_string(w, key, id);
}

static void put_value(
                struct json_writer *w, const char *key, enum knob_id id, struct knob_value value) {
        char text[KNOB_VALUE_TEXT_MAX];

        knob_write_text(id, value, text, sizeof(text));
        json_put_string(w, key, text);
}

static const char *owner_name(bool systemd) {
        return systemd ? "systemd" : "plain";
}

void api_put_container(struct json_writer *w, const struct managed *m) {
        const struct container *x = &m->container;
        bool unit = m->flags & CONTAINER_OWNED_BY_SYSTEMD;

        json_open_object(w, NULL);
        json_put_string(w, "id", x->id);
        json_put_string(w, "cgroup", x->cgroup);
        json_put_u64(w, "cgroupInode", x->cgroup_inode);
        json_put_string(w, "runtime", x->runtime);
        json_put_i64(w, "pid", x->pid);
        json_put_string(w, "owner", owner_name(unit));
        if (unit)
                json_put_string(w, "unit", strrchr(x->cgroup, '/') + 1);
        json_put_bool(w, "adopted", m->flags & CONTAINER_ADOPTED);
        json_put_bool(w, "observedOnly", m->protected_ || m->flags & CONTAINER_OBSERVED_ONLY);
        if (m->protected_)
                json_put_string(w, "reason", reasons[REASON_PROTECTED].text);
        else if (m->flags & CONTAINER_OBSERVED_ONLY)
                json_put_string(w, "reason", container_observed_only(x->cgroup));
        json_close_object(w);
}

/* @kept, @step: NULL where there is none */
static void put_knob(struct json_writer *w, const struct knob_change *k,
                const struct knob_value *kept, const struct knob_value *step,
                const struct managed *now) {
        struct knob_value value;

        json_open_object(w, NULL);
        json_put_string(w, "file", knobs[k->knob].file);
        put_value(w, "old", k->knob, k->old);
        put_value(w, "new", k->knob, k->new);
        if (kept)
                put_value(w, "kept", k->knob, *kept);
        if (step)
                put_value(w, "step", k->knob, *step);
        if (now && cgroup_read_knob(now->dir_fd, k->knob, k->new, &value) >= 0)
                put_value(w, "current", k->knob, value);
        json_close_object(w);
}

void api_put_proposal(
                struct json_writer *w, const char *key, struct control *c, const struct held *h) {
        const struct proposal *p = &h->proposal;
        char digest[DIGEST_TEXT_SIZE];

        proposals_digest(&c->proposals, p, digest);
        json_open_object(w, key);
        put_id(w, "id", 'P', p->number);
        json_put_string(w, "containerId", p->container_id);
        json_put_u64(w, "cgroupInode", p->cgroup_inode);
        json_put_string(w, "rule", rules[p->rule].name);
        json_put_string(w, "state", held_state_names[h->state]);
        json_open_array(w, "knobs");
        for (unsigned i = 0; i < p->changes_count; i++)
                put_knob(w, &p->changes[i], NULL, NULL, NULL);
        json_close_array(w);
        json_put_string(w, "risk", risks[p->risk]);
        json_put_u64(w, "uid", p->uid);
        json_put_string(w, "digest", digest);
        json_put_string(w, "verdict", verdicts[h->answer.verdict]);
        json_put_string(w, "reason", reasons[h->answer.reason].code);
        json_put_string(w, "text", h->text[0] ? h->text : h->answer.text);
        json_put_u64(w, "createdBoottimeNs", p->created_boottime_ns);
        json_put_u64(w, "expiresBoottimeNs", p->expires_boottime_ns);
        json_put_u64(w, "lostUsecPerMin", p->lost_usec_per_min);
        if (p->rule != RULE_PERSON)
                json_put_u64(w, "expectedUsecPerMin", p->expected_usec_per_min);
        if (p->finding != 0)
                put_id(w, "finding", 'F', p->finding);
        json_close_object(w);
}

static void put_times(struct json_writer *w, const struct change *x) {
        json_put_u64(w, "approvedBoottimeNs", x->approved_boottime_ns);
        json_put_u64(w, "appliedBoottimeNs", x->applied_boottime_ns);
        json_put_u64(w, "deadlineBoottimeNs", x->deadline_boottime_ns);
        json_put_u64(w, "endedBoottimeNs", x->ended_boottime_ns);
}

static void put_effect(struct json_writer *w, const struct effect *o) {
        const struct {
                const char *key;
                uint32_t usec_per_min;
        } rows[] = {
                { "expectedUsecPerMin", o->expected_usec_per_min },
                { "beforeUsecPerMin", o->before_usec_per_min },
                { "afterUsecPerMin", o->after_usec_per_min },
        };

        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                if (rows[i].usec_per_min != LOST_UNKNOWN)
                        json_put_u64(w, rows[i].key, rows[i].usec_per_min);
}

void api_put_change(
                struct json_writer *w, const char *key, struct control *c, const struct run *run) {
        const struct change *x = &run->change;
        const struct managed *now =
                        x->state == CHANGE_CONFLICT ? container_by_inode(c, x->cgroup_inode) : NULL;

        json_open_object(w, key);
        put_id(w, "id", 'C', x->number);
        put_id(w, "proposal", 'P', x->proposal);
        json_put_string(w, "containerId", x->container_id);
        json_put_u64(w, "cgroupInode", x->cgroup_inode);
        json_put_string(w, "rule", rules[x->rule].name);
        json_put_string(w, "state", change_states[x->state].name);
        json_put_string(w, "reason", reasons[x->reason].code);
        json_put_string(w, "text", run->text[0] ? run->text : reasons[x->reason].text);
        json_put_u64(w, "uid", x->uid);
        json_put_bool(w, "byPolicy", change_by_policy(x));
        json_put_string(w, "owner", owner_name(x->owner == OWNER_SYSTEMD));
        json_open_array(w, "knobs");
        for (unsigned i = 0; i < x->changes_count; i++)
                put_knob(w, &x->changes[i], x->kept_mask >> i & 1 ? &x->kept[i] : NULL,
                                x->step_mask >> i & 1 ? &x->step[i] : NULL, now);
        json_close_array(w);
        json_put_bool(w, "proven", x->proven);
        json_put_bool(w, "trial", run->trial_ns > 0);
        put_times(w, x);
        put_effect(w, &x->effect);
        if (run->environment)
                json_put_string(w, "environment", run->environment);
        if (run->template)
                json_put_string(w, "template", run->template);
        json_close_object(w);
}

void api_put_writes(struct json_writer *w, const struct managed *m,
                const struct knob_change *changes, unsigned count, bool undo) {
        for (unsigned i = 0; i < count; i++) {
                const struct knob_change *k = &changes[i];
                char file[CONTAINER_PATH_SIZE + KNOB_NAME_MAX];

                if (knob_equal(k->old, k->new))
                        continue;
                (void)snprintf(file, sizeof(file), "%s/%s", m->container.cgroup,
                                knobs[k->knob].file);
                json_open_object(w, NULL);
                json_put_string(w, "file", file);
                put_value(w, "old", k->knob, undo ? k->new : k->old);
                put_value(w, "new", k->knob, undo ? k->old : k->new);
                json_put_string(w, "owner", owner_name(m->flags & CONTAINER_OWNED_BY_SYSTEMD));
                json_close_object(w);
        }
}
