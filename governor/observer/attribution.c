/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A look reads stat of every process, and the run-queue wait of the few that used most CPU (it is a
 * file a thread). A process is known by pid and start time, so a pid taken over by another process
 * starts anew. A process that began after the last look counts whole.
 *
 * What the groups did fades by an eighth at each look: half of it is of the last five seconds.
 */
#include "governor/observer/attribution.h"

#include "governor/kernel/cgroup.h"
#include "governor/kernel/proc.h"
#include "state/text.h"

#include <string.h>

#define FADE(value)   ((value) - (value) / 8)
#define WAITS_MAX     32 /* processes whose threads are read for run-queue wait in one look */
#define ANCESTORS_MAX 32 /* steps up; a loop of pids that changed meanwhile ends there */

/* Less is shown as 0 %, or says nothing. */
#define NOTABLE_PERMYRIAD 50
#define NOTABLE_GROWTH    ((int64_t)(64 * KIB))
#define NOTABLE_WAIT_USEC 1000 /* a second */
#define NOTABLE_MEMORY    MIB

struct process {
        struct proc_stat stat;
        uint64_t wait_ns, cpu_ticks; /* cpu_ticks: since the last look */
        int64_t growth_bytes;
        bool wait_known, fresh;
};

struct group {
        char comm[COMM_SIZE], ancestor[COMM_SIZE];
        int32_t pid; /* of the one that used most CPU in the last look */
        uint32_t count;
        uint64_t pid_start, pid_ticks, cpu_usec, wait_usec, memory_bytes;
        int64_t growth_bytes;
};

struct attribution {
        struct process *now, *before; /* sorted by pid */
        size_t now_count, before_count, room;
        struct group groups[ATTRIBUTION_GROUPS_MAX];
        size_t groups_count;
        uint64_t last_ns, last_usage_usec, usage_usec, time_usec; /* the latter two fade as well */
};

int attribution_new(struct attribution **ret) {
        struct attribution *a = calloc(1, sizeof(*a));

        if (!a)
                return -ENOMEM;
        *ret = a;
        return 0;
}

void attribution_free(struct attribution *a) {
        if (!a)
                return;
        free(a->now);
        free(a->before);
        free(a);
}

static int compare_pid(const void *a, const void *b) {
        const struct process *x = a, *y = b;

        return (x->stat.pid > y->stat.pid) - (x->stat.pid < y->stat.pid);
}

static struct process *find(struct process *list, size_t count, pid_t pid) {
        struct process key = { .stat.pid = pid };

        return count > 0 ? bsearch(&key, list, count, sizeof(*list), compare_pid) : NULL;
}

static int make_room(struct attribution *a) {
        size_t room = a->room ? a->room * 2 : 32;
        struct process *now = realloc(a->now, room * sizeof(*now)), *before;

        if (!now)
                return -ENOMEM;
        a->now = now;
        before = realloc(a->before, room * sizeof(*before));
        if (!before)
                return -ENOMEM;
        a->before = before;
        a->room = room;
        return 0;
}

struct look {
        struct attribution *a;
        int proc_fd;
};

static int add_process(void *data, pid_t pid) {
        struct look *look = data;
        struct attribution *a = look->a;
        struct proc_stat stat;
        int r;

        /* Gone meanwhile, or not in the form of proc(5): as if it had not been there. */
        if (proc_stat(look->proc_fd, pid, &stat) < 0)
                return 0;
        if (a->now_count == a->room) {
                r = make_room(a);
                if (r < 0)
                        return r;
        }
        a->now[a->now_count++] = (struct process){ .stat = stat };
        return 0;
}

/* A pid may come twice. */
static void sort_unique(struct attribution *a) {
        size_t kept = 0;

        if (a->now_count == 0)
                return;
        qsort(a->now, a->now_count, sizeof(*a->now), compare_pid);
        for (size_t i = 1; i < a->now_count; i++)
                if (a->now[i].stat.pid != a->now[kept].stat.pid)
                        a->now[++kept] = a->now[i];
        a->now_count = kept + 1;
}

