/* SPDX-License-Identifier: Apache-2.0 */
/* dtgov setup of Podman, CRI-O and containerd, and what the doctor says of all engines. */
#include "tests/unit/host_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void podman_gets_a_link_and_a_drop_in_and_undo_leaves_no_trace(void **state) {
        struct host *h = *state;

        host_write_podman(h);
        assert_int_equal(host_setup(h, "podman", false), 0);
        assert_says(h, "+++ " HOOKS_LINK " -> " DTGOV_HOOKSDIR "/dtgov.json");
        assert_says(h, "checked: a container of busybox:latest");
        assert_file(h, DROP,
                        "# Made by \"dtgov setup podman\"; --undo removes it.\n[engine]\nhooks_dir "
                        "= "
                        "[\"/usr/share/containers/oci/hooks.d\", "
                        "\"/etc/containers/oci/hooks.d\"]\n");
        assert_int_equal(host_setup(h, "podman", false), 0);
        assert_says(h, "nothing to do");
        assert_int_equal(host_setup(h, "podman", true), 0);
        assert_false(host_has(h, DROP));
        assert_false(host_has(h, &HOOKS_LINK[1]));
        assert_int_equal(host_setup(h, "podman", true), 0);
        assert_says(h, "nothing to undo");
}

static void a_list_of_hooks_that_is_there_is_not_overruled(void **state) {
        struct host *h = *state;

        host_write_podman(h);
        tree_write(&h->tree, "etc/containers/containers.conf",
                        "[engine]\nhooks_dir = [\"/opt\"]\n");
        assert_int_equal(host_setup(h, "podman", false), -EEXIST);
        assert_says(h, "/etc/containers/containers.conf has a hooks_dir of its own");
        tree_write(&h->tree, "etc/containers/containers.conf",
                        "[engine]\nhooks_dir = [\"/opt\", \"/etc/containers/oci/hooks.d\"]\n");
        assert_int_equal(host_setup(h, "podman", false), 0);
        assert_false(host_has(h, DROP));
        assert_true(host_has(h, &HOOKS_LINK[1]));
        tree_write(&h->tree, "etc/containers/containers.conf", "[engine\n");
        tree_write(&h->tree, "state/version", ""); /* nor does Podman say anything then */
        assert_int_equal(host_setup(h, "podman", true), -EINVAL);
        assert_says(h, "/etc/containers/containers.conf: not TOML (line 1)");
}

static void a_hook_that_was_made_by_hand_stays(void **state) {
        struct host *h = *state;

        host_write_podman(h);
        tree_write(&h->tree, &HOOKS_LINK[1], "{\"hook\": {\"path\": \"/x/dtgov-hook\"}}");
        assert_int_equal(host_setup(h, "podman", false), 0);
        assert_says(h, "was made by hand, and stays");
        assert_int_equal(host_setup(h, "podman", true), 0);
        assert_true(host_has(h, &HOOKS_LINK[1]));
        assert_false(host_has(h, DROP));
        tree_write(&h->tree, &HOOKS_LINK[1], "{}");
        assert_int_equal(host_setup(h, "podman", false), -EEXIST);
}

static void podman_that_starts_nothing_with_the_hook_is_as_it_was(void **state) {
        struct host *h = *state;

        host_write_podman(h);
        tree_write(&h->tree, "state/run", "125");
        assert_int_equal(host_setup(h, "podman", false), SETUP_TAKEN_BACK);
        assert_false(host_has(h, DROP));
        assert_false(host_has(h, &HOOKS_LINK[1]));
}

/* Podman ends so where the runtime fails, which is where a hook fails. */
static void podman_whose_runtime_fails_with_the_hook_is_as_it_was(void **state) {
        struct host *h = *state;

        host_write_podman(h);
        tree_write(&h->tree, "state/run", "126");
        assert_int_equal(host_setup(h, "podman", false), SETUP_TAKEN_BACK);
        assert_false(host_has(h, DROP));
        assert_false(host_has(h, &HOOKS_LINK[1]));
}

static void podman_whose_image_goes_meanwhile_is_not_said_to_be_checked(void **state) {
        struct host *h = *state;

        host_write_podman(h);
        host_write_program(h, "usr/bin/podman",
                        "case $* in\n"
                        "--version) echo podman version 4.3.1 ;;\n"
                        "*'image '*) [ -L $root" HOOKS_LINK " ] || echo 'sha256:1 b:1' ;;\n"
                        "esac");
        assert_int_equal(host_setup(h, "podman", false), 0);
        assert_says(h, "not checked: there is no image here any more");
}

