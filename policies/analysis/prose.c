/* SPDX-License-Identifier: Apache-2.0 */
#include "policies/analysis/prose.h"

#include "state/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NAME_MAX_TEXT (COMM_SIZE * 8) /* every byte of a name escaped */
#define VALUE_MAX     64

#define SAY(field, ...)    ((void)snprintf((field), sizeof(field), __VA_ARGS__))
#define TELL(field, words) SAY(field, "%s", words)

struct words {
        char text[VALUE_MAX];
};

/* "12.3 s" */
static struct words seconds(uint64_t usec) {
        struct words w;

        SAY(w.text, "%" PRIu64 ".%" PRIu64 " s", (uint64_t)(usec / USEC_PER_SEC),
                        (uint64_t)(usec / 100000 % 10));
        return w;
}

static struct words value(enum knob_id knob, uint64_t amount, uint64_t period_usec) {
        struct words w;

        knob_format(knob, (struct knob_value){ amount, period_usec }, w.text, sizeof(w.text));
        return w;
}

static uint64_t percent(uint64_t part, uint64_t whole) {
        return whole > 0 ? part * 100 / whole : 0;
}

static void say_cpu(const struct finding *f, const char *victim, struct prose *p) {
        const uint64_t *e = f->evidence;

        (void)victim;
        SAY(p->text,
                        "throttled in %" PRIu64
                        " %% of its periods: %s a minute lost at a quota of "
                        "%s, while it used %s of CPU time and its run queues waited %s in %s",
                        percent(e[EVIDENCE_CPU_THROTTLED_PERIODS], e[EVIDENCE_CPU_PERIODS]),
                        seconds(f->lost_usec_per_min).text,
                        value(KNOB_CPU_MAX, e[EVIDENCE_CPU_QUOTA], e[EVIDENCE_CPU_PERIOD]).text,
                        seconds(e[EVIDENCE_CPU_USAGE]).text,
                        seconds(e[EVIDENCE_CPU_THROTTLED]).text,
                        seconds(e[EVIDENCE_CPU_WINDOW]).text);
        TELL(p->why, "use and waiting together, rounded up to half a CPU; at most twice the old "
                     "quota, and at most the CPUs that are online");
        TELL(p->effect, "less waiting for the same work, as long as the host has the CPU time; use "
                        "may rise to the new quota");
        TELL(p->risk, "low: others on this host may get less CPU while it is busy");
        TELL(p->restart, "processes that already run (JVM, Go, node, make -j) keep the number of "
                         "threads they chose from the old quota until they are restarted");
}

static void say_limit(const struct finding *f, const char *victim, struct prose *p) {
        const uint64_t *e = f->evidence;

        (void)victim;
        SAY(p->text,
                        "at its limit of %s: hit %" PRIu64 " times in %s, %" PRIu64
                        " pages evicted and wanted back, %" PRIu64
                        " processes killed; at least %s a minute lost",
                        value(KNOB_MEMORY_MAX, e[EVIDENCE_LIMIT_MAX], 0).text,
                        e[EVIDENCE_LIMIT_HITS], seconds(e[EVIDENCE_LIMIT_WINDOW]).text,
                        e[EVIDENCE_LIMIT_REFAULTS], e[EVIDENCE_LIMIT_OOM_KILLS],
                        seconds(f->lost_usec_per_min).text);
        TELL(p->why, "half as much again, as far as the host keeps 5 % of its memory, at least "
                     "512 MiB: how much more it wants cannot be seen from under the limit");
        TELL(p->effect, "fewer pages are evicted that are wanted back; nothing is killed for want "
                        "of "
                        "memory up to the new limit");
        TELL(p->risk, "low: memory that it takes is no longer there for others; a leak fills the "
                      "new "
                      "limit as well, later");
        TELL(p->restart, "processes that already run (JVM, Go, node) keep the heap size they chose "
                         "from the old limit until they are restarted");
}

static void say_high(const struct finding *f, const char *victim, struct prose *p) {
        const uint64_t *e = f->evidence;

        (void)victim;
        SAY(p->text,
                        "made to reclaim at memory.high %s, %" PRIu64
                        " times in %s, with memory.max at %s; at least %s a minute lost",
                        value(KNOB_MEMORY_HIGH, e[EVIDENCE_HIGH_HIGH], 0).text,
                        e[EVIDENCE_HIGH_HITS], seconds(e[EVIDENCE_HIGH_WINDOW]).text,
                        value(KNOB_MEMORY_MAX, e[EVIDENCE_HIGH_MAX], 0).text,
                        seconds(f->lost_usec_per_min).text);
        TELL(p->why, "half as much again, at most nine tenths of memory.max, as far as the host "
                     "keeps "
                     "5 % of its memory, at least 512 MiB");
        TELL(p->effect, "it may use more of what memory.max allows before it is slowed down");
        TELL(p->risk, "low: memory.max stays; memory that it takes is no longer there for others");
        TELL(p->restart, "nothing: memory.high is not seen by programs when they start");
}

static void say_pids(const struct finding *f, const char *victim, struct prose *p) {
        const uint64_t *e = f->evidence;

        (void)victim;
        SAY(p->text,
                        "%" PRIu64 " of %" PRIu64 " tasks (threads count), %" PRIu64
                        " forks refused in %s: the next one may fail",
                        e[EVIDENCE_PIDS_PEAK], e[EVIDENCE_PIDS_MAX], e[EVIDENCE_PIDS_REFUSED],
                        seconds(e[EVIDENCE_PIDS_WINDOW]).text);
        TELL(p->why, "twice as many, at most as many as fill an eighth of the host's memory with "
                     "their kernel part");
        TELL(p->effect, "forks and new threads succeed up to the new limit");
        TELL(p->risk, "low: something that forks without end fills the new limit as well");
        TELL(p->restart, "nothing; a program that failed to start a thread may have to be started "
                         "again");
}

