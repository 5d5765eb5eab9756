/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks go from what nobody may touch, over whether a change is possible at all now, to the single
 * knobs and what they do together. The first refusal is the answer; warnings gather.
 */
#include "policies/rules/guard.h"

#include "policies/rules/guard_alone.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What the checks share; "after" is what the limits would be. */
struct check {
        const struct guard_rules *rules;
        const struct guard_host *host;
        const struct guard_container *container;
        const struct proposal *proposal;
        struct guard_answer *answer;
        struct knob_value after[KNOB_COUNT];
        bool person;
};

PRINTF(3, 4)
static bool refuse(struct check *c, enum reason reason, const char *format, ...) {
        va_list args;

        c->answer->verdict = GUARD_REFUSE;
        c->answer->reason = reason;
        va_start(args, format);
        (void)vsnprintf(c->answer->text, sizeof(c->answer->text), format, args);
        va_end(args);
        return false;
}

static void raise_risk(struct check *c, enum risk risk) {
        if (c->answer->risk < risk)
                c->answer->risk = risk;
}

static uint64_t mib(uint64_t bytes) {
        return bytes / MIB;
}

static uint64_t mib_up(uint64_t bytes) {
        return bytes / MIB + (bytes % MIB > 0);
}

static uint64_t in_use_bytes(const struct check *c) {
        return u64_sub(c->container->memory_current_bytes, c->container->memory_reclaimable_bytes);
}

static uint64_t reserve_bytes(const struct check *c) {
        if (c->rules->reserve_bytes > 0)
                return c->rules->reserve_bytes;
        return u64_max(c->host->memory_total_bytes / 10000 * GUARD_RESERVE_PERMYRIAD,
                        GUARD_RESERVE_BYTES);
}

static bool is_memory(enum knob_id id) {
        return knobs[id].unit == UNIT_BYTES && id != KNOB_MEMORY_SWAP_MAX;
}

/* --- the container, the host and the rule's own limits --- */

static bool check_allowed(struct check *c) {
        const struct guard_container *container = c->container;

        if (container->protected_)
                return refuse(c, REASON_PROTECTED,
                                "dtgov does not touch this cgroup: it is its own, the host's or "
                                "protected; choose a container");
        if (container->observed_only)
                return refuse(c, REASON_OBSERVED_ONLY,
                                "this container is only observed: %s; change them there",
                                container->observed_only);
        if (c->host->journal_problem)
                return refuse(c, REASON_JOURNAL,
                                "no new change, rollbacks still work: %s; see dtgov doctor",
                                c->host->journal_problem);
        if (!c->host->observer_present)
                return refuse(c, REASON_NO_OBSERVER,
                                "observer absent: nobody would watch the change; start "
                                "dtgov-observer and ask again");
        if (container->change_open && container->open_number != 0)
                return refuse(c, REASON_BUSY_CHANGE,
                                "C%llu of this container is under way: wait for its end (dtgov "
                                "changes --follow), or take it back (dtgov rollback C%llu)",
                                (unsigned long long)container->open_number,
                                (unsigned long long)container->open_number);
        if (container->change_open)
                return refuse(c, REASON_BUSY_CHANGE,
                                "another change of this container is under way; wait for its end "
                                "or roll it back");
        return true;
}

/* Whether root has it off, or nothing would be seen of what it does. */
static bool check_rule(struct check *c) {
        const struct policy *policy = c->container->policy;

        if (c->person && !c->host->psi_available)
                return guard_warn(c->answer,
                                "pressure cannot be measured on this host: only kills, exits and "
                                "refused forks would take the change back");
        if (c->person)
                return true;
        if (policy && policy->mode == POLICY_OFF)
                return refuse(c, REASON_POLICY,
                                "policy %u of dtgov.json has this rule off here; dtgov set does "
                                "what you want nevertheless",
                                policy->number);
        if (!c->host->psi_available)
                return refuse(c, REASON_NO_PSI,
                                "pressure cannot be measured on this host; boot with psi=1, or let "
                                "a person decide");
        if (c->container->untrusted)
                (void)guard_warn(c->answer,
                                "changes of this rule were taken back three times within an hour: "
                                "dtgov trust");
        return true;
}

/* --- the proposal as such --- */

/* NULL: @change is of no disk. */
static const struct guard_io_max *io_max_of(
                const struct check *c, const struct knob_change *change) {
        return change->knob == KNOB_IO_MAX ? &c->container->io_max[change - c->proposal->changes]
                                           : NULL;
}

static struct knob_value now_of(const struct check *c, const struct knob_change *change) {
        if (change->knob == KNOB_IO_MAX)
                return io_max_of(c, change)->now;
        return c->container->now[change->knob];
}