static void an_engine_that_is_missing_or_old_is_named(void **state) {
        struct host *h = *state;

        assert_int_equal(host_setup(h, "podman", false), -ENOENT);
        assert_says(h, "Podman is not installed here");
        assert_int_equal(host_setup(h, "crio", false), -ENOENT);
        assert_says(h, "CRI-O is not installed here");
        assert_int_equal(host_setup(h, "containerd", false), -ENOENT);
        assert_says(h, "containerd is not installed here");
        assert_int_equal(host_setup(h, "lxc", false), -ENXIO);
        host_write_podman(h);
        tree_write(&h->tree, "state/version", "3.0.1");
        assert_int_equal(host_setup(h, "podman", false), -ENOTSUP);
        host_write_program(h, "usr/bin/containerd", "echo containerd github.com/x 1.4.13~ds1 1");
        assert_int_equal(host_setup(h, "containerd", false), -ENOTSUP);
        assert_says(h, "older than 1.6");
}

static void crio_is_told_to_be_untried(void **state) {
        struct host *h = *state;

        host_write_program(h, "usr/bin/crio", "");
        assert_int_equal(host_setup(h, "crio", false), 0);
        assert_says(h, "untried");
        assert_says(h, "sudo systemctl restart crio");
        assert_int_equal(host_setup(h, "crio", true), 0);
        assert_false(host_has(h, &HOOKS_LINK[1]));
}

static void the_link_stays_as_long_as_the_other_engine_is_set_up(void **state) {
        struct host *h = *state;

        host_write_podman(h);
        host_write_program(h, "usr/bin/crio", "");
        assert_int_equal(host_setup(h, "podman", false), 0);
        assert_int_equal(host_setup(h, "crio", false), 0);
        assert_int_equal(host_setup(h, "podman", true), 0);
        assert_false(host_has(h, DROP));
        assert_true(host_has(h, &HOOKS_LINK[1]));
        assert_int_equal(host_setup(h, "crio", true), 0);
        assert_false(host_has(h, &HOOKS_LINK[1]));
}

static void the_link_stays_as_long_as_a_list_of_the_other_engine_names_its_folder(void **state) {
        struct host *h = *state;

        host_write_podman(h);
        host_write_program(h, "usr/bin/crio", "");
        tree_write(&h->tree, "etc/containers/containers.conf",
                        "[engine]\nhooks_dir = [\"/etc/containers/oci/hooks.d\"]\n");
        assert_int_equal(host_setup(h, "podman", false), 0);
        assert_int_equal(host_setup(h, "crio", false), 0);
        assert_int_equal(host_setup(h, "crio", true), 0);
        assert_says(h, "stays: Podman takes it too");
        assert_true(host_has(h, &HOOKS_LINK[1]));
}

static void containerd_gets_its_lines_and_is_never_restarted(void **state) {
        struct host *h = *state;

        host_write_containerd(h);
        assert_int_equal(host_setup(h, "containerd", false), 0);
        assert_says(h, "is yours to choose: sudo systemctl restart containerd");
        assert_says(h, "ctr run --runc-binary " DTGOV_LIBEXECDIR "/dtgov-runtime");
        assert_int_equal(host_setup(h, "containerd", false), 0);
        assert_says(h, "nothing to do");
        assert_int_equal(host_setup(h, "containerd", true), 0);
        assert_file(h, TOML, "version = 2\n");
        assert_false(host_has(h, TOML CONF_BACKUP));
        assert_int_equal(unlink(host_at(h, TOML)), 0);
        assert_int_equal(host_setup(h, "containerd", false), 0);
        assert_int_equal(host_setup(h, "containerd", true), 0);
        assert_false(host_has(h, TOML));
}

static void containerd_that_would_not_take_it_is_left_alone(void **state) {
        struct host *h = *state;

        host_write_containerd(h);
        tree_write(&h->tree, "state/picky", "");
        assert_int_equal(host_setup(h, "containerd", false), -EINVAL);
        assert_says(h, "bad toml");
        tree_write(&h->tree, TOML, "root = \"/x\"\n");
        assert_int_equal(host_setup(h, "containerd", false), -EEXIST);
        assert_says(h, "these lines would do it, by hand:\n[plugins.");
        tree_write(&h->tree, TOML, "disabled_plugins = [\"cri\"]\n");
        assert_int_equal(host_setup(h, "containerd", false), -ENOTSUP);
        assert_says(h, "ctr run --runc-binary");
        tree_write(&h->tree, "proc/7/comm", "containerd\n");
        host_write_command_line(h, 7, "containerd");
        tree_write(&h->tree, TOML, "version = 2\n");
        assert_int_equal(unlink(host_at(h, "state/picky")), 0);
        assert_int_equal(host_setup(h, "containerd", false), 0);
        host_write_command_line(
                        h, 7, "containerd --config /var/run/docker/containerd/containerd.toml");
        assert_int_equal(host_setup(h, "containerd", false), 0);
        host_write_command_line(h, 7, "containerd --config /var/lib/rancher/k3s/agent/etc/c.toml");
        assert_int_equal(host_setup(h, "containerd", false), -ENOTSUP);
        assert_says(h, "/var/lib/rancher/k3s/agent/etc/c.toml");
}

