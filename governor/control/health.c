/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/control/health.h"

#include "governor/control/control.h"
#include "policies/rules/transition.h"

void health_look(struct control *c, struct run *run, uint64_t now_ns) {
        const struct identity *i = run->container->identity;

        if (!i || i->health == HEALTH_NONE ||
                        (run->health_ns != 0 && u64_sub(now_ns, run->health_ns) < HEALTH_ASK_NS))
                return;
        run->health_ns = now_ns;
        identifier_again(c, run->container);
}

/* An engine says "unhealthy" after some failures, which may be after the end of a probation. */
static bool begins_to_fail(const struct run *run, bool failing, uint32_t streak) {
        return (failing && !run->health_failed) ||
               (run->health_clean && streak >= HEALTH_STREAK_MAX);
}

void health_heard(struct control *c, struct managed *m) {
        bool failing = m->identity->health == HEALTH_UNHEALTHY;
        uint32_t streak = m->identity->failing_streak;

        for (struct run *run = c->engine.runs, *next; run; run = next) {
                next = run->next;
                if (run->container != m || run->health_ns == 0 ||
                                !change_on_probation(run->change.state))
                        continue;
                if (!run->health_known)
                        run->health_clean = streak == 0;
                else if (begins_to_fail(run, failing, streak))
                        (void)engine_undo(c, run, REASON_UNHEALTHY, reasons[REASON_UNHEALTHY].text);
                run->health_known = true;
                run->health_failed = failing;
        }
}
