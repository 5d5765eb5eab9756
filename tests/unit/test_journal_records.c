/* SPDX-License-Identifier: Apache-2.0 */
/* Which records count, and what becomes of those that do not belong together. */
#include "state/journal/changes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct record make(enum record_type type, uint64_t change) {
        struct record r = { .type = (uint16_t)type, .seq = 7, .change = change };

        if (type == RECORD_INTENT)
                r.body.intent.changes_count = 1;
        if (type == RECORD_END)
                r.body.members = 3;
        record_seal(&r);
        return r;
}

static void set_version(struct record *r, uint16_t version) {
        r->version = version;
        r->crc = crc32c(r, offsetof(struct record, crc));
}

/* --- one record by itself --- */

static void a_number_out_of_its_range_makes_a_record_bad(void **state) {
#define FIELD(name) offsetof(struct record, name), sizeof(((struct record *)NULL)->name)
        static const struct {
                enum record_type type;
                size_t offset, size;
                uint64_t value;
        } rows[] = {
                { RECORD_INTENT, FIELD(body.intent.changes_count), PROPOSAL_KNOBS_MAX + 1 },
                { RECORD_INTENT, FIELD(body.intent.rule), RULE_COUNT },
                { RECORD_INTENT, FIELD(body.intent.owner), OWNER_SYSTEMD + 1 },
                { RECORD_KNOB_CHANGES, FIELD(body.changes[0].knob), KNOB_COUNT },
                { RECORD_KNOB_CHANGES, FIELD(body.changes[3].knob), KNOB_CPU_IDLE },
                { RECORD_LIMITS, FIELD(body.limits.len), RECORD_LIMITS_BYTES + 1 },
                { RECORD_STATE, FIELD(body.state.state), CHANGE_STATE_COUNT },
                { RECORD_STATE, FIELD(body.state.reason), REASON_COUNT },
                { RECORD_STEP, FIELD(body.step.position), PROPOSAL_KNOBS_MAX },
                { RECORD_STEP, FIELD(body.step.kind), JOURNAL_STEP_KIND_COUNT },
                { RECORD_TRUST, FIELD(body.trust.rule), RULE_COUNT },
                { RECORD_IDS, FIELD(body.ids.kind), IDS_KIND_COUNT },
                { RECORD_IDS, FIELD(body.ids.reserved), UINT64_MAX / 2 },
                { RECORD_END, FIELD(type), RECORD_TYPE_COUNT },
                { RECORD_END, FIELD(seq), 0 },
                { RECORD_END, FIELD(seq), UINT64_MAX },
        };
#undef FIELD
        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct record r = make(rows[i].type, 1);

                assert_int_equal(record_check(&r), RECORD_GOOD);
                memcpy((char *)&r + rows[i].offset, &rows[i].value, rows[i].size);
                record_seal(&r);
                assert_int_equal(record_check(&r), RECORD_BAD);
        }
}

static void a_text_without_an_end_makes_a_record_bad(void **state) {
        static const enum record_type types[] = { RECORD_INTENT, RECORD_NOTE, RECORD_ENVIRONMENT,
                RECORD_TEMPLATE };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(types); i++) {
                struct record r = make(types[i], 1);
                char *text = types[i] == RECORD_INTENT ? r.body.intent.container_id
                             : types[i] == RECORD_NOTE ? r.body.note.text
                                                       : r.body.name;

                assert_int_equal(record_check(&r), RECORD_GOOD);
                memset(text, 'a',
                                types[i] == RECORD_INTENT ? CONTAINER_ID_SIZE
                                : types[i] == RECORD_NOTE ? JOURNAL_NOTE_MAX
                                                          : JOURNAL_NAME_MAX);
                record_seal(&r);
                assert_int_equal(record_check(&r), RECORD_BAD);
        }
}

static void a_version_is_known_newer_or_none(void **state) {
        struct record r = make(RECORD_END, 1);

        (void)state;
        set_version(&r, JOURNAL_VERSION + 1);
        assert_int_equal(record_check(&r), RECORD_NEWER);
        set_version(&r, 0);
        assert_int_equal(record_check(&r), RECORD_BAD);
        set_version(&r, 1);
        assert_int_equal(record_check(&r), RECORD_GOOD);
        r = make(RECORD_STEP, 1);
        r.body.step.kind = 0xffff; /* not said in version 1 */
        set_version(&r, 1);
        assert_int_equal(record_check(&r), RECORD_GOOD);
}

