/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch and changes --follow: what happens, a line an event, until it is interrupted. It looks once
 * a second at what the daemons list and tells the differences; so it goes on when one of them is
 * restarted. Each look is a command of its own: nothing of it stays in memory.
 */
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "governor/cli/commands.h"
#include "governor/cli/words.h"
#include "state/change.h"
#include "state/container.h"
#include "state/text.h"

#define WATCH_LOOK_SEC 1
#define WATCH_NAME_MAX 128

enum kind { KIND_CONTAINER, KIND_FINDING, KIND_PROPOSAL, KIND_CHANGE, KIND_COUNT };

/* What is listed, and how an event of it reads; @state: the member that makes another one. */
static const struct {
        const char *name, *array, *method, *state, *begins, *ends;
        enum daemon daemon;
} kinds[KIND_COUNT] = {
        [KIND_CONTAINER] = { "container", "containers", "ListContainers", NULL, "started", "ended",
                        DAEMON_OBSERVER },
        [KIND_FINDING] = { "finding", "findings", "ListFindings", NULL, "found", "over",
                        DAEMON_OBSERVER },
        [KIND_PROPOSAL] = { "proposal", "proposals", "ListProposals", "state", NULL, NULL,
                        DAEMON_CONTROL },
        [KIND_CHANGE] = { "change", "changes", "ListChanges", "state", NULL, NULL, DAEMON_CONTROL },
};

struct seen {
        struct seen *next;
        enum kind kind;
        uint64_t cgroup_inode;
        char id[CONTAINER_ID_SIZE], state[32], name[WATCH_NAME_MAX];
        bool present;
};

struct watch {
        struct seen *seen;
        uint64_t events, most;
        unsigned kinds;            /* a bit each: what is looked at */
        const struct place *place; /* what is told is of this one; NULL: of any */
        bool known[KIND_COUNT];    /* answered once: what came before is no news */
        bool unreachable[DAEMON_COUNT];
};

static volatile sig_atomic_t interrupted;

static void on_signal(int number) {
        (void)number;
        interrupted = 1;
}

static const char *what(struct cli *c, enum kind kind, const struct json *e) {
        switch (kind) {
        case KIND_FINDING:
                return finding_words(c, e);
        case KIND_PROPOSAL:
                return out_format(&c->out, "%s: %s", name_of(c, e), knobs_words(c, e));
        case KIND_CHANGE:
                return out_format(&c->out, "%s: %s, %s", name_of(c, e), change_words(c, e),
                                state_words(c, e));
        default:
                return name_of(c, e);
        }
}

static int tell_json(struct cli *c, const struct seen *s, const char *event, const struct json *e) {
        CLEANUP(json_writer_freep) struct json_writer *w = NULL;

        if (json_writer_new(&w) < 0)
                return complain(c, EXIT_ERROR, "out of memory");
        json_open_object(w, NULL);
        json_put_string(w, "id", s->id);
        json_put_string(w, "kind", kinds[s->kind].name);
        json_put_string(w, "event", event);
        if (e)
                put_object(c, w, kinds[s->kind].name, e);
        json_close_object(w);
        return print_json(c, w);
}

static int tell(struct cli *c, struct watch *w, const struct seen *s, const char *event,
                const struct json *e) {
        char clock[16];
        time_t now = time(NULL);
        struct tm tm;
        int r = EXIT_DONE;

        w->events++;
        if (given(c, OPTION_JSON)) {
                r = tell_json(c, s, event, e);
        } else {
                (void)strftime(clock, sizeof(clock), "%H:%M:%S", localtime_r(&now, &tm));
                (void)fprintf(c->out.file, "%s  %-9s %-10s ", clock, kinds[s->kind].name, event);
                if (e && s->kind != KIND_CONTAINER) /* what approve, rollback and show take */
                        (void)fprintf(c->out.file, "%s ", out_text(&c->out, s->id));
                (void)fprintf(c->out.file, "%s\n", e ? what(c, s->kind, e) : s->name);
        }
        if (fflush(c->out.file) != 0)
                return EXIT_ERROR; /* whoever read it has gone */
        return r;
}

static struct seen *find(struct watch *w, enum kind kind, const char *id, uint64_t inode) {
        for (struct seen *s = w->seen; s; s = s->next)
                if (s->kind == kind && s->cgroup_inode == inode && strcmp(s->id, id) == 0)
                        return s;
        return NULL;
}

