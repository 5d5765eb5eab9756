/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The owner of a cgroup's limits, for writer threads: systemd's bus behind one mutex, opened again
 * when it broke (PID 1 closes its private socket at every daemon-reexec).
 */
#pragma once

#include "governor/kernel/systemd.h"

#define OWNER_UNIT_SIZE 256

struct owner;

/* Connects; without systemd everything is plain and *ret has no bus. */
int owner_new(struct owner **ret);
void owner_free(struct owner *o);
bool owner_has_systemd(const struct owner *o);

/* Whether the last part of @path can be the name of a unit at all: asks nobody. */
bool owner_may_be_unit(const char *path);

/* As systemd_unit_of(), systemd_check(), systemd_tell() and systemd_sync(). They block. */
int owner_unit_of(struct owner *o, const char *path, char ret_unit[static OWNER_UNIT_SIZE]);
int owner_check(struct owner *o, const char *unit, const struct limits *limits, struct error *err);
int owner_tell(struct owner *o, const char *unit, const struct limits *limits, struct error *err);
int owner_sync(struct owner *o, struct error *err);
