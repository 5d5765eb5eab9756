/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/cli/setup/docker_find.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "governor/cli/setup/program.h"
#include "state/file.h"
#include "state/parse.h"
#include "state/text.h"

#define SNAP        "/snap/docker/current/bin/dockerd"
#define LEAST_MAJOR 20
#define LEAST_MINOR 10
#define ASK_SECONDS PROGRAM_PATIENCE_S

static const char *const places[] = { "/usr/bin/dockerd", "/usr/sbin/dockerd",
        "/usr/local/bin/dockerd", "/usr/local/sbin/dockerd", SNAP };

/* Reads a small file below the root; "" when it cannot be read. */
static size_t read_small(const char *root, const char *path, char *out, size_t size) {
        char full[512];
        ssize_t n;

        (void)snprintf(full, sizeof(full), "%s%s", root, path);
        n = file_read_at(AT_FDCWD, full, out, size);
        if (n < 0)
                out[0] = '\0';
        return n < 0 ? 0 : (size_t)n;
}

/* The dockerd of that number, when it is one: its command line and program. */
static bool is_dockerd(const char *root, pid_t pid) {
        char path[64], comm[32];

        (void)snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
        (void)read_small(root, path, comm, sizeof(comm));
        return strcmp(comm, "dockerd\n") == 0;
}

static pid_t find_running(const char *root) {
        char text[32];
        uint64_t pid;
        const char *end;

        (void)read_small(root, "/run/docker.pid", text, sizeof(text));
        if (parse_u64_prefix(text, &pid, &end) < 0 || pid == 0 || pid > INT32_MAX)
                return 0;
        return is_dockerd(root, (pid_t)pid) ? (pid_t)pid : 0;
}

/* Command line and program of the one that runs; its program is "" where that may not be seen. */
static void read_running(const char *root, struct docker_engine *e) {
        char path[512];
        ssize_t n;
        size_t len;

        (void)snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)e->pid);
        len = read_small(root, path, e->flags, sizeof(e->flags));
        for (size_t i = 0; i + 1 < len; i++)
                if (e->flags[i] == '\0')
                        e->flags[i] = ' ';
        (void)snprintf(path, sizeof(path), "%s/proc/%d/exe", root, (int)e->pid);
        n = readlink(path, e->program, sizeof(e->program) - 1);
        e->program[n < 0 ? 0 : n] = '\0';
        if (n > 10 && strcmp(e->program + n - 10, " (deleted)") == 0) /* upgraded since */
                e->program[n - 10] = '\0';
}

/* What the unit would start it with. Comments count too: a false alarm is better than none. */
static void read_unit(const char *root, struct docker_engine *e) {
        static const char *const argv[] = { "systemctl", "cat", "docker.service", NULL };
        CLEANUP(program_done) struct program_answer answer = { 0 };
        size_t used = read_small(root, "/etc/default/docker", e->flags, sizeof(e->flags) / 2);

        if (program_run(root, argv, ASK_SECONDS, -1, &answer, NULL) == 0)
                (void)text_copy(e->flags + used, sizeof(e->flags) - used, answer.out);
}

static int read_version(const char *root, struct docker_engine *e, struct error *err) {
        const char *const argv[] = { e->program, "--version", NULL };
        CLEANUP(program_done) struct program_answer answer = { 0 };
        uint64_t major, minor;
        const char *p;
        int r = program_run(root, argv, ASK_SECONDS, -1, &answer, err);

        if (r < 0)
                return r;
        p = answer.out + strcspn(answer.out, "0123456789");
        (void)snprintf(e->version, sizeof(e->version), "%.*s", (int)strcspn(p, ", \n"), p);
        if (parse_u64_prefix(p, &major, &p) < 0 || *p != '.' ||
                        parse_u64_prefix(p + 1, &minor, &p) < 0 || major > 10000)
                return error_set(err, -ENOTSUP, "%s does not say its version", e->program);
        e->major = (unsigned)major;
        if (major < LEAST_MAJOR || (major == LEAST_MAJOR && minor < LEAST_MINOR))
                return error_set(err, -ENOTSUP,
                                "Docker %s is older than 20.10, the oldest that dtgov was tried "
                                "with",
                                e->version);
        return 0;
}

