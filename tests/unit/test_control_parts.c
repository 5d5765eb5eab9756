/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/control/setup.h"
#include "governor/control/steps.h"
#include "tests/unit/control_fixture.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cmocka.h>

static void a_digest_is_of_the_whole_proposal(void **state) {
        struct fixture *f = *state;
        struct proposal p = fixture_wish(f, KNOB_PIDS_MAX, 200);
        char a[DIGEST_TEXT_SIZE], b[DIGEST_TEXT_SIZE];

        proposals_digest(&f->control.proposals, &p, a);
        p.changes[0].new.amount++;
        proposals_digest(&f->control.proposals, &p, b);
        assert_int_equal(strlen(a), 16);
        assert_string_not_equal(a, b);
}

static void proposals_expire_and_go_stale(void **state) {
        struct fixture *f = *state;
        struct proposal p = fixture_wish(f, KNOB_PIDS_MAX, 200);
        struct guard_answer answer;
        struct held *first, *second;

        assert_int_equal(proposals_submit(&f->control, f->container, &p, false, &answer), 0);
        assert_int_equal(answer.verdict, GUARD_ASK);
        first = proposals_find(&f->control.proposals, p.number);
        assert_int_equal(proposals_submit(&f->control, f->container, &p, false, &answer), 0);
        second = proposals_find(&f->control.proposals, p.number);
        assert_ptr_not_equal(first, second);

        first->proposal.expires_boottime_ns = 1;
        proposals_refresh(&f->control);
        assert_int_equal(first->state, HELD_EXPIRED);
        assert_int_equal(second->state, HELD_PENDING);
        fixture_write(f, "pids.max", "150");
        proposals_refresh(&f->control);
        assert_int_equal(second->state, HELD_STALE);
}

/* Another container, c2, that uses 1 MiB of what it may. */
static void add_neighbour(struct fixture *f, const char *memory_max) {
        struct container x = { .id = "c2", .runtime = "runc", .cgroup = "/docker/c2" };
        char path[128];
        struct stat st;

        (void)snprintf(path, sizeof(path), "%s/cg/docker/c2", f->dir);
        assert_int_equal(mkdir(path, 0700), 0);
        assert_int_equal(stat(path, &st), 0);
        x.cgroup_inode = st.st_ino;
        fixture_write(f, "../c2/memory.current", "1048576");
        fixture_write(f, "../c2/memory.max", memory_max);
        fixture_write(f, "../c2/cgroup.events", "populated 1\nfrozen 0\n");
        assert_int_equal(registry_put(f->control.containers_fd, &x), 0);
        containers_scan(&f->control);
        assert_non_null(container_find(&f->control, "c2", 0));
}

static void a_container_without_a_limit_is_promised_what_it_uses(void **state) {
        struct fixture *f = *state;
        struct proposal p = fixture_wish(f, KNOB_MEMORY_HIGH, 600 * MIB);
        struct guard_answer answer;

        add_neighbour(f, "max");
        assert_int_equal(proposals_submit(&f->control, f->container, &p, true, &answer), 0);
        assert_int_equal(answer.verdict, GUARD_ASK);
        assert_null(strstr(answer.text, "together"));
        fixture_write(f, "../c2/memory.max", "1125899906842624");
        assert_int_equal(proposals_submit(&f->control, f->container, &p, true, &answer), 0);
        assert_non_null(strstr(answer.text, "all containers together may then use"));
}

static void a_rule_replaces_its_own_proposal(void **state) {
        struct fixture *f = *state;
        struct proposal p = fixture_wish(f, KNOB_PIDS_MAX, 200);
        struct guard_answer answer;
        struct held *first;

        p.rule = RULE_PIDS_LIMIT;
        assert_int_equal(proposals_submit(&f->control, f->container, &p, false, &answer), 0);
        assert_int_equal(answer.verdict, GUARD_ASK);
        first = proposals_find(&f->control.proposals, p.number);
        assert_int_equal(proposals_submit(&f->control, f->container, &p, false, &answer), 0);
        assert_int_equal(first->state, HELD_STALE);
        assert_non_null(strstr(first->text, "replaced by P"));
}

/* The state in which the observer was told of a proposal, the last it was told; -1: of none. */
static int told_state(struct fixture *f, uint64_t proposal) {
        union link_message message;
        size_t fds_count;
        int state = -1, r;

        for (int i = 0; i < 5; i++)
                (void)sd_event_run(f->control.event, 10 * USEC_PER_MSEC);
        while ((r = link_receive(f->observer_fd, &message, NULL, 0, &fds_count)) != -EAGAIN)
                if (r > 0 && message.head.type == LINK_CHANGE &&
                                message.change.change.proposal == proposal)
                        state = (int)message.change.change.state;
        return state;
}

