/* SPDX-License-Identifier: Apache-2.0 */
#include "state/file.h"
#include "state/registry.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static const struct container sample = {
        .id = "c.1",
        .pid = 2,
        .cgroup = "/c",
        .cgroup_inode = 77,
};

struct place {
        char path[64];
        int fd;
};

static int make_place(void **state) {
        static struct place place;

        place = (struct place){ "/tmp/registry.XXXXXX", -1 };
        if (!mkdtemp(place.path))
                return -1;
        place.fd = open(place.path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        *state = &place;
        return place.fd < 0 ? -1 : 0;
}

static int drop_place(void **state) {
        struct place *place = *state;
        DIR *dir = opendir(place->path);

        for (struct dirent *e; dir && (e = readdir(dir));)
                (void)unlinkat(place->fd, e->d_name, 0);
        if (dir)
                (void)closedir(dir);
        (void)close(place->fd);
        return rmdir(place->path);
}

static void a_name_is_parsed_back_exactly_or_not_at_all(void **state) {
        static const struct {
                const char *name, *id;
                uint64_t inode;
        } rows[] = {
                { "a.1.json", "a", 1 },
                { "c.1.77.json", "c.1", 77 },
                { "a.json.5.json", "a.json", 5 },
                { "a.18446744073709551615.json", "a", UINT64_MAX },
                { "a.18446744073709551616.json", NULL, 0 },
                { "a.json", NULL, 0 },
                { ".1.json", NULL, 0 },
                { ".a.1.json", NULL, 0 },
                { "a..json", NULL, 0 },
                { "a.01.json", NULL, 0 },
                { "a.-1.json", NULL, 0 },
                { "a.1.jsom", NULL, 0 },
                { "a.1.json.tmp", NULL, 0 },
                { "..", NULL, 0 },
                { "", NULL, 0 },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                char id[CONTAINER_ID_SIZE];
                uint64_t inode;
                int r = registry_parse_name(rows[i].name, id, &inode);

                assert_int_equal(r, rows[i].id ? 0 : -EINVAL);
                if (rows[i].id) {
                        assert_string_equal(id, rows[i].id);
                        assert_true(inode == rows[i].inode);
                }
        }
}

static void the_longest_id_and_inode_fit_into_a_name(void **state) {
        struct container c = { .cgroup_inode = UINT64_MAX };
        char name[REGISTRY_NAME_SIZE], id[CONTAINER_ID_SIZE];
        uint64_t inode;

        (void)state;
        memset(c.id, '.', CONTAINER_ID_SIZE - 1);
        c.id[0] = 'a';
        registry_name(&c, name);
        assert_int_equal(registry_parse_name(name, id, &inode), 0);
        assert_string_equal(id, c.id);
        assert_true(inode == UINT64_MAX);
}

static void a_container_put_is_got_again_by_its_name(void **state) {
        struct place *place = *state;
        struct container c;

        assert_int_equal(registry_put(place->fd, &sample), 0);
        assert_int_equal(registry_put(place->fd, &sample), 0);
        assert_int_equal(registry_get(place->fd, "c.1.77.json", &c, NULL), 0);
        assert_memory_equal(&c, &sample, sizeof(c));
}

static void a_file_that_is_being_written_is_not_there_yet(void **state) {
        struct place *place = *state;
        struct container c;

        assert_int_equal(file_create_at(place->fd, "c.1.77.json", "", 0, 0600), 0);
        assert_int_equal(registry_get(place->fd, "c.1.77.json", &c, NULL), -ENOENT);
        assert_int_equal(registry_put(place->fd, &sample), 0);
        assert_int_equal(registry_get(place->fd, "c.1.77.json", &c, NULL), 0);
}

static void a_file_cut_short_is_never_taken_for_a_whole_one(void **state) {
        struct place *place = *state;
        char text[CONTAINER_FILE_MAX];
        struct container c;
        ssize_t len;

        assert_int_equal(registry_put(place->fd, &sample), 0);
        len = file_read_at(place->fd, "c.1.77.json", text, sizeof(text));
        for (ssize_t n = 1; n < len; n++)
                assert_int_equal(container_from_json(text, (size_t)n, &c, NULL), -EINVAL);
}

static void a_file_is_only_for_root(void **state) {
        struct place *place = *state;
        struct stat st;

        assert_int_equal(registry_put(place->fd, &sample), 0);
        assert_int_equal(fstatat(place->fd, "c.1.77.json", &st, 0), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
}

static void a_file_about_another_container_is_refused(void **state) {
        struct place *place = *state;
        struct container c;
        struct error err;

        assert_int_equal(registry_put(place->fd, &sample), 0);
        assert_int_equal(renameat(place->fd, "c.1.77.json", place->fd, "c.1.78.json"), 0);
        assert_int_equal(registry_get(place->fd, "c.1.78.json", &c, &err), -EINVAL);
        assert_string_equal(err.text, "c.1.78.json: is about another container");
}

static void a_name_that_leads_elsewhere_is_refused(void **state) {
        struct place *place = *state;
        struct container c;

        assert_int_equal(registry_get(place->fd, "../etc/passwd", &c, NULL), -EINVAL);
        assert_int_equal(symlinkat("/etc/passwd", place->fd, "a.1.json"), 0);
        assert_int_equal(registry_get(place->fd, "a.1.json", &c, NULL), -ELOOP);
}

static void removing_twice_is_no_error(void **state) {
        struct place *place = *state;

        assert_int_equal(registry_put(place->fd, &sample), 0);
        assert_int_equal(registry_remove(place->fd, "c.1.77.json"), 0);
        assert_int_equal(registry_remove(place->fd, "c.1.77.json"), 0);
}

static int count_names(void *data, const char *name) {
        int *count = data;

        assert_string_equal(name, "c.1.77.json");
        return ++*count;
}

static int stop(void *data, const char *name) {
        (void)data;
        (void)name;
        return -ECANCELED;
}

static void only_names_of_the_form_are_listed(void **state) {
        struct place *place = *state;
        int count = 0;

        assert_int_equal(registry_put(place->fd, &sample), 0);
        assert_int_equal(file_replace_at(place->fd, "notes.txt", "", 0, 0600, false), 0);
        assert_int_equal(file_replace_at(place->fd, ".c.1.77.json.9", "", 0, 0600, false), 0);
        assert_int_equal(registry_list(place->fd, count_names, &count), 0);
        assert_int_equal(count, 1);
        assert_int_equal(registry_list(place->fd, stop, NULL), -ECANCELED);
}

int main(void) {
#define TEST(function) cmocka_unit_test_setup_teardown(function, make_place, drop_place)
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_name_is_parsed_back_exactly_or_not_at_all),
                cmocka_unit_test(the_longest_id_and_inode_fit_into_a_name),
                TEST(a_container_put_is_got_again_by_its_name),
                TEST(a_file_that_is_being_written_is_not_there_yet),
                TEST(a_file_cut_short_is_never_taken_for_a_whole_one),
                TEST(a_file_is_only_for_root),
                TEST(a_file_about_another_container_is_refused),
                TEST(a_name_that_leads_elsewhere_is_refused),
                TEST(removing_twice_is_no_error),
                TEST(only_names_of_the_form_are_listed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
