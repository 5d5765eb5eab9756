/* SPDX-License-Identifier: Apache-2.0 */
/*
 * org.dtgov.Observer: reading only, for everybody on this machine. Whoever may run `ps` sees the
 * same.
 */
#include "governor/observer/api.h"

#include "governor/varlink/org.dtgov.Observer.varlink.h"
#include "state/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define RATES_NS    (10 * NSEC_PER_SEC) /* rates are over the last ten seconds */
#define STALLS_NS   (30 * NSEC_PER_SEC) /* pressures are read every ten */
#define SAMPLES_MAX 300
#define TOP_MAX     20

/* A value that is known, null where it is "max"; nothing as long as it is not known. */
static void put_known(
                struct json_writer *w, const char *key, const struct sample *s, enum sample_id id) {
        if (!(s->present >> id & 1))
                return;
        if (s->value[id] != KNOB_MAX)
                json_put_u64(w, key, s->value[id]);
        else
                json_put_string(w, key, NULL);
}

static void put_flags(struct json_writer *w, uint32_t flags) {
        json_open_array(w, "flags");
        if (flags & CONTAINER_ADOPTED)
                json_put_string(w, NULL, "adopted");
        if (flags & CONTAINER_OBSERVED_ONLY)
                json_put_string(w, NULL, "observedOnly");
        if (flags & CONTAINER_OWNED_BY_SYSTEMD)
                json_put_string(w, NULL, "ownedBySystemd");
        json_close_array(w);
}

/* Growth of a pressure total, which is read seldom, as if over @window_usec. */
static uint64_t stalled(const struct view *v, enum sample_id id, uint64_t window_usec) {
        uint64_t extent = view_extent_usec(v, id);

        return extent > 0 ? view_delta(v, id) * window_usec / extent : 0;
}

static void put_rates(struct json_writer *w, struct manager *m, const struct target *t) {
        struct view all = manager_view(m, t, u64_sub(t->sampled_ns, STALLS_NS));
        struct view v = view_from(&all, u64_sub(t->sampled_ns, RATES_NS));
        uint64_t window = view_span_usec(&v);

        json_put_u64(w, "windowUsec", window);
        json_put_u64(w, "cpuUsec", view_delta(&v, SAMPLE_CPU_USAGE));
        json_put_u64(w, "throttledUsec", view_delta(&v, SAMPLE_CPU_THROTTLED));
        json_put_u64(w, "ioReadBytes", view_delta(&v, SAMPLE_IO_READ_BYTES));
        json_put_u64(w, "ioWriteBytes", view_delta(&v, SAMPLE_IO_WRITE_BYTES));
        json_put_u64(w, "stallCpuUsec", stalled(&all, SAMPLE_PSI_CPU_SOME, window));
        json_put_u64(w, "stallMemoryUsec", stalled(&all, SAMPLE_PSI_MEMORY_SOME, window));
        json_put_u64(w, "stallIoUsec", stalled(&all, SAMPLE_PSI_IO_SOME, window));
}

static uint64_t lost_usec_per_min(const struct target *t) {
        uint64_t lost = 0;

        for (unsigned i = 0; i < RULE_COUNT; i++)
                if (t->entries[i] && i != RULE_IO_BRAKE) /* there another one loses it */
                        lost = u64_max(lost, t->entries[i]->finding.lost_usec_per_min);
        return lost;
}

static void put_text(struct json_writer *w, const char *key, const char *text) {
        json_put_string(w, key, text[0] ? text : NULL);
}

