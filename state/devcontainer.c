/* SPDX-License-Identifier: Apache-2.0 */
#include "state/devcontainer.h"

#include "state/json.h"
#include "state/parse.h"

#include <string.h>

#define DEPTH_MAX 32
#define CPUS_MAX  65536

/* "8gb", "512mb", "1024": digits, and a unit in lower case. */
static int parse_size(const char *text, uint64_t *ret) {
        static const struct {
                const char *unit;
                uint64_t bytes;
        } units[] = { { "", 1 }, { "kb", KIB }, { "mb", MIB }, { "gb", GIB }, { "tb", KIB * GIB } };
        const char *end;
        uint64_t number;
        int r = parse_u64_prefix(text, &number, &end);

        if (r < 0)
                return r;
        for (size_t i = 0; i < ARRAY_LEN(units); i++)
                if (strcmp(end, units[i].unit) == 0)
                        return __builtin_mul_overflow(number, units[i].bytes, ret) ? -ERANGE : 0;
        return -EINVAL;
}

static int get_size(const struct json *needs, const char *key, uint64_t *ret, struct error *err) {
        const char *text;
        int r = json_get_string(needs, key, &text, NULL);

        if (r == -ENOENT)
                return 0;
        if (r < 0 || parse_size(text, ret) < 0)
                return error_set(err, -EINVAL,
                                "hostRequirements.%s: want a size as \"4gb\", with kb, mb, gb or "
                                "tb",
                                key);
        return 0;
}

int devcontainer_parse(char *text, size_t len, struct devcontainer_needs *ret, struct error *err) {
        CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
        struct devcontainer_needs needs = { 0 };
        const struct json *object;
        int r;

        json_strip_comments(text, len);
        r = json_parse(text, len, DEPTH_MAX, &doc, err);
        if (r < 0)
                return r;
        if (json_root(doc)->type != JSON_OBJECT)
                return error_set(err, -EINVAL, "not a JSON object");
        object = json_get(json_root(doc), "hostRequirements");
        if (object && object->type != JSON_OBJECT && object->type != JSON_NULL)
                return error_set(err, -EINVAL, "hostRequirements: want an object");

        r = json_get_u64(object, "cpus", &needs.cpus, NULL);
        if ((r < 0 && r != -ENOENT) || needs.cpus > CPUS_MAX)
                return error_set(err, -EINVAL, "hostRequirements.cpus: want a number of CPUs");
        r = get_size(object, "memory", &needs.memory_bytes, err);
        if (r == 0)
                r = get_size(object, "storage", &needs.storage_bytes, err);
        if (r == 0)
                *ret = needs;
        return r;
}
