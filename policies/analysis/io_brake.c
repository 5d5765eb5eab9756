/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk is filled, and somebody waits: in each of the last three times 10 s the victim's triggers
 * prove that it stood still for about a fifth of the time, it did IO on that disk all along, and
 * one other container did over 60 % of the bytes, or of the operations, of one direction there, and
 * more than half of both directions together: all the writes of a disk that is busy with reads are
 * no reason to wait.
 *
 * What was evicted and is wanted back (refaults) makes a container wait for its disk as well, but
 * that one is short of memory: no finding of this rule. The share is of what the whole disk did,
 * not of the containers' sum: where the host itself fills it, nobody is to blame. Containers within
 * one another share one cgroup's counters: neither is the other's victim.
 *
 * Nor is one a victim that waits for its own limit of that disk, or that itself fills the disk with
 * bytes while another makes more operations: there each has a case against the other.
 *
 * Bytes are named before operations, when both are over it: a limit of bytes is met by small and
 * large requests alike.
 *
 * Source: Documentation/admin-guide/cgroup-v2.rst, io.stat, io.max; resctl-demo: an IO problem is
 * often one of memory
 */
#include "policies/analysis/io_brake.h"

#include <string.h>

#include "state/knob.h"

/* Who stands still for a fifth of the time makes the 20 % trigger fire all the time, which proves a
 * little less: its windows do not follow one another at once, and a busy observer misses some. */
#define STALL_PERCENT    15
#define SHARE_PERCENT    60
#define REFAULTS_PER_SEC 10 /* as in the rule of memory.max: idle ones show single ones */

static uint64_t sum(const uint64_t values[static IO_PARTS]) {
        uint64_t all = 0;

        for (unsigned i = 0; i < IO_PARTS; i++)
                all += values[i];
        return all;
}

bool io_brake_waits(const struct io_tenant *victim, const struct io_host *host) {
        if (victim->parts < IO_PARTS)
                return false;
        for (unsigned i = 0; i < IO_PARTS; i++)
                if (victim->stalled_usec[i] * 100 < host->span_usec[i] * STALL_PERCENT)
                        return false;
        return sum(victim->refaults) * USEC_PER_SEC < sum(host->span_usec) * REFAULTS_PER_SEC;
}

/* "/a" and "/a/b". */
static bool is_within(const char *path, const char *other) {
        size_t len = strlen(path);

        return strncmp(path, other, len) == 0 && (other[len] == '/' || other[len] == '\0');
}

static const struct io_use *use_of(const struct io_tenant *t, uint64_t disk) {
        for (unsigned i = 0; i < t->uses_count; i++)
                if (t->uses[i].disk == disk)
                        return &t->uses[i];
        return NULL;
}

static bool is_used_all_along(const struct io_use *use) {
        for (unsigned p = 0; p < IO_PARTS; p++) {
                uint64_t done = 0;

                for (unsigned k = 0; k < IO_LIMIT_COUNT; k++)
                        done |= use->grown[p][k];
                if (done == 0)
                        return false;
        }
        return true;
}

static bool is_limited(const struct io_tenant *t, uint64_t disk) {
        for (unsigned i = 0; i < IO_DISKS_MAX; i++)
                if (t->limited[i] == disk)
                        return true;
        return false;
}

static const struct io_disk_use *disk_of(const struct io_host *host, uint64_t disk) {
        for (size_t i = 0; i < host->disks_count; i++)
                if (host->disks[i].use.disk == disk)
                        return &host->disks[i];
        return NULL;
}

static bool fills(const struct io_use *use, const struct io_use *disk, enum io_limit limit) {
        unsigned other = limit ^ 1U; /* reads beside writes, of the same kind */

        for (unsigned p = 0; p < IO_PARTS; p++) {
                uint64_t done = use->grown[p][limit];
                uint64_t all = u64_max(disk->grown[p][limit], done); /* not read at once */

                if (disk->grown[p][limit] == 0 || done * 100 <= all * SHARE_PERCENT ||
                                done * 2 <= all + disk->grown[p][other])
                        return false;
        }
        return true;
}

static uint64_t done_by(const struct io_use *use, enum io_limit limit) {
        uint64_t done = 0;

        for (unsigned p = 0; p < IO_PARTS; p++)
                done += use->grown[p][limit];
        return done;
}

