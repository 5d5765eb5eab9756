/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How dtgovd comes to know containers and their ends: files of the registry, cgroup.events, scans.
 * Calls of inotify and of the event loop are the program's own, so that they can fail; what a plain
 * file cannot do, tell that cgroup.events changed, is told by the test.
 */
#include "governor/control/recover.h"
#include "governor/control/steps.h"
#include "tests/unit/control_fixture.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cmocka.h>

/* Errors that the next calls get; 0: none. */
static int inotify_error, watch_error, add_io_error, add_time_error;
static int hook_file_error;                  /* opening a file of the registry */
static const char *read_events;              /* what cgroup.events says then; NULL: what it has */
static sd_event_io_handler_t events_changed; /* of the container that was added last */

int openat(int fd, const char *path, int flags, ...) {
        mode_t mode = 0;
        va_list args;

        va_start(args, flags);
        if (flags & O_CREAT)
                mode = va_arg(args, mode_t);
        va_end(args);
        if (hook_file_error == 0 || !strstr(path, ".json"))
                return (int)syscall(SYS_openat, fd, path, flags, mode);
        errno = hook_file_error;
        return -1;
}

ssize_t pread(int fd, void *data, size_t size, off_t at) {
        if (!read_events)
                return syscall(SYS_pread64, fd, data, size, at);
        (void)snprintf(data, size, "%s", read_events);
        return (ssize_t)strlen(data);
}

int inotify_init1(int flags) {
        if (inotify_error == 0)
                return (int)syscall(SYS_inotify_init1, flags);
        errno = inotify_error;
        return -1;
}

int inotify_add_watch(int fd, const char *path, uint32_t mask) {
        if (watch_error == 0)
                return (int)syscall(SYS_inotify_add_watch, fd, path, mask);
        errno = watch_error;
        return -1;
}

typedef int (*add_io)(sd_event *e, sd_event_source **ret, int fd, uint32_t events,
                sd_event_io_handler_t callback, void *userdata);
typedef int (*add_time)(sd_event *e, sd_event_source **ret, clockid_t clock, uint64_t usec,
                uint64_t accuracy, sd_event_time_handler_t callback, void *userdata);

int sd_event_add_io(sd_event *e, sd_event_source **ret, int fd, uint32_t events,
                sd_event_io_handler_t callback, void *userdata) {
        add_io real;

        if (events == EPOLLPRI)
                events_changed = callback;
        if (add_io_error != 0)
                return -add_io_error;
        *(void **)&real = dlsym(RTLD_NEXT, "sd_event_add_io");
        return real(e, ret, fd, events, callback, userdata);
}

int sd_event_add_time_relative(sd_event *e, sd_event_source **ret, clockid_t clock, uint64_t usec,
                uint64_t accuracy, sd_event_time_handler_t callback, void *userdata) {
        add_time real;

        if (add_time_error != 0)
                return -add_time_error;
        *(void **)&real = dlsym(RTLD_NEXT, "sd_event_add_time_relative");
        return real(e, ret, clock, usec, accuracy, callback, userdata);
}

static int begin(void **state) {
        inotify_error = watch_error = add_io_error = add_time_error = hook_file_error = 0;
        read_events = NULL;
        return fixture_begin(state);
}

static void turn(struct fixture *f, unsigned times) {
        for (unsigned i = 0; i < times; i++)
                assert_true(sd_event_run(f->control.event, 5 * USEC_PER_MSEC) >= 0);
}

/* A second cgroup, and the file of its hook. */
static struct container make_second(struct fixture *f) {
        struct container x = { .id = "c2", .runtime = "runc", .cgroup = "/docker/c2" };
        char path[128];
        struct stat st;

        (void)snprintf(path, sizeof(path), "%s/cg/docker/c2", f->dir);
        (void)mkdir(path, 0700);
        assert_int_equal(stat(path, &st), 0);
        x.cgroup_inode = st.st_ino;
        fixture_write(f, "../c2/cgroup.events", "populated 1\n");
        return x;
}

static void put(struct fixture *f, const struct container *x) {
        assert_int_equal(registry_put(f->control.containers_fd, x), 0);
}

/* --- registry files --- */

static void a_file_of_a_hook_is_taken_when_it_appears(void **state) {
        struct fixture *f = *state;
        struct container x = make_second(f);

        assert_true(containers_init(&f->control) >= 0);
        put(f, &x);
        turn(f, 5);
        assert_non_null(container_find(&f->control, "c2", 0));
}

