/* SPDX-License-Identifier: Apache-2.0 */
/* What people decide at dtgovd's socket: proposing, approving, keeping, rejecting. */
#include "tests/unit/api_fixture.h"

#define PROPOSE "'containerId':'c1','assignments':'pids.max=200'"

/* Proposes @assignments; then approving what was shown, with @more. */
static void propose(struct api *a, const char *assignments) {
        char text[256];

        (void)snprintf(text, sizeof(text), "'containerId':'c1','assignments':'%s'", assignments);
        (void)call(a, "Propose", text);
        assert_true(says(a, "'proposal'"));
}

static void approve_begin(struct api *a, const char *assignments, const char *more) {
        char id[32], digest[32], text[256];

        propose(a, assignments);
        string_of(a, "id", id, sizeof(id));
        string_of(a, "digest", digest, sizeof(digest));
        (void)snprintf(text, sizeof(text), "'id':'%s','digest':'%s'%s", id, digest, more);
        ask(a, "Approve", text);
}

static void approve(struct api *a, const char *assignments, const char *more) {
        approve_begin(a, assignments, more);
        assert_non_null(hear(a));
}

/* The proposal that was made last. */
static struct held *last(struct api *a) {
        struct held *best = &a->c->proposals.held[0];

        for (size_t i = 0; i < PROPOSALS_MAX; i++)
                if (a->c->proposals.held[i].proposal.number > best->proposal.number)
                        best = &a->c->proposals.held[i];
        return best;
}

static void approve_again(struct api *a) {
        char digest[DIGEST_TEXT_SIZE], text[128];

        proposals_digest(&a->c->proposals, &last(a)->proposal, digest);
        (void)snprintf(text, sizeof(text), "'id':'P%llu','digest':'%s'",
                        (unsigned long long)last(a)->proposal.number, digest);
        (void)call(a, "Approve", text);
}

static void what_is_asked_for_is_shown_with_what_it_writes(void **state) {
        struct api *a = *state;

        (void)call(a, "Propose", PROPOSE);
        assert_true(says(a, "'id':'P1'"));
        assert_true(says(a, "'state':'pending'"));
        assert_true(says(a, "'file':'/docker/c1/pids.max','old':'100','new':'200'"));
        assert_string_equal(fixture_read(a->f, "pids.max"), FIXTURE_PIDS);
}

static void a_dry_run_of_a_wish_leaves_nothing_behind(void **state) {
        struct api *a = *state;

        (void)call(a, "Propose", PROPOSE ",'dryRun':true");
        assert_true(says(a, "'id':'P0'"));
        (void)call(a, "ListProposals", "'all':true");
        assert_true(says(a, "'proposals':[]"));
}

static void a_wish_needs_a_container_that_is_here(void **state) {
        static const char *const wishes[] = { "'assignments':'pids.max=200'",
                "'containerId':'c2','assignments':'pids.max=200'",
                "'containerId':'c1','cgroupInode':1,'assignments':'pids.max=200'" };
        struct api *a = *state;

        for (size_t i = 0; i < ARRAY_LEN(wishes); i++) {
                (void)call(a, "Propose", wishes[i]);
                assert_true(says(a, "org.dtgov.Control.NotFound"));
                assert_true(says(a, "dtgov ps"));
        }
}

static void a_wish_that_cannot_be_read_says_what_is_wrong_with_it(void **state) {
        static const struct {
                const char *assignments, *complaint;
        } rows[] = {
                { "pids.max", "want knob=value" },
                { "", "want knob=value" },
                { "pids=1", "'pids' is not a knob" },
                { "cpu.idle=1", "'cpu.idle' is not a knob" },
                { "pids.max=many", "pids.max" },
                { "memory.max=4G;memory.high=3G;memory.low=2G;memory.min=1G;memory.swap.max=1G;"
                  "cpu.max=2;cpu.weight=1;pids.max=9;pids.max=8",
                                "at most 8 knobs" },
        };
        struct api *a = *state;

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                char text[256];

                (void)snprintf(text, sizeof(text), "'containerId':'c1','assignments':'%s'",
                                rows[i].assignments);
                (void)call(a, "Propose", text);
                assert_true(says(a, "org.dtgov.Control.InvalidParameter"));
                assert_non_null(strstr(a->reply, rows[i].complaint));
        }
        (void)call(a, "Propose", "'containerId':'c1'");
        assert_true(says(a, "want knob=value"));
}

static void what_the_guard_refuses_is_answered_with_its_reason(void **state) {
        struct api *a = *state;

        (void)call(a, "Propose", "'containerId':'c1','assignments':'pids.max=100'");
        assert_true(says(a, "org.dtgov.Control.Refused"));
        assert_true(says(a, "'code':'E_NO_CHANGE'"));
}

static void a_parameter_of_another_type_is_named(void **state) {
        static const char *const methods[] = { "Propose", "Approve", "Keep", "Reject", "Rollback",
                "Trust", "Pause", "ListProposals", "ListChanges" };
        struct api *a = *state;

        for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
                (void)call(a, methods[i], "'all':7");
                assert_true(says(a, "org.dtgov.Control.InvalidParameter"));
                assert_true(says(a, "'parameter':'all'"));
        }
        assert_false(a->c->paused);
}

