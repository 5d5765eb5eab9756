/* SPDX-License-Identifier: Apache-2.0 */
#include "hooks/runtime_conf.h"

#include "state/file.h"
#include "state/text.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

void runtime_conf_default(struct runtime_conf *ret) {
        *ret = (struct runtime_conf){ .hook = DTGOV_LIBEXECDIR "/dtgov-hook" };
}

/* One line, without its end. */
static int take_line(struct runtime_conf *conf, char *line) {
        const struct {
                const char *key;
                char *out;
        } rows[] = {
                { "runtime", conf->runtime },
                { "hook", conf->hook },
                { "registry", conf->registry },
        };
        char *value, *end;

        line += strspn(line, " \t");
        if (*line == '\0' || *line == '#')
                return 0;
        value = line + strcspn(line, " \t");
        if (*value == '\0')
                return -EINVAL;
        *value++ = '\0';
        value += strspn(value, " \t");
        for (end = value + strlen(value); end > value && strchr(" \t\r", end[-1]);)
                *--end = '\0';

        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                if (strcmp(rows[i].key, line) == 0)
                        return *value == '/' && text_copy(rows[i].out, RUNTIME_PATH_MAX, value)
                                               ? 0
                                               : -EINVAL;
        return -EINVAL;
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
        return 0;
}

int runtime_conf_load(const char *path, struct runtime_conf *ret, struct error *err) {
        char text[RUNTIME_CONF_MAX + 1], *rest = text;
        struct runtime_conf conf;
        unsigned number = 0;
        int r;

        runtime_conf_default(ret);
        r = read_trusted(path, text, sizeof(text), err);
        if (r < 0)
                return r;

        runtime_conf_default(&conf);
        for (char *line; (line = strsep(&rest, "\n"));) {
                number++;
                if (take_line(&conf, line) < 0)
                        return error_set(err, -EINVAL,
                                        "%s: line %u is none of \"runtime PATH\", \"hook PATH\", "
                                        "\"registry DIR\"",
                                        path, number);
        }
        *ret = conf;
        return 0;
}

const char *runtime_of_name(const char *argv0) {
        static const char *const names[] = { "runc", "crun", "sysbox-runc",
                "nvidia-container-runtime" };
        static const char prefix[] = "dtgov-";
        const char *slash;

        if (!argv0)
                return NULL;
        slash = strrchr(argv0, '/');
        if (slash)
                argv0 = slash + 1;
        if (strncmp(argv0, prefix, strlen(prefix)) != 0)
                return NULL;
        for (size_t i = 0; i < ARRAY_LEN(names); i++)
                if (strcmp(argv0 + strlen(prefix), names[i]) == 0)
                        return names[i];
        return NULL;
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
        static const char *const places[] = { "/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
                "/usr/bin", "/sbin", "/bin" };

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
