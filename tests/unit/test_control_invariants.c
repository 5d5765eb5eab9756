/* SPDX-License-Identifier: Apache-2.0 */
/* What must never be is said when it is; with DTGOV_ASSERT it would be the end of this program. */
#include "governor/control/invariants.h"

#include "governor/control/steps.h"
#include "state/log.h"
#include "tests/unit/control_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static char said[512];

static bool note(int level, enum event event, const char *line) {
        (void)level;
        (void)event;
        if (strstr(line, "this must not be"))
                (void)strncpy(said, line, sizeof(said) - 1);
        return true;
}

static int begin(void **state) {
        int r = fixture_begin(state);

        log_set_sink(note);
        said[0] = '\0';
        return r;
}

static void skip_where_it_ends(void) {
#ifdef DTGOV_ASSERT
        print_message("what is broken ends this program here: without MODE=asan it is said\n");
        skip();
#endif
}

static void assert_said(const char *what) {
        if (what)
                assert_non_null(strstr(said, what));
        else
                assert_string_equal(said, "");
        said[0] = '\0';
}

/* A run beside the list; the caller frees nothing. */
static struct run *add(struct fixture *f, uint64_t number, enum change_state state) {
        struct run *run = calloc(1, sizeof(*run));

        assert_non_null(run);
        run->change.number = number;
        run->change.proposal = number + 100;
        run->change.state = state;
        run->change.cgroup_inode = f->container->container.cgroup_inode;
        run->container = container_ref(f->container);
        run->looked_ns = proc_boottime_ns();
        engine_add(&f->control, run);
        return run;
}

static void a_state_that_does_not_follow_is_said(void **state) {
        struct fixture *f = *state;
        struct run *run = add(f, 1, CHANGE_PRECHECK);

        skip_where_it_ends();
        invariants_enter(&f->control, run, CHANGE_INTENT);
        assert_said(NULL);
        invariants_enter(&f->control, run, CHANGE_COMMITTED);
        assert_said("a state that does not follow");
}

static void a_write_without_an_intent_is_said(void **state) {
        static const enum change_state from[] = { CHANGE_INTENT, CHANGE_APPLYING, CHANGE_VERIFY };
        static const enum change_state to[] = { CHANGE_APPLYING, CHANGE_VERIFY, CHANGE_PROBATION };
        struct fixture *f = *state;
        struct run *run = add(f, 0, CHANGE_INTENT);

        skip_where_it_ends();
        for (size_t i = 0; i < ARRAY_LEN(to); i++) {
                run->change.state = from[i];
                invariants_enter(&f->control, run, to[i]);
                assert_said("a write without an intent");
        }
}

static void two_open_changes_of_one_container_are_said(void **state) {
        struct fixture *f = *state;
        struct run *other = add(f, 1, CHANGE_PROBATION), *run = add(f, 2, CHANGE_PRECHECK);

        skip_where_it_ends();
        invariants_enter(&f->control, run, CHANGE_INTENT);
        assert_said("two open changes of one container");
        other->change.state = CHANGE_APPROVED; /* has written nothing */
        invariants_enter(&f->control, run, CHANGE_INTENT);
        assert_said(NULL);
        other->change.state = CHANGE_ROLLED_BACK;
        invariants_enter(&f->control, run, CHANGE_INTENT);
        assert_said(NULL);
        other->change.state = CHANGE_PROBATION;
        other->change.cgroup_inode++;
        invariants_enter(&f->control, run, CHANGE_INTENT);
        assert_said(NULL);
}

static void an_approval_that_is_used_twice_is_said(void **state) {
        struct fixture *f = *state;
        struct run *other = add(f, 1, CHANGE_ROLLED_BACK), *run = add(f, 2, CHANGE_PRECHECK);

        skip_where_it_ends();
        run->change.proposal = other->change.proposal;
        invariants_enter(&f->control, run, CHANGE_INTENT);
        assert_said("an approval that is used twice");
        other->change.number = 0; /* it was refused */
        invariants_enter(&f->control, run, CHANGE_INTENT);
        assert_said(NULL);
        other->change.number = 1;
        run->change.proposal = other->change.proposal = 0;
        invariants_enter(&f->control, run, CHANGE_INTENT);
        assert_said(NULL);
}

static void a_probation_that_ends_well_unwatched_or_unproven_is_said(void **state) {
        struct fixture *f = *state;
        struct run *run = add(f, 1, CHANGE_PROBATION);

        skip_where_it_ends();
        invariants_enter(&f->control, run, CHANGE_COMMITTED);
        assert_said(NULL);
        run->looked_ns = 0;
        invariants_enter(&f->control, run, CHANGE_COMMITTED);
        assert_said("unwatched");
        run->looked_ns = proc_boottime_ns();
        run->change.step_mask = 1;
        invariants_enter(&f->control, run, CHANGE_COMMITTED);
        assert_said("a lowering that ends on its way");
        run->change.step_mask = 0;
        run->change.changes_count = 1;
        run->change.changes[0] = (struct knob_change){
                .knob = KNOB_PIDS_MAX, .old = { 200, 0 }, .new = { 100, 0 }
        };
        invariants_enter(&f->control, run, CHANGE_COMMITTED);
        assert_said("a lowering that nothing proved");
        run->kept = true;
        invariants_enter(&f->control, run, CHANGE_COMMITTED);
        assert_said(NULL);
        run->kept = false;
        run->change.proven = 1;
        invariants_enter(&f->control, run, CHANGE_COMMITTED);
        assert_said(NULL);
}

static void a_step_in_another_cgroup_is_said(void **state) {
        struct fixture *f = *state;
        struct run *run = add(f, 1, CHANGE_APPLYING);

        skip_where_it_ends();
        run->change.cgroup_inode++;
        invariants_step(run, STEP_TELL);
        assert_said("a step in another cgroup");
        container_unref(run->container);
        run->container = NULL;
        invariants_step(run, STEP_TELL);
        assert_said("a step in another cgroup");
}

static void two_rollbacks_at_once_are_said(void **state) {
        struct fixture *f = *state;
        struct run *run = add(f, 1, CHANGE_ROLLING_BACK);

        skip_where_it_ends();
        run->undos = 1;
        invariants_step(run, STEP_UNDO);
        assert_said("two rollbacks at once");
}

static void a_write_before_its_intent_is_on_the_disk_is_said(void **state) {
        struct fixture *f = *state;
        struct run *run = add(f, 1, CHANGE_APPLYING);

        skip_where_it_ends();
        run->intent_seq = 9;
        invariants_step(run, STEP_APPLY);
        assert_said("a write before its intent");
        run->intent_seq = 0;
        run->change.number = 0;
        invariants_step(run, STEP_APPLY);
        assert_said("a write before its intent");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, fixture_end)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(a_state_that_does_not_follow_is_said),
                TEST(a_write_without_an_intent_is_said),
                TEST(two_open_changes_of_one_container_are_said),
                TEST(an_approval_that_is_used_twice_is_said),
                TEST(a_probation_that_ends_well_unwatched_or_unproven_is_said),
                TEST(a_step_in_another_cgroup_is_said),
                TEST(two_rollbacks_at_once_are_said),
                TEST(a_write_before_its_intent_is_on_the_disk_is_said),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