static void a_file_whose_content_is_of_another_container_is_ignored(void **state) {
        struct fixture *f = *state;
        struct container x = make_second(f);
        char from[REGISTRY_NAME_SIZE], to[REGISTRY_NAME_SIZE];

        put(f, &x);
        registry_name(&x, from);
        x.cgroup_inode++;
        registry_name(&x, to);
        assert_int_equal(renameat(f->control.containers_fd, from, f->control.containers_fd, to), 0);
        containers_scan(&f->control);
        containers_scan(&f->control); /* which is said once */
        assert_int_equal(f->control.containers.count, 1);
        assert_int_equal(f->control.containers.bad_next, 1);
        (void)strcpy(x.id, "c3");
        x.cgroup_inode--;
        registry_name(&x, from);
        assert_int_equal(renameat(f->control.containers_fd, to, f->control.containers_fd, from), 0);
        containers_scan(&f->control);
        assert_int_equal(f->control.containers.bad_next, 2);
}

static void what_is_no_file_of_a_hook_is_passed_over(void **state) {
        struct fixture *f = *state;

        assert_true(containers_init(&f->control) >= 0);
        (void)close(openat(
                        f->control.containers_fd, "README", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        turn(f, 5);
        containers_scan(&f->control);
        assert_int_equal(f->control.containers.count, 1);
        assert_int_equal(f->control.containers.bad_next, 0);
}

static void the_file_of_a_container_that_ended_unwatched_is_removed(void **state) {
        struct fixture *f = *state;
        struct container x = make_second(f);
        char name[REGISTRY_NAME_SIZE];

        fixture_write(f, "../c2/cgroup.events", "populated 0\n");
        put(f, &x);
        containers_scan(&f->control);
        assert_null(container_find(&f->control, "c2", 0));
        registry_name(&x, name);
        assert_int_equal(faccessat(f->control.containers_fd, name, F_OK, 0), -1);
}

static void a_cgroup_that_is_not_to_be_governed_is_refused(void **state) {
        struct fixture *f = *state;
        struct error err = { "" };
        int fd = -1;

        (void)strcpy(f->control.self_cgroup, "/docker/c1");
        assert_int_equal(container_check(&f->control, &f->container->container, &fd, &err), -EPERM);
        assert_non_null(strstr(err.text, "E_PROTECTED"));
        assert_int_equal(container_enlist(&f->control, &(struct container){ .cgroup = "/docker" },
                                         0),
                        0);
        assert_int_equal(f->control.containers.count, 1);
}

/* The process that the hook saw lives, in another cgroup than the file says. */
static void a_process_that_is_elsewhere_gives_a_file_the_lie(void **state) {
        struct fixture *f = *state;
        struct container x = f->container->container;
        struct proc_stat self;
        struct error err = { "" };
        int fd = -1;

        assert_int_equal(proc_stat(f->control.proc_fd, getpid(), &self), 0);
        x.pid = getpid();
        x.starttime_ticks = self.starttime_ticks;
        assert_int_equal(container_check(&f->control, &x, &fd, &err), -ESTALE);
        assert_non_null(strstr(err.text, "not in /docker/c1"));
        x.starttime_ticks++; /* of another process that had the number */
        assert_int_equal(container_check(&f->control, &x, &fd, &err), 1);
        (void)close(fd);
}

static void a_found_cgroup_that_was_replaced_meanwhile_is_none(void **state) {
        struct fixture *f = *state;
        struct container x = make_second(f);

        x.cgroup_inode++;
        assert_int_equal(container_enlist(&f->control, &x, 0), 0);
        (void)strcpy(x.cgroup, "/docker/none");
        assert_int_equal(container_enlist(&f->control, &x, 0), 0);
        assert_int_equal(f->control.containers.count, 1);
        x = make_second(f);
        assert_int_equal(container_enlist(&f->control, &x, 0), 0);
        assert_int_equal(container_enlist(&f->control, &x, 0), 0); /* known by now */
        assert_int_equal(f->control.containers.count, 2);
}

static void a_container_whose_end_cannot_be_watched_is_tried_again(void **state) {
        struct fixture *f = *state;
        struct container x = make_second(f);

        put(f, &x);
        add_io_error = ENOMEM;
        containers_scan(&f->control);
        assert_null(container_find(&f->control, "c2", 0));
        assert_true(f->control.containers.unsure);
        add_io_error = 0;
        containers_scan(&f->control);
        assert_non_null(container_find(&f->control, "c2", 0));
}

static void what_the_host_lacks_for_a_moment_is_looked_at_again_soon(void **state) {
        static const int lacking[] = { EMFILE, ENFILE, ENOMEM, EIO, EINTR, ENOSPC, EAGAIN, ENODEV };
        struct fixture *f = *state;
        struct container x = make_second(f);

        put(f, &x);
        for (size_t i = 0; i < ARRAY_LEN(lacking); i++) {
                hook_file_error = lacking[i];
                containers_scan(&f->control);
                assert_true(f->control.containers.unsure);
        }
        hook_file_error = EACCES; /* which no second look mends */
        containers_scan(&f->control);
        assert_false(f->control.containers.unsure);
        hook_file_error = ENOENT; /* it has just gone */
        containers_scan(&f->control);
        assert_false(f->control.containers.unsure);
        assert_int_equal(f->control.containers.count, 1);
        hook_file_error = 0;
        containers_scan(&f->control);
        assert_int_equal(f->control.containers.count, 2);
}

/* --- ends --- */

static void a_container_that_ends_while_it_is_added_is_not_kept(void **state) {
        struct fixture *f = *state;
        struct container x = make_second(f);

        put(f, &x);
        read_events = "populated 0\n";
        containers_scan(&f->control);
        assert_null(container_find(&f->control, "c2", 0));
        assert_int_equal(f->control.containers.count, 1);
}

/* Nothing that was read says that it ended. */
static void events_without_a_word_of_it_are_no_end(void **state) {
        struct fixture *f = *state;

        fixture_write(f, "cgroup.events", "frozen 0\n");
        assert_int_equal(events_changed(NULL, -1, 0, f->container), 0);
        assert_true(f->container->alive);
}

static void the_end_of_an_adopted_container_removes_no_file(void **state) {
        struct fixture *f = *state;
        char name[REGISTRY_NAME_SIZE];

        (void)strcpy(name, f->container->file);
        f->container->file[0] = '\0';
        fixture_write(f, "cgroup.events", "populated 0\n");
        assert_int_equal(events_changed(NULL, -1, 0, f->container), 0);
        assert_int_equal(f->control.containers.count, 0);
        assert_int_equal(faccessat(f->control.containers_fd, name, F_OK, 0), 0);
}

static void the_end_of_a_container_ends_its_changes(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ false);
        struct managed *m = container_ref(f->container);

        assert_int_equal(events_changed(NULL, -1, 0, m), 0); /* something changed, not that */
        assert_true(m->alive);
        fixture_write(f, "cgroup.events", "populated 0\n");
        assert_int_equal(events_changed(NULL, -1, 0, m), 0);
        assert_false(m->alive);
        assert_int_equal(run->change.state, CHANGE_LAPSED);
        assert_int_equal(run->change.reason, REASON_EXITED);
        assert_int_equal(f->control.containers.count, 0);
        assert_int_equal(engine_undo(&f->control, run, REASON_PERSON, NULL), 0);
        container_unref(m);
}

static void a_container_whose_events_cannot_be_read_is_asked_for_by_its_cgroup(void **state) {
        struct fixture *f = *state;
        struct managed *m = container_ref(f->container);
        char path[128];

        (void)close(m->events_fd);
        m->events_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* EISDIR */
        assert_int_equal(events_changed(NULL, -1, 0, m), 0);
        assert_true(m->alive);
        (void)snprintf(path, sizeof(path), "%s/cg/docker/c1/cgroup.events", f->dir);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(events_changed(NULL, -1, 0, m), 0);
        assert_false(m->alive);
        container_unref(m);
}

static void a_step_that_is_out_when_its_container_ends_finds_out(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ false);
        char path[128];

        assert_int_equal(engine_undo(&f->control, run, REASON_PERSON, NULL), 1);
        fixture_write(f, "cgroup.events", "populated 0\n");
        assert_int_equal(events_changed(NULL, -1, 0, f->container), 0);
        assert_int_equal(run->change.state, CHANGE_ROLLING_BACK);
        (void)snprintf(path, sizeof(path), "%s/cg/docker/c1/pids.max", f->dir);
        fixture_until(f, run, CHANGE_LAPSED);
}

