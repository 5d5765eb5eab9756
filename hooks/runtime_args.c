/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runc's parser is Go's flag package: one or two dashes are the same, and everything behind the
 * command may come in any order (urfave/cli moves flags to the front). crun's is argp, which also
 * permutes and knows "-bDIR". What both accept is read the same way here; where they differ, a
 * wrong guess can only name a bundle that is not there or not used.
 */
#include "hooks/runtime_args.h"

#include <string.h>

enum flag {
        FLAG_UNKNOWN,
        FLAG_BOOL,
        FLAG_VALUE,
        FLAG_LOG,
        FLAG_BUNDLE,
        FLAG_CONFIG,
        FLAG_HELP,
};

struct flag_row {
        const char *name;
        enum flag flag;
};

static const struct flag_row global_flags[] = {
        { "debug", FLAG_BOOL },
        { "systemd-cgroup", FLAG_BOOL },
        { "help", FLAG_HELP },
        { "h", FLAG_HELP },
        { "version", FLAG_HELP },
        { "v", FLAG_HELP },
        { "V", FLAG_HELP },
        { "log", FLAG_LOG },
        { "log-format", FLAG_VALUE },
        { "log-level", FLAG_VALUE },
        { "root", FLAG_VALUE },
        { "criu", FLAG_VALUE },
        { "rootless", FLAG_VALUE },
        { "cgroup-manager", FLAG_VALUE },
};

/* Those of create, run and restore. Any other flag of theirs is taken for one without a value. */
static const struct flag_row command_flags[] = {
        { "bundle", FLAG_BUNDLE },
        { "b", FLAG_BUNDLE },
        { "config", FLAG_CONFIG },
        { "f", FLAG_CONFIG },
        { "help", FLAG_HELP },
        { "h", FLAG_HELP },
        { "console-socket", FLAG_VALUE },
        { "pid-file", FLAG_VALUE },
        { "pidfd-socket", FLAG_VALUE },
        { "preserve-fds", FLAG_VALUE },
        { "image-path", FLAG_VALUE },
        { "work-path", FLAG_VALUE },
        { "parent-path", FLAG_VALUE },
        { "manage-cgroups-mode", FLAG_VALUE },
        { "empty-ns", FLAG_VALUE },
        { "lsm-profile", FLAG_VALUE },
        { "lsm-mount-context", FLAG_VALUE },
};

/* The arguments and how far they are read. */
struct cursor {
        char *const *argv;
        int argc, next;
};

static bool is_flag(const char *arg) {
        return arg[0] == '-' && arg[1] != '\0';
}

static enum flag flag_find(
                const struct flag_row *rows, size_t count, const char *name, size_t len) {
        for (size_t i = 0; i < count; i++)
                if (strncmp(rows[i].name, name, len) == 0 && rows[i].name[len] == '\0')
                        return rows[i].flag;
        return FLAG_UNKNOWN;
}

/*
 * Takes one flag, and its value when it has one.
 *
 * @value: the value; NULL when there is none
 */
static enum flag take_flag(
                struct cursor *at, const struct flag_row *rows, size_t count, const char **value) {
        const char *arg = at->argv[at->next++];
        const char *name = arg + (arg[1] == '-' ? 2 : 1), *equals = strchrnul(name, '=');
        enum flag flag = flag_find(rows, count, name, (size_t)(equals - name));

        *value = *equals == '=' ? equals + 1 : NULL;
        if (flag == FLAG_UNKNOWN && arg[1] != '-') {
                /* argp's "-bDIR" */
                flag = flag_find(rows, count, name, 1);
                if (flag != FLAG_BUNDLE && flag != FLAG_CONFIG)
                        return FLAG_UNKNOWN;
                *value = name + 1;
                return flag;
        }
        if (flag >= FLAG_VALUE && flag != FLAG_HELP && !*value && at->next < at->argc)
                *value = at->argv[at->next++];
        return flag;
}

static int parse_globals(struct cursor *at, struct runtime_args *ret, bool *help) {
        while (at->next < at->argc && is_flag(at->argv[at->next])) {
                const char *value;

                if (strcmp(at->argv[at->next], "--") == 0) {
                        at->next++;
                        break;
                }
                switch (take_flag(at, global_flags, ARRAY_LEN(global_flags), &value)) {
                case FLAG_UNKNOWN:
                        return -EINVAL;
                case FLAG_LOG:
                        ret->log = value;
                        break;
                case FLAG_HELP:
                        *help = true;
                        break;
                case FLAG_BOOL:
                case FLAG_VALUE:
                case FLAG_BUNDLE:
                case FLAG_CONFIG:
                        break;
                }
        }
        if (at->next < at->argc)
                ret->command = at->argv[at->next++];
        return 0;
}

static void parse_command(struct cursor *at, struct runtime_args *ret, bool *help) {
        while (at->next < at->argc) {
                const char *value;

                if (!is_flag(at->argv[at->next])) {
                        at->next++;
                        continue;
                }
                if (strcmp(at->argv[at->next], "--") == 0)
                        return;
                switch (take_flag(at, command_flags, ARRAY_LEN(command_flags), &value)) {
                case FLAG_BUNDLE:
                        ret->bundle = value && *value ? value : NULL;
                        break;
                case FLAG_CONFIG:
                        ret->config = value && *value ? value : NULL;
                        break;
                case FLAG_HELP:
                        *help = true;
                        break;
                case FLAG_UNKNOWN:
                case FLAG_BOOL:
                case FLAG_VALUE:
                case FLAG_LOG:
                        break;
                }
        }
}

int runtime_args_parse(int argc, char *const argv[], struct runtime_args *ret) {
        static const char *const edited[] = { "create", "run", "restore" };
        struct cursor at = { argv, argc, 1 };
        bool help = false, edit = false;
        int r;

        *ret = (struct runtime_args){ 0 };
        r = parse_globals(&at, ret, &help);
        if (r < 0)
                return r;
        for (size_t i = 0; ret->command && i < ARRAY_LEN(edited); i++)
                edit = edit || strcmp(ret->command, edited[i]) == 0;
        if (!edit)
                return 0;

        parse_command(&at, ret, &help);
        ret->edit = !help;
        return 0;
}
