/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A change: an approved proposal on its way through its states. The table of which state follows
 * which is in policies/rules/; here are their names and what a change carries.
 */
#pragma once

#include "state/proposal.h"

#define TRIAL_SEC_MAX 86400 /* a change may be on trial for a day */

/* X(id, name, open): names as in JSON and journal; "open" ones are not yet at an end. */
#define CHANGE_STATE_TABLE(X)                                                                      \
        X(PROPOSED, "proposed", true)                                                              \
        X(APPROVED, "approved", true)                                                              \
        X(PRECHECK, "precheck", true)                                                              \
        X(INTENT, "intent", true)                                                                  \
        X(APPLYING, "applying", true)                                                              \
        X(VERIFY, "verify", true)                                                                  \
        X(PROBATION, "probation", true)                                                            \
        X(HELD, "held", true)                                                                      \
        X(COMMITTED, "committed", false)                                                           \
        X(ROLLING_BACK, "rolling_back", true)                                                      \
        X(ROLLED_BACK, "rolled_back", false)                                                       \
        X(ROLLBACK_FAILED, "rollback_failed", true)                                                \
        X(CONFLICT, "conflict", false)                                                             \
        X(LAPSED, "lapsed", false)                                                                 \
        X(REVERTED_EXTERNALLY, "reverted_externally", false)                                       \
        X(SUPERSEDED, "superseded", false)                                                         \
        X(REFUSED, "refused", false)                                                               \
        X(REJECTED, "rejected", false)                                                             \
        X(EXPIRED, "expired", false)                                                               \
        X(STALE, "stale", false)

#define CHANGE_STATE_ID(id, ...) CHANGE_##id,
enum change_state { CHANGE_STATE_TABLE(CHANGE_STATE_ID) CHANGE_STATE_COUNT };
#undef CHANGE_STATE_ID

/*
 * Why something was refused, or went from one state to the next. X(id, code, text): the code is
 * stable and stands in JSON, journal and manual; the text is what a person reads when nothing more
 * exact is known.
 */
#define REASON_TABLE(X)                                                                            \
        X(NONE, "", "")                                                                            \
        X(PERSON, "PERSON", "a person asked for it")                                               \
        X(PERM, "E_PERM", "you may not decide this")                                               \
        X(PROTECTED, "E_PROTECTED", "dtgov does not touch this cgroup")                            \
        X(OBSERVED_ONLY, "E_OBSERVED_ONLY", "this container is only observed")                     \
        X(NO_OBSERVER, "E_NO_OBSERVER", "observer absent: nobody would watch the change")          \
        X(HEADROOM, "E_HEADROOM", "would leave too little headroom above what is in use")          \
        X(HOST_RESERVE, "E_HOST_RESERVE", "would promise more than the host can spare")            \
        X(PARENT_LIMIT, "E_PARENT_LIMIT", "no effect: a parent cgroup is tighter")                 \
        X(RANGE, "E_RANGE", "outside the range of the knob")                                       \
        X(PARSE, "E_PARSE", "not a value of this knob")                                            \
        X(KNOB_ABSENT, "E_KNOB_ABSENT", "the knob is not available for this container")            \
        X(NO_CHANGE, "E_NO_CHANGE", "the values are already so")                                   \
        X(BUSY_CHANGE, "E_CHANGE_OPEN", "another change of this container is under way")           \
        X(RATE, "E_RATE", "too many at once: ask again later")                                     \
        X(NO_PSI, "E_NO_PSI", "pressure cannot be measured on this host")                          \
        X(OWNER, "E_OWNER", "systemd would undo another limit of this unit")                       \
        X(STALE, "E_STALE", "the values changed since it was proposed")                            \
        X(REPLACED, "E_REPLACED", "the container was replaced")                                    \
        X(EXPIRED, "E_EXPIRED", "the proposal has expired")                                        \
        X(DIGEST, "E_DIGEST", "not the proposal that was shown")                                   \
        X(NOSPACE, "E_NOSPACE", "the journal cannot be written; rollbacks still work")             \
        X(JOURNAL, "E_JOURNAL", "the journal is damaged: no new changes; rollbacks still work")    \
        X(WRITE, "E_WRITE", "the kernel refused the value")                                        \
        X(SLOW, "E_SLOW", "the kernel was slow to reclaim")                                        \
        X(VERIFY, "E_VERIFY", "the value read back is another one")                                \
        X(OTHER_CHANGED, "E_OTHER_CHANGED", "another limit of the container changed with it")      \
        X(OOM_KILL, "OOM_KILL", "a process of the container was killed for want of memory")        \
        X(PIDS_REFUSED, "PIDS_REFUSED", "a fork was refused")                                      \
        X(EXITED, "EXITED", "the container ended")                                                 \
        X(OBSERVER_SILENT, "OBSERVER_SILENT", "the observer was silent")                           \
        X(OBSERVER_ASKED, "OBSERVER_ASKED", "it made things worse")                                \
        X(DAEMON_STOPPED, "DAEMON_STOPPED", "dtgovd stopped while it was on probation")            \
        X(NOT_APPLIED, "NOT_APPLIED", "dtgovd stopped before the first write")                     \
        X(REBOOT, "REBOOT", "the machine was restarted")                                           \
        X(EXTERNAL, "EXTERNAL", "somebody else changed the value")                                 \
        X(KEPT, "KEPT", "use is above the old limit: what is needed was kept")                     \
        X(BLIND, "BLIND", "nobody could watch for too long")                                       \
        X(UNPROVEN, "UNPROVEN", "no harm and no evidence either way")                              \
        X(PROVEN, "PROVEN", "it did what it should")                                               \
        X(LOWER, "E_LOWER", "only a person may lower memory.max")                                  \
        X(BOUND, "E_BOUND", "outside what root allows on this host")                               \
        X(PAUSED, "E_PAUSED", "dtgov is paused: sudo dtgov resume")                                \
        X(TRIAL, "TRIAL", "its trial is over, and nobody kept it")                                 \
        X(MEMORY_FULL, "MEMORY_FULL", "the lower memory.max was reached")                          \
        X(NO_EVIDENCE, "NO_EVIDENCE", "nothing showed that it does no harm")                       \
        X(UNHEALTHY, "UNHEALTHY", "its health check began to fail")                                \
        X(POLICY, "E_POLICY", "a policy of root's does not allow it")                              \
        X(NO_WEIGHING, "E_NO_WEIGHING", "nothing weighs the IO of this host's disks")              \
        X(DEVICE, "E_DEVICE", "no whole disk of that number")

