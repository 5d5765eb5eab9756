/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seccomp: which system calls work. What is not listed is EPERM and not death, since a new libc may
 * call something else in the middle of a change; death is for what only an intruder would call.
 */
#include "governor/kernel/sandbox.h"

#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

/* Names that this libseccomp does not know are passed over: EPERM then. */
static const char *const deadly[] = { "execve", "execveat", "fork", "vfork", "ptrace",
        "process_vm_readv", "process_vm_writev", "process_madvise", "kcmp", "bpf",
        "perf_event_open", "mount", "umount", "umount2", "mount_setattr", "move_mount", "open_tree",
        "fsopen", "fsconfig", "fsmount", "fspick", "pivot_root", "chroot", "setns", "unshare",
        "keyctl", "add_key", "request_key", "io_uring_setup", "io_uring_enter", "io_uring_register",
        "userfaultfd", "kexec_load", "kexec_file_load", "init_module", "finit_module",
        "delete_module", "open_by_handle_at", "swapon", "swapoff", "reboot", "personality", "acct",
        "quotactl", "modify_ldt", "mknod", "mknodat" };

/* Argument @arg of the call, masked, has to be @value. */
static const struct narrow {
        const char *name;
        unsigned arg;
        uint64_t mask, value;
} narrows[] = {
        { "socket", 0, UINT64_MAX, AF_UNIX },
        { "socketpair", 0, UINT64_MAX, AF_UNIX },
        { "mmap", 2, PROT_EXEC, 0 },
        { "mprotect", 2, PROT_EXEC, 0 },
        { "clone", 0, CLONE_THREAD, CLONE_THREAD },
};

static int allow(scmp_filter_ctx filter, const char *name) {
        int number = seccomp_syscall_resolve_name(name);

        if (number == __NR_SCMP_ERROR)
                return -EINVAL;
        for (size_t i = 0; i < ARRAY_LEN(narrows); i++)
                if (strcmp(narrows[i].name, name) == 0)
                        return seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 1,
                                        SCMP_CMP64(narrows[i].arg, SCMP_CMP_MASKED_EQ,
                                                        narrows[i].mask, narrows[i].value));
        return seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0);
}

static int add_rules(scmp_filter_ctx filter, const struct sandbox *s, struct error *err) {
        int r;

        for (size_t i = 0; i < ARRAY_LEN(deadly); i++) {
                int number = seccomp_syscall_resolve_name(deadly[i]);

                if (number == __NR_SCMP_ERROR)
                        continue;
                r = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, number, 0);
                if (r < 0)
                        return error_errno(err, r, "seccomp: %s", deadly[i]);
        }
        r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
        if (r < 0)
                return error_errno(err, r, "seccomp: clone3");

        for (size_t i = 0; i < s->syscalls_count; i++) {
                r = allow(filter, s->syscalls[i]);
                if (r < 0)
                        return error_errno(err, r, "seccomp: %s", s->syscalls[i]);
        }
#ifdef DTGOV_COVERAGE
        /* What gcov calls when the program ends. */
        static const char *const coverage[] = { "openat", "mkdir", "fcntl", "lseek", "ftruncate",
                "newfstatat", "read", "write", "close" };

        for (size_t i = 0; i < ARRAY_LEN(coverage); i++)
                (void)allow(filter, coverage[i]);
#endif
        return 0;
}

static void release(scmp_filter_ctx *filter) {
        seccomp_release(*filter);
}

int sandbox_seccomp(const struct sandbox *s, struct error *err) {
        CLEANUP(release) scmp_filter_ctx filter = NULL;
        int r;

        filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
        if (!filter)
                return error_set(err, -ENOMEM, "seccomp: no memory");
        r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
        if (r == 0)
                r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
        if (r == 0) /* a balanced tree instead of a list of some hundred comparisons */
                r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
        if (r < 0)
                return error_errno(err, r, "seccomp");

        r = add_rules(filter, s, err);
        if (r < 0)
                return r;
        r = seccomp_load(filter);
        if (r == -EINVAL || r == -ECANCELED || r == -ENOSYS || r == -EOPNOTSUPP)
                return error_set(err, -EOPNOTSUPP,
                                "this kernel has no seccomp filters: take one that has, or give "
                                "--allow-unsandboxed");
        return r < 0 ? error_errno(err, r, "seccomp") : 0;
}
