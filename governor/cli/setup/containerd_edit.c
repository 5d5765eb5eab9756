/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/cli/setup/containerd_edit.h"

#include <string.h>

#include "governor/cli/setup/builder.h"
#include "governor/cli/setup/toml_scan.h"

#define BEGIN "# dtgov: begin. \"dtgov setup containerd --undo\" takes these lines away.\n"
#define END   "# dtgov: end.\n"

/* Where the runtimes of CRI are, by version of the document. */
static const struct version {
        const char *number, *plugin;
} versions[] = {
        { "2", "io.containerd.grpc.v1.cri" },
        { "3", "io.containerd.cri.v1.runtime" },
};

/* The row of a document; one that says nothing gets version 2. NULL: another version. */
static const struct version *version_of(const char *text, bool *ret_said) {
        struct toml_item item;
        struct toml_walk walk = { .next = text };
        int found = toml_find(text, "version", &item, NULL);

        *ret_said = found > 0;
        if (found <= 0)
                return toml_next(&walk, &item, NULL) == 0 ? &versions[0] : NULL;
        for (size_t i = 0; i < ARRAY_LEN(versions); i++)
                if (item.value_len == 1 && item.value[0] == versions[i].number[0])
                        return &versions[i];
        return NULL;
}

/* A key below the runtimes of CRI, as toml_find() wants it. */
static void runtime_key(const struct version *v, const char *rest, char out[static TOML_KEY_MAX]) {
        (void)snprintf(out, TOML_KEY_MAX,
                        "plugins" TOML_DOT "%s" TOML_DOT "containerd" TOML_DOT "runtimes" TOML_DOT
                        "%s",
                        v->plugin, rest);
}

/* How the runtime of now is told to use cgroups, for ours to be told the same. */
static bool has_systemd_cgroup(const char *text, const struct version *v) {
        char key[TOML_KEY_MAX];
        struct toml_item item;

        runtime_key(v, "runc" TOML_DOT "options" TOML_DOT "SystemdCgroup", key);
        return toml_find(text, key, &item, NULL) > 0 && item.value_len == 4 &&
               strncmp(item.value, "true", 4) == 0;
}

static void put_lines(FILE *f, const char *text, const struct version *v, const char *program) {
        (void)fprintf(f,
                        "[plugins.\"%s\".containerd.runtimes.dtgov]\n"
                        "  runtime_type = \"io.containerd.runc.v2\"\n"
                        "  [plugins.\"%s\".containerd.runtimes.dtgov.options]\n"
                        "    BinaryName = \"%s\"\n",
                        v->plugin, v->plugin, program);
        if (has_systemd_cgroup(text, v))
                (void)fputs("    SystemdCgroup = true\n", f);
}

int containerd_lines(const char *text, const char *program, char **ret, struct error *err) {
        CLEANUP(builder_done) struct builder b = { 0 };
        bool said;
        const struct version *v = version_of(text, &said);

        if (builder_begin(&b, err) < 0)
                return -ENOMEM;
        put_lines(b.file, text, v ? v : &versions[0], program);
        return builder_end(&b, ret, err);
}

int containerd_program(const char *text, char *out, size_t size, struct error *err) {
        char key[TOML_KEY_MAX];
        struct toml_item item;

        for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
                int r;

                runtime_key(&versions[i], "dtgov" TOML_DOT "options" TOML_DOT "BinaryName", key);
                r = toml_find(text, key, &item, err);
                if (r != 0)
                        return r < 0 ? r : toml_string(&item, out, size) < 0 ? 0 : 1;
        }
        return 0;
}

bool containerd_has_cri(const char *text) {
        struct toml_item item;

        return toml_find(text, "disabled_plugins", &item, NULL) <= 0 ||
               !(toml_array_has(&item, "cri") || toml_array_has(&item, versions[0].plugin) ||
                               toml_array_has(&item, versions[1].plugin));
}

/* Whether one of the tables around ours is written on one line, where nothing can be added. */
static int check_room(const char *text, const struct version *v, struct error *err) {
        struct toml_walk walk = { .next = text };
        struct toml_item item;
        char key[TOML_KEY_MAX];
        int r;

        runtime_key(v, "dtgov", key);
        while ((r = toml_next(&walk, &item, err)) > 0) {
                size_t len = strlen(item.key);

                if (strncmp(item.key, key, strlen(key)) == 0)
                        return error_set(err, -EEXIST,
                                        "a runtime dtgov is there already, by other hands (line "
                                        "%u)",
                                        item.line);
                if (!item.is_table && strncmp(key, item.key, len) == 0 && key[len] == TOML_DOT[0])
                        return error_set(err, -EEXIST,
                                        "line %u is a table within a line: nothing can be put into "
                                        "it safely",
                                        item.line);
        }
        return r;
}

int containerd_edit_setup(const char *text, const char *program, char **ret, struct error *err) {
        CLEANUP(builder_done) struct builder b = { 0 };
        char now[1024];
        const struct version *v;
        bool said, has_lines;
        int r;

        *ret = NULL;
        r = containerd_program(text, now, sizeof(now), err);
        if (r < 0 || (r == 1 && strcmp(now, program) == 0))
                return r < 0 ? r : 0;
        if (!containerd_has_cri(text))
                return error_set(err, -ENOTSUP, "CRI is switched off ('disabled_plugins')");
        v = version_of(text, &said);
        if (!v)
                return error_set(err, -EEXIST, "neither 'version = 2' nor 'version = 3' is there");
        r = check_room(text, v, err);
        if (r < 0)
                return r;
        r = builder_begin(&b, err);
        if (r < 0)
                return r;
        has_lines = text[0] == '\0' || text[strlen(text) - 1] == '\n';
        (void)fprintf(b.file, "%s%s" BEGIN, text, has_lines ? "" : "\n");
        if (!said)
                (void)fprintf(b.file, "version = %s\n", v->number);
        put_lines(b.file, text, v, program);
        (void)fputs(END, b.file);
        r = builder_end(&b, ret, err);
        return r < 0 ? r : 1;
}

int containerd_edit_undo(const char *text, char **ret, struct error *err) {
        CLEANUP(builder_done) struct builder b = { 0 };
        const char *begin = strstr(text, BEGIN), *end;
        int r;

        *ret = NULL;
        if (!begin)
                return 0;
        end = strstr(begin, END);
        if (!end)
                return error_set(err, -EINVAL, "the line \"%.*s\" is missing", (int)strlen(END) - 1,
                                END);
        r = builder_begin(&b, err);
        if (r < 0)
                return r;
        builder_put(&b, text, begin);
        (void)fputs(end + strlen(END), b.file);
        r = builder_end(&b, ret, err);
        return r < 0 ? r : 1;
}
