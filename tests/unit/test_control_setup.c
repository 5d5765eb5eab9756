/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What dtgovd needs before it serves, where a system call fails: those of setting up are the
 * program's own, and one of them fails at a time.
 */
#include "governor/control/setup.h"

#include "tests/unit/control_fixture.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include <cmocka.h>

enum call {
        CALL_NONE,
        CALL_FSTAT,
        CALL_FCHMOD,
        CALL_FCHOWN,
        CALL_FTRUNCATE,
        CALL_PWRITE,
        CALL_ACCESS,
        CALL_SIGACTION,
        CALL_EVENTFD,
        CALL_RANDOM,
        CALL_OPEN,
        CALL_READLINK,
        CALL_SOCKETPAIR,
        CALL_FORK,
};

static enum call failing;
static int skipped; /* so many of them succeed first */
static int failing_with = EIO;
static bool all_here; /* what access(2) is asked about */
static uid_t someone; /* who owns what fstat(2) is asked about; 0: who does */

static bool fails(enum call call) {
        if (call != failing || skipped-- > 0)
                return false;
        errno = failing_with;
        return true;
}

int fstat(int fd, struct stat *ret) {
        int r = fails(CALL_FSTAT) ? -1 : (int)syscall(SYS_fstat, fd, ret);

        if (r == 0 && someone != 0)
                ret->st_uid = someone;
        return r;
}