/* What the doctor says of an engine. */
static void assert_doctor(struct host *h, const char *want) {
        (void)host_command(h, (char[]){ "doctor" }, (char[]){ "--json" }, NULL);
        assert_says(h, want);
}

static void doctor_says_what_docker_has_and_what_mends_it(void **state) {
        struct host *h = *state;

        assert_doctor(h, "\"id\":\"docker\",\"state\":\"warn\",\"text\":\"Docker does not start "
                         "containers by dtgov's runtime: they are found late\",\"mend\":\"sudo "
                         "dtgov "
                         "setup docker\"");
        assert_int_equal(host_setup(h, "docker", false), 0);
        assert_doctor(h, "\"id\":\"docker\",\"state\":\"ok\"");
        tree_write(&h->tree, "state/default", "runc\n");
        assert_doctor(h, "Docker has not read it\",\"mend\":\"sudo systemctl reload docker\"");
        assert_int_equal(unlink(host_at(h, &DTGOV_LIBEXECDIR "/dtgov-runtime"[1])), 0);
        assert_doctor(h, "\"id\":\"docker\",\"state\":\"broken\"");
        assert_doctor(h, "is missing: no new container starts\",\"mend\":\"install dtgov again: "
                         "sudo "
                         "make install (or the package dtgov); or do without: sudo dtgov setup "
                         "docker --undo\"");
        tree_write(&h->tree, "state/ids", "id1\n");
        tree_write(&h->tree, "state/inspect", "dtgov id1 /api\n");
        tree_write(&h->tree, JSON, "{\"runtimes\":{\"dtgov\":{\"path\":\"/gone/dtgov-runc\"}}}");
        assert_doctor(h, "containers made by it do not start: api");
        tree_write(&h->tree, JSON, "{\"runtimes\":{\"dtgov\":{\"path\":\"/usr/bin/runc\"}}}");
        assert_doctor(h, "not the default, but made by dtgov's runtime: api");
        host_write_program(h, &DTGOV_LIBEXECDIR "/dtgov-runtime"[1], "");
        tree_write(&h->tree, JSON,
                        "{\"runtimes\":{\"dtgov\":{\"path\":\"" DTGOV_LIBEXECDIR
                        "/dtgov-runtime\"}}}");
        assert_doctor(h, "\"state\":\"ok\",\"text\":\"containers that ask for the runtime dtgov");
        tree_write(&h->tree, JSON, "{");
        assert_doctor(h, "\"state\":\"broken\",\"text\":\"/etc/docker/daemon.json: not JSON");
}

static void doctor_says_what_the_others_have(void **state) {
        struct host *h = *state;

        host_write_podman(h);
        host_write_containerd(h);
        assert_doctor(h, "Podman does not call dtgov's hook");
        assert_doctor(h, "\"id\":\"containerd\",\"state\":\"ok\"");
        assert_int_equal(host_setup(h, "podman", false), 0);
        assert_int_equal(host_setup(h, "containerd", false), 0);
        assert_doctor(h, "\"id\":\"podman\",\"state\":\"ok\"");
        assert_doctor(h, "the handler \\\"dtgov\\\" is");
        assert_int_equal(unlink(host_at(h, DROP)), 0);
        assert_doctor(h, "Podman does not read the folder");
        assert_int_equal(unlink(host_at(h, &DTGOV_HOOKSDIR "/dtgov.json"[1])), 0);
        assert_int_equal(unlink(host_at(h, &DTGOV_LIBEXECDIR "/dtgov-runtime"[1])), 0);
        assert_doctor(h, "leads to " DTGOV_HOOKSDIR "/dtgov.json, which is missing");
        assert_doctor(h, "\"id\":\"containerd\",\"state\":\"broken\"");
        assert_int_equal(unlink(host_at(h, &HOOKS_LINK[1])), 0);
        tree_write(&h->tree, &HOOKS_LINK[1], "{\"hook\": {\"path\": \"/x/dtgov-hook\"}}");
        assert_doctor(h, "\"id\":\"podman\",\"state\":\"broken\"");
}

