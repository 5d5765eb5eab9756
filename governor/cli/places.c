/* SPDX-License-Identifier: Apache-2.0 */
/* The containers of this host and their names. */
#include <inttypes.h>
#include <string.h>

#include "governor/cli/cli.h"
#include "state/container.h"

#define SHORT_ID 12 /* characters of a 64-digit id that people are shown, as engines do */

static int add_place(struct cli *c, const struct json *object) {
        struct place *places = reallocarray(c->places, c->places_count + 1, sizeof(*c->places));
        struct place *p;

        if (!places)
                return -ENOMEM;
        c->places = places;
        p = &places[c->places_count++];
        *p = (struct place){ .environment = text_of(object, "id"),
                .name = text_of(object, "name"),
                .container_id = text_of(object, "containerId"),
                .runtime = text_of(object, "runtime"),
                .cgroup = text_of(object, "cgroup"),
                .cgroup_inode = number_of(object, "cgroupInode", 0),
                .json = object };
        if (p->container_id[0] == '\0')
                p->container_id = p->environment;
        return 0;
}

int load_places(struct cli *c) {
        const struct json *answer = NULL;
        int r;

        if (c->places_loaded)
                return EXIT_DONE;
        r = ask(c, DAEMON_OBSERVER, "ListContainers", NULL, &answer);
        c->is_nameless = r != EXIT_DONE;
        if (c->is_nameless)
                r = ask(c, DAEMON_CONTROL, "ListContainers", NULL, &answer);
        if (r != EXIT_DONE)
                return r;
        for (const struct json *e = children_of(answer, "containers"); e; e = e->next)
                if (add_place(c, e) < 0)
                        return EXIT_ERROR;
        c->places_loaded = true;
        return EXIT_DONE;
}

const struct place *place_of(struct cli *c, const struct json *object) {
        const char *id = text_of(object, "containerId");
        uint64_t inode = number_of(object, "cgroupInode", 0);

        (void)load_places(c);
        c->places_loaded = true; /* one attempt is enough for all the names of a table */
        for (size_t i = 0; i < c->places_count; i++)
                if (strcmp(c->places[i].container_id, id) == 0 &&
                                c->places[i].cgroup_inode == inode)
                        return &c->places[i];
        return NULL;
}

static bool is_long_hex(const char *id) {
        return strlen(id) == 64 && strspn(id, "0123456789abcdef") == 64;
}

/* How many places @is says yes to. */
static unsigned count_like(const struct cli *c, const struct place *p,
                bool (*is)(const struct place *other, const char *words), const char *words) {
        unsigned count = 0;

        for (size_t i = 0; i < c->places_count; i++)
                count += is(&c->places[i], words) && c->places[i].container_id != p->container_id;
        return count;
}

static bool is_of(const struct place *other, const char *words) {
        return strcmp(other->environment, words) == 0;
}

static const char *short_id(struct cli *c, const char *id) {
        return is_long_hex(id) ? out_format(&c->out, "%.*s", SHORT_ID, id) : out_text(&c->out, id);
}

/* A folder by its last name, where that is clear. */
static const char *environment_of(struct cli *c, const struct place *p) {
        const char *slash = strrchr(p->environment, '/');

        if (p->environment[0] == '/' && slash[1] != '\0' &&
                        count_like(c, p, place_is_in, slash + 1) ==
                                        count_like(c, p, is_of, p->environment))
                return out_text(&c->out, slash + 1);
        return short_id(c, p->environment);
}

const char *name_of(struct cli *c, const struct json *object) {
        const struct place *p = place_of(c, object);
        const char *which;

        if (!p && text_of(object, "environment")[0]) /* as it was when it was changed */
                return out_text(&c->out, text_of(object, "environment"));
        if (!p || p->environment[0] == '\0')
                return short_id(c, text_of(object, "containerId"));
        if (count_like(c, p, is_of, p->environment) == 0)
                return environment_of(c, p);
        if (p->name[0] && strcmp(p->name, p->environment) != 0)
                which = out_text(&c->out, p->name);
        else if (strcmp(p->container_id, p->environment) != 0)
                which = short_id(c, p->container_id);
        else /* the same id in two runtimes */
                which = out_format(&c->out, "@%" PRIu64, p->cgroup_inode);
        return out_format(&c->out, "%s (%s)", environment_of(c, p), which);
}

/* The container of a change, NULL when there is no such change or its container has gone. */
static const struct place *place_of_change(struct cli *c, const char *id) {
        const struct json *answer, *change;

        if (ask(c, DAEMON_CONTROL, "ListChanges", NULL, &answer) != EXIT_DONE)
                return NULL;
        change = find_of(answer, "changes", "id", id);
        return change ? place_of(c, change) : NULL;
}

bool of_place(const struct json *object, const struct place *place) {
        return !place ||
               (strcmp(text_of(object, "containerId"), place->container_id) == 0 &&
                               number_of(object, "cgroupInode", 0) == place->cgroup_inode);
}

int find_place(struct cli *c, const char *words, const struct place **ret) {
        const struct place *changed;
        struct error why;
        int r = load_places(c);

        if (r != EXIT_DONE)
                return complain(c, r, "%s", c->error.text);
        changed = is_id(words, 'C') ? place_of_change(c, words) : NULL;
        r = place_find(c->places, c->places_count, words, changed, ret, &why);
        if (r == -ENOENT && c->is_nameless)
                return complain(c, EXIT_ERROR,
                                "%s: no container has that id, and dtgov-observer, which knows "
                                "their names, does not answer; sudo systemctl start "
                                "dtgov-observer, or take an id of docker ps",
                                out_text(&c->out, words));
        return r < 0 ? complain(c, r == -EINVAL ? EXIT_USAGE : EXIT_ERROR, "%s", why.text)
                     : EXIT_DONE;
}
