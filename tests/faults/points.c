/* SPDX-License-Identifier: Apache-2.0 */
/*
 *     points --dtgovd PROGRAM --dir DIR [OPTION...]
 *
 *   --fixture          plain files below DIR instead of cgroups
 *   --bus              scopes of systemd, made by tests/faults/bus: kills only; also right after
 * each message that sets properties has left for a PID 1 that is frozen
 *   --lanes N          that many daemons at a time                          (2)
 *   --sample N         so many points, chosen by --seed                     (all)
 *   --seed TEXT        of the sample and of the order of failing calls
 *   --budget SECONDS   what is not done by then is left out, and said
 *   --skip N           begins behind so many points: where a run with this seed had no more time
 *   --phase NAME       only this phase
 *   --action NAME      only kill, delay, or this errno
 *   --at N             only this system call
 *   --count            only count the system calls
 *
 * Every system call of every phase once with kill -9 before it, once late, and once failing with
 * each errno. Prints each violation, a table, and "points: N, killed: N, failed: N, violations: N".
 */
#include "tests/faults/faults.h"

#include "governor/kernel/proc.h"
#include "state/parse.h"

#include <fcntl.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define PHASES_MAX    24
#define POINTS_MAX    200000
#define RENEW_POINTS  100 /* then a lane begins with an empty journal */
#define AFTER_TELL    3   /* system calls behind a message at which to kill */
#define TELLS_MAX     8
#define PROGRESS_NS   (30 * NSEC_PER_SEC)
#define LANES_MAX     8
#define POINT_SECONDS 240 /* all that a point waits for has a shorter deadline of its own */

static const struct {
        const char *name;
        int value;
} actions[] = { { "kill", FAULT_KILL }, { "delay", FAULT_DELAY }, { "ENOSPC", ENOSPC },
        { "EIO", EIO }, { "EINTR", EINTR }, { "ENOMEM", ENOMEM }, { "EMFILE", EMFILE },
        { "ENODEV", ENODEV } };

struct tally {
        unsigned killed, failed, died, violations;
        unsigned actions[ARRAY_LEN(actions)];
        uint64_t ns;
};

/* Shared by all lanes. */
static struct board {
        unsigned next, frozen;  /* points whose PID 1 was frozen */
        unsigned at[LANES_MAX]; /* the point that each lane is at */
        unsigned totals[PHASES_MAX];
        struct traced counted[PHASES_MAX];
        struct tally tallies[PHASES_MAX];
        unsigned points_count;
        struct point points[POINTS_MAX];
} * board;

static struct {
        const char *dtgovd, *dir, *seed;
        bool fixture, bus, count;
        uint64_t lanes, sample, budget, skip;
        int phase, action;
        uint64_t at;
} arg = { .seed = "", .lanes = 2, .phase = -1 };

/* FNV-1a, then the finish of splitmix64: the same on every machine. */
static uint64_t mix(const char *text, uint64_t number) {
        uint64_t hash = 0xcbf29ce484222325 ^ number * 0x9e3779b97f4a7c15;

        for (; *text; text++)
                hash = (hash ^ (unsigned char)*text) * 0x100000001b3;
        hash = (hash ^ hash >> 30) * 0xbf58476d1ce4e5b9;
        hash = (hash ^ hash >> 27) * 0x94d049bb133111eb;
        return hash ^ hash >> 31;
}

static const char *action_name(int value) {
        for (size_t i = 0; i < ARRAY_LEN(actions); i++)
                if (actions[i].value == value)
                        return actions[i].name;
        return "count";
}

static int find_action(const char *name) {
        for (size_t i = 0; i < ARRAY_LEN(actions); i++)
                if (name && strcmp(actions[i].name, name) == 0)
                        return actions[i].value;
        return 0;
}

/* --- lanes --------------------------------------------------------------------------------- */

static int begin_lane(struct lane *l, unsigned number) {
        *l = (struct lane){
                .number = number, .fixture = arg.fixture, .bus = arg.bus, .dtgovd = arg.dtgovd
        };
        (void)snprintf(l->dir, sizeof(l->dir), "%s/lane-%u", arg.dir, number);
        int r = lane_make(l);

        if (r < 0)
                printf("lane %u cannot be made: %s\n", number, strerror(-r));
        return r;
}

