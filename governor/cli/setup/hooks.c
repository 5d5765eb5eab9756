/* SPDX-License-Identifier: Apache-2.0 */
/* dtgov setup podman and crio: a link in a folder of hooks, and that folder in the configuration.
 */
#include <stdio.h>
#include <string.h>

#include "governor/cli/setup/docker_client.h"
#include "governor/cli/setup/hooks_dir.h"
#include "governor/cli/setup/program.h"
#include "governor/cli/setup/setup.h"

#define HOOK_FILE   DTGOV_HOOKSDIR "/dtgov.json"
#define DROP_IN_MAX 512

/* One run of it. */
struct hooks_setup {
        struct setup *s;
        const struct hooks_engine *engine;
        struct hooks_state state;
        char drop_in[DROP_IN_MAX];
};

enum { LINK, DROP_IN }; /* of a plan's changes */

static int copy(struct setup_change *c, const char *text, struct error *err) {
        c->changes = !c->file.exists || strcmp(c->file.text, text) != 0;
        c->text = strdup(text);
        return c->text ? 0 : error_set(err, -ENOMEM, "out of memory");
}

/* The link, unless somebody put a file there by hand that says the same. */
static int plan_link(const struct hooks_setup *h, struct setup_change *c, struct error *err) {
        char path[512];

        if (!program_find(h->s->root, DTGOV_LIBEXECDIR "/dtgov-hook", path, sizeof(path)))
                return error_set(err, -ENOENT,
                                "%s is missing: install dtgov first (sudo make install)",
                                DTGOV_LIBEXECDIR "/dtgov-hook");
        (void)snprintf(path, sizeof(path), "%s" HOOK_FILE, h->s->root);
        if (access(path, R_OK) < 0)
                return error_set(err, -ENOENT,
                                "%s is missing: install dtgov first (sudo make install)",
                                HOOK_FILE);
        if (!c->file.exists || c->file.is_link)
                return copy(c, HOOK_FILE, err);
        if (!strstr(c->file.text, "dtgov-hook"))
                return error_set(err, -EEXIST, "%s is somebody else's", c->file.shown);
        setup_say(h->s, SETUP_NOTE, "%s was made by hand, and stays", c->file.shown);
        return 0;
}

static int plan_drop_in(const struct hooks_setup *h, struct setup_change *c, struct error *err) {
        if (!h->state.from[0])
                return copy(c, h->drop_in, err);
        if (h->state.is_read)
                return 0;
        return error_set(err, -EEXIST,
                        "%s has a hooks_dir of its own, in [%s], which one of dtgov's would "
                        "overrule: add \"/etc/containers/oci/hooks.d\" to that list, then once "
                        "more: sudo dtgov setup %s",
                        h->state.from, h->engine->table, h->engine->name);
}

static void say_coverage(const struct hooks_setup *h) {
        setup_say(h->s, SETUP_ADDS,
                        "%s calls dtgov's hook at each start and stop of a container: dtgov knows "
                        "it from its first instant, and by name a second or two later",
                        h->engine->title);
        setup_say(h->s, SETUP_LEAVES, "containers that run have the hook from their next start on");
        if (h->engine == &hooks_podman)
                setup_say(h->s, SETUP_LEAVES,
                                "rootless Podman: it reads the same folders, so hooks that lie "
                                "there run for it too; dtgov's does nothing there");
        else
                setup_say(h->s, SETUP_NOTE, "untried with CRI-O: written by its manual");
}

/* Whether a container starts: before, to know what it is worth, and after. */
static enum trial try_podman(
                const struct hooks_setup *h, char *image, size_t size, struct error *err) {
        const struct client client = { .root = h->s->root, .is_podman = true };

        return h->engine == &hooks_podman ? client_try(&client, NULL, image, size, err)
                                          : TRIAL_NO_IMAGE;
}

static int put_to_work(const struct hooks_setup *h, struct setup_plan *p, bool worked,
                const char *image, struct error *err) {
        char again[256];
        enum trial trial;

        if (h->engine == &hooks_crio) {
                setup_say(h->s, SETUP_NEXT,
                                "CRI-O reads its list of folders when it starts, which is yours to "
                                "choose: sudo systemctl restart crio");
                return 0;
        }
        if (!worked) {
                setup_say(h->s, SETUP_NOTE,
                                image[0] ? "not checked: %s could not run \"true\" before"
                                         : "not checked: there is no image here%s",
                                image);
                return 0;
        }
        trial = try_podman(h, again, sizeof(again), err);
        if (trial == TRIAL_RAN)
                setup_say(h->s, SETUP_CHECKED, "a container of %s ran \"true\" with it", again);
        else if (trial == TRIAL_NO_IMAGE)
                setup_say(h->s, SETUP_NOTE, "not checked: there is no image here any more");
        if (trial != TRIAL_FAILED)
                return 0;
        if (setup_take_back(h->s, p, NULL) < 0)
                return error_prefix(err, -EIO, "it could not be taken back after this");
        return error_prefix(err, SETUP_TAKEN_BACK, "taken back, Podman is as it was");
}

