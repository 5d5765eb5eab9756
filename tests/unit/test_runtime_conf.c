/* SPDX-License-Identifier: Apache-2.0 */
#include "state/runtime_conf.h"
#include "tests/unit/tree.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

/* What a file of this text and mode is read as. */
struct loaded {
        int code;
        struct runtime_conf conf;
        struct error err;
};

/* Which runtime it leads to. */
struct resolved {
        int code;
        char runtime[RUNTIME_PATH_MAX];
        struct error err;
};

/* "DIR/name", in a static buffer. */
static const char *in(const struct tree *tree, const char *name) {
        static char path[128];

        (void)snprintf(path, sizeof(path), "%s/%s", tree->path, name);
        return path;
}

static struct loaded load(const char *text, mode_t mode) {
        struct tree tree = tree_make();
        struct loaded l = { 0 };

        tree_write(&tree, "conf", text);
        assert_int_equal(fchmodat(tree.fd, "conf", mode, 0), 0);
        l.code = runtime_conf_load(in(&tree, "conf"), &l.conf, &l.err);
        tree_remove(&tree);
        return l;
}

static struct resolved resolve(const char *text, mode_t mode) {
        struct tree tree = tree_make();
        struct resolved r = { 0 };

        if (text) {
                tree_write(&tree, "conf", text);
                assert_int_equal(fchmodat(tree.fd, "conf", mode, 0), 0);
        }
        r.code = runtime_resolve("dtgov-runtime", in(&tree, "conf"), r.runtime, &r.err);
        tree_remove(&tree);
        return r;
}

/* Whether it is runc, or that where this host has none. */
static void assert_runc(struct resolved r) {
        if (r.code == 0)
                assert_string_equal(strrchr(r.runtime, '/'), "/runc");
        else
                assert_string_equal(r.err.text, "no runc in the usual directories");
}

static void the_configuration_names_runtime_hook_and_registry(void **state) {
        struct loaded l = load("# a comment\n\nruntime /opt/bin/runc\n  hook\t/opt/my hook \n"
                               "registry /run/demo",
                        0644);

        (void)state;
        assert_int_equal(l.code, 0);
        assert_string_equal(l.conf.runtime, "/opt/bin/runc");
        assert_string_equal(l.conf.hook, "/opt/my hook");
        assert_string_equal(l.conf.registry, "/run/demo");
}

static void lines_may_end_as_those_of_windows(void **state) {
        struct loaded l = load("# a\r\n\r\nruntime /opt/kata\r\n \r\nhook /h\r\n", 0644);

        (void)state;
        assert_int_equal(l.code, 0);
        assert_string_equal(l.conf.runtime, "/opt/kata");
        assert_string_equal(l.conf.hook, "/h");
}

static void a_line_that_is_wrong_is_named_and_the_others_hold(void **state) {
        static const char *const rows[] = { "hooks /x", "hook ../x", "registry x", "other", "=",
                "runtime", "runtime runc", "runtime=/x", "\xff" };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                char text[128];
                struct loaded l;

                for (unsigned first = 0; first < 2; first++) {
                        (void)snprintf(text, sizeof(text), "%s\n%s\nregistry /r\n",
                                        first ? rows[i] : "runtime /opt/kata",
                                        first ? "runtime /opt/kata" : rows[i]);
                        l = load(text, 0644);
                        assert_int_equal(l.code, 1);
                        assert_non_null(strstr(l.err.text, first ? "line 1 is" : "line 2 is"));
                        assert_string_equal(l.conf.runtime, "/opt/kata");
                        assert_non_null(strstr(l.err.text, ": it is ignored"));
                        assert_string_equal(l.conf.registry, "/r");
                        assert_string_equal(l.conf.hook, DTGOV_LIBEXECDIR "/dtgov-hook");
                        assert_string_equal(resolve(text, 0644).runtime, "/opt/kata");
                }
        }
}

static void where_the_line_of_the_runtime_is_wrong_none_is_started(void **state) {
        static const char *const rows[] = { "runtime runc", "runtime", "runtime ", "runtime=/x",
                "runtim /x", "\xef\xbb\xbfruntime /x", "hook /h\nruntimes /x\n" };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct resolved r = resolve(rows[i], 0644);

                assert_int_equal(load(rows[i], 0644).code, -EINVAL);
                assert_int_equal(r.code, -EINVAL);
                assert_non_null(strstr(r.err.text,
                                i == 6 ? "/conf: line 2 is none of" : "/conf: line 1 is none of"));
                assert_non_null(strstr(r.err.text, "cannot tell which runtime to start"));
                assert_non_null(strstr(r.err.text, "mend it"));
        }
}

static void nonsense_that_names_no_path_starts_runc(void **state) {
        struct resolved r = resolve("nonsense\n", 0644);

        (void)state;
        assert_int_equal(load("nonsense\n", 0644).code, 1);
        assert_true(r.code >= 0);
        assert_string_equal(r.runtime, resolve("", 0644).runtime);
}

