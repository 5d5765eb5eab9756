/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/cli/setup/docker_client.h"

#include <stdio.h>
#include <string.h>

#include "governor/cli/setup/program.h"
#include "state/text.h"

#define SOCKET      "unix:///var/run/docker.sock"
#define ASK_SECONDS PROGRAM_PATIENCE_S
#define RUN_SECONDS 60
#define BATCH       100 /* containers that one command line names */
#define WORDS_MAX   (BATCH + 16)
#define ID_MAX      80

/* A command line of the client. */
struct line {
        const char *words[WORDS_MAX];
        size_t count;
};

static void begin(const struct client *c, struct line *line) {
        line->words[0] = c->is_podman ? "podman" : "docker";
        line->count = 1;
        if (!c->is_podman) {
                line->words[1] = "--host";
                line->words[2] = SOCKET;
                line->count = 3;
        }
        line->words[line->count] = NULL;
}

static void add(struct line *line, const char *word) {
        line->words[line->count++] = word;
        line->words[line->count] = NULL;
}

static void add_all(struct line *line, const char *const *words) {
        while (*words)
                add(line, *words++);
}

/* Runs a question; its answer must be a good one. */
static int ask(const struct client *c, const struct line *line, struct program_answer *ret,
                struct error *err) {
        int r = program_run(c->root, line->words, ASK_SECONDS, -1, ret, err);

        if (r == 0 && ret->status != 0)
                return error_set(err, -EHOSTDOWN, "%s does not answer: %s", line->words[0],
                                ret->said);
        return r;
}

/* A line of what the engine says of itself. */
static int ask_info(const struct client *c, const char *format, struct program_answer *ret,
                struct error *err) {
        const char *const words[] = { "info", "--format", format, NULL };
        struct line line;
        int r;

        begin(c, &line);
        add_all(&line, words);
        r = ask(c, &line, ret, err);
        if (r < 0)
                return r;
        ret->out[strcspn(ret->out, "\n")] = '\0';
        /* Some versions print the line and say on stderr that nobody answered. */
        return ret->out[0] ? 0
                           : error_set(err, -EHOSTDOWN, "docker does not answer: %s", ret->said);
}

int client_default_runtime(
                const struct client *c, char out[static DOCKER_NAME_MAX], struct error *err) {
        CLEANUP(program_done) struct program_answer answer = { 0 };
        int r = ask_info(c, "{{.DefaultRuntime}}", &answer, err);

        if (r == 0 && !text_copy(out, DOCKER_NAME_MAX, answer.out))
                return error_set(err, -EHOSTDOWN, "docker says too much: %.100s", answer.out);
        return r;
}

int client_has_runtime(const struct client *c, const char *name, struct error *err) {
        CLEANUP(program_done) struct program_answer answer = { 0 };
        int r = ask_info(c, "{{range $name, $_ := .Runtimes}}{{$name}} {{end}}", &answer, err);
        char *rest = answer.out;

        if (r < 0)
                return r;
        for (const char *word; (word = strsep(&rest, " "));)
                if (strcmp(word, name) == 0)
                        return 1;
        return 0;
}

static bool is_one_of(const struct docker_config *runtimes, const char *name) {
        for (size_t i = 0; i < runtimes->ours_count; i++)
                if (strcmp(runtimes->ours[i], name) == 0)
                        return true;
        return false;
}

/* Counts the lines "RUNTIME ID /NAME" of dtgov's runtimes, and lists their names. */
static int count_lines(char *text, const struct docker_config *runtimes, char *names, size_t size) {
        int count = 0;

        for (char *line; (line = strsep(&text, "\n"));) {
                const char *runtime = strsep(&line, " "), *id = strsep(&line, " ");
                size_t used = strlen(names);

                if (!id || !line || !is_one_of(runtimes, runtime))
                        continue;
                count++;
                if (used + strlen(line) + 3 < size)
                        (void)snprintf(names + used, size - used, "%s%s", used ? ", " : "",
                                        line + (line[0] == '/'));
        }
        return count;
}

