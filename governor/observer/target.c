/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/observer/target.h"

#include "governor/observer/ladder.h"

void target_free(struct target *t) {
        if (!t)
                return;
        for (unsigned i = 0; i < RULE_COUNT; i++)
                free(t->entries[i]);
        ladder_remove(t);
        sampler_done(&t->sampler);
        sample_ring_done(&t->ring);
        attribution_free(t->attribution);
        free(t->probation);
        free(t->disks);
        free(t->identity);
        free(t);
}
