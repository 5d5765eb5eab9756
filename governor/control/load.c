/* SPDX-License-Identifier: Apache-2.0 */
/* What the journal has, as dtgovd's own list of changes. */
#include "governor/control/control.h"
#include "governor/control/steps.h"
#include "policies/rules/ladder.h"

#include <string.h>

static void load_step(struct run *run, const struct journal_step *step) {
        unsigned position = step->position % PROPOSAL_KNOBS_MAX;

        if (run->change.state == CHANGE_COMMITTED && ladder_helper(&run->change.changes[position]))
                return;
        run->steps[run->steps_count++] = *step;
        if (step->kind != JOURNAL_KEPT)
                return;
        run->change.kept[position] = step->value;
        run->change.kept_mask |= 1U << position;
}

static int load_one(void *data, const struct journal_change *from) {
        struct control *c = data;
        struct run *run;
        bool live = change_states[from->change.state].open ||
                    from->change.state == CHANGE_COMMITTED;

        run = calloc(1, sizeof(*run));
        if (!run)
                return -ENOMEM;
        run->change = from->change;
        run->environment = from->environment ? strdup(from->environment) : NULL;
        run->template = from->template ? strdup(from->template) : NULL;
        for (unsigned i = 0; i < from->steps_count; i++)
                load_step(run, &from->steps[i]);
        run->this_boot = from->this_boot;
        if (!from->this_boot)
                memcpy(run->boot, from->boot, sizeof(run->boot));
        run->pending = live;
        engine_add(c, run);
        c->engine.ended += !live;
        return 0;
}

int engine_load(struct control *c) {
        return journal_each(c->journal, load_one, c);
}
