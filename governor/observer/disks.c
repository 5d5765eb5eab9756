/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/observer/disks.h"

#include <string.h>

#include "governor/kernel/cgroup.h"
#include "governor/observer/manager.h"
#include "state/parse.h"

#define FIRST_NS     (3 * NSEC_PER_SEC / 2) /* within which every container is sampled */
#define PART_LATE_NS (5 * NSEC_PER_SEC)     /* a part that took so much longer proves nothing */
#define LADDER_IO    (DISKS_RUNG - 1)       /* the first trigger of io */

/* --- io.stat ---------------------------------------------------------------------------------- */

/* "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0", always in this order. */
static int parse_line(const char *text, struct disk_counters *ret) {
        static const char *const names[IO_LIMIT_COUNT] = {
                " rbytes=", " wbytes=", " rios=", " wios="
        };
        uint64_t major, minor;

        if (parse_u64_prefix(text, &major, &text) < 0 || *text != ':' ||
                        parse_u64_prefix(text + 1, &minor, &text) < 0)
                return -EINVAL;
        ret->disk = io_key(major, minor, IO_RBPS);
        for (unsigned i = 0; i < IO_LIMIT_COUNT; i++) {
                size_t len = strlen(names[i]);

                if (strncmp(text, names[i], len) != 0 ||
                                parse_u64_prefix(text + len, &ret->value[i], &text) < 0)
                        return -EINVAL;
        }
        return 0;
}

void disk_table_parse(const char *text, struct disk_table *ret) {
        ret->read = true;
        ret->count = 0;
        for (; *text && ret->count < IO_DISKS_MAX; text += *text == '\n') {
                if (parse_line(text, &ret->rows[ret->count]) == 0)
                        ret->count++;
                text += strcspn(text, "\n");
        }
}

static const struct disk_counters *row_of(const struct disk_table *table, uint64_t disk) {
        for (unsigned i = 0; i < table->count; i++)
                if (table->rows[i].disk == disk)
                        return &table->rows[i];
        return NULL;
}

/* --- parts ------------------------------------------------------------------------------------ */

static uint64_t refaults_of(const struct target *t) {
        const uint64_t *value = t->sampler.last.value;

        return value[SAMPLE_REFAULT_ANON] + value[SAMPLE_REFAULT_FILE];
}

static void begin_part(struct target *t, uint64_t span_usec) {
        struct disk_watch *w = t->disks;

        (void)span_usec;
        w->begin = w->now;
        memcpy(w->ladder, t->sampler.ladder_count + LADDER_IO, sizeof(w->ladder));
        w->refaults = refaults_of(t);
}

/* The oldest part goes, and @now less @begin comes. */
static void push(struct io_use *use, const struct disk_counters *begin,
                const struct disk_counters *now) {
        memmove(use->grown[0], use->grown[1], sizeof(use->grown[0]) * (IO_PARTS - 1));
        for (unsigned i = 0; i < IO_LIMIT_COUNT; i++)
                use->grown[IO_PARTS - 1][i] = u64_sub(now->value[i], begin->value[i]);
}

static void push_number(uint64_t *parts, uint64_t number) {
        memmove(parts, parts + 1, sizeof(*parts) * (IO_PARTS - 1));
        parts[IO_PARTS - 1] = number;
}

static void note_use(struct io_tenant *tenant, uint64_t disk) {
        for (unsigned i = 0; i < tenant->uses_count; i++)
                if (tenant->uses[i].disk == disk)
                        return;
        if (tenant->uses_count < IO_DISKS_MAX)
                tenant->uses[tenant->uses_count++] = (struct io_use){ .disk = disk };
}

/* A disk without a line was not used so far. */
static void push_uses(struct disk_watch *w) {
        static const struct disk_counters none = {};

        for (unsigned i = 0; i < w->now.count; i++)
                note_use(&w->tenant, w->now.rows[i].disk);
        for (unsigned i = 0; i < w->tenant.uses_count; i++) {
                struct io_use *use = &w->tenant.uses[i];
                const struct disk_counters *begin = row_of(&w->begin, use->disk);
                const struct disk_counters *now = row_of(&w->now, use->disk);

                push(use, begin ? begin : &none, now ? now : &none);
        }
}

