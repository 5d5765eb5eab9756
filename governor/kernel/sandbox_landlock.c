/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Landlock: which files may be opened, removed or made. What this kernel's Landlock can deny is
 * asked at run time, and all of it is denied but for the listed paths; the constants of newer
 * versions stand here, since the headers may be older than the kernel. Files opened before keep
 * working.
 */
#include "governor/kernel/sandbox.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define FS_REFER     (1ULL << 13) /* version 2 */
#define FS_TRUNCATE  (1ULL << 14) /* version 3 */
#define FS_IOCTL_DEV (1ULL << 15) /* version 5 */
#define FS_V1        ((1ULL << 13) - 1)
#define NET_TCP      3ULL /* bind and connect: version 4 */
#define SCOPE_ALL    3ULL /* abstract Unix sockets, signals: version 6 */

/* As of version 6; a kernel takes a longer structure whose unknown rest is zero. */
struct ruleset {
        uint64_t handled_fs, handled_net, scoped;
};

#define ACCESS_READ  (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define ACCESS_FILES (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE)

static uint64_t access_mask(enum sandbox_access access) {
        switch (access) {
        case SANDBOX_READ:
                return ACCESS_READ;
        case SANDBOX_WRITE:
                return ACCESS_READ | LANDLOCK_ACCESS_FS_WRITE_FILE;
        case SANDBOX_MAKE:
                return ACCESS_READ | LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE |
                       LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE;
        case SANDBOX_READ_UNLINK:
                return ACCESS_READ | LANDLOCK_ACCESS_FS_REMOVE_FILE;
        }
        return 0;
}

static int allow(int ruleset_fd, const char *path, uint64_t access, struct error *err) {
        CLEANUP(closep) int fd = -1;
        struct landlock_path_beneath_attr rule = { 0 };
        struct stat st;

        fd = open(path, O_PATH | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOENT ? 0 : error_errno(err, -errno, "Landlock: %s", path);
        if (fstat(fd, &st) < 0)
                return error_errno(err, -errno, "Landlock: %s", path);

        rule.parent_fd = fd;
        rule.allowed_access = S_ISDIR(st.st_mode) ? access : access & ACCESS_FILES;
        if (rule.allowed_access != 0 && syscall(SYS_landlock_add_rule, ruleset_fd,
                                                        LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
                return error_errno(err, -errno, "Landlock: %s", path);
        return 0;
}

/* What an instrumented program writes when it ends. */
static int allow_coverage(int ruleset_fd, uint64_t handled, struct error *err) {
#ifdef DTGOV_COVERAGE
        const char *prefix = getenv("GCOV_PREFIX");

        return allow(ruleset_fd, prefix ? prefix : ".", handled, err);
#else
        (void)ruleset_fd;
        (void)handled;
        (void)err;
        return 0;
#endif
}

static struct ruleset ruleset_of(long version) {
        struct ruleset set = { .handled_fs = FS_V1 };

        if (version >= 2)
                set.handled_fs |= FS_REFER;
        if (version >= 3)
                set.handled_fs |= FS_TRUNCATE;
        if (version >= 4)
                set.handled_net = NET_TCP;
        if (version >= 5)
                set.handled_fs |= FS_IOCTL_DEV;
        if (version >= 6)
                set.scoped = SCOPE_ALL;
        return set;
}

int sandbox_landlock(const struct sandbox *s, struct error *err) {
        CLEANUP(closep) int fd = -1;
        struct ruleset set;
        long version;
        int r;

        version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
        if (version < 0 && (errno == ENOSYS || errno == EOPNOTSUPP))
                return error_set(err, -EOPNOTSUPP,
                                "this kernel has no Landlock, or has it off: boot with landlock "
                                "in lsm=, or give --allow-unsandboxed");
        if (version < 0)
                return error_errno(err, -errno, "Landlock");

        set = ruleset_of(version);
        fd = (int)syscall(SYS_landlock_create_ruleset, &set, sizeof(set), 0);
        if (fd < 0)
                return error_errno(err, -errno, "Landlock");

        for (size_t i = 0; i < s->paths_count; i++) {
                r = allow(fd, s->paths[i].path, access_mask(s->paths[i].access) & set.handled_fs,
                                err);
                if (r < 0)
                        return r;
        }
        r = allow_coverage(fd, set.handled_fs, err);
        if (r < 0)
                return r;

        if (syscall(SYS_landlock_restrict_self, fd, 0) < 0)
                return error_errno(err, -errno, "Landlock");
        return 0;
}
