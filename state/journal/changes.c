/* SPDX-License-Identifier: Apache-2.0 */
#include "state/journal/changes.h"

#include <string.h>

#define LIMITS_MAX ((size_t)KNOB_COUNT * (KNOB_NAME_MAX + KNOB_TEXT_MAX))

static void entry_free(struct changes_entry *entry) {
        if (!entry)
                return;
        limits_done(&entry->c.before);
        free(entry->environment);
        free(entry->template);
        free(entry);
}

void changes_drop_group(struct changes *changes) {
        entry_free(changes->building);
        changes->building = NULL;
        free(changes->limits);
        changes->limits = NULL;
        changes->limits_len = 0;
}

void changes_done(struct changes *changes) {
        changes_drop_group(changes);
        for (size_t i = 0; i < changes->count; i++)
                entry_free(changes->entries[i]);
        free(changes->entries);
}

bool changes_live(const struct changes_entry *entry) {
        enum change_state state = entry->c.change.state;

        return change_states[state].open || (state == CHANGE_COMMITTED && entry->c.this_boot);
}

/* Index of the first entry whose number is at least @number. */
static size_t position(const struct changes *changes, uint64_t number) {
        size_t low = 0, high = changes->count;

        while (low < high) {
                size_t middle = (low + high) / 2;

                if (changes->entries[middle]->c.change.number < number)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

struct changes_entry *changes_find(const struct changes *changes, uint64_t number) {
        size_t at = position(changes, number);

        if (at == changes->count || changes->entries[at]->c.change.number != number)
                return NULL;
        return changes->entries[at];
}

static void forget_oldest_ended(struct changes *changes) {
        size_t ended = 0, oldest = changes->count;

        for (size_t i = changes->count; i-- > 0;)
                if (!changes_live(changes->entries[i])) {
                        ended++;
                        oldest = i;
                }
        if (ended <= CHANGES_ENDED_MAX)
                return;

        entry_free(changes->entries[oldest]);
        changes->count--;
        memmove(&changes->entries[oldest], &changes->entries[oldest + 1],
                        (changes->count - oldest) * sizeof(struct changes_entry *));
}

/* Takes the group's entry into the table, in place of an older one of that number. */
static int insert(struct changes *changes) {
        struct changes_entry *entry = changes->building;
        size_t at = position(changes, entry->c.change.number);

        if (at < changes->count &&
                        changes->entries[at]->c.change.number == entry->c.change.number) {
                entry_free(changes->entries[at]);
                changes->entries[at] = TAKE(changes->building);
                return 0;
        }
        if (changes->count == changes->room) {
                size_t room = changes->room ? 2 * changes->room : 64;
                struct changes_entry **more;

                more = reallocarray(changes->entries, room, sizeof(struct changes_entry *));
                if (!more)
                        return -ENOMEM;
                changes->entries = more;
                changes->room = room;
        }
        memmove(&changes->entries[at + 1], &changes->entries[at],
                        (changes->count - at) * sizeof(struct changes_entry *));
        changes->entries[at] = TAKE(changes->building);
        changes->count++;
        forget_oldest_ended(changes);
        return 0;
}

/* "file\0text\0...": files that this version does not know are passed over. */
static int parse_limits(struct changes *changes, struct limits *ret) {
        const char *p = changes->limits, *end = p + changes->limits_len;

        while (p && p < end) {
                const char *text = memchr(p, '\0', (size_t)(end - p));
                int id;

                if (!text || !memchr(text + 1, '\0', (size_t)(end - text - 1)))
                        break;
                text++;
                id = knob_find(p);
                if (id >= 0 && !ret->text[id]) {
                        ret->text[id] = strdup(text);
                        if (!ret->text[id])
                                return -ENOMEM;
                }
                p = text + strlen(text) + 1;
        }
        return 0;
}

static int group_open(
                struct changes *changes, struct changes_entry *entry, const struct record *r) {
        const struct record_intent *intent = &r->body.intent;
        struct change *c;

        entry = calloc(1, sizeof(*entry));
        if (!entry)
                return -ENOMEM;

        c = &entry->c.change;
        c->number = r->change;
        c->proposal = intent->proposal;
        c->cgroup_inode = intent->cgroup_inode;
        c->rule = intent->rule;
        c->uid = intent->uid;
        c->owner = intent->owner;
        c->state = CHANGE_INTENT;
        c->approved_boottime_ns = intent->approved_boottime_ns;
        c->effect = (struct effect){ r->version < 2 ? LOST_UNKNOWN : intent->expected_usec_per_min,
                LOST_UNKNOWN, LOST_UNKNOWN };
        memcpy(c->container_id, intent->container_id, sizeof(c->container_id));

        c->changes_count = intent->changes_count;
        c->scope_mask = r->version < 2 ? 0 : intent->scope_mask;
        entry->first_seq = r->seq;
        entry->c.this_boot = memcmp(r->boot, changes->boot, sizeof(r->boot)) == 0;
        memcpy(entry->c.boot, r->boot, sizeof(entry->c.boot));

        changes->building = entry;
        changes->members = 1;
        changes->knobs_seen = 0;
        changes->crc_before = r->previous_crc;
        return 0;
}

static int take_state(
                struct changes *changes, struct changes_entry *entry, const struct record *r) {
        const struct record_state *s = &r->body.state;
        struct change *c = &entry->c.change;

        (void)changes;
        c->state = s->state;
        c->reason = s->reason;
        c->approved_boottime_ns = s->approved_boottime_ns;
        c->applied_boottime_ns = s->applied_boottime_ns;
        c->ended_boottime_ns = s->ended_boottime_ns;
        c->deadline_boottime_ns = s->deadline_boottime_ns;
        c->proven = s->proven;
        c->kept_mask = s->kept_mask;
        memcpy(c->kept, s->kept, sizeof(c->kept));
        if (r->version >= 2) {
                c->effect.before_usec_per_min = s->before_usec_per_min;
                c->effect.after_usec_per_min = s->after_usec_per_min;
        }
        if (!changes_live(entry))
                limits_done(&entry->c.before);
        return 0;
}

/* Version 1 knew only what an undo keeps, and left the kind's bytes as they were. */
static int take_step(struct changes *changes, struct changes_entry *entry, const struct record *r) {
        struct journal_step *step = &entry->c.steps[entry->c.steps_count];

        (void)changes;
        if (entry->c.steps_count == JOURNAL_STEPS_MAX)
                return 0;
        entry->c.steps_count++;
        *step = r->body.step;
        if (r->version < 2)
                step->kind = JOURNAL_KEPT;
        return 0;
}

static int take_name(char **own, const char **ret, const char *name) {
        free(*own);
        *own = strdup(name);
        *ret = *own;
        return *own ? 0 : -ENOMEM;
}

static int take_environment(
                struct changes *changes, struct changes_entry *entry, const struct record *r) {
        (void)changes;
        return take_name(&entry->environment, &entry->c.environment, r->body.name);
}

static int take_template(
                struct changes *changes, struct changes_entry *entry, const struct record *r) {
        (void)changes;
        return take_name(&entry->template, &entry->c.template, r->body.name);
}

static int take_limits(
                struct changes *changes, struct changes_entry *entry, const struct record *r) {
        const struct record_limits *limits = &r->body.limits;
        char *more;

        (void)entry;
        if (changes->limits_len + limits->len > LIMITS_MAX)
                return 0;
        more = realloc(changes->limits, changes->limits_len + limits->len + 1);
        if (!more)
                return -ENOMEM;
        memcpy(more + changes->limits_len, limits->bytes, limits->len);
        changes->limits = more;
        changes->limits_len += limits->len;
        return 0;
}

static int group_close(
                struct changes *changes, struct changes_entry *entry, const struct record *r) {
        int result = 0;

        if (r->body.members == changes->members &&
                        changes->knobs_seen == entry->c.change.changes_count) {
                result = parse_limits(changes, &entry->c.before);
                if (result >= 0)
                        result = insert(changes);
        }
        changes_drop_group(changes);
        return result;
}

static int take_knobs(
                struct changes *changes, struct changes_entry *entry, const struct record *r) {
        struct change *c = &entry->c.change;

        for (unsigned i = 0; i < RECORD_KNOBS && changes->knobs_seen < c->changes_count; i++)
                c->changes[changes->knobs_seen++] = r->body.changes[i];
        return 0;
}

static int take_ids(struct changes *changes, struct changes_entry *entry, const struct record *r) {
        uint64_t *reserved = &changes->reserved[r->body.ids.kind];

        (void)entry;
        *reserved = u64_max(*reserved, r->body.ids.reserved);
        return 0;
}

static int take_trust(
                struct changes *changes, struct changes_entry *entry, const struct record *r) {
        (void)entry;
        changes->trusted[r->body.trust.rule] = r->body.trust.change;
        return 0;
}

static int take_note(struct changes *changes, struct changes_entry *entry, const struct record *r) {
        (void)changes;
        memcpy(entry->c.note, r->body.note.text, sizeof(entry->c.note));
        return 0;
}

/* What becomes of a record: "group" within one alone, "change" only of one that is known. */
static const struct {
        int (*take)(struct changes *changes, struct changes_entry *entry, const struct record *r);
        bool group, change;
} takers[RECORD_TYPE_COUNT] = {
        [RECORD_INTENT] = { group_open, false, false },
        [RECORD_KNOB_CHANGES] = { take_knobs, true, true },
        [RECORD_LIMITS] = { take_limits, true, true },
        [RECORD_END] = { group_close, true, true },
        [RECORD_STATE] = { take_state, false, true },
        [RECORD_STEP] = { take_step, false, true },
        [RECORD_NOTE] = { take_note, false, true },
        [RECORD_IDS] = { take_ids, false, false },
        [RECORD_ENVIRONMENT] = { take_environment, true, true },
        [RECORD_TEMPLATE] = { take_template, true, true },
        [RECORD_TRUST] = { take_trust, false, false },
};

int changes_apply(struct changes *changes, const struct record *r) {
        struct changes_entry *entry = changes->building;

        if (entry && (entry->c.change.number != r->change || r->type == RECORD_INTENT)) {
                changes_drop_group(changes);
                entry = NULL;
        }
        if (!entry)
                entry = changes_find(changes, r->change);
        else
                changes->members++;
        if (!takers[r->type].take || (takers[r->type].group && !changes->building) ||
                        (takers[r->type].change && !entry))
                return 0;
        return takers[r->type].take(changes, entry, r);
}