int open(const char *path, int flags, ...) {
        mode_t mode = 0;
        va_list args;

        va_start(args, flags);
        if (flags & O_CREAT)
                mode = va_arg(args, mode_t);
        va_end(args);
        return fails(CALL_OPEN) ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

ssize_t readlink(const char *path, char *ret, size_t size) {
        return fails(CALL_READLINK) ? -1 : syscall(SYS_readlinkat, AT_FDCWD, path, ret, size);
}

int socketpair(int domain, int type, int protocol, int pair[2]) {
        return fails(CALL_SOCKETPAIR) ? -1
                                      : (int)syscall(SYS_socketpair, domain, type, protocol, pair);
}

pid_t fork(void) {
        pid_t (*real)(void);

        *(void **)&real = dlsym(RTLD_NEXT, "fork");
        return fails(CALL_FORK) ? -1 : real();
}

int fchmod(int fd, mode_t mode) {
        return fails(CALL_FCHMOD) ? -1 : (int)syscall(SYS_fchmod, fd, mode);
}

int fchown(int fd, uid_t uid, gid_t gid) {
        return fails(CALL_FCHOWN) ? -1 : (int)syscall(SYS_fchown, fd, uid, gid);
}

int ftruncate(int fd, off_t len) {
        return fails(CALL_FTRUNCATE) ? -1 : (int)syscall(SYS_ftruncate, fd, len);
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t at) {
        return fails(CALL_PWRITE) ? -1 : syscall(SYS_pwrite64, fd, data, len, at);
}

int access(const char *path, int mode) {
        if (all_here)
                return 0;
        return fails(CALL_ACCESS) ? -1 : (int)syscall(SYS_faccessat, AT_FDCWD, path, mode);
}

int sigaction(int number, const struct sigaction *action, struct sigaction *old) {
        int (*real)(int, const struct sigaction *, struct sigaction *);

        *(void **)&real = dlsym(RTLD_NEXT, "sigaction");
        return fails(CALL_SIGACTION) ? -1 : real(number, action, old);
}

int eventfd(unsigned count, int flags) {
        return fails(CALL_EVENTFD) ? -1 : (int)syscall(SYS_eventfd2, count, flags);
}

ssize_t getrandom(void *data, size_t len, unsigned flags) {
        return fails(CALL_RANDOM) ? -1 : syscall(SYS_getrandom, data, len, flags);
}

struct place {
        struct fixture *f;
        char run[96], state[96];
        struct options o;
        struct setup s;
        struct control c;
        struct error err;
};

static int begin(void **state) {
        struct place *p = calloc(1, sizeof(*p));
        void *fixture = NULL;

        assert_non_null(p);
        failing = CALL_NONE;
        failing_with = EIO;
        all_here = false;
        someone = 0;
        assert_int_equal(fixture_begin(&fixture), 0);
        p->f = fixture;
        (void)snprintf(p->run, sizeof(p->run), "%s/run", p->f->dir);
        (void)snprintf(p->state, sizeof(p->state), "%s/state", p->f->dir);
        p->o = (struct options){ .run_dir = p->run, .state_dir = p->state, .observer_user = "0" };
        p->s = (struct setup){ -1, -1, -1, -1, -1, geteuid(), getegid() };
        p->c = (struct control){ .containers_fd = -1, .journal_fd = -1 };
        *state = p;
        return 0;
}

static int end(void **state) {
        struct place *p = *state;
        void *fixture = p->f;
        const int fds[] = { p->c.containers_fd, p->c.journal_fd, p->s.lock_fd, p->s.control_fd,
                p->s.query_fd, p->s.link_fd, p->s.link_listen_fd };

        failing = CALL_NONE;
        for (size_t i = 0; i < ARRAY_LEN(fds); i++)
                closep(&fds[i]);
        assert_int_equal(fixture_end(&fixture), 0);
        free(p);
        return 0;
}

static void a_directory_that_is_open_to_others_is_made_ones_own_again(void **state) {
        struct place *p = *state;
        struct stat st;

        assert_int_equal(mkdir(p->run, 0700), 0);
        assert_int_equal(chmod(p->run, 0777), 0);
        assert_int_equal(setup_directories(&p->c, &p->o, &p->s, &p->err), 0);
        assert_int_equal(stat(p->run, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0755);
}

static void a_directory_that_stays_open_to_others_is_refused(void **state) {
        struct place *p = *state;
        int fd;

        fd = setup_directory(p->run, 0777, geteuid(), getegid(), &p->err);
        assert_int_equal(fd, -EPERM);
        assert_non_null(strstr(p->err.text, "E_UNSAFE_PATH"));
}

static void a_directory_that_cannot_be_looked_at_or_mended_is_an_error(void **state) {
        static const struct {
                enum call call;
                int skipped;
        } rows[] = { { CALL_OPEN, 0 }, { CALL_FSTAT, 0 }, { CALL_FSTAT, 1 }, { CALL_FCHMOD, 0 },
                { CALL_FCHOWN, 0 } };
        struct place *p = *state;

        assert_int_equal(mkdir(p->run, 0700), 0);
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                assert_int_equal(chmod(p->run, 0770), 0);
                failing = rows[i].call;
                skipped = rows[i].skipped;
                assert_int_equal(
                                setup_directory(p->run, 0755, geteuid(), getegid(), &p->err), -EIO);
                assert_non_null(strstr(p->err.text, p->run));
                failing = CALL_NONE;
        }
}

static void a_directory_of_somebody_else_is_refused(void **state) {
        struct place *p = *state;

        someone = 4711;
        assert_int_equal(setup_directory(p->run, 0755, geteuid(), getegid(), &p->err), -EPERM);
        assert_non_null(strstr(p->err.text, "E_UNSAFE_PATH"));
}

/* No capability of dtgovd's opens what is only the observer's. */
static void the_observers_directory_need_not_open(void **state) {
        static const struct {
                int opened_before, error;
                uid_t observer;
                int answer;
        } rows[] = { { 6, EACCES, 4711, 0 }, { 6, EIO, 4711, -EIO }, { 6, EACCES, 0, -EACCES },
                { 5, EACCES, 4711, -EACCES } };
        struct place *p = *state;

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                p->s.observer_uid = rows[i].observer != 0 ? rows[i].observer : geteuid();
                failing = CALL_OPEN;
                skipped = rows[i].opened_before;
                failing_with = rows[i].error;
                assert_int_equal(setup_directories(&p->c, &p->o, &p->s, &p->err), rows[i].answer);
                failing = CALL_NONE;
                closep(&p->c.containers_fd);
                closep(&p->c.journal_fd);
                p->c.containers_fd = p->c.journal_fd = -1;
        }
}

static void a_recovery_leaves_the_observers_directory_alone(void **state) {
        struct place *p = *state;
        char path[128];

        p->o.recover = true;
        assert_int_equal(setup_directories(&p->c, &p->o, &p->s, &p->err), 0);
        (void)snprintf(path, sizeof(path), "%s/history", p->state);
        assert_int_equal(access(path, F_OK), -1);
}

