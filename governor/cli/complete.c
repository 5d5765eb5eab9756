/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What could come next on a command line. All of it is read off the tables of commands and options,
 * so that completions and help are one; ids and names are asked for, and without a daemon there are
 * none.
 */
#include <signal.h>
#include <string.h>

#include "governor/cli/commands.h"
#include "governor/cli/setup/program.h"
#include "governor/cli/setup/setup.h"
#include "governor/cli/words.h"

#define PATIENCE_SEC 2 /* a shell waits for this: a daemon that hangs is no candidate */

struct completion {
        struct cli *c;
        const char *begun; /* the word so far */
};

/*
 * A shell puts the word into its command line as it is. Names come from containers: one that a
 * shell would read as more than a word is not offered.
 */
static bool is_plain(const char *word) {
        return word[0] != '\0' &&
               strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                            "0123456789_.,:@/+=-") == strlen(word);
}

static void offer(struct completion *m, const char *word, const char *text) {
        if (is_plain(word) && strncmp(word, m->begun, strlen(m->begun)) == 0)
                (void)fprintf(m->c->out.file, "%s\t%s\n", word, text);
}

static void offer_proposal(struct completion *m, const struct json *e) {
        offer(m, text_of(e, "id"),
                        out_format(&m->c->out, "%s: %s", name_of(m->c, e), knobs_words(m->c, e)));
}

static void offer_change(struct completion *m, const struct json *e) {
        offer(m, text_of(e, "id"),
                        out_format(&m->c->out, "%s: %s", name_of(m->c, e), state_words(m->c, e)));
}

static void offer_finding(struct completion *m, const struct json *e) {
        offer(m, text_of(e, "id"),
                        out_format(&m->c->out, "%s: %s", name_of(m->c, e),
                                        out_text(&m->c->out, text_of(e, "title"))));
}

static void offer_container(struct completion *m, const struct json *e) {
        offer(m, name_of(m->c, e), out_text(&m->c->out, text_of(e, "runtime")));
}

/* What a word of "struct command".arguments stands for: things that a daemon lists. */
static const struct {
        const char *word, *method, *array;
        enum daemon daemon;
        void (*offer)(struct completion *m, const struct json *e);
} live[] = {
        { "P", "ListProposals", "proposals", DAEMON_CONTROL, offer_proposal },
        { "C", "ListChanges", "changes", DAEMON_CONTROL, offer_change },
        { "F", "ListFindings", "findings", DAEMON_OBSERVER, offer_finding },
        { "ENV", "ListContainers", "containers", DAEMON_OBSERVER, offer_container },
};

static void offer_knobs(struct completion *m) {
        for (size_t i = 0; i < KNOB_COUNT; i++)
                if (knobs[i].settable)
                        offer(m, out_format(&m->c->out, "%s=", knobs[i].file), "");
}

/* The engines that are here, then the others. */
static void offer_engines(struct completion *m) {
        static const char *const texts[] = { "is not installed here", "is installed" };
        const char *name, *program;

        for (int here = 1; here >= 0; here--)
                for (size_t i = 0; (name = setup_engine(i, &program)); i++) {
                        char path[512];

                        if (program_find(m->c->root ? m->c->root : "", program, path,
                                            sizeof(path)) == (here > 0))
                                offer(m, name, texts[here]);
                }
}

/* One alternative of an argument: "P", "ENV", "--all". */
static void offer_alternative(struct completion *m, const char *word) {
        const struct json *answer;

        if (strncmp(word, "--", 2) == 0)
                offer(m, word, "");
        else if (strncmp(word, "KNOB=", 5) == 0)
                offer_knobs(m);
        else if (strcmp(word, "ENGINE") == 0)
                offer_engines(m);
        for (size_t i = 0; i < ARRAY_LEN(live); i++)
                if (strcmp(live[i].word, word) == 0 && ask(m->c, live[i].daemon, live[i].method,
                                                                       NULL, &answer) == EXIT_DONE)
                        for (const struct json *e = children_of(answer, live[i].array); e;
                                        e = e->next)
                                live[i].offer(m, e);
}

/*
 * @position: 0 is the first argument of the command
 * Returns:   whether the command takes one there
 */
static bool offer_arguments(struct completion *m, const struct command *k, unsigned position) {
        CLEANUP(freep) char *copy = strdup(k->arguments);
        char *rest = copy, *word;
        unsigned at = 0;
        bool in_option = false, repeated, taken = false;

        while ((word = strsep(&rest, " "))) {
                char *end = word + strlen(word);

                word += word[0] == '[';
                in_option = in_option || word[0] == '-';
                if (in_option) { /* "[--reason TEXT]" is two words */
                        in_option = end[-1] != ']';
                        continue;
                }
                repeated = strstr(word, "...") != NULL;
                word[strcspn(word, "]")] = '\0';
                if (at == position || (repeated && at < position)) {
                        taken = true;
                        for (char *one; (one = strsep(&word, "|"));)
                                offer_alternative(m, one);
                }
                at++;
        }
        return taken;
}

/* The option without its dashes' alternatives and its argument: "--yes" of "-y, --yes". */
static const char *option_word(struct cli *c, const struct option_help *o) {
        const char *word = strstr(o->name, "--");

        if (!word)
                word = o->name;
        return out_format(&c->out, "%.*s", (int)strcspn(word, " "), word);
}

static bool takes_argument(struct cli *c, const char *word) {
        for (size_t i = 0; i < option_help_count; i++) {
                const char *name = option_word(c, &option_help[i]);

                if (strcmp(name, word) == 0)
                        return strchr(strstr(option_help[i].name, name), ' ') != NULL;
        }
        return strcmp(word, "--run-dir") == 0;
}

static void offer_options(struct completion *m, const struct command *k) {
        for (size_t i = 0; k && i < option_help_count; i++)
                if (k->options & option_help[i].option)
                        offer(m, option_word(m->c, &option_help[i]), option_help[i].help);
        if (!k)
                offer(m, "--version", "versions of dtgov and its daemons");
        offer(m, "--run-dir", "where the sockets are");
        offer(m, "--no-color", "no colours");
        offer(m, "--help", "help");
}

/* What --by takes. */
static void offer_ways(struct completion *m) {
        offer(m, "template", "");
        offer(m, "environment", "");
}

int complete(struct cli *c, char *const *words, unsigned count) {
        struct completion m = { .c = c, .begun = count > 0 ? words[count - 1] : "" };
        const struct command *k = NULL;
        unsigned arguments = 0;
        bool value = false; /* the word is an option's */

        for (unsigned i = 0; i + 1 < count; i++) {
                bool plain = !value && words[i][0] != '-';

                value = !value && takes_argument(c, words[i]);
                if (!plain || (!k && strcmp(words[i], "help") == 0))
                        continue;
                for (size_t j = 0; !k && j < commands_count; j++)
                        if (strcmp(commands[j].name, words[i]) == 0)
                                k = &commands[j];
                if (!k)
                        return EXIT_DONE; /* a command that is none */
                arguments++;
        }
        if (value) {
                if (strcmp(words[count - 2], "--by") == 0)
                        offer_ways(&m);
                return EXIT_DONE;
        }
        (void)alarm(PATIENCE_SEC);
        if (m.begun[0] == '-' || (k && !offer_arguments(&m, k, arguments - 1)))
                offer_options(&m, k);
        for (size_t i = 0; !k && m.begun[0] != '-' && i < commands_count; i++)
                offer(&m, commands[i].name, commands[i].summary);
        (void)alarm(0);
        return EXIT_DONE;
}
