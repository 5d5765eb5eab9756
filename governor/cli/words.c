/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/cli/words.h"

#include <inttypes.h>
#include <string.h>

#include "state/change.h"
#include "state/container.h"

/* A number of a finding's evidence, by its name. */
static uint64_t evidence_of(const struct json *finding, const char *name, uint64_t otherwise) {
        for (const struct json *e = children_of(finding, "evidence"); e; e = e->next)
                if (strcmp(text_of(e, "name"), name) == 0)
                        return number_of(e, "value", otherwise);
        return otherwise;
}

/* The quota that it was throttled by: after a change the container has another one. */
static const char *quota_words(
                struct cli *c, const struct json *finding, const struct json *container) {
        uint64_t quota = evidence_of(
                        finding, "quota", number_of(container, "cpuQuotaUsec", KNOB_MAX));
        uint64_t period = evidence_of(
                        finding, "period", number_of(container, "cpuPeriodUsec", CPU_PERIOD_USEC));
        struct knob_value value = { quota, period };
        char text[KNOB_VALUE_TEXT_MAX];

        if (quota == KNOB_MAX)
                return "";
        knob_format(KNOB_CPU_MAX, value, text, sizeof(text));
        return out_format(&c->out, "quota %.*s of %ld CPUs", (int)strcspn(text, " "), text,
                        sysconf(_SC_NPROCESSORS_ONLN));
}

static const char *use_words(struct cli *c, const char *what, const char *use, const char *limit) {
        return out_format(&c->out, "%s %s of %s", what, use, limit);
}

/* What stands in the way, with the numbers of the container now; else the rule's title. */
static const char *cause_words(struct cli *c, const struct json *finding) {
        const struct place *p = place_of(c, finding);
        const char *rule = text_of(finding, "rule"), *words = "";
        uint64_t memory, most;

        if (p && strcmp(rule, rules[RULE_CPU_QUOTA].name) == 0)
                words = quota_words(c, finding, p->json);
        else if (p && (strcmp(rule, rules[RULE_MEMORY_LIMIT].name) == 0 ||
                                      strcmp(rule, rules[RULE_MEMORY_HIGH].name) == 0)) {
                bool high = strcmp(rule, rules[RULE_MEMORY_HIGH].name) == 0;

                memory = number_of(p->json, "memoryBytes", 0);
                most = number_of(p->json, high ? "memoryHighBytes" : "memoryMaxBytes", KNOB_MAX);
                if (most != KNOB_MAX)
                        words = use_words(c, high ? "memory.high" : "memory",
                                        out_bytes(&c->out, memory), out_bytes(&c->out, most));
        } else if (p && strcmp(rule, rules[RULE_PIDS_LIMIT].name) == 0) {
                most = number_of(p->json, "pidsMax", KNOB_MAX);
                if (most != KNOB_MAX)
                        words = out_format(&c->out, "%" PRIu64 " of %" PRIu64 " tasks",
                                        number_of(p->json, "pids", 0), most);
        }
        if (words[0])
                return words;
        words = text_of(finding, "title");
        return out_text(&c->out, words[0] ? words : rule);
}

static const char *process_words(struct cli *c, const struct json *finding) {
        const struct json *p = children_of(finding, "processes");
        const char *ancestor = text_of(p, "ancestor");

        if (!p)
                return "";
        return out_format(&c->out, "; %s%s%s%s%s %s", out_text(&c->out, text_of(p, "name")),
                        ancestor[0] ? " " : "", ancestor[0] ? out_from(&c->out) : "",
                        ancestor[0] ? " " : "", out_text(&c->out, ancestor),
                        out_share(&c->out, number_of(p, "cpuPermyriad", 0)));
}

/* Of less than a minute nobody knows what a whole one costs: then it is a rate. */
static const char *lost_words(struct cli *c, const struct json *finding) {
        uint64_t lost = u64_min(number_of(finding, "lostUsecPerMin", 0), 60 * USEC_PER_SEC);
        uint64_t since = number_of(finding, "sinceBoottimeNs", 0);
        uint64_t until = number_of(finding, "untilBoottimeNs", 0);
        const char *name = name_of(c, finding), *text = out_duration(&c->out, lost);

        if (lost == 0)
                return name;
        if (until > since && until - since < 60 * NSEC_PER_SEC)
                return out_format(&c->out, "%s loses %s a minute", name, text);
        return out_format(&c->out, "%s lost %s of the last 60 s", name, text);
}

const char *next_words(struct cli *c, const struct json *finding) {
        const char *proposal = text_of(finding, "proposal"), *change = text_of(finding, "change");
        const char *next =
                        proposal[0] ? out_format(&c->out, "dtgov approve %s", proposal)
                        : change[0] ? out_format(&c->out, "dtgov show %s", change)
                                    : out_format(&c->out, "dtgov show %s", text_of(finding, "id"));

        return out_text(&c->out, next);
}

const char *finding_words(struct cli *c, const struct json *finding) {
        /* What it says of itself is about two containers. */
        if (text_of(finding, "victim")[0])
                return out_format(&c->out, "%s %s; %s", name_of(c, finding),
                                out_text(&c->out, text_of(finding, "text")),
                                next_words(c, finding));
        return out_format(&c->out, "%s: %s%s; %s", lost_words(c, finding), cause_words(c, finding),
                        process_words(c, finding), next_words(c, finding));
}

