/* SPDX-License-Identifier: Apache-2.0 */
/*
 * org.dtgov.Control: what people and programs may ask of dtgovd. Reading is for all; deciding is
 * for uid 0 and the group dtgov-admin, and never for a process inside a governed container.
 */
#pragma once

#include "governor/varlink/varlink.h"
#include "state/proposal.h"

struct control;
struct held;
struct run;
struct managed;

/* Makes the server; it listens on @fd from now on. */
int api_init(struct control *c, int fd);

/* --- api_json.c: how things look -------------------------------------------------------------- */

void api_put_container(struct json_writer *w, const struct managed *m);
void api_put_proposal(
                struct json_writer *w, const char *key, struct control *c, const struct held *h);
void api_put_change(
                struct json_writer *w, const char *key, struct control *c, const struct run *run);

/* "writes": what a proposal writes, or (@undo) what taking a change back writes. */
void api_put_writes(struct json_writer *w, const struct managed *m,
                const struct knob_change *changes, unsigned count, bool undo);

/* --- api_decide.c: the methods that change something ------------------------------------------ */

int api_propose(struct varlink *link, const struct json *parameters, void *userdata);
int api_approve(struct varlink *link, const struct json *parameters, void *userdata);
int api_keep(struct varlink *link, const struct json *parameters, void *userdata);
int api_reject(struct varlink *link, const struct json *parameters, void *userdata);

/* pause.c */
int api_pause(struct varlink *link, const struct json *parameters, void *userdata);
int api_resume(struct varlink *link, const struct json *parameters, void *userdata);

/* trust.c */
int api_list_rules(struct varlink *link, const struct json *parameters, void *userdata);
int api_trust(struct varlink *link, const struct json *parameters, void *userdata);

/* api_rollback.c */
int api_rollback(struct varlink *link, const struct json *parameters, void *userdata);

/* --- control_api.c: shared by them
 * -------------------------------------------------------------------- */

#define API_ERROR(name) "org.dtgov.Control." name

/* The parameters of all methods; one that was not given is NULL, 0, false. */
struct api_call {
        const char *id, *digest, *reason, *change, *container, *assignments;
        uint64_t inode, trial_sec;
        bool all, dry_run, probation, wait;
};

/*
 * What every method begins with: who may decide, and what was asked.
 *
 * @decision: name of a method that changes something; NULL when it only reads
 * Errors:    below 0: the call is answered, with NotAuthorized (logged) or InvalidParameter
 */
int api_begin(struct control *c, struct varlink *link, const char *decision,
                const struct json *parameters, struct api_call *ret);
bool api_may_decide(struct control *c, struct varlink *link);

/* "P17" or "C17" as a number; 0 is none. */
uint64_t api_number(char letter, const char *id);

int api_refuse(struct varlink *link, unsigned reason, const char *text);
