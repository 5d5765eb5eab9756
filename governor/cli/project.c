/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/cli/project.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "state/file.h"
#include "state/text.h"

static const char *const files[] = { ".devcontainer/devcontainer.json", ".devcontainer.json" };

/* Returns: 1 it is there and read, 0 it is not there */
static int try_file(struct project *p, const char *file, struct error *err) {
        CLEANUP(freep) char *text = NULL;
        char path[PROJECT_PATH_MAX + 64];
        size_t len;
        int r;

        (void)snprintf(path, sizeof(path), "%s/%s", p->folder, file);
        r = file_load_at(AT_FDCWD, path, DEVCONTAINER_FILE_MAX, &text, &len);
        if (r == -ENOENT || r == -ENOTDIR)
                return 0;
        p->file = file;
        if (r < 0)
                return error_errno(err, r, "%s", file);
        r = devcontainer_parse(text, len, &p->needs, err);
        return r < 0 ? error_prefix(err, r, "%s", file) : 1;
}

int project_find(const char *start, struct project *ret, struct error *err) {
        char *slash;

        *ret = (struct project){ 0 };
        if (start[0] != '/' || !text_copy(ret->folder, sizeof(ret->folder), start))
                return 0;
        for (;;) {
                for (size_t i = 0; i < ARRAY_LEN(files); i++) {
                        int r = try_file(ret, files[i], err);

                        if (r != 0)
                                return r;
                }
                slash = strrchr(ret->folder, '/');
                if (!slash || ret->folder[0] == '\0')
                        return 0;
                *slash = '\0';
        }
}

int project_here(struct project *ret, struct error *err) {
        char here[PROJECT_PATH_MAX];

        *ret = (struct project){ 0 };
        return getcwd(here, sizeof(here)) ? project_find(here, ret, err) : 0;
}
