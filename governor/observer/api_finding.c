/* SPDX-License-Identifier: Apache-2.0 */
/* A finding and what it is made of, as org.dtgov.Observer has them. */
#include "governor/observer/api.h"

#include "policies/analysis/prose.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void put_id(struct json_writer *w, const char *key, char kind, uint64_t number) {
        char text[24];

        (void)snprintf(text, sizeof(text), "%c%" PRIu64, kind, number);
        json_put_string(w, key, number == 0 ? NULL : text);
}

int64_t query_number(uint64_t value) {
        return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

void query_put_gauge(struct json_writer *w, const char *name, uint64_t value, const char *unit) {
        json_open_object(w, NULL);
        json_put_string(w, "name", name);
        json_put_i64(w, "value", query_number(value));
        json_put_string(w, "unit", unit);
        json_close_object(w);
}

void query_put_process(struct json_writer *w, const struct culprit *c) {
        json_open_object(w, NULL);
        json_put_i64(w, "pid", c->pid);
        json_put_string(w, "name", c->comm);
        json_put_string(w, "ancestor", c->ancestor);
        json_put_u64(w, "count", c->count);
        json_put_u64(w, "cpuPermyriad", c->cpu_permyriad);
        json_put_u64(w, "memoryBytes", c->memory_bytes);
        json_put_i64(w, "memoryGrowthBytes", c->memory_growth_bytes);
        json_put_u64(w, "waitUsecPerSec", c->runqueue_wait_usec_per_sec);
        json_close_object(w);
}

/* "max": no such limit. */
static void put_number(
                struct json_writer *w, const struct finding *f, const struct evidence_row *row) {
        enum io_limit limit = io_key_limit(f->evidence[EVIDENCE_BRAKE_KEY]);
        uint64_t value = f->evidence[row->index];
        const char *unit = row->unit;

        if (value == KNOB_MAX || strcmp(unit, EVIDENCE_NAME) == 0)
                return;
        if (strcmp(unit, EVIDENCE_IO) == 0)
                unit = io_limits[limit].bytes ? "bytes" : "";
        query_put_gauge(w, row->name, value, unit);
}

static void put_evidence(struct json_writer *w, const struct finding *f) {
        json_open_array(w, "evidence");
        for (size_t i = 0; i < evidence_rows_count; i++) {
                const struct evidence_row *row = &evidence_rows[i];

                if (row->rule == f->rule)
                        put_number(w, f, row);
        }
        json_close_array(w);
}

/* Whom a brake is for, as people call it; NULL where nobody is. */
static const char *victim_of(struct manager *m, const struct finding *f) {
        const struct target *t;

        if (f->rule != RULE_IO_BRAKE)
                return NULL;
        t = manager_find(m, f->evidence[EVIDENCE_BRAKE_VICTIM]);
        if (!t)
                return "a container that is gone";
        return t->identity ? t->identity->environment : t->container.id;
}

/* "8:0 wbps": what of which disk it fills. */
static void put_io(struct json_writer *w, const struct finding *f) {
        uint64_t key = f->evidence[EVIDENCE_BRAKE_KEY];
        char device[IO_DEVICE_SIZE], text[IO_DEVICE_SIZE + 8];

        if (f->rule != RULE_IO_BRAKE) {
                json_put_string(w, "io", NULL);
                return;
        }
        io_key_device(key, device);
        (void)snprintf(text, sizeof(text), "%s %s", device, io_limits[io_key_limit(key)].name);
        json_put_string(w, "io", text);
}

static void put_prose(struct json_writer *w, const struct entry *e, const char *victim) {
        bool sized = e->submission != SUBMISSION_NONE;
        char text[2 * PROSE_MAX + 4];
        struct prose p;

        prose_make(&e->finding, sized ? &e->proposal : NULL, e->unsized, e->refusal, victim, &p);
        (void)snprintf(text, sizeof(text), "%s%s%s", p.text, p.processes[0] ? "; " : "",
                        p.processes);
        json_put_string(w, "text", text);
        /* dtgovd's own words are more exact than the reason's. */
        if (e->refusal != REASON_NONE && e->text[0] != '\0') {
                (void)snprintf(text, sizeof(text), "refused (%s): %s", reasons[e->refusal].code,
                                e->text);
                json_put_string(w, "why", text);
        } else
                json_put_string(w, "why", p.why);
        json_put_string(w, "effect", p.effect);
        json_put_string(w, "risk", p.risk);
        json_put_string(w, "undo", p.undo);
        json_put_string(w, "lasts", p.lasts);
        json_put_string(w, "restart", p.restart);
}

void query_put_finding(struct json_writer *w, struct manager *m, const struct entry *e) {
        const struct finding *f = &e->finding;
        const char *victim = victim_of(m, f);

        json_open_object(w, NULL);
        if (f->number != 0)
                put_id(w, "id", 'F', f->number);
        else
                json_put_string(w, "id", "F?");
        json_put_string(w, "containerId", f->container_id);
        json_put_u64(w, "cgroupInode", f->cgroup_inode);
        json_put_string(w, "rule", rules[f->rule].name);
        json_put_string(w, "title", rules[f->rule].title);
        json_put_u64(w, "sinceBoottimeNs", f->since_boottime_ns);
        json_put_u64(w, "untilBoottimeNs", f->until_boottime_ns);
        json_put_u64(w, "lostUsecPerMin", f->lost_usec_per_min);
        put_evidence(w, f);
        json_open_array(w, "processes");
        for (unsigned i = 0; i < f->culprits_count; i++)
                query_put_process(w, &f->culprits[i]);
        json_close_array(w);
        put_id(w, "proposal", 'P', e->decided ? 0 : e->proposal_number);
        put_id(w, "change", 'C', e->change_number);
        json_put_string(w, "victim", victim);
        put_io(w, f);
        put_prose(w, e, victim ? victim : "");
        json_close_object(w);
}