/* --- what they make together --- */

static void take(struct changes *c, struct record r) {
        assert_int_equal(changes_apply(c, &r), 0);
}

/* A whole group: intent, one knob, end. */
static void take_group(struct changes *c, uint64_t number, uint64_t proposal, uint16_t version) {
        struct record r = make(RECORD_INTENT, number);

        r.body.intent.proposal = proposal;
        r.body.intent.scope_mask = 1;
        r.body.intent.expected_usec_per_min = 5;
        set_version(&r, version);
        take(c, r);
        take(c, make(RECORD_KNOB_CHANGES, number));
        take(c, make(RECORD_END, number));
}

static void a_record_of_version_1_has_no_effect_and_keeps_what_it_wrote(void **state) {
        struct changes c = { 0 };
        struct changes_entry *e;
        struct record r = make(RECORD_STEP, 1);

        (void)state;
        take_group(&c, 1, 9, 1);
        r.body.step.kind = 0xffff;
        set_version(&r, 1);
        take(&c, r);
        r = make(RECORD_STATE, 1);
        r.body.state.state = CHANGE_PROBATION;
        r.body.state.before_usec_per_min = 3;
        set_version(&r, 1);
        take(&c, r);
        e = changes_find(&c, 1);
        assert_non_null(e);
        assert_int_equal(e->c.change.effect.expected_usec_per_min, LOST_UNKNOWN);
        assert_int_equal(e->c.change.effect.before_usec_per_min, LOST_UNKNOWN);
        assert_int_equal(e->c.change.scope_mask, 0);
        assert_int_equal(e->c.steps[0].kind, JOURNAL_KEPT);
        changes_done(&c);
}

static void a_group_that_is_not_whole_does_not_count(void **state) {
        struct changes c = { 0 };
        struct record r = make(RECORD_END, 1);

        (void)state;
        take(&c, make(RECORD_INTENT, 1));
        take(&c, make(RECORD_KNOB_CHANGES, 1));
        r.body.members = 4; /* one is missing */
        take(&c, r);
        assert_null(changes_find(&c, 1));
        r = make(RECORD_INTENT, 1);
        r.body.intent.changes_count = 5; /* of which four are told */
        take(&c, r);
        take(&c, make(RECORD_KNOB_CHANGES, 1));
        take(&c, make(RECORD_END, 1));
        assert_null(changes_find(&c, 1));
        take(&c, make(RECORD_INTENT, 1));
        take(&c, make(RECORD_KNOB_CHANGES, 2)); /* of another one */
        take(&c, make(RECORD_END, 1));
        assert_null(changes_find(&c, 1));
        changes_done(&c);
}

static void a_group_that_begins_anew_counts_from_there(void **state) {
        struct changes c = { 0 };

        (void)state;
        take(&c, make(RECORD_INTENT, 1));
        take_group(&c, 1, 9, JOURNAL_VERSION);
        assert_int_equal(changes_find(&c, 1)->c.change.proposal, 9);
        changes_done(&c);
}

static void a_later_group_of_a_number_takes_the_place_of_the_first(void **state) {
        struct changes c = { 0 };

        (void)state;
        take_group(&c, 1, 9, JOURNAL_VERSION);
        take_group(&c, 2, 10, JOURNAL_VERSION);
        take_group(&c, 1, 11, JOURNAL_VERSION);
        assert_int_equal(c.count, 2);
        assert_int_equal(changes_find(&c, 1)->c.change.proposal, 11);
        changes_done(&c);
}

static void what_belongs_to_nothing_is_passed_over(void **state) {
        static const enum record_type types[] = { RECORD_KNOB_CHANGES, RECORD_LIMITS, RECORD_END,
                RECORD_STATE, RECORD_STEP, RECORD_NOTE, RECORD_ENVIRONMENT };
        struct changes c = { 0 };
        struct record r = make(RECORD_END, 1);

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(types); i++)
                take(&c, make(types[i], 1));
        assert_int_equal(c.count, 0);
        r.type = 0;
        take(&c, r);
        take_group(&c, 1, 9, JOURNAL_VERSION);
        take(&c, make(RECORD_LIMITS, 1)); /* behind the end of its group */
        assert_null(c.limits);
        changes_done(&c);
}