static void a_lock_that_cannot_be_had_is_an_error(void **state) {
        static const enum call calls[] = { CALL_FCHMOD, CALL_FTRUNCATE, CALL_PWRITE };
        struct place *p = *state;

        assert_int_equal(setup_lock(&p->o, &p->s, &p->err), -ENOENT);
        assert_int_equal(mkdir(p->run, 0700), 0);
        for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
                failing = calls[i];
                skipped = 0;
                assert_int_equal(setup_lock(&p->o, &p->s, &p->err), -EIO);
                failing = CALL_NONE;
                (void)close(take_fd(&p->s.lock_fd));
        }
        assert_int_equal(setup_lock(&p->o, &p->s, &p->err), 0);
}

static void whoever_holds_the_lock_is_named_where_it_said_so(void **state) {
        struct place *p = *state;
        struct setup other = p->s;

        assert_int_equal(mkdir(p->run, 0700), 0);
        assert_int_equal(setup_lock(&p->o, &other, &p->err), 0);
        assert_int_equal(ftruncate(other.lock_fd, 0), 0);
        assert_int_equal(setup_lock(&p->o, &p->s, &p->err), -EBUSY);
        assert_non_null(strstr(p->err.text, "pid unknown"));
        (void)close(other.lock_fd);
}

static void sockets_are_made_where_none_were_passed(void **state) {
        struct place *p = *state;
        struct stat st;
        char path[128];

        assert_int_equal(mkdir(p->run, 0700), 0);
        assert_int_equal(setup_sockets(&p->o, &p->s, &p->err), 0);
        assert_true(p->s.control_fd >= 0 && p->s.query_fd >= 0);
        (void)snprintf(path, sizeof(path), "%s/control.sock", p->run);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0666); /* credentials decide */
}

/* Neither beside this program nor where it is installed. */
static void an_observer_that_is_not_there_is_an_error(void **state) {
        struct place *p = *state;

        failing = CALL_ACCESS;
        skipped = -1000; /* both */
        assert_true(setup_observer(&p->o, &p->s, &p->err) < 0);
        assert_non_null(strstr(p->err.text, "--no-observer"));
}

static void where_this_program_lies_is_not_all_that_is_known(void **state) {
        struct place *p = *state;

        failing = CALL_READLINK;
        skipped = 0;
        if (setup_observer(&p->o, &p->s, &p->err) < 0)
                assert_non_null(strstr(p->err.text, DTGOV_LIBEXECDIR "/dtgov-observer"));
        failing = CALL_NONE;
}

static void an_observer_that_cannot_be_started_is_an_error(void **state) {
        static const enum call calls[] = { CALL_SOCKETPAIR, CALL_FORK };
        struct place *p = *state;

        all_here = true;
        for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
                p->s.query_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                failing = calls[i];
                skipped = 0;
                assert_int_equal(setup_observer(&p->o, &p->s, &p->err), -EIO);
                failing = CALL_NONE;
                closep(&p->s.query_fd);
                closep(&p->s.link_fd);
                p->s.query_fd = p->s.link_fd = -1;
        }
}

static void an_observer_is_not_started_where_it_comes_by_itself(void **state) {
        struct place *p = *state;

        p->o.no_observer = true;
        assert_int_equal(setup_observer(&p->o, &p->s, &p->err), 0);
        assert_int_equal(p->s.link_fd, -1);
        p->o.no_observer = false;
        p->s.link_listen_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_int_equal(setup_observer(&p->o, &p->s, &p->err), 0);
        assert_int_equal(p->s.link_fd, -1);
}

/* As a service manager does it: sd_listen_fds_with_names(3), fds from 3 on. */
static void sockets_that_were_passed_are_taken_by_their_names(void **state) {
        struct place *p = *state;
        int kept[3], again[3];
        char pid[16];

        for (int i = 0; i < 3; i++) {
                kept[i] = fcntl(3 + i, F_DUPFD_CLOEXEC, 100);
                again[i] = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                assert_true(again[i] >= 0);
        }
        for (int i = 0; i < 3; i++)
                assert_int_equal(dup2(again[i], 3 + i), 3 + i);
        (void)snprintf(pid, sizeof(pid), "%d", getpid());
        (void)setenv("LISTEN_PID", pid, 1);
        (void)setenv("LISTEN_FDS", "3", 1);
        (void)setenv("LISTEN_FDNAMES", "link:other:control", 1);
        assert_int_equal(setup_sockets(&p->o, &p->s, &p->err), 0);
        assert_int_equal(p->s.link_listen_fd, 3);
        assert_int_equal(p->s.control_fd, 5);
        assert_int_equal(fcntl(4, F_GETFD), -1); /* nobody knows it */
        assert_int_equal(fcntl(3, F_GETFD), FD_CLOEXEC);
        p->s.link_listen_fd = p->s.control_fd = -1;
        for (int i = 0; i < 3; i++) {
                if (kept[i] >= 0)
                        (void)dup2(kept[i], 3 + i);
                else
                        (void)close(3 + i);
                closep(&kept[i]);
                if (again[i] > 5)
                        (void)close(again[i]);
        }
}

