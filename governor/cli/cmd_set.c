/* SPDX-License-Identifier: Apache-2.0 */
/* A person's own wish: proposed in their name, shown, and approved by the same call as any other.
 */
#include <inttypes.h>
#include <string.h>

#include "governor/cli/commands.h"
#include "governor/cli/project.h"
#include "governor/cli/words.h"
#include "state/change.h"

#define KNOB_TYPO_MOST 3 /* edits that a mistyped knob may be away, in a third of its letters */

static const char *nearest_knob(const char *file) {
        unsigned best = KNOB_TYPO_MOST + 1;
        const char *name = NULL;
        char most[KNOB_NAME_MAX + 8];
        int id;

        (void)snprintf(most, sizeof(most), "%s.max", file); /* "cpu" */
        id = knob_find(most);
        if (id >= 0 && knobs[id].settable)
                return knobs[id].file;
        for (size_t i = 0; i < KNOB_COUNT; i++) {
                unsigned distance = word_distance(file, knobs[i].file);

                if (knobs[i].settable && distance < best && distance * 3 <= strlen(knobs[i].file)) {
                        best = distance;
                        name = knobs[i].file;
                }
        }
        return name;
}

/* One knob, read. */
struct wish {
        enum knob_id knob;
        struct knob_value value;
};

/* "memory.max=4G" as what the kernel's file takes: "memory.max=4294967296". */
static int read_assignment(struct cli *c, const char *words, const char **ret, struct wish *wish) {
        char text[KNOB_VALUE_TEXT_MAX], file[KNOB_NAME_MAX];
        size_t len = strcspn(words, "=");
        struct knob_value value;
        const char *near;
        struct error why;
        int id;

        if (words[len] != '=' || len >= sizeof(file))
                return complain(c, EXIT_USAGE, "%s: no KNOB=VALUE; want one like memory.max=4G",
                                out_text(&c->out, words));
        memcpy(file, words, len);
        file[len] = '\0';
        id = knob_find(file);
        if (id < 0 || !knobs[id].settable) {
                near = nearest_knob(file);
                return complain(c, EXIT_USAGE,
                                "%s: no knob that dtgov sets; %s%s%sdtgov set --help lists them",
                                out_text(&c->out, file), near ? "did you mean " : "",
                                near ? near : "", near ? "? " : "");
        }
        if (knob_parse((enum knob_id)id, words + len + 1, &value, &why) < 0)
                return complain(c, EXIT_USAGE, "%s", out_text(&c->out, why.text));
        knob_write_text((enum knob_id)id, value, text, sizeof(text));
        *ret = out_format(&c->out, "%s=%s", file, text);
        *wish = (struct wish){ (enum knob_id)id, value };
        return EXIT_DONE;
}

/* What a project's needs mean for a knob: the least value; 0: nothing. */
static uint64_t floor_of(const struct devcontainer_needs *needs, const struct wish *wish) {
        if (wish->knob == KNOB_MEMORY_MAX || wish->knob == KNOB_MEMORY_HIGH)
                return needs->memory_bytes;
        return wish->knob == KNOB_CPU_MAX ? needs->cpus * wish->value.period_usec : 0;
}

/* In the folder of the container's own project nothing is set below what the project asks for. */
static int check_floor(
                struct cli *c, const struct place *p, const struct wish *wishes, unsigned count) {
        struct project project;
        struct error why;
        int r = project_here(&project, &why);

        if (r == 0 || strcmp(project.folder, text_of(p->json, "folder")) != 0)
                return EXIT_DONE;
        if (r < 0) {
                (void)complain(c, EXIT_DONE, "%s; no floor is known", out_text(&c->out, why.text));
                return EXIT_DONE;
        }
        for (unsigned i = 0; i < count; i++) {
                uint64_t least = floor_of(&project.needs, &wishes[i]);

                if (wishes[i].value.amount < least)
                        return complain(c, EXIT_REFUSED,
                                        "%s: this project needs at least %s (hostRequirements in "
                                        "%s); change it there, or ask for more",
                                        knobs[wishes[i].knob].file,
                                        wishes[i].knob == KNOB_CPU_MAX
                                                        ? out_format(&c->out, "%" PRIu64 " CPUs",
                                                                          project.needs.cpus)
                                                        : out_bytes(&c->out, least),
                                        project.file);
        }
        return EXIT_DONE;
}

