/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container whose limits systemd owns too. The seam to it (governor/kernel/systemd.h) is the
 * test program's own: an owner that hears, refuses, is silent, or writes what it should not. A
 * header, since only the programs that want it may have it.
 */
#pragma once

#include "tests/unit/control_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define HIGH_NEW  943718400ULL
#define HIGH_TEXT "943718400"

static struct {
        struct fixture *f;
        const char *path;        /* of the cgroup that is its unit's; NULL: of none */
        int find, check, tell;   /* errors of the three */
        const char *file, *text; /* what telling it writes; NULL: nothing */
        bool once;               /* the first time alone */
        unsigned tells_failing;  /* so many fail with @tell, then none; 0: all */
        unsigned told, synced, checked;
        char pids[32]; /* as it was told last */
} owner;

bool systemd_is_here(void) {
        return owner.path != NULL;
}

bool systemd_may_be_unit(const char *path) {
        return owner.path && strcmp(path, owner.path) == 0;
}

int systemd_unit_of(const char *path, char ret_unit[static SYSTEMD_UNIT_SIZE]) {
        ret_unit[0] = '\0';
        if (owner.find < 0)
                return owner.find;
        if (!systemd_may_be_unit(path))
                return 0;
        (void)strcpy(ret_unit, "x.scope");
        return 1;
}

int systemd_check(const char *unit, const struct limits *limits, const struct change *change,
                struct error *err) {
        (void)limits;
        (void)change;
        owner.checked++;
        return owner.check < 0 ? error_set(err, owner.check, "%s: cpu.idle", unit) : 0;
}

int systemd_tell(const char *unit, const struct limits *limits, const struct change *change,
                struct error *err) {
        const char *pids = limits->text[KNOB_PIDS_MAX];

        (void)change;
        assert_string_equal(unit, "x.scope");
        owner.told++;
        if (owner.tell < 0 && (owner.tells_failing == 0 || owner.told <= owner.tells_failing))
                return error_set(err, owner.tell, "%s did not take it", unit);
        (void)snprintf(owner.pids, sizeof(owner.pids), "%s", pids ? pids : "");
        if (owner.file)
                fixture_write(owner.f, owner.file, owner.text);
        if (owner.once)
                owner.file = NULL;
        return 0;
}

int systemd_sync(struct error *err) {
        (void)err;
        owner.synced++;
        return 0;
}

static int begin(void **state) {
        int r;

        memset(&owner, 0, sizeof(owner));
        r = fixture_begin(state);
        owner.f = *state;
        owner.path = "/docker/c1";
        return r;
}

/* crun's: "container" in a scope, whose limits are the container's too. */
static int begin_scope(void **state) {
        int r = begin(state);
        char from[128], to[128];

        (void)snprintf(to, sizeof(to), "%s/cg/x.scope", owner.f->dir);
        assert_int_equal(mkdir(to, 0700), 0);
        (void)strcat(to, "/container");
        (void)snprintf(from, sizeof(from), "%s/cg/docker/c1", owner.f->dir);
        assert_int_equal(rename(from, to), 0);
        assert_int_equal(symlink("../x.scope/container", from), 0);
        (void)strcpy(owner.f->container->container.cgroup, "/x.scope/container");
        owner.path = "/x.scope";
        fixture_write(owner.f, "../pids.max", FIXTURE_PIDS);
        fixture_write(owner.f, "../memory.max", "max");
        fixture_write(owner.f, "../memory.current", "104857600");
        return r;
}