static void the_observer_hears_of_what_became_of_its_proposals(void **state) {
        struct fixture *f = *state;
        struct proposal p = fixture_wish(f, KNOB_PIDS_MAX, 200);
        struct guard_answer answer;

        p.rule = RULE_PIDS_LIMIT;
        assert_int_equal(proposals_submit(&f->control, f->container, &p, false, &answer), 0);
        proposals_end(&f->control, proposals_find(&f->control.proposals, p.number), HELD_REJECTED,
                        "no");
        assert_int_equal(told_state(f, p.number), CHANGE_REJECTED);
        assert_int_equal(proposals_submit(&f->control, f->container, &p, false, &answer), 0);
        proposals_find(&f->control.proposals, p.number)->proposal.expires_boottime_ns = 1;
        proposals_refresh(&f->control);
        assert_int_equal(told_state(f, p.number), CHANGE_EXPIRED);
}

/* Its hook's paths and pids are those of the container. */
static void what_an_engine_in_a_container_tells_counts_below_its_cgroup(void **state) {
        struct fixture *f = *state;
        struct control *c = &f->control;
        struct container x = { .id = "inner", .pid = 1, .cgroup = "/inner" };
        struct managed *m;
        struct proc_stat self;
        char text[32];
        struct stat st;

        assert_int_equal(mkdirat(f->container->dir_fd, "inner", 0700), 0);
        fixture_write(f, "inner/cgroup.events", "populated 1\n");
        (void)snprintf(text, sizeof(text), "%d\n", (int)getpid());
        fixture_write(f, "inner/cgroup.procs", text);
        assert_int_equal(fstatat(f->container->dir_fd, "inner", &st, 0), 0);
        x.cgroup_inode = st.st_ino;
        assert_int_equal(proc_stat(c->proc_fd, getpid(), &self), 0);
        x.starttime_ticks = self.starttime_ticks;

        (void)strcpy(c->config.registries[0].name, "runner");
        (void)strcpy(c->config.registries[0].below, "/docker/other");
        c->config.registries_count = 1;
        assert_int_equal(registries_open(c, f->dir, NULL), 0);
        assert_int_equal(registry_put(c->registries.fd[0], &x), 0);
        containers_scan(c);
        assert_null(container_find(c, "inner", 0));

        (void)strcpy(c->config.registries[0].below, "/docker/c1");
        assert_int_equal(registry_put(c->registries.fd[0], &x), 0);
        containers_scan(c);
        m = container_find(c, "inner", 0);
        assert_non_null(m);
        assert_string_equal(m->container.cgroup, "/docker/c1/inner");
        assert_int_equal(m->container.pid, getpid());
        assert_false(m->flags & CONTAINER_ADOPTED);
        assert_int_equal(c->containers.count, 2);
        (void)close(c->registries.fd[0]);
}

static void a_registry_file_must_tell_the_truth(void **state) {
        struct fixture *f = *state;
        struct container x = f->container->container;
        struct error err = { "" };
        int fd = -1;

        assert_int_equal(container_check(&f->control, &x, &fd, &err), 1);
        (void)close(fd);
        x.cgroup_inode++;
        assert_int_equal(container_check(&f->control, &x, &fd, &err), 0);
        (void)strcpy(x.cgroup, "/docker/none");
        assert_int_equal(container_check(&f->control, &x, &fd, &err), 0);
        (void)strcpy(x.cgroup, "/docker/../..");
        assert_true(container_check(&f->control, &x, &fd, &err) < 0);
}

