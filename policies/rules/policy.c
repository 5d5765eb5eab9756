/* SPDX-License-Identifier: Apache-2.0 */
#include "policies/rules/policy.h"

#include <fnmatch.h>
#include <string.h>

/* What the engine may still say, or said at such length that it was not read. */
static bool may_have_a_name(const struct container *container, const struct identity *identity) {
        enum engine_kind engine;

        if (!identity)
                return identity_engines(container, &engine) != 0;
        return identity_statuses[identity->status].retry ||
               identity->status == IDENTITY_TOO_LARGE ||
               identity->notes & IDENTITY_LABELS_TRUNCATED;
}

void policy_subject_of(const struct container *container, const struct identity *identity,
                struct policy_subject *ret) {
        *ret = (struct policy_subject){ .cgroup = container->cgroup,
                .known = !may_have_a_name(container, identity) };
        if (!identity || identity->status != IDENTITY_FOUND)
                return;
        if (identity->environment_rule != ENVIRONMENT_ID)
                ret->environment = identity->environment;
        if (identity->template_rule != TEMPLATE_NONE)
                ret->template = identity->template;
}

static bool asks_for_none(const char *pattern) {
        return pattern[0] == '\0' || strcmp(pattern, "*") == 0;
}

static bool matches(const char *pattern, const char *name) {
        return asks_for_none(pattern) || (name && fnmatch(pattern, name, 0) == 0);
}

static bool is_below(const char *cgroup, const char *above) {
        size_t len = strlen(above);

        return len == 0 || (strncmp(cgroup, above, len) == 0 && cgroup[len] == '/');
}

const struct policy *policy_find(const struct policies *policies, const struct policy_subject *s,
                enum rule_id rule) {
        for (size_t i = 0; i < policies->count; i++) {
                const struct policy *p = &policies->list[i];

                if (!(p->rules >> rule & 1) || !is_below(s->cgroup, p->below))
                        continue;
                if (!s->known && !(asks_for_none(p->environment) && asks_for_none(p->template)))
                        return NULL;
                if (matches(p->environment, s->environment) && matches(p->template, s->template))
                        return p;
        }
        return NULL;
}

const struct knob_value *policy_at_most(const struct policy *policy, enum knob_id id) {
        for (unsigned i = 0; i < policy->at_most_count; i++)
                if (policy->at_most[i].knob == id)
                        return &policy->at_most[i].most;
        return NULL;
}
