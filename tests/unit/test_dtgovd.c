/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dtgovd itself, the program beside this one's folder, on the tree of control_fixture.h: how it is
 * called, how it starts and ends, and what it does without serving anybody.
 */
#include "tests/unit/control_fixture.h"

#include "state/file.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cmocka.h>

#define ARGS_MAX 24

struct bench {
        struct fixture *f;
        char run[80], state[80], etc[80], cg[80]; /* its directories, below the fixture's */
        char said[4096];                          /* on standard error, and output */
};

/* The limits of its open files; 0: as here. With a hard one it may not have more. */
static rlim_t soft_files, hard_files;

static int begin(void **state) {
        struct bench *b = calloc(1, sizeof(*b));
        void *fixture = NULL;

        assert_non_null(b);
        soft_files = hard_files = 0;
        assert_int_equal(fixture_begin(&fixture), 0);
        b->f = fixture;
        (void)snprintf(b->run, sizeof(b->run), "%s/run", b->f->dir);
        (void)snprintf(b->state, sizeof(b->state), "%s/state", b->f->dir);
        (void)snprintf(b->etc, sizeof(b->etc), "%s/etc", b->f->dir);
        (void)snprintf(b->cg, sizeof(b->cg), "%s/cg", b->f->dir);
        *state = b;
        return 0;
}

static int end(void **state) {
        struct bench *b = *state;
        void *fixture = b->f;

        assert_int_equal(fixture_end(&fixture), 0);
        free(b);
        return 0;
}

static const char *path_of(const struct bench *b, const char *name) {
        static char paths[8][128];
        static unsigned next;
        char *path = paths[next++ % 8];

        (void)snprintf(path, sizeof(paths[0]), "%s/%s", b->f->dir, name);
        return path;
}

static void find_program(char *path, size_t size) {
        ssize_t n = readlink("/proc/self/exe", path, size - 16);

        assert_true(n > 0);
        path[n] = '\0';
        for (int i = 0; i < 3; i++)
                *strrchr(path, '/') = '\0';
        (void)strcat(path, "/dtgovd");
}

static void limit_files(void) {
        struct rlimit files;

        (void)getrlimit(RLIMIT_NOFILE, &files);
        if (soft_files > 0)
                files.rlim_cur = soft_files;
        if (hard_files > 0) {
                files.rlim_max = hard_files;
                (void)prctl(PR_CAPBSET_DROP, CAP_SYS_RESOURCE, 0, 0, 0);
        }
        (void)setrlimit(RLIMIT_NOFILE, &files);
}

/* In the child. @args: what differs from a start on the fixture's tree; NULL ends it */
static _Noreturn void exec_dtgovd(const struct bench *b, const char *const *args) {
        char program[512], *argv[ARGS_MAX] = { program };
        int log = open(path_of(b, "log"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
        size_t n = 1;

        find_program(program, sizeof(program));
        for (; *args && n < ARGS_MAX - 1; args++)
                argv[n++] = (char *)(uintptr_t)*args;
        (void)dup2(log, STDOUT_FILENO);
        (void)dup2(log, STDERR_FILENO);
        (void)setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
        limit_files();
        (void)execv(program, argv);
        _exit(127);
}

static pid_t spawn(struct bench *b, const char *const *args) {
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0)
                exec_dtgovd(b, args);
        return pid;
}

/* Its exit status, and what it said. */
static int wait_for(struct bench *b, pid_t pid) {
        int status, fd;

        assert_int_equal(waitpid(pid, &status, 0), pid);
        fd = open(path_of(b, "log"), O_RDONLY | O_CLOEXEC);
        memset(b->said, 0, sizeof(b->said));
        assert_true(read(fd, b->said, sizeof(b->said) - 1) >= 0);
        (void)close(fd);
        assert_true(WIFEXITED(status));
        return WEXITSTATUS(status);
}

static int run(struct bench *b, const char *const *args) {
        return wait_for(b, spawn(b, args));
}

#define TREE(b)                                                                                    \
        "--run-dir", (b)->run, "--state-dir", (b)->state, "--config-dir", (b)->etc,                \
                        "--cgroup-root", (b)->cg
#define SERVE "--no-observer", "--allow-unsandboxed", "--observer-user", "0"

/* --- how it is called --- */

static void what_is_asked_wrongly_is_answered_with_the_usage(void **state) {
        static const char *const calls[][4] = { { "--probation", "many" }, { "--nothing" },
                { "--probation", "86401" }, { "--soak", "many" }, { "--soak", "86401" },
                { "--rollback", "" }, { "more" } };
        struct bench *b = *state;

        for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
                assert_int_equal(run(b, calls[i]), 2);
                assert_non_null(strstr(b->said, "usage: dtgovd"));
        }
}

