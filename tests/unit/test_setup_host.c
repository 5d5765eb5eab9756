/* SPDX-License-Identifier: Apache-2.0 */
/* dtgov setup of a Docker that runs. */
#include "tests/unit/host_fixture.h"

#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static void docker_is_set_up_checked_and_undone_byte_for_byte(void **state) {
        struct host *h = *state;

        assert_int_equal(host_setup(h, "docker", false), 0);
        assert_says(h, "+   \"default-runtime\": \"dtgov\" }");
        assert_file(h, BACKUP, OLD);
        assert_file(h, "state/default", "dtgov\n");
        assert_says(h, "checked: a container of busybox:latest ran");
        assert_file(h, "state/ran",
                        "--host unix:///var/run/docker.sock run --rm --pull never --network none "
                        "--entrypoint true sha256:1\n");
        assert_int_equal(host_setup(h, "docker", false), 0);
        assert_says(h, "nothing to do");

        assert_int_equal(host_setup(h, "docker", true), 0);
        assert_file(h, JSON, OLD);
        assert_file(h, "state/default", "runc\n");
        assert_false(host_has(h, BACKUP));
        assert_int_equal(host_setup(h, "docker", true), 0);
        assert_says(h, "nothing to undo");
}

static void a_file_that_was_not_there_goes_again(void **state) {
        struct host *h = *state;

        assert_int_equal(unlink(host_at(h, JSON)), 0);
        assert_int_equal(rmdir(host_at(h, "etc/docker")), 0);
        assert_int_equal(host_setup(h, "docker", false), 0);
        assert_false(host_has(h, BACKUP));
        assert_int_equal(host_setup(h, "docker", true), 0);
        assert_false(host_has(h, JSON));
        assert_file(h, "state/default", "runc\n");
        tree_write(&h->tree, JSON, "");
        assert_int_equal(host_setup(h, "docker", false), 0);
        assert_int_equal(host_setup(h, "docker", true), 0);
        assert_file(h, JSON, "");
}

static void the_entry_stays_while_containers_need_it(void **state) {
        struct host *h = *state;

        assert_int_equal(host_setup(h, "docker", false), 0);
        tree_write(&h->tree, "state/ids", "id1\nid2\nid3\n");
        tree_write(&h->tree, "state/inspect", "dtgov id1 /api\nrunc id2 /db\ndtgov id3 /web\n");
        assert_int_equal(host_setup(h, "docker", true), 0);
        assert_says(h, "2 containers were made by dtgov's runtime: api, web");
        assert_file(h, JSON,
                        "{\n   \"debug\" : true,\n   \"x\":1e5,\n   \"runtimes\": {\n      "
                        "\"dtgov\": "
                        "{\n         \"path\": \"/usr/bin/runc\"\n      }\n   },\n   "
                        "\"default-runtime\": \"runc\" }\n");
        assert_file(h, "state/default", "runc\n");
        assert_int_equal(host_setup(h, "docker", true), 0);
        assert_says(h, "nothing more to undo now");
        tree_write(&h->tree, "state/inspect", "runc id2 /db\n");
        assert_int_equal(host_setup(h, "docker", true), 0);
        assert_file(h, JSON, OLD);
        assert_false(host_has(h, BACKUP));
}

static void who_opts_in_gets_a_runtime_to_ask_for_and_undo_leaves_no_trace(void **state) {
        struct host *h = *state;

        h->s.opt_in = true;
        assert_int_equal(host_setup(h, "docker", false), 0);
        assert_says(h, "\"runArgs\": [\"--runtime=dtgov\"]");
        assert_says(h, "all that do not ask: the default stays runc");
        assert_says(h, "checked: a container of busybox:latest ran");
        assert_file(h, "state/ran",
                        "--host unix:///var/run/docker.sock run --rm --pull never --network none "
                        "--entrypoint true --runtime dtgov sha256:1\n");
        assert_file(h, "state/default", "runc\n");
        assert_int_equal(host_setup(h, "docker", false), 0);
        assert_says(h, "nothing to do");
        h->s.opt_in = false;
        assert_int_equal(host_setup(h, "docker", true), 0);
        assert_file(h, JSON, OLD);
        assert_false(host_has(h, BACKUP));
}

