/* SPDX-License-Identifier: Apache-2.0 */
/* The one table of rules. A new rule is one file and one row here. */
#include "policies/analysis/analysis.h"

#define NEED(id) (1ULL << SAMPLE_##id)

static bool throttled(const struct sample *before, const struct sample *now) {
        return sample_delta(before, now, SAMPLE_CPU_THROTTLED_PERIODS) > 0;
}

static bool hit_max(const struct sample *before, const struct sample *now) {
        return sample_delta(before, now, SAMPLE_MEMORY_EVENTS_MAX) > 0;
}

static bool hit_high(const struct sample *before, const struct sample *now) {
        return sample_delta(before, now, SAMPLE_MEMORY_EVENTS_HIGH) > 0;
}

/* Half of what the rule wants at once: a peak between two sweeps may have been higher. */
static bool many_tasks(const struct sample *before, const struct sample *now) {
        return sample_delta(before, now, SAMPLE_PIDS_EVENTS_MAX) > 0 ||
               now->value[SAMPLE_PIDS_CURRENT] >= now->value[SAMPLE_LIMIT_PIDS_MAX] / 2;
}

const struct analysis_rule analysis_rules[RULE_COUNT] = {
        [RULE_CPU_QUOTA] = { cpu_quota_evaluate,
                        NEED(CPU_PERIODS) | NEED(CPU_THROTTLED_PERIODS) | NEED(CPU_THROTTLED) |
                                        NEED(LIMIT_CPU_QUOTA) | NEED(LIMIT_CPU_PERIOD),
                        throttled },
        [RULE_MEMORY_LIMIT] = { memory_limit_evaluate,
                        NEED(MEMORY_EVENTS_MAX) | NEED(LIMIT_MEMORY_MAX) | NEED(LADDER_MEMORY_5),
                        hit_max },
        [RULE_MEMORY_HIGH] = { memory_high_evaluate,
                        NEED(MEMORY_EVENTS_HIGH) | NEED(LIMIT_MEMORY_HIGH) | NEED(LADDER_MEMORY_5),
                        hit_high },
        [RULE_PIDS_LIMIT] = { pids_limit_evaluate, NEED(PIDS_CURRENT) | NEED(LIMIT_PIDS_MAX),
                        many_tasks },
};

unsigned analysis_suspects(const struct sample *before, const struct sample *now) {
        unsigned suspects = 0;

        for (unsigned i = 0; i < RULE_COUNT; i++) {
                const struct analysis_rule *rule = &analysis_rules[i];

                if (rule->evaluate && (now->present & rule->needs) == rule->needs &&
                                rule->symptom(before, now))
                        suspects |= 1U << i;
        }
        return suspects;
}

bool analysis_evaluate(enum rule_id rule, const struct view *v, struct finding *ret) {
        struct finding f = { .rule = rule };

        if (!analysis_rules[rule].evaluate || !analysis_rules[rule].evaluate(v, &f))
                return false;
        *ret = f;
        return true;
}
