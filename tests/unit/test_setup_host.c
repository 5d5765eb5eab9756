/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dtgov setup against a host in a temporary directory: configuration files, engines' programs as
 * scripts, and a dockerd that reads its configuration on SIGHUP, where a key that is gone keeps its
 * old value.
 */
#include "governor/cli/commands.h"
#include "governor/cli/setup/hooks_dir.h"
#include "governor/cli/setup/setup.h"
#include "tests/unit/tree.h"

#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#define JSON   "etc/docker/daemon.json"
#define BACKUP JSON CONF_BACKUP
#define OLD    "{\n   \"debug\" : true,\n   \"x\":1e5 }\n"
#define TOML   "etc/containerd/config.toml"
#define DROP   "etc/containers/containers.conf.d/50-dtgov.conf"

struct host {
        struct tree tree;
        struct setup s;
        struct error err;
        char said[16384];
        int answer;            /* of the person */
        const char *meanwhile; /* what somebody writes into daemon.json while a person thinks */
        pid_t dockerd;
};

static const char *at(const struct host *h, const char *path) {
        static char full[4][PATH_MAX];
        static unsigned turn;
        char *out = full[turn++ % ARRAY_LEN(full)];

        (void)snprintf(out, PATH_MAX, "%s/%s", h->tree.path, path);
        return out;
}

static void write_program(const struct host *h, const char *path, const char *body) {
        char text[2048];

        (void)snprintf(text, sizeof(text), "#!/bin/sh\nroot=%s\ncd $root/state\n%s\n", h->tree.path,
                        body);
        tree_write(&h->tree, path, text);
        assert_int_equal(chmod(at(h, path), 0755), 0);
}

/* As the kernel shows it: a NUL behind each word. */
static void write_command_line(const struct host *h, int pid, const char *words) {
        char path[64];
        FILE *f;

        (void)snprintf(path, sizeof(path), "proc/%d/cmdline", pid);
        tree_write(&h->tree, path, "");
        f = fopen(at(h, path), "we");
        assert_non_null(f);
        for (const char *p = words; *p; p++)
                (void)fputc(*p == ' ' ? '\0' : *p, f);
        (void)fputc('\0', f);
        assert_int_equal(fclose(f), 0);
}

static bool is_there(const struct host *h, const char *path) {
        struct stat st;

        return lstat(at(h, path), &st) == 0;
}

static void assert_file(const struct host *h, const char *path, const char *want) {
        char text[4096];

        assert_true(file_read_at(AT_FDCWD, at(h, path), text, sizeof(text)) >= 0);
        assert_string_equal(text, want);
}

static void assert_says(const struct host *h, const char *what) {
        if (!strstr(h->said, what) && !strstr(h->err.text, what))
                fail_msg("'%s' is not in:\n%s\nnor: %s", what, h->said, h->err.text);
}

static void note(void *userdata, enum setup_word word, const char *text) {
        struct host *h = userdata;
        size_t used = strlen(h->said);

        (void)snprintf(h->said + used, sizeof(h->said) - used, "%s: %s\n", setup_words[word], text);
}

static int answer(void *userdata, const char *question) {
        struct host *h = userdata;

        note(h, SETUP_NOTE, question);
        if (h->meanwhile)
                tree_write(&h->tree, JSON, h->meanwhile);
        return h->answer;
}

static int run(struct host *h, const char *engine, bool undo) {
        h->said[0] = h->err.text[0] = '\0';
        h->s.undo = undo;
        return setup_run(&h->s, engine, &h->err);
}

static void write_docker(struct host *h) {
        write_program(h, "usr/sbin/dockerd",
                        "case $1 in\n"
                        "--version) echo \"Docker version $(cat version), build 1\" ;;\n"
                        "--validate) [ ! -e picky ] || { echo 'bad key' >&2; exit 1; }\n"
                        "esac");
        write_program(h, "usr/bin/docker",
                        "[ ! -e down ] || { echo 'Cannot connect' >&2; exit 1; }\n"
                        "case $* in\n"
                        "*' info '*) cat default ;;\n"
                        "*' ps '*) cat ids ;;\n"
                        "*' inspect '*) cat inspect ;;\n"
                        "*' image '*) cat images ;;\n"
                        "*' run '*' --runtime '*) exit $(cat run-former) ;;\n"
                        "*' run '*) echo \"$*\" > ran; echo 'runc: no' >&2; exit $(cat run) ;;\n"
                        "esac");
        tree_write(&h->tree, "state/version", "26.1.5+dfsg1");
        tree_write(&h->tree, "state/default", "runc\n");
        tree_write(&h->tree, "state/images", "sha256:1 busybox:latest\n");
        tree_write(&h->tree, "state/ids", "");
        tree_write(&h->tree, "state/inspect", "");
        tree_write(&h->tree, "state/run", "0");
        tree_write(&h->tree, "state/run-former", "0");
        tree_write(&h->tree, JSON, OLD);
}

