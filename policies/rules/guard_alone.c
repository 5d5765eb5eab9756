/* SPDX-License-Identifier: Apache-2.0 */
#include "policies/rules/guard_alone.h"

#include <stdio.h>
#include <string.h>

bool guard_warn(struct guard_answer *answer, const char *format, ...) {
        char *text = answer->text;
        size_t size = sizeof(answer->text), len = strlen(text);
        va_list args;

        if (len > 0)
                len += (size_t)snprintf(text + len, size - len, "; ");
        if (len >= size)
                return true;
        va_start(args, format);
        (void)vsnprintf(text + len, size - len, format, args);
        va_end(args);
        return true;
}

static bool check_knob(const struct guard_container *container, const struct knob_change *change,
                struct guard_answer *answer) {
        const struct policy *policy = container->policy;
        const struct knob_value *most = policy_at_most(policy, change->knob);
        const char *file = knobs[change->knob].file;
        char text[KNOB_VALUE_TEXT_MAX];

        if (!most)
                return !guard_warn(answer, "policy %u does not name %s: yours to decide",
                                policy->number, file);
        if (container->claimed >> change->knob & 1)
                return !guard_warn(answer,
                                "%s is what a person or another program made it: yours to decide",
                                file);
        if (knob_compare(change->knob, change->new, *most) <= 0)
                return true;
        knob_format(change->knob, *most, text, sizeof(text));
        return !guard_warn(answer, "policy %u goes to %s of %s at most: yours to decide",
                        policy->number, text, file);
}

/* Too much at once is no reason to refuse: it waits for its turn, or for a person. */
static bool check_pace(const struct guard_host *host, const struct guard_container *container,
                struct guard_answer *answer) {
        unsigned number = container->policy->number;

        if (host->paused)
                return !guard_warn(answer, "policy %u waits until dtgov resume", number);
        if (container->changes_last_hour >= GUARD_CHANGES_PER_HOUR)
                return !guard_warn(answer,
                                "policy %u waits: %u changes of this container in the last hour, "
                                "at most %d without a person",
                                number, container->changes_last_hour, GUARD_CHANGES_PER_HOUR);
        if (host->under_way >= GUARD_PROBATIONS_MAX)
                return !guard_warn(answer,
                                "policy %u waits: %u changes are under way on this host, at most "
                                "%d without a person",
                                number, host->under_way, GUARD_PROBATIONS_MAX);
        return true;
}

bool guard_alone(const struct guard_host *host, const struct guard_container *container,
                const struct proposal *p, struct guard_answer *answer) {
        static const char *const risks[] = { "low", "medium", "high" };
        const struct policy *policy = container->policy;

        if (!policy || policy->mode != POLICY_AUTO || container->untrusted)
                return false;
        for (unsigned i = 0; i < p->changes_count; i++)
                if (!check_knob(container, &p->changes[i], answer))
                        return false;
        if (answer->risk > policy->risk)
                return !guard_warn(answer, "policy %u does not take a %s risk: yours to decide",
                                policy->number, risks[answer->risk]);
        return check_pace(host, container, answer);
}
