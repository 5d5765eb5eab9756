/* SPDX-License-Identifier: Apache-2.0 */
/* What dtgovd's socket shows, and to whom it lets decide. */
#include "tests/unit/api_fixture.h"

#include <fcntl.h>
#include <sys/stat.h>

/* --- who may decide --- */

static void whoever_is_neither_root_nor_an_administrator_decides_nothing(void **state) {
        struct api *a = *state;

        peer_uid = 12345;
        dial(a);
        (void)call(a, "Pause", "");
        assert_true(says(a, "org.dtgov.Control.NotAuthorized"));
        assert_false(a->c->paused);
        a->c->admin_gid = getegid() + 1;
        (void)call(a, "Pause", "");
        assert_true(says(a, "org.dtgov.Control.NotAuthorized"));
        (void)call(a, "ListContainers", "");
        assert_true(says(a, "'id':'c1'")); /* reading is for all */
}

static void the_group_of_administrators_decides(void **state) {
        struct api *a = *state;

        peer_uid = 12345;
        a->c->admin_gid = getegid();
        dial(a);
        (void)call(a, "Pause", "");
        assert_true(says(a, "'paused':true"));
}

static void a_caller_in_a_governed_container_decides_nothing(void **state) {
        struct api *a = *state;

        assert_int_equal(
                        proc_cgroup(a->c->proc_fd, getpid(), a->f->container->container.cgroup), 0);
        (void)call(a, "Pause", "");
        assert_true(says(a, "org.dtgov.Control.NotAuthorized"));
        assert_true(says(a, "from inside a governed container"));
}

static void a_caller_of_whom_nothing_is_known_decides_nothing(void **state) {
        struct api *a = *state;
        int proc_fd = a->c->proc_fd;

        a->c->proc_fd = a->c->journal_fd; /* where there is no such process */
        (void)call(a, "Pause", "");
        a->c->proc_fd = proc_fd;
        assert_true(says(a, "the caller has ended"));
}

/* --- lists --- */

static void a_container_is_listed_with_who_owns_its_limits(void **state) {
        struct api *a = *state;

        (void)call(a, "ListContainers", "");
        assert_true(says(a, "'cgroup':'/docker/c1'"));
        assert_true(says(a, "'owner':'plain'"));
        assert_true(says(a, "'observedOnly':false"));
        a->f->container->flags |= CONTAINER_OWNED_BY_SYSTEMD;
        (void)call(a, "ListContainers", "");
        assert_true(says(a, "'owner':'systemd','unit':'c1'"));
}

static void a_container_that_is_only_observed_says_why(void **state) {
        struct api *a = *state;

        a->f->container->flags |= CONTAINER_OBSERVED_ONLY;
        (void)strcpy(a->f->container->container.cgroup, "/kubepods/pod1/c1");
        (void)call(a, "ListContainers", "");
        assert_true(says(a, "'observedOnly':true,'reason':'"));
        a->f->container->protected_ = true;
        (void)call(a, "ListContainers", "");
        assert_true(says(a, "'reason':'dtgov does not touch this cgroup'"));
}

static void proposals_that_are_over_are_listed_when_asked_for(void **state) {
        struct api *a = *state;
        struct proposal p = fixture_wish(a->f, KNOB_PIDS_MAX, 200);
        struct guard_answer answer;

        p.rule = RULE_PIDS_LIMIT;
        p.finding = 12;
        p.expected_usec_per_min = 77;
        assert_int_equal(proposals_submit(a->c, a->f->container, &p, false, &answer), 0);
        (void)call(a, "ListProposals", "");
        assert_true(says(a, "'expectedUsecPerMin':77,'finding':'F12'"));
        proposals_end(a->c, proposals_find(&a->c->proposals, p.number), HELD_REJECTED, "too much");
        (void)call(a, "ListProposals", "");
        assert_true(says(a, "'proposals':[]"));
        (void)call(a, "ListProposals", "'all':true");
        assert_true(says(a, "'text':'too much'"));
}

