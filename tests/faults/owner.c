/* SPDX-License-Identifier: Apache-2.0 */
/*
 * systemd as the owner of the scope. PID 1 takes no SIGSTOP, but its cgroup can be frozen: then
 * what was sent to it lies in its socket while the sender dies.
 */
#include "tests/faults/faults.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>

#define INIT_SCOPE  "/sys/fs/cgroup/init.scope"
#define FREEZE_USEC (5 * USEC_PER_SEC)
#define SERVICE     "org.freedesktop.systemd1"

static const struct {
        const char *property, *file;
        const char *old; /* as systemctl(1) takes it */
} owned[] = {
        { "MemoryMax", "memory.max", "MemoryMax=16777216" },
        { "MemoryHigh", "memory.high", "MemoryHigh=12582912" },
        { "CPUQuotaPerSecUSec", "cpu.max", "CPUQuota=100%" },
        { "CPUWeight", "cpu.weight", "CPUWeight=200" },
        { "TasksMax", "pids.max", "TasksMax=100" },
};

int owner_freeze(void) {
        char text[FILE_TEXT_MAX];

        if (file_put(INIT_SCOPE, "cgroup.freeze", "1") < 0)
                return -errno;
        for (unsigned waited = 0; waited < FREEZE_USEC; waited += 1000) {
                if (file_text(INIT_SCOPE, "cgroup.events", text, sizeof(text)) == 0 &&
                                strstr(text, "frozen 1"))
                        return 0;
                usleep(1000);
        }
        return -ETIMEDOUT;
}

int owner_thaw(void) {
        return file_put(INIT_SCOPE, "cgroup.freeze", "0");
}

int owner_thaw_after(struct lane *l, uint64_t usec) {
        if (usec == 0)
                return owner_thaw();
        l->thaw_pid = fork();
        if (l->thaw_pid != 0)
                return l->thaw_pid < 0 ? -errno : 0;
        usleep((useconds_t)usec);
        _exit(owner_thaw() < 0);
}

void owner_wait(struct lane *l) {
        if (l->thaw_pid > 0)
                (void)waitpid(l->thaw_pid, NULL, 0);
        l->thaw_pid = 0;
}

int owner_restore(const struct lane *l) {
        char command[512];
        int n = snprintf(command, sizeof(command),
                        "systemctl set-property --runtime docker-%s.scope", l->id);

        for (size_t i = 0; i < ARRAY_LEN(owned); i++)
                n += snprintf(command + n, sizeof(command) - (size_t)n, " %s", owned[i].old);
        return system(command) == 0 ? 0 : -EIO; // NOLINT(cert-env33-c)
}

static int wrong(struct lane *l, const char *what, const char *name, const char *text) {
        (void)snprintf(l->why, sizeof(l->why), "%s: %s is '%s'", what, name, text);
        return -1;
}

/* What the kernel's file means to systemd. A quota is per second. */
static uint64_t meaning(const char *text) {
        unsigned long long amount, period;

        if (strncmp(text, "max", 3) == 0)
                return UINT64_MAX;
        if (sscanf(text, "%llu %llu", &amount, &period) == 2) // NOLINT(cert-err34-c)
                return amount * USEC_PER_SEC / period;
        return strtoull(text, NULL, 10);
}

static int open_bus(sd_bus **ret) {
        int r = sd_bus_new(ret);

        if (r >= 0)
                r = sd_bus_set_address(*ret, "unix:path=/run/systemd/private");
        return r < 0 ? r : sd_bus_start(*ret);
}

static int compare(struct lane *l, sd_bus *bus, const char *object) {
        for (size_t i = 0; i < ARRAY_LEN(owned); i++) {
                char text[FILE_TEXT_MAX], both[FILE_TEXT_MAX + 64];
                uint64_t value = 0;

                if (sd_bus_get_property_trivial(bus, SERVICE, object, SERVICE ".Scope",
                                    owned[i].property, NULL, 't', &value) < 0)
                        return wrong(l, "systemd does not say", owned[i].property, "");
                if (file_text(l->box, owned[i].file, text, sizeof(text)) < 0)
                        return wrong(l, "cannot be read", owned[i].file, "");
                (void)snprintf(both, sizeof(both), "%llu', the kernel's '%s",
                                (unsigned long long)value, text);
                if (value != meaning(text))
                        return wrong(l, "systemd has another value", owned[i].property, both);
        }
        return 0;
}

int check_owner(struct lane *l, bool reload) {
        char unit[128], *object = NULL;
        sd_bus *bus = NULL;
        int r;

        /* It writes then what it takes for the limits. */
        if (reload && system("systemctl daemon-reload") != 0) // NOLINT(cert-env33-c)
                return wrong(l, "no daemon-reload", l->box, "");
        (void)snprintf(unit, sizeof(unit), "docker-%s.scope", l->id);
        r = open_bus(&bus);
        if (r >= 0)
                r = sd_bus_path_encode("/org/freedesktop/systemd1/unit", unit, &object);
        r = r < 0 ? wrong(l, "systemd does not answer", unit, strerror(-r))
                  : compare(l, bus, object);
        free(object);
        (void)sd_bus_flush_close_unref(bus);
        return r;
}
