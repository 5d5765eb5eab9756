/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dtgov-runtime [--dtgov-conf FILE] ARG...: stands where an engine expects an OCI runtime. On
 * create, run and restore it first adds dtgov's hooks to the bundle's config.json; then, and for
 * everything else at once, it becomes the real runtime by execve(2): same process, arguments,
 * environment, directory and descriptors. It never forks, since an engine ties the parent-death
 * signal, the exit status and the controlling terminal to this process.
 *
 * It never stops a container from starting. What fails is told in the runtime's log as a warning,
 * and the real runtime gets the file as it was. Only where it cannot be known which runtime is the
 * real one, or there is none, does it end with an error.
 *
 * Everything that it believes comes from root: its own name, the configuration, which an argument
 * may name since whoever chooses the arguments runs a program as root anyway. Nothing comes from
 * the environment, which may be that of a container image.
 */
#include "hooks/runtime_args.h"
#include "hooks/runtime_edit.h"
#include "hooks/runtime_guard.h"
#include "hooks/runtime_log.h"
#include "state/runtime_conf.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define CONF_PATH "/etc/dtgov/runtime.conf"
#define CONF_FLAG "--dtgov-conf"

/* A missing hook would fail the start of every container: then there is none to add. */
static bool hook_is_there(const char *path) {
        struct stat st;

        return stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
               faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0;
}

static int add_hooks(const struct runtime_args *args, const char *conf_path, const char *runtime,
                struct error *err) {
        struct hook_entry hook = { 0 };
        char name[RUNTIME_NAME_MAX];
        struct runtime_conf conf;
        int r;

        r = runtime_conf_load(conf_path, &conf, err);
        if (r < 0 && r != -ENOENT)
                return r;
        if (r > 0)
                runtime_log_warning(args->log, err->text);
        if (!hook_is_there(conf.hook))
                return error_set(err, -ENOENT, "%s is missing", conf.hook);
        if (args->config && strchr(args->config, '/'))
                return error_set(err, -EINVAL, "--config %s is not in the bundle", args->config);

        hook.path = conf.hook;
        hook.registry = conf.registry[0] != '\0' ? conf.registry : NULL;
        runtime_name(runtime, name);
        hook.runtime = name[0] != '\0' ? name : NULL;
        return runtime_edit_bundle(args->bundle ? args->bundle : ".",
                        args->config ? args->config : "config.json", &hook, err);
}

int main(int argc, char **argv) {
        const char *conf_path = CONF_PATH, *argv0 = argc > 0 ? argv[0] : NULL;
        static char runtime[RUNTIME_PATH_MAX];
        struct runtime_args args = { 0 };
        struct error err = { "" };
        int r, understood;

        if (argc >= 3 && strcmp(argv[1], CONF_FLAG) == 0) {
                conf_path = argv[2];
                argv += 2;
                argc -= 2;
        }
        r = runtime_resolve(argv0, conf_path, runtime, &err);
        if (r < 0) {
                (void)runtime_args_parse(argc, argv, &args);
                runtime_log_error(args.log, err.text);
                return 1;
        }
        if (argc > 0)
                argv[0] = runtime;

        runtime_guard_start(runtime, argv);
        understood = runtime_args_parse(argc, argv, &args);
        if (understood == 0 && args.edit && add_hooks(&args, conf_path, runtime, &err) < 0)
                runtime_log_warning(args.log, err.text);
        runtime_guard_end();

        (void)execve(runtime, argv, environ);
        (void)error_errno(&err, -errno, "cannot execute %s", runtime);
        runtime_log_error(args.log, err.text);
        return 1;
}
