/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/cli/resolve.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "state/container.h"
#include "state/file.h"
#include "state/parse.h"
#include "state/text.h"

#define CONFIG_MAX      MIB /* bytes of a config.v2.json: labels and mounts included */
#define CANDIDATES_MOST 8   /* that an error lists */
#define WORD_MAX        32

bool is_id(const char *words, char letter) {
        uint64_t number;

        return words[0] == letter && parse_u64(words + 1, &number) == 0;
}

static bool is_meant(const struct place *p, const char *words) {
        char exact[CONTAINER_ID_SIZE + 24];

        (void)snprintf(exact, sizeof(exact), "%s@%" PRIu64, p->container_id, p->cgroup_inode);
        return strcmp(p->environment, words) == 0 || strcmp(p->name, words) == 0 ||
               strcmp(p->container_id, words) == 0 || strcmp(exact, words) == 0;
}

static bool begins(const struct place *p, const char *words) {
        return strncmp(p->container_id, words, strlen(words)) == 0;
}

static void list_candidate(struct error *err, const struct place *p, unsigned number) {
        size_t used = strlen(err->text);
        char id[CONTAINER_ID_SIZE];

        text_printable(p->container_id, id, sizeof(id));
        if (number == CANDIDATES_MOST)
                (void)snprintf(err->text + used, sizeof(err->text) - used, ", ...");
        else if (number < CANDIDATES_MOST)
                (void)snprintf(err->text + used, sizeof(err->text) - used, "%s%.24s@%" PRIu64,
                                number ? ", " : "", id, p->cgroup_inode);
}

/* Counts the places that match, keeps the first, and lists them all. */
static unsigned match(const struct place *places, size_t count, const char *words,
                bool (*matches)(const struct place *, const char *), const struct place **ret,
                struct error *err) {
        unsigned found = 0;

        for (size_t i = 0; i < count; i++) {
                if (!matches(&places[i], words))
                        continue;
                if (found == 0)
                        *ret = &places[i];
                list_candidate(err, &places[i], found++);
        }
        return found;
}

int place_find(const struct place *places, size_t count, const char *words,
                const struct place **ret, struct error *err) {
        struct error candidates = { "" };
        const struct place *place = NULL;
        char clean[64];
        unsigned found;

        text_printable(words, clean, sizeof(clean));
        if (words[0] == '\0')
                return error_set(err, -EINVAL, "an empty name: want an environment: dtgov ps");
        found = match(places, count, words, is_meant, &place, &candidates);
        if (found == 0)
                found = match(places, count, words, begins, &place, &candidates);
        if (found == 0)
                return error_set(err, -ENOENT,
                                "no container or environment '%s': dtgov ps lists them", clean);
        if (found > 1)
                return error_set(err, -ENOTUNIQ, "'%s' could be %u containers: %.250s", clean,
                                found, candidates.text);
        *ret = place;
        return 0;
}

int docker_name(const char *docker_dir, const char *container_id, char *out, size_t size) {
        CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
        CLEANUP(freep) char *text = NULL;
        char path[512];
        const char *name;
        size_t len;
        int r;

        if (!container_id_valid(container_id))
                return -EINVAL;
        (void)snprintf(path, sizeof(path), "%s/containers/%s/config.v2.json", docker_dir,
                        container_id);
        r = file_load_at(AT_FDCWD, path, CONFIG_MAX, &text, &len);
        if (r < 0)
                return r;
        r = json_parse(text, len, JSON_DEPTH_MAX, &doc, NULL);
        if (r < 0)
                return r;
        r = json_get_string(json_root(doc), "Name", &name, NULL);
        if (r < 0)
                return r;
        if (name[0] == '/')
                name++;
        return name[0] && text_copy(out, size, name) ? 0 : -EINVAL;
}

static unsigned least(unsigned a, unsigned b) {
        return a < b ? a : b;
}

unsigned word_distance(const char *a, const char *b) {
        unsigned rows[3][WORD_MAX + 1];
        size_t a_len = strnlen(a, WORD_MAX), b_len = strnlen(b, WORD_MAX);

        for (unsigned j = 0; j <= b_len; j++)
                rows[0][j] = j;
        for (size_t i = 1; i <= a_len; i++) {
                unsigned *now = rows[i % 3], *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];

                now[0] = (unsigned)i;
                for (size_t j = 1; j <= b_len; j++) {
                        now[j] = least(least(now[j - 1], last[j]) + 1,
                                        last[j - 1] + (a[i - 1] != b[j - 1]));
                        if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                                now[j] = least(now[j], before[j - 2] + 1);
                }
        }
        return rows[a_len % 3][b_len];
}