static void help_and_version_are_no_start(void **state) {
        struct bench *b = *state;

        assert_int_equal(run(b, (const char *const[]){ "--help", NULL }), 0);
        assert_non_null(strstr(b->said, "usage: dtgovd"));
        assert_int_equal(run(b, (const char *const[]){ "--version", NULL }), 0);
        assert_string_equal(b->said, "dtgovd " DTGOV_VERSION "\n");
}

static void skip_in_sanitizers(void) {
#ifdef __SANITIZE_ADDRESS__
        print_message("a sanitizer's own calls are not the sandbox's: make unit runs this "
                      "without\n");
        skip();
#endif
}

/* --- what keeps it from starting --- */

static void what_is_missing_is_named_before_it_ends(void **state) {
        struct bench *b = *state;
        const char *const no_root[] = { TREE(b), "--cgroup-root", path_of(b, "none"), NULL };
        const char *const no_place[] = { TREE(b), SERVE, "--state-dir", path_of(b, "none/state"),
                NULL };

        assert_int_equal(run(b, no_root), 1);
        assert_non_null(strstr(b->said, "none"));
        assert_int_equal(run(b, no_place), 1);
        assert_non_null(strstr(b->said, "none/state"));
}

static void write_file(const struct bench *b, const char *name, const char *text) {
        FILE *stream = fopen(path_of(b, name), "we");

        assert_non_null(stream);
        assert_true(fputs(text, stream) >= 0);
        assert_int_equal(fclose(stream), 0);
}

static void a_configuration_that_is_wrong_keeps_no_rollback_away(void **state) {
        struct bench *b = *state;
        const char *const start[] = { TREE(b), SERVE, NULL };
        const char *const recover[] = { TREE(b), "--recover", NULL };
        const char *const rollback[] = { TREE(b), "--rollback", "--all", NULL };

        assert_int_equal(mkdir(path_of(b, "etc"), 0755), 0);
        write_file(b, "etc/dtgov.json", "{\"gard\":{}}");
        assert_int_equal(run(b, start), 1);
        assert_non_null(strstr(b->said, "'gard' is not a setting"));
        assert_int_equal(run(b, recover), 0);
        assert_non_null(strstr(b->said, "goes on without it"));
        assert_int_equal(run(b, rollback), 0);
}

static void a_socket_that_cannot_be_made_is_an_error(void **state) {
        struct bench *b = *state;
        const char *const start[] = { TREE(b), SERVE, NULL };

        assert_int_equal(mkdir(path_of(b, "run"), 0755), 0);
        assert_int_equal(mkdir(path_of(b, "run/control.sock"), 0755), 0);
        assert_int_equal(run(b, start), 1);
        assert_non_null(strstr(b->said, "control.sock"));
}

/* A name that is one character longer than that of the control socket no longer fits. */
static void a_directory_too_long_for_its_sockets_is_an_error(void **state) {
        struct bench *b = *state;
        struct sockaddr_un at;
        char run_dir[sizeof(at.sun_path)] = "";
        const char *const start[] = { TREE(b), SERVE, "--run-dir", run_dir, NULL };
        size_t len = sizeof(at.sun_path) - sizeof("/identify.sock") + 1;

        (void)snprintf(run_dir, sizeof(run_dir), "%s/", b->f->dir);
        assert_true(strlen(run_dir) < len);
        (void)memset(run_dir + strlen(run_dir), 'a', len - strlen(run_dir));
        skip_in_sanitizers();
        assert_int_equal(run(b, start), 1);
        assert_non_null(strstr(b->said, "starting: File name too long"));
}

static void an_observer_of_nobody_is_an_error(void **state) {
        struct bench *b = *state;
        const char *const start[] = { TREE(b), "--observer-user", "nobody-of-that-name", NULL };

        if (geteuid() != 0) {
                print_message("only root starts an observer of another: make test runs this as "
                              "root\n");
                skip();
        }
        assert_int_equal(run(b, start), 1);
        assert_non_null(strstr(b->said, "useradd --system"));
}

/* --- serving --- */

