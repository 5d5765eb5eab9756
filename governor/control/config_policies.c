/* SPDX-License-Identifier: Apache-2.0 */
/* "policies" of dtgov.json. What is not understood is an error: a policy that says less than root
 * meant would do more. */
#include "governor/control/config.h"

#include "policies/rules/ending.h"
#include "state/text.h"

#include <string.h>

#define WORDS 3

static const char *const modes[WORDS] = { "ask", "auto", "off" };    /* enum policy_mode */
static const char *const risks[WORDS] = { "low", "medium", "high" }; /* enum risk */

/* One member of a policy. */
typedef int loader(const struct json *object, const struct json *v, struct policy *p,
                struct error *err);

/* Returns: which of the words it is */
static int get_word(const struct json *object, const char *key, const char *const words[WORDS],
                struct error *err) {
        const char *word = "";

        (void)json_get_string(object, key, &word, NULL);
        for (int i = 0; i < WORDS; i++)
                if (strcmp(words[i], word) == 0)
                        return i;
        return error_set(err, -EINVAL, "'%s': want \"%s\", \"%s\" or \"%s\"", key, words[0],
                        words[1], words[2]);
}

static int get_text(const struct json *object, const char *key, char *ret, struct error *err) {
        const char *text;

        if (json_get_string(object, key, &text, NULL) < 0 || text[0] == '\0' ||
                        !text_copy(ret, IDENTITY_TEXT_SIZE, text))
                return error_set(err, -EINVAL, "'%s': want a text of 1 to %d bytes", key,
                                IDENTITY_TEXT_SIZE - 1);
        return 0;
}

static int load_environment(const struct json *object, const struct json *v, struct policy *p,
                struct error *err) {
        return get_text(object, v->key, p->environment, err);
}

static int load_template(const struct json *object, const struct json *v, struct policy *p,
                struct error *err) {
        return get_text(object, v->key, p->template, err);
}

static int load_below(const struct json *object, const struct json *v, struct policy *p,
                struct error *err) {
        int r = get_text(object, v->key, p->below, err);

        if (r == 0 && !config_is_below_root(p->below))
                return error_set(err, -EINVAL,
                                "'%s': want a cgroup below the root, like \"/daytona.slice\"",
                                v->key);
        return r;
}

static int load_rule(const struct json *object, const struct json *v, struct policy *p,
                struct error *err) {
        const char *name = "";

        (void)json_get_string(object, v->key, &name, NULL);
        for (unsigned rule = 0; rule < RULE_COUNT; rule++)
                if (rule != RULE_PERSON && strcmp(rules[rule].name, name) == 0) {
                        p->rules = 1U << rule;
                        return 0;
                }
        return error_set(err, -EINVAL, "'%s': not one of the rules of dtgov(1): \"cpu-quota\", ...",
                        v->key);
}

static int load_mode(const struct json *object, const struct json *v, struct policy *p,
                struct error *err) {
        int r = get_word(object, v->key, modes, err);

        if (r >= 0)
                p->mode = (enum policy_mode)r;
        return r;
}

static int load_risk(const struct json *object, const struct json *v, struct policy *p,
                struct error *err) {
        int r = get_word(object, v->key, risks, err);

        if (r >= 0)
                p->risk = (enum risk)r;
        return r;
}

static int load_probation(const struct json *object, const struct json *v, struct policy *p,
                struct error *err) {
        if (json_get_u64(object, v->key, &p->probation_sec, NULL) < 0 || p->probation_sec == 0 ||
                        p->probation_sec > ENDING_PROBATION_SEC_MAX)
                return error_set(err, -EINVAL, "'%s': want 1 to %d seconds", v->key,
                                ENDING_PROBATION_SEC_MAX);
        return 0;
}

