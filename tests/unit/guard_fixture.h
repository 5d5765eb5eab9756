/* SPDX-License-Identifier: Apache-2.0 */
/* A proposal and all that the guard looks at, for its tests. */
#pragma once

#include "policies/rules/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* A healthy host of 16 GiB and 4 CPUs with a container of 1 GiB, of which 512 MiB are in use. */
struct fixture {
        struct guard_rules rules;
        struct guard_host host;
        struct guard_container container;
        struct proposal p;
        struct guard_answer answer;
        struct policy policy; /* for who sets it as the container's */
};

static int setup(void **state) {
        struct fixture *f = calloc(1, sizeof(*f));

        guard_rules_default(&f->rules);
        f->host = (struct guard_host){ .memory_total_bytes = 16 * GIB,
                .memory_available_bytes = 12 * GIB,
                .memory_promised_bytes = 4 * GIB,
                .online_cpus = 4,
                .observer_present = true,
                .psi_available = true };
        f->container.memory_current_bytes = 612 * MIB;
        f->container.memory_reclaimable_bytes = 100 * MIB;
        f->container.pids_current = 90;
        for (int i = 0; i < KNOB_COUNT; i++) {
                f->container.present[i] = true;
                f->container.now[i].amount = knobs[i].standard;
                f->container.parent[i].amount = KNOB_MAX;
        }
        f->container.now[KNOB_MEMORY_MAX].amount = GIB;
        f->container.now[KNOB_CPU_MAX] = (struct knob_value){ 200000, 100000 };
        f->container.now[KNOB_PIDS_MAX].amount = 200;
        f->p.rule = RULE_PERSON;
        *state = f;
        return 0;
}

static int teardown(void **state) {
        free(*state);
        return 0;
}

static void want(struct fixture *f, enum knob_id id, uint64_t amount) {
        struct knob_change *change = &f->p.changes[f->p.changes_count++];

        change->knob = id;
        change->old = f->container.now[id];
        change->new = change->old;
        change->new.amount = amount;
}

static void check(struct fixture *f) {
        guard_check(&f->rules, &f->host, &f->container, &f->p, &f->answer);
}

static void assert_says(const struct fixture *f, const char *part) {
        if (*part == '\0')
                assert_string_equal(f->answer.text, "");
        else if (!strstr(f->answer.text, part))
                fail_msg("'%s' lacks '%s'", f->answer.text, part);
}

static void assert_refused(struct fixture *f, enum reason reason, const char *part) {
        check(f);
        assert_int_equal(f->answer.verdict, GUARD_REFUSE);
        assert_string_equal(reasons[f->answer.reason].code, reasons[reason].code);
        assert_says(f, part);
}

static void assert_asked(struct fixture *f, enum risk risk, const char *part) {
        check(f);
        if (f->answer.verdict != GUARD_ASK)
                fail_msg("not asked: %s", f->answer.text);
        assert_int_equal(f->answer.reason, REASON_NONE);
        assert_null(f->answer.policy);
        assert_int_equal(f->answer.risk, risk);
        assert_says(f, part);
}