#define CONF "etc/dtgov/runtime.conf"

/* A wrapper that does as dtgov-runtime does where it cannot become the real runtime. */
static void break_wrapper(struct host *h, const char *why) {
        char body[256];

        (void)snprintf(body, sizeof(body), "echo 'dtgov: %s' >&2; exit 1", why);
        host_write_program(h, &DTGOV_LIBEXECDIR "/dtgov-runtime"[1], body);
}

static void doctor_finds_that_the_real_runtime_is_gone(void **state) {
        struct host *h = *state;

        assert_int_equal(host_setup(h, "docker", false), 0);
        break_wrapper(h, "no runc in the usual directories");
        assert_doctor(h, "\"id\":\"docker\",\"state\":\"broken\"");
        assert_doctor(h,
                        "dtgov-runtime, which starts nothing: no runc in the usual directories: no "
                        "new container starts\",\"mend\":\"sudo apt install runc");
        host_write_containerd(h);
        assert_int_equal(host_setup(h, "containerd", false), 0);
        assert_doctor(h, "which starts nothing: no runc in the usual directories: pods with");
}

static void doctor_finds_that_the_configuration_of_the_wrapper_is_damaged(void **state) {
        struct host *h = *state;

        tree_write(&h->tree, CONF, "runtime /usr/bin/crun\nhook /gone/dtgov-hook\n");
        assert_doctor(h, "\"id\":\"runtime\",\"state\":\"ok\",\"text\":\"dtgov-runtime becomes "
                         "/usr/bin/crun\"");
        assert_doctor(h, "names /gone/dtgov-hook, which is missing: containers start, but are "
                         "found");
        break_wrapper(h, "cannot tell which runtime to start");
        assert_doctor(h, "\"id\":\"runtime\",\"state\":\"broken\"");
        assert_doctor(h, "which starts nothing: cannot tell which runtime to "
                         "start\",\"mend\":\"install "
                         "that runtime again, or mend /etc/dtgov/runtime.conf");
        assert_int_equal(unlink(host_at(h, &DTGOV_LIBEXECDIR "/dtgov-hook"[1])), 0);
        assert_doctor(h, "\"id\":\"hook\",\"state\":\"warn\",\"text\":\"" DTGOV_LIBEXECDIR
                         "/dtgov-hook is missing: containers are found late");
}

static void doctor_says_so_where_no_engine_is_installed_or_an_old_one(void **state) {
        struct host *h = *state;

        assert_doctor(h, "\"id\":\"engines\",\"state\":\"ok\",\"text\":\"no Docker, Podman");
        host_write_podman(h);
        assert_doctor(h, "\"id\":\"podman\",\"state\":\"warn\"");
        assert_null(strstr(h->said, "\"engines\""));
        tree_write(&h->tree, "state/version", "3.0.1");
        assert_doctor(h, "this Podman is older than 4.0");
        tree_write(&h->tree, "etc/containers/containers.conf", "[engine\n");
        tree_write(&h->tree, "state/version", "4.3.1");
        assert_doctor(h, "\"id\":\"podman\",\"state\":\"broken\"");
}

static void doctor_says_that_nobody_listens_for_podman(void **state) {
        static const char listening[] = "Num RefCount Protocol Flags Type St Inode Path\n"
                                        "0000000000000000: 00000002 00000000 00010000 0001 01 77 "
                                        "/run/podman/podman.sock\n";
        static const char connected[] = "Num RefCount Protocol Flags Type St Inode Path\n"
                                        "0000000000000000: 00000003 00000000 00000000 0001 03 78 "
                                        "/run/podman/podman.sock\n"
                                        "0000000000000000: 00000002 00000000 00010000 0001 01 79 "
                                        "/run/other.sock\n";
        struct host *h = *state;

        tree_write(&h->tree, "proc/net/unix", connected);
        tree_write(&h->tree, "run/systemd/system/x", "");
        assert_doctor(h, "\"id\":\"engines\"");
        assert_null(strstr(h->said, "podman.socket"));
        host_write_podman(h);
        assert_doctor(h, "\"id\":\"podman.socket\",\"state\":\"warn\"");
        assert_says(h, "\"mend\":\"sudo systemctl enable --now podman.socket\"");
        tree_write(&h->tree, "proc/net/unix", listening);
        assert_doctor(h, "\"id\":\"podman\"");
        assert_null(strstr(h->said, "podman.socket"));
}