#define REASON_ID(id, ...) REASON_##id,
enum reason { REASON_TABLE(REASON_ID) REASON_COUNT };
#undef REASON_ID

struct change_state_row {
        const char *name;
        bool open;
};

struct reason_row {
        const char *code, *text;
};

extern const struct change_state_row change_states[CHANGE_STATE_COUNT];
extern const struct reason_row reasons[REASON_COUNT];

/* Returns: the state or reason of that name, -EINVAL when there is none */
int change_state_from_name(const char *name);
int reason_from_code(const char *code);

/* Fresh, and watched. */
static inline bool change_on_probation(enum change_state state) {
        return state == CHANGE_PROBATION || state == CHANGE_HELD;
}

#define LOST_UNKNOWN UINT32_MAX

/*
 * What a change was to do and what it did: us that the container loses each minute, of what its
 * knobs can cost. LOST_UNKNOWN: a person's wish expects nothing, and not all can be measured.
 */
struct effect {
        uint32_t expected_usec_per_min; /* after it, as its rule thought */
        uint32_t before_usec_per_min, after_usec_per_min;
};

/* Who approves where nobody did: (uid_t)-1, which is nobody's uid (user_namespaces(7)). */
#define CHANGE_UID_POLICY UINT32_MAX

/* What a change is to everybody but dtgovd's engine. Fixed size, without pointers. */
struct change {
        uint64_t number;   /* C17 */
        uint64_t proposal; /* P17 */
        char container_id[CONTAINER_ID_SIZE];
        uint64_t cgroup_inode;
        uint32_t rule;   /* enum rule_id */
        uint32_t state;  /* enum change_state */
        uint32_t reason; /* enum reason: why it is in that state */
        uint32_t uid;    /* who approved, or CHANGE_UID_POLICY */
        uint32_t owner;  /* enum container_owner */
        uint32_t changes_count;
        struct knob_change changes[PROPOSAL_KNOBS_MAX]; /* old and new */
        struct knob_value kept[PROPOSAL_KNOBS_MAX];     /* after a rollback that kept more */
        uint32_t kept_mask;                             /* which of them */
        uint32_t proven;                                /* the observer saw that it helped */
        struct knob_value step[PROPOSAL_KNOBS_MAX];     /* on the way down: where a knob stands */
        uint32_t step_mask;                             /* which are not yet at their new value */
        uint32_t steps_count;                           /* that were taken */
        struct effect effect;
        uint32_t scope_mask; /* of crun: which limits stand in the scope around it, too */
        uint64_t victim; /* cgroup inode of whom a brake is for; 0: none, or not known any more */
        uint64_t approved_boottime_ns, applied_boottime_ns, ended_boottime_ns;
        uint64_t deadline_boottime_ns; /* end of probation */
};

/* Approved in the name of a policy of root's. */
static inline bool change_by_policy(const struct change *x) {
        return x->uid == CHANGE_UID_POLICY;
}

/* What a knob of a change is to hold now: its new value, or where it stands on the way there. */
static inline struct knob_value change_aim(const struct change *x, unsigned position) {
        return x->step_mask >> position & 1 ? x->step[position] : x->changes[position].new;
}
