/* SPDX-License-Identifier: Apache-2.0 */
/* ps: one line a container. top: the same containers, those that lose most time first. */
#include <inttypes.h>
#include <string.h>

#include "governor/cli/commands.h"
#include "governor/cli/groups.h"
#include "governor/cli/table.h"
#include "governor/cli/words.h"

static const char *of_limit(struct cli *c, const char *use, const char *limit) {
        return out_format(&c->out, "%s / %s", use, limit);
}

/* A limit that is not there is not known yet; one that is null is none. */
static bool limit_known(const struct json *e, const char *key) {
        return json_get(e, key) != NULL;
}

static const char *cpu_limit(struct cli *c, const struct json *e) {
        uint64_t quota = number_of(e, "cpuQuotaUsec", KNOB_MAX);

        if (!limit_known(e, "cpuQuotaUsec"))
                return "-";
        return quota == KNOB_MAX ? "max"
                                 : out_cpus(&c->out, quota,
                                                   number_of(e, "cpuPeriodUsec", CPU_PERIOD_USEC));
}

static const char *bytes_limit(struct cli *c, const struct json *e, const char *key) {
        uint64_t most = number_of(e, key, KNOB_MAX);

        if (!limit_known(e, key))
                return "-";
        return most == KNOB_MAX ? "max" : out_bytes(&c->out, most);
}

static const char *tasks_limit(struct cli *c, const struct json *e) {
        uint64_t most = number_of(e, "pidsMax", KNOB_MAX);

        if (!limit_known(e, "pidsMax"))
                return "-";
        return most == KNOB_MAX ? "max" : out_format(&c->out, "%" PRIu64, most);
}

static const char *stall(struct cli *c, const struct json *e, const char *key) {
        uint64_t window = number_of(e, "windowUsec", 0), usec = number_of(e, key, 0);

        return window ? out_share(&c->out, usec * 10000 / window) : "-";
}

static int add_line(struct cli *c, struct table *t, const struct place *p) {
        const struct json *e = p->json;
        uint64_t window = number_of(e, "windowUsec", 0);
        const char *cells[] = {
                name_of(c, e),
                of_limit(c, out_cpus(&c->out, number_of(e, "cpuUsec", 0), window), cpu_limit(c, e)),
                of_limit(c, out_bytes(&c->out, number_of(e, "memoryBytes", 0)),
                                bytes_limit(c, e, "memoryMaxBytes")),
                out_format(&c->out, "%" PRIu64 " / %s", number_of(e, "pids", 0), tasks_limit(c, e)),
                stall(c, e, "stallCpuUsec"),
                stall(c, e, "stallMemoryUsec"),
                stall(c, e, "stallIoUsec"),
                out_format(&c->out, "%s/min",
                                out_duration(&c->out, number_of(e, "lostUsecPerMin", 0))),
                out_text(&c->out, p->runtime[0] ? p->runtime : "-"),
        };

        return table_line(t, cells);
}

static uint64_t cpu_rate(const struct json *e) {
        uint64_t window = number_of(e, "windowUsec", 0);

        return window ? number_of(e, "cpuUsec", 0) * 10000 / window : 0;
}

static int by_loss(const void *a, const void *b) {
        const struct json *x = ((const struct place *)a)->json,
                          *y = ((const struct place *)b)->json;
        uint64_t lost_x = number_of(x, "lostUsecPerMin", 0);
        uint64_t lost_y = number_of(y, "lostUsecPerMin", 0);
        uint64_t cpu_x = cpu_rate(x), cpu_y = cpu_rate(y);

        if (lost_x != lost_y)
                return lost_x < lost_y ? 1 : -1;
        if (cpu_x != cpu_y)
                return cpu_x < cpu_y ? 1 : -1;
        return strcmp(((const struct place *)a)->container_id,
                        ((const struct place *)b)->container_id);
}

static int print_places_json(struct cli *c, size_t count) {
        CLEANUP(json_writer_freep) struct json_writer *w = NULL;

        if (json_writer_new(&w) < 0)
                return complain(c, EXIT_ERROR, "out of memory");
        json_open_array(w, NULL);
        for (size_t i = 0; i < count; i++)
                put_object(c, w, NULL, c->places[i].json);
        json_close_array(w);
        return print_json(c, w);
}