static bool check_form(struct check *c) {
        const struct proposal *p = c->proposal;

        if (p->changes_count == 0 || p->changes_count > PROPOSAL_KNOBS_MAX || p->rule >= RULE_COUNT)
                return refuse(c, REASON_PARSE, "not a proposal: 1 to %d knobs and a known rule",
                                PROPOSAL_KNOBS_MAX);
        for (unsigned i = 0; i < p->changes_count; i++) {
                uint32_t id = p->changes[i].knob;

                if (id >= KNOB_COUNT || !knobs[id].settable)
                        return refuse(c, REASON_PARSE, "not a knob that dtgov sets; see dtgov(1)");
                for (unsigned k = 0; k < i; k++)
                        if (knob_change_same(&p->changes[k], &p->changes[i]))
                                return refuse(c, REASON_PARSE, "%s is given twice; give it once",
                                                knobs[id].file);
        }
        return true;
}

static bool check_value(struct check *c, const struct knob_change *change) {
        const char *file = knobs[change->knob].file;
        struct error err;

        if (!c->container->present[change->knob])
                return refuse(c, REASON_KNOB_ABSENT,
                                "%s is not available for this container: its controller is not "
                                "enabled there",
                                file);
        if (knob_check(change->knob, change->new, &err) < 0)
                return refuse(c, REASON_RANGE, "%.250s", err.text);
        if (!knob_equal(knob_round(change->knob, change->new), change->new))
                return refuse(c, REASON_RANGE,
                                "%s: want whole pages of memory and whole percents of a CPU", file);
        return true;
}

/* Neither already so nor about values of yesterday. */
static bool check_fresh(struct check *c) {
        const struct proposal *p = c->proposal;
        bool same = true;

        for (unsigned i = 0; i < p->changes_count; i++)
                same = same && knob_equal(p->changes[i].new, now_of(c, &p->changes[i]));
        if (same)
                return refuse(c, REASON_NO_CHANGE, "the values are already so; nothing to do");

        for (unsigned i = 0; i < p->changes_count; i++) {
                const struct knob_change *change = &p->changes[i];
                char old[KNOB_VALUE_TEXT_MAX], now[KNOB_VALUE_TEXT_MAX];

                if (knob_equal(change->old, now_of(c, change)))
                        continue;
                knob_format(change->knob, change->old, old, sizeof(old));
                knob_format(change->knob, now_of(c, change), now, sizeof(now));
                return refuse(c, REASON_STALE,
                                "%s was %s when it was proposed and is %s now; look at the new "
                                "proposal",
                                knobs[change->knob].file, old, now);
        }
        return true;
}

/* --- single knobs --- */

static bool check_bound(struct check *c, const struct knob_change *change) {
        struct knob_value bound = { .amount = KNOB_MAX, .period_usec = change->new.period_usec };
        char text[KNOB_VALUE_TEXT_MAX];

        if (change->knob == KNOB_MEMORY_MAX)
                bound.amount = c->rules->memory_max_bytes;
        else if (change->knob == KNOB_PIDS_MAX)
                bound.amount = c->rules->pids_max;
        else if (change->knob == KNOB_CPU_MAX && c->rules->cpu_max_permille != KNOB_MAX &&
                        __builtin_mul_overflow(c->rules->cpu_max_permille, change->new.period_usec,
                                        &bound.amount))
                bound.amount = KNOB_MAX;
        else if (change->knob == KNOB_CPU_MAX && c->rules->cpu_max_permille != KNOB_MAX)
                bound.amount /= 1000;
        if (knob_compare(change->knob, change->new, bound) <= 0)
                return true;

        knob_format(change->knob, bound, text, sizeof(text));
        return refuse(c, REASON_BOUND, "%s: root allows at most %s on this host: set that or less",
                        knobs[change->knob].file, text);
}

static bool check_parent(struct check *c, const struct knob_change *change) {
        const struct guard_io_max *io = io_max_of(c, change);
        struct knob_value parent = io ? io->parent : c->container->parent[change->knob];
        char text[KNOB_VALUE_TEXT_MAX];

        if (knob_is_weight(change->knob) || knob_compare(change->knob, change->new, parent) <= 0)
                return true;

        knob_format(change->knob, parent, text, sizeof(text));
        if (c->person)
                return guard_warn(c->answer, "%s: no effect beyond %s: a parent cgroup caps there",
                                knobs[change->knob].file, text);
        return refuse(c, REASON_PARENT_LIMIT,
                        "%s: no effect beyond %s: a parent cgroup caps there; raise the parent "
                        "first",
                        knobs[change->knob].file, text);
}