static void start_dockerd(struct host *h, const char *command_line) {
        char path[64], text[32];
        int ready[2];
        ssize_t n;

        write_program(h, "engine",
                        "trap 'new=$(sed -n \"s/.*\\\"default-runtime\\\": "
                        "\\\"\\([^\\\"]*\\)\\\".*/\\1/p\" $root/" JSON ")\n"
                        "[ -z \"$new\" ] || [ -e deaf ] || { echo $new > new; mv new default; }; "
                        "echo h >> hups' "
                        "HUP\n"
                        "echo; exec 1>&-\n"
                        "while :; do sleep 0.02; done");
        assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
        h->dockerd = fork();
        assert_true(h->dockerd >= 0);
        if (h->dockerd == 0) {
                (void)dup2(ready[1], STDOUT_FILENO);
                (void)execl(at(h, "engine"), "dockerd", (char *)NULL);
                _exit(127);
        }
        (void)close(ready[1]);
        n = read(ready[0], text, 1);
        assert_int_equal(n, 1);
        (void)close(ready[0]);
        (void)snprintf(text, sizeof(text), "%d", (int)h->dockerd);
        tree_write(&h->tree, "run/docker.pid", text);
        (void)snprintf(path, sizeof(path), "proc/%s/comm", text);
        tree_write(&h->tree, path, "dockerd\n");
        write_command_line(h, h->dockerd, command_line);
        (void)snprintf(path, sizeof(path), "proc/%s/exe", text);
        assert_int_equal(symlink("/usr/sbin/dockerd", at(h, path)), 0);
}

static int make_host(void **state) {
        struct host *h = calloc(1, sizeof(*h));

        assert_non_null(h);
        h->tree = tree_make();
        h->s = (struct setup){ .root = h->tree.path,
                .libexec = DTGOV_LIBEXECDIR,
                .patience_ms = 3000,
                .userdata = h,
                .say = note,
                .confirm = answer };
        tree_mkdir(&h->tree, "state");
        write_program(h, &DTGOV_LIBEXECDIR "/dtgov-runtime"[1], "");
        write_program(h, &DTGOV_LIBEXECDIR "/dtgov-hook"[1], "");
        write_program(h, "usr/bin/runc", "");
        tree_write(&h->tree, &DTGOV_HOOKSDIR "/dtgov.json"[1],
                        "{\"hook\": {\"path\": \"" DTGOV_LIBEXECDIR "/dtgov-hook\"}}\n");
        *state = h;
        return 0;
}

static int drop_host(void **state) {
        struct host *h = *state;

        if (h->dockerd > 0) {
                (void)kill(h->dockerd, SIGKILL);
                (void)waitpid(h->dockerd, NULL, 0);
        }
        tree_remove(&h->tree);
        free(h);
        return 0;
}

static int make_docker(void **state) {
        (void)make_host(state);
        write_docker(*state);
        start_dockerd(*state, "/usr/sbin/dockerd");
        return 0;
}

static void docker_is_set_up_checked_and_undone_byte_for_byte(void **state) {
        struct host *h = *state;

        assert_int_equal(run(h, "docker", false), 0);
        assert_says(h, "+   \"default-runtime\": \"dtgov\" }");
        assert_file(h, BACKUP, OLD);
        assert_file(h, "state/default", "dtgov\n");
        assert_says(h, "checked: a container of busybox:latest ran");
        assert_file(h, "state/ran",
                        "--host unix:///var/run/docker.sock run --rm --pull never --network none "
                        "--entrypoint true sha256:1\n");
        assert_int_equal(run(h, "docker", false), 0);
        assert_says(h, "nothing to do");

        assert_int_equal(run(h, "docker", true), 0);
        assert_file(h, JSON, OLD);
        assert_file(h, "state/default", "runc\n");
        assert_false(is_there(h, BACKUP));
        assert_int_equal(run(h, "docker", true), 0);
        assert_says(h, "nothing to undo");
}