/* The process that the hook saw, as /proc tells of it. */
static void a_hooks_process_tells_whether_its_container_is_there(void **state) {
        static const struct {
                const char *stat, *cgroup, *events;
                int answer;
        } rows[] = {
                { "S 1 1 1 0 0 0 0 0 0 0 0 0 0 0 0 0 1 0 42 0 5", "0::/docker/c1\n", "", 1 },
                { "S 1 1 1 0 0 0 0 0 0 0 0 0 0 0 0 0 1 0 42 0 5", "0::/docker/c1/init\n", "", 1 },
                { "S 1 1 1 0 0 0 0 0 0 0 0 0 0 0 0 0 1 0 42 0 5", "0::/docker/c10\n", "", -ESTALE },
                { "S 1 1 1 0 0 0 0 0 0 0 0 0 0 0 0 0 1 0 42 0 5", "0::/docker\n", "", -ESTALE },
                { "S 1 1 1 0 0 0 0 0 0 0 0 0 0 0 0 0 1 0 42 0 5", "", "populated 0\n", 0 },
                { "S 1 1 1 0 0 0 0 0 0 0 0 0 0 0 0 0 1 0 43 0 5", "", "populated 0\n", 0 },
                { "Z 1 1 1 0 0 0 0 0 0 0 0 0 0 0 0 0 1 0 42 0 5", "0::/x\n", "populated 1\n", 1 },
                { "Z 1 1 1 0 0 0 0 0 0 0 0 0 0 0 0 0 1 0 42 0 5", "0::/x\n", NULL, 0 },
        };
        struct fixture *f = *state;
        struct container x = f->container->container;
        int proc_fd = f->control.proc_fd;

        x.pid = 77;
        x.starttime_ticks = 42;
        assert_int_equal(mkdirat(f->container->dir_fd, "../../../77", 0700), 0);
        f->control.proc_fd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct error err = { "" };
                char text[128];
                int fd = -1;

                (void)snprintf(text, sizeof(text), "77 (sh) %s\n", rows[i].stat);
                fixture_write(f, "../../../77/stat", text);
                fixture_write(f, "../../../77/cgroup", rows[i].cgroup);
                if (rows[i].events)
                        fixture_write(f, "cgroup.events", rows[i].events);
                else
                        fixture_remove(f, "cgroup.events");
                if (container_check(&f->control, &x, &fd, &err) != rows[i].answer)
                        fail_msg("row %zu: %s", i, err.text);
                closep(&fd);
        }
        (void)close(f->control.proc_fd);
        f->control.proc_fd = proc_fd;
}

static void a_container_at_the_top_is_adopted(void **state) {
        struct fixture *f = *state;
        char name[128] = "../../docker-", file[160];
        size_t len = strlen(name);

        (void)memset(name + len, 'a', 64);
        (void)strcat(name, ".scope");
        assert_int_equal(mkdirat(f->container->dir_fd, name, 0700), 0);
        (void)snprintf(file, sizeof(file), "%s/cgroup.events", name);
        fixture_write(f, file, "populated 1\n");
        containers_scan(&f->control);
        assert_int_equal(f->control.containers.count, 2);
        name[len + 64] = '\0';
        assert_non_null(container_find(&f->control, name + len, 0));
        assert_null(container_find(&f->control, name + len, 1)); /* another inode */
}

static void an_inode_of_the_same_bucket_is_another_container(void **state) {
        struct fixture *f = *state;
        uint64_t inode = f->container->container.cgroup_inode;

        assert_ptr_equal(container_by_inode(&f->control, inode), f->container);
        assert_null(container_by_inode(&f->control, inode + CONTAINERS_BUCKETS));
}

static void an_empty_cgroup_is_no_container(void **state) {
        struct fixture *f = *state;
        struct error err = { "" };
        int fd = -1;

        fixture_write(f, "cgroup.events", "populated 0\nfrozen 0\n");
        assert_int_equal(container_check(&f->control, &f->container->container, &fd, &err), 0);
}

/* A container of plain runc with systemd in it, whose name tells no scan that it is one. */
static void what_runs_in_a_container_is_no_container_of_the_host(void **state) {
        struct fixture *f = *state;
        char name[128] = "docker-", events[160];

        (void)memset(name + strlen(name), 'a', 64);
        (void)strcat(name, ".scope");
        assert_int_equal(mkdirat(f->container->dir_fd, name, 0700), 0);
        (void)snprintf(events, sizeof(events), "%s/cgroup.events", name);
        fixture_write(f, events, "populated 1\n");
        containers_scan(&f->control);
        assert_int_equal(f->control.containers.count, 1);
}

/* The scan was between the making of the cgroup and the hook. */
static void the_hook_completes_what_a_scan_adopted(void **state) {
        struct fixture *f = *state;
        struct managed *m = f->container;
        char name[REGISTRY_NAME_SIZE];

        registry_name(&m->container, name);
        m->flags |= CONTAINER_ADOPTED;
        m->file[0] = m->container.runtime[0] = '\0';
        m->told = true;
        containers_scan(&f->control);
        assert_ptr_equal(container_by_inode(&f->control, m->container.cgroup_inode), m);
        assert_int_equal(f->control.containers.count, 1);
        assert_false(m->flags & CONTAINER_ADOPTED);
        assert_string_equal(m->file, name);
        assert_string_equal(m->container.runtime, "runc");

        m->flags |= CONTAINER_ADOPTED;
        (void)strcpy(m->container.id, "another");
        containers_scan(&f->control);
        assert_string_equal(m->container.id, "another");
        assert_int_equal(f->control.containers.count, 1);
}

