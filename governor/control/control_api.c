/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/control/api.h"

#include "governor/control/control.h"
#include "governor/varlink/org.dtgov.Control.varlink.h"
#include "state/log.h"
#include "state/parse.h"

#include <stdio.h>
#include <string.h>

static const char *why_not(struct control *c, struct varlink *link) {
        const struct varlink_peer *peer = varlink_get_peer(link);
        char path[CONTAINER_PATH_SIZE];

        if (proc_cgroup(c->proc_fd, peer->pid, path) < 0 || !varlink_peer_is_alive(link))
                return "the caller has ended; call from a process that waits for the answer";
        if (container_holds(c, path))
                return "calls from inside a governed container decide nothing; run dtgov on the "
                       "host";
        if (peer->uid == 0 ||
                        (c->admin_gid != (gid_t)-1 && varlink_peer_in_group(link, c->admin_gid)))
                return NULL;
        return "only root and group " ADMIN_GROUP " decide";
}

bool api_may_decide(struct control *c, struct varlink *link) {
        return why_not(c, link) == NULL;
}

static int authorize(struct control *c, struct varlink *link, const char *what) {
        const struct varlink_peer *peer = varlink_get_peer(link);
        const char *why = why_not(c, link);

        if (!why) {
                log_info("%s by uid %u (pid %d)", what, (unsigned)peer->uid, (int)peer->pid);
                return 0;
        }
        log_event(LOG_WARNING, EVENT_DENIED, "E_PERM: %s refused to uid %u (pid %d): %s", what,
                        (unsigned)peer->uid, (int)peer->pid, why);
        (void)varlink_error(link, API_ERROR("NotAuthorized"), "text", why, NULL);
        return -EPERM;
}

static const struct json_field parameter_fields[] = {
        { "id", JSON_STRING, offsetof(struct api_call, id) },
        { "digest", JSON_STRING, offsetof(struct api_call, digest) },
        { "reason", JSON_STRING, offsetof(struct api_call, reason) },
        { "change", JSON_STRING, offsetof(struct api_call, change) },
        { "containerId", JSON_STRING, offsetof(struct api_call, container) },
        { "assignments", JSON_STRING, offsetof(struct api_call, assignments) },
        { "cgroupInode", JSON_NUMBER, offsetof(struct api_call, inode) },
        { "trialSec", JSON_NUMBER, offsetof(struct api_call, trial_sec) },
        { "all", JSON_BOOL, offsetof(struct api_call, all) },
        { "dryRun", JSON_BOOL, offsetof(struct api_call, dry_run) },
        { "probation", JSON_BOOL, offsetof(struct api_call, probation) },
        { "wait", JSON_BOOL, offsetof(struct api_call, wait) },
        { 0 },
};

int api_begin(struct control *c, struct varlink *link, const char *decision,
                const struct json *parameters, struct api_call *ret) {
        const char *bad;
        struct error err;
        int r;

        *ret = (struct api_call){ 0 };
        r = decision ? authorize(c, link, decision) : 0;
        if (r < 0)
                return r;
        r = json_get_fields(parameters, parameter_fields, ret, &bad, &err);
        if (r < 0)
                (void)varlink_error(link, API_ERROR("InvalidParameter"), "parameter", bad, "text",
                                err.text, NULL);
        return r;
}

uint64_t api_number(char letter, const char *id) {
        uint64_t number = 0;

        if (!id || id[0] != letter || parse_u64(id + 1, &number) < 0)
                return 0;
        return number;
}

int api_refuse(struct varlink *link, unsigned reason, const char *text) {
        const char *name = reason == REASON_STALE || reason == REASON_REPLACED ||
                                                           reason == REASON_EXPIRED ||
                                                           reason == REASON_DIGEST
                                           ? API_ERROR("Stale")
                                           : API_ERROR("Refused");

        return varlink_error(link, name, "code", reasons[reason].code, "text",
                        text && text[0] ? text : reasons[reason].text, NULL);
}

static void put_container(void *data, struct managed *m) {
        api_put_container(data, m);
}

static int list_containers(struct varlink *link, const struct json *parameters, void *userdata) {
        struct json_writer *w;
        int r = varlink_reply_begin(link, &w);

        (void)parameters;
        if (r < 0)
                return r;
        json_open_array(w, "containers");
        containers_each(userdata, put_container, w);
        json_close_array(w);
        return varlink_reply_end(link);
}

