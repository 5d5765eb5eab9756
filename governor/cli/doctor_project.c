/* SPDX-License-Identifier: Apache-2.0 */
/* The project in whose folder doctor is run: what it needs, and whether host and limits give it. */
#include <inttypes.h>
#include <string.h>

#include "governor/cli/doctor.h"
#include "governor/cli/project.h"
#include "state/knob.h"

static const char *needs_words(struct cli *c, const struct project *p) {
        const char *cpus =
                        p->needs.cpus ? out_format(&c->out, "%" PRIu64 " CPUs", p->needs.cpus) : "";
        const char *memory = p->needs.memory_bytes ? out_bytes(&c->out, p->needs.memory_bytes) : "";

        return out_format(&c->out, "%s needs %s%s%s", p->file, cpus,
                        cpus[0] && memory[0] ? " and " : "", memory);
}

/* What a limit lacks: "memory.max=4294967296"; "" when it is enough. */
static const char *lacking(struct cli *c, const struct project *p, const struct json *container) {
        uint64_t quota = number_of(container, "cpuQuotaUsec", KNOB_MAX);
        uint64_t period = number_of(container, "cpuPeriodUsec", CPU_PERIOD_USEC);
        uint64_t memory = number_of(container, "memoryMaxBytes", KNOB_MAX);
        const char *text = "";

        if (memory < p->needs.memory_bytes)
                text = out_format(&c->out, " memory.max=%" PRIu64, p->needs.memory_bytes);
        if (quota < p->needs.cpus * period)
                text = out_format(&c->out, "%s cpu.max=%" PRIu64, text, p->needs.cpus);
        return text;
}

static void check_limits(struct cli *c, struct doctor *d, const struct project *p) {
        if (load_places(c) != EXIT_DONE)
                return;
        for (size_t i = 0; i < c->places_count; i++) {
                const struct json *container = c->places[i].json;
                const char *lacks;

                if (strcmp(text_of(container, "folder"), p->folder) != 0)
                        continue;
                lacks = lacking(c, p, container);
                if (lacks[0])
                        diagnose(d, "limits", HEALTH_WARN,
                                        out_format(&c->out, "%s has less than its project needs",
                                                        name_of(c, container)),
                                        out_format(&c->out, "dtgov set %.12s%s",
                                                        c->places[i].container_id, lacks));
        }
}

void check_project(struct cli *c, struct doctor *d) {
        uint64_t pages = (uint64_t)sysconf(_SC_PHYS_PAGES);
        uint64_t memory = pages * (uint64_t)sysconf(_SC_PAGESIZE);
        uint64_t cpus = (uint64_t)sysconf(_SC_NPROCESSORS_ONLN);
        struct project p;
        struct error why;
        int r = project_here(&p, &why);

        if (r < 0)
                diagnose(d, "project", HEALTH_WARN, why.text, "");
        if (r <= 0 || (p.needs.cpus == 0 && p.needs.memory_bytes == 0))
                return;
        if (p.needs.cpus > cpus || p.needs.memory_bytes > memory)
                diagnose(d, "project", HEALTH_WARN,
                                out_format(&c->out, "%s; this host has %" PRIu64 " CPUs and %s",
                                                needs_words(c, &p), cpus,
                                                out_bytes(&c->out, memory)),
                                "");
        else
                diagnose(d, "project", HEALTH_OK, needs_words(c, &p), "");
        check_limits(c, d, &p);
}
