/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The size of a limit of tasks that is reached: twice as many, but never so many that their kernel
 * memory alone (32 KiB a task) would take an eighth of the host. The limit is there against fork
 * bombs, so it stays a limit.
 */
#include "policies/sizing/sizing.h"

enum reason sizing_pids(
                const struct finding *f, const struct sizing_host *host, struct proposal *p) {
        struct knob_value old = { f->evidence[EVIDENCE_PIDS_MAX], 0 };
        uint64_t most = host->memory_total_bytes / 8 / SIZING_TASK_BYTES, new;

        if (old.amount > UINT64_MAX / 2)
                return REASON_NO_CHANGE;
        new = u64_min(old.amount * 2, most);
        if (new <= old.amount)
                return REASON_HOST_RESERVE;

        sizing_add(p, KNOB_PIDS_MAX, old, new);
        return REASON_NONE;
}