static void a_project_of_one_that_opted_in_keeps_the_entry(void **state) {
        struct host *h = *state;

        h->s.opt_in = true;
        assert_int_equal(host_setup(h, "docker", false), 0);
        h->s.opt_in = false;
        tree_write(&h->tree, "state/ids", "id1\n");
        tree_write(&h->tree, "state/inspect", "dtgov id1 /api\n");
        assert_int_equal(host_setup(h, "docker", true), 0);
        assert_says(h, "1 container was made by dtgov's runtime: api");
        assert_says(h, "+         \"path\": \"/usr/bin/runc\"");
        tree_write(&h->tree, "state/inspect", "runc id1 /api\n");
        assert_int_equal(host_setup(h, "docker", true), 0);
        assert_file(h, JSON, OLD);
}

static void an_engine_that_has_no_runtime_to_ask_for_is_as_it_was(void **state) {
        struct host *h = *state;

        h->s.opt_in = true;
        h->s.patience_ms = 200;
        tree_write(&h->tree, "state/deaf", "");
        assert_int_equal(host_setup(h, "docker", false), SETUP_TAKEN_BACK);
        assert_says(h, "still has no runtime 'dtgov'");
        assert_file(h, JSON, OLD);
}

static void only_docker_has_an_opt_in(void **state) {
        struct host *h = *state;

        h->s.opt_in = true;
        assert_int_equal(host_setup(h, "docker", true), -ENXIO);
        assert_int_equal(host_setup(h, "podman", false), -ENXIO);
        assert_says(h, "--opt-in: only \"setup docker\" takes it");
}

static void each_runtime_that_is_registered_has_its_own_and_leads_back_to_it(void **state) {
        static const char before[] = "{ \"runtimes\": {\n  \"sysbox-runc\": { \"path\": "
                                     "\"/usr/bin/sysbox-runc\" } } }\n";
        struct host *h = *state;

        host_write_program(h, "usr/bin/sysbox-runc", "");
        tree_write(&h->tree, JSON, before);
        assert_int_equal(host_setup(h, "docker", false), 0);
        assert_says(h, "each before its own: dtgov-sysbox-runc");
        tree_write(&h->tree, "state/ids", "id1\n");
        tree_write(&h->tree, "state/inspect", "dtgov-sysbox-runc id1 /box\n");
        assert_int_equal(host_setup(h, "docker", true), 0);
        assert_says(h, "1 container was made by dtgov's runtime: box");
        assert_says(h, "+    \"path\": \"/usr/bin/sysbox-runc\"");
        tree_write(&h->tree, "state/inspect", "runc id1 /box\n");
        assert_int_equal(host_setup(h, "docker", true), 0);
        assert_file(h, JSON, before);
}

/* As the wrapper, which would start nothing by it. */
static void a_runtime_conf_that_the_wrapper_would_not_take_is_refused(void **state) {
        struct host *h = *state;

        tree_write(&h->tree, "etc/dtgov/runtime.conf", "runtime runc\n");
        assert_int_equal(host_setup(h, "docker", false), -EINVAL);
        assert_says(h, "line 1 is none of");
        assert_says(h, "would start no container: mend it, or remove it");
        assert_file(h, JSON, OLD);
        tree_write(&h->tree, "etc/dtgov/runtime.conf", "runtime /opt/runc\nodd\n");
        assert_int_equal(host_setup(h, "docker", false), 0);
        assert_says(h, "line 2 is none of");
        assert_says(h, "then becomes /opt/runc");
}