static void changes_are_listed_by_container(void **state) {
        struct api *a = *state;
        struct run *run = fixture_apply(a->f, KNOB_PIDS_MAX, 200, /* end= */ false);

        run->environment = strdup("shop/web");
        run->template = strdup("node:20");
        run->change.owner = OWNER_SYSTEMD;
        run->change.effect.before_usec_per_min = 5000;
        (void)call(a, "ListChanges", "");
        assert_true(says(a, "'environment':'shop/web','template':'node:20'"));
        assert_true(says(a, "'beforeUsecPerMin':5000"));
        assert_false(says(a, "afterUsecPerMin")); /* which is not known yet */
        (void)call(a, "ListChanges", "'containerId':'c1'");
        assert_true(says(a, "'id':'C1'"));
        (void)call(a, "ListChanges", "'containerId':'c2'");
        assert_true(says(a, "'changes':[]"));
}

static void an_approval_without_a_number_is_no_change_yet(void **state) {
        struct api *a = *state;
        struct proposal p = fixture_wish(a->f, KNOB_PIDS_MAX, 200);

        assert_int_equal(engine_begin(a->c, &p, 0, 0, NULL), 0);
        a->c->engine.runs->change.number = 0;
        ask(a, "ListChanges", "");
        assert_non_null(hear(a));
        assert_true(says(a, "'changes':["));
        assert_false(says(a, "'id':'C0'"));
}

static void a_step_on_the_way_down_is_shown(void **state) {
        struct api *a = *state;
        struct run *run = fixture_apply(a->f, KNOB_PIDS_MAX, 200, /* end= */ false);

        run->change.step_mask = 1;
        run->change.step[0].amount = 150;
        (void)call(a, "ListChanges", "");
        assert_true(says(a, "'old':'100','new':'200','step':'150'"));
}

/* --- health --- */

static void health_of_a_whole_dtgovd_has_few_notes(void **state) {
        struct api *a = *state;

        a->c->sandboxed = true;
        a->c->admin_gid = getegid();
        (void)call(a, "Health", "");
        assert_true(says(a, "'observer':'present','journal':'ok'"));
        assert_true(says(a, "'sandbox':'on'"));
        assert_true(says(a, "'containers':1"));
        assert_true(says(a, "'mayDecide':true"));
        assert_false(says(a, "sandbox (allow_unsandboxed)"));
}

static void health_names_what_is_missing(void **state) {
        static const char *const notes[] = { "paused: nothing is applied", "observer absent",
                "pressure (PSI) is off", "without its sandbox",
                "LimitNOFILE=", "nobody listens at identify.sock",
                "there is no group dtgov-admin" };
        struct api *a = *state;

        a->c->paused = true;
        a->c->psi_available = false;
        a->c->containers.no_room = true;
        a->c->identifier.absent_ns = 1;
        a->c->link.hello = false;
        (void)call(a, "Health", "");
        for (size_t i = 0; i < ARRAY_LEN(notes); i++)
                assert_non_null(strstr(a->reply, notes[i]));
        assert_true(says(a, "'observer':'silent'"));
        (void)close(take_fd(&a->c->link.fd));
        (void)call(a, "Health", "");
        assert_true(says(a, "'observer':'absent'"));
}

static void health_says_what_is_wrong_with_the_journal(void **state) {
        struct api *a = *state;
        struct journal *good = a->c->journal, *torn = NULL;
        struct error err = { "" };
        char path[128];
        int fd;

        (void)snprintf(path, sizeof(path), "%s/torn", a->f->dir);
        assert_int_equal(mkdir(path, 0700), 0);
        (void)strcat(path, "/0000000000000001.seg");
        fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        assert_int_equal(pwrite(fd, "torn", 4, 0), 4);
        assert_int_equal(ftruncate(fd, JOURNAL_SEGMENT_SIZE), 0);
        (void)close(fd);
        *strrchr(path, '/') = '\0';
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_int_equal(journal_open(fd, a->c->host.boot_id, &torn, &err), 0);
        a->c->journal = torn;
        (void)call(a, "Health", "");
        a->c->journal = good;
        journal_close(torn);
        (void)close(fd);
        assert_true(says(a, "'journal':'repaired'"));
        assert_true(says(a, "dropped incomplete record 1"));
}

