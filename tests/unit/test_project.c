/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/cli/project.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define NEEDS "{ // four\n \"hostRequirements\": { \"cpus\": 4, \"memory\": \"8gb\", } }"

struct bench {
        char dir[32];
        char path[128];
};

static const char *at(struct bench *b, const char *name) {
        (void)snprintf(b->path, sizeof(b->path), "%s%s", b->dir, name);
        return b->path;
}

static void put(struct bench *b, const char *name, const char *text) {
        FILE *f = fopen(at(b, name), "we");

        assert_non_null(f);
        assert_true(fputs(text, f) >= 0);
        assert_int_equal(fclose(f), 0);
}

static int begin(void **state) {
        struct bench *b = calloc(1, sizeof(*b));

        assert_non_null(b);
        (void)strcpy(b->dir, "/tmp/dtgov-project-XXXXXX");
        assert_non_null(mkdtemp(b->dir));
        assert_int_equal(mkdir(at(b, "/.devcontainer"), 0755), 0);
        assert_int_equal(mkdir(at(b, "/src"), 0755), 0);
        assert_int_equal(mkdir(at(b, "/src/lib"), 0755), 0);
        *state = b;
        return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        (void)st;
        (void)type;
        (void)ftw;
        return remove(path);
}

static int end(void **state) {
        struct bench *b = *state;

        (void)nftw(b->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
        free(b);
        return 0;
}

static void a_project_is_found_from_below(void **state) {
        static const char *const files[] = { "/.devcontainer/devcontainer.json",
                "/.devcontainer.json" };
        struct bench *b = *state;
        struct project p;

        for (size_t i = 0; i < ARRAY_LEN(files); i++) {
                put(b, files[i], NEEDS);
                assert_int_equal(project_find(at(b, "/src/lib"), &p, NULL), 1);
                assert_string_equal(p.folder, b->dir);
                assert_string_equal(p.file, files[i] + 1);
                assert_int_equal(p.needs.cpus, 4);
                assert_int_equal(p.needs.memory_bytes, 8 * GIB);
                assert_int_equal(unlink(at(b, files[i])), 0);
        }
}

static void the_nearest_is_taken(void **state) {
        struct bench *b = *state;
        struct project p;

        put(b, "/.devcontainer/devcontainer.json", NEEDS);
        put(b, "/src/.devcontainer.json", "{}");
        assert_int_equal(project_find(at(b, "/src/lib"), &p, NULL), 1);
        assert_string_equal(p.folder, at(b, "/src"));
        assert_int_equal(p.needs.cpus, 0);
}

static void without_one_there_is_none(void **state) {
        struct bench *b = *state;
        struct project p;

        assert_int_equal(project_find(at(b, "/src/lib"), &p, NULL), 0);
        assert_int_equal(project_find("/", &p, NULL), 0);
        assert_int_equal(project_find("relative", &p, NULL), 0);
        assert_int_equal(project_find("", &p, NULL), 0);
}

static void one_that_cannot_be_used_is_named(void **state) {
        struct bench *b = *state;
        struct project p;
        struct error err;

        put(b, "/.devcontainer.json", "{ \"hostRequirements\": { \"memory\": \"much\" } }");
        assert_int_equal(project_find(at(b, "/src"), &p, &err), -EINVAL);
        assert_non_null(strstr(err.text, ".devcontainer.json: hostRequirements.memory"));
        assert_string_equal(p.folder, b->dir);
        assert_int_equal(unlink(at(b, "/.devcontainer.json")), 0);

        assert_int_equal(mkfifo(at(b, "/.devcontainer.json"), 0600), 0);
        assert_int_equal(project_find(at(b, "/src"), &p, &err), -EMEDIUMTYPE);
        assert_int_equal(unlink(at(b, "/.devcontainer.json")), 0);

        assert_int_equal(symlink("/etc/passwd", at(b, "/.devcontainer.json")), 0);
        assert_int_equal(project_find(at(b, "/src"), &p, &err), -ELOOP);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        const struct CMUnitTest tests[] = {
                TEST(a_project_is_found_from_below),
                TEST(the_nearest_is_taken),
                TEST(without_one_there_is_none),
                TEST(one_that_cannot_be_used_is_named),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