static void an_observer_is_a_user_a_number_or_the_caller(void **state) {
        struct place *p = *state;

        p->o.observer_user = "12345";
        assert_int_equal(setup_observer_user(&p->o, &p->s, &p->err), 0);
        assert_int_equal(p->s.observer_uid, geteuid() == 0 ? 12345 : geteuid());
        p->o.recover = true;
        assert_int_equal(setup_observer_user(&p->o, &p->s, &p->err), 0);
        assert_int_equal(p->s.observer_uid, geteuid());
        if (geteuid() != 0)
                return;
        p->o.recover = false;
        p->o.observer_user = "daemon";
        assert_int_equal(setup_observer_user(&p->o, &p->s, &p->err), 0);
        assert_int_equal(p->s.observer_uid, 1);
}

static void a_configuration_that_is_not_known_to_be_roots_is_refused(void **state) {
        struct place *p = *state;
        struct config config;
        char path[128];

        (void)snprintf(path, sizeof(path), "%s/" CONFIG_FILE, p->f->dir);
        (void)close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        failing = CALL_FSTAT;
        skipped = 0;
        assert_int_equal(config_load(p->f->dir, &config, &p->err), -EIO);
        failing = CALL_NONE;
        someone = 4711;
        assert_int_equal(config_load(p->f->dir, &config, &p->err), -EPERM);
        assert_non_null(strstr(p->err.text, "E_UNSAFE_PATH"));
}

/* --- threads, and what digests begin with --- */

static void writers_that_cannot_all_be_had_are_none(void **state) {
        static const enum call calls[] = { CALL_SIGACTION, CALL_EVENTFD };
        struct place *p = *state;

        for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
                struct writers *w = NULL;

                failing = calls[i];
                skipped = 0;
                assert_int_equal(writers_new(&w, p->f->control.event), -EIO);
                assert_null(w);
                failing = CALL_NONE;
        }
}

static int work(struct job *job) {
        (void)job;
        return 77;
}

static void a_job_without_a_signal_to_end_it_is_done_all_the_same(void **state) {
        struct job job = { .work = work };

        (void)state;
        failing = CALL_SIGACTION;
        skipped = 0;
        assert_int_equal(job_do(&job), 77);
        failing = CALL_NONE;
        assert_int_equal(job_do(&job), 77);
}

static void without_a_random_number_there_are_no_digests(void **state) {
        struct place *p = *state;

        failing = CALL_RANDOM;
        skipped = 0;
        assert_int_equal(proposals_init(&p->f->control.proposals), -EIO);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(a_directory_that_is_open_to_others_is_made_ones_own_again),
                TEST(a_directory_that_stays_open_to_others_is_refused),
                TEST(a_directory_that_cannot_be_looked_at_or_mended_is_an_error),
                TEST(a_directory_of_somebody_else_is_refused),
                TEST(the_observers_directory_need_not_open),
                TEST(a_recovery_leaves_the_observers_directory_alone),
                TEST(a_lock_that_cannot_be_had_is_an_error),
                TEST(whoever_holds_the_lock_is_named_where_it_said_so),
                TEST(sockets_are_made_where_none_were_passed),
                TEST(an_observer_that_is_not_there_is_an_error),
                TEST(where_this_program_lies_is_not_all_that_is_known),
                TEST(an_observer_that_cannot_be_started_is_an_error),
                TEST(an_observer_is_not_started_where_it_comes_by_itself),
                TEST(sockets_that_were_passed_are_taken_by_their_names),
                TEST(an_observer_is_a_user_a_number_or_the_caller),
                TEST(a_configuration_that_is_not_known_to_be_roots_is_refused),
                TEST(writers_that_cannot_all_be_had_are_none),
                TEST(a_job_without_a_signal_to_end_it_is_done_all_the_same),
                TEST(without_a_random_number_there_are_no_digests),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