/* Until somebody listens there; false: it ended. */
static bool comes_up(struct bench *b, pid_t pid, const char *socket_name) {
        struct sockaddr_un at = { .sun_family = AF_UNIX };
        siginfo_t ended;

        (void)snprintf(at.sun_path, sizeof(at.sun_path), "%s/%s", b->f->dir, socket_name);
        for (int i = 0; i < 1000; i++) {
                int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), r;

                r = connect(fd, (const struct sockaddr *)&at, sizeof(at));
                (void)close(fd);
                if (r == 0)
                        return true;
                ended.si_pid = 0;
                if (waitid(P_PID, (id_t)pid, &ended, WEXITED | WNOHANG | WNOWAIT) < 0 ||
                                ended.si_pid != 0)
                        return false;
                (void)usleep(10000);
        }
        return false;
}

/* Starts it, lets it come up, ends it. */
static void serve(struct bench *b, const char *const *args) {
        pid_t pid = spawn(b, args);

        assert_true(comes_up(b, pid, "run/control.sock"));
        for (int i = 0; i < 200; i++) { /* until it says that it serves */
                char text[4096] = "";
                int fd = open(path_of(b, "log"), O_RDONLY | O_CLOEXEC);

                (void)!read(fd, text, sizeof(text) - 1);
                (void)close(fd);
                if (strstr(text, "containers below"))
                        break;
                (void)usleep(20000);
        }
        assert_int_equal(kill(pid, SIGTERM), 0);
        assert_int_equal(wait_for(b, pid), 0);
        assert_non_null(strstr(b->said, "containers below"));
}

static void it_serves_until_it_is_asked_to_end(void **state) {
        struct bench *b = *state;
        const char *const start[] = { TREE(b), SERVE, "--probation", "5", "--soak", "1", NULL };

        skip_in_sanitizers();
        serve(b, start);
        serve(b, start); /* what the first one left is no hindrance */
}

static void a_second_one_is_told_who_is_there(void **state) {
        struct bench *b = *state;
        const char *const start[] = { TREE(b), SERVE, NULL };
        const char *const rollback[] = { TREE(b), "--rollback", "--all", NULL };
        pid_t first;

        skip_in_sanitizers();
        first = spawn(b, start);
        assert_true(comes_up(b, first, "run/control.sock"));
        assert_int_equal(run(b, rollback), 1);
        assert_non_null(strstr(b->said, "already running"));
        assert_int_equal(kill(first, SIGINT), 0);
        assert_int_equal(wait_for(b, first), 0);
}

static void with_an_observer_it_starts_that_one_too(void **state) {
        struct bench *b = *state;
        char uid[16];
        const char *const start[] = { TREE(b), "--allow-unsandboxed", "--observer-user", uid,
                NULL };

        skip_in_sanitizers();
        (void)snprintf(uid, sizeof(uid), "%u", (unsigned)geteuid());
        serve(b, start);
}

static void a_journal_that_lost_its_end_is_said_at_the_start(void **state) {
        struct bench *b = *state;
        const char *const start[] = { TREE(b), "--recover", NULL };

        assert_int_equal(mkdir(path_of(b, "state"), 0755), 0);
        assert_int_equal(mkdir(path_of(b, "state/journal"), 0700), 0);
        write_file(b, "state/journal/0000000000000001.seg", "torn");
        assert_int_equal(truncate(path_of(b, "state/journal/0000000000000001.seg"),
                                         JOURNAL_SEGMENT_SIZE),
                        0);
        assert_int_equal(run(b, start), 0);
        assert_non_null(strstr(b->said, "dropped incomplete record"));
}

/* --- without serving: what a dead dtgovd left --- */

#define HERE(b)                                                                                    \
        "--run-dir", (b)->f->dir, "--state-dir", (b)->f->dir, "--config-dir", (b)->etc,            \
                        "--cgroup-root", (b)->cg

/* With the fixture's own journal, which is dtgovd's as long as that runs. */
static int run_there(struct bench *b, const char *what, const char *target) {
        const char *const args[] = { HERE(b), what, target, NULL };
        struct control *c = &b->f->control;
        struct error err = { "" };
        int status;

        journal_close(c->journal);
        assert_int_equal(chmod(b->f->dir, 0755), 0);
        status = run(b, args);
        assert_int_equal(journal_open(c->journal_fd, c->host.boot_id, &c->journal, &err), 0);
        return status;
}