static void tell(const struct lane *l, const struct point *p, const struct result *r,
                const char *word) {
        char frozen[80] = "";

        if (p->tell > 0)
                (void)snprintf(frozen, sizeof(frozen), ", behind message %u, PID 1 acts %s",
                                p->tell, thaws[p->thaw].name);
        printf("%s: --phase %s --action %s --at %u (syscall %ld %s%s): %s\n", word,
                        phase_name(p->phase), action_name(p->action), p->at, r->number, r->first,
                        frozen, l->why);
        (void)fflush(stdout);
}

static void count_action(struct tally *t, int action) {
        for (size_t i = 0; i < ARRAY_LEN(actions); i++)
                if (actions[i].value == action)
                        (void)__atomic_fetch_add(&t->actions[i], 1, __ATOMIC_SEQ_CST);
        (void)__atomic_fetch_add(
                        action == FAULT_KILL ? &t->killed : &t->failed, 1, __ATOMIC_SEQ_CST);
}

static void run_point(struct lane *l, const struct point *p) {
        struct tally *t = &board->tallies[p->phase];
        uint64_t start = proc_boottime_ns();
        struct result r;

        point_run(l, p, &r, NULL);
        (void)__atomic_fetch_add(&t->ns, proc_boottime_ns() - start, __ATOMIC_SEQ_CST);
        if (r.violation) {
                tell(l, p, &r, "VIOLATION");
                (void)__atomic_fetch_add(&t->violations, 1, __ATOMIC_SEQ_CST);
        }
        if (r.died)
                tell(l, p, &r, "died");
        if (r.reached)
                count_action(t, p->action);
        if (r.reached && p->tell > 0)
                (void)__atomic_fetch_add(&board->frozen, 1, __ATOMIC_SEQ_CST);
        (void)__atomic_fetch_add(&t->died, r.died, __ATOMIC_SEQ_CST);
}

/* Who waits for one that is traced wakes where that one ran. */
static void stay_on_one_cpu(unsigned number) {
        long cpus = sysconf(_SC_NPROCESSORS_ONLN);
        cpu_set_t set;

        CPU_ZERO(&set);
        CPU_SET(cpus > 0 ? number % (unsigned)cpus : 0, &set);
        (void)sched_setaffinity(0, sizeof(set), &set);
}

static void show_progress(unsigned done) {
        unsigned violations = 0;

        for (unsigned i = 0; i < phases_count; i++)
                violations += board->tallies[i].violations;
        printf("%u of %u points, violations: %u\n", done, board->points_count, violations);
}

