/* SPDX-License-Identifier: Apache-2.0 */
/* Findings, proposals and changes in words: what several commands print alike. */
#pragma once

#include "governor/cli/cli.h"

/* "api lost 41 s of the last 60 s: quota 0.5 of 8 CPUs; cc1plus <- ninja 96 %; dtgov approve P17"
 */
const char *finding_words(struct cli *c, const struct json *finding);
const char *next_words(struct cli *c, const struct json *finding); /* the command for it */

/* "cpu.max 0.5 -> 1.5 CPU, memory.max 1 -> 2 GiB" of a proposal or change. */
const char *knobs_words(struct cli *c, const struct json *object);

/* The same of a change, and whether a policy approved it. */
const char *change_words(struct cli *c, const struct json *change);

/* Whether it is under way or on probation. */
bool change_is_open(const struct json *change);

/* "on probation, 43 s left"; and why it is in that state, "" when there is nothing to say. */
const char *state_words(struct cli *c, const struct json *change);
const char *reason_words(struct cli *c, const struct json *object);

/* How a change survives a new container: "docker update --cpus 1.5 api"; "" when nobody knows. */
const char *keep_command(struct output *o, const struct place *place, const struct json *steps);

/* The template of a container: "node:22@0123456789ab", "shop/web"; "" when none is known. */
const char *template_words(struct cli *c, const struct json *object);

/* Exactly which files are written, as a table. */
int print_writes(struct cli *c, const struct json *answer);

/* What became of a change, and how to undo and keep it. Returns: an exit code */
int print_outcome(struct cli *c, const struct json *change);
int exit_of_change(const struct json *change);

/* "name    text" lines, wrapped to the terminal; lines without text are left out. */
void print_fact(struct cli *c, const char *name, const char *text);

/* The same of a command, which stays one line: somebody is going to copy it. */
void print_command(struct cli *c, const char *name, const char *command);

/*
 * That all is already as it was asked for, which is no error.
 *
 * @change: which made it so, NULL when none is known
 */
int print_unchanged(struct cli *c, const char *text, const struct json *change);

/* Ends a document that was written for --json, and prints it. */
int print_json(struct cli *c, struct json_writer *w);

/* An object with "id" first, and the container's environment and name as last members. */
void put_object(struct cli *c, struct json_writer *w, const char *key, const struct json *object);
