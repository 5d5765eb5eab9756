/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/kernel/sandbox.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* The bounding set shrinks only while CAP_SETPCAP is there; without it nothing can be gained from
 * it either, since no_new_privs follows. */
static int drop_bounding(uint64_t keep) {
        for (int cap = 0; cap < 64; cap++) {
                int r = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);

                if (r < 0) /* one more than this kernel knows */
                        return 0;
                if (r == 0 || (keep >> cap & 1))
                        continue;
                if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 && errno != EPERM)
                        return -errno;
        }
        return 0;
}

static int set_capabilities(uint64_t keep) {
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct data[2], had[2];

        if (syscall(SYS_capget, &header, had) < 0)
                return -errno;
        for (int i = 0; i < 2; i++) {
                data[i].permitted = had[i].permitted & (uint32_t)(keep >> (32 * i));
                data[i].effective = data[i].permitted;
                data[i].inheritable = 0;
        }
        return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

static int become(uid_t uid, gid_t gid, struct error *err) {
        if ((uid != (uid_t)-1 || gid != (gid_t)-1) && setgroups(0, NULL) < 0)
                return error_errno(err, -errno, "cannot give up groups");
        if (gid != (gid_t)-1 && setresgid(gid, gid, gid) < 0)
                return error_errno(err, -errno, "cannot become gid %u", gid);
        if (uid != (uid_t)-1 && setresuid(uid, uid, uid) < 0)
                return error_errno(err, -errno, "cannot become uid %u", uid);
        return 0;
}

int sandbox_drop(const struct sandbox *s, struct error *err) {
        int r;

        r = drop_bounding(s->capabilities);
        if (r < 0)
                return error_errno(err, r, "cannot drop from the bounding set");

        /* Without it a change from uid 0 clears the permitted set. */
        if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
                return error_errno(err, -errno, "cannot keep capabilities");
        r = become(s->uid, s->gid, err);
        if (r < 0)
                return r;
        if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
                return error_errno(err, -errno, "cannot reset PR_SET_KEEPCAPS");

        r = set_capabilities(s->capabilities);
        if (r < 0)
                return error_errno(err, r, "cannot drop capabilities");
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
                return error_errno(err, -errno, "cannot clear ambient capabilities");
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return error_errno(err, -errno, "cannot set no_new_privs");
        if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
                return error_errno(err, -errno, "cannot set PR_SET_DUMPABLE");
        return 0;
}

/* Other threads would stay outside of Landlock. A directory of /proc has two links more than
 * entries. */
static bool is_single_threaded(void) {
        struct stat st;

        return stat("/proc/self/task", &st) < 0 || st.st_nlink <= 3;
}

int sandbox_enter(const struct sandbox *s, struct error *err) {
        struct error missing[2];
        int landlock, seccomp;

        if (!is_single_threaded())
                return error_set(err, -EBUSY, "sandbox: there are threads already");
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return error_errno(err, -errno, "cannot set no_new_privs");

        landlock = sandbox_landlock(s, &missing[0]);
        if (landlock < 0 && (landlock != -EOPNOTSUPP || !s->allow_unsandboxed))
                return error_set(err, landlock, "%s", missing[0].text);
        seccomp = sandbox_seccomp(s, &missing[1]);
        if (seccomp < 0 && (seccomp != -EOPNOTSUPP || !s->allow_unsandboxed))
                return error_set(err, seccomp, "%s", missing[1].text);

        if (landlock == 0 && seccomp == 0)
                return 0;
        return error_set(err, 1, "%.150s%s%.150s", landlock < 0 ? missing[0].text : "",
                        landlock < 0 && seccomp < 0 ? "; " : "",
                        seccomp < 0 ? missing[1].text : "");
}

static bool can_open(const char *path, int flags) {
        CLEANUP(closep) int fd = open(path, flags | O_CLOEXEC | O_NOCTTY);

        return fd >= 0;
}

int sandbox_selftest(const char *cgroup_root, struct error *err) {
        uid_t other = getuid() + 1;
        char path[1200];

        if (can_open("/etc/shadow", O_RDONLY))
                return error_set(err, -ENOTRECOVERABLE, "sandbox: /etc/shadow can be read");
        if (can_open("/proc/sys/kernel/core_pattern", O_WRONLY))
                return error_set(err, -ENOTRECOVERABLE, "sandbox: /proc/sys can be written");

        (void)snprintf(path, sizeof(path), "%s/dtgov-selftest", cgroup_root);
        if (mkdir(path, 0755) == 0) {
                (void)rmdir(path);
                return error_set(err, -ENOTRECOVERABLE, "sandbox: %s could be made", path);
        }
        if (setresuid(other, other, other) == 0)
                return error_set(err, -ENOTRECOVERABLE, "sandbox: could become uid %u", other);
        return 0;
}
