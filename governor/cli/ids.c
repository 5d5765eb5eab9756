/* SPDX-License-Identifier: Apache-2.0 */
/* Proposals, changes and findings by their ids. */
#include <string.h>

#include "governor/cli/cli.h"

static const struct kind {
        char letter;
        const char *name, *array, *method, *lists;
        enum daemon daemon;
} kinds[] = {
        { 'P', "proposal", "proposals", "ListProposals", "dtgov proposals --all", DAEMON_CONTROL },
        { 'C', "change", "changes", "ListChanges", "dtgov changes", DAEMON_CONTROL },
        { 'F', "finding", "findings", "ListFindings", "dtgov findings", DAEMON_OBSERVER },
};

/* There are no others than these three. */
static const struct kind *kind_of(char letter) {
        size_t i = 0;

        while (i < ARRAY_LEN(kinds) - 1 && kinds[i].letter != letter)
                i++;
        return &kinds[i];
}

int want_id(struct cli *c, const char *words, char letter) {
        const struct kind *k = kind_of(letter);

        if (is_id(words, letter))
                return EXIT_DONE;
        return complain(c, EXIT_USAGE, "%s: not a %s; want one like %c17, %s lists them",
                        out_text(&c->out, words), k->name, letter, k->lists);
}

int find_id(struct cli *c, const char *id, const struct json **ret) {
        static const struct parameter all[] = { { "all", .is_flag = true, .number = 1 }, {} };
        const struct kind *k = kind_of(id[0]);
        const struct json *answer;
        int r = ask_or_complain(c, k->daemon, k->method, k->letter == 'P' ? all : NULL, &answer);

        if (r != EXIT_DONE)
                return r;
        *ret = find_of(answer, k->array, "id", id);
        return *ret ? EXIT_DONE
                    : complain(c, EXIT_ERROR, "%s: no such %s; %s lists them", id, k->name,
                                      k->lists);
}
