/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever the hook is fed, and whatever /proc says of the process: it returns, and what it has
 * written can be read again. The input is three texts with NULs between: the state, "cgroup" and
 * "stat" of process 4242.
 */
#include "hooks/hook.h"
#include "state/file.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static char root[] = "/tmp/fuzz-hook.XXXXXX";
static int root_fd = -1, registry_fd;
static char proc[64], cgroup[64], registry[64];

static void path_below(const char *name, char out[static 64]) {
        strcpy(out, root);
        strcat(out, name);
}

static void clean_up(void) {
        (void)unlinkat(root_fd, "proc/4242/cgroup", 0);
        (void)unlinkat(root_fd, "proc/4242/stat", 0);
        (void)unlinkat(root_fd, "proc/4242", AT_REMOVEDIR);
        (void)unlinkat(root_fd, "proc", AT_REMOVEDIR);
        (void)unlinkat(root_fd, "cgroup/c1", AT_REMOVEDIR);
        (void)unlinkat(root_fd, "cgroup", AT_REMOVEDIR);
        (void)unlinkat(root_fd, "registry", AT_REMOVEDIR);
        (void)rmdir(root);
}

static void set_up(void) {
        static const char *const dirs[] = { "proc", "proc/4242", "cgroup", "cgroup/c1",
                "registry" };

        if (!mkdtemp(root))
                abort();
        (void)atexit(clean_up);
        root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
                if (mkdirat(root_fd, dirs[i], 0700) < 0)
                        abort();
        registry_fd = openat(root_fd, "registry", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        path_below("/proc", proc);
        path_below("/cgroup", cgroup);
        path_below("/registry", registry);
}

static void write_file(const char *name, const unsigned char *data, size_t size) {
        CLEANUP(closep) int fd = -1;

        fd = openat(root_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (fd < 0 || file_write_all(fd, data, size) < 0)
                abort();
}

static int check_one(void *data, const char *name) {
        struct container c;

        (void)data;
        if (registry_get(registry_fd, name, &c, NULL) < 0)
                abort();
        return registry_remove(registry_fd, name);
}

static size_t piece(const unsigned char *data, size_t size) {
        const unsigned char *end = memchr(data, '\0', size);

        return end ? (size_t)(end - data) : size;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
        struct hook_paths paths = {
                .proc = proc, .cgroup = cgroup, .registry = registry, .runtime = "runc"
        };
        static char state[HOOK_STATE_MAX + 1];
        size_t len, second;

        if (root_fd < 0)
                set_up();
        if (size == 0 || size > HOOK_STATE_MAX)
                return 0;
        len = piece(data, size);
        memcpy(state, data, len);
        state[len] = '\0';
        data += len + (len < size);
        size -= len + (len < size);
        second = size > 0 ? piece(data, size) : 0;
        write_file("proc/4242/cgroup", data, second);
        second += second < size;
        write_file("proc/4242/stat", data + second, size - second);

        (void)hook_run(&paths, state, len);
        if (registry_list(registry_fd, check_one, NULL) < 0)
                abort();
        return 0;
}