static bool check_cpus(struct check *c, const struct knob_change *change) {
        unsigned cpus = c->host->online_cpus;
        struct knob_value all = { .amount = (uint64_t)cpus * CPU_PERIOD_USEC,
                .period_usec = CPU_PERIOD_USEC };

        if (change->knob != KNOB_CPU_MAX || change->new.amount == KNOB_MAX || cpus == 0 ||
                        knob_compare(KNOB_CPU_MAX, change->new, all) <= 0)
                return true;
        if (c->person)
                return guard_warn(c->answer, "cpu.max: the host has only %u CPUs", cpus);
        return refuse(c, REASON_RANGE, "cpu.max: the host has only %u CPUs: want at most that",
                        cpus);
}

/* The kernel limits whole disks. Who waits for a brake on a disk with swap may hold up others. */
static bool check_disk(struct check *c, const struct knob_change *change) {
        const struct guard_io_max *io = io_max_of(c, change);
        char device[IO_DEVICE_SIZE];

        if (!io)
                return true;
        io_key_device(change->new.key, device);
        if (!io->disk.present)
                return refuse(c, REASON_DEVICE,
                                "io.max: there is no disk %s on this host: lsblk shows the numbers",
                                device);
        if (io->disk.whole[0])
                return refuse(c, REASON_DEVICE,
                                "io.max: %s is a partition, and the kernel limits whole disks: "
                                "set it for %s",
                                device, io->disk.whole);
        if (!io->disk.swap || change->new.amount == KNOB_MAX)
                return true;
        if (c->person)
                return guard_warn(c->answer,
                                "io.max: swap is on %s: who waits for it may hold up others",
                                device);
        return refuse(c, REASON_DEVICE,
                        "io.max: swap is on %s, and rules put no brake there: let a person set it",
                        device);
}

/* Lowering memory below what is in use stalls or kills; pids.max below it refuses every fork. */
static bool check_headroom(struct check *c, const struct knob_change *change) {
        bool memory = change->knob == KNOB_MEMORY_MAX || change->knob == KNOB_MEMORY_HIGH;
        uint64_t used = in_use_bytes(c), least, new = change->new.amount;

        if (change->knob == KNOB_PIDS_MAX && new <= c->container->pids_current)
                return refuse(c, REASON_HEADROOM,
                                "pids.max: %" PRIu64 " tasks are there, every fork would be "
                                "refused: set more than that",
                                c->container->pids_current);
        if (!memory)
                return true;

        if (change->knob == KNOB_MEMORY_MAX && !c->person && !c->rules->lower_memory_max)
                return refuse(c, REASON_LOWER,
                                "rules may not lower memory.max; lower memory.high, or let a "
                                "person set it");
        least = used + used / 10000 * GUARD_HEADROOM_PERMYRIAD +
                used % 10000 * GUARD_HEADROOM_PERMYRIAD / 10000;
        if (new >= least)
                return true;
        if (new <= used)
                return refuse(c, REASON_HEADROOM,
                                "%s: would be below the %" PRIu64 " MiB in use: set at least "
                                "%" PRIu64 " MiB",
                                knobs[change->knob].file, mib_up(used), mib_up(least));
        return refuse(c, REASON_HEADROOM,
                        "%s: would leave %" PRIu64 " %% headroom above %" PRIu64 " MiB in use; "
                        "minimum %d %%: set at least %" PRIu64 " MiB",
                        knobs[change->knob].file,
                        (uint64_t)((unsigned __int128)(new - used) * 100 / used), mib_up(used),
                        GUARD_HEADROOM_PERMYRIAD / 100, mib_up(least));
}

/* A raise of memory promises it: at most what the host can give beside its reserve. */
static bool check_host(struct check *c, const struct knob_change *change) {
        const struct guard_host *host = c->host;
        uint64_t total = host->memory_total_bytes, spare = u64_sub(total, reserve_bytes(c));
        uint64_t promise = u64_min(
                        u64_min(change->new.amount, c->after[KNOB_MEMORY_MAX].amount), total);
        uint64_t growth = u64_sub(promise, c->container->memory_current_bytes);
        uint64_t free_bytes = u64_sub(host->memory_available_bytes, reserve_bytes(c));
        uint64_t sum = host->memory_promised_bytes + promise;

        if (promise > spare || growth > free_bytes)
                return refuse(c, REASON_HOST_RESERVE,
                                "%s: %" PRIu64 " MiB here and %" PRIu64 " MiB promised to others "
                                "are %" PRIu64 " of %" PRIu64 " MiB; %" PRIu64 " MiB can be given "
                                "beside the reserve: set at most %" PRIu64 " MiB",
                                knobs[change->knob].file, mib(promise),
                                mib(host->memory_promised_bytes), mib(sum), mib(total),
                                mib(free_bytes),
                                mib(u64_min(spare,
                                                c->container->memory_current_bytes + free_bytes)));
        if (sum <= spare)
                return true;
        raise_risk(c, RISK_MEDIUM);
        return guard_warn(c->answer,
                        "all containers together may then use %" PRIu64
                        " MiB, the host has %" PRIu64 " MiB",
                        mib(sum), mib(total));
}