/* What has ended before the first answer, which a daemon may give late, is no event. */
static bool is_old(const struct watch *w, enum kind kind, const char *state) {
        int known = kind == KIND_CHANGE ? change_state_from_name(state) : -1;

        if (w->known[kind] || kind == KIND_CONTAINER)
                return !w->known[kind];
        if (kind == KIND_CHANGE)
                return known < 0 || !change_states[known].open;
        return kind == KIND_PROPOSAL && strcmp(state, "pending") != 0;
}

static int look_at(struct cli *c, struct watch *w, enum kind kind, const struct json *e) {
        const char *id = text_of(e, "id"), *state = kinds[kind].begins;
        uint64_t inode = kind == KIND_CONTAINER ? number_of(e, "cgroupInode", 0) : 0;
        struct seen *s = find(w, kind, id, inode);

        if (kinds[kind].state)
                state = text_of(e, kinds[kind].state);
        if (s && strcmp(s->state, state) == 0) {
                s->present = true;
                return EXIT_DONE;
        }
        if (!s) {
                s = calloc(1, sizeof(*s));
                if (!s)
                        return complain(c, EXIT_ERROR, "out of memory");
                *s = (struct seen){ .next = w->seen, .kind = kind, .cgroup_inode = inode };
                (void)text_copy(s->id, sizeof(s->id), id);
                w->seen = s;
        }
        s->present = true;
        (void)text_copy(s->state, sizeof(s->state), state);
        (void)text_copy(s->name, sizeof(s->name),
                        kind == KIND_CONTAINER ? what(c, kind, e)
                                               : out_format(&c->out, "%s %s", out_text(&c->out, id),
                                                                 name_of(c, e)));
        return is_old(w, kind, state) ? EXIT_DONE : tell(c, w, s, state, e);
}

/* Those of a kind that are not listed any more. A proposal or change is told by its last state. */
static int look_for_ends(struct cli *c, struct watch *w, enum kind kind) {
        int r = EXIT_DONE;

        for (struct seen **at = &w->seen, *s; (s = *at);) {
                if (s->kind != kind || s->present) {
                        s->present = false;
                        at = &s->next;
                        continue;
                }
                if (kinds[kind].ends && r == EXIT_DONE)
                        r = tell(c, w, s, kinds[kind].ends, NULL);
                *at = s->next;
                free(s);
        }
        return r;
}

static int look_at_kind(struct cli *c, struct watch *w, enum kind kind) {
        const struct json *answer = NULL;
        enum daemon daemon = kinds[kind].daemon;
        int r = ask(c, daemon, kinds[kind].method, NULL, &answer);

        if (r != EXIT_DONE) {
                if (!w->unreachable[daemon])
                        (void)complain(c, r, "%s; waiting for it", c->error.text);
                w->unreachable[daemon] = true;
                return EXIT_DONE;
        }
        w->unreachable[daemon] = false;
        for (const struct json *e = children_of(answer, kinds[kind].array); e; e = e->next) {
                if (!of_place(e, w->place))
                        continue;
                r = look_at(c, w, kind, e);
                if (r != EXIT_DONE)
                        return r;
        }
        w->known[kind] = true;
        return look_for_ends(c, w, kind);
}

static int look(const struct cli *c, struct watch *w) {
        struct cli once = { .command = c->command, .given = c->given, .run_dir = c->run_dir };
        int r = EXIT_DONE;

        out_init(&once.out, c->out.file);
        for (enum kind kind = 0; kind < KIND_COUNT && r == EXIT_DONE; kind++)
                if (w->kinds >> kind & 1)
                        r = look_at_kind(&once, w, kind);
        cli_done(&once);
        return r;
}

static int watch(struct cli *c, unsigned kinds_mask, const struct place *place) {
        const struct sigaction action = { .sa_handler = on_signal };
        struct watch w = { .most = given(c, OPTION_COUNT) ? c->count : UINT64_MAX,
                .kinds = kinds_mask,
                .place = place };
        int r = EXIT_DONE;

        (void)sigaction(SIGINT, &action, NULL);
        (void)sigaction(SIGTERM, &action, NULL);
        while (r == EXIT_DONE && !interrupted && w.events < w.most) {
                r = look(c, &w);
                if (r == EXIT_DONE && !interrupted && w.events < w.most)
                        (void)sleep(WATCH_LOOK_SEC);
        }
        for (struct seen *s = w.seen, *next; s; s = next) {
                next = s->next;
                free(s);
        }
        return r;
}

int run_watch(struct cli *c, char *const *arguments, unsigned count) {
        (void)arguments;
        (void)count;
        return watch(c, UINT_MAX, NULL);
}

int follow_changes(struct cli *c, const struct place *place) {
        return watch(c, 1U << KIND_CHANGE, place);
}