static void a_file_that_cannot_be_trusted_or_read_starts_no_other_runtime(void **state) {
        static const char path[] = "runtime /opt/kata\n";
        char big[RUNTIME_CONF_MAX + 2];
        struct tree tree = tree_make();
        struct resolved r;

        (void)state;
        assert_int_equal(load(path, 0666).code, -EPERM);
        assert_int_equal(load(path, 0660).code, -EPERM);
        r = resolve(path, 0664);
        assert_int_equal(r.code, -EPERM);
        assert_non_null(strstr(r.err.text, "only root can write"));
        assert_non_null(strstr(r.err.text, "mend it"));
        if (geteuid() != 0)
                assert_int_equal(resolve(path, 0).code, -EACCES);
        assert_int_equal(runtime_resolve(NULL, tree.path, r.runtime, NULL), -EPERM);
        memset(big, '\n', sizeof(big) - 1);
        big[sizeof(big) - 1] = '\0';
        assert_int_equal(resolve(big, 0644).code, -EFBIG);
        tree_remove(&tree);
}

static void what_stands_behind_a_nul_is_not_passed_over(void **state) {
        static const char text[] = "hook /h\n\0\nruntime /opt/kata\n";
        struct tree tree = tree_make();
        struct runtime_conf conf;
        int fd;

        (void)state;
        fd = openat(tree.fd, "conf", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
        (void)close(fd);
        assert_int_equal(runtime_conf_load(in(&tree, "conf"), &conf, NULL), -EINVAL);
        tree_remove(&tree);
}

static void runc_is_started_where_no_file_names_another(void **state) {
        (void)state;
        assert_runc(resolve(NULL, 0));
        assert_runc(resolve("", 0644));
        assert_runc(resolve("hook /h\n", 0644));
        assert_runc(resolve("hook h\nregistry\n", 0644));
}

static void a_name_that_says_the_runtime_needs_no_configuration(void **state) {
        struct tree tree = tree_make();
        struct resolved r = { 0 };

        (void)state;
        tree_write(&tree, "conf", "runtime bad\n");
        r.code = runtime_resolve("dtgov-runc", in(&tree, "conf"), r.runtime, &r.err);
        assert_runc(r);
        tree_remove(&tree);
}

static void the_wrapper_is_no_runtime_of_its_own(void **state) {
        struct resolved r = resolve("runtime /proc/self/exe\n", 0644);

        (void)state;
        assert_int_equal(r.code, -ELOOP);
        assert_non_null(strstr(r.err.text, "/conf: runtime /proc/self/exe is dtgov-runtime"));
}

static void the_name_says_which_runtime_it_stands_for(void **state) {
        (void)state;
        assert_string_equal(runtime_of_name("dtgov-runc"), "runc");
        assert_string_equal(runtime_of_name("/usr/libexec/dtgov/dtgov-crun"), "crun");
        assert_string_equal(runtime_of_name("./dtgov-sysbox-runc"), "sysbox-runc");
        assert_string_equal(runtime_of_name("dtgov-nvidia-container-runtime"),
                        "nvidia-container-runtime");
        assert_null(runtime_of_name("dtgov-runtime"));
        assert_null(runtime_of_name("dtgov-sh"));
        assert_null(runtime_of_name("/dtgov-runc/runc"));
        assert_null(runtime_of_name(""));
        assert_null(runtime_of_name(NULL));
}

static void the_name_of_a_runtime_is_safe_and_short(void **state) {
        static const struct {
                const char *path, *name;
        } rows[] = {
                { "/usr/bin/runc", "runc" },
                { "/usr/bin/kata-runtime_2.1", "kata-runtime_2.1" },
                { "crun", "crun" },
                { "/opt/my runtime", "my_runtime" },
                { "/opt/\"\\\xff\x1b", "____" },
                { "/opt/", "" },
                { "/0123456789012345678901234567890123456789", "0123456789012345678901234567890" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                char name[RUNTIME_NAME_MAX];

                runtime_name(rows[i].path, name);
                assert_string_equal(name, rows[i].name);
        }
}

static void a_program_knows_itself_under_another_name(void **state) {
        struct tree tree = tree_make();

        (void)state;
        assert_true(runtime_is_self("/proc/self/exe"));
        assert_int_equal(symlinkat("/proc/self/exe", tree.fd, "runc"), 0);
        assert_true(runtime_is_self(in(&tree, "runc")));
        assert_false(runtime_is_self("/bin/sh"));
        assert_false(runtime_is_self(in(&tree, "none")));
        tree_remove(&tree);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_configuration_names_runtime_hook_and_registry),
                cmocka_unit_test(lines_may_end_as_those_of_windows),
                cmocka_unit_test(a_line_that_is_wrong_is_named_and_the_others_hold),
                cmocka_unit_test(where_the_line_of_the_runtime_is_wrong_none_is_started),
                cmocka_unit_test(nonsense_that_names_no_path_starts_runc),
                cmocka_unit_test(a_file_that_cannot_be_trusted_or_read_starts_no_other_runtime),
                cmocka_unit_test(what_stands_behind_a_nul_is_not_passed_over),
                cmocka_unit_test(runc_is_started_where_no_file_names_another),
                cmocka_unit_test(a_name_that_says_the_runtime_needs_no_configuration),
                cmocka_unit_test(the_wrapper_is_no_runtime_of_its_own),
                cmocka_unit_test(the_name_says_which_runtime_it_stands_for),
                cmocka_unit_test(the_name_of_a_runtime_is_safe_and_short),
                cmocka_unit_test(a_program_knows_itself_under_another_name),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