static void recovery_takes_back_what_was_on_probation(void **state) {
        struct bench *b = *state;

        (void)fixture_apply(b->f, KNOB_PIDS_MAX, 200, /* end= */ false);
        assert_int_equal(run_there(b, "--recover", NULL), 0);
        assert_string_equal(fixture_read(b->f, "pids.max"), FIXTURE_PIDS);
        fixture_crash(b->f);
        assert_int_equal(b->f->control.engine.runs->change.state, CHANGE_ROLLED_BACK);
}

/* In a shell with fewer descriptors than a host has containers; dtgovd may have more. */
static void recovery_takes_the_descriptors_that_it_needs(void **state) {
        struct bench *b = *state;

        (void)fixture_apply(b->f, KNOB_PIDS_MAX, 200, /* end= */ false);
        soft_files = CONTAINERS_FDS_KEPT;
        assert_int_equal(run_there(b, "--recover", NULL), 0);
        assert_string_equal(fixture_read(b->f, "pids.max"), FIXTURE_PIDS);
}

/* What could not be looked at may be there: its change is not given up. */
static void recovery_without_descriptors_says_that_it_is_not_done(void **state) {
        struct bench *b = *state;

        (void)fixture_apply(b->f, KNOB_PIDS_MAX, 200, /* end= */ false);
        soft_files = hard_files = CONTAINERS_FDS_KEPT;
        assert_int_equal(run_there(b, "--recover", NULL), 1);
        assert_non_null(strstr(b->said, "1 changes could not be taken back"));
        soft_files = hard_files = 0;
        assert_int_equal(run_there(b, "--recover", NULL), 0);
        assert_string_equal(fixture_read(b->f, "pids.max"), FIXTURE_PIDS);
}

static void what_is_in_force_goes_back_by_its_number_its_container_or_with_all(void **state) {
        static const char *const targets[] = { "C1", "c", "--all" };
        struct bench *b;

        for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
                void *one = NULL;

                assert_int_equal(begin(&one), 0);
                b = one;
                (void)fixture_apply(b->f, KNOB_PIDS_MAX, 200, /* end= */ true);
                assert_int_equal(run_there(b, "--rollback", targets[i]), 0);
                assert_string_equal(fixture_read(b->f, "pids.max"), FIXTURE_PIDS);
                assert_int_equal(end(&one), 0);
        }
        (void)state;
}

static void a_rollback_of_what_is_not_on_record_says_so(void **state) {
        struct bench *b = *state;

        (void)fixture_apply(b->f, KNOB_PIDS_MAX, 200, /* end= */ true);
        assert_int_equal(run_there(b, "--rollback", "x"), 1);
        assert_non_null(strstr(b->said, "no change or container 'x'"));
        assert_int_equal(run_there(b, "--rollback", "C7"), 1);
        assert_string_equal(fixture_read(b->f, "pids.max"), "200");
}

/* The container is not to be found: a rollback of its change cannot be done. */
static void a_rollback_that_cannot_be_done_is_an_error(void **state) {
        struct bench *b = *state;

        (void)fixture_apply(b->f, KNOB_PIDS_MAX, 200, /* end= */ true);
        fixture_write(b->f, "pids.max", ""); /* and cannot be read */
        assert_int_equal(run_there(b, "--rollback", "C1"), 1);
        assert_non_null(strstr(b->said, "1 changes could not be taken back"));
        fixture_write(b->f, "pids.max", "200");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(what_is_asked_wrongly_is_answered_with_the_usage),
                TEST(help_and_version_are_no_start),
                TEST(what_is_missing_is_named_before_it_ends),
                TEST(a_configuration_that_is_wrong_keeps_no_rollback_away),
                TEST(a_socket_that_cannot_be_made_is_an_error),
                TEST(a_directory_too_long_for_its_sockets_is_an_error),
                TEST(an_observer_of_nobody_is_an_error),
                TEST(it_serves_until_it_is_asked_to_end),
                TEST(a_second_one_is_told_who_is_there),
                TEST(with_an_observer_it_starts_that_one_too),
                TEST(a_journal_that_lost_its_end_is_said_at_the_start),
                TEST(recovery_takes_back_what_was_on_probation),
                TEST(recovery_takes_the_descriptors_that_it_needs),
                TEST(recovery_without_descriptors_says_that_it_is_not_done),
                TEST(what_is_in_force_goes_back_by_its_number_its_container_or_with_all),
                TEST(a_rollback_of_what_is_not_on_record_says_so),
                TEST(a_rollback_that_cannot_be_done_is_an_error),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
