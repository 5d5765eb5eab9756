/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/cli/setup/containerd_find.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "governor/cli/setup/program.h"
#include "state/file.h"
#include "state/parse.h"

#define LEAST_MINOR 6 /* of 1 */

static int check_version(const char *root, struct error *err) {
        static const char *const argv[] = { "containerd", "--version", NULL };
        CLEANUP(program_done) struct program_answer answer = { 0 };
        uint64_t major = 0, minor = 0;
        int r = program_run(root, argv, PROGRAM_PATIENCE_S, -1, &answer, err);

        if (r == -ENOENT)
                return error_set(err, r,
                                "containerd is not installed here; dtgov doctor names the engines "
                                "that are");
        if (r < 0)
                return r;
        /* "containerd github.com/containerd/containerd v1.7.24 REVISION"; Debian has no "v". */
        for (const char *p = answer.out; (p = strchr(p, ' '));) {
                p += 1 + (p[1] == 'v');
                if (parse_u64_prefix(p, &major, &p) == 0 && *p == '.' &&
                                parse_u64_prefix(p + 1, &minor, &p) == 0)
                        break;
        }
        if (major == 0 || (major == 1 && minor < LEAST_MINOR))
                return error_set(err, -ENOTSUP,
                                "this containerd is older than 1.6, the oldest that dtgov was "
                                "tried with");
        return 0;
}

/* The file that a command line names; "" when it names none. */
static void config_of(const char *line, size_t len, char *out, size_t size) {
        const char *next = line;

        out[0] = '\0';
        for (const char *p = line; p < line + len; p = next) {
                next = p + strlen(p) + 1;
                if (strncmp(p, "--config=", 9) == 0)
                        (void)snprintf(out, size, "%s", p + 9);
                else if ((strcmp(p, "--config") == 0 || strcmp(p, "-c") == 0) && next < line + len)
                        (void)snprintf(out, size, "%s", next);
        }
}

/* Whether Docker started that containerd, for itself alone: nobody else's containers are in it. */
static bool is_of_docker(const char *config) {
        return strncmp(config, "/var/run/docker/", 16) == 0 ||
               strncmp(config, "/run/docker/", 12) == 0;
}

/* One that reads another file than the usual, like that of k3s, gets it from somebody else. */
static void check_process(const char *root, const char *pid, bool *ret_usual, char *other) {
        char path[512], comm[32], line[8192], config[256];
        ssize_t n;

        (void)snprintf(path, sizeof(path), "%s/proc/%s/comm", root, pid);
        if (file_read_at(AT_FDCWD, path, comm, sizeof(comm)) < 0 ||
                        strcmp(comm, "containerd\n") != 0)
                return;
        (void)snprintf(path, sizeof(path), "%s/proc/%s/cmdline", root, pid);
        n = file_read_at(AT_FDCWD, path, line, sizeof(line));
        if (n < 0)
                return;
        config_of(line, (size_t)n, config, sizeof(config));
        if (config[0] == '\0' || strcmp(config, CONTAINERD_CONFIG) == 0)
                *ret_usual = true;
        else if (!is_of_docker(config))
                (void)snprintf(other, 256, "%s", config);
}

int containerd_find(const char *root, struct error *err) {
        char path[512], other[256] = "";
        bool is_usual = false;
        DIR *dir;
        int r = check_version(root, err);

        if (r < 0)
                return r;
        (void)snprintf(path, sizeof(path), "%s/proc", root);
        dir = opendir(path);
        for (struct dirent *entry; dir && (entry = readdir(dir));)
                if (isdigit((unsigned char)entry->d_name[0]))
                        check_process(root, entry->d_name, &is_usual, other);
        if (dir)
                (void)closedir(dir);
        if (other[0] && !is_usual)
                return error_set(err, -ENOTSUP,
                                "the containerd that runs reads %s, which another program writes: "
                                "set it up there",
                                other);
        return 0;
}
