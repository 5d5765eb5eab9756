/* SPDX-License-Identifier: Apache-2.0 */
/* The functions behind the table of commands, and what they take from each other. */
#pragma once

#include "governor/cli/cli.h"

int run_status(struct cli *c, char *const *arguments, unsigned count);
int run_ps(struct cli *c, char *const *arguments, unsigned count);
int run_top(struct cli *c, char *const *arguments, unsigned count);
int run_findings(struct cli *c, char *const *arguments, unsigned count);
int run_proposals(struct cli *c, char *const *arguments, unsigned count);
int run_show(struct cli *c, char *const *arguments, unsigned count);
int run_approve(struct cli *c, char *const *arguments, unsigned count);
int run_trial(struct cli *c, char *const *arguments, unsigned count);
int run_trust(struct cli *c, char *const *arguments, unsigned count);
int run_keep(struct cli *c, char *const *arguments, unsigned count);
int run_reject(struct cli *c, char *const *arguments, unsigned count);
int run_set(struct cli *c, char *const *arguments, unsigned count);
int run_rollback(struct cli *c, char *const *arguments, unsigned count);
int run_pause(struct cli *c, char *const *arguments, unsigned count);
int run_resume(struct cli *c, char *const *arguments, unsigned count);
int run_changes(struct cli *c, char *const *arguments, unsigned count);
int run_watch(struct cli *c, char *const *arguments, unsigned count);
int run_setup(struct cli *c, char *const *arguments, unsigned count);
int run_doctor(struct cli *c, char *const *arguments, unsigned count);
int run_version(struct cli *c, char *const *arguments, unsigned count);

/*
 * dtgov --complete WORD...: what could stand in the place of the last word, a line each, "WORD TAB
 * description". The completions of the shells print it; the daemons are asked for what lives.
 */
int complete(struct cli *c, char *const *words, unsigned count);

/* Everything a person should know before they decide. */
void show_proposal(struct cli *c, const struct json *proposal);

/* Approves what was shown, by its digest, or with --dry-run says what would be written. */
int approve_proposal(struct cli *c, const struct json *proposal);

/* Calls Rollback and says what became of each change. Returns: the worst of their exit statuses */
int roll_back(struct cli *c, const struct parameter *parameters);

/*
 * changes --follow: those of @place, or all where it is NULL, that are open, then each change of
 * their states, a line an event, until interrupted.
 */
int follow_changes(struct cli *c, const struct place *place);

/* Carries out a command line. Returns: the exit status */
int dtgov_main(struct cli *c, int argc, char **argv);
