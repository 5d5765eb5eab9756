/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The size of a brake: half of the most that the disk was seen to do, so that half of it is there
 * for all others. A disk does much less of small or scattered IO than that most, and then half of
 * it would brake nothing: where the container is not well above it, it is half of what the disk
 * does now, of which the container has more than that by its finding.
 *
 *     new = most / 2, or disk's now / 2 where most / 2 > 9/10 of the container's use
 *
 * What the container uses now is no floor: it is what the other one waits for. A limit that is
 * there already and is as tight stays.
 *
 * What is expected to be lost then: the other one waits in proportion to what is let before it.
 */
#include "policies/sizing/sizing.h"

#define WHOLE_BYTES (64 * KIB)

enum reason sizing_io_brake(
                const struct finding *f, const struct sizing_host *host, struct proposal *p) {
        const uint64_t *e = f->evidence;
        struct knob_value old = { .amount = e[EVIDENCE_BRAKE_LIMIT], .key = e[EVIDENCE_BRAKE_KEY] };
        const struct io_limit_row *row = &io_limits[io_key_limit(old.key)];
        uint64_t use = e[EVIDENCE_BRAKE_USE], window = e[EVIDENCE_BRAKE_WINDOW];
        uint64_t cap = e[EVIDENCE_BRAKE_MOST] / 2;

        (void)host;
        if (window == 0 || use == 0)
                return REASON_NO_CHANGE;
        if (cap > use / 10 * 9)
                cap = e[EVIDENCE_BRAKE_DISK_DONE] / 2 * USEC_PER_SEC / window;
        if (row->bytes)
                cap -= cap % WHOLE_BYTES;
        cap = u64_max(cap, row->least);
        if (cap >= use || cap >= old.amount)
                return REASON_NO_CHANGE;

        p->risk = RISK_MEDIUM;
        sizing_add(p, KNOB_IO_MAX, old, cap);
        p->expected_usec_per_min = f->lost_usec_per_min * cap / use;
        return REASON_NONE;
}