/* What a person should know before they rely on a name, or wonder that nothing can be changed. */
static void put_container_notes(
                struct json_writer *w, const struct container *c, const struct identity *i) {
        const char *owner = container_observed_only(c->cgroup);

        json_open_array(w, "notes");
        if (owner)
                json_put_string(w, NULL, owner);
        if (i->status != IDENTITY_NONE && i->status != IDENTITY_FOUND)
                json_put_string(w, NULL, identity_statuses[i->status].text);
        else if (i->engine == ENGINE_CONTAINERD || i->engine == ENGINE_CRIO)
                json_put_string(w, NULL,
                                "containerd and CRI-O are not asked for names: its id is its name");
        for (unsigned bit = 0; bit < IDENTITY_NOTES_COUNT; bit++)
                if (i->notes >> bit & 1)
                        json_put_string(w, NULL, identity_notes[bit]);
        json_close_array(w);
}

static void put_identity(
                struct json_writer *w, const struct container *c, const struct identity *i) {
        json_put_string(w, "id", i->environment);
        json_put_string(w, "environmentRule", environment_rules[i->environment_rule]);
        put_text(w, "template", i->template);
        json_put_string(w, "templateRule", template_rules[i->template_rule]);
        put_text(w, "name", i->name);
        put_text(w, "image", i->image);
        put_text(w, "folder", i->folder);
        put_text(w, "engine", engine_names[i->engine]);
        json_put_string(w, "network", network_modes[i->network]);
        json_put_string(w, "runtime", c->runtime[0] ? c->runtime : i->runtime);
        put_container_notes(w, c, i);
}

static void put_container(struct json_writer *w, struct manager *m, const struct target *t) {
        const struct container *c = &t->container;
        const struct sample *s = &t->sampler.last;
        struct identity by_itself;

        if (!t->identity)
                identity_default(c, &by_itself);
        json_open_object(w, NULL);
        put_identity(w, c, t->identity ? t->identity : &by_itself);
        json_put_string(w, "containerId", c->id);
        json_put_string(w, "cgroup", c->cgroup);
        json_put_u64(w, "cgroupInode", c->cgroup_inode);
        json_put_i64(w, "pid", c->pid);
        put_flags(w, t->flags);
        put_rates(w, m, t);
        json_put_u64(w, "memoryBytes", s->value[SAMPLE_MEMORY_CURRENT]);
        put_known(w, "memoryAnonBytes", s, SAMPLE_MEMORY_ANON);
        put_known(w, "memoryFileBytes", s, SAMPLE_MEMORY_FILE);
        json_put_u64(w, "pids", s->value[SAMPLE_PIDS_CURRENT]);
        put_known(w, "cpuQuotaUsec", s, SAMPLE_LIMIT_CPU_QUOTA);
        put_known(w, "cpuPeriodUsec", s, SAMPLE_LIMIT_CPU_PERIOD);
        put_known(w, "memoryMaxBytes", s, SAMPLE_LIMIT_MEMORY_MAX);
        put_known(w, "memoryHighBytes", s, SAMPLE_LIMIT_MEMORY_HIGH);
        put_known(w, "memorySwapMaxBytes", s, SAMPLE_LIMIT_SWAP_MAX);
        put_known(w, "pidsMax", s, SAMPLE_LIMIT_PIDS_MAX);
        json_put_u64(w, "lostUsecPerMin", lost_usec_per_min(t));
        json_close_object(w);
}

static int list_containers(struct varlink *link, const struct json *parameters, void *userdata) {
        struct manager *m = userdata;
        struct json_writer *w;
        int r;

        (void)parameters;
        r = varlink_reply_begin(link, &w);
        if (r < 0)
                return r;

        json_open_array(w, "containers");
        for (size_t i = 0; i < m->targets_count; i++)
                put_container(w, m, m->targets[i]);
        json_close_array(w);
        json_put_u64(w, "sweepUsec", m->sweep_usec);
        json_put_u64(w, "intervalUsec", manager_interval_usec(m));
        return varlink_reply_end(link);
}