static int set_up(const struct hooks_setup *h, struct setup_plan *p, struct error *err) {
        char image[256] = "";
        bool worked;
        int r;

        r = plan_link(h, &p->changes[LINK], err);
        if (r == 0)
                r = plan_drop_in(h, &p->changes[DROP_IN], err);
        if (r < 0)
                return r;
        if (!p->changes[LINK].changes && !p->changes[DROP_IN].changes) {
                setup_say(h->s, SETUP_DONE, "nothing to do: %s calls dtgov's hook already",
                                h->engine->title);
                return 0;
        }
        r = setup_show(h->s, p, err);
        if (r < 0)
                return r;
        say_coverage(h);
        r = setup_decide(h->s, "Write that?", err);
        if (r != 0)
                return r;
        worked = try_podman(h, image, sizeof(image), NULL) == TRIAL_RAN;
        r = setup_commit(h->s, p, err);
        if (r == 0)
                r = put_to_work(h, p, worked, image, err);
        if (r == 0)
                setup_say(h->s, SETUP_NEXT, "to take it out again: sudo dtgov setup %s --undo",
                                h->engine->name);
        return r;
}

/* The other engine, where it takes hooks from the folder of the link too, or nobody can tell. */
static const struct hooks_engine *shared_with(const struct hooks_setup *h) {
        const struct hooks_engine *other = h->engine == &hooks_podman ? &hooks_crio : &hooks_podman;
        struct hooks_state state = {};
        int r = hooks_read(h->s->root, other, &state, NULL);

        return r < 0 || state.has_drop_in || state.is_read ? other : NULL;
}

static int undo(const struct hooks_setup *h, struct setup_plan *p, struct error *err) {
        struct setup_change *link = &p->changes[LINK], *drop_in = &p->changes[DROP_IN];
        const struct hooks_engine *other = shared_with(h);
        int r;

        link->changes = link->file.exists && link->file.is_link && !other;
        drop_in->changes = drop_in->file.exists && strcmp(drop_in->file.text, h->drop_in) == 0;
        if (link->file.exists && !link->file.is_link)
                setup_say(h->s, SETUP_NOTE, "%s was made by hand: sudo rm %s", link->file.shown,
                                link->file.shown);
        if (link->file.exists && link->file.is_link && other)
                setup_say(h->s, SETUP_NOTE, "%s stays: %s takes it too; without that: sudo rm %s",
                                link->file.shown, other->title, link->file.shown);
        if (drop_in->file.exists && !drop_in->changes)
                setup_say(h->s, SETUP_NOTE, "%s was edited since, and stays", drop_in->file.shown);
        if (!link->changes && !drop_in->changes) {
                setup_say(h->s, SETUP_DONE, "nothing to undo: dtgov put nothing into %s",
                                h->engine->title);
                return 0;
        }
        r = setup_show(h->s, p, err);
        if (r == 0)
                r = setup_decide(h->s, "Write that?", err);
        if (r != 0)
                return r;
        r = setup_commit(h->s, p, err);
        if (r == 0)
                setup_say(h->s, SETUP_NOTE,
                                "containers that run call the hook once more, when they end: leave "
                                "dtgov installed until then");
        return r;
}

static int run(struct setup *s, const struct hooks_engine *e, struct error *err) {
        CLEANUP(setup_plan_done) struct setup_plan p = { .count = 2 };
        struct hooks_setup h = { .s = s, .engine = e };
        int r;

        hooks_drop_in(e, h.drop_in, sizeof(h.drop_in));
        r = hooks_find(s->root, h.engine, err);
        if (r == 0)
                r = hooks_read(s->root, e, &h.state, err);
        if (r == 0)
                r = conf_load_link(s->root, HOOKS_LINK, &p.changes[LINK].file, err);
        if (r == 0)
                r = conf_load(s->root, e->drop_in, &p.changes[DROP_IN].file, err);
        if (r < 0)
                return r;
        return s->undo ? undo(&h, &p, err) : set_up(&h, &p, err);
}

int podman_run(struct setup *s, struct error *err) {
        return run(s, &hooks_podman, err);
}

int crio_run(struct setup *s, struct error *err) {
        return run(s, &hooks_crio, err);
}
