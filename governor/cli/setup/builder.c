/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/cli/setup/builder.h"

int builder_begin(struct builder *b, struct error *err) {
        *b = (struct builder){ 0 };
        b->file = open_memstream(&b->text, &b->len);
        return b->file ? 0 : error_set(err, -ENOMEM, "out of memory");
}

int builder_end(struct builder *b, char **ret, struct error *err) {
        bool failed = ferror(b->file) != 0;

        if (fclose(TAKE(b->file)) != 0 || failed)
                return error_set(err, -ENOMEM, "out of memory");
        *ret = TAKE(b->text);
        return 0;
}

void builder_done(struct builder *b) {
        if (b->file)
                (void)fclose(b->file);
        free(b->text);
}