static void what_others_added_since_stays(void **state) {
        struct host *h = *state;
        char text[4096];
        char *hole;

        assert_int_equal(host_setup(h, "docker", false), 0);
        assert_true(file_read_at(AT_FDCWD, host_at(h, JSON), text, sizeof(text)) > 0);
        hole = strstr(text, "true");
        assert_non_null(hole);
        memcpy(hole, "null", 4);
        tree_write(&h->tree, JSON, text);
        assert_int_equal(host_setup(h, "docker", true), 0);
        assert_file(h, JSON,
                        "{\n   \"debug\" : null,\n   \"x\":1e5,\n   \"default-runtime\": \"runc\" "
                        "}\n");
}

static void an_engine_that_does_not_run_is_set_up_and_said_to_be_unchecked(void **state) {
        struct host *h = *state;

        assert_int_equal(unlink(host_at(h, "run/docker.pid")), 0);
        assert_int_equal(host_setup(h, "docker", false), 0);
        assert_says(h, "nothing could be checked");
        assert_false(host_has(h, "state/hups"));
        assert_int_equal(host_setup(h, "docker", true), 0);
        assert_says(h, "is not known (Docker does not run)");
        assert_says(h, "\"default-runtime\": \"runc\"");
}

static void an_engine_that_does_not_take_it_is_as_it_was(void **state) {
        struct host *h = *state;

        h->s.patience_ms = 200;
        tree_write(&h->tree, "state/deaf", "");
        assert_int_equal(host_setup(h, "docker", false), SETUP_TAKEN_BACK);
        assert_says(h, "still has no default runtime 'dtgov'");
        assert_file(h, JSON, OLD);
}

static void a_container_that_no_longer_starts_takes_it_back(void **state) {
        struct host *h = *state;

        tree_write(&h->tree, "state/run", "125");
        assert_int_equal(host_setup(h, "docker", false), SETUP_TAKEN_BACK);
        assert_says(h, "runc: no");
        assert_file(h, JSON, OLD);
        tree_write(&h->tree, "state/run-former", "125");
        assert_int_equal(host_setup(h, "docker", false), 0);
        assert_says(h, "cannot run \"true\" by runc either");
}

/* The docker client ends so where what is missing, or may not be executed, is the runtime itself.
 */
static void a_runtime_that_cannot_be_executed_takes_it_back(void **state) {
        struct host *h = *state;

        tree_write(&h->tree, "state/run", "127");
        assert_int_equal(host_setup(h, "docker", false), SETUP_TAKEN_BACK);
        assert_file(h, JSON, OLD);
        tree_write(&h->tree, "state/run", "126");
        assert_int_equal(host_setup(h, "docker", false), SETUP_TAKEN_BACK);
        assert_file(h, JSON, OLD);
        tree_write(&h->tree, "state/run-former", "127"); /* an image without "true" */
        assert_int_equal(host_setup(h, "docker", false), 0);
        assert_says(h, "cannot run \"true\" by runc either");
}

static void without_an_image_or_a_client_it_says_what_was_not_checked(void **state) {
        struct host *h = *state;

        tree_write(&h->tree, "state/images", "");
        assert_int_equal(host_setup(h, "docker", false), 0);
        assert_says(h, "there is no image here");
        assert_int_equal(host_setup(h, "docker", true), 0);
        assert_int_equal(unlink(host_at(h, "usr/bin/docker")), 0);
        assert_int_equal(host_setup(h, "docker", false), 0);
        assert_says(h, "not checked: there is no docker client");
}

static void a_client_that_gets_no_answer_takes_it_back(void **state) {
        struct host *h = *state;

        h->s.patience_ms = 200;
        tree_write(&h->tree, "state/down", "");
        assert_int_equal(host_setup(h, "docker", false), SETUP_TAKEN_BACK);
        assert_says(h, "Cannot connect");
        assert_file(h, JSON, OLD);
}

