/* SPDX-License-Identifier: Apache-2.0 */
#include "hooks/runtime_edit.h"
#include "hooks/runtime_guard.h"
#include "state/file.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

#define HOOK  "{\"path\":\"/x/dtgov-hook\",\"args\":[\"dtgov-hook\"],\"env\":[\"DTGOV=1\"]}"
#define OTHER "{\"path\":\"/other\"}"

static const struct hook_entry entry = { .path = "/x/dtgov-hook" };

/* Edits @text with @hook and compares; NULL: nothing to write. */
static void check(const char *text, const struct hook_entry *hook, const char *want) {
        CLEANUP(json_writer_freep) struct json_writer *w = NULL;
        const char *got;
        size_t len;

        assert_int_equal(json_writer_new(&w), 0);
        assert_int_equal(runtime_edit_text(text, strlen(text), hook, w, NULL), want ? 1 : 0);
        if (!want)
                return;
        assert_int_equal(json_writer_end(w, &got, &len), 0);
        assert_string_equal(got, want);
}

static void the_hooks_are_appended_behind_those_of_others(void **state) {
        static const struct {
                const char *before, *after;
        } rows[] = {
                { "{\"ociVersion\":\"1.0.2\"}",
                                "{\"ociVersion\":\"1.0.2\",\"hooks\":{\"createRuntime\":[" HOOK
                                "],\"poststop\":[" HOOK "]}}" },
                { "{\"hooks\":null}", "{\"hooks\":{\"createRuntime\":[" HOOK "],\"poststop\":[" HOOK
                                      "]}}" },
                { "{\"hooks\":{\"prestart\":[" OTHER "],\"createRuntime\":[" OTHER
                  "],\"poststop\":null},\"z\":1}",
                                "{\"hooks\":{\"prestart\":[" OTHER "],\"createRuntime\":[" OTHER
                                "," HOOK "],\"poststop\":[" HOOK "]},\"z\":1}" },
                { "{\"hooks\":{\"createRuntime\":[" HOOK "]}}",
                                "{\"hooks\":{\"createRuntime\":[" HOOK "],\"poststop\":[" HOOK
                                "]}}" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                check(rows[i].before, &entry, rows[i].after);
}

static void hooks_that_are_there_are_not_added_again(void **state) {
        (void)state;
        check("{\"hooks\":{\"createRuntime\":[" OTHER "," HOOK "],\"poststop\":[" HOOK "]}}",
                        &entry, NULL);
        check("{\"hooks\":{\"createRuntime\":[{\"path\":\"/x/dtgov-hook\",\"timeout\":9}],"
              "\"poststop\":[" HOOK "]}}",
                        &entry, NULL);
}

static void what_was_edited_once_is_left_alone_the_next_time(void **state) {
        CLEANUP(json_writer_freep) struct json_writer *w = NULL;
        const char *text;
        size_t len;

        (void)state;
        assert_int_equal(json_writer_new(&w), 0);
        assert_int_equal(runtime_edit_text("{}", 2, &entry, w, NULL), 1);
        assert_int_equal(json_writer_end(w, &text, &len), 0);
        check(text, &entry, NULL);
}

static void a_document_older_than_create_runtime_gets_prestart(void **state) {
        static const struct {
                const char *version, *stage;
        } rows[] = {
                { "\"1.0.0\"", "prestart" },
                { "\"1.0.1\"", "prestart" },
                { "\"1.0.1-dev\"", "prestart" },
                { "\"1.0\"", "prestart" },
                { "\"0.9.9\"", "prestart" },
                { "\"1.0.2-dev\"", "createRuntime" },
                { "\"1.0.2\"", "createRuntime" },
                { "\"1.1.0\"", "createRuntime" },
                { "\"1.2.1\"", "createRuntime" },
                { "\"2.0.0\"", "createRuntime" },
                { "\"\"", "createRuntime" },
                { "\"x\"", "createRuntime" },
                { "7", "createRuntime" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                char before[128], after[512];

                (void)snprintf(before, sizeof(before), "{\"ociVersion\":%s}", rows[i].version);
                (void)snprintf(after, sizeof(after),
                                "{\"ociVersion\":%s,\"hooks\":{\"%s\":[" HOOK
                                "],\"poststop\":[" HOOK "]}}",
                                rows[i].version, rows[i].stage);
                check(before, &entry, after);
        }
}

static void a_private_registry_goes_into_the_arguments(void **state) {
        const struct hook_entry private = { .path = "/h", .registry = "/run/demo" };

        (void)state;
        check("{\"hooks\":{\"poststop\":[{\"path\":\"/h\"}]}}", &private,
                        "{\"hooks\":{\"poststop\":[{\"path\":\"/h\"}],\"createRuntime\":[{"
                        "\"path\":\"/h\",\"args\":[\"dtgov-hook\",\"--registry\",\"/run/demo\"],"
                        "\"env\":[\"DTGOV=1\"]}]}}");
}

static void the_runtime_s_name_goes_into_the_arguments(void **state) {
        const struct hook_entry both = { "/h", "/run/demo", "crun" };
        const struct hook_entry name = { .path = "/h", .runtime = "crun" };

        (void)state;
        check("{\"hooks\":{\"poststop\":[{\"path\":\"/h\"}]}}", &both,
                        "{\"hooks\":{\"poststop\":[{\"path\":\"/h\"}],\"createRuntime\":[{"
                        "\"path\":\"/h\",\"args\":[\"dtgov-hook\",\"--registry\",\"/run/demo\","
                        "\"--runtime\",\"crun\"],\"env\":[\"DTGOV=1\"]}]}}");
        check("{\"hooks\":{\"poststop\":[{\"path\":\"/h\"}]}}", &name,
                        "{\"hooks\":{\"poststop\":[{\"path\":\"/h\"}],\"createRuntime\":[{"
                        "\"path\":\"/h\",\"args\":[\"dtgov-hook\",\"--runtime\",\"crun\"],"
                        "\"env\":[\"DTGOV=1\"]}]}}");
        /* Present is present, whatever its arguments. */
        check("{\"hooks\":{\"createRuntime\":[{\"path\":\"/h\",\"args\":[\"dtgov-hook\","
              "\"--runtime\",\"runc\"]}],\"poststop\":[{\"path\":\"/h\"}]}}",
                        &both, NULL);
}

static void numbers_keys_and_order_stay_as_they_were(void **state) {
#define BODY                                                                                       \
        "\"z\":18446744073709551615,\"a\":-9223372036854775808,\"f\":1.50e+10,\"g\":1e400,"        \
        "\"n\":null,\"t\":true,\"e\":[],\"o\":{},\"u\":\"\xc3\xa4\\u001B[31m\\\"\\\\\","           \
        "\"deep\":[[[{\"x\":[0.10,-0]}]]],\"z2\":\"a\\u0000b\""
        (void)state;
        check("{" BODY "}", &entry,
                        "{" BODY ",\"hooks\":{\"createRuntime\":[" HOOK "],\"poststop\":[" HOOK
                        "]}}");
}

static void what_is_no_configuration_is_refused(void **state) {
        static const char *const rows[] = {
                "",
                "{",
                "[]",
                "null",
                "{} {}",
                "{\"hooks\":[]}",
                "{\"hooks\":\"x\"}",
                "{\"hooks\":{\"createRuntime\":{}}}",
                "{\"hooks\":{\"poststop\":1}}",
                "{\"a\":1,\"a\":2}",
                "{\"a\":\"\xff\"}",
                "{\"a\":\"512M\",}",
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                CLEANUP(json_writer_freep) struct json_writer *w = NULL;
                struct error err = { "" };

                assert_int_equal(json_writer_new(&w), 0);
                assert_int_equal(runtime_edit_text(rows[i], strlen(rows[i]), &entry, w, &err),
                                -EINVAL);
                assert_true(err.text[0] != '\0');
        }
}

static int make_bundle(void **state) {
        static char path[64];

        strcpy(path, "/tmp/bundle.XXXXXX");
        *state = path;
        return mkdtemp(path) ? 0 : -1;
}

static int drop_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        (void)st;
        (void)type;
        (void)ftw;
        return remove(path);
}

static int drop_bundle(void **state) {
        return nftw(*state, drop_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* "bundle/name", in a static buffer. */
static const char *in(const char *bundle, const char *name) {
        static char path[128];

        (void)snprintf(path, sizeof(path), "%s/%s", bundle, name);
        return path;
}

static void write_file(const char *path, const char *text, mode_t mode) {
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(file_write_all(fd, text, strlen(text)), 0);
        assert_int_equal(fchmod(fd, mode), 0);
        (void)close(fd);
}

static void the_file_keeps_its_mode_and_owner(void **state) {
        const char *bundle = *state;
        struct stat before, after;

        write_file(in(bundle, "config.json"), "{}", 0640);
        if (geteuid() == 0)
                assert_int_equal(chown(in(bundle, "config.json"), 1234, 4321), 0);
        assert_int_equal(stat(in(bundle, "config.json"), &before), 0);
        assert_int_equal(runtime_edit_bundle(bundle, "config.json", &entry, NULL), 1);
        assert_int_equal(stat(in(bundle, "config.json"), &after), 0);
        assert_int_equal(after.st_mode, before.st_mode);
        assert_int_equal(after.st_uid, before.st_uid);
        assert_int_equal(after.st_gid, before.st_gid);
        assert_true(after.st_size > before.st_size);
        assert_int_equal(runtime_edit_bundle(bundle, "config.json", &entry, NULL), 0);
        /* Nothing else is left in the bundle: rmdir() would fail. */
        assert_int_equal(unlink(in(bundle, "config.json")), 0);
        assert_int_equal(rmdir(bundle), 0);
        assert_int_equal(mkdir(bundle, 0700), 0);
}

static void only_a_regular_file_of_bounded_size_is_edited(void **state) {
        const char *bundle = *state;

        assert_int_equal(runtime_edit_bundle(bundle, "none", &entry, NULL), -ENOENT);
        assert_int_equal(mkfifo(in(bundle, "fifo"), 0600), 0);
        assert_int_equal(runtime_edit_bundle(bundle, "fifo", &entry, NULL), -EMEDIUMTYPE);
        assert_int_equal(symlink("/etc/passwd", in(bundle, "link")), 0);
        assert_int_equal(runtime_edit_bundle(bundle, "link", &entry, NULL), -ELOOP);
        assert_int_equal(mkdir(in(bundle, "dir"), 0700), 0);
        assert_int_equal(runtime_edit_bundle(bundle, "dir", &entry, NULL), -EMEDIUMTYPE);
        write_file(in(bundle, "big"), "{}", 0600);
        assert_int_equal(truncate(in(bundle, "big"), 2LL << 30), 0);
        assert_int_equal(runtime_edit_bundle(bundle, "big", &entry, NULL), -EFBIG);
        assert_int_equal(runtime_edit_bundle(in(bundle, "nowhere"), "x", &entry, NULL), -ENOENT);
        assert_int_equal(symlink("dir", in(bundle, "linkdir")), 0);
        assert_true(runtime_edit_bundle(in(bundle, "linkdir"), "x", &entry, NULL) < 0);
}

static void a_refused_document_stays_byte_for_byte(void **state) {
        const char *bundle = *state;
        char text[64];

        write_file(in(bundle, "config.json"), "{\"hooks\": [ ] }\n", 0600);
        assert_int_equal(runtime_edit_bundle(bundle, "config.json", &entry, NULL), -EINVAL);
        assert_int_equal(file_read_at(AT_FDCWD, in(bundle, "config.json"), text, sizeof(text)), 16);
        assert_string_equal(text, "{\"hooks\": [ ] }\n");
}

static pid_t burn(void) {
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0) {
                (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
                for (volatile unsigned long n = 0;; n++)
                        ;
        }
        return pid;
}

/* Else a start on a busy host would be one without hooks. */
static void the_alarm_waits_while_processes_queue_for_a_cpu(void **state) {
        size_t count = (size_t)sysconf(_SC_NPROCESSORS_ONLN) + 1;
        CLEANUP(freep) pid_t *pids = calloc(count, sizeof(*pids));
        int status;
        pid_t pid;

        (void)state;
        assert_non_null(pids);
        for (size_t i = 0; i < count; i++)
                pids[i] = burn();
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                time_t until = time(NULL) + RUNTIME_GUARD_SEC + 2;

                runtime_guard_start("/bin/false", (char *const[]){ (char[]){ "false" }, NULL });
                while (time(NULL) < until)
                        (void)usleep(1000);
                runtime_guard_end();
                _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        for (size_t i = 0; i < count; i++) {
                (void)kill(pids[i], SIGKILL);
                assert_int_equal(waitpid(pids[i], NULL, 0), pids[i]);
        }
}

/* Lowered limits go from an engine to its runtime: "ulimit -f 0" ends a writer by SIGXFSZ. */
static void a_limit_of_file_size_leaves_the_file_and_the_process_as_they_were(void **state) {
        static const char text[] = "{\"ociVersion\":\"1.0.2\"}";
        const struct rlimit limit = { 1, 1 };
        const struct hook_entry hook = { .path = "/h" };
        const char *bundle = *state;
        char got[64];
        int status;
        pid_t pid;

        write_file(in(bundle, "config.json"), text, 0644);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                struct sigaction after;

                runtime_guard_start("/bin/false", (char *const[]){ (char[]){ "false" }, NULL });
                if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
                        _exit(2);
                if (runtime_edit_bundle(bundle, "config.json", &hook, NULL) != -EFBIG)
                        _exit(3);
                runtime_guard_end();
                _exit(sigaction(SIGXFSZ, NULL, &after) == 0 && after.sa_handler == SIG_DFL ? 0 : 4);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        assert_true(file_read_at(AT_FDCWD, in(bundle, "config.json"), got, sizeof(got)) > 0);
        assert_string_equal(got, text);
        assert_int_equal(unlink(in(bundle, "config.json")), 0);
        assert_int_equal(rmdir(bundle), 0); /* nothing else was left in it */
        assert_int_equal(mkdir(bundle, 0700), 0);
}

int main(void) {
#define TEST(function) cmocka_unit_test_setup_teardown(function, make_bundle, drop_bundle)
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_hooks_are_appended_behind_those_of_others),
                cmocka_unit_test(hooks_that_are_there_are_not_added_again),
                cmocka_unit_test(what_was_edited_once_is_left_alone_the_next_time),
                cmocka_unit_test(a_document_older_than_create_runtime_gets_prestart),
                cmocka_unit_test(a_private_registry_goes_into_the_arguments),
                cmocka_unit_test(the_runtime_s_name_goes_into_the_arguments),
                cmocka_unit_test(numbers_keys_and_order_stay_as_they_were),
                cmocka_unit_test(what_is_no_configuration_is_refused),
                TEST(the_file_keeps_its_mode_and_owner),
                TEST(only_a_regular_file_of_bounded_size_is_edited),
                TEST(a_refused_document_stays_byte_for_byte),
                TEST(the_alarm_waits_while_processes_queue_for_a_cpu),
                TEST(a_limit_of_file_size_leaves_the_file_and_the_process_as_they_were),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
