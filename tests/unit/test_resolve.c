/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/cli/resolve.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "governor/cli/cli.h"

static const struct place places[] = {
        { .environment = "/src/api", .container_id = "abc1", .name = "api", .cgroup_inode = 10 },
        { .environment = "abc2", .container_id = "abc2", .name = "", .cgroup_inode = 11 },
        { .environment = "web", .container_id = "def0", .name = "abc", .cgroup_inode = 12 },
        { .environment = "twin", .container_id = "twin", .name = "", .cgroup_inode = 13 },
        { .environment = "twin", .container_id = "twin", .name = "", .cgroup_inode = 14 },
        { .environment = "shop/db", .container_id = "e1", .name = "shop-db-1", .cgroup_inode = 15 },
        { .environment = "shop/db", .container_id = "e2", .name = "shop-db-2", .cgroup_inode = 16 },
        { .environment = "shop/app", .container_id = "e3", .name = "x", .cgroup_inode = 17 },
        { .environment = "old/app", .container_id = "e4", .name = "app", .cgroup_inode = 18 },
};

static int find(const char *words, const struct place **ret, struct error *err) {
        return place_find(places, ARRAY_LEN(places), words, NULL, ret, err);
}

static void a_container_is_found_by_each_of_its_names(void **state) {
        static const struct {
                const char *words;
                uint64_t inode;
        } cases[] = { { "api", 10 }, { "abc1", 10 }, { "web", 12 }, { "def", 12 }, { "d", 12 },
                { "twin@14", 14 }, { "tw@13", 13 }, { "/src/api", 10 }, { "shop-db-2", 16 },
                { "shop/app", 17 }, { "e1@15", 15 } };
        const struct place *p;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                assert_int_equal(find(cases[i].words, &p, NULL), 0);
                assert_int_equal(p->cgroup_inode, cases[i].inode);
        }
}

static void a_whole_name_wins_over_the_beginning_of_an_id(void **state) {
        const struct place *p;

        (void)state;
        assert_int_equal(find("abc", &p, NULL), 0);
        assert_int_equal(p->cgroup_inode, 12);
}

/* "app" is the name of one, and how the environment of another ends. */
static void a_name_wins_over_the_end_of_an_environment(void **state) {
        const struct place *p;

        (void)state;
        assert_int_equal(find("app", &p, NULL), 0);
        assert_int_equal(p->cgroup_inode, 18);
        assert_true(place_is_in(&places[7], "app"));
        assert_true(place_is_in(&places[7], "shop/app"));
        assert_false(place_is_in(&places[7], "pp"));
        assert_false(place_is_in(&places[7], "shop"));
        assert_false(place_is_in(&places[7], ""));
}

static void what_is_ambiguous_is_listed(void **state) {
        const struct place *p;
        struct error err;

        (void)state;
        assert_int_equal(find("ab", &p, &err), -ENOTUNIQ);
        assert_string_equal(
                        err.text, "ab: could be 2 containers; name one of api (abc1@10), abc2@11");
        assert_int_equal(find("twin", &p, &err), -ENOTUNIQ);
        assert_non_null(strstr(err.text, "twin@13, twin@14"));
        assert_int_equal(find("shop/db", &p, &err), -ENOTUNIQ);
        assert_non_null(strstr(err.text, "shop-db-1 (e1@15), shop-db-2 (e2@16)"));
        assert_int_equal(find("db", &p, &err), -ENOTUNIQ);
        assert_int_equal(find("twin@99", &p, &err), -ENOENT);
        assert_int_equal(find("@13", &p, &err), -ENOENT);
}

static void what_is_not_there_names_the_next_command(void **state) {
        const struct place *p;
        struct error err;

        (void)state;
        assert_int_equal(find("nothing", &p, &err), -ENOENT);
        assert_non_null(strstr(err.text, "dtgov ps"));
        assert_int_equal(find("", &p, &err), -EINVAL);
        assert_int_equal(find("\033[2J", &p, &err), -ENOENT);
        assert_null(strchr(err.text, '\033'));
}

static void many_candidates_are_cut(void **state) {
        struct place many[40];
        const struct place *p;
        struct error err;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(many); i++)
                many[i] = (struct place){ .environment = "",
                        .name = "\033[2J a name that is longer than what is shown of it",
                        .container_id = "0123456789abcdef0123456789abcdef",
                        .cgroup_inode = UINT64_MAX };
        assert_int_equal(place_find(many, ARRAY_LEN(many), "0", NULL, &p, &err), -ENOTUNIQ);
        assert_true(strlen(err.text) < ERROR_TEXT_MAX);
        assert_non_null(strstr(err.text, "40 containers"));
        assert_null(strchr(err.text, '\033'));
}

static void ids_are_a_letter_and_a_number(void **state) {
        (void)state;
        assert_true(is_id("P17", 'P'));
        assert_false(is_id("P", 'P'));
        assert_false(is_id("P-17", 'P'));
        assert_false(is_id("P17x", 'P'));
        assert_false(is_id("p17", 'P'));
        assert_false(is_id("C17", 'P'));
}

static void near_words_are_near(void **state) {
        (void)state;
        assert_int_equal(word_distance("status", "status"), 0);
        assert_int_equal(word_distance("staus", "status"), 1);
        assert_int_equal(word_distance("sttaus", "status"), 1);
        assert_int_equal(word_distance("", "ps"), 2);
        assert_int_equal(word_distance("aprove", "approve"), 1);
        assert_true(word_distance("kitten", "sitting") == 3);
}

static void errors_of_daemons_have_their_exit_status(void **state) {
        (void)state;
        assert_int_equal(exit_of_error("NotAuthorized", false), EXIT_UNREACHABLE);
        assert_int_equal(exit_of_error("InvalidParameter", false), EXIT_USAGE);
        assert_int_equal(exit_of_error("Refused", false), EXIT_REFUSED);
        assert_int_equal(exit_of_error("Stale", false), EXIT_OUTDATED);
        assert_int_equal(exit_of_error("Failed", true), EXIT_REVERTED);
        assert_int_equal(exit_of_error("Failed", false), EXIT_ERROR);
        assert_int_equal(exit_of_error("Busy", false), EXIT_ERROR);
        assert_int_equal(exit_of_error("NotFound", false), EXIT_ERROR);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_container_is_found_by_each_of_its_names),
                cmocka_unit_test(a_whole_name_wins_over_the_beginning_of_an_id),
                cmocka_unit_test(a_name_wins_over_the_end_of_an_environment),
                cmocka_unit_test(what_is_ambiguous_is_listed),
                cmocka_unit_test(what_is_not_there_names_the_next_command),
                cmocka_unit_test(many_candidates_are_cut),
                cmocka_unit_test(ids_are_a_letter_and_a_number),
                cmocka_unit_test(near_words_are_near),
                cmocka_unit_test(errors_of_daemons_have_their_exit_status),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