/* --- pausing, and whom dtgov trusts --- */

static void a_pause_ends_with_a_word(void **state) {
        struct api *a = *state;

        (void)call(a, "Pause", "");
        assert_true(says(a, "'paused':true}"));
        (void)call(a, "Resume", "");
        assert_true(says(a, "'paused':false}"));
        assert_false(a->c->paused);
}

static void a_pause_that_cannot_be_kept_is_said(void **state) {
        struct api *a = *state;
        int journal_fd = a->c->journal_fd;

        a->c->journal_fd = -1;
        (void)call(a, "Pause", "");
        a->c->journal_fd = journal_fd;
        assert_true(says(a, "'paused':true"));
        assert_true(says(a, "only until dtgovd ends"));
}

/* A rule's change that was taken back because it did harm. */
static void add_failure(struct api *a, unsigned n) {
        struct run *run = fixture_apply(a->f, KNOB_PIDS_MAX, 200 + n, /* end= */ false);

        run->change.rule = RULE_PIDS_LIMIT;
        (void)engine_undo(a->c, run, REASON_OOM_KILL, NULL);
        fixture_until(a->f, run, CHANGE_ROLLED_BACK);
}

static void a_rule_is_trusted_again_when_a_person_says_so(void **state) {
        struct api *a = *state;

        (void)call(a, "ListRules", "");
        assert_true(says(a, "'id':'pids-limit','title':'number of tasks near its limit',"
                            "'trusted':true"));
        assert_false(says(a, "'id':'set'")); /* people need no trust */
        for (unsigned i = 0; i < 3; i++)
                add_failure(a, i);
        (void)call(a, "ListRules", "");
        assert_true(says(a, "'title':'number of tasks near its limit','trusted':false"));
        (void)call(a, "Trust", "'id':'pids-limit'");
        assert_true(says(a, "'rule':{'id':'pids-limit'"));
        assert_true(says(a, "'trusted':true"));
        (void)call(a, "Trust", "'id':'pids-limit'"); /* and once more, for nothing */
        assert_true(says(a, "'trusted':true"));
}

static void times_of_another_boot_are_not_of_this_clock(void **state) {
        struct api *a = *state;

        for (unsigned i = 0; i < 3; i++)
                add_failure(a, i);
        a->c->engine.runs->boot[0] = 1;
        assert_true(engine_trusts(a->c, RULE_PIDS_LIMIT));
}

static void no_such_rule_can_be_trusted(void **state) {
        static const char *const rules_none[] = { "", "'id':'set'", "'id':'pids'" };
        struct api *a = *state;

        for (size_t i = 0; i < ARRAY_LEN(rules_none); i++) {
                (void)call(a, "Trust", rules_none[i]);
                assert_true(says(a, "org.dtgov.Control.NotFound"));
        }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(whoever_is_neither_root_nor_an_administrator_decides_nothing),
                TEST(the_group_of_administrators_decides),
                TEST(a_caller_in_a_governed_container_decides_nothing),
                TEST(a_caller_of_whom_nothing_is_known_decides_nothing),
                TEST(a_container_is_listed_with_who_owns_its_limits),
                TEST(a_container_that_is_only_observed_says_why),
                TEST(proposals_that_are_over_are_listed_when_asked_for),
                TEST(changes_are_listed_by_container),
                TEST(an_approval_without_a_number_is_no_change_yet),
                TEST(a_step_on_the_way_down_is_shown),
                TEST(health_of_a_whole_dtgovd_has_few_notes),
                TEST(health_names_what_is_missing),
                TEST(health_says_what_is_wrong_with_the_journal),
                TEST(a_pause_ends_with_a_word),
                TEST(a_pause_that_cannot_be_kept_is_said),
                TEST(a_rule_is_trusted_again_when_a_person_says_so),
                TEST(times_of_another_boot_are_not_of_this_clock),
                TEST(no_such_rule_can_be_trusted),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
