/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/control/guard_input.h"

#include "governor/control/control.h"
#include "governor/control/policies.h"
#include "governor/kernel/block.h"

#include <string.h>

#define HOUR_NS (3600 * NSEC_PER_SEC)

bool control_journal_ok(const struct control *c) {
        enum journal_health health = journal_health(c->journal);

        return !c->durable.stuck && (health == JOURNAL_OK || health == JOURNAL_REPAIRED);
}

static const char *journal_problem(const struct control *c) {
        const char *text = journal_health_text(c->journal);

        if (control_journal_ok(c))
                return NULL;
        return text[0] ? text : "the disk does not answer";
}

struct promises {
        const struct managed *except;
        uint64_t total_bytes, sum_bytes;
};

/*
 * Without a limit nothing is promised to it: what it uses is all that the others can count on. None
 * counts for more than the host has, so that the sum of all cannot overflow.
 */
static void add_promise(void *data, struct managed *m) {
        struct promises *p = data;
        uint64_t most = KNOB_MAX, used = 0;

        if (m == p->except)
                return;
        (void)cgroup_read_u64(m->dir_fd, knobs[KNOB_MEMORY_MAX].file, &most);
        if (most == KNOB_MAX) {
                (void)cgroup_read_u64(m->dir_fd, "memory.current", &used);
                most = used;
        }
        p->sum_bytes += u64_min(most, p->total_bytes);
}

static void read_host(struct control *c, const struct managed *m, const struct proposal *p,
                struct guard_host *ret) {
        struct host now = c->host;
        struct promises promises = { .except = m };

        (void)proc_host(c->proc_fd, &now, NULL);
        promises.total_bytes = now.memory_total_bytes;
        containers_each(c, add_promise, &promises);
        *ret = (struct guard_host){
                .memory_total_bytes = now.memory_total_bytes,
                .memory_available_bytes = now.memory_available_bytes,
                .memory_promised_bytes = promises.sum_bytes,
                .online_cpus = now.online_cpus,
                .observer_present = control_observer_present(c),
                .psi_available = c->psi_available,
                .journal_problem = journal_problem(c),
                .under_way = engine_under_way(c, p->number),
                .paused = c->paused,
        };
}

/* A scope around it that holds the same value goes along with it: what is above that one counts. */
static void read_parent(struct control *c, const struct managed *m, enum knob_id id,
                struct knob_value now, struct knob_value *ret) {
        char where[CONTAINER_PATH_SIZE], scope[CONTAINER_PATH_SIZE];
        int r = cgroup_parent_limit(&c->root, m->container.cgroup, id, now, ret, where);

        if (r >= 0 && container_scope(m->container.cgroup, scope) && strcmp(where, scope) == 0 &&
                        knob_equal(*ret, now))
                (void)cgroup_parent_limit(&c->root, scope, id, now, ret, where);
}

static void read_knobs(struct control *c, const struct managed *m, struct guard_container *ret) {
        for (enum knob_id id = 0; id < KNOB_COUNT; id++) {
                ret->parent[id] = (struct knob_value){ .amount = KNOB_MAX };
                if (!knobs[id].settable)
                        continue;
                ret->present[id] =
                                cgroup_read_knob(m->dir_fd, id, ret->now[id], &ret->now[id]) >= 0;
                if (ret->present[id] && knobs[id].danger != DANGER_NONE && id != KNOB_IO_MAX)
                        read_parent(c, m, id, ret->now[id], &ret->parent[id]);
        }
}

/* Use that cannot be read counts as all there can be: lowering below it would kill. */
static void read_use(
                const struct control *c, const struct managed *m, struct guard_container *ret) {
        uint64_t inactive = 0, slab = 0;

        ret->memory_current_bytes = c->host.memory_total_bytes;
        ret->pids_current = INT32_MAX;
        (void)cgroup_read_u64(m->dir_fd, "memory.current", &ret->memory_current_bytes);
        (void)cgroup_read_key(m->dir_fd, "memory.stat", "inactive_file", &inactive);
        (void)cgroup_read_key(m->dir_fd, "memory.stat", "slab_reclaimable", &slab);
        ret->memory_reclaimable_bytes = inactive + slab;
        (void)cgroup_read_u64(m->dir_fd, "pids.current", &ret->pids_current);
}

/* What the single knobs of io in a proposal ask for more than a file's text. */
static void read_io(struct control *c, const struct managed *m, const struct proposal *p,
                struct guard_container *ret) {
        bool weighs = false;

        for (unsigned i = 0; i < p->changes_count && i < PROPOSAL_KNOBS_MAX; i++) {
                const struct knob_change *k = &p->changes[i];
                struct guard_io_max *io = &ret->io_max[i];

                if (k->knob >= KNOB_COUNT)
                        continue;
                weighs = weighs || knobs[k->knob].unit == UNIT_IO_WEIGHT;
                if (k->knob != KNOB_IO_MAX ||
                                cgroup_read_knob(m->dir_fd, KNOB_IO_MAX, k->new, &io->now) < 0)
                        continue;
                read_parent(c, m, KNOB_IO_MAX, io->now, &io->parent);
                block_disk(c->proc_fd, c->sys_fd, k->new.key, &io->disk);
        }
        if (weighs)
                block_weighing(c->root.fd, c->sys_fd, m->dir_fd, &ret->io);
}

void guard_ask(struct control *c, struct managed *m, const struct proposal *p,
                struct guard_answer *ret) {
        struct guard_host host;
        struct guard_container container = { .protected_ = m->protected_,
                .observed_only = container_observed_only(m->container.cgroup) };
        uint64_t now = proc_boottime_ns();

        read_host(c, m, p, &host);
        read_knobs(c, m, &container);
        read_use(c, m, &container);
        read_io(c, m, p, &container);
        container.change_open = engine_is_taken(
                        c, m->container.cgroup_inode, p->number, &container.open_number);
        container.changes_last_hour =
                        engine_changes_since(c, m->container.cgroup_inode, u64_sub(now, HOUR_NS));
        container.claimed = engine_claimed(c, m->container.cgroup_inode);
        container.untrusted = !engine_trusts(c, (enum rule_id)p->rule);
        container.policy = policies_of(c, m, (enum rule_id)p->rule);
        guard_check(&c->config.guard, &host, &container, p, ret);
}