/* "7.3 MiB/s", as the limit is written but for the disk and its own name. */
static struct words rate(uint64_t key, uint64_t amount) {
        struct words w;
        char text[KNOB_VALUE_TEXT_MAX];
        const char *equals;

        knob_format(KNOB_IO_MAX, (struct knob_value){ .amount = amount, .key = key }, text,
                        sizeof(text));
        equals = strchr(text, '=');
        SAY(w.text, "%s", equals ? equals + 1 : text);
        return w;
}

static void say_brake(const struct finding *f, const char *victim, struct prose *p) {
        static const struct {
                const char *does, *of;
        } shares[IO_LIMIT_COUNT] = {
                [IO_RBPS] = { "reads", "the bytes that come from" },
                [IO_WBPS] = { "writes", "the bytes that go to" },
                [IO_RIOPS] = { "makes", "the reads of" },
                [IO_WIOPS] = { "makes", "the writes to" },
        };
        const uint64_t *e = f->evidence;
        uint64_t key = e[EVIDENCE_BRAKE_KEY];
        enum io_limit limit = io_key_limit(key);
        char disk[IO_DEVICE_SIZE], name[NAME_MAX_TEXT];

        io_key_device(key, disk);
        text_printable(victim, name, sizeof(name));
        SAY(p->text,
                        "%s %" PRIu64
                        " %% of %s disk %s (%s); %s waited for it at least %s of each "
                        "minute",
                        shares[limit].does,
                        percent(e[EVIDENCE_BRAKE_DONE], e[EVIDENCE_BRAKE_DISK_DONE]),
                        shares[limit].of, disk, rate(key, e[EVIDENCE_BRAKE_USE]).text, name,
                        seconds(f->lost_usec_per_min).text);
        SAY(p->why,
                        "half of the most that the disk was seen to do, %s; where that would brake "
                        "nothing, half of what it does now",
                        rate(key, e[EVIDENCE_BRAKE_MOST]).text);
        SAY(p->effect, "%s waits less for the disk; this container's own IO there takes longer",
                        name);
        TELL(p->risk, "medium: what waits for this container's files waits with it, on a disk that "
                      "others use too");
        TELL(p->restart, "nothing: the limit holds for what runs");
}

static void say_processes(const struct finding *f, struct prose *p) {
        size_t used = 0;

        for (unsigned i = 0; i < f->culprits_count && i < CULPRITS_MAX; i++) {
                const struct culprit *c = &f->culprits[i];
                char comm[NAME_MAX_TEXT], ancestor[NAME_MAX_TEXT];
                int n;

                text_printable(c->comm, comm, sizeof(comm));
                text_printable(c->ancestor, ancestor, sizeof(ancestor));
                n = snprintf(p->processes + used, sizeof(p->processes) - used,
                                "%s%s%s%s %" PRIu32 " %% of its CPU, %s%s of memory",
                                used > 0 ? "; " : "", comm, ancestor[0] ? " \xe2\x86\x90 " : "",
                                ancestor, c->cpu_permyriad / 100,
                                c->memory_growth_bytes > 0 ? "+" : "",
                                value(KNOB_MEMORY_MAX,
                                                c->memory_growth_bytes > 0
                                                                ? (uint64_t)c->memory_growth_bytes
                                                                : c->memory_bytes,
                                                0)
                                                .text);
                /* A name that does not fit whole is left out. */
                if (n < 0 || used + (size_t)n >= sizeof(p->processes)) {
                        p->processes[used] = '\0';
                        break;
                }
                used += (size_t)n;
        }
}

static void (*const sayers[RULE_COUNT])(
                const struct finding *f, const char *victim, struct prose *p) = {
        [RULE_CPU_QUOTA] = say_cpu,
        [RULE_MEMORY_LIMIT] = say_limit,
        [RULE_MEMORY_HIGH] = say_high,
        [RULE_PIDS_LIMIT] = say_pids,
        [RULE_IO_BRAKE] = say_brake,
};

static void say_none(struct prose *p, const char *why) {
        SAY(p->why, "%s", why);
        p->effect[0] = p->risk[0] = p->restart[0] = '\0';
}

void prose_make(const struct finding *f, const struct proposal *p, enum reason unsized,
                enum reason refusal, const char *victim, struct prose *ret) {
        memset(ret, 0, sizeof(*ret));
        if (f->rule >= RULE_COUNT || !sayers[f->rule])
                return;

        sayers[f->rule](f, victim, ret);
        say_processes(f, ret);
        if (!p) {
                say_none(ret, f->rule == RULE_IO_BRAKE ? "nothing is proposed: a limit that "
                                                         "is as tight is there already"
                                : unsized == REASON_HOST_RESERVE
                                                ? "nothing is proposed: the host has "
                                                  "no more to give"
                                                : "nothing is proposed: the limit is "
                                                  "as high as it should go");
                return;
        }
        if (refusal != REASON_NONE) {
                char why[PROSE_MAX];

                SAY(why, "refused (%s): %s", reasons[refusal].code, reasons[refusal].text);
                say_none(ret, why);
                return;
        }
        if (p->risk == RISK_MEDIUM || p->risk == RISK_HIGH) {
                char risk[PROSE_MAX];

                SAY(risk, "%s%s", p->risk == RISK_HIGH ? "high" : "medium",
                                strchrnul(ret->risk, ':'));
                memcpy(ret->risk, risk, sizeof(ret->risk));
        }
        TELL(ret->undo, "dtgov rollback writes the old value back; dtgov does it by itself when "
                        "the "
                        "change makes things worse on probation");
        TELL(ret->lasts, "until the container is made anew, or somebody sets another value");
}
