/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/cli/resolve.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "state/container.h"
#include "state/parse.h"
#include "state/text.h"

#define CANDIDATES_MOST 8 /* that an error lists */
#define WORD_MAX        32

bool is_id(const char *words, char letter) {
        uint64_t number;

        return words[0] == letter && parse_u64(words + 1, &number) == 0;
}

static bool is_meant(const struct place *p, const char *words) {
        return strcmp(p->environment, words) == 0 || strcmp(p->name, words) == 0 ||
               strcmp(p->container_id, words) == 0;
}

/* "api" of "/home/ada/src/api", "web" of "shop/web". */
static bool is_tail(const struct place *p, const char *words) {
        size_t len = strlen(p->environment), tail = strlen(words);

        return len > tail && p->environment[len - tail - 1] == '/' &&
               strcmp(p->environment + len - tail, words) == 0;
}

/* The beginning of its id, perhaps with the inode that an error listed. */
static bool begins(const struct place *p, const char *words) {
        size_t len = strcspn(words, "@");
        uint64_t inode;

        if (len == 0 || strncmp(p->container_id, words, len) != 0)
                return false;
        return words[len] == '\0' ||
               (parse_u64(words + len + 1, &inode) == 0 && inode == p->cgroup_inode);
}

bool place_is_in(const struct place *p, const char *words) {
        return strcmp(p->environment, words) == 0 || is_tail(p, words);
}

static void list_candidate(struct error *err, const struct place *p, unsigned number) {
        size_t used = strlen(err->text);
        const char *known = p->name[0] ? p->name : p->environment;
        bool named = known[0] != '\0' && strcmp(known, p->container_id) != 0;
        char id[CONTAINER_ID_SIZE], name[64];

        text_printable(p->container_id, id, sizeof(id));
        text_printable(known, name, sizeof(name));
        if (number == CANDIDATES_MOST)
                (void)snprintf(err->text + used, sizeof(err->text) - used, ", ...");
        else if (number < CANDIDATES_MOST)
                (void)snprintf(err->text + used, sizeof(err->text) - used,
                                "%s%.20s%s%.12s@%" PRIu64 "%s", number ? ", " : "",
                                named ? name : "", named ? " (" : "", id, p->cgroup_inode,
                                named ? ")" : "");
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

static int not_found(const char *words, struct error *err) {
        static const struct {
                char letter;
                const char *of;
        } ids[] = { { 'F', "finding" }, { 'P', "proposal" }, { 'C', "change" } };
        char clean[64];

        text_printable(words, clean, sizeof(clean));
        for (size_t i = 0; i < ARRAY_LEN(ids); i++)
                if (is_id(words, ids[i].letter))
                        return error_set(err, -ENOENT,
                                        "%s is the id of a %s; want a container or an environment, "
                                        "dtgov ps lists them",
                                        clean, ids[i].of);
        for (size_t i = 0; i < ARRAY_LEN(ids); i++)
                if (is_id(words, (char)(ids[i].letter | 0x20))) /* in lower case */
                        return error_set(err, -ENOENT,
                                        "%s: no such container or environment, and ids of a %s "
                                        "begin with %c: did you mean %c%s?",
                                        clean, ids[i].of, ids[i].letter, ids[i].letter, clean + 1);
        return error_set(err, -ENOENT, "%s: no such container or environment; dtgov ps lists them",
                        clean);
}

int place_find(const struct place *places, size_t count, const char *words,
                const struct place *also, const struct place **ret, struct error *err) {
        static bool (*const ways[])(
                        const struct place *, const char *) = { is_meant, is_tail, begins };
        struct error candidates = { "" };
        const struct place *place = NULL;
        unsigned found = 0;
        bool listed = !also;
        char clean[64];

        text_printable(words, clean, sizeof(clean));
        if (words[0] == '\0')
                return error_set(err, -EINVAL,
                                "an empty name; want an environment, dtgov ps lists them");
        for (size_t i = 0; i < ARRAY_LEN(ways) && found == 0; i++) {
                found = match(places, count, words, ways[i], &place, &candidates);
                listed = listed || ways[i](also, words);
        }
        if (!listed) {
                list_candidate(&candidates, also, found);
                place = found++ == 0 ? also : place;
        }
        if (found == 0)
                return not_found(words, err);
        if (found > 1)
                return error_set(err, -ENOTUNIQ, "%s: could be %u containers; name one of %.250s",
                                clean, found, candidates.text);
        *ret = place;
        return 0;
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