/* The container that a call names. Returns: 1 found, 0 none named, below 0 answered already. */
static int named(struct varlink *link, struct manager *m, const struct json *parameters,
                struct target **ret) {
        const char *id;
        int r;

        r = json_get_string(parameters, "containerId", &id, NULL);
        if (r == -ENOENT)
                return 0;
        if (r < 0) {
                (void)varlink_error(link, "org.dtgov.Observer.InvalidParameter", "parameter",
                                "containerId", "text", "containerId is not a string: want an id",
                                NULL);
                return -EINVAL;
        }
        *ret = manager_find_id(m, id);
        if (*ret)
                return 1;
        (void)varlink_error(link, "org.dtgov.Observer.NotFound", "id", id, "text",
                        "no such container is observed; dtgov ps lists them", NULL);
        return -ENOENT;
}

static int list_findings(struct varlink *link, const struct json *parameters, void *userdata) {
        struct manager *m = userdata;
        struct target *only = NULL;
        struct json_writer *w;
        int r;

        r = named(link, m, parameters, &only);
        if (r < 0)
                return 0;
        r = varlink_reply_begin(link, &w);
        if (r < 0)
                return r;

        json_open_array(w, "findings");
        for (size_t i = 0; i < m->targets_count; i++)
                for (unsigned k = 0; k < RULE_COUNT; k++)
                        if (m->targets[i]->entries[k] && (!only || only == m->targets[i]))
                                query_put_finding(w, m, m->targets[i]->entries[k]);
        json_close_array(w);
        return varlink_reply_end(link);
}

/* Answers when a call lacks the container that it must name; 1 when it has one. */
static int required(struct varlink *link, struct manager *m, const struct json *parameters,
                struct target **ret) {
        int r = named(link, m, parameters, ret);

        if (r == 0)
                (void)varlink_error(link, "org.dtgov.Observer.InvalidParameter", "parameter",
                                "containerId", "text", "containerId is missing", NULL);
        return r;
}

/* Each row: the time in ns, then the fields; one that was not read is -1. */
static void put_samples(struct json_writer *w, const struct target *t, uint64_t skip) {
        struct sample_cursor cursor;
        struct sample s;

        json_open_array(w, "samples");
        sample_ring_seek(&t->ring, 0, &cursor);
        while (sample_ring_next(&cursor, &s)) {
                if (skip > 0) {
                        skip--;
                        continue;
                }
                json_open_object(w, NULL);
                json_open_array(w, "values");
                json_put_u64(w, NULL, s.boottime_ns);
                for (unsigned i = 0; i < SAMPLE_COUNT; i++)
                        json_put_i64(w, NULL, s.present >> i & 1 ? query_number(s.value[i]) : -1);
                json_close_array(w);
                json_close_object(w);
        }
        json_close_array(w);
}

static int get_samples(struct varlink *link, const struct json *parameters, void *userdata) {
        struct manager *m = userdata;
        uint64_t count = SAMPLES_MAX;
        struct json_writer *w;
        struct target *t;
        int r;

        if (required(link, m, parameters, &t) <= 0)
                return 0;
        r = json_get_u64(parameters, "count", &count, NULL);
        if (r < 0 && r != -ENOENT)
                return varlink_error(link, "org.dtgov.Observer.InvalidParameter", "parameter",
                                "count", "text", "count is not a number: want 1 or more", NULL);
        r = varlink_reply_begin(link, &w);
        if (r < 0)
                return r;

        json_open_array(w, "fields");
        query_put_gauge(w, "BOOTTIME", 0, "ns");
        for (unsigned i = 0; i < SAMPLE_COUNT; i++)
                query_put_gauge(w, sample_fields[i].name, t->sampler.last.value[i],
                                sample_fields[i].unit);
        json_close_array(w);
        put_samples(w, t, u64_sub(sample_ring_count(&t->ring), count));
        return varlink_reply_end(link);
}