/* A knob twice is no JSON here: so it never is more than there are. */
static int load_at_most(const struct json *object, const struct json *value, struct policy *p,
                struct error *err) {
        (void)object;
        if (value->type != JSON_OBJECT || !value->child)
                return error_set(err, -EINVAL,
                                "'at_most': want knobs and how far each may go, like "
                                "{ \"cpu.max\": \"4\", \"memory.max\": \"8G\" }");
        for (const struct json *v = value->child; v; v = v->next) {
                struct policy_bound *bound = &p->at_most[p->at_most_count];
                int id = knob_find(v->key);
                const char *words;

                /* A limit of one disk has no value that all of them can be held against. */
                if (id < 0 || !knobs[id].settable || knobs[id].unit == UNIT_IO_LIMIT ||
                                p->at_most_count == PROPOSAL_KNOBS_MAX)
                        return error_set(err, -EINVAL,
                                        "'at_most.%s' is no knob that a policy sets; see dtgov(1)",
                                        v->key);
                if (json_get_string(value, v->key, &words, NULL) < 0)
                        return error_set(err, -EINVAL, "'at_most.%s': want a text, like \"4\"",
                                        v->key);
                if (knob_parse((enum knob_id)id, words, &bound->most, err) < 0)
                        return error_prefix(err, -EINVAL, "'at_most'");
                bound->knob = (uint32_t)id;
                p->at_most_count++;
        }
        return 0;
}

static const struct {
        const char *key;
        loader *load;
        bool automatic; /* means something with "auto" alone */
} members[] = {
        { "environment", load_environment, false },
        { "template", load_template, false },
        { "below", load_below, false },
        { "rule", load_rule, false },
        { "mode", load_mode, false },
        { "at_most", load_at_most, true },
        { "risk", load_risk, true },
        { "probation_sec", load_probation, true },
};

static int check_whole(const struct json *object, const struct policy *p, struct error *err) {
        if (!json_get(object, "mode"))
                return error_set(err, -EINVAL,
                                "'mode' is missing: want \"auto\", \"ask\" or \"off\"");
        if (p->mode == POLICY_AUTO && p->at_most_count == 0)
                return error_set(err, -EINVAL,
                                "'at_most' is missing: \"auto\" changes only the knobs that it "
                                "names, like { \"cpu.max\": \"4\" }; \"max\" is no bound");
        for (size_t i = 0; i < ARRAY_LEN(members) && p->mode != POLICY_AUTO; i++)
                if (members[i].automatic && json_get(object, members[i].key))
                        return error_set(err, -EINVAL,
                                        "'%s' says nothing where 'mode' is \"%s\": leave it out",
                                        members[i].key, modes[p->mode]);
        return 0;
}

static int load_policy(const struct json *object, struct policy *p, struct error *err) {
        if (object->type != JSON_OBJECT)
                return error_set(err, -EINVAL, "not an object");
        for (const struct json *v = object->child; v; v = v->next) {
                size_t i = 0;
                int r;

                while (i < ARRAY_LEN(members) && strcmp(members[i].key, v->key) != 0)
                        i++;
                if (i == ARRAY_LEN(members))
                        return error_set(err, -EINVAL, "'%s' is not a setting", v->key);
                r = members[i].load(object, v, p, err);
                if (r < 0)
                        return r;
        }
        return check_whole(object, p, err);
}

int config_load_policies(const struct json *array, struct policies *ret, struct error *err) {
        if (array->type != JSON_ARRAY)
                return error_set(err, -EINVAL, "'policies' is not an array");
        for (const struct json *v = array->child; v; v = v->next) {
                struct policy *p = &ret->list[ret->count];
                int r;

                if (ret->count == POLICIES_MAX)
                        return error_set(err, -EINVAL, "'policies' has more than %d members",
                                        POLICIES_MAX);
                ret->count++;
                *p = (struct policy){ .number = (unsigned)ret->count, .rules = ~0U };
                r = load_policy(v, p, err);
                if (r < 0)
                        return error_prefix(err, r, "policy %u", p->number);
        }
        return 0;
}