static bool check_knob(struct check *c, const struct knob_change *change) {
        int direction = knob_compare(change->knob, change->new, change->old);

        if (!check_bound(c, change) || !check_cpus(c, change) || !check_disk(c, change))
                return false;
        if (direction < 0 && knobs[change->knob].danger != DANGER_NONE)
                raise_risk(c, knobs[change->knob].unit == UNIT_BYTES ? RISK_HIGH : RISK_MEDIUM);
        if (direction != 0 && !check_parent(c, change))
                return false;
        if (direction < 0)
                return check_headroom(c, change);
        return direction == 0 || !is_memory(change->knob) || check_host(c, change);
}

/* --- the knobs together --- */

/* A weight that nothing looks at is a promise that nobody keeps. */
static bool check_weighing(struct check *c) {
        const struct io_weighing *io = &c->container->io;
        const char *devices = io->devices[0] ? io->devices : "any disk";
        bool idle = false;

        for (unsigned i = 0; i < c->proposal->changes_count; i++) {
                const struct knob_change *change = &c->proposal->changes[i];

                if (knobs[change->knob].unit != UNIT_IO_WEIGHT ||
                                knob_equal(change->new, change->old))
                        continue;
                if (change->knob == KNOB_IO_WEIGHT ? io->iocost : io->bfq)
                        return true;
                idle = true;
        }
        if (!idle)
                return true;
        if (io->iocost)
                return refuse(c, REASON_NO_WEIGHING,
                                "io.bfq.weight: no effect on %s: iocost weighs there: set "
                                "io.weight",
                                devices);
        if (io->bfq)
                return refuse(c, REASON_NO_WEIGHING,
                                "io.weight: no effect on %s: its BFQ weighs no cgroups "
                                "(CONFIG_BFQ_GROUP_IOSCHED): cap with io.max",
                                devices);
        return refuse(c, REASON_NO_WEIGHING,
                        "no proportional IO on this host: neither iocost nor BFQ is active on %s; "
                        "write bfq into /sys/dev/block/MAJOR:MINOR/queue/scheduler, or cap with "
                        "io.max",
                        devices);
}

static void check_together(struct check *c) {
        const struct knob_value *after = c->after;
        bool touched = false;

        for (unsigned i = 0; i < c->proposal->changes_count; i++)
                touched = touched || is_memory(c->proposal->changes[i].knob);
        if (!touched)
                return;

        if (after[KNOB_MEMORY_HIGH].amount != KNOB_MAX &&
                        after[KNOB_MEMORY_HIGH].amount > after[KNOB_MEMORY_MAX].amount)
                (void)guard_warn(c->answer, "memory.high above memory.max has no effect");
        if (u64_max(after[KNOB_MEMORY_LOW].amount, after[KNOB_MEMORY_MIN].amount) >
                        after[KNOB_MEMORY_MAX].amount)
                (void)guard_warn(c->answer,
                                "memory.low or memory.min above memory.max has no effect");
}

void guard_rules_default(struct guard_rules *ret) {
        *ret = (struct guard_rules){
                .memory_max_bytes = KNOB_MAX,
                .cpu_max_permille = KNOB_MAX,
                .pids_max = KNOB_MAX,
        };
}

void guard_check(const struct guard_rules *bounds, const struct guard_host *host,
                const struct guard_container *container, const struct proposal *p,
                struct guard_answer *ret) {
        struct check c = { .rules = bounds,
                .host = host,
                .container = container,
                .proposal = p,
                .answer = ret,
                .person = p->rule == RULE_PERSON };

        *ret = (struct guard_answer){ .verdict = GUARD_ASK };
        if (!check_form(&c) || !check_allowed(&c) || !check_rule(&c))
                return;
        for (unsigned i = 0; i < p->changes_count; i++)
                if (!check_value(&c, &p->changes[i]))
                        return;
        if (!check_fresh(&c))
                return;

        memcpy(c.after, container->now, sizeof(c.after));
        for (unsigned i = 0; i < KNOB_COUNT; i++)
                if (!container->present[i])
                        c.after[i].amount = knobs[i].standard;
        for (unsigned i = 0; i < p->changes_count; i++)
                c.after[p->changes[i].knob] = p->changes[i].new;
        for (unsigned i = 0; i < p->changes_count; i++)
                if (!check_knob(&c, &p->changes[i]))
                        return;
        if (!check_weighing(&c))
                return;
        check_together(&c);
        if (c.person || !guard_alone(host, container, p, ret))
                return;
        ret->verdict = GUARD_ALLOW;
        ret->policy = container->policy;
}