/* One question about up to BATCH containers, whose ids are at the beginning of @ids. */
static int inspect(const struct client *c, char **ids, const struct docker_config *runtimes,
                char *names, size_t size) {
        static const char *const words[] = { "inspect", "--type", "container", "--format",
                "{{.HostConfig.Runtime}} {{.Id}} {{.Name}}", NULL };
        CLEANUP(program_done) struct program_answer answer = { 0 };
        struct line line;
        int r;

        begin(c, &line);
        add_all(&line, words);
        for (size_t i = 0; i < BATCH && *ids;) {
                char *id = strsep(ids, "\n");

                if (id[0] != '\0' && strlen(id) < ID_MAX) {
                        add(&line, id);
                        i++;
                }
        }
        if (!line.words[line.count - 1] || strcmp(line.words[line.count - 1], words[4]) == 0)
                return 0;
        /* One that went meanwhile fails the command; the others are printed all the same. */
        r = program_run(c->root, line.words, ASK_SECONDS, -1, &answer, NULL);
        return r < 0 ? r : count_lines(answer.out, runtimes, names, size);
}

int client_containers(const struct client *c, const struct docker_config *runtimes, char *names,
                size_t size, struct error *err) {
        static const char *const words[] = { "ps", "--all", "--quiet", "--no-trunc", NULL };
        CLEANUP(program_done) struct program_answer answer = { 0 };
        struct line line;
        int r, count = 0;
        char *ids;

        names[0] = '\0';
        begin(c, &line);
        add_all(&line, words);
        r = ask(c, &line, &answer, err);
        if (r < 0)
                return r;
        ids = answer.out;
        while (ids) {
                r = inspect(c, &ids, runtimes, names, size);
                if (r < 0)
                        return error_set(err, r, "the containers could not be listed");
                count += r;
        }
        return count;
}

/* An image that is here: its id, and in @shown its name. */
static bool find_image(const struct client *c, char id[static ID_MAX], char *shown, size_t size) {
        static const char *const words[] = { "image", "ls", "--no-trunc", "--format",
                "{{.ID}} {{.Repository}}:{{.Tag}}", NULL };
        CLEANUP(program_done) struct program_answer answer = { 0 };
        char *name, *text;
        struct line line;

        begin(c, &line);
        add_all(&line, words);
        if (ask(c, &line, &answer, NULL) < 0)
                return false;
        text = answer.out;
        text[strcspn(text, "\n")] = '\0';
        name = strchr(text, ' ');
        if (!name)
                return false;
        *name++ = '\0';
        (void)text_copy(shown, size, strncmp(name, "<none>", 6) == 0 ? text : name);
        return text_copy(id, ID_MAX, text);
}

enum trial client_try(const struct client *c, const char *runtime, char *image, size_t size,
                struct error *err) {
        static const char *const words[] = { "run", "--rm", "--pull", "never", "--network", "none",
                "--entrypoint", "true", NULL };
        CLEANUP(program_done) struct program_answer answer = { 0 };
        char id[ID_MAX];
        struct line line;

        image[0] = '\0';
        if (!find_image(c, id, image, size))
                return TRIAL_NO_IMAGE;
        begin(c, &line);
        add_all(&line, words);
        if (runtime) {
                add(&line, "--runtime");
                add(&line, runtime);
        }
        add(&line, id);
        if (program_run(c->root, line.words, RUN_SECONDS, -1, &answer, err) < 0)
                return TRIAL_FAILED;
        if (answer.status == 0)
                return TRIAL_RAN;
        /* 125, 126 and 127 do not tell a runtime or a hook that fails from an image without "true":
         * docker and podman go by words in the runtime's message. */
        (void)error_set(err, -EIO, "%s run ended with %d: %s", line.words[0], answer.status,
                        answer.said);
        return TRIAL_FAILED;
}
