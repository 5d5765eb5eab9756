/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/control/invariants.h"

#include "governor/control/control.h"
#include "policies/rules/transition.h"
#include "state/log.h"

#include <stdlib.h>

static void hold(bool holds, const struct run *run, const char *what) {
        if (holds)
                return;
        log_warning("change C%llu, %s: this must not be: %s",
                        (unsigned long long)run->change.number,
                        change_states[run->change.state].name, what);
#ifdef DTGOV_ASSERT
        abort();
#endif
}

static bool is_open_elsewhere(const struct control *c, const struct run *run) {
        for (const struct run *r = c->engine.runs; r; r = r->next)
                if (r != run && r->change.cgroup_inode == run->change.cgroup_inode &&
                                change_states[r->change.state].open &&
                                r->change.state >= CHANGE_INTENT)
                        return true;
        return false;
}

static bool is_used_up(const struct control *c, const struct run *run) {
        for (const struct run *r = c->engine.runs; r; r = r->next)
                if (r != run && r->change.number != 0 && run->change.proposal != 0 &&
                                r->change.proposal == run->change.proposal)
                        return true;
        return false;
}

static bool is_watched(const struct run *run) {
        return u64_sub(proc_boottime_ns(), run->looked_ns) <= ENGINE_BLIND_NS;
}

void invariants_enter(const struct control *c, const struct run *run, enum change_state state) {
        const struct change *x = &run->change;
        bool written = state == CHANGE_APPLYING || state == CHANGE_VERIFY ||
                       state == CHANGE_PROBATION;

        hold(transition_allowed(x->state, state), run, "a state that does not follow");
        hold(!written || x->number != 0, run, "a write without an intent");
        if (state == CHANGE_INTENT) {
                hold(!is_open_elsewhere(c, run), run, "two open changes of one container");
                hold(!is_used_up(c, run), run, "an approval that is used twice");
        }
        if (state == CHANGE_COMMITTED) {
                hold(is_watched(run), run, "a probation that ends well, unwatched");
                hold(x->step_mask == 0, run, "a lowering that ends on its way");
                hold(!change_lowers(x) || x->proven || run->kept, run,
                                "a lowering that nothing proved, and nobody kept");
        }
}

void invariants_step(const struct run *run, int step) {
        const struct change *x = &run->change;

        hold(run->container && run->container->container.cgroup_inode == x->cgroup_inode, run,
                        "a step in another cgroup");
        hold(step != STEP_UNDO || run->undos == 0, run, "two rollbacks at once");
        hold(step != STEP_APPLY || (x->number != 0 && run->intent_seq == 0), run,
                        "a write before its intent is on the disk");
}
