/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/samples.h"

static bool cold(enum sample_id id) {
        return id > SAMPLE_PIDS_CURRENT && id < SAMPLE_LADDER_CPU_5;
}

void series_make(struct series *s, size_t count, const struct field *fields, size_t fields_count) {
        *s = (struct series){ .view = { s->samples, count } };
        for (size_t i = 0; i < count; i++) {
                struct sample *x = &s->samples[i];

                x->boottime_ns = (5000 + i) * NSEC_PER_SEC + i % 3 * 20 * NSEC_PER_MSEC;
                for (size_t k = 0; k < fields_count; k++) {
                        const struct field *f = &fields[k];

                        if (cold(f->id) && i % 10 != 0)
                                continue;
                        x->present |= 1ULL << f->id;
                        x->value[f->id] = f->value + (uint64_t)f->per_sec * i;
                }
        }
}

void series_pause(struct series *s, enum sample_id id, size_t from, size_t to) {
        uint64_t lost = s->samples[to].value[id] - s->samples[from].value[id];

        for (size_t i = from; i < to; i++)
                s->samples[i].value[id] = s->samples[from].value[id];
        for (size_t i = to; i < s->view.count; i++)
                s->samples[i].value[id] -= lost;
}

void series_set(struct series *s, enum sample_id id, size_t from, uint64_t value) {
        for (size_t i = from; i < s->view.count; i++)
                s->samples[i].value[id] = value;
}