static void nothing_is_written_in_a_dry_run_or_after_a_no(void **state) {
        struct host *h = *state;

        h->s.dry_run = true;
        assert_int_equal(host_setup(h, "docker", false), 0);
        assert_says(h, "+   \"default-runtime\": \"dtgov\" }");
        h->s.dry_run = false;
        h->answer = EXIT_CANCELLED;
        assert_int_equal(host_setup(h, "docker", false), EXIT_CANCELLED);
        assert_file(h, JSON, OLD);
        assert_false(host_has(h, BACKUP));
        assert_false(host_has(h, "state/hups"));
}

static void what_changed_while_a_person_thought_is_not_overwritten(void **state) {
        struct host *h = *state;

        h->meanwhile = "{ \"by\": \"hand\" }\n";
        assert_int_equal(host_setup(h, "docker", false), -ESTALE);
        assert_file(h, JSON, "{ \"by\": \"hand\" }\n");
}

static void bad_file_no_json(struct host *h) {
        tree_write(&h->tree, JSON, "version = 2\n");
}
static void bad_file_link(struct host *h) {
        assert_int_equal(rename(host_at(h, JSON), host_at(h, "etc/docker/other")), 0);
        assert_int_equal(symlink("other", host_at(h, JSON)), 0);
}
static void bad_file_read_only(struct host *h) {
        assert_int_equal(chmod(host_at(h, JSON), 0444), 0);
}
static void bad_file_writable(struct host *h) {
        assert_int_equal(chmod(host_at(h, JSON), 0664), 0);
}
static void bad_folder_writable(struct host *h) {
        assert_int_equal(chmod(host_at(h, "etc/docker"), 0777), 0);
}
static void bad_file_large(struct host *h) {
        assert_int_equal(truncate(host_at(h, JSON), CONF_MAX + 1), 0);
}
static void bad_file_nul(struct host *h) {
        assert_int_equal(truncate(host_at(h, JSON), sizeof(OLD) + 3), 0);
}
static void bad_file_vim(struct host *h) {
        tree_write(&h->tree, "etc/docker/.daemon.json.swp", "");
}
static void bad_file_emacs(struct host *h) {
        assert_int_equal(symlink("me@host.1", host_at(h, "etc/docker/.#daemon.json")), 0);
}
static void bad_file_fifo(struct host *h) {
        assert_int_equal(unlink(host_at(h, JSON)), 0);
        assert_int_equal(mkfifo(host_at(h, JSON), 0644), 0);
}
static void bad_no_runtime(struct host *h) {
        assert_int_equal(unlink(host_at(h, &DTGOV_LIBEXECDIR "/dtgov-runtime"[1])), 0);
}
static void bad_no_hook(struct host *h) {
        assert_int_equal(unlink(host_at(h, &DTGOV_LIBEXECDIR "/dtgov-hook"[1])), 0);
}
static void bad_not_installed(struct host *h) {
        assert_int_equal(unlink(host_at(h, "usr/sbin/dockerd")), 0);
        assert_int_equal(unlink(host_at(h, "run/docker.pid")), 0);
}
static void bad_twice(struct host *h) {
        host_write_program(h, "usr/bin/dockerd", "");
        assert_int_equal(unlink(host_at(h, "run/docker.pid")), 0);
}
static void bad_snap(struct host *h) {
        bad_not_installed(h);
        host_write_program(h, "snap/docker/current/bin/dockerd", "");
}
static void bad_old(struct host *h) {
        tree_write(&h->tree, "state/version", "19.03.15");
}
static void bad_picky(struct host *h) {
        tree_write(&h->tree, "state/picky", "");
}
static void bad_flag(struct host *h) {
        host_write_command_line(h, h->dockerd, "dockerd --default-runtime=crun");
}
static void bad_unit(struct host *h) {
        assert_int_equal(unlink(host_at(h, "run/docker.pid")), 0);
        tree_write(&h->tree, "etc/default/docker", "DOCKER_OPTS=--add-runtime=x=/x\n");
}