const char *knobs_words(struct cli *c, const struct json *object) {
        const char *words = "";

        for (const struct json *k = children_of(object, "knobs"); k; k = k->next)
                if (strcmp(text_of(k, "old"), text_of(k, "new")) != 0)
                        words = out_format(&c->out, "%s%s%s", words, words[0] ? ", " : "",
                                        out_step(&c->out, text_of(k, "file"), text_of(k, "old"),
                                                        text_of(k, "new")));
        return words;
}

const char *change_words(struct cli *c, const struct json *change) {
        const char *words = knobs_words(c, change);

        return flag_of(change, "byPolicy") ? out_format(&c->out, "%s, by policy", words) : words;
}

/* Whether a rollback left more than the old value. */
static bool kept_more(const struct json *change) {
        for (const struct json *k = children_of(change, "knobs"); k; k = k->next)
                if (text_of(k, "kept")[0])
                        return true;
        return false;
}

bool change_is_open(const struct json *change) {
        int state = change_state_from_name(text_of(change, "state"));

        return state >= 0 && change_states[state].open;
}

const char *state_words(struct cli *c, const struct json *change) {
        static const char *const words[CHANGE_STATE_COUNT] = {
                [CHANGE_COMMITTED] = "kept",
                [CHANGE_CONFLICT] = "left alone: somebody else set another value",
                [CHANGE_LAPSED] = "ended with the container",
                [CHANGE_REVERTED_EXTERNALLY] = "taken back by somebody else",
                [CHANGE_ROLLED_BACK] = "rolled back",
                [CHANGE_ROLLING_BACK] = "rolling back",
                [CHANGE_ROLLBACK_FAILED] = "rollback failed, being tried again",
                [CHANGE_HELD] = "on probation, extended",
        };
        int state = change_state_from_name(text_of(change, "state"));
        uint64_t deadline = number_of(change, "deadlineBoottimeNs", 0);

        if (state < 0)
                return out_text(&c->out, text_of(change, "state"));
        if (state == CHANGE_PROBATION)
                return out_format(&c->out, "on %s, %s left",
                                flag_of(change, "trial") ? "trial" : "probation",
                                out_duration(&c->out, u64_sub(deadline, boottime_ns()) / 1000));
        if (state == CHANGE_COMMITTED && !flag_of(change, "proven"))
                return "kept, unproven";
        if (state == CHANGE_ROLLED_BACK && kept_more(change))
                return "rolled back, but kept more than the old value";
        return words[state] ? words[state] : change_states[state].name;
}

const char *reason_words(struct cli *c, const struct json *object) {
        const char *text = text_of(object, "text");
        int reason = reason_from_code(text_of(object, "reason"));

        if (text[0] == '\0')
                text = reason >= 0 ? reasons[reason].text : text_of(object, "reason");
        return out_text(&c->out, text);
}

/*
 * A limit above the swap limit that is stored is refused: both, as docker run sets them. The swap
 * stays what it is; where that is not known, as much as memory, which is what engines take then.
 */
static const char *keep_memory(struct output *o, const struct place *place, uint64_t bytes) {
        const struct json *known = json_get(place->json, "memorySwapMaxBytes");
        uint64_t swap = number_of(place->json, "memorySwapMaxBytes", bytes);
        uint64_t memory_kib = bytes / KIB, both_kib = (bytes + swap) / KIB;

        if (known && known->type == JSON_NULL)
                return out_format(o, " --memory %" PRIu64 "k --memory-swap -1", memory_kib);
        return out_format(o, " --memory %" PRIu64 "k --memory-swap %" PRIu64 "k", memory_kib,
                        both_kib);
}

/* The engine's words for one knob; docker and podman share them. */
static const char *keep_option(
                struct output *o, const struct place *place, const char *file, const char *text) {
        int id = knob_find(file);
        struct knob_value v;

        if (id < 0 || knob_read_text((enum knob_id)id, text, &v) < 0 || v.amount == KNOB_MAX)
                return "";
        if (id == KNOB_CPU_MAX)
                return out_format(o, " --cpus %.*s", (int)strcspn(out_value(o, file, text), " "),
                                out_value(o, file, text));
        if (id == KNOB_PIDS_MAX)
                return out_format(o, " --pids-limit %" PRIu64, v.amount);
        if (id == KNOB_MEMORY_MAX)
                return keep_memory(o, place, v.amount);
        return "";
}

const char *keep_command(struct output *o, const struct place *place, const struct json *steps) {
        const char *options = "", *engine = NULL;

        if (place)
                engine = text_of(place->json, "engine");
        if (engine && engine[0] == '\0') /* dtgovd does not know it */
                engine = strstr(place->cgroup, "docker")    ? "docker"
                         : strstr(place->cgroup, "libpod-") ? "podman"
                                                            : NULL;
        if (!engine || (strcmp(engine, "docker") != 0 && strcmp(engine, "podman") != 0))
                return "";
        for (; steps; steps = steps->next) {
                const char *option = keep_option(
                                o, place, text_of(steps, "file"), text_of(steps, "new"));

                if (strcmp(text_of(steps, "old"), text_of(steps, "new")) == 0)
                        continue; /* it was only used on the way */
                if (option[0] == '\0')
                        return "";
                options = out_format(o, "%s%s", options, option);
        }
        if (options[0] == '\0')
                return "";
        return out_format(o, "%s update%s %s", engine, options,
                        container_id_valid(place->name)
                                        ? place->name /* safe in a shell */
                                        : out_format(o, "%.12s", place->container_id));
}
