/* SPDX-License-Identifier: Apache-2.0 */
/* What the wrapper has edited is a configuration with the hooks in it: the next time nothing is
 * left to add. */
#include "hooks/runtime_edit.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
        static const struct hook_entry hook = { "/x/dtgov-hook", "/run/x", "runc" };
        CLEANUP(json_writer_freep) struct json_writer *first = NULL, *second = NULL;
        const char *text;
        size_t len;

        if (json_writer_new(&first) < 0 || json_writer_new(&second) < 0)
                abort();
        if (runtime_edit_text((const char *)data, size, &hook, first, NULL) <= 0)
                return 0;
        if (json_writer_end(first, &text, &len) < 0)
                abort();
        if (runtime_edit_text(text, len, &hook, second, NULL) != 0)
                abort();
        return 0;
}