static void measure(struct attribution *a, struct process *p) {
        const struct process *b = find(a->before, a->before_count, p->stat.pid);
        uint64_t ticks = p->stat.utime_ticks + p->stat.stime_ticks;

        if (b && b->stat.starttime_ticks == p->stat.starttime_ticks) {
                p->cpu_ticks = u64_sub(ticks, b->stat.utime_ticks + b->stat.stime_ticks);
                p->growth_bytes = (int64_t)(p->stat.rss_bytes - b->stat.rss_bytes);
                p->wait_known = b->wait_known;
                p->wait_ns = b->wait_ns;
                return;
        }
        p->fresh = true;
        p->cpu_ticks = ticks;
        p->growth_bytes = (int64_t)p->stat.rss_bytes;
}

static const char *ancestor_of(struct attribution *a, const struct process *p) {
        const char *nearest = "";

        for (int step = 0; step < ANCESTORS_MAX; step++) {
                p = find(a->now, a->now_count, p->stat.ppid);
                if (!p)
                        break;
                if (attribution_telling(p->stat.comm))
                        return p->stat.comm;
                if (nearest[0] == '\0' && !attribution_dull(p->stat.comm))
                        nearest = p->stat.comm;
        }
        return nearest;
}

static struct group *group_of(struct attribution *a, const char *comm, const char *ancestor) {
        struct group *least = &a->groups[0];

        for (size_t i = 0; i < a->groups_count; i++) {
                struct group *g = &a->groups[i];

                if (strcmp(g->comm, comm) == 0 && strcmp(g->ancestor, ancestor) == 0)
                        return g;
                if (g->count == 0 && (least->count > 0 || g->cpu_usec < least->cpu_usec))
                        least = g;
        }
        if (a->groups_count < ATTRIBUTION_GROUPS_MAX)
                least = &a->groups[a->groups_count++];
        else if (least->count > 0)
                return NULL;

        *least = (struct group){};
        (void)text_copy(least->comm, sizeof(least->comm), comm);
        (void)text_copy(least->ancestor, sizeof(least->ancestor), ancestor);
        return least;
}

static void credit(struct attribution *a, struct process *p, uint64_t tick_usec, uint64_t wait_ns) {
        const char *ancestor = ancestor_of(a, p);
        struct group *g;

        if (strcmp(ancestor, p->stat.comm) == 0)
                ancestor = "";
        g = group_of(a, p->stat.comm, ancestor);
        if (!g)
                return;

        if (g->count == 0 || p->cpu_ticks > g->pid_ticks) {
                g->pid = p->stat.pid;
                g->pid_start = p->stat.starttime_ticks;
                g->pid_ticks = p->cpu_ticks;
        }
        g->count++;
        g->memory_bytes += p->stat.rss_bytes;
        g->cpu_usec += p->cpu_ticks * tick_usec;
        g->wait_usec += wait_ns / NSEC_PER_USEC;
        g->growth_bytes += p->growth_bytes;
}

static void fade(struct attribution *a) {
        a->usage_usec = FADE(a->usage_usec);
        a->time_usec = FADE(a->time_usec);
        for (size_t i = 0; i < a->groups_count; i++) {
                struct group *g = &a->groups[i];

                g->count = 0;
                g->pid_ticks = g->memory_bytes = 0;
                g->cpu_usec = FADE(g->cpu_usec);
                g->wait_usec = FADE(g->wait_usec);
                g->growth_bytes = FADE(g->growth_bytes);
        }
}

/* The CPU time from which on a process is among the WAITS_MAX that used most; at least a tick. */
static uint64_t busy_ticks(const struct attribution *a) {
        for (uint64_t ticks = 1; ticks < UINT32_MAX; ticks *= 2) {
                size_t above = 0;

                for (size_t i = 0; i < a->now_count; i++)
                        above += a->now[i].cpu_ticks >= ticks;
                if (above <= WAITS_MAX)
                        return ticks;
        }
        return UINT32_MAX;
}

/* How much longer the process waited for a CPU than at the last look; 0 at the first. */
static uint64_t wait_growth_ns(int proc_fd, struct process *p) {
        uint64_t wait_ns, growth;

        if (proc_runqueue_wait_ns(proc_fd, p->stat.pid, &wait_ns) < 0)
                return 0;
        growth = p->wait_known ? u64_sub(wait_ns, p->wait_ns) : p->fresh ? wait_ns : 0;
        p->wait_ns = wait_ns;
        p->wait_known = true;
        return growth;
}

