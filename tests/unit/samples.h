/* SPDX-License-Identifier: Apache-2.0 */
/* Makes series of samples for the tests of rules: one a second, cold fields every tenth. */
#pragma once

#include "policies/analysis/analysis.h"

#define SERIES_MAX 120

struct series {
        struct sample samples[SERIES_MAX];
        struct view view;
};

/* One field: its value in the first sample and its growth a second. */
struct field {
        enum sample_id id;
        uint64_t value;
        int64_t per_sec;
};

/*
 * Fills @s with @count samples. Fields of memory.stat, pids.events and limits are in every tenth.
 */
void series_make(struct series *s, size_t count, const struct field *fields, size_t fields_count);

/* Sets the growth of a counter to nothing from sample @from to sample @to. */
void series_pause(struct series *s, enum sample_id id, size_t from, size_t to);

/* Sets a gauge from sample @from on. */
void series_set(struct series *s, enum sample_id id, size_t from, uint64_t value);