/* All that are installed; the first in e->program unless one runs, the others in e->others. */
static unsigned find_installed(const char *root, struct docker_engine *e) {
        struct stat seen[ARRAY_LEN(places)];
        unsigned count = 0;

        for (size_t i = 0; i < ARRAY_LEN(places); i++) {
                char path[512];
                bool known = false;

                if (!program_find(root, places[i], path, sizeof(path)) ||
                                stat(path, &seen[count]) < 0)
                        continue;
                for (unsigned j = 0; j < count; j++) /* /usr/sbin may be a link to /usr/bin */
                        known |= seen[j].st_dev == seen[count].st_dev &&
                                 seen[j].st_ino == seen[count].st_ino;
                if (known)
                        continue;
                count++;
                if (e->program[0] == '\0') {
                        (void)text_copy(e->program, sizeof(e->program), places[i]);
                } else if (strcmp(e->program, places[i]) != 0) {
                        size_t used = strlen(e->others);

                        (void)snprintf(e->others + used, sizeof(e->others) - used, "%s%s",
                                        used ? ", " : "", places[i]);
                }
        }
        return count;
}

/* What --config-file says, else the usual file. */
static void find_config(struct docker_engine *e) {
        static const char flag[] = "--config-file";
        const char *p = strstr(e->flags, flag);

        (void)text_copy(e->config, sizeof(e->config), DOCKER_CONFIG);
        if (!p)
                return;
        p += strlen(flag) + 1;
        (void)snprintf(e->config, sizeof(e->config), "%.*s", (int)strcspn(p, " \n\""), p);
}

int docker_find(const char *root, struct docker_engine *ret, struct error *err) {
        unsigned count;

        *ret = (struct docker_engine){ .pid = find_running(root) };
        if (ret->pid)
                read_running(root, ret);
        else
                read_unit(root, ret);
        count = find_installed(root, ret);
        if (ret->program[0] == '\0')
                return error_set(err, -ENOENT,
                                "Docker is not installed here: there is no dockerd; "
                                "dtgov doctor names the engines that are");
        if (count > 1 && !ret->pid)
                return error_set(err, -ENOTUNIQ,
                                "Docker is installed twice, and neither runs: %s, %s: start the "
                                "one that you use, or remove the other",
                                ret->program, ret->others);
        if (strncmp(ret->program, "/snap/", 6) == 0)
                return error_set(err, -ENOTSUP,
                                "this Docker is a snap, which may execute nothing from outside: "
                                "dtgov finds its containers, but cannot be its runtime");
        find_config(ret);
        if (ret->config[0] != '/')
                return error_set(err, -ENOTSUP, "dockerd runs with --config-file %s: want a path",
                                ret->config);
        return read_version(root, ret, err);
}

const char *docker_conflict(const struct docker_engine *e) {
        static const char *const flags[] = { "--default-runtime", "--add-runtime" };

        for (size_t i = 0; i < ARRAY_LEN(flags); i++)
                if (strstr(e->flags, flags[i]))
                        return flags[i];
        return NULL;
}

/* Whether systemd started that very process, as docker.service. */
static bool is_of_systemd(const char *root, const struct docker_engine *e) {
        static const char *const argv[] = { "systemctl", "show", "--property=MainPID",
                "docker.service", NULL };
        CLEANUP(program_done) struct program_answer answer = { 0 };
        char want[32];

        (void)snprintf(want, sizeof(want), "MainPID=%d\n", (int)e->pid);
        return program_run(root, argv, ASK_SECONDS, -1, &answer, NULL) == 0 &&
               strcmp(answer.out, want) == 0;
}

int docker_reload(const char *root, const struct docker_engine *e, struct error *err) {
        static const char *const argv[] = { "systemctl", "reload", "docker.service", NULL };
        CLEANUP(program_done) struct program_answer answer = { 0 };
        int r;

        if (is_of_systemd(root, e)) {
                r = program_run(root, argv, ASK_SECONDS, -1, &answer, err);
                if (r == 0 && answer.status != 0)
                        return error_set(err, -EIO, "systemctl reload docker: %s", answer.said);
                return r;
        }
        if (!is_dockerd(root, e->pid) || kill(e->pid, SIGHUP) < 0)
                return error_set(err, -ESRCH, "dockerd has ended meanwhile");
        return 0;
}
