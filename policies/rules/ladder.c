/* SPDX-License-Identifier: Apache-2.0 */
#include "policies/rules/ladder.h"

#include "policies/rules/transition.h"

static int position_of(const struct change *x, enum knob_id id) {
        for (unsigned i = 0; i < x->changes_count; i++)
                if (x->changes[i].knob == id)
                        return (int)i;
        return -1;
}

/* The position of memory.max where it is lowered, else -1. */
static int lowered_max(const struct change *x) {
        int max = position_of(x, KNOB_MEMORY_MAX);

        return max >= 0 && knob_change_lowers(&x->changes[max]) ? max : -1;
}

static void stand(struct change *x, int position) {
        x->step[position] = x->changes[position].old;
        x->step_mask |= 1U << position;
}

bool ladder_begin(struct change *x, uint64_t current_bytes, const struct knob_value *high) {
        int max = lowered_max(x), at = position_of(x, KNOB_MEMORY_HIGH);
        bool high_bites = at >= 0 && knob_change_lowers(&x->changes[at]) &&
                          x->changes[at].new.amount < current_bytes;
        bool max_bites = max >= 0 && x->changes[max].new.amount < current_bytes;

        if (!high || (!high_bites && !max_bites))
                return false;
        if (at < 0) {
                if (x->changes_count == PROPOSAL_KNOBS_MAX)
                        return false;
                at = (int)x->changes_count++;
                x->changes[at] = (struct knob_change){
                        .knob = KNOB_MEMORY_HIGH, .old = *high, .new = *high
                };
        }
        stand(x, at);
        if (max >= 0)
                stand(x, max);
        return true;
}

/* A container that meets memory.high hovers about it. */
static uint64_t with_slack(uint64_t bytes) {
        return bytes + u64_max(bytes / 100, LADDER_SLACK_BYTES);
}

static bool is_settled(const struct change *x, int high, const struct ladder_input *in) {
        struct knob_value at = change_aim(x, (unsigned)high);

        if (knob_equal(at, x->changes[high].old))
                return true; /* nothing was asked of it yet */
        return in->current_bytes <= with_slack(at.amount) &&
               in->refaults_per_sec <= LADDER_REFAULTS_PER_SEC;
}

static struct ladder_step step_to(const struct change *x, int position, uint64_t amount) {
        const struct knob_change *k = &x->changes[position];

        return (struct ladder_step){ LADDER_STEP, (unsigned)position,
                knob_round(k->knob, (struct knob_value){ .amount = amount }) };
}

static struct ladder_step wait_for_it(void) {
        return (struct ladder_step){ .action = LADDER_WAIT };
}

/* One step of memory.high towards @target. */
static struct ladder_step step_down(
                const struct change *x, int high, uint64_t target, const struct ladder_input *in) {
        uint64_t use = u64_min(change_aim(x, (unsigned)high).amount, in->current_bytes);
        uint64_t less = use - use / 10000 * LADDER_STEP_PERMYRIAD;

        if (!is_settled(x, high, in))
                return wait_for_it();
        return step_to(x, high, u64_max(target, less));
}

struct ladder_step ladder_next(const struct change *x, const struct ladder_input *in) {
        int max = lowered_max(x), high = position_of(x, KNOB_MEMORY_HIGH);
        uint64_t at, new, target;

        if (x->step_mask == 0 || high < 0)
                return (struct ladder_step){ .action = LADDER_DONE };
        at = change_aim(x, (unsigned)high).amount;
        new = x->changes[high].new.amount;
        if (max < 0 || !(x->step_mask >> max & 1))
                return at > new ? step_down(x, high, new, in) : step_to(x, high, new);

        target = u64_min(new, x->changes[max].new.amount);
        if (at > target)
                return step_down(x, high, target, in);
        if (!is_settled(x, high, in))
                return wait_for_it();
        if (in->current_bytes > x->changes[max].new.amount) /* a little: memory.high is no wall */
                return step_down(x, high, 0, in);
        return step_to(x, max, x->changes[max].new.amount);
}

bool ladder_take(struct change *x, const struct ladder_step *step) {
        const struct knob_change *k = &x->changes[step->position];
        int max = lowered_max(x), high = position_of(x, KNOB_MEMORY_HIGH);
        bool is_down;

        x->steps_count++;
        x->step[step->position] = step->value;
        if (max >= 0 && (unsigned)max == step->position)
                x->step_mask &= ~(1U << max);
        is_down = max < 0 || !(x->step_mask >> max & 1);
        /* As long as memory.max is to come, memory.high is only on its way. */
        if (is_down && high >= 0 && knob_equal(x->step[high], x->changes[high].new))
                x->step_mask &= ~(1U << high);
        return !knob_equal(step->value, k->new) && !knob_equal(step->value, k->old);
}
