/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever is read is written again, and what was written is read as the same. */
#include "state/json.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static struct json_writer *written(struct json_doc *doc, const char **ret, size_t *ret_len) {
        struct json_writer *w;

        if (json_writer_new(&w) < 0)
                abort();
        json_put_value(w, NULL, json_root(doc));
        if (json_writer_end(w, ret, ret_len) < 0)
                abort();
        return w;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
        CLEANUP(json_doc_freep) struct json_doc *doc = NULL, *again = NULL;
        CLEANUP(json_writer_freep) struct json_writer *first = NULL, *second = NULL;
        const char *text, *text_again;
        size_t len, len_again;

        if (json_parse((const char *)data, size, JSON_DEPTH_MAX, &doc, NULL) < 0)
                return 0;
        first = written(doc, &text, &len);
        if (json_parse(text, len, JSON_DEPTH_MAX, &again, NULL) < 0)
                abort();
        second = written(again, &text_again, &len_again);
        if (len != len_again || memcmp(text, text_again, len) != 0)
                abort();
        return 0;
}
