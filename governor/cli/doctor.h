/* SPDX-License-Identifier: Apache-2.0 */
/* The checks of "dtgov doctor": each says what is there, and the command that mends it. */
#pragma once

#include "governor/cli/cli.h"

enum health { HEALTH_OK, HEALTH_WARN, HEALTH_BROKEN };

struct doctor;

/* One line of the answer. @mend: "" when nothing is to be done. */
void diagnose(struct doctor *d, const char *id, enum health health, const char *text,
                const char *mend);

bool has_systemd(const struct cli *c); /* as PID 1 of this host */

void check_kernel(struct cli *c, struct doctor *d);  /* kernel, cgroups, PSI, /proc, Landlock */
void check_daemons(struct cli *c, struct doctor *d); /* both, their notes, the journal */
void check_engines(struct cli *c, struct doctor *d); /* hook, runtimes, engines' configurations */
void check_wrapper(struct cli *c, struct doctor *d); /* what dtgov's runtime stands for */
void check_caller(struct cli *c, struct doctor *d);  /* the group that decides */
void check_project(struct cli *c, struct doctor *d); /* of the folder that doctor is run in */

/*
 * Why @program, dtgov's runtime or what somebody has put there, starts no container: "which is
 * missing", "which starts nothing: no crun in the usual directories".
 *
 * Returns: NULL when it starts them
 */
const char *wrapper_fault(struct cli *c, const char *program);

/* What mends such a fault. */
const char *wrapper_mend(struct cli *c, const char *program);