static int list_processes(struct varlink *link, const struct json *parameters, void *userdata) {
        struct attribution *a = NULL;
        struct manager *m = userdata;
        struct culprit top[TOP_MAX];
        struct json_writer *w;
        unsigned count = 0;
        struct target *t;
        int r;

        if (required(link, m, parameters, &t) <= 0)
                return 0;
        /* One that is not in trouble is looked at for this answer: memory now, no shares yet. */
        if (!t->attribution && attribution_new(&a) == 0)
                (void)attribution_scan(a, m->proc_fd, t->sampler.dir_fd, proc_boottime_ns(),
                                t->sampler.last.value[SAMPLE_CPU_USAGE]);
        if (t->attribution || a)
                count = attribution_top(t->attribution ? t->attribution : a, BY_CPU, top, TOP_MAX);
        attribution_free(a);

        r = varlink_reply_begin(link, &w);
        if (r < 0)
                return r;
        json_open_array(w, "processes");
        for (unsigned i = 0; i < count; i++)
                query_put_process(w, &top[i]);
        json_close_array(w);
        return varlink_reply_end(link);
}

/* A sweep that is a little late says nothing: ticks are ten a second. */
static void put_interval(struct json_writer *w, const struct manager *m) {
        uint64_t tenths = manager_interval_usec(m) / (USEC_PER_SEC / 10);
        char text[128];

        if (tenths < 15)
                return;
        (void)snprintf(text, sizeof(text),
                        "the host is busy or has very many containers: each is looked at every "
                        "%" PRIu64 ".%" PRIu64 " s, not every second",
                        tenths / 10, tenths % 10);
        json_put_string(w, NULL, text);
}

static void put_notes(struct json_writer *w, const struct manager *m) {
        size_t without = 0;

        json_open_array(w, "notes");
        if (!m->uplink.hello)
                json_put_string(w, NULL,
                                "no link to dtgovd: nothing new is observed and nothing can be "
                                "proposed; is dtgovd running?");
        if (m->numbers.dir_fd < 0)
                json_put_string(w, NULL,
                                "findings have no numbers: the history directory is missing or "
                                "damaged");
        for (size_t i = 0; i < m->targets_count; i++)
                without += m->targets[i]->sampler.ladder_mask == 0 &&
                           !(m->targets[i]->flags & CONTAINER_OBSERVED_ONLY);
        if (without > 0)
                json_put_string(w, NULL,
                                "some containers have no pressure triggers: no findings about "
                                "memory for them; is PSI on (psi=1)?");
        put_interval(w, m);
        json_close_array(w);
}

static int health(struct varlink *link, const struct json *parameters, void *userdata) {
        struct manager *m = userdata;
        struct json_writer *w;
        int r;

        (void)parameters;
        r = varlink_reply_begin(link, &w);
        if (r < 0)
                return r;

        json_put_string(w, "version", DTGOV_VERSION);
        json_put_i64(w, "pid", getpid());
        json_put_u64(w, "startedBoottimeNs", m->started_ns);
        json_put_u64(w, "containers", m->targets_count);
        json_put_u64(w, "intervalUsec", manager_interval_usec(m));
        json_put_u64(w, "sweepUsec", m->sweep_usec);
        json_put_bool(w, "link", m->uplink.hello);
        put_notes(w, m);
        return varlink_reply_end(link);
}

static const struct varlink_entry entries[] = {
        { "ListContainers", list_containers },
        { "ListFindings", list_findings },
        { "GetSamples", get_samples },
        { "ListProcesses", list_processes },
        { "Health", health },
        {},
};

static const struct varlink_interface interface = {
        "org.dtgov.Observer",
        org_dtgov_Observer_varlink,
        entries,
};

int api_open(struct manager *m, struct error *err) {
        int fd = m->options.query_fd, r;

        if (fd < 0) {
                char path[CONTAINER_PATH_SIZE];

                (void)snprintf(path, sizeof(path), "%s/query.sock", m->options.run_dir);
                r = varlink_listen(path, 0666, &fd, err);
                if (r < 0)
                        return r;
        }
        r = varlink_server_new(&m->server, m->event, &interface, m);
        if (r >= 0)
                r = varlink_server_listen_fd(m->server, fd);
        return r < 0 ? error_errno(err, r, "cannot serve query.sock") : 0;
}
