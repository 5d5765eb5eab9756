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

void health_heard(struct control *c, struct managed *m) {
        bool failing = m->identity->health == HEALTH_UNHEALTHY;

        for (struct run *run = c->engine.runs, *next; run; run = next) {
                next = run->next;
                if (run->container != m || run->health_ns == 0 ||
                                !change_on_probation(run->change.state))
                        continue;
                if (failing && run->health_known && !run->health_failed)
                        (void)engine_undo(c, run, REASON_UNHEALTHY, reasons[REASON_UNHEALTHY].text);
                run->health_known = true;
                run->health_failed = failing;
        }
}
