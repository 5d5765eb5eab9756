/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A view: samples of one container, oldest first, that a rule looks at. No copy, no clock: "now" is
 * the time of the last sample.
 */
#pragma once

#include "state/sample.h"

struct view {
        const struct sample *samples;
        size_t count;
};

/*
 * Evidence comes in parts: a symptom counts when every one of the last three parts shows it, so
 * that one bad moment, however bad, is none.
 */
#define VIEW_PART_NS       (10 * NSEC_PER_SEC)
#define VIEW_PARTS_MIN     3                   /* 30 s before a finding */
#define VIEW_MEASURE_NS    (60 * NSEC_PER_SEC) /* a finding's numbers are of the last minute */
#define VIEW_JITTER_NS     (NSEC_PER_SEC / 2)  /* a sweep comes early or late by this much */
#define VIEW_PART_COVER_NS (7 * NSEC_PER_SEC)  /* a part with larger holes proves nothing */
#define VIEW_HOLE_NS       (5 * NSEC_PER_SEC)  /* a sample this much before a part is not of it */
#define VIEW_PER_MINUTE(usec, window_usec)                                                         \
        ((window_usec) == 0 ? 0 : (usec) * (60 * USEC_PER_SEC) / (window_usec))

/* The last value of a field; false when no sample has it. */
bool view_value(const struct view *v, enum sample_id id, uint64_t *ret);

/* Growth of a counter between the first and the last sample that have it. */
uint64_t view_delta(const struct view *v, enum sample_id id);

/* Time between these two, in microseconds; 0 when fewer than two have it. */
uint64_t view_extent_usec(const struct view *v, enum sample_id id);

/* The largest value of a field; 0 when no sample has it. */
uint64_t view_peak(const struct view *v, enum sample_id id);

/* Time from the first to the last sample. */
uint64_t view_span_usec(const struct view *v);

/*
 * The end of @v from @from_boottime_ns on: it begins with the last sample that is not later (half a
 * second of jitter aside), so that growth since then is whole.
 */
struct view view_from(const struct view *v, uint64_t from_boottime_ns);

/* The end of @v since when a gauge has the value that it has now: a limit that was changed makes
 * what was seen under the old one void. */
struct view view_unchanged(const struct view *v, enum sample_id id);

/*
 * Time that a resource's tasks were stalled at least, by the ladder alone: ladder_usec().
 *
 * @id:     the resource's 5 % counter, SAMPLE_LADDER_MEMORY_5
 * Returns: microseconds, at most the view's span
 */
uint64_t view_stalled_usec(const struct view *v, enum sample_id id);

/*
 * Walks back from the end in parts of 10 s while @symptom is seen in each.
 *
 * @limit:        handed to @symptom: the limit that @v was taken under
 * @ret_since_ns: begin of the oldest such part
 * Returns:       whether there are at least three: the evidence is complete
 */
bool view_sustained(const struct view *v, bool (*symptom)(const struct view *part, uint64_t limit),
                uint64_t limit, uint64_t *ret_since_ns);