static void a_file_that_was_not_there_goes_again(void **state) {
        struct host *h = *state;

        assert_int_equal(unlink(at(h, JSON)), 0);
        assert_int_equal(rmdir(at(h, "etc/docker")), 0);
        assert_int_equal(run(h, "docker", false), 0);
        assert_false(is_there(h, BACKUP));
        assert_int_equal(run(h, "docker", true), 0);
        assert_false(is_there(h, JSON));
        assert_file(h, "state/default", "runc\n");
        tree_write(&h->tree, JSON, "");
        assert_int_equal(run(h, "docker", false), 0);
        assert_int_equal(run(h, "docker", true), 0);
        assert_file(h, JSON, "");
}

static void the_entry_stays_while_containers_need_it(void **state) {
        struct host *h = *state;

        assert_int_equal(run(h, "docker", false), 0);
        tree_write(&h->tree, "state/ids", "id1\nid2\nid3\n");
        tree_write(&h->tree, "state/inspect", "dtgov id1 /api\nrunc id2 /db\ndtgov id3 /web\n");
        assert_int_equal(run(h, "docker", true), 0);
        assert_says(h, "2 containers were made by dtgov's runtime: api, web");
        assert_file(h, JSON,
                        "{\n   \"debug\" : true,\n   \"x\":1e5,\n   \"runtimes\": {\n      "
                        "\"dtgov\": "
                        "{\n         \"path\": \"/usr/bin/runc\"\n      }\n   },\n   "
                        "\"default-runtime\": \"runc\" }\n");
        assert_file(h, "state/default", "runc\n");
        assert_int_equal(run(h, "docker", true), 0);
        assert_says(h, "nothing more to undo now");
        tree_write(&h->tree, "state/inspect", "runc id2 /db\n");
        assert_int_equal(run(h, "docker", true), 0);
        assert_file(h, JSON, OLD);
        assert_false(is_there(h, BACKUP));
}

static void what_others_added_since_stays(void **state) {
        struct host *h = *state;
        char text[4096];
        char *hole;

        assert_int_equal(run(h, "docker", false), 0);
        assert_true(file_read_at(AT_FDCWD, at(h, JSON), text, sizeof(text)) > 0);
        hole = strstr(text, "true");
        assert_non_null(hole);
        memcpy(hole, "null", 4);
        tree_write(&h->tree, JSON, text);
        assert_int_equal(run(h, "docker", true), 0);
        assert_file(h, JSON,
                        "{\n   \"debug\" : null,\n   \"x\":1e5,\n   \"default-runtime\": \"runc\" "
                        "}\n");
}

static void an_engine_that_does_not_run_is_set_up_and_said_to_be_unchecked(void **state) {
        struct host *h = *state;

        assert_int_equal(unlink(at(h, "run/docker.pid")), 0);
        assert_int_equal(run(h, "docker", false), 0);
        assert_says(h, "nothing could be checked");
        assert_false(is_there(h, "state/hups"));
        assert_int_equal(run(h, "docker", true), 0);
        assert_says(h, "is not known (Docker does not run)");
        assert_says(h, "\"default-runtime\": \"runc\"");
}

static void an_engine_that_does_not_take_it_is_as_it_was(void **state) {
        struct host *h = *state;

        h->s.patience_ms = 200;
        tree_write(&h->tree, "state/deaf", "");
        assert_int_equal(run(h, "docker", false), SETUP_TAKEN_BACK);
        assert_says(h, "still has 'runc'");
        assert_file(h, JSON, OLD);
}

static void a_container_that_no_longer_starts_takes_it_back(void **state) {
        struct host *h = *state;

        tree_write(&h->tree, "state/run", "125");
        assert_int_equal(run(h, "docker", false), SETUP_TAKEN_BACK);
        assert_says(h, "runc: no");
        assert_file(h, JSON, OLD);
        tree_write(&h->tree, "state/run-former", "125");
        assert_int_equal(run(h, "docker", false), 0);
        assert_says(h, "cannot run \"true\" by runc either");
}