static void engines_that_are_here_are_completed_first(void **state) {
        struct host *h = *state;

        host_write_podman(h);
        (void)host_command(h, (char[]){ "--complete" }, (char[]){ "setup" }, (char[]){ "" });
        assert_string_equal(h->said, "podman\tis installed\ndocker\tis not installed here\n"
                                     "containerd\tis not installed here\n"
                                     "crio\tis not installed here\n");
}

static void a_dry_run_says_where_the_copy_will_be_and_what_writes_it(void **state) {
        struct host *h = *state;

        tree_write(&h->tree, JSON, OLD);
        (void)host_command(h, (char[]){ "setup" }, (char[]){ "docker" }, (char[]){ "--dry-run" });
        assert_says(h, "as it is now it is kept in /etc/docker/daemon.json.dtgov-backup\n");
        assert_says(h, "nothing was written\n  next        to have it written: sudo dtgov setup "
                       "docker\n");
        assert_file(h, JSON, OLD);
}

static void doctor_says_that_docker_is_down_old_or_twice_there(void **state) {
        struct host *h = *state;

        host_write_program(h, "usr/local/bin/dockerd", "");
        assert_doctor(h, "; beside it is /usr/local/bin/dockerd, which dtgov leaves alone");
        assert_int_equal(unlink(host_at(h, "run/docker.pid")), 0);
        assert_doctor(h, "Docker is installed twice, and neither runs");
        assert_int_equal(unlink(host_at(h, "usr/local/bin/dockerd")), 0);
        assert_doctor(h, "they are found late; it does not run");
        tree_write(&h->tree, "state/version", "19.3.1");
        assert_doctor(h, "Docker 19.3.1 is older than 20.10");
}

static void doctor_prescribes_what_this_host_has(void **state) {
        struct host *h = *state;

        assert_doctor(h, "\"id\":\"dtgovd\",\"state\":\"broken\",\"text\":\"is not installed\","
                         "\"mend\":\"sudo make install");
        tree_write(&h->tree, &DTGOV_PREFIX "/sbin/dtgovd"[1], "");
        assert_doctor(h, "\"mend\":\"sudo dtgovd (in the foreground");
        assert_null(strstr(h->said, "systemctl"));
        tree_write(&h->tree, "run/systemd/system/x", "");
        assert_doctor(h, "\"mend\":\"sudo systemctl enable --now dtgovd\"");
}

#define ON_HOST(test)   cmocka_unit_test_setup_teardown(test, host_make, host_drop)
#define ON_DOCKER(test) cmocka_unit_test_setup_teardown(test, host_make_docker, host_drop)

int main(void) {
        const struct CMUnitTest tests[] = {
                ON_HOST(doctor_prescribes_what_this_host_has),
                ON_HOST(doctor_finds_that_the_configuration_of_the_wrapper_is_damaged),
                ON_HOST(doctor_says_so_where_no_engine_is_installed_or_an_old_one),
                ON_HOST(doctor_says_that_nobody_listens_for_podman),
                ON_DOCKER(doctor_finds_that_the_real_runtime_is_gone),
                ON_HOST(engines_that_are_here_are_completed_first),
                ON_DOCKER(a_dry_run_says_where_the_copy_will_be_and_what_writes_it),
                ON_DOCKER(doctor_says_that_docker_is_down_old_or_twice_there),
                ON_HOST(podman_gets_a_link_and_a_drop_in_and_undo_leaves_no_trace),
                ON_HOST(a_list_of_hooks_that_is_there_is_not_overruled),
                ON_HOST(a_hook_that_was_made_by_hand_stays),
                ON_HOST(podman_that_starts_nothing_with_the_hook_is_as_it_was),
                ON_HOST(podman_whose_runtime_fails_with_the_hook_is_as_it_was),
                ON_HOST(podman_whose_image_goes_meanwhile_is_not_said_to_be_checked),
                ON_HOST(an_engine_that_is_missing_or_old_is_named),
                ON_HOST(crio_is_told_to_be_untried),
                ON_HOST(the_link_stays_as_long_as_the_other_engine_is_set_up),
                ON_HOST(the_link_stays_as_long_as_a_list_of_the_other_engine_names_its_folder),
                ON_HOST(containerd_gets_its_lines_and_is_never_restarted),
                ON_HOST(containerd_that_would_not_take_it_is_left_alone),
                ON_DOCKER(doctor_says_what_docker_has_and_what_mends_it),
                ON_HOST(doctor_says_what_the_others_have),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