/* --- setting up --- */

static void what_cannot_be_watched_keeps_dtgovd_from_starting(void **state) {
        int *const errors[] = { &inotify_error, &watch_error, &add_io_error, &add_time_error };
        struct fixture *f = *state;
        struct control *c = &f->control;

        (void)strcpy(c->config.registries[0].name, "inner");
        (void)strcpy(c->config.registries[0].below, "/docker/c1");
        c->config.registries_count = 1;
        assert_int_equal(registries_open(c, f->dir, NULL), 0);
        for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
                *errors[i] = EMFILE;
                assert_int_equal(containers_init(c), -EMFILE);
                if (errors[i] != &add_time_error)
                        assert_int_equal(registries_init(c), -EMFILE);
                *errors[i] = 0;
                c->containers.inotify_source =
                                sd_event_source_disable_unref(c->containers.inotify_source);
                closep(&c->containers.inotify_fd);
                closep(&c->registries.inotify_fd);
                c->containers.inotify_fd = c->registries.inotify_fd = -1;
        }
        (void)close(c->registries.fd[0]);
}

static void a_timer_that_cannot_be_made_keeps_dtgovd_from_starting(void **state) {
        struct fixture *f = *state;
        struct control *c = &f->control;
        struct control other = { .event = c->event, .journal = c->journal };
        struct writers *writers = NULL;

        add_time_error = ENOMEM;
        assert_int_equal(engine_init(&other), -ENOMEM);
        assert_int_equal(durable_init(&other), -ENOMEM);
        assert_int_equal(observer_link_init(&other, -1, -1, 0), -ENOMEM);
        assert_int_equal(identifier_init(&other, "/run"), -ENOMEM);
        assert_int_equal(writers_new(&writers, c->event), -ENOMEM);
        add_time_error = 0;
        add_io_error = ENOMEM;
        assert_int_equal(observer_link_init(&other, c->journal_fd, -1, 0), -ENOMEM);
        assert_int_equal(writers_new(&writers, c->event), -ENOMEM);
        assert_null(writers);
}