static void what_is_not_as_it_should_be_is_refused_with_what_to_do(void **state) {
        static const struct {
                void (*spoil)(struct host *h);
                int error;
                const char *says;
        } rows[] = {
                { bad_file_no_json, -EINVAL, "/etc/docker/daemon.json: not JSON" },
                { bad_file_link, -ELOOP, "is a symbolic link to other" },
                { bad_file_read_only, -EROFS, "sudo chmod u+w" },
                { bad_file_writable, -EPERM, "sudo chmod go-w" },
                { bad_folder_writable, -EPERM, "the folder of /etc/docker/daemon.json" },
                { bad_file_large, -EFBIG, "larger than 256 KiB" },
                { bad_file_nul, -EINVAL, "NUL byte" },
                { bad_file_vim, -EBUSY, ".daemon.json.swp" },
                { bad_file_emacs, -EBUSY, ".#daemon.json" },
                { bad_file_fifo, -EMEDIUMTYPE, "not a regular file" },
                { bad_no_runtime, -ENOENT, "dtgov-runtime is missing" },
                { bad_no_hook, -ENOENT, "dtgov-hook is missing" },
                { bad_not_installed, -ENOENT, "Docker is not installed here" },
                { bad_twice, -ENOTUNIQ, "/usr/bin/dockerd, /usr/sbin/dockerd" },
                { bad_snap, -ENOTSUP, "a snap" },
                { bad_old, -ENOTSUP, "Docker 19.03.15 is older than 20.10" },
                { bad_picky, -EINVAL, "bad key" },
                { bad_flag, -EEXIST, "started with --default-runtime" },
                { bad_unit, -EEXIST, "started with --add-runtime" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct host *h;

                (void)host_make_docker((void **)&h);
                rows[i].spoil(h);
                if (host_setup(h, "docker", false) != rows[i].error)
                        fail_msg("%s: %s", rows[i].says, h->err.text);
                assert_says(h, rows[i].says);
                assert_false(host_has(h, BACKUP));
                assert_false(host_has(h, "state/hups"));
                (void)host_drop((void **)&h);
        }
}

static void a_file_of_somebody_else_is_refused(void **state) {
        struct host *h = *state;

        if (geteuid() != 0) {
                print_message("only root can give a file away: make test runs this as root\n");
                skip();
        }
        assert_int_equal(chown(host_at(h, JSON), 65534, 65534), 0);
        assert_int_equal(host_setup(h, "docker", false), -EPERM);
        assert_says(h, "belongs to uid 65534");
}

static void of_two_that_are_installed_the_one_that_runs_counts(void **state) {
        struct host *h = *state;

        host_write_program(h, "usr/bin/dockerd", "exit 1");
        assert_int_equal(host_setup(h, "docker", false), 0);
        assert_says(h, "leaves out: the other Docker that is installed here: /usr/bin/dockerd");
}

static void the_file_that_the_command_line_names_counts(void **state) {
        struct host *h = *state;

        host_write_command_line(h, h->dockerd, "dockerd -D --config-file /etc/other.json --x");
        h->s.dry_run = true;
        assert_int_equal(host_setup(h, "docker", false), 0);
        assert_says(h, "+++ /etc/other.json");
}

static void mode_and_owner_stay(void **state) {
        struct host *h = *state;
        struct stat st;

        assert_int_equal(chmod(host_at(h, JSON), 0600), 0);
        assert_int_equal(host_setup(h, "docker", false), 0);
        assert_int_equal(stat(host_at(h, JSON), &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        assert_int_equal(stat(host_at(h, BACKUP), &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
}

static int set_up_docker(struct host *h, const char *option) {
        char text[16];

        (void)snprintf(text, sizeof(text), "%s", option);
        return host_command(h, (char[]){ "setup" }, (char[]){ "docker" }, option[0] ? text : NULL);
}

static void the_command_has_its_exit_statuses(void **state) {
        struct host *h = *state;

        assert_int_equal(set_up_docker(h, ""), EXIT_USAGE); /* off a terminal */
        assert_file(h, JSON, OLD);
        assert_int_equal(host_command(h, (char[]){ "setup" }, (char[]){ "lxc" }, NULL), EXIT_USAGE);
        assert_int_equal(
                        host_command(h, (char[]){ "setup" }, (char[]){ "crio" }, NULL), EXIT_ERROR);
        assert_int_equal(set_up_docker(h, "--yes"), EXIT_DONE);
        assert_says(h, "  checked     a container of busybox:latest ran \"true\" by it\n");
        assert_int_equal(set_up_docker(h, "--undo"), EXIT_USAGE);
        assert_int_equal(set_up_docker(h, "--json"), EXIT_DONE);
        assert_says(h, "[{\"id\":\"done\",\"text\":\"nothing to do: ");
        tree_write(&h->tree, JSON, OLD);
        tree_write(&h->tree, "state/default", "runc\n");
        tree_write(&h->tree, "state/run", "125");
        assert_int_equal(set_up_docker(h, "--yes"), EXIT_REVERTED);
        assert_file(h, JSON, OLD);
}

static void what_a_file_holds_gives_a_terminal_no_orders(void **state) {
        struct host *h = *state;

        tree_write(&h->tree, JSON, "{\n\t\"debug\": true, \"\xc2\x9b\": 1\n}\n");
        assert_int_equal(set_up_docker(h, "--dry-run"), EXIT_DONE);
        assert_says(h, "-\t\"debug\": true, \"");
        assert_null(strstr(h->said, "\xc2\x9b"));
}

#define ON_DOCKER(test) cmocka_unit_test_setup_teardown(test, host_make_docker, host_drop)

int main(void) {
        const struct CMUnitTest tests[] = {
                ON_DOCKER(docker_is_set_up_checked_and_undone_byte_for_byte),
                ON_DOCKER(a_file_that_was_not_there_goes_again),
                ON_DOCKER(the_entry_stays_while_containers_need_it),
                ON_DOCKER(who_opts_in_gets_a_runtime_to_ask_for_and_undo_leaves_no_trace),
                ON_DOCKER(a_project_of_one_that_opted_in_keeps_the_entry),
                ON_DOCKER(an_engine_that_has_no_runtime_to_ask_for_is_as_it_was),
                ON_DOCKER(only_docker_has_an_opt_in),
                ON_DOCKER(each_runtime_that_is_registered_has_its_own_and_leads_back_to_it),
                ON_DOCKER(a_runtime_conf_that_the_wrapper_would_not_take_is_refused),
                ON_DOCKER(what_others_added_since_stays),
                ON_DOCKER(an_engine_that_does_not_run_is_set_up_and_said_to_be_unchecked),
                ON_DOCKER(an_engine_that_does_not_take_it_is_as_it_was),
                ON_DOCKER(a_container_that_no_longer_starts_takes_it_back),
                ON_DOCKER(a_runtime_that_cannot_be_executed_takes_it_back),
                ON_DOCKER(without_an_image_or_a_client_it_says_what_was_not_checked),
                ON_DOCKER(a_client_that_gets_no_answer_takes_it_back),
                ON_DOCKER(nothing_is_written_in_a_dry_run_or_after_a_no),
                ON_DOCKER(what_changed_while_a_person_thought_is_not_overwritten),
                cmocka_unit_test(what_is_not_as_it_should_be_is_refused_with_what_to_do),
                ON_DOCKER(a_file_of_somebody_else_is_refused),
                ON_DOCKER(of_two_that_are_installed_the_one_that_runs_counts),
                ON_DOCKER(the_file_that_the_command_line_names_counts),
                ON_DOCKER(mode_and_owner_stay),
                ON_DOCKER(the_command_has_its_exit_statuses),
                ON_DOCKER(what_a_file_holds_gives_a_terminal_no_orders),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
