/* SPDX-License-Identifier: Apache-2.0 */
#include "state/journal/group.h"

#include <string.h>

#include "state/text.h"

static size_t limits_bytes(const struct limits *limits) {
        size_t len = 0;

        for (int i = 0; i < KNOB_COUNT; i++)
                if (limits->text[i])
                        len += strlen(knobs[i].file) + strlen(limits->text[i]) + 2;
        return len;
}

size_t group_size(const struct journal_change *c) {
        return 7 + (PROPOSAL_KNOBS_MAX + RECORD_KNOBS - 1) / RECORD_KNOBS + c->steps_count +
               limits_bytes(&c->before) / RECORD_LIMITS_BYTES;
}

static void add_limits(struct tail *tail, uint64_t number, const uint8_t *boot,
                const struct limits *limits) {
        struct record_limits body = { 0 };

        for (int i = 0; i < KNOB_COUNT; i++) {
                const char *parts[] = { knobs[i].file, limits->text[i] };

                for (size_t p = 0; parts[1] && p < ARRAY_LEN(parts); p++)
                        for (size_t n = 0; n <= strlen(parts[p]); n++) {
                                body.bytes[body.len++] = parts[p][n];
                                if (body.len < RECORD_LIMITS_BYTES)
                                        continue;
                                tail_add(tail, RECORD_LIMITS, number, boot, &body, sizeof(body));
                                body = (struct record_limits){ 0 };
                        }
        }
        if (body.len > 0)
                tail_add(tail, RECORD_LIMITS, number, boot, &body, sizeof(body));
}

struct record_state group_state(const struct change *c) {
        struct record_state body = {
                .approved_boottime_ns = c->approved_boottime_ns,
                .applied_boottime_ns = c->applied_boottime_ns,
                .ended_boottime_ns = c->ended_boottime_ns,
                .deadline_boottime_ns = c->deadline_boottime_ns,
                .state = (uint16_t)c->state,
                .reason = (uint16_t)c->reason,
                .kept_mask = (uint16_t)c->kept_mask,
                .proven = (uint16_t)c->proven,
                .before_usec_per_min = c->effect.before_usec_per_min,
                .after_usec_per_min = c->effect.after_usec_per_min,
        };

        memcpy(body.kept, c->kept, sizeof(body.kept));
        return body;
}

static void add_name(struct tail *tail, enum record_type type, uint64_t number, const uint8_t *boot,
                const char *name) {
        char body[JOURNAL_NAME_MAX] = "";

        if (name && name[0] && text_copy(body, sizeof(body), name))
                tail_add(tail, type, number, boot, body, sizeof(body));
}

void group_add(struct tail *tail, const struct journal_change *jc, const uint8_t *boot,
                bool whole) {
        const struct change *c = &jc->change;
        uint64_t first = tail->next_seq;
        struct record_intent intent = {
                .proposal = c->proposal,
                .cgroup_inode = c->cgroup_inode,
                .approved_boottime_ns = c->approved_boottime_ns,
                .rule = c->rule,
                .uid = c->uid,
                .owner = c->owner,
                .changes_count = c->changes_count,
                .scope_mask = (uint8_t)c->scope_mask,
                .expected_usec_per_min = c->effect.expected_usec_per_min,
        };
        struct record_state state = group_state(c);
        uint32_t members;

        (void)text_copy(intent.container_id, sizeof(intent.container_id), c->container_id);
        tail_add(tail, RECORD_INTENT, c->number, boot, &intent, sizeof(intent));
        for (unsigned i = 0; i < c->changes_count; i += RECORD_KNOBS) {
                struct knob_change some[RECORD_KNOBS] = { 0 };

                for (unsigned k = 0; k < RECORD_KNOBS && i + k < c->changes_count; k++)
                        some[k] = c->changes[i + k];
                tail_add(tail, RECORD_KNOB_CHANGES, c->number, boot, some, sizeof(some));
        }
        add_limits(tail, c->number, boot, &jc->before);
        add_name(tail, RECORD_ENVIRONMENT, c->number, boot, jc->environment);
        add_name(tail, RECORD_TEMPLATE, c->number, boot, jc->template);
        if (whole) {
                struct record_note note = { .proposal = c->proposal };

                memcpy(note.text, jc->note, sizeof(note.text));
                tail_add(tail, RECORD_NOTE, c->number, boot, &note, sizeof(note));
                for (unsigned i = 0; i < jc->steps_count; i++)
                        tail_add(tail, RECORD_STEP, c->number, boot, &jc->steps[i],
                                        sizeof(jc->steps[i]));
                tail_add(tail, RECORD_STATE, c->number, boot, &state, sizeof(state));
        }
        members = (uint32_t)(tail->next_seq - first) + 1;
        tail_add(tail, RECORD_END, c->number, boot, &members, sizeof(members));
}