static int propose(struct cli *c, const struct place *p, const char *assignments,
                const struct json **ret) {
        const struct parameter parameters[] = {
                { "containerId", .text = p->container_id },
                { "cgroupInode", .number = p->cgroup_inode },
                { "assignments", .text = assignments },
                { "dryRun", .is_flag = true, .number = given(c, OPTION_DRY_RUN) },
                {},
        };
        int r = ask(c, DAEMON_CONTROL, "Propose", parameters, ret);

        if (r == EXIT_REFUSED && strcmp(c->error_code, "E_NO_CHANGE") == 0) {
                r = print_unchanged(c, c->error.text, NULL);
                return r == EXIT_DONE ? -EALREADY : r;
        }
        return r == EXIT_DONE ? r : complain(c, r, "%s", c->error.text);
}

/* What is not approved is taken back, so that it does not wait for somebody else. */
static int withdraw(struct cli *c, const struct json *proposal, const char *reason, int code) {
        const struct parameter parameters[] = {
                { "id", .text = text_of(proposal, "id") },
                { "reason", .text = reason },
                {},
        };
        const struct json *answer;

        (void)ask(c, DAEMON_CONTROL, "Reject", parameters, &answer);
        return code;
}

static int decide(struct cli *c, const struct json *answer) {
        const struct json *proposal = json_get(answer, "proposal");
        CLEANUP(json_writer_freep) struct json_writer *w = NULL;
        int r;

        if (strcmp(text_of(proposal, "state"), "refused") == 0) {
                if (strcmp(text_of(proposal, "reason"), "E_NO_CHANGE") != 0)
                        return complain(c, EXIT_REFUSED, "%s", reason_words(c, proposal));
                return print_unchanged(c, reason_words(c, proposal), NULL);
        }
        if (given(c, OPTION_DRY_RUN) && given(c, OPTION_JSON)) {
                if (json_writer_new(&w) < 0)
                        return EXIT_ERROR;
                json_put_value(w, NULL, answer);
                return print_json(c, w);
        }
        if (!given(c, OPTION_JSON))
                show_proposal(c, proposal);
        if (given(c, OPTION_DRY_RUN))
                return print_writes(c, answer);
        r = confirm(c, "Set this?");
        if (r == EXIT_DONE)
                r = approve_proposal(c, proposal);
        else
                return withdraw(c, proposal, "cancelled at the prompt", r);
        return r == EXIT_REFUSED ? withdraw(c, proposal, "refused", r) : r;
}

/* Before anything is proposed that would only be refused. */
static int check_pause(struct cli *c) {
        const struct json *health;

        if (given(c, OPTION_DRY_RUN) ||
                        ask(c, DAEMON_CONTROL, "Health", NULL, &health) != EXIT_DONE ||
                        !flag_of(health, "paused"))
                return EXIT_DONE;
        return complain(c, EXIT_REFUSED, "%s", reasons[REASON_PAUSED].text);
}

int run_set(struct cli *c, char *const *arguments, unsigned count) {
        struct wish wishes[PROPOSAL_KNOBS_MAX] = { 0 };
        const char *assignments = "", *one = NULL;
        const struct json *answer;
        const struct place *place;
        int r;

        for (unsigned i = 1; i < count; i++) {
                r = read_assignment(c, arguments[i], &one, &wishes[i - 1]);
                if (r != EXIT_DONE)
                        return r;
                assignments = out_format(&c->out, "%s%s%s", assignments, i > 1 ? ";" : "", one);
        }
        r = given(c, OPTION_DRY_RUN) ? EXIT_DONE : may_confirm(c);
        if (r == EXIT_DONE)
                r = find_place(c, arguments[0], &place);
        if (r == EXIT_DONE)
                r = check_floor(c, place, wishes, count - 1);
        if (r == EXIT_DONE)
                r = check_pause(c);
        if (r == EXIT_DONE)
                r = propose(c, place, assignments, &answer);
        if (r != EXIT_DONE)
                return r == -EALREADY ? EXIT_DONE : r;
        return decide(c, answer);
}