/* Row 55 of the fault catalogue: descriptors are kept for people and rollbacks. */
static void with_few_descriptors_left_no_container_is_added(void **state) {
        struct fixture *f = *state;
        struct containers *t = &f->control.containers;
        struct container x = { .id = "c2", .runtime = "runc", .cgroup = "/docker/c2" };
        struct rlimit files, few;
        struct stat st;
        char path[256];
        FILE *stream;

        (void)snprintf(path, sizeof(path), "%s/cg/docker/c2", f->dir);
        assert_int_equal(mkdir(path, 0700), 0);
        assert_int_equal(stat(path, &st), 0);
        x.cgroup_inode = st.st_ino;
        (void)snprintf(path, sizeof(path), "%s/cg/docker/c2/cgroup.events", f->dir);
        stream = fopen(path, "we");
        assert_non_null(stream);
        (void)fputs("populated 1\n", stream);
        (void)fclose(stream);
        assert_int_equal(registry_put(f->control.containers_fd, &x), 0);

        assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
        few = files;
        few.rlim_cur = CONTAINERS_FDS_KEPT;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
        containers_scan(&f->control);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
        assert_int_equal(t->count, 1);
        assert_true(t->no_room);
        assert_true(t->unsure); /* it is tried again soon */

        containers_scan(&f->control);
        assert_int_equal(t->count, 2);
        assert_false(t->no_room);
}

/* Row 41 of the fault catalogue. */
static void a_directory_that_is_a_link_is_refused_with_what_mends_it(void **state) {
        static const char *const places[] = { "state", "state/journal", "run", "run/containers" };
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(places); i++) {
                char base[80], run[96], states[96], path[128];
                const struct options o = { .run_dir = run, .state_dir = states };
                struct setup s = { .observer_uid = geteuid(), .observer_gid = getegid() };
                struct control c = { .containers_fd = -1, .journal_fd = -1 };
                struct error err = { "" };

                (void)snprintf(base, sizeof(base), "%s/%zu", f->dir, i);
                (void)snprintf(run, sizeof(run), "%s/run", base);
                (void)snprintf(states, sizeof(states), "%s/state", base);
                (void)snprintf(path, sizeof(path), "%s/%s", base, places[i]);
                assert_int_equal(mkdir(base, 0755), 0);
                if (strchr(places[i], '/'))
                        assert_int_equal(mkdir(strncmp(places[i], "run", 3) == 0 ? run : states,
                                                         0755),
                                        0);
                assert_int_equal(symlink(f->dir, path), 0);
                assert_int_equal(setup_directories(&c, &o, &s, &err), -EPERM);
                assert_non_null(strstr(err.text, "E_UNSAFE_PATH"));
                assert_non_null(strstr(err.text, path));
                assert_non_null(strstr(err.text, "rm "));
                closep(&c.containers_fd);
                closep(&c.journal_fd);
        }
}

static void a_step_that_was_written_goes_back_even_where_nothing_is_to_be_kept_any_more(
                void **state) {
        struct fixture *f = *state;
        struct change_job j = { .step = STEP_UNDO,
                .container = f->container,
                .change = { .changes_count = 1,
                                .changes = { { .knob = KNOB_MEMORY_MAX,
                                                .old = { 536870912, 0 },
                                                .new = { 838860800, 0 } } },
                                .kept = { { 629145600, 0 } } } };

        fixture_write(f, "memory.max", "629145600");
        assert_int_equal(change_job_work(&j.job), 0);
        assert_false(j.conflict[0]);
        assert_string_equal(fixture_read(f, "memory.max"), "536870912");
}

/* @kept: what was journaled before; 0: nothing */
static struct change_job undo_of_memory(struct fixture *f, uint64_t kept) {
        struct change_job j = { .step = STEP_UNDO,
                .container = f->container,
                .change = { .changes_count = 1,
                                .changes = { { .knob = KNOB_MEMORY_MAX,
                                                .old = { 536870912, 0 },
                                                .new = { 838860800, 0 } } } } };

        j.change.kept[0].amount = kept;
        j.change.kept_mask = kept != 0;
        return j;
}

static void what_use_needs_whole_is_kept_whole(void **state) {
        struct fixture *f = *state;
        struct change_job j = undo_of_memory(f, 0);

        fixture_write(f, "memory.max", "838860800");
        fixture_write(f, "memory.current", "830000000");
        assert_int_equal(change_job_work(&j.job), 0);
        assert_int_equal(j.change.kept_mask, 1);
        assert_int_equal(j.change.kept[0].amount, 838860800);
        assert_string_equal(fixture_read(f, "memory.max"), "838860800");
}

