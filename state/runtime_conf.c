/* SPDX-License-Identifier: Apache-2.0 */
#include "state/runtime_conf.h"

#include "state/file.h"
#include "state/text.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Runtimes that the wrapper is linked to the names of, and where they are looked for. */
static const char *const links[] = { "runc", "crun", "sysbox-runc", "nvidia-container-runtime" };
static const char *const places[] = { "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin",
        "/sbin", "/bin" };

void runtime_conf_default(struct runtime_conf *ret) {
        *ret = (struct runtime_conf){ .hook = DTGOV_LIBEXECDIR "/dtgov-hook" };
}

/*
 * One line, without its end.
 *
 * Errors: -EINVAL not understood; -EBADMSG the same, and it may be the one that names the runtime:
 * a path is in it
 */
static int take_line(struct runtime_conf *conf, char *line) {
        const struct {
                const char *key;
                char *out;
                int error;
        } rows[] = {
                { "runtime", conf->runtime, -EBADMSG },
                { "hook", conf->hook, -EINVAL },
                { "registry", conf->registry, -EINVAL },
        };
        char *value, *end;

        line += strspn(line, " \t");
        for (end = line + strlen(line); end > line && strchr(" \t\r", end[-1]);)
                *--end = '\0';
        if (*line == '\0' || *line == '#')
                return 0;
        value = line + strcspn(line, " \t");
        if (*value != '\0')
                *value++ = '\0';
        value += strspn(value, " \t");

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                if (strcmp(rows[i].key, line) != 0)
                        continue;
                if (*value != '/' || strlen(value) >= RUNTIME_PATH_MAX)
                        return rows[i].error;
                (void)text_copy(rows[i].out, RUNTIME_PATH_MAX, value);
                return 0;
        }
        return strchr(line, '/') || strchr(value, '/') ? -EBADMSG : -EINVAL;
}

/* The text of the file, when nobody but root or the caller could have written it. */
static int read_trusted(const char *path, char *text, size_t size, struct error *err) {
        CLEANUP(closep) int fd = -1;
        struct stat st;
        ssize_t len;

        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0)
                return error_errno(err, -errno, "%s", path);
        if (fstat(fd, &st) < 0)
                return error_errno(err, -errno, "%s", path);
        if (!S_ISREG(st.st_mode) || (st.st_uid != 0 && st.st_uid != geteuid()) ||
                        (st.st_mode & (S_IWGRP | S_IWOTH)))
                return error_set(err, -EPERM, "%s: want a file that only root can write", path);
        len = file_read_fd(fd, text, size);
        if (len < 0)
                return error_errno(err, (int)len, "%s", path);
        /* Behind it lines would be passed over, that of the runtime too. */
        if (strlen(text) != (size_t)len)
                return error_set(err, -EINVAL, "%s: a byte of it is NUL", path);
        return 0;
}

static int error_bad_line(struct error *err, int code, const char *path, unsigned number) {
        return error_set(err, code,
                        "%s: line %u is none of \"runtime PATH\", \"hook PATH\", \"registry "
                        "DIR\"%s",
                        path, number, code > 0 ? ": it is ignored" : "");
}

int runtime_conf_load(const char *path, struct runtime_conf *ret, struct error *err) {
        char text[RUNTIME_CONF_MAX + 1], *rest = text;
        struct runtime_conf conf;
        unsigned number = 0, bad = 0, doubtful = 0;
        int r;

        runtime_conf_default(ret);
        r = read_trusted(path, text, sizeof(text), err);
        if (r < 0)
                return r;

        runtime_conf_default(&conf);
        for (char *line; (line = strsep(&rest, "\n"));) {
                number++;
                r = take_line(&conf, line);
                if (r < 0 && bad == 0)
                        bad = number;
                if (r == -EBADMSG && doubtful == 0)
                        doubtful = number;
        }
        if (doubtful > 0 && conf.runtime[0] == '\0')
                return error_bad_line(err, -EINVAL, path, doubtful);
        *ret = conf;
        return bad > 0 ? error_bad_line(err, 1, path, bad) : 0;
}

/* The name as a static text; NULL when no link is called so. */
static const char *find_link(const char *name) {
        for (size_t i = 0; i < ARRAY_LEN(links); i++)
                if (strcmp(name, links[i]) == 0)
                        return links[i];
        return NULL;
}

bool runtime_has_link(const char *name) {
        return find_link(name) != NULL;
}

bool runtime_is_usual(const char *path) {
        const char *slash = strrchr(path, '/');

        if (!slash)
                return true;
        for (size_t i = 0; i < ARRAY_LEN(places); i++)
                if (strlen(places[i]) == (size_t)(slash - path) &&
                                strncmp(places[i], path, (size_t)(slash - path)) == 0)
                        return true;
        return false;
}

const char *runtime_of_name(const char *argv0) {
        static const char prefix[] = "dtgov-";
        const char *slash;

        if (!argv0)
                return NULL;
        slash = strrchr(argv0, '/');
        if (slash)
                argv0 = slash + 1;
        return strncmp(argv0, prefix, strlen(prefix)) == 0 ? find_link(argv0 + strlen(prefix))
                                                           : NULL;
}

void runtime_name(const char *path, char out[static RUNTIME_NAME_MAX]) {
        static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                      "0123456789_.-";
        const char *slash = strrchr(path, '/');

        (void)text_copy(out, RUNTIME_NAME_MAX, slash ? slash + 1 : path);
        for (char *p = out; *(p += strspn(p, allowed)) != '\0';)
                *p = '_';
}

bool runtime_is_self(const char *path) {
        struct stat self, other;

        return stat("/proc/self/exe", &self) == 0 && stat(path, &other) == 0 &&
               self.st_dev == other.st_dev && self.st_ino == other.st_ino;
}

int runtime_find(const char *name, char out[static RUNTIME_PATH_MAX]) {
        for (size_t i = 0; i < ARRAY_LEN(places); i++) {
                char path[RUNTIME_PATH_MAX];
                int n = snprintf(path, sizeof(path), "%s/%s", places[i], name);

                if (n < 0 || (size_t)n >= sizeof(path) || access(path, X_OK) < 0 ||
                                runtime_is_self(path))
                        continue;
                memcpy(out, path, sizeof(path));
                return 0;
        }
        return -ENOENT;
}

int runtime_resolve(const char *argv0, const char *conf_path, char out[static RUNTIME_PATH_MAX],
                struct error *err) {
        const char *name = runtime_of_name(argv0);
        struct runtime_conf conf;
        struct error why;
        int r;

        if (!name) {
                r = runtime_conf_load(conf_path, &conf, &why);
                if (r < 0 && r != -ENOENT)
                        return error_set(err, r,
                                        "cannot tell which runtime to start: %.300s: mend it, or "
                                        "remove it for runc",
                                        why.text);
                if (conf.runtime[0] != '\0') {
                        if (runtime_is_self(conf.runtime))
                                return error_set(err, -ELOOP, "%s: runtime %s is dtgov-runtime",
                                                conf_path, conf.runtime);
                        memcpy(out, conf.runtime, sizeof(conf.runtime));
                        return 0;
                }
                name = "runc";
        }
        r = runtime_find(name, out);
        if (r < 0)
                return error_set(err, r, "no %s in the usual directories", name);
        return 0;
}
