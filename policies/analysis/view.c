/* SPDX-License-Identifier: Apache-2.0 */
#include "policies/analysis/view.h"

static const struct sample *first_with(const struct view *v, enum sample_id id) {
        for (size_t i = 0; i < v->count; i++)
                if (v->samples[i].present >> id & 1)
                        return &v->samples[i];
        return NULL;
}

static const struct sample *last_with(const struct view *v, enum sample_id id) {
        for (size_t i = v->count; i > 0; i--)
                if (v->samples[i - 1].present >> id & 1)
                        return &v->samples[i - 1];
        return NULL;
}

bool view_value(const struct view *v, enum sample_id id, uint64_t *ret) {
        const struct sample *s = last_with(v, id);

        if (!s)
                return false;
        *ret = s->value[id];
        return true;
}

uint64_t view_delta(const struct view *v, enum sample_id id) {
        const struct sample *first = first_with(v, id), *last = last_with(v, id);

        return first ? u64_sub(last->value[id], first->value[id]) : 0;
}

uint64_t view_extent_usec(const struct view *v, enum sample_id id) {
        const struct sample *first = first_with(v, id), *last = last_with(v, id);

        return first && last ? (last->boottime_ns - first->boottime_ns) / NSEC_PER_USEC : 0;
}

uint64_t view_peak(const struct view *v, enum sample_id id) {
        uint64_t peak = 0;

        for (size_t i = 0; i < v->count; i++)
                if (v->samples[i].present >> id & 1)
                        peak = u64_max(peak, v->samples[i].value[id]);
        return peak;
}

uint64_t view_span_usec(const struct view *v) {
        if (v->count == 0)
                return 0;
        return (v->samples[v->count - 1].boottime_ns - v->samples[0].boottime_ns) / NSEC_PER_USEC;
}

struct view view_from(const struct view *v, uint64_t from_boottime_ns) {
        size_t i = v->count;

        while (i > 0 && v->samples[i - 1].boottime_ns > from_boottime_ns + VIEW_JITTER_NS)
                i--;
        if (i > 0)
                i--;
        return (struct view){ v->samples + i, v->count - i };
}

struct view view_unchanged(const struct view *v, enum sample_id id) {
        const struct sample *last = last_with(v, id);
        size_t i = v->count;

        if (!last)
                return (struct view){ v->samples, 0 };

        /* Samples between two readings of the limit count for the older reading. */
        for (size_t k = v->count; k > 0; k--) {
                const struct sample *s = &v->samples[k - 1];

                if (!(s->present >> id & 1))
                        continue;
                if (s->value[id] != last->value[id])
                        break;
                i = k - 1;
        }
        return (struct view){ v->samples + i, v->count - i };
}

uint64_t view_stalled_usec(const struct view *v, enum sample_id id) {
        uint64_t usec = ladder_usec(
                        view_delta(v, id), view_delta(v, id + 1), view_delta(v, id + 2));

        return u64_min(usec, view_span_usec(v));
}

/* The samples of one part: from the last one not later than its begin to the last one in it. */
static struct view part_of(const struct view *v, uint64_t begin_ns, uint64_t end_ns) {
        struct view part = view_from(v, begin_ns);

        while (part.count > 0 && part.samples[part.count - 1].boottime_ns > end_ns + VIEW_JITTER_NS)
                part.count--;
        return part;
}

bool view_sustained(const struct view *v, bool (*symptom)(const struct view *part, uint64_t limit),
                uint64_t limit, uint64_t *ret_since_ns) {
        uint64_t end_ns, since_ns = 0;
        unsigned parts = 0;

        if (v->count == 0)
                return false;

        end_ns = v->samples[v->count - 1].boottime_ns;
        while (end_ns > VIEW_PART_NS) {
                uint64_t begin_ns = end_ns - VIEW_PART_NS;
                struct view part = part_of(v, begin_ns, end_ns);

                if (view_span_usec(&part) * NSEC_PER_USEC < VIEW_PART_COVER_NS ||
                                part.samples[0].boottime_ns > begin_ns + VIEW_JITTER_NS ||
                                part.samples[0].boottime_ns + VIEW_HOLE_NS < begin_ns ||
                                !symptom(&part, limit))
                        break;
                since_ns = begin_ns;
                end_ns = begin_ns;
                parts++;
        }
        if (parts < VIEW_PARTS_MIN)
                return false;

        *ret_since_ns = since_ns;
        return true;
}
