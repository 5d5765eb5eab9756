/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/host_fixture.h"

#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

const char *host_at(const struct host *h, const char *path) {
        static char full[4][PATH_MAX];
        static unsigned turn;
        char *out = full[turn++ % ARRAY_LEN(full)];

        (void)snprintf(out, PATH_MAX, "%s/%s", h->tree.path, path);
        return out;
}

void host_write_program(const struct host *h, const char *path, const char *body) {
        char text[2048];

        (void)snprintf(text, sizeof(text), "#!/bin/sh\nroot=%s\ncd $root/state\n%s\n", h->tree.path,
                        body);
        tree_write(&h->tree, path, text);
        assert_int_equal(chmod(host_at(h, path), 0755), 0);
}

void host_write_command_line(const struct host *h, int pid, const char *words) {
        char path[64];
        FILE *f;

        (void)snprintf(path, sizeof(path), "proc/%d/cmdline", pid);
        tree_write(&h->tree, path, "");
        f = fopen(host_at(h, path), "we");
        assert_non_null(f);
        for (const char *p = words; *p; p++)
                (void)fputc(*p == ' ' ? '\0' : *p, f);
        (void)fputc('\0', f);
        assert_int_equal(fclose(f), 0);
}

bool host_has(const struct host *h, const char *path) {
        struct stat st;

        return lstat(host_at(h, path), &st) == 0;
}

void assert_file(const struct host *h, const char *path, const char *want) {
        char text[4096];

        assert_true(file_read_at(AT_FDCWD, host_at(h, path), text, sizeof(text)) >= 0);
        assert_string_equal(text, want);
}

void assert_says(const struct host *h, const char *what) {
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

int host_setup(struct host *h, const char *engine, bool undo) {
        h->said[0] = h->err.text[0] = '\0';
        h->s.undo = undo;
        return setup_run(&h->s, engine, &h->err);
}

int host_command(struct host *h, char *first, char *second, char *third) {
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

static void write_docker(struct host *h) {
        host_write_program(h, "usr/sbin/dockerd",
                        "case $1 in\n"
                        "--version) echo \"Docker version $(cat version), build 1\" ;;\n"
                        "--validate) [ ! -e picky ] || { echo 'bad key' >&2; exit 1; }\n"
                        "esac");
        host_write_program(h, "usr/bin/docker",
                        "[ ! -e down ] || { echo 'Cannot connect' >&2; exit 1; }\n"
                        "case $* in\n"
                        "*' info '*.Runtimes*) cat runtimes ;;\n"
                        "*' info '*) cat default ;;\n"
                        "*' ps '*) cat ids ;;\n"
                        "*' inspect '*) cat inspect ;;\n"
                        "*' image '*) cat images ;;\n"
                        "*' run '*' --runtime dtgov '*) echo \"$*\" > ran; exit $(cat run) ;;\n"
                        "*' run '*' --runtime '*) exit $(cat run-former) ;;\n"
                        "*' run '*) echo \"$*\" > ran; echo 'runc: no' >&2; exit $(cat run) ;;\n"
                        "esac");
        tree_write(&h->tree, "state/version", "26.1.5+dfsg1");
        tree_write(&h->tree, "state/default", "runc\n");
        tree_write(&h->tree, "state/runtimes", "runc \n");
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

        host_write_program(h, "engine",
                        "trap 'new=$(sed -n \"s/.*\\\"default-runtime\\\": "
                        "\\\"\\([^\\\"]*\\)\\\".*/\\1/p\" $root/" JSON ")\n"
                        "[ -e deaf ] || { sed -n \"s/.*\\\"\\(dtgov[a-z-]*\\)\\\": {.*/\\1/p\" "
                        "$root/" JSON " | tr \"\\n\" \" \" > taken; mv taken runtimes; }\n"
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
                (void)execl(host_at(h, "engine"), "dockerd", (char *)NULL);
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
        host_write_command_line(h, h->dockerd, command_line);
        (void)snprintf(path, sizeof(path), "proc/%s/exe", text);
        assert_int_equal(symlink("/usr/sbin/dockerd", host_at(h, path)), 0);
}

int host_make(void **state) {
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
        host_write_program(h, &DTGOV_LIBEXECDIR "/dtgov-runtime"[1], "");
        host_write_program(h, &DTGOV_LIBEXECDIR "/dtgov-hook"[1], "");
        host_write_program(h, "usr/bin/runc", "");
        tree_write(&h->tree, &DTGOV_HOOKSDIR "/dtgov.json"[1],
                        "{\"hook\": {\"path\": \"" DTGOV_LIBEXECDIR "/dtgov-hook\"}}\n");
        *state = h;
        return 0;
}

int host_drop(void **state) {
        struct host *h = *state;

        if (h->dockerd > 0) {
                (void)kill(h->dockerd, SIGKILL);
                (void)waitpid(h->dockerd, NULL, 0);
        }
        tree_remove(&h->tree);
        free(h);
        return 0;
}

int host_make_docker(void **state) {
        (void)host_make(state);
        write_docker(*state);
        start_dockerd(*state, "/usr/sbin/dockerd");
        return 0;
}

void host_write_podman(const struct host *h) {
        host_write_program(h, "usr/bin/podman",
                        "case $* in\n"
                        "--version) echo podman version $(cat version) ;;\n"
                        "*'image '*) echo 'sha256:1 busybox:latest' ;;\n"
                        "*'run '*) [ ! -L $root" HOOKS_LINK " ] || exit $(cat run) ;;\n"
                        "esac");
        tree_write(&h->tree, "state/version", "4.3.1");
        tree_write(&h->tree, "state/run", "0");
}

void host_write_containerd(const struct host *h) {
        host_write_program(h, "usr/bin/containerd",
                        "case $1 in\n"
                        "--version) echo containerd github.com/x v1.7.24 1 ;;\n"
                        "*) [ ! -e picky ] || { echo 'bad toml' >&2; exit 1; }; cat $2 ;;\n"
                        "esac");
        tree_write(&h->tree, TOML, "version = 2\n");
}
