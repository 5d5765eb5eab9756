/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/model/host.h"

#include "policies/rules/undo.h"
#include "state/log.h"

#include <assert.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

const enum knob_id host_knobs[STAGE_FILES] = { KNOB_MEMORY_MAX, KNOB_MEMORY_HIGH };

static const char *const paths[HOST_CONTAINERS] = { "/docker-c0.scope", "/c1" };
static const char *const ids[HOST_CONTAINERS] = { "c0", "c1" };
static const char *const files[][2] = {
        { "memory.stat", "anon 1\ninactive_file 0\nslab_reclaimable 0\n" },
        { "memory.events", "low 0\noom 0\noom_kill 0\n" },
        { "memory.events.local", "low 0\noom 0\noom_kill 0\n" },
        { "pids.max", "100" },
        { "pids.current", "3" },
        { "pids.events", "max 0\n" },
        { "cgroup.events", "populated 1\nfrozen 0\n" },
        { "cgroup.procs", "" },
};

/* The callback that the kernel would make when a cgroup's last process has gone. */
static struct {
        sd_event_io_handler_t call;
        struct managed *container;
} watched[HOST_CONTAINERS];

int __wrap_sd_event_add_io(sd_event *event, sd_event_source **ret, int fd, uint32_t events,
                sd_event_io_handler_t call, void *data);
int __wrap_sd_event_add_io(sd_event *event, sd_event_source **ret, int fd, uint32_t events,
                sd_event_io_handler_t call, void *data) {
        struct managed *m = data;

        (void)event;
        (void)ret;
        (void)fd;
        (void)events;
        for (size_t i = 0; i < HOST_CONTAINERS; i++)
                if (strcmp(m->container.id, ids[i]) == 0) {
                        watched[i].call = call;
                        watched[i].container = m;
                }
        return -EPERM; /* as for a plain file */
}

bool __wrap_control_observer_present(const struct control *c);
bool __wrap_control_observer_present(const struct control *c) {
        return ((const struct replay_host *)((const char *)c -
                                             offsetof(struct replay_host, control)))
                        ->observer;
}

static const char *path_of(struct replay_host *h, unsigned container, const char *file) {
        static char path[256];

        (void)snprintf(path, sizeof(path), "%s/cg%s/%s", h->dir, paths[container], file);
        return path;
}

static void put(const char *path, const char *text) {
        FILE *stream = fopen(path, "we");

        if (!stream || fputs(text, stream) < 0 || fclose(stream) != 0) {
                perror(path);
                exit(2);
        }
}

void host_write_text(struct replay_host *h, unsigned container, unsigned file, const char *text) {
        put(path_of(h, container, knobs[host_knobs[file]].file), text);
}

void host_write(struct replay_host *h, unsigned container, unsigned file, unsigned value) {
        char text[32];

        (void)snprintf(text, sizeof(text), "%llu", value * HOST_UNIT);
        host_write_text(h, container, file, text);
}

unsigned host_value(struct knob_value value) {
        return (unsigned)((value.amount + HOST_UNIT - 1) / HOST_UNIT);
}

unsigned host_read(struct replay_host *h, unsigned container, unsigned file) {
        const char *path = path_of(h, container, knobs[host_knobs[file]].file);
        struct knob_value value = { 0 };
        char text[KNOB_TEXT_MAX] = "";
        FILE *stream = fopen(path, "re");

        if (!stream || !fgets(text, sizeof(text), stream) || fclose(stream) != 0 ||
                        knob_read_text(host_knobs[file], text, &value) < 0) {
                (void)fprintf(stderr, "%s: '%s'\n", path, text);
                exit(2);
        }
        return host_value(value);
}

void host_use(struct replay_host *h, unsigned container, unsigned value) {
        uint64_t low = 0, high = (value + 1) * HOST_UNIT; /* the most whose need is a unit more */
        char text[32];

        while (low + 1 < high) {
                uint64_t middle = (low + high) / 2;

                if (undo_needed_bytes(KNOB_MEMORY_MAX, middle) <= (value + 1) * HOST_UNIT)
                        low = middle;
                else
                        high = middle;
        }
        (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)low);
        put(path_of(h, container, "memory.current"), text);
}

void host_kill(struct replay_host *h, unsigned container) {
        put(path_of(h, container, "memory.events"), "low 0\noom 1\noom_kill 1\n");
        put(path_of(h, container, "memory.events.local"), "low 0\noom 1\noom_kill 1\n");
}

