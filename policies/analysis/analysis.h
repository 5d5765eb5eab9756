/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules that find bottlenecks, one file each, all pure: the same samples give the same finding.
 *
 * They rest on what a container cannot falsify: cpu.stat's throttling, memory.events, refaults,
 * pids.events and the counters of the privileged trigger ladder; never on pressure totals, which
 * any process of the container can push down by reading them often.
 */
#pragma once

#include "policies/analysis/view.h"
#include "state/finding.h"

/*
 * Whether the evidence is complete at the view's last sample.
 *
 * @v:      some minutes of samples; a minute and a half is enough
 * @ret:    since, until, lost and evidence; rule and container are the caller's
 * Returns: whether there is a finding; *ret is written only then
 */
typedef bool (*rule_evaluate)(const struct view *v, struct finding *ret);

bool cpu_quota_evaluate(const struct view *v, struct finding *ret);
bool memory_limit_evaluate(const struct view *v, struct finding *ret);
bool memory_high_evaluate(const struct view *v, struct finding *ret);
bool pids_limit_evaluate(const struct view *v, struct finding *ret);

struct analysis_rule {
        rule_evaluate evaluate; /* NULL: none that looks at one container alone (io_brake.h) */
        uint64_t needs;         /* fields without which it has nothing to say, by enum sample_id */
        bool (*symptom)(const struct sample *before, const struct sample *now);
};

extern const struct analysis_rule analysis_rules[RULE_COUNT];

/*
 * Which rules are worth evaluating after a sample: those whose symptom shows in it. It is a few
 * comparisons, so that a container without trouble costs nothing more.
 *
 * @before, @now: two samples in a row, with the last known value of every field filled in
 * Returns:       bit mask by enum rule_id
 */
unsigned analysis_suspects(const struct sample *before, const struct sample *now);

/* Evaluates one rule and fills in its id. */
bool analysis_evaluate(enum rule_id rule, const struct view *v, struct finding *ret);
