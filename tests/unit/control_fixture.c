/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/control_fixture.h"

#include "governor/control/steps.h"
#include "state/file.h"
#include "state/log.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cmocka.h>

static const struct {
        const char *file, *text;
} files[] = {
        { "memory.max", "max" },
        { "memory.high", FIXTURE_HIGH },
        { "memory.current", "104857600" },
        { "memory.stat", "anon 1\ninactive_file 0\nslab_reclaimable 0\n" },
        { "memory.events", "low 0\noom 0\noom_kill 0\n" },
        { "memory.events.local", "low 0\noom 0\noom_kill 0\n" },
        { "cpu.max", "100000 100000" },
        { "cpu.weight", "100" },
        { "pids.max", FIXTURE_PIDS },
        { "pids.current", "3" },
        { "pids.events", "max 0\n" },
        { "cgroup.events", "populated 1\nfrozen 0\n" },
        { "cgroup.procs", "" },
};

static char *path_of(struct fixture *f, const char *name) {
        static char path[256];

        (void)snprintf(path, sizeof(path), "%s/%s", f->dir, name);
        return path;
}

void fixture_write(struct fixture *f, const char *file, const char *text) {
        char path[256];
        FILE *stream;

        (void)snprintf(path, sizeof(path), "%s/cg/docker/c1/%s", f->dir, file);
        stream = fopen(path, "we");
        assert_non_null(stream);
        assert_true(fputs(text, stream) >= 0);
        assert_int_equal(fclose(stream), 0);
}

void fixture_remove(struct fixture *f, const char *file) {
        char path[256];

        (void)snprintf(path, sizeof(path), "%s/cg/docker/c1/%s", f->dir, file);
        assert_int_equal(unlink(path), 0);
}

const char *fixture_read(struct fixture *f, const char *file) {
        static char text[256];
        ssize_t n = cgroup_read(f->container->dir_fd, file, text, sizeof(text));

        assert_true(n >= 0);
        return text;
}

static bool log_nothing(int level, enum event event, const char *line) {
        (void)level;
        (void)event;
        (void)line;
        return true;
}

static void open_engine(struct fixture *f) {
        struct control *c = &f->control;
        struct error err = { "" };

        c->event = NULL;
        c->engine = (struct engine){ 0 };
        c->durable = (struct durable){ 0 };
        assert_int_equal(journal_open(c->journal_fd, c->host.boot_id, &c->journal, &err), 0);
        assert_true(engine_load(c) >= 0);
        assert_true(sd_event_new(&c->event) >= 0);
        assert_int_equal(writers_new(&c->writers, c->event), 0);
        assert_true(engine_init(c) >= 0);
        assert_true(durable_init(c) >= 0);
}

static void open_link(struct fixture *f) {
        struct control *c = &f->control;
        int pair[2];

        assert_int_equal(
                        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair),
                        0);
        assert_true(observer_link_init(c, pair[0], -1, geteuid()) >= 0);
        c->link.hello = true;
        f->observer_fd = pair[1];
}

static void add_container(struct fixture *f) {
        struct container x = { .id = "c1", .runtime = "runc", .cgroup = "/docker/c1" };
        struct stat st;

        assert_int_equal(stat(path_of(f, "cg/docker/c1"), &st), 0);
        x.cgroup_inode = st.st_ino;
        assert_int_equal(registry_put(f->control.containers_fd, &x), 0);
        containers_scan(&f->control);
        f->container = container_find(&f->control, "c1", 0);
        assert_non_null(f->container);
}

