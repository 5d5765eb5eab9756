/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel gives: read from /proc and /sys, never changed. */
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

#include "governor/cli/doctor.h"
#include "state/file.h"
#include "state/parse.h"

#define CGROUP_ROOT  "/sys/fs/cgroup"
#define KERNEL_LEAST 506 /* 5.6: openat2(2); from 6.1 on it is tried */
#define KERNEL_TRIED 601

#define AT_BOOT(parameter)                                                                         \
        "add " parameter " to GRUB_CMDLINE_LINUX in /etc/default/grub, then: sudo update-grub && " \
        "sudo reboot"

static void check_version(struct cli *c, struct doctor *d) {
        uint64_t major = 0, minor = 0, version;
        struct utsname u;
        const char *end;

        if (uname(&u) < 0 || parse_u64_prefix(u.release, &major, &end) < 0 || *end != '.' ||
                        parse_u64_prefix(end + 1, &minor, &end) < 0)
                return;
        version = major * 100 + u64_min(minor, 99);
        if (version < KERNEL_LEAST)
                diagnose(d, "kernel", HEALTH_BROKEN,
                                out_format(&c->out, "Linux %s: dtgov needs 5.6", u.release),
                                "install a newer kernel");
        else
                diagnose(d, "kernel", version < KERNEL_TRIED ? HEALTH_WARN : HEALTH_OK,
                                out_format(&c->out, "Linux %s%s", u.release,
                                                version < KERNEL_TRIED ? ": tried from 6.1 on"
                                                                       : ""),
                                "");
}

static void check_cgroup(struct doctor *d) {
        struct statfs s;

        if (statfs(CGROUP_ROOT, &s) == 0 && s.f_type == CGROUP2_SUPER_MAGIC)
                diagnose(d, "cgroup", HEALTH_OK, "unified cgroup v2", "");
        else
                diagnose(d, "cgroup", HEALTH_BROKEN,
                                "cgroup v1 or hybrid: dtgov needs unified cgroup v2",
                                AT_BOOT("systemd.unified_cgroup_hierarchy=1"));
}

static bool has_word(const char *words, const char *word) {
        size_t len = strlen(word);

        for (const char *at = strstr(words, word); at; at = strstr(at + 1, word))
                if ((at == words || at[-1] == ' ') && strchr(" \n", at[len]))
                        return true;
        return false;
}

static void check_controllers(struct cli *c, struct doctor *d) {
        static const char *const wanted[] = { "cpu", "memory", "pids", "io" };
        const char *missing = "";
        char text[512];

        if (file_read_at(AT_FDCWD, CGROUP_ROOT "/cgroup.controllers", text, sizeof(text)) < 0)
                return;
        for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
                if (!has_word(text, wanted[i]))
                        missing = out_format(&c->out, "%s %s", missing, wanted[i]);
        if (missing[0])
                diagnose(d, "controllers",
                                strcmp(missing, " io") == 0 ? HEALTH_WARN : HEALTH_BROKEN,
                                out_format(&c->out, "not there:%s", missing),
                                AT_BOOT("cgroup_enable=memory (and remove cgroup_disable=)"));
        else
                diagnose(d, "controllers", HEALTH_OK, "cpu memory pids io", "");
}

static void check_psi(struct doctor *d) {
        char text[512];

        if (file_read_at(AT_FDCWD, "/proc/pressure/memory", text, sizeof(text)) > 0)
                diagnose(d, "pressure", HEALTH_OK, "PSI is on", "");
        else
                diagnose(d, "pressure", HEALTH_BROKEN,
                                "PSI is off: no pressure is measured, and no rule changes anything",
                                AT_BOOT("psi=1"));
}

static void check_proc(struct doctor *d) {
        char text[64 * KIB], *rest = text, *line;

        if (file_read_at(AT_FDCWD, "/proc/self/mounts", text, sizeof(text)) < 0)
                return;
        while ((line = strsep(&rest, "\n"))) {
                const char *at = strstr(line, "hidepid=");

                if (!strstr(line, " /proc proc ") || !at || at[strlen("hidepid=")] == '0' ||
                                strncmp(at, "hidepid=off", 11) == 0)
                        continue;
                diagnose(d, "proc", HEALTH_WARN,
                                "/proc is mounted with hidepid: no process can be named",
                                "sudo mount -o remount,hidepid=0 /proc");
                return;
        }
        diagnose(d, "proc", HEALTH_OK, "/proc shows processes", "");
}

static void check_landlock(struct cli *c, struct doctor *d) {
        /* The flag LANDLOCK_CREATE_RULESET_VERSION asks which version there is. */
        long version = syscall(SYS_landlock_create_ruleset, NULL, 0, 1);

        if (version > 0)
                diagnose(d, "landlock", HEALTH_OK, out_format(&c->out, "version %ld", version), "");
        else
                diagnose(d, "landlock", HEALTH_WARN, "no Landlock: dtgovd's sandbox is weaker",
                                AT_BOOT("lsm=landlock,... (what /sys/kernel/security/lsm lists)"));
}

void check_kernel(struct cli *c, struct doctor *d) {
        check_version(c, d);
        check_cgroup(d);
        check_controllers(c, d);
        check_psi(d);
        check_proc(d);
        check_landlock(c, d);
}
