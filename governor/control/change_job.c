/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel first, owner second: a write to the file is felt at once and reclaims here, not in PID 1.
 * cgroupfs has no atomic compare-and-set, so each write reads just before and everything is read
 * once more at the end. Nothing here looks at a clock or another container.
 */
#include "governor/control/change_job.h"

#include "governor/control/containers.h"
#include "governor/kernel/cgroup_write.h"
#include "governor/kernel/proc.h"
#include "policies/rules/ladder.h"
#include "policies/rules/transition.h"

#include <fcntl.h>
#include <string.h>

void change_job_free(struct change_job *j) {
        limits_done(&j->told);
        limits_done(&j->limits);
        container_unref(j->container);
        free(j);
}

static bool is_gone(int r) {
        return r == -ENODEV || r == -ENOENT;
}

static int read_limits(struct change_job *j) {
        limits_done(&j->limits);
        return cgroup_read_limits(j->container->dir_fd, &j->limits);
}

static int fail_knob(struct change_job *j, unsigned position, int r, const char *what) {
        j->position = position;
        return error_errno(
                        &j->error, r, "%s: %s", knobs[j->change.changes[position].knob].file, what);
}

/*
 * What a limit would kill for; unknown use is no reason to kill, so its error is the caller's.
 * memory.stat is dear, and read only where it matters.
 */
static int in_use(int dir_fd, enum knob_id id, uint64_t limit, uint64_t *ret) {
        static const char *const reclaimable[] = { "inactive_file", "slab_reclaimable" };
        uint64_t use = 0, less;
        int r;

        *ret = 0;
        if (knobs[id].danger != DANGER_KILL)
                return 0;
        r = cgroup_read_u64(dir_fd, "memory.current", &use);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ARRAY_LEN(reclaimable) && use > limit / 2; i++)
                if (cgroup_read_key(dir_fd, "memory.stat", reclaimable[i], &less) == 0)
                        use = u64_sub(use, less);
        *ret = use;
        return 0;
}

/* The guard looked before the intent was on its way to the disk; use may have grown since. */
static int check_use(struct change_job *j, unsigned position, struct knob_value now) {
        const struct knob_change *k = &j->change.changes[position];
        struct knob_value aim = change_aim(&j->change, position);
        char use[KNOB_VALUE_TEXT_MAX], limit[KNOB_VALUE_TEXT_MAX];
        uint64_t bytes;
        int r;

        if (knobs[k->knob].danger != DANGER_KILL || knob_compare(k->knob, aim, now) >= 0)
                return 0;
        r = in_use(j->container->dir_fd, k->knob, aim.amount, &bytes);
        if (r < 0)
                return fail_knob(j, position, r, "what is in use cannot be read");
        if (undo_needed_bytes(k->knob, bytes) <= aim.amount)
                return 0;
        knob_format(k->knob, (struct knob_value){ bytes, 0 }, use, sizeof(use));
        knob_format(k->knob, aim, limit, sizeof(limit));
        j->position = position;
        return error_set(&j->error, -E2BIG, "%s: use grew to %s meanwhile, %s would kill",
                        knobs[k->knob].file, use, limit);
}

static int apply_knob(struct change_job *j, unsigned position) {
        const struct knob_change *k = &j->change.changes[position];
        struct knob_value now, aim = change_aim(&j->change, position);
        char was[KNOB_VALUE_TEXT_MAX];
        int r;

        if (job_cancelled(&j->job))
                return -ECANCELED;
        r = cgroup_read_knob(j->container->dir_fd, k->knob, k->new, &now);
        if (r < 0)
                return fail_knob(j, position, r, "cannot be read");
        if (knob_equal(now, aim))
                return 0;
        if (!knob_equal(now, k->old) &&
                        !journal_has_step(j->steps, j->steps_count, position, now)) {
                knob_write_text(k->knob, now, was, sizeof(was));
                j->position = position;
                j->found[position] = now;
                return error_set(&j->error, -ESTALE, "%s is %s now: somebody else changed it",
                                knobs[k->knob].file, was);
        }
        r = check_use(j, position, now);
        if (r < 0)
                return r;
        r = cgroup_write(j->container->dir_fd, k->knob, aim);
        return r < 0 ? fail_knob(j, position, r, "the kernel refused the value") : 0;
}