/* The rate that half of the parts were above. */
static uint64_t middle_per_sec(
                const struct io_use *use, enum io_limit limit, const struct io_host *host) {
        uint64_t rates[IO_PARTS] = {};

        for (unsigned p = 0; p < IO_PARTS; p++) {
                uint64_t rate = use->grown[p][limit] * USEC_PER_SEC /
                                u64_max(host->span_usec[p], 1);
                unsigned at = p;

                for (; at > 0 && rates[at - 1] > rate; at--)
                        rates[at] = rates[at - 1];
                rates[at] = rate;
        }
        return rates[IO_PARTS / 2];
}

/* The limit that the container is over on that disk, beside its victim; IO_LIMIT_COUNT: none. */
static enum io_limit limit_of(
                const struct io_use *use, const struct io_use *disk, const struct io_use *victim) {
        enum io_limit limit = IO_RBPS;

        while (limit < IO_LIMIT_COUNT && !fills(use, disk, limit))
                limit++;
        if (limit < IO_LIMIT_COUNT && !io_limits[limit].bytes &&
                        (fills(victim, disk, IO_RBPS) || fills(victim, disk, IO_WBPS)))
                return IO_LIMIT_COUNT;
        return limit;
}

static void tell(struct finding *f, const struct io_use *use, const struct io_disk_use *disk,
                enum io_limit limit, const struct io_host *host) {
        uint64_t *e = f->evidence;

        e[EVIDENCE_BRAKE_WINDOW] = sum(host->span_usec);
        e[EVIDENCE_BRAKE_KEY] = use->disk | limit;
        e[EVIDENCE_BRAKE_DONE] = done_by(use, limit);
        e[EVIDENCE_BRAKE_DISK_DONE] = u64_max(done_by(&disk->use, limit), done_by(use, limit));
        e[EVIDENCE_BRAKE_USE] = middle_per_sec(use, limit, host);
        e[EVIDENCE_BRAKE_MOST] = disk->most_per_sec[limit];
        e[EVIDENCE_BRAKE_LIMIT] = KNOB_MAX;
}

/* Of disks that lie on one another all show the same IO: the lowest counts, where each part of the
 * system can be told the limit; else the first that is listed. */
static bool blame(const struct io_tenant *t, const struct io_host *host,
                const struct io_tenant *victim, struct finding *f) {
        bool found = false;

        for (unsigned i = 0; i < t->uses_count; i++) {
                const struct io_disk_use *disk = disk_of(host, t->uses[i].disk);
                const struct io_use *waits = use_of(victim, t->uses[i].disk);
                enum io_limit limit;

                if (!disk || (found && disk->stacked) || !waits || !is_used_all_along(waits) ||
                                is_limited(victim, waits->disk))
                        continue;
                limit = limit_of(&t->uses[i], &disk->use, waits);
                if (limit == IO_LIMIT_COUNT)
                        continue;
                tell(f, &t->uses[i], disk, limit, host);
                found = true;
                if (!disk->stacked)
                        break;
        }
        return found;
}

size_t io_brake_find(const struct io_tenant *const *tenants, size_t count,
                const struct io_host *host, const struct io_tenant *victim, struct finding *ret) {
        struct finding f = { .rule = RULE_IO_BRAKE };
        size_t found = count;

        if (!io_brake_waits(victim, host))
                return count;
        for (size_t i = 0; i < count; i++) {
                const struct io_tenant *t = tenants[i];

                if (t->parts < IO_PARTS || is_within(t->cgroup, victim->cgroup) ||
                                is_within(victim->cgroup, t->cgroup))
                        continue;
                /* Of one within another, the outer one: there the limit holds for both. */
                if (found < count && !is_within(t->cgroup, tenants[found]->cgroup))
                        continue;
                if (blame(t, host, victim, &f))
                        found = i;
        }
        if (found == count)
                return count;

        f.evidence[EVIDENCE_BRAKE_VICTIM] = victim->cgroup_inode;
        f.lost_usec_per_min = VIEW_PER_MINUTE(sum(victim->stalled_usec), sum(host->span_usec));
        *ret = f;
        return found;
}