static void without_an_image_or_a_client_it_says_what_was_not_checked(void **state) {
        struct host *h = *state;

        tree_write(&h->tree, "state/images", "");
        assert_int_equal(run(h, "docker", false), 0);
        assert_says(h, "there is no image here");
        assert_int_equal(run(h, "docker", true), 0);
        assert_int_equal(unlink(at(h, "usr/bin/docker")), 0);
        assert_int_equal(run(h, "docker", false), 0);
        assert_says(h, "not checked: there is no docker client");
}

static void a_client_that_gets_no_answer_takes_it_back(void **state) {
        struct host *h = *state;

        h->s.patience_ms = 200;
        tree_write(&h->tree, "state/down", "");
        assert_int_equal(run(h, "docker", false), SETUP_TAKEN_BACK);
        assert_says(h, "Cannot connect");
        assert_file(h, JSON, OLD);
}

static void nothing_is_written_in_a_dry_run_or_after_a_no(void **state) {
        struct host *h = *state;

        h->s.dry_run = true;
        assert_int_equal(run(h, "docker", false), 0);
        assert_says(h, "+   \"default-runtime\": \"dtgov\" }");
        h->s.dry_run = false;
        h->answer = EXIT_CANCELLED;
        assert_int_equal(run(h, "docker", false), EXIT_CANCELLED);
        assert_file(h, JSON, OLD);
        assert_false(is_there(h, BACKUP));
        assert_false(is_there(h, "state/hups"));
}

static void what_changed_while_a_person_thought_is_not_overwritten(void **state) {
        struct host *h = *state;

        h->meanwhile = "{ \"by\": \"hand\" }\n";
        assert_int_equal(run(h, "docker", false), -ESTALE);
        assert_file(h, JSON, "{ \"by\": \"hand\" }\n");
}

static void bad_file_no_json(struct host *h) {
        tree_write(&h->tree, JSON, "version = 2\n");
}
static void bad_file_link(struct host *h) {
        assert_int_equal(rename(at(h, JSON), at(h, "etc/docker/other")), 0);
        assert_int_equal(symlink("other", at(h, JSON)), 0);
}
static void bad_file_read_only(struct host *h) {
        assert_int_equal(chmod(at(h, JSON), 0444), 0);
}
static void bad_file_writable(struct host *h) {
        assert_int_equal(chmod(at(h, JSON), 0664), 0);
}
static void bad_folder_writable(struct host *h) {
        assert_int_equal(chmod(at(h, "etc/docker"), 0777), 0);
}
static void bad_file_large(struct host *h) {
        assert_int_equal(truncate(at(h, JSON), CONF_MAX + 1), 0);
}
static void bad_file_nul(struct host *h) {
        assert_int_equal(truncate(at(h, JSON), sizeof(OLD) + 3), 0);
}
static void bad_file_vim(struct host *h) {
        tree_write(&h->tree, "etc/docker/.daemon.json.swp", "");
}
static void bad_file_emacs(struct host *h) {
        assert_int_equal(symlink("me@host.1", at(h, "etc/docker/.#daemon.json")), 0);
}
static void bad_file_fifo(struct host *h) {
        assert_int_equal(unlink(at(h, JSON)), 0);
        assert_int_equal(mkfifo(at(h, JSON), 0644), 0);
}
static void bad_no_runtime(struct host *h) {
        assert_int_equal(unlink(at(h, &DTGOV_LIBEXECDIR "/dtgov-runtime"[1])), 0);
}
static void bad_no_hook(struct host *h) {
        assert_int_equal(unlink(at(h, &DTGOV_LIBEXECDIR "/dtgov-hook"[1])), 0);
}
static void bad_not_installed(struct host *h) {
        assert_int_equal(unlink(at(h, "usr/sbin/dockerd")), 0);
        assert_int_equal(unlink(at(h, "run/docker.pid")), 0);
}
static void bad_twice(struct host *h) {
        write_program(h, "usr/bin/dockerd", "");
        assert_int_equal(unlink(at(h, "run/docker.pid")), 0);
}
static void bad_snap(struct host *h) {
        bad_not_installed(h);
        write_program(h, "snap/docker/current/bin/dockerd", "");
}
static void bad_old(struct host *h) {
        tree_write(&h->tree, "state/version", "19.03.15");
}
static void bad_picky(struct host *h) {
        tree_write(&h->tree, "state/picky", "");
}
static void bad_flag(struct host *h) {
        write_command_line(h, h->dockerd, "dockerd --default-runtime=crun");
}
static void bad_unit(struct host *h) {
        assert_int_equal(unlink(at(h, "run/docker.pid")), 0);
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

                (void)make_docker((void **)&h);
                rows[i].spoil(h);
                if (run(h, "docker", false) != rows[i].error)
                        fail_msg("%s: %s", rows[i].says, h->err.text);
                assert_says(h, rows[i].says);
                assert_false(is_there(h, BACKUP));
                assert_false(is_there(h, "state/hups"));
                (void)drop_host((void **)&h);
        }
}