static int print_places(struct cli *c, size_t count) {
        static const struct column columns[] = { { "ENVIRONMENT", 0 }, { "CPUS", COLUMN_RIGHT },
                { "MEMORY", COLUMN_RIGHT }, { "TASKS", COLUMN_RIGHT | COLUMN_SPARE },
                { "STALL CPU", COLUMN_RIGHT }, { "MEM", COLUMN_RIGHT }, { "IO", COLUMN_RIGHT },
                { "LOST", COLUMN_RIGHT }, { "RUNTIME", COLUMN_SPARE } };
        CLEANUP(table_freep) struct table *t = NULL;
        int r;

        if (given(c, OPTION_JSON))
                return print_places_json(c, count);
        if (c->places_count == 0) {
                (void)fputs("No containers yet. Start one; if it does not show up here: "
                            "dtgov doctor\n",
                                c->out.file);
                return EXIT_DONE;
        }
        r = table_new(&t, &c->out, columns, ARRAY_LEN(columns));
        for (size_t i = 0; i < count && r >= 0; i++)
                r = add_line(c, t, &c->places[i]);
        if (r >= 0)
                r = table_print(t);
        return r < 0 ? complain(c, EXIT_ERROR, "out of memory") : EXIT_DONE;
}

/* Numbers are the observer's: without it there is nothing to show. */
static int load_measured(struct cli *c) {
        const struct json *answer;
        int r = ask_or_complain(c, DAEMON_OBSERVER, "Health", NULL, &answer);

        if (r != EXIT_DONE)
                return r;
        r = load_places(c);
        return r == EXIT_DONE ? r : complain(c, r, "%s", c->error.text);
}

static int by_environment(const void *a, const void *b) {
        const struct place *x = a, *y = b;
        int r = strcmp(x->environment, y->environment);

        if (r == 0)
                r = strcmp(x->name, y->name);
        return r != 0 ? r : strcmp(x->container_id, y->container_id);
}

/* Moves the containers of an environment to the front; else the one that is meant. */
static int select_places(struct cli *c, const char *words, size_t *ret_count) {
        const struct place *place;
        struct place kept;
        int r;

        *ret_count = 0;
        for (size_t i = 0; i < c->places_count; i++)
                if (strcmp(c->places[i].environment, words) == 0) {
                        kept = c->places[i];
                        c->places[i] = c->places[*ret_count];
                        c->places[(*ret_count)++] = kept;
                }
        if (*ret_count > 0)
                return EXIT_DONE;
        r = find_place(c, words, &place);
        if (r != EXIT_DONE)
                return r;
        kept = *place;
        c->places[place - c->places] = c->places[0];
        c->places[0] = kept;
        *ret_count = 1;
        return EXIT_DONE;
}

int run_ps(struct cli *c, char *const *arguments, unsigned count) {
        size_t shown;
        int r;

        if (given(c, OPTION_BY) && count == 1)
                return complain(c, EXIT_USAGE, "--by: it sums up all containers; leave out %s",
                                out_text(&c->out, arguments[0]));
        r = load_measured(c);
        if (r != EXIT_DONE)
                return r;
        if (given(c, OPTION_BY) && (c->places_count > 0 || given(c, OPTION_JSON)))
                return print_groups(c, c->group_by);
        if (c->places_count > 1)
                qsort(c->places, c->places_count, sizeof(*c->places), by_environment);
        shown = c->places_count;
        if (count == 1)
                r = select_places(c, arguments[0], &shown);
        return r == EXIT_DONE ? print_places(c, shown) : r;
}

int run_top(struct cli *c, char *const *arguments, unsigned count) {
        int r = load_measured(c);

        (void)arguments;
        (void)count;
        if (r != EXIT_DONE)
                return r;
        if (c->places_count > 1)
                qsort(c->places, c->places_count, sizeof(*c->places), by_loss);
        return print_places(c, given(c, OPTION_COUNT) ? u64_min(c->count, c->places_count)
                                                      : c->places_count);
}