static int make_dir(struct fixture *f, const char *name) {
        assert_int_equal(mkdir(path_of(f, name), 0700), 0);
        return open(path_of(f, name), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

int fixture_begin(void **state) {
        struct fixture *f = calloc(1, sizeof(*f));
        struct control *c;
        struct error err = { "" };

        assert_non_null(f);
        log_set_sink(log_nothing);
        c = &f->control;
        (void)strcpy(f->dir, "/tmp/dtgov-control-XXXXXX");
        assert_non_null(mkdtemp(f->dir));
        (void)close(make_dir(f, "cg"));
        (void)close(make_dir(f, "cg/docker"));
        (void)close(make_dir(f, "cg/docker/c1"));
        for (size_t i = 0; i < ARRAY_LEN(files); i++)
                fixture_write(f, files[i].file, files[i].text);
        c->containers_fd = make_dir(f, "containers");
        c->journal_fd = make_dir(f, "journal");
        c->proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        c->sys_fd = make_dir(f, "sys");
        c->link.fd = -1;
        c->psi_available = true;
        c->probation_ns = 60 * NSEC_PER_SEC;
        c->soak_ns = 20 * NSEC_PER_MSEC;
        config_default(&c->config);
        assert_int_equal(proc_host(c->proc_fd, &c->host, &err), 0);
        assert_int_equal(cgroup_root_open(path_of(f, "cg"), &c->root, &err), 0);
        assert_int_equal(proposals_init(&c->proposals), 0);
        open_engine(f);
        add_container(f);
        open_link(f);
        *state = f;
        return 0;
}

static void close_engine(struct fixture *f) {
        struct control *c = &f->control;

        (void)writers_free(c->writers);
        observer_link_done(c);
        durable_done(c);
        engine_done(c);
        (void)close(f->observer_fd);
        containers_done(c);
        journal_close(c->journal);
        c->event = sd_event_unref(c->event);
}

void fixture_forget(struct fixture *f) {
        char name[REGISTRY_NAME_SIZE];

        (void)strcpy(name, f->container->file);
        close_engine(f);
        assert_int_equal(registry_remove(f->control.containers_fd, name), 0);
        f->control.containers = (struct containers){ 0 };
        open_engine(f);
        open_link(f);
}

void fixture_crash(struct fixture *f) {
        close_engine(f);
        f->control.containers = (struct containers){ 0 };
        open_engine(f);
        add_container(f);
        open_link(f);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        (void)st;
        (void)type;
        (void)ftw;
        return remove(path);
}

int fixture_end(void **state) {
        struct fixture *f = *state;
        struct control *c = &f->control;

        close_engine(f);
        cgroup_root_close(&c->root);
        (void)close(c->containers_fd);
        (void)close(c->journal_fd);
        (void)close(c->proc_fd);
        (void)close(c->sys_fd);
        (void)nftw(f->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
        free(f);
        return 0;
}

struct run *fixture_add(struct fixture *f, uint64_t number, enum change_state state) {
        struct run *run = calloc(1, sizeof(*run));
        struct change *x;

        assert_non_null(run);
        x = &run->change;
        x->number = number;
        x->state = state;
        x->cgroup_inode = f->container->container.cgroup_inode;
        (void)strcpy(x->container_id, "c1");
        x->changes_count = 1;
        x->changes[0] = (struct knob_change){
                .knob = KNOB_PIDS_MAX, .old = { 100, 0 }, .new = { 200, 0 }
        };
        run->this_boot = true;
        run->container = container_ref(f->container);
        run->looked_ns = run->drift_ns = proc_boottime_ns();
        engine_add(&f->control, run);
        return run;
}

struct proposal fixture_wish(struct fixture *f, enum knob_id id, uint64_t amount) {
        static uint64_t number = 1000;
        struct proposal p = { .number = number, .rule = RULE_PERSON, .changes_count = 1 };

        number++;
        p.cgroup_inode = f->container->container.cgroup_inode;
        (void)strcpy(p.container_id, "c1");
        p.changes[0].knob = id;
        p.changes[0].new.amount = amount;
        assert_true(knob_read_text(id, fixture_read(f, knobs[id].file), &p.changes[0].old) >= 0);
        p.changes[0].new.period_usec = p.changes[0].old.period_usec;
        return p;
}

static void step(struct fixture *f) {
        f->control.link.heard_ns = proc_boottime_ns();
        assert_true(sd_event_run(f->control.event, 100 * USEC_PER_MSEC) >= 0);
}

void fixture_until(struct fixture *f, const struct run *run, enum change_state state) {
        uint64_t deadline = proc_boottime_ns() + 5 * NSEC_PER_SEC;

        while (run->change.state != state && proc_boottime_ns() < deadline)
                step(f);
        assert_string_equal(change_states[run->change.state].name, change_states[state].name);
}

struct run *fixture_apply(struct fixture *f, enum knob_id id, uint64_t amount, bool end) {
        struct proposal p = fixture_wish(f, id, amount);
        struct run *run;

        f->control.link.heard_ns = proc_boottime_ns();
        assert_int_equal(engine_begin(&f->control, &p, 0, 0, NULL), 0);
        run = f->control.engine.runs;
        fixture_until(f, run, CHANGE_PROBATION);
        if (end) {
                run->change.deadline_boottime_ns = 1;
                fixture_until(f, run, CHANGE_COMMITTED);
        }
        return run;
}