static void end_part(struct target *t, uint64_t span_usec) {
        struct disk_watch *w = t->disks;
        struct io_tenant *tenant = &w->tenant;
        const uint64_t *ladder = t->sampler.ladder_count + LADDER_IO;

        if (!w->begin.read)
                return;
        push_uses(w);
        push_number(tenant->stalled_usec,
                        u64_min(ladder_usec(ladder[0] - w->ladder[0], ladder[1] - w->ladder[1],
                                                ladder[2] - w->ladder[2]),
                                        span_usec));
        push_number(tenant->refaults, u64_sub(refaults_of(t), w->refaults));
        tenant->cgroup_inode = t->container.cgroup_inode;
        tenant->cgroup = t->container.cgroup;
        if (tenant->parts < IO_PARTS)
                tenant->parts++;
}

/* The disks that containers use are those of the host that count. */
static void note_disks(struct disks *d, const struct disk_table *table) {
        for (unsigned i = 0; i < table->count; i++) {
                size_t at = 0;

                while (at < d->count && d->uses[at].use.disk != table->rows[i].disk)
                        at++;
                if (at < d->count || d->count == DISKS_MAX)
                        continue;
                d->uses[at] = (struct io_disk_use){ .use.disk = table->rows[i].disk };
                d->begin[at] = (struct disk_counters){ .disk = table->rows[i].disk };
                d->count++;
        }
}

static void end_host(struct disks *d, const struct disk_counters *now, uint64_t span_usec) {
        push_number(d->span_usec, span_usec);
        for (size_t i = 0; i < d->count; i++) {
                struct io_disk_use *u = &d->uses[i];

                push(&u->use, &d->begin[i], &now[i]);
                u->stacked = now[i].stacked;
                for (unsigned k = 0; k < IO_LIMIT_COUNT && span_usec > 0; k++)
                        u->most_per_sec[k] = u64_max(u->most_per_sec[k],
                                        u->use.grown[IO_PARTS - 1][k] * USEC_PER_SEC / span_usec);
        }
}

/* --- findings --------------------------------------------------------------------------------- */

static void blame(struct manager *m, struct target *t, struct finding *f, uint64_t now_ns) {
        struct knob_value limit = { .amount = KNOB_MAX, .key = f->evidence[EVIDENCE_BRAKE_KEY] };

        (void)cgroup_read_knob(t->sampler.dir_fd, KNOB_IO_MAX, limit, &limit);
        f->evidence[EVIDENCE_BRAKE_LIMIT] = limit.amount;
        f->until_boottime_ns = now_ns;
        f->since_boottime_ns = u64_sub(now_ns, f->evidence[EVIDENCE_BRAKE_WINDOW] * NSEC_PER_USEC);
        findings_found(m, t, f, now_ns);
}

/* A limit that the container has now: it may wait for that one. Read of those alone that wait. */
static void read_limits(const struct target *t, struct io_tenant *tenant) {
        for (unsigned i = 0; i < IO_DISKS_MAX; i++) {
                tenant->limited[i] = 0;
                for (enum io_limit k = 0; k < IO_LIMIT_COUNT && i < tenant->uses_count; k++) {
                        struct knob_value v = { .amount = KNOB_MAX,
                                .key = tenant->uses[i].disk | k };

                        (void)cgroup_read_knob(t->sampler.dir_fd, KNOB_IO_MAX, v, &v);
                        if (v.amount != KNOB_MAX)
                                tenant->limited[i] = tenant->uses[i].disk;
                }
        }
}

/* Whoever several wait for is found once: for the sake of the one for whom it was found before,
 * else of the one that waits most. */
static bool is_before(
                const struct target *t, const struct finding *f, const struct finding *other) {
        const struct entry *e = t->entries[RULE_IO_BRAKE];
        uint64_t old = e ? e->finding.evidence[EVIDENCE_BRAKE_VICTIM] : 0;

        if (old != 0 && other->evidence[EVIDENCE_BRAKE_VICTIM] == old)
                return false;
        return f->evidence[EVIDENCE_BRAKE_VICTIM] == old ||
               f->lost_usec_per_min > other->lost_usec_per_min;
}

