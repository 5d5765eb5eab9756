/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rollback of one change, of a container, or of everything. All undos are handed to the writers
 * before the first is waited for; the answer comes when the last is done.
 */
#include "governor/control/api.h"
#include "governor/control/control.h"
#include "state/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct rollback {
        struct control *control;
        struct varlink *link;
        unsigned waiting, undone;
        uint64_t received_ns, undone_ns; /* undone_ns: the last file's */
        size_t count, room;
        uint64_t *numbers; /* of the changes, newest first */
};

struct rollback_wait {
        struct waiter waiter;
        struct rollback *op;
};

static void rollback_free(struct rollback *op) {
        varlink_unref(op->link);
        free(op->numbers);
        free(op);
}

static int reply(struct rollback *op) {
        struct control *c = op->control;
        struct json_writer *w;
        int r = varlink_reply_begin(op->link, &w);

        if (r < 0)
                return r;
        for (int writes = 0; writes <= 1; writes++) {
                json_open_array(w, writes ? "writes" : "changes");
                for (size_t i = 0; i < op->count; i++) {
                        const struct run *run = engine_find(c, op->numbers[i]);
                        const struct managed *m =
                                        run ? container_by_inode(c, run->change.cgroup_inode)
                                            : NULL;

                        if (run && !writes)
                                api_put_change(w, NULL, c, run);
                        else if (run && m)
                                api_put_writes(w, m, run->change.changes, run->change.changes_count,
                                                true);
                }
                json_close_array(w);
        }
        return varlink_reply_end(op->link);
}

static void finish(struct rollback *op) {
        if (op->waiting > 0)
                return;
        if (op->undone > 0)
                log_notice("rolled back %u changes: kernel effect in %llu us", op->undone,
                                u64_sub(op->undone_ns, op->received_ns) / NSEC_PER_USEC);
        if (varlink_is_open(op->link))
                (void)reply(op);
        rollback_free(op);
}

static void on_undone(struct waiter *w, const struct run *run) {
        struct rollback_wait *wait = (struct rollback_wait *)w;
        struct rollback *op = wait->op;

        if (run->change.state == CHANGE_ROLLED_BACK) {
                op->undone++;
                op->undone_ns = run->undone_ns > op->undone_ns ? run->undone_ns : op->undone_ns;
        }
        free(wait);
        op->waiting--;
        finish(op);
}

static bool matches(const struct run *run, const struct api_call *t) {
        if (t->change)
                return run->change.number == api_number('C', t->change);
        if (!run_in_force(run))
                return false;
        if (t->probation && !change_on_probation(run->change.state))
                return false;
        return t->all || (strcmp(run->change.container_id, t->container) == 0 &&
                                         (t->inode == 0 || run->change.cgroup_inode == t->inode));
}

static int remember(struct rollback *op, uint64_t number) {
        uint64_t *more;

        if (op->count == op->room) {
                op->room = op->room ? 2 * op->room : 16;
                more = reallocarray(op->numbers, op->room, sizeof(*more));
                if (!more)
                        return -ENOMEM;
                op->numbers = more;
        }
        op->numbers[op->count++] = number;
        return 0;
}

/* The waiter must be there before the undo begins: it may end at once. */
static int undo_one(struct control *c, struct rollback *op, struct run *run) {
        struct rollback_wait *wait = calloc(1, sizeof(*wait));

        if (!wait)
                return -ENOMEM;
        wait->waiter.end = true;
        wait->waiter.call = on_undone;
        wait->op = op;
        op->waiting++;
        run->retries = 0;
        run_wait(run, &wait->waiter);
        (void)engine_undo(c, run, REASON_PERSON, "a person took it back");
        return 0;
}

static int start(struct control *c, struct rollback *op, const struct api_call *t) {
        int r = 0;

        op->waiting = 1; /* ours: nothing is answered before all are begun */
        for (struct run *run = c->engine.runs, *next; run && r == 0; run = next) {
                next = run->next;
                if (!matches(run, t))
                        continue;
                r = remember(op, run->change.number);
                if (r == 0 && !t->dry_run && run_in_force(run))
                        r = undo_one(c, op, run);
        }
        op->waiting--;
        finish(op);
        return r;
}

/* Whether the call names one thing, and that can be taken back; else it is answered. */
static int check_target(struct control *c, struct varlink *link, const struct api_call *t) {
        const struct run *run, *newer;
        uint64_t number;
        char text[128];

        if ((t->change != NULL) + (t->container != NULL) + t->all != 1) {
                (void)varlink_error(link, API_ERROR("InvalidParameter"), "parameter", "change",
                                "text", "want exactly one of change, containerId, all", NULL);
                return -EINVAL;
        }
        if (!t->change)
                return 0;
        number = api_number('C', t->change);
        run = number ? engine_find(c, number) : NULL;
        newer = run && run_in_force(run) ? engine_newer(c, run) : NULL;
        if (newer && !run_in_force(newer))
                newer = NULL; /* taken back already: its last write is waited for */
        if (!run)
                (void)varlink_error(link, API_ERROR("NotFound"), "id", t->change, "text",
                                "no such change; dtgov changes lists them", NULL);
        else if (newer) {
                (void)snprintf(text, sizeof(text),
                                "C%" PRIu64 " of the same knob is newer: roll that back first, or "
                                "the container",
                                newer->change.number);
                (void)api_refuse(link, REASON_BUSY_CHANGE, text);
        }
        return run && !newer ? 0 : -ENOENT;
}

int api_rollback(struct varlink *link, const struct json *parameters, void *userdata) {
        struct control *c = userdata;
        struct api_call call;
        uint64_t received_ns = proc_boottime_ns();
        struct rollback *op;

        if (api_begin(c, link, "Rollback", parameters, &call) < 0 ||
                        check_target(c, link, &call) < 0)
                return 0;
        op = calloc(1, sizeof(*op));
        if (!op)
                return -ENOMEM;
        op->control = c;
        op->received_ns = received_ns;
        op->link = varlink_ref(link);
        (void)start(c, op, &call);
        return 0;
}