int attribution_scan(struct attribution *a, int proc_fd, int dir_fd, uint64_t now_ns,
                uint64_t usage_usec) {
        uint64_t tick_usec = USEC_PER_SEC / (uint64_t)sysconf(_SC_CLK_TCK), busy;
        struct look look = { a, proc_fd };
        struct process *swap = a->before;
        bool first = a->last_ns == 0;
        int r;

        if (!first && now_ns < a->last_ns + ATTRIBUTION_INTERVAL_NS)
                return 0;

        a->before = a->now;
        a->before_count = a->now_count;
        a->now = swap;
        a->now_count = 0;
        r = cgroup_each_pid(dir_fd, ATTRIBUTION_PIDS_MAX, add_process, &look);
        if (r < 0)
                return r;
        sort_unique(a);

        fade(a);
        if (!first) {
                a->usage_usec += u64_sub(usage_usec, a->last_usage_usec);
                a->time_usec += (now_ns - a->last_ns) / NSEC_PER_USEC;
                for (size_t i = 0; i < a->now_count; i++)
                        measure(a, &a->now[i]);
        }
        busy = busy_ticks(a);
        for (size_t i = 0; i < a->now_count; i++) {
                struct process *p = &a->now[i];
                uint64_t wait_ns = p->cpu_ticks >= busy ? wait_growth_ns(proc_fd, p) : 0;

                credit(a, p, tick_usec, wait_ns);
        }
        a->last_ns = now_ns;
        a->last_usage_usec = usage_usec;
        return 0;
}

static bool above(const struct group *a, const struct group *b, enum attribution_order order) {
        if (order == BY_MEMORY_GROWTH && a->growth_bytes != b->growth_bytes)
                return a->growth_bytes > b->growth_bytes;
        if (order == BY_MEMORY_GROWTH)
                return a->memory_bytes > b->memory_bytes;
        if (order == BY_COUNT)
                return a->count > b->count;
        return a->cpu_usec > b->cpu_usec;
}

static struct culprit culprit_of(const struct attribution *a, const struct group *g) {
        uint64_t total = a->usage_usec, observed = 0;
        struct culprit c = { .pid = g->pid,
                .count = g->count,
                .memory_growth_bytes = g->growth_bytes,
                .memory_bytes = g->memory_bytes };

        /* Ticks are coarse: their sum may exceed what the scheduler counted. */
        for (size_t i = 0; i < a->groups_count; i++)
                observed += a->groups[i].cpu_usec;
        total = u64_max(total, observed);
        memcpy(c.comm, g->comm, sizeof(c.comm));
        memcpy(c.ancestor, g->ancestor, sizeof(c.ancestor));
        c.cpu_permyriad = total > 0 ? (uint32_t)(g->cpu_usec * 10000 / total) : 0;
        if (a->time_usec > 0)
                c.runqueue_wait_usec_per_sec = g->wait_usec * USEC_PER_SEC / a->time_usec;
        return c;
}

/* Whether the only process known of it lives on under another name, as after exec. */
static bool renamed(const struct attribution *a, const struct group *g) {
        const struct process *p = g->count == 0 ? find(a->now, a->now_count, g->pid) : NULL;

        return p && p->stat.starttime_ticks == g->pid_start;
}

unsigned attribution_top(const struct attribution *a, enum attribution_order order,
                struct culprit *ret, unsigned max) {
        bool taken[ATTRIBUTION_GROUPS_MAX] = {};
        unsigned count = 0;

        for (; count < max; count++) {
                const struct group *best = NULL;

                for (size_t i = 0; i < a->groups_count; i++)
                        if (!taken[i] && (a->groups[i].count > 0 || a->groups[i].cpu_usec > 0) &&
                                        !renamed(a, &a->groups[i]) &&
                                        (!best || above(&a->groups[i], best, order)))
                                best = &a->groups[i];
                if (!best)
                        break;
                taken[best - a->groups] = true;
                ret[count] = culprit_of(a, best);
        }
        return count;
}

static bool notable(const struct culprit *c, enum attribution_order order) {
        return order == BY_COUNT || c->cpu_permyriad >= NOTABLE_PERMYRIAD ||
               c->memory_growth_bytes >= NOTABLE_GROWTH ||
               c->runqueue_wait_usec_per_sec >= NOTABLE_WAIT_USEC ||
               (order == BY_MEMORY_GROWTH && c->memory_bytes >= NOTABLE_MEMORY);
}

unsigned attribution_notable(
                struct culprit *culprits, unsigned count, enum attribution_order order) {
        unsigned kept = 0;

        for (unsigned i = 0; i < count; i++)
                if (i == 0 || notable(&culprits[i], order))
                        culprits[kept++] = culprits[i];
        return kept;
}