static int make_dir(struct replay_host *h, const char *name) {
        char path[128];

        (void)snprintf(path, sizeof(path), "%s/%s", h->dir, name);
        if (mkdir(path, 0700) < 0)
                abort();
        return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void make_container(struct replay_host *h, unsigned container, unsigned base) {
        struct container x = { .runtime = "runc" };
        char dir[64];
        struct stat st;
        int fd;

        (void)snprintf(dir, sizeof(dir), "cg%s", paths[container]);
        fd = make_dir(h, dir);
        if (fstat(fd, &st) < 0)
                abort();
        assert(h->held < ARRAY_LEN(h->held_fds));
        h->held_fds[h->held++] = fd;
        for (size_t i = 0; i < ARRAY_LEN(files); i++)
                put(path_of(h, container, files[i][0]), files[i][1]);
        for (unsigned file = 0; file < STAGE_FILES; file++)
                host_write(h, container, file, base);
        host_use(h, container, 3);
        (void)strcpy(x.id, ids[container]);
        (void)strcpy(x.cgroup, paths[container]);
        x.cgroup_inode = st.st_ino;
        if (registry_put(h->control.containers_fd, &x) < 0)
                abort();
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        (void)st;
        (void)type;
        (void)ftw;
        return remove(path);
}

static void see_ends(struct replay_host *h) {
        for (size_t i = 0; i < HOST_CONTAINERS; i++)
                if (watched[i].container &&
                                cgroup_populated(watched[i].container->dir_fd) == -ENODEV)
                        (void)watched[i].call(NULL, -1, 0, TAKE(watched[i].container));
        containers_scan(&h->control);
}

void host_vanish(struct replay_host *h, unsigned container, unsigned base) {
        put(path_of(h, container, "cgroup.events"), "populated 0\nfrozen 0\n");
        (void)nftw(path_of(h, container, ""), remove_one, 8, FTW_DEPTH | FTW_PHYS);
        make_container(h, container, base);
        if (h->serves)
                see_ends(h);
}

static bool log_nothing(int level, enum event event, const char *line) {
        (void)level;
        (void)event;
        if (getenv("VERBOSE"))
                (void)fprintf(stderr, "        %s\n", line);
        return true;
}

void host_start(struct replay_host *h) {
        struct control *c = &h->control;
        struct error err = { "" };

        c->engine = (struct engine){ 0 };
        c->durable = (struct durable){ 0 };
        c->containers = (struct containers){ 0 };
        if (journal_open(c->journal_fd, c->host.boot_id, &c->journal, &err) < 0 ||
                        engine_load(c) < 0) {
                (void)fprintf(stderr, "%s\n", err.text);
                exit(2);
        }
        h->up = true;
        containers_scan(c);
}

void host_serve(struct replay_host *h) {
        h->serves = true;
        see_ends(h);
}

void host_crash(struct replay_host *h) {
        struct control *c = &h->control;

        if (!h->up)
                return;
        stage_clear();
        engine_done(c);
        containers_done(c);
        journal_close(c->journal);
        memset(watched, 0, sizeof(watched));
        h->up = h->serves = false;
}

void host_begin(struct replay_host *h, unsigned base) {
        struct control *c = &h->control;
        struct error err = { "" };
        char path[128];

        *h = (struct replay_host){ 0 };
        log_set_sink(log_nothing);
        (void)strcpy(h->dir, "/dev/shm/dtgov-replay-XXXXXX");
        if (!mkdtemp(h->dir) && (!strcpy(h->dir, "/tmp/dtgov-replay-XXXXXX") || !mkdtemp(h->dir)))
                abort();
        (void)close(make_dir(h, "cg"));
        c->containers_fd = make_dir(h, "containers");
        c->journal_fd = make_dir(h, "journal");
        c->proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        c->link.fd = -1;
        c->psi_available = true;
        c->probation_ns = 60 * NSEC_PER_SEC;
        config_default(&c->config);
        (void)snprintf(path, sizeof(path), "%s/cg", h->dir);
        if (proc_host(c->proc_fd, &c->host, &err) < 0 ||
                        cgroup_root_open(path, &c->root, &err) < 0 ||
                        proposals_init(&c->proposals) < 0 || sd_event_new(&c->event) < 0)
                abort();
        for (unsigned i = 0; i < HOST_CONTAINERS; i++)
                make_container(h, i, base);
        host_start(h);
        host_serve(h);
}

void host_end(struct replay_host *h) {
        struct control *c = &h->control;

        host_crash(h);
        memset(stage_messages, 0, sizeof(stage_messages));
        cgroup_root_close(&c->root);
        (void)close(c->containers_fd);
        (void)close(c->journal_fd);
        (void)close(c->proc_fd);
        while (h->held > 0)
                (void)close(h->held_fds[--h->held]);
        c->event = sd_event_unref(c->event);
        (void)nftw(h->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}