/* The unit that has to be told: its own, or the scope around it. */
static int find_unit(struct change_job *j) {
        char scope[CONTAINER_PATH_SIZE];
        int r = systemd_unit_of(j->container->container.cgroup, j->unit);

        if (r == 0 && container_scope(j->container->container.cgroup, scope))
                r = systemd_unit_of(scope, j->unit);
        if (r < 0)
                return error_errno(&j->error, r, "asking systemd whose %s is",
                                j->container->container.cgroup);
        return 0;
}

static int set_text(struct limits *limits, enum knob_id id, const char *text) {
        char *copy = strdup(text);

        if (!copy)
                return -ENOMEM;
        free(limits->text[id]);
        limits->text[id] = copy;
        return 0;
}

/* As the file will be once the value is written into it. */
static int merge(struct limits *limits, enum knob_id id, struct knob_value value) {
        char text[KNOB_TEXT_MAX];
        int r = knob_merge_text(id, value, limits->text[id], text, sizeof(text));

        return r < 0 ? r : set_text(limits, id, text);
}

/* Whether its unit is the scope around it. */
static bool is_within(const struct change_job *j) {
        char scope[CONTAINER_PATH_SIZE];

        return j->unit[0] && container_scope(j->container->container.cgroup, scope);
}

/*
 * The limits of the scope, and of memory what it uses and cannot give back; KNOB_MAX: not known. As
 * long as the container lives, what is above it is that.
 */
