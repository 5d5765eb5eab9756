/* SPDX-License-Identifier: Apache-2.0 */
/* A project's file may hold anything. What is JSON already stays the same without its comments. */
#include "state/devcontainer.h"
#include "state/json.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
        CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
        CLEANUP(freep) char *text = malloc(size + 1);
        struct devcontainer_needs needs;

        if (!text)
                return 0;
        memcpy(text, data, size);
        json_strip_comments(text, size);
        if (json_parse((const char *)data, size, JSON_DEPTH_MAX, &doc, NULL) == 0 &&
                        memcmp(text, data, size) != 0)
                abort();
        (void)devcontainer_parse(text, size, &needs, NULL);
        return 0;
}