static void so_many_proposals_wait_and_no_more(void **state) {
        struct api *a = *state;

        for (size_t i = 0; i < PROPOSALS_MAX; i++) {
                struct held *h = &a->c->proposals.held[i];

                h->proposal = fixture_wish(a->f, KNOB_PIDS_MAX, 200);
                h->proposal.expires_boottime_ns = UINT64_MAX;
                h->state = HELD_PENDING;
        }
        (void)call(a, "Propose", PROPOSE);
        assert_true(says(a, "org.dtgov.Control.Busy"));
        a->c->proposals.held[9].state = HELD_REJECTED;
        a->c->proposals.held[7].state = HELD_REJECTED;
        (void)call(a, "Propose", PROPOSE);
        assert_true(says(a, "'id':'P1'"));
        assert_int_equal(a->c->proposals.held[7].proposal.number, 1); /* in place of the oldest */
}

static void an_approval_is_answered_when_the_change_is_in_force(void **state) {
        struct api *a = *state;

        approve(a, "pids.max=200", "");
        assert_true(says(a, "'change':{'id':'C1','proposal':'P1'"));
        assert_true(says(a, "'state':'probation'"));
        assert_true(says(a, "'file':'/docker/c1/pids.max'"));
        assert_string_equal(fixture_read(a->f, "pids.max"), "200");
        assert_int_equal(last(a)->state, HELD_APPROVED);
        assert_int_equal(last(a)->change, 1);
}

static void an_approval_may_wait_for_the_end_of_the_probation(void **state) {
        struct api *a = *state;

        a->c->probation_ns = NSEC_PER_SEC;
        approve(a, "pids.max=200", ",'wait':true");
        assert_true(says(a, "'state':'committed'"));
}

static void a_dry_run_of_an_approval_shows_the_writes_alone(void **state) {
        struct api *a = *state;

        approve(a, "pids.max=200", ",'dryRun':true");
        assert_true(says(a, "{'writes':[{'file':'/docker/c1/pids.max'"));
        assert_int_equal(last(a)->state, HELD_PENDING);
        assert_string_equal(fixture_read(a->f, "pids.max"), FIXTURE_PIDS);
}

static void an_approval_is_of_what_was_shown(void **state) {
        struct api *a = *state;

        propose(a, "pids.max=200");
        (void)call(a, "Approve", "'id':'P1'");
        assert_true(says(a, "org.dtgov.Control.Stale"));
        assert_true(says(a, "'code':'E_DIGEST'"));
        (void)call(a, "Approve", "'id':'P1','digest':'0000000000000000'");
        assert_true(says(a, "'code':'E_DIGEST'"));
        assert_int_equal(last(a)->state, HELD_PENDING);
}

static void an_approval_of_nothing_that_is_pending_is_not_found(void **state) {
        static const char *const ids[] = { "", "'id':'P7'", "'id':'C1'", "'id':'Px'" };
        struct api *a = *state;

        for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
                (void)call(a, "Approve", ids[i]);
                assert_true(says(a, "org.dtgov.Control.NotFound"));
        }
}

static void a_trial_lasts_a_day_at_most(void **state) {
        struct api *a = *state;

        approve(a, "pids.max=200", ",'trialSec':86401");
        assert_true(says(a, "'parameter':'trialSec'"));
        approve(a, "pids.max=200", ",'trialSec':86400");
        assert_true(says(a, "'trial':true"));
}

static void an_approval_that_comes_twice_is_answered_with_the_change(void **state) {
        struct api *a = *state;

        approve(a, "pids.max=200", "");
        approve_again(a);
        assert_true(says(a, "'change':{'id':'C1'"));
        assert_null(a->c->engine.runs->next);
}

static void an_approval_of_what_is_being_applied_says_so(void **state) {
        struct api *a = *state;

        propose(a, "pids.max=200");
        last(a)->state = HELD_APPROVED;
        approve_again(a);
        assert_true(says(a, "org.dtgov.Control.Busy"));
        last(a)->change = 99; /* it was forgotten since */
        approve_again(a);
        assert_true(says(a, "org.dtgov.Control.Busy"));
}

static void an_approval_of_what_is_over_says_why(void **state) {
        struct api *a = *state;

        propose(a, "pids.max=200");
        last(a)->proposal.expires_boottime_ns = 1;
        approve_again(a);
        assert_true(says(a, "'code':'E_EXPIRED'"));
        propose(a, "pids.max=201");
        fixture_write(a->f, "pids.max", "150");
        approve_again(a);
        assert_true(says(a, "'code':'E_STALE'"));
        assert_true(says(a, "a value changed since"));
        propose(a, "pids.max=202");
        (void)call(a, "Reject", "'id':'P3','reason':'not now'");
        assert_true(says(a, "'state':'rejected'"));
        approve_again(a);
        assert_true(says(a, "it was rejected"));
}