static int read_scope(const struct change_job *j, struct limits *ret, uint64_t *ret_bytes) {
        CLEANUP(closep)
        int fd = openat(j->container->dir_fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
        int r;

        if (fd < 0)
                return -errno;
        r = cgroup_read_limits(fd, ret);
        if (in_use(fd, KNOB_MEMORY_MAX, 0, ret_bytes) < 0)
                *ret_bytes = KNOB_MAX;
        return cgroup_populated(j->container->dir_fd) == -ENODEV ? -ENODEV : r;
}

static bool read_text(
                const struct limits *limits, const struct knob_change *k, struct knob_value *ret) {
        return limits->text[k->knob] &&
               knob_read_file(k->knob, limits->text[k->knob], k->new, ret) >= 0;
}

/*
 * What systemd has no plain property for depends on what else the file holds: whether it could be
 * told of the new values too is looked at before anything is written.
 *
 * @limits: of its unit; the new values of @mask are merged into them
 */
static int check_unit(struct change_job *j, struct limits *limits, uint32_t mask) {
        bool needed = false;
        int r = systemd_check(j->unit, limits, &j->change, &j->error);

        if (r < 0)
                return r;
        for (unsigned i = 0; i < j->change.changes_count; i++) {
                const struct knob_change *k = &j->change.changes[i];

                if (!(mask >> i & 1) || !limits->text[k->knob])
                        continue;
                needed = needed || !knobs[k->knob].property;
                r = merge(limits, k->knob, k->new);
                if (r < 0)
                        return error_errno(&j->error, r, "what the limits will be");
        }
        return needed ? systemd_check(j->unit, limits, &j->change, &j->error) : 0;
}

/* The journal gets the limits as they are. */
static int check_own(struct change_job *j) {
        CLEANUP(limits_done) struct limits copy = { 0 };
        int r = 0;

        for (enum knob_id id = 0; r == 0 && id < KNOB_COUNT; id++)
                r = j->limits.text[id] ? set_text(&copy, id, j->limits.text[id]) : 0;
        return r < 0 ? error_errno(&j->error, r, "reading the limits")
                     : check_unit(j, &copy, UINT32_MAX);
}

/* Which knobs the scope holds with the same value: they go along. Without one nobody is told. */
static int check_scope(struct change_job *j) {
        CLEANUP(limits_done) struct limits scope = { 0 };
        uint64_t bytes = 0;
        int r = read_scope(j, &scope, &bytes);

        if (r < 0)
                return error_errno(&j->error, r, "reading the limits of %s", j->unit);
        for (unsigned i = 0; i < j->change.changes_count; i++) {
                const struct knob_change *k = &j->change.changes[i];
                struct knob_value around;

                if (read_text(&scope, k, &around) && knob_equal(around, k->old))
                        j->change.scope_mask |= 1U << i;
        }
        if (j->change.scope_mask == 0) {
                j->unit[0] = '\0';
                return 0;
        }
        return check_unit(j, &scope, j->change.scope_mask);
}

/* What a ladder looks at. */
static int read_use(struct change_job *j) {
        static const char *const keys[] = { "workingset_refault_anon", "workingset_refault_file" };
        uint64_t pages;
        int r;

        j->refaults = 0;
        j->used_ns = proc_boottime_ns();
        r = cgroup_read_u64(j->container->dir_fd, "memory.current", &j->current_bytes);
        if (r < 0)
                return error_errno(&j->error, r, "memory.current: what is used cannot be read");
        for (size_t i = 0; i < ARRAY_LEN(keys); i++)
                if (cgroup_read_key(j->container->dir_fd, "memory.stat", keys[i], &pages) == 0)
                        j->refaults += pages;
        return 0;
}

static int precheck(struct change_job *j) {
        int r = read_limits(j);

        if (r < 0)
                return error_errno(&j->error, r, "reading the limits");
        if (change_lowers_memory(&j->change))
                r = read_use(j);
        if (r == 0)
                r = find_unit(j);
        if (r < 0 || !j->unit[0])
                return r;
        return is_within(j) ? check_scope(j) : check_own(j);
}

static int apply(struct change_job *j) {
        unsigned order[PROPOSAL_KNOBS_MAX];
        int r = 0;

        transition_order(&j->change, order);
        for (unsigned i = 0; i < j->change.changes_count && r == 0; i++)
                r = apply_knob(j, order[i]);
        if (r == 0 && j->change.step_mask != 0)
                r = read_use(j);
        return r < 0 ? r : read_limits(j);
}

/* A kept value that is journaled already is good enough as long as use has not outgrown it. */
static bool is_kept_enough(const struct change *c, unsigned position, struct knob_value need) {
        return (c->kept_mask >> position & 1) &&
               knob_compare(c->changes[position].knob, c->kept[position], need) >= 0;
}

static void set_kept(struct change *c, unsigned position, bool kept) {
        if (kept)
                c->kept_mask |= 1U << position;
        else
                c->kept_mask &= ~(1U << position);
}

static int undo_write(struct change_job *j, unsigned position, struct undo_knob u) {
        enum knob_id id = j->change.changes[position].knob;
        struct knob_value now;
        int r;

        if (u.kept && !is_kept_enough(&j->change, position, u.value)) {
                j->position = position;
                j->keep = u.value;
                return UNDO_KEEP_FIRST;
        }
        if (u.kept)
                u.value = j->change.kept[position];
        set_kept(&j->change, position, u.kept);
        r = cgroup_write(j->container->dir_fd, id, u.value);
        if (r >= 0)
                r = cgroup_read_knob(j->container->dir_fd, id, u.value, &now);
        if (r < 0)
                return fail_knob(j, position, r, "the old value cannot be written");
        return knob_equal(now, u.value) ? 0
                                        : fail_knob(j, position, -EIO, "it did not take the value");
}

static int undo_knob(struct change_job *j, unsigned position) {
        const struct knob_change *k = &j->change.changes[position];
        struct knob_value steps[2 + JOURNAL_STEPS_MAX]; /* what dtgov wrote besides the new value */
        struct undo_input input = { .steps = steps };
        struct undo_knob u;
        int r = cgroup_read_knob(j->container->dir_fd, k->knob, k->new, &input.current);

        if (r < 0)
                return fail_knob(j, position, r, "cannot be read");
        if (j->change.kept[position].amount > 0) /* also what is no longer to be kept */
                steps[input.steps_count++] = j->change.kept[position];
        if (j->newer_mask >> position & 1)
                steps[input.steps_count++] = j->newer[position];
        for (unsigned i = 0; i < j->steps_count; i++)
                if (j->steps[i].position == position)
                        steps[input.steps_count++] = j->steps[i].value;
        r = in_use(j->container->dir_fd, k->knob, k->old.amount, &input.in_use);
        if (r < 0)
                return fail_knob(j, position, r, "what is in use cannot be read");
        u = undo_decide(k, &input);
        j->in_use[position] = input.in_use;
        if (u.action == UNDO_WRITE)
                return undo_write(j, position, u);
        if (u.action == UNDO_NOTHING) {
                if (u.kept)
                        j->change.kept[position] = u.value;
                set_kept(&j->change, position, u.kept);
        } else if (!ladder_helper(k)) { /* which was only to help on the way down */
                j->conflict[position] = true;
                j->found[position] = input.current;
        }
        return 0;
}

/*
 * Files that are not of the change and changed when the owner was told get their text of before,
 * unless somebody wrote them since.
 */
static int undo_others(struct change_job *j) {
        struct knob_value now, old, new = { 0 };
        int r;

        for (enum knob_id id = 0; id < KNOB_COUNT; id++) {
                if (!(j->others >> id & 1) || !knobs[id].settable || id == KNOB_IO_MAX ||
                                !j->before->text[id] || !j->after->text[id])
                        continue;
                r = cgroup_read_knob(j->container->dir_fd, id, new, &now);
                if (r >= 0)
                        r = knob_read_text(id, j->after->text[id], &new);
                if (r >= 0)
                        r = knob_read_text(id, j->before->text[id], &old);
                if (r >= 0 && knob_equal(now, new))
                        r = cgroup_write(j->container->dir_fd, id, old);
                if (r < 0)
                        return error_errno(&j->error, r, "%s: the old value", knobs[id].file);
        }
        return 0;
}

static int undo(struct change_job *j) {
        unsigned order[PROPOSAL_KNOBS_MAX];
        int failed = 0, r;

        transition_order(&j->change, order);
        /* One knob that fails keeps no other from being undone; one that is to be kept does. */
        for (unsigned i = j->change.changes_count; i-- > 0;) {
                r = undo_knob(j, order[i]);
                if (r == UNDO_KEEP_FIRST || is_gone(r))
                        return r;
                if (r < 0)
                        failed = r;
        }
        j->undone_ns = proc_boottime_ns();
        r = undo_others(j);
        return failed < 0 ? failed : r;
}

/* A value of this change, before, on the way or after. */
static bool is_ours(const struct change_job *j, unsigned i, struct knob_value value) {
        const struct change *x = &j->change;

        return knob_equal(value, x->changes[i].old) || knob_equal(value, x->changes[i].new) ||
               (x->kept[i].amount > 0 && knob_equal(value, x->kept[i])) ||
               (j->newer_mask >> i & 1 && knob_equal(value, j->newer[i])) ||
               journal_has_step(j->steps, j->steps_count, i, value);
}

/* PID 1 writes it: what is charged to the scope alone would be killed for with nobody watching. */
static bool would_kill(
                enum knob_id id, struct knob_value from, struct knob_value to, uint64_t bytes) {
        return knobs[id].danger == DANGER_KILL && knob_compare(id, to, from) < 0 &&
               undo_needed_bytes(id, bytes) > to.amount;
}

/* The scope gets what the container has; what somebody else set there stays. */
static int tell_scope(struct change_job *j) {
        CLEANUP(limits_done) struct limits scope = { 0 };
        uint64_t bytes = 0;
        int r = read_scope(j, &scope, &bytes);

        for (unsigned i = 0; r >= 0 && i < j->change.changes_count; i++) {
                const struct knob_change *k = &j->change.changes[i];
                struct knob_value around, now;

                if (!(j->change.scope_mask >> i & 1) || !read_text(&scope, k, &around) ||
                                !read_text(&j->limits, k, &now) || !is_ours(j, i, around))
                        continue;
                if (would_kill(k->knob, around, now, bytes)) {
                        j->scope_keeps = true;
                        continue;
                }
                r = merge(&scope, k->knob, now);
        }
        if (r < 0)
                return error_errno(&j->error, r, "the limits of %s", j->unit);
        return systemd_tell(j->unit, &scope, &j->change, &j->error);
}

static int tell(struct change_job *j) {
        int r = j->unit[0] ? 0 : find_unit(j); /* recovery knows of none */

        if (r < 0 || !j->unit[0])
                return r;
        r = read_limits(j);
        if (r == 0)
                r = is_within(j) ? tell_scope(j)
                                 : systemd_tell(j->unit, &j->limits, &j->change, &j->error);
        if (r < 0)
                return r;
        limits_done(&j->told);
        j->told = j->limits;
        j->limits = (struct limits){ 0 };
        return read_limits(j);
}

typedef int (*step_work)(struct change_job *j);

int change_job_work(struct job *job) {
        static const step_work steps[] = {
                [STEP_PRECHECK] = precheck,
                [STEP_APPLY] = apply,
                [STEP_UNDO] = undo,
                [STEP_TELL] = tell,
                [STEP_USE] = read_use,
        };
        struct change_job *j = (struct change_job *)job;

        j->error.text[0] = '\0';
        return steps[j->step](j);
}
