/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of the vocabulary, each made from its one list of rows. */
#include "state/change.h"
#include "state/event.h"
#include "state/loss.h"
#include "state/sample.h"

#include <string.h>

#define KNOB_ROW(id, file, unit, settable, least, most, standard, danger, property)                \
        [KNOB_##id] = { file, unit, settable, least, most, standard, danger, property },
const struct knob knobs[KNOB_COUNT] = { KNOB_TABLE(KNOB_ROW) };

#define SAMPLE_ROW(id, file, key, kind, unit) [SAMPLE_##id] = { #id, file, key, kind, unit },
const struct sample_field sample_fields[SAMPLE_COUNT] = { SAMPLE_TABLE(SAMPLE_ROW) };

#define RULE_ROW(id, name, title) [RULE_##id] = { name, title },
const struct rule rules[RULE_COUNT] = { RULE_TABLE(RULE_ROW) };

#define EVIDENCE_ROW(id, rule, index, name, unit) { RULE_##rule, index, name, unit },
const struct evidence_row evidence_rows[] = { EVIDENCE_TABLE(EVIDENCE_ROW) };
const size_t evidence_rows_count = ARRAY_LEN(evidence_rows);

#define CHANGE_STATE_ROW(id, name, open) [CHANGE_##id] = { name, open },
const struct change_state_row change_states[CHANGE_STATE_COUNT] = { CHANGE_STATE_TABLE(
                CHANGE_STATE_ROW) };

#define EVENT_ROW(id, message_id) [EVENT_##id] = (message_id),
const char *const event_message_ids[EVENT_COUNT] = { EVENT_TABLE(EVENT_ROW) };

#define REASON_ROW(id, code, text) [REASON_##id] = { code, text },
const struct reason_row reasons[REASON_COUNT] = { REASON_TABLE(REASON_ROW) };

#define LOSS_ROW(id, text) [LOSS_##id] = (text),
const char *const loss_texts[LOSS_COUNT] = { LOSS_TABLE(LOSS_ROW) };

int change_state_from_name(const char *name) {
        for (int i = 0; i < CHANGE_STATE_COUNT; i++)
                if (strcmp(change_states[i].name, name) == 0)
                        return i;
        return -EINVAL;
}

int reason_from_code(const char *code) {
        for (int i = 0; i < REASON_COUNT; i++)
                if (strcmp(reasons[i].code, code) == 0)
                        return i;
        return -EINVAL;
}