static int list_proposals(struct varlink *link, const struct json *parameters, void *userdata) {
        struct control *c = userdata;
        struct json_writer *w;
        struct api_call call;
        int r;

        if (api_begin(c, link, NULL, parameters, &call) < 0)
                return 0;
        proposals_refresh(c);
        r = varlink_reply_begin(link, &w);
        if (r < 0)
                return r;
        json_open_array(w, "proposals");
        for (size_t i = 0; i < PROPOSALS_MAX; i++) {
                const struct held *h = &c->proposals.held[i];

                if (h->proposal.number != 0 && (call.all || h->state == HELD_PENDING))
                        api_put_proposal(w, NULL, c, h);
        }
        json_close_array(w);
        return varlink_reply_end(link);
}

static int list_changes(struct varlink *link, const struct json *parameters, void *userdata) {
        struct control *c = userdata;
        struct json_writer *w;
        struct api_call call;
        int r;

        if (api_begin(c, link, NULL, parameters, &call) < 0)
                return 0;
        r = varlink_reply_begin(link, &w);
        if (r < 0)
                return r;
        json_open_array(w, "changes");
        for (const struct run *run = c->engine.runs; run; run = run->next)
                if (run->change.number != 0 &&
                                (!call.container || strcmp(run->change.container_id,
                                                                    call.container) == 0))
                        api_put_change(w, NULL, c, run);
        json_close_array(w);
        return varlink_reply_end(link);
}

static void put_notes(struct control *c, struct json_writer *w) {
        json_open_array(w, "notes");
        if (c->paused)
                json_put_string(w, NULL, "paused: nothing is applied; go on: sudo dtgov resume");
        if (!control_observer_present(c))
                json_put_string(w, NULL,
                                "observer absent: no new changes; rollbacks work: sudo systemctl "
                                "start dtgov-observer");
        if (journal_health(c->journal) != JOURNAL_OK)
                json_put_string(w, NULL, journal_health_text(c->journal));
        if (!c->psi_available)
                json_put_string(w, NULL,
                                "pressure (PSI) is off: rules change nothing by "
                                "themselves; boot with psi=1");
        if (!systemd_is_here())
                json_put_string(w, NULL, "no systemd here: limits are written to the kernel alone");
        if (!c->sandboxed)
                json_put_string(w, NULL, "dtgovd runs without its sandbox (allow_unsandboxed)");
        if (c->containers.no_room)
                json_put_string(w, NULL,
                                "no descriptor is left for more containers: raise LimitNOFILE= of "
                                "dtgovd.service");
        if (identifier_note(c)[0])
                json_put_string(w, NULL, identifier_note(c));
        if (c->admin_gid == (gid_t)-1)
                json_put_string(w, NULL, "there is no group " ADMIN_GROUP ": only root decides");
        json_close_array(w);
}

static int health(struct varlink *link, const struct json *parameters, void *userdata) {
        static const char *const journal[] = { "ok", "repaired", "damaged", "newer", "failing" };
        struct control *c = userdata;
        struct json_writer *w;
        int r = varlink_reply_begin(link, &w);

        (void)parameters;
        if (r < 0)
                return r;
        json_put_string(w, "version", DTGOV_VERSION);
        json_put_u64(w, "pid", (uint64_t)getpid());
        json_put_u64(w, "startedBoottimeNs", c->started_boottime_ns);
        json_put_string(w, "observer",
                        control_observer_present(c) ? "present"
                        : c->link.fd >= 0           ? "silent"
                                                    : "absent");
        json_put_string(w, "journal", journal[journal_health(c->journal)]);
        json_put_bool(w, "systemd", systemd_is_here());
        json_put_string(w, "sandbox", c->sandboxed ? "on" : "off");
        json_put_u64(w, "containers", c->containers.count);
        json_put_u64(w, "probations", engine_probations(c));
        json_put_bool(w, "paused", c->paused);
        json_put_bool(w, "mayDecide", api_may_decide(c, link));
        put_notes(c, w);
        return varlink_reply_end(link);
}

static const struct varlink_entry entries[] = {
        { "ListContainers", list_containers },
        { "ListProposals", list_proposals },
        { "ListChanges", list_changes },
        { "Propose", api_propose },
        { "Approve", api_approve },
        { "Keep", api_keep },
        { "Reject", api_reject },
        { "Rollback", api_rollback },
        { "Pause", api_pause },
        { "ListRules", api_list_rules },
        { "Trust", api_trust },
        { "Resume", api_resume },
        { "Health", health },
        { NULL, NULL },
};

static const struct varlink_interface interface = {
        .name = "org.dtgov.Control",
        .description = org_dtgov_Control_varlink,
        .entries = entries,
};

int api_init(struct control *c, int fd) {
        int r = varlink_server_new(&c->server, c->event, &interface, c);

        return r < 0 ? r : varlink_server_listen_fd(c->server, fd);
}
