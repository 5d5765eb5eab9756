/* SPDX-License-Identifier: Apache-2.0 */
/* The containers of this host and their names. */
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
                .container_id = text_of(object, "containerId"),
                .runtime = text_of(object, "runtime"),
                .cgroup = text_of(object, "cgroup"),
                .cgroup_inode = number_of(object, "cgroupInode", 0),
                .json = object };
        if (p->container_id[0] == '\0')
                p->container_id = p->environment;
        (void)docker_name(c->docker_dir, p->container_id, p->name, sizeof(p->name));
        return 0;
}

int load_places(struct cli *c) {
        const struct json *answer = NULL;
        int r;

        if (c->places_loaded)
                return EXIT_DONE;
        r = ask(c, DAEMON_OBSERVER, "ListContainers", NULL, &answer);
        if (r != EXIT_DONE)
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

const char *name_of(struct cli *c, const struct json *object) {
        const struct place *p = place_of(c, object);
        const char *id = text_of(object, "containerId");

        if (p && p->name[0])
                return out_text(&c->out, p->name);
        if (p && p->environment[0])
                id = p->environment;
        return is_long_hex(id) ? out_format(&c->out, "%.*s", SHORT_ID, id) : out_text(&c->out, id);
}

/* The container of a change, NULL when there is no such change or its container has gone. */
static const struct place *place_of_change(struct cli *c, const char *id) {
        const struct json *answer, *change;

        if (ask(c, DAEMON_CONTROL, "ListChanges", NULL, &answer) != EXIT_DONE)
                return NULL;
        change = find_of(answer, "changes", "id", id);
        return change ? place_of(c, change) : NULL;
}

int find_place(struct cli *c, const char *words, const struct place **ret) {
        const struct place *place;
        struct error why;
        int r = load_places(c);

        if (r != EXIT_DONE)
                return complain(c, r, "%s", c->error.text);
        place = is_id(words, 'C') ? place_of_change(c, words) : NULL;
        if (place) {
                *ret = place;
                return EXIT_DONE;
        }
        r = place_find(c->places, c->places_count, words, ret, &why);
        return r < 0 ? complain(c, r == -EINVAL ? EXIT_USAGE : EXIT_ERROR, "%s", why.text)
                     : EXIT_DONE;
}