static void judge(struct manager *m, uint64_t now_ns) {
        size_t count = m->targets_count;
        CLEANUP(freep) const struct io_tenant **tenants = calloc(count, sizeof(*tenants));
        CLEANUP(freep) struct finding *found = calloc(count, sizeof(*found));
        struct io_host host = { .disks = m->disks.uses, .disks_count = m->disks.count };
        static const struct io_tenant nobody = { .cgroup = "" };

        if (!tenants || !found)
                return;
        memcpy(host.span_usec, m->disks.span_usec, sizeof(host.span_usec));
        for (size_t i = 0; i < count; i++) {
                const struct target *t = m->targets[i];

                tenants[i] = t->disks && !t->gone ? &t->disks->tenant : &nobody;
        }
        for (size_t i = 0; i < count; i++) {
                struct finding f;
                size_t at;

                if (!io_brake_waits(tenants[i], &host))
                        continue;
                read_limits(m->targets[i], &m->targets[i]->disks->tenant);
                at = io_brake_find(tenants, count, &host, tenants[i], &f);

                if (at < count && is_before(m->targets[at], &f, &found[at]))
                        found[at] = f;
        }
        for (size_t i = 0; i < count; i++)
                if (found[i].lost_usec_per_min > 0)
                        blame(m, m->targets[i], &found[i], now_ns);
}

/* --- the watch -------------------------------------------------------------------------------- */

/* What the disks did at most stays known, as long as there is room. */
static void stop(struct manager *m) {
        struct disks *d = &m->disks;

        d->opened_ns = d->part_ns = 0;
        if (d->count == DISKS_MAX)
                d->count = 0; /* some of them may be gone for long */
        for (size_t i = 0; i < d->count; i++)
                memset(d->uses[i].use.grown, 0, sizeof(d->uses[i].use.grown));
        for (size_t i = 0; i < m->targets_count; i++) {
                m->targets[i]->sampler.disks = NULL;
                free(TAKE(m->targets[i]->disks));
        }
}

static void open_all(struct manager *m) {
        for (size_t i = 0; i < m->targets_count; i++) {
                struct target *t = m->targets[i];

                if (!t->disks)
                        t->disks = calloc(1, sizeof(*t->disks));
                t->sampler.disks = t->disks ? &t->disks->now : NULL;
        }
}

static void each_watched(struct manager *m, void (*do_it)(struct target *t, uint64_t span_usec),
                uint64_t span_usec) {
        for (size_t i = 0; i < m->targets_count; i++)
                if (m->targets[i]->disks)
                        do_it(m->targets[i], span_usec);
}

/* Ends the part, unless none has begun, and begins the next. */
static void next_part(struct manager *m, uint64_t now_ns) {
        struct disks *d = &m->disks;
        struct disk_counters now[DISKS_MAX];
        uint64_t span_usec = (now_ns - d->part_ns) / NSEC_PER_USEC;
        size_t known = d->count;

        for (size_t i = 0; i < m->targets_count; i++)
                if (m->targets[i]->disks)
                        note_disks(d, &m->targets[i]->disks->now);
        memcpy(now, d->begin, sizeof(now));
        if (disk_read(m->proc_fd, now, d->count) < 0)
                return;
        /* Of a disk that is new nobody knows what it did in this part. */
        memcpy(d->begin + known, now + known, (d->count - known) * sizeof(*now));
        if (d->part_ns != 0) {
                end_host(d, now, span_usec);
                each_watched(m, end_part, span_usec);
                judge(m, now_ns);
        }
        each_watched(m, begin_part, 0);
        memcpy(d->begin, now, sizeof(now));
        d->part_ns = now_ns;
}

/* When the next part begins. */
static uint64_t due_ns(const struct disks *d) {
        return d->part_ns != 0 ? d->part_ns + VIEW_PART_NS : d->opened_ns + FIRST_NS;
}

void disks_alert(struct manager *m, uint64_t now_ns) {
        m->disks.waited_ns = now_ns;
}

void disks_tick(struct manager *m, uint64_t now_ns) {
        struct disks *d = &m->disks;
        bool waits = d->waited_ns != 0 && now_ns < d->waited_ns + VIEW_PART_NS;

        if (d->opened_ns != 0 && (!waits || now_ns > due_ns(d) + PART_LATE_NS))
                stop(m);
        if (!waits)
                return;
        if (d->opened_ns == 0)
                d->opened_ns = now_ns;
        open_all(m);
        if (now_ns + VIEW_JITTER_NS >= due_ns(d))
                next_part(m, now_ns);
}