static void a_registry_of_an_engine_in_a_container_is_watched(void **state) {
        struct fixture *f = *state;
        struct control *c = &f->control;
        struct container x = { .id = "inner", .pid = 1, .cgroup = "/inner" };
        struct proc_stat self;
        struct stat st;
        char text[32];

        assert_int_equal(mkdirat(f->container->dir_fd, "inner", 0700), 0);
        fixture_write(f, "inner/cgroup.events", "populated 1\n");
        (void)snprintf(text, sizeof(text), "%d\n", (int)getpid());
        fixture_write(f, "inner/cgroup.procs", text);
        assert_int_equal(fstatat(f->container->dir_fd, "inner", &st, 0), 0);
        x.cgroup_inode = st.st_ino;
        assert_int_equal(proc_stat(c->proc_fd, getpid(), &self), 0);
        x.starttime_ticks = self.starttime_ticks;
        (void)strcpy(c->config.registries[0].name, "runner");
        (void)strcpy(c->config.registries[0].below, "/docker/c1");
        c->config.registries_count = 1;
        assert_int_equal(registries_open(c, f->dir, NULL), 0);
        assert_true(registries_init(c) >= 0);
        assert_int_equal(registry_put(c->registries.fd[0], &x), 0);
        turn(f, 5);
        assert_non_null(container_find(c, "inner", 0));
        registries_done(c);
        (void)close(c->registries.fd[0]);
}

static void a_registry_that_is_no_folder_is_refused(void **state) {
        struct fixture *f = *state;
        struct error err = { "" };

        (void)strcpy(f->control.config.registries[0].name, "cg/docker/c1/pids.max");
        f->control.config.registries_count = 1;
        assert_int_equal(registries_open(&f->control, f->dir, &err), -EPERM);
        assert_non_null(strstr(err.text, "pids.max"));
        f->control.config.registries_count = 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, fixture_end)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(a_file_of_a_hook_is_taken_when_it_appears),
                TEST(a_file_whose_content_is_of_another_container_is_ignored),
                TEST(what_is_no_file_of_a_hook_is_passed_over),
                TEST(the_file_of_a_container_that_ended_unwatched_is_removed),
                TEST(a_cgroup_that_is_not_to_be_governed_is_refused),
                TEST(a_process_that_is_elsewhere_gives_a_file_the_lie),
                TEST(a_found_cgroup_that_was_replaced_meanwhile_is_none),
                TEST(a_container_whose_end_cannot_be_watched_is_tried_again),
                TEST(what_the_host_lacks_for_a_moment_is_looked_at_again_soon),
                TEST(a_container_that_ends_while_it_is_added_is_not_kept),
                TEST(events_without_a_word_of_it_are_no_end),
                TEST(the_end_of_an_adopted_container_removes_no_file),
                TEST(the_end_of_a_container_ends_its_changes),
                TEST(a_container_whose_events_cannot_be_read_is_asked_for_by_its_cgroup),
                TEST(a_step_that_is_out_when_its_container_ends_finds_out),
                TEST(what_cannot_be_watched_keeps_dtgovd_from_starting),
                TEST(a_timer_that_cannot_be_made_keeps_dtgovd_from_starting),
                TEST(a_registry_of_an_engine_in_a_container_is_watched),
                TEST(a_registry_that_is_no_folder_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