static void steps_beyond_their_room_are_passed_over(void **state) {
        struct changes c = { 0 };
        struct record r = make(RECORD_STEP, 1);

        (void)state;
        take_group(&c, 1, 9, JOURNAL_VERSION);
        for (unsigned i = 0; i < JOURNAL_STEPS_MAX + 2; i++) {
                r.body.step.value.amount = i;
                take(&c, r);
        }
        assert_int_equal(changes_find(&c, 1)->c.steps_count, JOURNAL_STEPS_MAX);
        assert_int_equal(changes_find(&c, 1)->c.steps[JOURNAL_STEPS_MAX - 1].value.amount,
                        JOURNAL_STEPS_MAX - 1);
        changes_done(&c);
}

/* One change whose limits are these bytes. */
static struct limits limits_of(struct changes *c, const char *bytes, size_t len) {
        struct record r = make(RECORD_LIMITS, 1), last = make(RECORD_END, 1);

        take(c, make(RECORD_INTENT, 1));
        take(c, make(RECORD_KNOB_CHANGES, 1));
        r.body.limits.len = (uint32_t)len;
        memcpy(r.body.limits.bytes, bytes, len);
        take(c, r);
        last.body.members = 4;
        take(c, last);
        return changes_find(c, 1)->c.before;
}

static void limits_are_read_up_to_where_they_make_sense(void **state) {
        static const char known[] = "pids.max\0"
                                    "100\0no.such.file\0"
                                    "7\0pids.max\0"
                                    "200\0cpu.weight\0"
                                    "50";
        struct changes c = { 0 };
        struct limits limits = limits_of(&c, known, sizeof(known));

        (void)state;
        assert_string_equal(limits.text[KNOB_PIDS_MAX], "100"); /* the first of two */
        assert_string_equal(limits.text[KNOB_CPU_WEIGHT], "50");
        changes_done(&c);
        c = (struct changes){ 0 };
        limits = limits_of(&c, known, sizeof(known) - 1); /* the last text has no end */
        assert_string_equal(limits.text[KNOB_PIDS_MAX], "100");
        assert_null(limits.text[KNOB_CPU_WEIGHT]);
        changes_done(&c);
        c = (struct changes){ 0 };
        limits = limits_of(&c, "pids.max", 8);
        assert_null(limits.text[KNOB_PIDS_MAX]);
        changes_done(&c);
}

static void more_limits_than_there_can_be_are_passed_over(void **state) {
        size_t most = (size_t)KNOB_COUNT * (KNOB_NAME_MAX + KNOB_TEXT_MAX);
        struct changes c = { 0 };
        struct record r = make(RECORD_LIMITS, 1);

        (void)state;
        r.body.limits.len = RECORD_LIMITS_BYTES;
        take(&c, make(RECORD_INTENT, 1));
        for (size_t i = 0; i <= most / RECORD_LIMITS_BYTES + 1; i++)
                take(&c, r);
        assert_true(c.limits_len <= most);
        changes_done(&c);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_number_out_of_its_range_makes_a_record_bad),
                cmocka_unit_test(a_text_without_an_end_makes_a_record_bad),
                cmocka_unit_test(a_version_is_known_newer_or_none),
                cmocka_unit_test(a_record_of_version_1_has_no_effect_and_keeps_what_it_wrote),
                cmocka_unit_test(a_group_that_is_not_whole_does_not_count),
                cmocka_unit_test(a_group_that_begins_anew_counts_from_there),
                cmocka_unit_test(a_later_group_of_a_number_takes_the_place_of_the_first),
                cmocka_unit_test(what_belongs_to_nothing_is_passed_over),
                cmocka_unit_test(steps_beyond_their_room_are_passed_over),
                cmocka_unit_test(limits_are_read_up_to_where_they_make_sense),
                cmocka_unit_test(more_limits_than_there_can_be_are_passed_over),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
