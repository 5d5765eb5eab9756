/* SPDX-License-Identifier: Apache-2.0 */
/* dtgov setup docker --undo, where dtgov's programs went elsewhere since. */
#include "tests/unit/host_fixture.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* "make install" first, the package later: the programs are elsewhere, and the older ones may go.
 */
static void an_undo_after_the_programs_moved_is_back_at_what_was_before_dtgov(void **state) {
        struct host *h = *state;

        h->s.libexec = "/old/dtgov";
        host_write_program(h, "old/dtgov/dtgov-runtime", "");
        host_write_program(h, "old/dtgov/dtgov-hook", "");
        assert_int_equal(host_setup(h, "docker", false), 0);
        h->s.libexec = DTGOV_LIBEXECDIR;
        assert_int_equal(host_setup(h, "docker", false), 0);
        assert_says(h, DTGOV_LIBEXECDIR "/dtgov-runtime");
        assert_int_equal(host_setup(h, "docker", true), 0);
        assert_file(h, JSON, OLD);
        assert_false(host_has(h, JSON CONF_BACKUP));
}

static void an_undo_never_writes_a_backup_that_has_dtgov_for_its_default(void **state) {
        struct host *h = *state;
        char text[4096];

        assert_int_equal(host_setup(h, "docker", false), 0);
        assert_true(file_read_at(AT_FDCWD, host_at(h, JSON), text, sizeof(text)) > 0);
        tree_write(&h->tree, JSON CONF_BACKUP, text);
        h->s.libexec = "/new/dtgov";
        host_write_program(h, "new/dtgov/dtgov-runtime", "");
        host_write_program(h, "new/dtgov/dtgov-hook", "");
        assert_int_equal(host_setup(h, "docker", false), 0);
        assert_int_equal(host_setup(h, "docker", true), 0);
        assert_true(file_read_at(AT_FDCWD, host_at(h, JSON), text, sizeof(text)) > 0);
        assert_null(strstr(text, "dtgov"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(
                                an_undo_after_the_programs_moved_is_back_at_what_was_before_dtgov,
                                host_make_docker, host_drop),
                cmocka_unit_test_setup_teardown(
                                an_undo_never_writes_a_backup_that_has_dtgov_for_its_default,
                                host_make_docker, host_drop),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
