/* SPDX-License-Identifier: Apache-2.0 */
#include "state/knob.h"

#include <string.h>

void limits_done(struct limits *limits) {
        for (int i = 0; i < KNOB_COUNT; i++) {
                free(limits->text[i]);
                limits->text[i] = NULL;
        }
}

int limits_differ(const struct limits *a, const struct limits *b, int from) {
        for (int i = from; i < KNOB_COUNT; i++) {
                const char *left = a->text[i], *right = b->text[i];

                if (left != right && (!left || !right || strcmp(left, right) != 0))
                        return i;
        }
        return -1;
}