static void what_is_kept_is_journaled_first_and_again_when_use_has_outgrown_it(void **state) {
        static const uint64_t journaled[] = { 0, 629145600, 734003200 };
        struct fixture *f = *state;

        fixture_write(f, "memory.max", "838860800");
        fixture_write(f, "memory.current", "600000000");
        for (size_t i = 0; i < ARRAY_LEN(journaled); i++) {
                struct change_job j = undo_of_memory(f, journaled[i]);
                bool enough = journaled[i] == 734003200;

                assert_int_equal(change_job_work(&j.job), enough ? 0 : UNDO_KEEP_FIRST);
                if (!enough)
                        assert_true(j.keep.amount > 600000000 && j.keep.amount < 734003200);
                assert_string_equal(
                                fixture_read(f, "memory.max"), enough ? "734003200" : "838860800");
        }
}

/* What the owner changed besides goes back where nobody wrote it since. */
static void another_file_that_somebody_wrote_since_stays(void **state) {
        static const struct {
                const char *now, *after;
        } rows[] = { { "943718400", "536870912" }, { "629145600", "629145600" } };
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                char text[2][16] = { "536870912", "943718400" };
                struct limits before = { .text[KNOB_MEMORY_HIGH] = text[0] };
                struct limits after = { .text[KNOB_MEMORY_HIGH] = text[1] };
                struct change_job j = undo_of_memory(f, 0);

                j.before = &before;
                j.after = &after;
                /* Of cpu.max there is no text, and io.max is not one value. */
                j.others = 1ULL << KNOB_MEMORY_HIGH | 1ULL << KNOB_CPU_MAX | 1ULL << KNOB_IO_MAX;
                fixture_write(f, "memory.max", "536870912");
                fixture_write(f, "memory.high", rows[i].now);
                assert_int_equal(change_job_work(&j.job), 0);
                assert_string_equal(fixture_read(f, "memory.high"), rows[i].after);
                fixture_remove(f, "memory.high");
                assert_int_equal(change_job_work(&j.job), -ENOENT);
                assert_non_null(strstr(j.error.text, "memory.high: the old value"));
        }
}

/* By a message to PID 1 that was sent before the undo. */
static void a_new_value_that_came_again_is_taken_back_again(void **state) {
        struct fixture *f = *state;
        struct run *run = fixture_apply(f, KNOB_PIDS_MAX, 200, /* end= */ false);
        struct change_job j = { .step = STEP_TELL };

        assert_int_equal(undo_begin(&f->control, run, REASON_PERSON), STEP_UNDO);
        run->conflict = true;
        j.limits.text[KNOB_PIDS_MAX] = (char[]){ "200" };
        assert_int_equal(undo_told(&f->control, run, &j, 0), STEP_NONE);
        assert_int_equal(run->change.state, CHANGE_ROLLBACK_FAILED);
        assert_int_equal(undo_begin(&f->control, run, REASON_PERSON), STEP_UNDO);
        j.limits.text[KNOB_PIDS_MAX] = (char[]){ "300" };
        assert_int_equal(undo_told(&f->control, run, &j, 0), STEP_NONE);
        assert_int_equal(run->change.state, CHANGE_CONFLICT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_begin, fixture_end)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(a_digest_is_of_the_whole_proposal),
                TEST(proposals_expire_and_go_stale),
                TEST(the_observer_hears_of_what_became_of_its_proposals),
                TEST(a_container_without_a_limit_is_promised_what_it_uses),
                TEST(a_rule_replaces_its_own_proposal),
                TEST(what_an_engine_in_a_container_tells_counts_below_its_cgroup),
                TEST(a_registry_file_must_tell_the_truth),
                TEST(a_hooks_process_tells_whether_its_container_is_there),
                TEST(a_container_at_the_top_is_adopted),
                TEST(an_inode_of_the_same_bucket_is_another_container),
                TEST(an_empty_cgroup_is_no_container),
                TEST(what_runs_in_a_container_is_no_container_of_the_host),
                TEST(the_hook_completes_what_a_scan_adopted),
                TEST(with_few_descriptors_left_no_container_is_added),
                TEST(a_directory_that_is_a_link_is_refused_with_what_mends_it),
                TEST(a_step_that_was_written_goes_back_even_where_nothing_is_to_be_kept_any_more),
                TEST(what_use_needs_whole_is_kept_whole),
                TEST(what_is_kept_is_journaled_first_and_again_when_use_has_outgrown_it),
                TEST(another_file_that_somebody_wrote_since_stays),
                TEST(a_new_value_that_came_again_is_taken_back_again),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
