/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/cli/setup/hooks_dir.h"

#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>

#include "governor/cli/setup/conf_file.h"
#include "governor/cli/setup/program.h"
#include "governor/cli/setup/toml_scan.h"
#include "state/json.h"
#include "state/parse.h"
#include "state/text.h"

#define PACKAGED "/usr/share/containers/oci/hooks.d"
#define LOCAL    "/etc/containers/oci/hooks.d"

#define LEAST_PODMAN 4
#define ASK_SECONDS  PROGRAM_PATIENCE_S

const struct hooks_engine hooks_podman = {
        .name = "podman",
        .title = "Podman",
        .program = "podman",
        .files = { "/usr/share/containers/containers.conf", "/etc/containers/containers.conf" },
        .folder = "/etc/containers/containers.conf.d",
        .drop_in = "/etc/containers/containers.conf.d/50-dtgov.conf",
        .table = "engine",
        .key = "engine" TOML_DOT "hooks_dir",
};

const struct hooks_engine hooks_crio = {
        .name = "crio",
        .title = "CRI-O",
        .program = "crio",
        .files = { "/etc/crio/crio.conf" },
        .folder = "/etc/crio/crio.conf.d",
        .drop_in = "/etc/crio/crio.conf.d/50-dtgov.conf",
        .table = "crio.runtime",
        .key = "crio" TOML_DOT "runtime" TOML_DOT "hooks_dir",
};

static int check_podman(const char *root, struct error *err) {
        static const char *const argv[] = { "podman", "--version", NULL };
        CLEANUP(program_done) struct program_answer answer = { 0 };
        struct hooks_state state;
        const char *p;
        uint64_t major;
        int r = program_run(root, argv, ASK_SECONDS, -1, &answer, err);

        if (r < 0)
                return r;
        p = answer.out + strcspn(answer.out, "0123456789");
        if (parse_u64_prefix(p, &major, &p) < 0) {
                /* Nor does it say anything else where its own configuration is broken. */
                r = hooks_read(root, &hooks_podman, &state, err);
                return r < 0 ? r
                             : error_set(err, -ENOTSUP, "podman does not say its version: %s",
                                               answer.said);
        }
        if (major < LEAST_PODMAN)
                return error_set(err, -ENOTSUP,
                                "this Podman is older than 4.0: dtgov finds its containers, but "
                                "was not tried with its hooks");
        return 0;
}

int hooks_find(const char *root, const struct hooks_engine *e, struct error *err) {
        char path[512];

        if (!program_find(root, e->program, path, sizeof(path)))
                return error_set(err, -ENOENT,
                                "%s is not installed here: there is no '%s'; dtgov doctor names "
                                "the engines that are",
                                e->title, e->program);
        return e == &hooks_podman ? check_podman(root, err) : 0;
}

/* One file of the configuration: what it says of the list counts over what came before. */
static int read_list(const char *root, const struct hooks_engine *e, const char *path,
                struct hooks_state *state, struct error *err) {
        CLEANUP(freep) char *text = NULL;
        char full[CONF_PATH_MAX];
        struct toml_item item;
        size_t len;
        int r;

        (void)snprintf(full, sizeof(full), "%s%s", root, path);
        r = file_load_at(AT_FDCWD, full, CONF_MAX, &text, &len);
        if (r == -ENOENT || r == -ELOOP)
                return 0;
        if (r < 0)
                return error_errno(err, r, "%s", path);
        r = toml_find(text, e->key, &item, err);
        if (r < 0)
                return error_prefix(err, r, "%s", path);
        if (strcmp(path, e->drop_in) == 0)
                state->has_drop_in = true;
        else if (r > 0)
                (void)text_copy(state->from, sizeof(state->from), path);
        if (r > 0)
                state->is_read = toml_array_has(&item, LOCAL);
        return 0;
}

static int read_folder(const char *root, const struct hooks_engine *e, struct hooks_state *state,
                struct error *err) {
        char pattern[CONF_PATH_MAX];
        glob_t found;
        int r;

        (void)snprintf(pattern, sizeof(pattern), "%s%s/*.conf", root, e->folder);
        r = glob(pattern, 0, NULL, &found);
        if (r != 0)
                return r == GLOB_NOMATCH ? 0 : error_set(err, -EIO, "%s cannot be read", e->folder);
        for (size_t i = 0; i < found.gl_pathc && r == 0; i++)
                r = read_list(root, e, found.gl_pathv[i] + strlen(root), state, err);
        globfree(&found);
        return r;
}

/* The hook that a file of hooks names. */
static void read_hook(const char *root, const char *text, struct hooks_state *state) {
        CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
        char full[CONF_PATH_MAX];
        const char *path;

        if (json_parse(text, strlen(text), JSON_DEPTH_MAX, &doc, NULL) < 0 ||
                        json_get_string(json_get(json_root(doc), "hook"), "path", &path, NULL) <
                                        0 ||
                        !text_copy(state->hook, sizeof(state->hook), path))
                return;
        state->hook_is_missing = !program_find(root, path, full, sizeof(full));
}

static void read_target(const char *root, const struct conf_file *link, struct hooks_state *state) {
        CLEANUP(freep) char *text = NULL;
        char full[CONF_PATH_MAX];
        size_t len;

        state->has_link = true;
        if (!link->is_link) {
                read_hook(root, link->text, state);
                return;
        }
        (void)text_copy(state->target, sizeof(state->target), link->text);
        (void)snprintf(full, sizeof(full), "%s%s", root, link->text);
        state->leads_nowhere = access(full, F_OK) < 0;
        if (file_load_at(AT_FDCWD, full, CONF_MAX, &text, &len) == 0)
                read_hook(root, text, state);
}

int hooks_read(const char *root, const struct hooks_engine *e, struct hooks_state *ret,
                struct error *err) {
        CLEANUP(conf_done) struct conf_file link = { 0 };
        int r = 0;

        *ret = (struct hooks_state){ 0 };
        for (size_t i = 0; i < ARRAY_LEN(e->files) && e->files[i] && r == 0; i++)
                r = read_list(root, e, e->files[i], ret, err);
        if (r == 0)
                r = read_folder(root, e, ret, err);
        if (r == 0)
                r = conf_load_link(root, HOOKS_LINK, &link, err);
        if (r < 0)
                return r;
        if (link.exists)
                read_target(root, &link, ret);
        return 0;
}

void hooks_drop_in(const struct hooks_engine *e, char *out, size_t size) {
        (void)snprintf(out, size,
                        "# Made by \"dtgov setup %s\"; --undo removes it.\n"
                        "[%s]\n"
                        "hooks_dir = [\"" PACKAGED "\", \"" LOCAL "\"]\n",
                        e->name, e->table);
}