static void a_refusal_leaves_the_proposal_for_later(void **state) {
        struct api *a = *state;

        assert_int_equal(pause_set(a->c, true), 0);
        approve(a, "pids.max=200", "");
        assert_true(says(a, "'code':'E_PAUSED'"));
        assert_int_equal(last(a)->state, HELD_PENDING);
}

static void a_container_that_ended_meanwhile_makes_the_proposal_stale(void **state) {
        struct api *a = *state;

        approve_begin(a, "pids.max=200", "");
        a->f->container->container.id[1] = '2';
        assert_non_null(hear(a));
        a->f->container->container.id[1] = '1';
        assert_true(says(a, "'code':'E_REPLACED'"));
        assert_int_equal(last(a)->state, HELD_STALE);
}

/* A plain file keeps the end of a longer text, as a kernel would that rounds otherwise. */
static void a_value_that_the_kernel_did_not_take_fails_the_approval(void **state) {
        struct api *a = *state;

        fixture_write(a->f, "pids.max", "1000");
        approve(a, "pids.max=77", "");
        assert_true(says(a, "org.dtgov.Control.Failed"));
        assert_true(says(a, "'change':'C1'"));
        assert_true(says(a, "pids.max"));
}

static void who_hangs_up_gets_no_answer_and_the_change_goes_on(void **state) {
        struct api *a = *state;

        approve_begin(a, "pids.max=200", "");
        while (!a->c->engine.runs)
                turn(a);
        (void)close(take_fd(&a->fd));
        fixture_until(a->f, a->c->engine.runs, CHANGE_PROBATION);
        assert_int_equal(last(a)->change, 1);
}

static void a_change_that_is_held_is_kept_by_a_persons_word(void **state) {
        struct api *a = *state;

        approve(a, "pids.max=200", ",'trialSec':600");
        (void)call(a, "Keep", "'change':'C1'");
        assert_true(says(a, "'trial':false"));
        assert_true(says(a, "a person kept it"));
}

static void what_is_not_in_force_cannot_be_kept(void **state) {
        static const char *const none[] = { "", "'change':'C9'", "'change':'P1'", "'change':'C0'" };
        struct api *a = *state;

        for (size_t i = 0; i < ARRAY_LEN(none); i++) {
                (void)call(a, "Keep", none[i]);
                assert_true(says(a, "org.dtgov.Control.NotFound"));
        }
        approve(a, "pids.max=200", "");
        (void)engine_undo(a->c, a->c->engine.runs, REASON_PERSON, NULL);
        fixture_until(a->f, a->c->engine.runs, CHANGE_ROLLED_BACK);
        (void)call(a, "Keep", "'change':'C1'");
        assert_true(says(a, "not in force any more"));
}

static void a_rejection_may_come_twice_and_not_after_an_approval(void **state) {
        struct api *a = *state;

        propose(a, "pids.max=200");
        (void)call(a, "Reject", "'id':'P1'");
        assert_true(says(a, "'state':'rejected'"));
        (void)call(a, "Reject", "'id':'P1','reason':'really'");
        assert_true(says(a, "'text':'really'"));
        approve(a, "pids.max=200", "");
        (void)call(a, "Reject", "'id':'P2'");
        assert_true(says(a, "org.dtgov.Control.Stale"));
        a->c->proposals.held[1].state = HELD_STALE;
        (void)call(a, "Reject", "'id':'P2'");
        assert_true(says(a, "org.dtgov.Control.Stale"));
        (void)call(a, "Reject", "'id':'P8'");
        assert_true(says(a, "org.dtgov.Control.NotFound"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(what_is_asked_for_is_shown_with_what_it_writes),
                TEST(a_dry_run_of_a_wish_leaves_nothing_behind),
                TEST(a_wish_needs_a_container_that_is_here),
                TEST(a_wish_that_cannot_be_read_says_what_is_wrong_with_it),
                TEST(what_the_guard_refuses_is_answered_with_its_reason),
                TEST(a_parameter_of_another_type_is_named),
                TEST(so_many_proposals_wait_and_no_more),
                TEST(an_approval_is_answered_when_the_change_is_in_force),
                TEST(an_approval_may_wait_for_the_end_of_the_probation),
                TEST(a_dry_run_of_an_approval_shows_the_writes_alone),
                TEST(an_approval_is_of_what_was_shown),
                TEST(an_approval_of_nothing_that_is_pending_is_not_found),
                TEST(a_trial_lasts_a_day_at_most),
                TEST(an_approval_that_comes_twice_is_answered_with_the_change),
                TEST(an_approval_of_what_is_being_applied_says_so),
                TEST(an_approval_of_what_is_over_says_why),
                TEST(a_refusal_leaves_the_proposal_for_later),
                TEST(a_container_that_ended_meanwhile_makes_the_proposal_stale),
                TEST(a_value_that_the_kernel_did_not_take_fails_the_approval),
                TEST(who_hangs_up_gets_no_answer_and_the_change_goes_on),
                TEST(a_change_that_is_held_is_kept_by_a_persons_word),
                TEST(what_is_not_in_force_cannot_be_kept),
                TEST(a_rejection_may_come_twice_and_not_after_an_approval),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