/* A frozen PID 1 is nothing for the other lanes. Returns a lock that nobody else has or shares. */
static int open_lock(void) {
        char path[300];

        (void)snprintf(path, sizeof(path), "%s/lock", arg.dir);
        return open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

static void run_lane(unsigned number, uint64_t deadline_ns) {
        uint64_t shown = proc_boottime_ns();
        int lock = open_lock();
        struct lane l;

        if (!arg.bus)
                stay_on_one_cpu(number);
        if (lock < 0 || begin_lane(&l, number) < 0)
                _exit(1);
        for (unsigned done = 1;; done++) {
                unsigned i = __atomic_fetch_add(&board->next, 1, __ATOMIC_SEQ_CST);

                if (i >= board->points_count || proc_boottime_ns() > deadline_ns)
                        break;
                board->at[number] = i;
                if (number == 0 && proc_boottime_ns() - shown > PROGRESS_NS) {
                        shown = proc_boottime_ns();
                        show_progress(i);
                }
                if (arg.bus)
                        (void)flock(lock, board->points[i].tell > 0 ? LOCK_EX : LOCK_SH);
                (void)alarm(POINT_SECONDS);
                if (done % RENEW_POINTS == 0)
                        lane_renew(&l);
                run_point(&l, &board->points[i]);
                if (arg.bus)
                        (void)flock(lock, LOCK_UN);
        }
        (void)alarm(0);
        lane_remove(&l);
        _exit(0);
}

/* Returns: how many lanes ended at a point instead of behind the last one */
static unsigned wait_lanes(const pid_t pids[]) {
        unsigned bad = 0;
        int status;

        for (unsigned left = (unsigned)arg.lanes; left > 0;) {
                pid_t pid = wait(&status); /* tests/faults/bus left children too */

                if (pid < 0)
                        break;
                for (unsigned i = 0; i < arg.lanes; i++) {
                        const struct result r = { .number = -1 };
                        const struct lane l = { .why = "the lane ended or stood still here" };

                        if (pids[i] != pid)
                                continue;
                        left--;
                        if (status == 0)
                                continue;
                        bad++;
                        tell(&l, &board->points[board->at[i]], &r, "VIOLATION");
                        if (arg.bus)
                                (void)owner_thaw(); /* it may have left PID 1 so */
                }
        }
        return bad;
}

/* --- which points -------------------------------------------------------------------------- */

static int count_calls(void) {
        struct lane l;
        int r = begin_lane(&l, LANES_MAX);

        for (unsigned i = 0; r == 0 && i < phases_count; i++) {
                struct point p = { .phase = i };
                struct result result;

                if (arg.phase >= 0 && arg.phase != (int)i)
                        continue;
                if (phase_unfit(&l, i)) {
                        printf("%-18s not here: %s\n", phase_name(i), phase_unfit(&l, i));
                        continue;
                }
                point_run(&l, &p, &result, &board->counted[i]);
                board->totals[i] = board->counted[i].seen;
                if (result.violation)
                        tell(&l, &p, &result, "without any fault");
                r = result.violation ? -1 : 0;
                printf("%-18s %5u system calls", phase_name(i), board->totals[i]);
                printf(arg.bus ? ", %u messages to PID 1\n" : "\n", board->counted[i].tells);
        }
        (void)fflush(stdout);
        lane_remove(&l);
        return r;
}

static void add_point(const struct point *p) {
        if (board->points_count < POINTS_MAX)
                board->points[board->points_count++] = *p;
}

static void list_calls(bool kill) {
        for (unsigned phase = 0; phase < phases_count; phase++)
                for (unsigned at = 1; at <= board->totals[phase]; at++)
                        for (size_t a = 0; a < ARRAY_LEN(actions); a++) {
                                struct point p = { phase, at, actions[a].value, 0, 0 };

                                if ((p.action == FAULT_KILL) != kill ||
                                                (arg.action && p.action != arg.action) ||
                                                (arg.at && at != arg.at))
                                        continue;
                                add_point(&p);
                        }
}

/* The message has left, and PID 1 has not acted. */
static void list_tells(void) {
        for (unsigned phase = 0; phase < phases_count; phase++)
                for (unsigned i = 0; i < board->counted[phase].tells * AFTER_TELL * thaws_count;
                                i++) {
                        struct point p = { phase, i % AFTER_TELL + 1, FAULT_KILL,
                                i / AFTER_TELL / thaws_count + 1, i / AFTER_TELL % thaws_count };

                        if (!arg.at || p.at == arg.at)
                                add_point(&p);
                }
}

static void shuffle(unsigned from) {
        for (unsigned i = board->points_count; i > from + 1; i--) {
                unsigned span = i - from > 0 ? i - from : 1;
                unsigned other = from + (unsigned)(mix(arg.seed, i) % span);
                struct point p = board->points[i - 1];

                board->points[i - 1] = board->points[other];
                board->points[other] = p;
        }
}

/* A third of a sample are kills: they are fewer, and tell more. */
static void choose_sample(unsigned kills) {
        unsigned want_kills = (unsigned)arg.sample / 3, all = board->points_count;

        shuffle(kills);
        board->points_count = kills;
        shuffle(0);
        want_kills = want_kills < kills ? want_kills : kills;
        for (unsigned i = 0; want_kills + i < arg.sample && kills + i < all; i++)
                board->points[want_kills + i] = board->points[kills + i];
        board->points_count = (unsigned)arg.sample < all ? (unsigned)arg.sample : all;
}

static void choose_points(void) {
        unsigned kills;

        list_tells(); /* these are few, and first */
        kills = board->points_count;
        list_calls(true);
        if (!arg.fixture) /* a guest has not the time for all of them */
                shuffle(kills);
        kills = board->points_count;
        list_calls(false);
        if (arg.sample)
                choose_sample(kills);
        else
                shuffle(kills); /* should there not be time for all, a fair part is done */
}

/* --- the program --------------------------------------------------------------------------- */

static void report_actions(void) {
        printf("by action:");
        for (size_t a = 0; a < ARRAY_LEN(actions); a++) {
                unsigned count = 0;

                for (unsigned i = 0; i < phases_count; i++)
                        count += board->tallies[i].actions[a];
                printf(" %s %u", actions[a].name, count);
        }
        printf("\n");
        if (arg.bus)
                printf("of them killed behind a message that PID 1 had not read: %u\n",
                                board->frozen);
}

static int report(uint64_t seconds) {
        struct tally sum = { 0 };

        printf("\n%-18s %8s %8s %8s %8s %10s\n", "phase", "calls", "killed", "failed", "ms/point",
                        "violations");
        for (unsigned i = 0; i < phases_count; i++) {
                const struct tally *t = &board->tallies[i];
                unsigned points = t->killed + t->failed;

                printf("%-18s %8u %8u %8u %8llu %10u\n", phase_name(i), board->totals[i], t->killed,
                                t->failed,
                                points ? (unsigned long long)(t->ns / points / NSEC_PER_MSEC) : 0,
                                t->violations);
                sum.killed += t->killed;
                sum.failed += t->failed;
                sum.died += t->died;
                sum.violations += t->violations;
        }
        if (board->next < board->points_count)
                printf("out of time: %u of %u points were left out, go on with --skip %u\n",
                                board->points_count - board->next, board->points_count,
                                board->next);
        report_actions();
        printf("dtgovd ended by itself at %u of the failing calls; %llu s\n", sum.died,
                        (unsigned long long)seconds);
        printf("points: %u, killed: %u, failed: %u, violations: %u\n", sum.killed + sum.failed,
                        sum.killed, sum.failed, sum.violations);
        return sum.violations == 0 && sum.killed + sum.failed > 0 ? 0 : 1;
}

static int run_all(void) {
        uint64_t start = proc_boottime_ns(),
                 deadline = arg.budget ? start + arg.budget * NSEC_PER_SEC : UINT64_MAX;
        pid_t pids[LANES_MAX];
        unsigned bad;

        if (count_calls() < 0)
                return 1;
        if (arg.count)
                return 0;
        choose_points();
        board->next = (unsigned)u64_min(arg.skip, board->points_count);
        for (unsigned i = 0; i < arg.lanes; i++) {
                pids[i] = fork();
                if (pids[i] == 0) {
                        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
                        run_lane(i, deadline);
                }
        }
        bad = wait_lanes(pids);
        return report((proc_boottime_ns() - start) / NSEC_PER_SEC) || bad;
}

static int parse(int argc, char **argv) {
        static const struct option options[] = { { "dtgovd", 1, NULL, 'd' },
                { "dir", 1, NULL, 'D' }, { "fixture", 0, NULL, 'f' }, { "bus", 0, NULL, 'B' },
                { "lanes", 1, NULL, 'l' }, { "sample", 1, NULL, 's' }, { "seed", 1, NULL, 'S' },
                { "budget", 1, NULL, 'b' }, { "skip", 1, NULL, 'k' }, { "phase", 1, NULL, 'p' },
                { "action", 1, NULL, 'a' }, { "at", 1, NULL, 'n' }, { "count", 0, NULL, 'c' },
                { NULL, 0, NULL, 0 } };
        int opt, r = 0;

        while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1 && r >= 0)
                switch (opt) {
                case 'd':
                        arg.dtgovd = optarg;
                        break;
                case 'D':
                        arg.dir = optarg;
                        break;
                case 'f':
                        arg.fixture = true;
                        break;
                case 'B':
                        arg.bus = true;
                        arg.action = FAULT_KILL;
                        break;
                case 'c':
                        arg.count = true;
                        break;
                case 'S':
                        arg.seed = optarg;
                        break;
                case 'a':
                        arg.action = find_action(optarg);
                        r = arg.action ? 0 : -1;
                        break;
                case 'p':
                        for (unsigned i = 0; i < phases_count; i++)
                                if (optarg && strcmp(phase_name(i), optarg) == 0)
                                        arg.phase = (int)i;
                        r = arg.phase >= 0 ? 0 : -1;
                        break;
                default:
                        r = parse_u64(optarg ? optarg : "", opt == 'l'   ? &arg.lanes
                                                            : opt == 's' ? &arg.sample
                                                            : opt == 'b' ? &arg.budget
                                                            : opt == 'k' ? &arg.skip
                                                                         : &arg.at);
                }
        return r < 0 || optind != argc || !arg.dtgovd || !arg.dir || arg.lanes < 1 ||
                                               arg.lanes > LANES_MAX
                               ? -1
                               : 0;
}

int main(int argc, char **argv) {
        sigset_t set;

        if (parse(argc, argv) < 0) {
                (void)fputs("usage: see the head of tests/faults/points.c\n", stderr);
                return 2;
        }
        (void)signal(SIGPIPE, SIG_IGN);
        (void)sigemptyset(&set);
        (void)sigaddset(&set, SIGCHLD); /* the tracer waits for it */
        (void)sigprocmask(SIG_BLOCK, &set, NULL);
        (void)setvbuf(stdout, NULL, _IOLBF, 0);
        board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                        0);
        return board == MAP_FAILED ? 1 : run_all();
}
