/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/cli/groups.h"

#include <inttypes.h>
#include <string.h>

#include "governor/cli/table.h"
#include "governor/cli/words.h"

#define DIGEST_SHOWN 12 /* digits of a digest, as engines show them */

/* What is summed up, as the observer names it. */
enum sum { SUM_CPU, SUM_MEMORY, SUM_PIDS, SUM_LOST, SUM_COUNT };
static const char *const sums[SUM_COUNT] = { "cpuUsec", "memoryBytes", "pids", "lostUsecPerMin" };

struct group {
        const char *id; /* "" for those without a template */
        const struct json *first;
        uint64_t count, cpu_permyriad, sums[SUM_COUNT];
};

static const struct way {
        const char *by, *key;
        struct column column;
} ways[] = {
        { "template", "template", { "TEMPLATE", COLUMN_CUT } },
        { "environment", "id", { "ENVIRONMENT", 0 } },
};

static const struct way *find_way(const char *by) {
        for (size_t i = 0; i < ARRAY_LEN(ways); i++)
                if (strcmp(ways[i].by, by) == 0)
                        return &ways[i];
        return NULL;
}

bool groups_know(const char *by) {
        return find_way(by) != NULL;
}

static void add(struct group *g, const struct json *object) {
        uint64_t window = number_of(object, "windowUsec", 0);

        g->count++;
        if (window > 0)
                g->cpu_permyriad += number_of(object, "cpuUsec", 0) * 10000 / window;
        for (size_t k = 0; k < SUM_COUNT; k++)
                g->sums[k] += number_of(object, sums[k], 0);
}

/* By what is used, then by name, so that two runs print the same. */
static int by_use(const void *a, const void *b) {
        const struct group *x = a, *y = b;

        if (x->cpu_permyriad != y->cpu_permyriad)
                return x->cpu_permyriad < y->cpu_permyriad ? 1 : -1;
        return strcmp(x->id, y->id);
}

static struct group *collect(const struct cli *c, const struct way *way, size_t *ret_count) {
        struct group *groups = calloc(c->places_count + 1, sizeof(*groups));
        size_t count = 0;

        for (size_t i = 0; groups && i < c->places_count; i++) {
                const char *id = text_of(c->places[i].json, way->key);
                struct group *g = groups;

                while (g < groups + count && strcmp(g->id, id) != 0)
                        g++;
                if (g == groups + count)
                        groups[count++] = (struct group){ .id = id, .first = c->places[i].json };
                add(g, c->places[i].json);
        }
        if (count > 0)
                qsort(groups, count, sizeof(*groups), by_use);
        *ret_count = count;
        return groups;
}

const char *template_words(struct cli *c, const struct json *object) {
        const char *template = text_of(object, "template"), *image = text_of(object, "image");

        if (strncmp(template, "sha256:", 7) != 0)
                return out_text(&c->out, template);
        return out_format(&c->out, "%s@%.*s", image[0] ? out_text(&c->out, image) : "image",
                        DIGEST_SHOWN, out_text(&c->out, template + 7));
}

static const char *group_words(struct cli *c, const struct way *way, const struct group *g) {
        if (g->id[0] == '\0')
                return "-";
        if (strcmp(way->by, "template") == 0)
                return template_words(c, g->first);
        return g->count > 1 ? out_text(&c->out, g->id) : name_of(c, g->first);
}

static int print_json_of(
                struct cli *c, const struct way *way, const struct group *groups, size_t count) {
        CLEANUP(json_writer_freep) struct json_writer *w = NULL;

        if (json_writer_new(&w) < 0)
                return complain(c, EXIT_ERROR, "out of memory");
        json_open_array(w, NULL);
        for (size_t i = 0; i < count; i++) {
                json_open_object(w, NULL);
                json_put_string(w, "id", groups[i].id[0] ? groups[i].id : NULL);
                json_put_string(w, "by", way->by);
                json_put_u64(w, "containers", groups[i].count);
                json_put_u64(w, "cpuPermyriad", groups[i].cpu_permyriad);
                for (size_t k = SUM_MEMORY; k < SUM_COUNT; k++)
                        json_put_u64(w, sums[k], groups[i].sums[k]);
                json_close_object(w);
        }
        json_close_array(w);
        return print_json(c, w);
}

static int print_table_of(
                struct cli *c, const struct way *way, const struct group *groups, size_t count) {
        const struct column columns[] = { way->column, { "CONTAINERS", COLUMN_RIGHT },
                { "CPUS", COLUMN_RIGHT }, { "MEMORY", COLUMN_RIGHT }, { "TASKS", COLUMN_RIGHT },
                { "LOST", COLUMN_RIGHT } };
        CLEANUP(table_freep) struct table *t = NULL;
        int r = table_new(&t, &c->out, columns, ARRAY_LEN(columns));

        for (size_t i = 0; i < count && r >= 0; i++) {
                const struct group *g = &groups[i];
                const char *const cells[] = {
                        group_words(c, way, g),
                        out_format(&c->out, "%" PRIu64, g->count),
                        out_cpus(&c->out, g->cpu_permyriad, 10000),
                        out_bytes(&c->out, g->sums[SUM_MEMORY]),
                        out_format(&c->out, "%" PRIu64, g->sums[SUM_PIDS]),
                        out_format(&c->out, "%s/min", out_duration(&c->out, g->sums[SUM_LOST])),
                };

                r = table_line(t, cells);
        }
        if (r >= 0)
                r = table_print(t);
        return r < 0 ? complain(c, EXIT_ERROR, "out of memory") : EXIT_DONE;
}

int print_groups(struct cli *c, const char *by) {
        const struct way *way = find_way(by);
        CLEANUP(freep) struct group *groups = NULL;
        size_t count = 0;

        if (!way)
                return complain(c, EXIT_USAGE, "%s: no way to group; want environment or template",
                                by);
        groups = collect(c, way, &count);
        if (!groups)
                return complain(c, EXIT_ERROR, "out of memory");
        return given(c, OPTION_JSON) ? print_json_of(c, way, groups, count)
                                     : print_table_of(c, way, groups, count);
}
