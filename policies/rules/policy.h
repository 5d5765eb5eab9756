/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Root's policies: what may be done without a person, where, and how far. The first one that
 * matches decides; where none does, a person is asked. Pure.
 *
 * A policy says how far a rule may go alone, never further than the guard lets a person go; and it
 * matches by three things of which only one is the kernel's:
 *
 *   below         where the cgroup is. Nobody in a container moves it, and an engine in a container
 *                 stays below the outer one: this is what to go by where it matters
 *   environment,  what the engine says (state/identity.h): names and labels that were chosen by
 *   template      whoever had the container started. Of one's own Docker that is who is root
 *                 already; but a service that starts containers for tenants passes on what they
 *                 write, so a tenant may call itself what it likes
 *
 * So a name tells environments of equal standing apart and gives none of them a right: whoever
 * forges one gets the widest "at_most" in the list, raises that its own load must ask for, one
 * change at a time, within the bounds and the host's reserve; and dodges an "off" just as well.
 * Three things are not left to the one who names:
 *
 *   an id is no name. Ids of containers within a container are the inner engine's to choose, and
 *     whom no engine knows has no other: only what asks for no name matches those
 *   as long as the engine has not answered, or its answer is too long, a policy that asks for a
 * name may or may not be meant: nothing is done alone, rather than what stands behind it rootless
 * containers and pods are only observed: the guard refuses them before any policy
 */
#pragma once

#include "state/identity.h"
#include "state/proposal.h"

#define POLICIES_MAX 32

enum policy_mode {
        POLICY_ASK,
        POLICY_AUTO, /* approved without a person, within what follows */
        POLICY_OFF,  /* not even proposed */
};

struct policy {
        unsigned number;                      /* its place in the list, from 1 */
        char environment[IDENTITY_TEXT_SIZE]; /* fnmatch(3); "" or "*": any, and nobody's name */
        char template[IDENTITY_TEXT_SIZE];
        char below[IDENTITY_TEXT_SIZE]; /* a cgroup, "/daytona.slice"; "": anywhere */
        uint32_t rules;                 /* a bit by enum rule_id */
        enum policy_mode mode;
        enum risk risk; /* the highest that it takes */
        struct policy_bound {
                uint32_t knob; /* enum knob_id */
                struct knob_value most;
        } at_most[PROPOSAL_KNOBS_MAX]; /* the knobs that it may change, and how far */
        unsigned at_most_count;
        uint64_t probation_sec; /* 0: as for the rule */
};

struct policies {
        struct policy list[POLICIES_MAX];
        size_t count;
};

/* What a container is called, and where it is. */
struct policy_subject {
        const char *environment, *template; /* NULL: it has no such name */
        bool known;                         /* the engine has said so for good */
        const char *cgroup;
};

/*
 * What is known of a container's names.
 *
 * @identity: NULL: nobody has said yet
 * @ret:      its texts are those of @container and @identity
 */
void policy_subject_of(const struct container *container, const struct identity *identity,
                struct policy_subject *ret);

/* The policy for a rule there; NULL: none, or not known yet. */
const struct policy *policy_find(
                const struct policies *policies, const struct policy_subject *s, enum rule_id rule);

/* How far a knob may go; NULL: the policy does not name it. */
const struct knob_value *policy_at_most(const struct policy *policy, enum knob_id id);