static void a_file_of_somebody_else_is_refused(void **state) {
        struct host *h = *state;

        if (geteuid() != 0) {
                print_message("only root can give a file away: make test runs this as root\n");
                skip();
        }
        assert_int_equal(chown(at(h, JSON), 65534, 65534), 0);
        assert_int_equal(run(h, "docker", false), -EPERM);
        assert_says(h, "belongs to uid 65534");
}

static void of_two_that_are_installed_the_one_that_runs_counts(void **state) {
        struct host *h = *state;

        write_program(h, "usr/bin/dockerd", "exit 1");
        assert_int_equal(run(h, "docker", false), 0);
        assert_says(h, "leaves out: the other Docker that is installed here: /usr/bin/dockerd");
}

static void the_file_that_the_command_line_names_counts(void **state) {
        struct host *h = *state;

        write_command_line(h, h->dockerd, "dockerd -D --config-file /etc/other.json --x");
        h->s.dry_run = true;
        assert_int_equal(run(h, "docker", false), 0);
        assert_says(h, "+++ /etc/other.json");
}

static void mode_and_owner_stay(void **state) {
        struct host *h = *state;
        struct stat st;

        assert_int_equal(chmod(at(h, JSON), 0600), 0);
        assert_int_equal(run(h, "docker", false), 0);
        assert_int_equal(stat(at(h, JSON), &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        assert_int_equal(stat(at(h, BACKUP), &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
}

static void write_podman(const struct host *h) {
        write_program(h, "usr/bin/podman",
                        "case $* in\n"
                        "--version) echo podman version $(cat version) ;;\n"
                        "*'image '*) echo 'sha256:1 busybox:latest' ;;\n"
                        "*'run '*) [ ! -L $root" HOOKS_LINK " ] || exit $(cat run) ;;\n"
                        "esac");
        tree_write(&h->tree, "state/version", "4.3.1");
        tree_write(&h->tree, "state/run", "0");
}

static void podman_gets_a_link_and_a_drop_in_and_undo_leaves_no_trace(void **state) {
        struct host *h = *state;

        write_podman(h);
        assert_int_equal(run(h, "podman", false), 0);
        assert_says(h, "+++ " HOOKS_LINK " -> " DTGOV_HOOKSDIR "/dtgov.json");
        assert_says(h, "checked: a container of busybox:latest");
        assert_file(h, DROP,
                        "# Made by \"dtgov setup podman\"; --undo removes it.\n[engine]\nhooks_dir "
                        "= "
                        "[\"/usr/share/containers/oci/hooks.d\", "
                        "\"/etc/containers/oci/hooks.d\"]\n");
        assert_int_equal(run(h, "podman", false), 0);
        assert_says(h, "nothing to do");
        assert_int_equal(run(h, "podman", true), 0);
        assert_false(is_there(h, DROP));
        assert_false(is_there(h, &HOOKS_LINK[1]));
        assert_int_equal(run(h, "podman", true), 0);
        assert_says(h, "nothing to undo");
}

static void a_list_of_hooks_that_is_there_is_not_overruled(void **state) {
        struct host *h = *state;

        write_podman(h);
        tree_write(&h->tree, "etc/containers/containers.conf",
                        "[engine]\nhooks_dir = [\"/opt\"]\n");
        assert_int_equal(run(h, "podman", false), -EEXIST);
        assert_says(h, "/etc/containers/containers.conf has a hooks_dir of its own");
        tree_write(&h->tree, "etc/containers/containers.conf",
                        "[engine]\nhooks_dir = [\"/opt\", \"/etc/containers/oci/hooks.d\"]\n");
        assert_int_equal(run(h, "podman", false), 0);
        assert_false(is_there(h, DROP));
        assert_true(is_there(h, &HOOKS_LINK[1]));
        tree_write(&h->tree, "etc/containers/containers.conf", "[engine\n");
        assert_int_equal(run(h, "podman", true), -EINVAL);
        assert_says(h, "/etc/containers/containers.conf: not TOML (line 1)");
}

static void a_hook_that_was_made_by_hand_stays(void **state) {
        struct host *h = *state;

        write_podman(h);
        tree_write(&h->tree, &HOOKS_LINK[1], "{\"hook\": {\"path\": \"/x/dtgov-hook\"}}");
        assert_int_equal(run(h, "podman", false), 0);
        assert_says(h, "was made by hand, and stays");
        assert_int_equal(run(h, "podman", true), 0);
        assert_true(is_there(h, &HOOKS_LINK[1]));
        assert_false(is_there(h, DROP));
        tree_write(&h->tree, &HOOKS_LINK[1], "{}");
        assert_int_equal(run(h, "podman", false), -EEXIST);
}

static void podman_that_starts_nothing_with_the_hook_is_as_it_was(void **state) {
        struct host *h = *state;

        write_podman(h);
        tree_write(&h->tree, "state/run", "125");
        assert_int_equal(run(h, "podman", false), SETUP_TAKEN_BACK);
        assert_false(is_there(h, DROP));
        assert_false(is_there(h, &HOOKS_LINK[1]));
}

static void an_engine_that_is_missing_or_old_is_named(void **state) {
        struct host *h = *state;

        assert_int_equal(run(h, "podman", false), -ENOENT);
        assert_says(h, "Podman is not installed here");
        assert_int_equal(run(h, "crio", false), -ENOENT);
        assert_says(h, "CRI-O is not installed here");
        assert_int_equal(run(h, "containerd", false), -ENOENT);
        assert_says(h, "containerd is not installed here");
        assert_int_equal(run(h, "lxc", false), -ENXIO);
        write_podman(h);
        tree_write(&h->tree, "state/version", "3.0.1");
        assert_int_equal(run(h, "podman", false), -ENOTSUP);
        write_program(h, "usr/bin/containerd", "echo containerd github.com/x 1.4.13~ds1 1");
        assert_int_equal(run(h, "containerd", false), -ENOTSUP);
        assert_says(h, "older than 1.6");
}

static void crio_is_told_to_be_untried(void **state) {
        struct host *h = *state;

        write_program(h, "usr/bin/crio", "");
        assert_int_equal(run(h, "crio", false), 0);
        assert_says(h, "untried");
        assert_says(h, "sudo systemctl restart crio");
        assert_int_equal(run(h, "crio", true), 0);
        assert_false(is_there(h, &HOOKS_LINK[1]));
}

static void write_containerd(const struct host *h) {
        write_program(h, "usr/bin/containerd",
                        "case $1 in\n"
                        "--version) echo containerd github.com/x v1.7.24 1 ;;\n"
                        "*) [ ! -e picky ] || { echo 'bad toml' >&2; exit 1; }; cat $2 ;;\n"
                        "esac");
        tree_write(&h->tree, TOML, "version = 2\n");
}

static void containerd_gets_its_lines_and_is_never_restarted(void **state) {
        struct host *h = *state;

        write_containerd(h);
        assert_int_equal(run(h, "containerd", false), 0);
        assert_says(h, "is yours to choose: sudo systemctl restart containerd");
        assert_says(h, "ctr run --runc-binary " DTGOV_LIBEXECDIR "/dtgov-runtime");
        assert_int_equal(run(h, "containerd", false), 0);
        assert_says(h, "nothing to do");
        assert_int_equal(run(h, "containerd", true), 0);
        assert_file(h, TOML, "version = 2\n");
        assert_false(is_there(h, TOML CONF_BACKUP));
        assert_int_equal(unlink(at(h, TOML)), 0);
        assert_int_equal(run(h, "containerd", false), 0);
        assert_int_equal(run(h, "containerd", true), 0);
        assert_false(is_there(h, TOML));
}

static void containerd_that_would_not_take_it_is_left_alone(void **state) {
        struct host *h = *state;

        write_containerd(h);
        tree_write(&h->tree, "state/picky", "");
        assert_int_equal(run(h, "containerd", false), -EINVAL);
        assert_says(h, "bad toml");
        tree_write(&h->tree, TOML, "root = \"/x\"\n");
        assert_int_equal(run(h, "containerd", false), -EEXIST);
        assert_says(h, "these lines would do it, by hand:\n[plugins.");
        tree_write(&h->tree, TOML, "disabled_plugins = [\"cri\"]\n");
        assert_int_equal(run(h, "containerd", false), -ENOTSUP);
        assert_says(h, "ctr run --runc-binary");
        tree_write(&h->tree, "proc/7/comm", "containerd\n");
        write_command_line(h, 7, "containerd");
        tree_write(&h->tree, TOML, "version = 2\n");
        assert_int_equal(unlink(at(h, "state/picky")), 0);
        assert_int_equal(run(h, "containerd", false), 0);
        write_command_line(h, 7, "containerd --config /var/run/docker/containerd/containerd.toml");
        assert_int_equal(run(h, "containerd", false), 0);
        write_command_line(h, 7, "containerd --config /var/lib/rancher/k3s/agent/etc/c.toml");
        assert_int_equal(run(h, "containerd", false), -ENOTSUP);
        assert_says(h, "/var/lib/rancher/k3s/agent/etc/c.toml");
}

/* A whole command, what it printed in h->said. Returns: its exit status */
static int command(struct host *h, char *first, char *second, char *third) {
        struct cli c = { .run_dir = h->tree.path, .root = h->tree.path };
        char *argv[] = { (char[]){ "dtgov" }, first, second, third, NULL };
        int in = dup(STDIN_FILENO), null = open("/dev/null", O_RDONLY | O_CLOEXEC), r;
        FILE *out = tmpfile();
        size_t n;

        assert_non_null(out);
        assert_true(dup2(null, STDIN_FILENO) >= 0);
        out_init(&c.out, out);
        r = dtgov_main(&c, third ? 4 : second ? 3 : 2, argv);
        cli_done(&c);
        assert_true(dup2(in, STDIN_FILENO) >= 0);
        (void)close(in);
        (void)close(null);
        rewind(out);
        n = fread(h->said, 1, sizeof(h->said) - 1, out);
        h->said[n] = '\0';
        (void)fclose(out);
        return r;
}

static int set_up_docker(struct host *h, const char *option) {
        char text[16];

        (void)snprintf(text, sizeof(text), "%s", option);
        return command(h, (char[]){ "setup" }, (char[]){ "docker" }, option[0] ? text : NULL);
}

static void the_command_has_its_exit_statuses(void **state) {
        struct host *h = *state;

        assert_int_equal(set_up_docker(h, ""), EXIT_USAGE); /* off a terminal */
        assert_file(h, JSON, OLD);
        assert_int_equal(command(h, (char[]){ "setup" }, (char[]){ "lxc" }, NULL), EXIT_USAGE);
        assert_int_equal(command(h, (char[]){ "setup" }, (char[]){ "crio" }, NULL), EXIT_ERROR);
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

/* What the doctor says of an engine. */
static void assert_doctor(struct host *h, const char *want) {
        (void)command(h, (char[]){ "doctor" }, (char[]){ "--json" }, NULL);
        assert_says(h, want);
}

static void doctor_says_what_docker_has_and_what_mends_it(void **state) {
        struct host *h = *state;

        assert_doctor(h, "\"id\":\"docker\",\"state\":\"warn\",\"text\":\"Docker does not start "
                         "containers by dtgov's runtime: they are found late\",\"mend\":\"sudo "
                         "dtgov "
                         "setup docker\"");
        assert_int_equal(run(h, "docker", false), 0);
        assert_doctor(h, "\"id\":\"docker\",\"state\":\"ok\"");
        tree_write(&h->tree, "state/default", "runc\n");
        assert_doctor(h, "Docker has not read it\",\"mend\":\"sudo systemctl reload docker\"");
        assert_int_equal(unlink(at(h, &DTGOV_LIBEXECDIR "/dtgov-runtime"[1])), 0);
        assert_doctor(h, "\"id\":\"docker\",\"state\":\"broken\"");
        assert_doctor(h, "is missing: no new container starts\",\"mend\":\"sudo dtgov setup docker "
                         "--undo");
        tree_write(&h->tree, "state/ids", "id1\n");
        tree_write(&h->tree, "state/inspect", "dtgov id1 /api\n");
        tree_write(&h->tree, JSON, "{\"runtimes\":{\"dtgov\":{\"path\":\"/gone/dtgov-runc\"}}}");
        assert_doctor(h, "containers made by it do not start: api");
        tree_write(&h->tree, JSON, "{\"runtimes\":{\"dtgov\":{\"path\":\"/usr/bin/runc\"}}}");
        assert_doctor(h, "not the default, but made by dtgov's runtime: api");
        tree_write(&h->tree, JSON, "{");
        assert_doctor(h, "\"state\":\"broken\",\"text\":\"/etc/docker/daemon.json: not JSON");
}

static void doctor_says_what_the_others_have(void **state) {
        struct host *h = *state;

        write_podman(h);
        write_containerd(h);
        assert_doctor(h, "Podman does not call dtgov's hook");
        assert_doctor(h, "\"id\":\"containerd\",\"state\":\"ok\"");
        assert_int_equal(run(h, "podman", false), 0);
        assert_int_equal(run(h, "containerd", false), 0);
        assert_doctor(h, "\"id\":\"podman\",\"state\":\"ok\"");
        assert_doctor(h, "the handler \\\"dtgov\\\" is");
        assert_int_equal(unlink(at(h, DROP)), 0);
        assert_doctor(h, "Podman does not read the folder");
        assert_int_equal(unlink(at(h, &DTGOV_HOOKSDIR "/dtgov.json"[1])), 0);
        assert_int_equal(unlink(at(h, &DTGOV_LIBEXECDIR "/dtgov-runtime"[1])), 0);
        assert_doctor(h, "leads to " DTGOV_HOOKSDIR "/dtgov.json, which is missing");
        assert_doctor(h, "\"id\":\"containerd\",\"state\":\"broken\"");
        assert_int_equal(unlink(at(h, &HOOKS_LINK[1])), 0);
        tree_write(&h->tree, &HOOKS_LINK[1], "{\"hook\": {\"path\": \"/x/dtgov-hook\"}}");
        assert_doctor(h, "\"id\":\"podman\",\"state\":\"broken\"");
}

#define ON_HOST(test)   cmocka_unit_test_setup_teardown(test, make_host, drop_host)
#define ON_DOCKER(test) cmocka_unit_test_setup_teardown(test, make_docker, drop_host)

int main(void) {
        const struct CMUnitTest tests[] = {
                ON_DOCKER(docker_is_set_up_checked_and_undone_byte_for_byte),
                ON_DOCKER(a_file_that_was_not_there_goes_again),
                ON_DOCKER(the_entry_stays_while_containers_need_it),
                ON_DOCKER(what_others_added_since_stays),
                ON_DOCKER(an_engine_that_does_not_run_is_set_up_and_said_to_be_unchecked),
                ON_DOCKER(an_engine_that_does_not_take_it_is_as_it_was),
                ON_DOCKER(a_container_that_no_longer_starts_takes_it_back),
                ON_DOCKER(without_an_image_or_a_client_it_says_what_was_not_checked),
                ON_DOCKER(a_client_that_gets_no_answer_takes_it_back),
                ON_DOCKER(nothing_is_written_in_a_dry_run_or_after_a_no),
                ON_DOCKER(what_changed_while_a_person_thought_is_not_overwritten),
                cmocka_unit_test(what_is_not_as_it_should_be_is_refused_with_what_to_do),
                ON_DOCKER(a_file_of_somebody_else_is_refused),
                ON_DOCKER(of_two_that_are_installed_the_one_that_runs_counts),
                ON_DOCKER(the_file_that_the_command_line_names_counts),
                ON_DOCKER(mode_and_owner_stay),
                ON_HOST(podman_gets_a_link_and_a_drop_in_and_undo_leaves_no_trace),
                ON_HOST(a_list_of_hooks_that_is_there_is_not_overruled),
                ON_HOST(a_hook_that_was_made_by_hand_stays),
                ON_HOST(podman_that_starts_nothing_with_the_hook_is_as_it_was),
                ON_HOST(an_engine_that_is_missing_or_old_is_named),
                ON_HOST(crio_is_told_to_be_untried),
                ON_HOST(containerd_gets_its_lines_and_is_never_restarted),
                ON_HOST(containerd_that_would_not_take_it_is_left_alone),
                ON_DOCKER(the_command_has_its_exit_statuses),
                ON_DOCKER(what_a_file_holds_gives_a_terminal_no_orders),
                ON_DOCKER(doctor_says_what_docker_has_and_what_mends_it),
                ON_HOST(doctor_says_what_the_others_have),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
