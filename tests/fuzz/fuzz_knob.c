/* SPDX-License-Identifier: Apache-2.0 */
/* What a person may say is a value that the kernel takes, and is read back as written. */
#include "state/knob.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void round_trip(enum knob_id id, struct knob_value value) {
        char text[KNOB_VALUE_TEXT_MAX];
        struct knob_value again;

        knob_write_text(id, value, text, sizeof(text));
        if (knob_read_text(id, text, &again) < 0 || !knob_equal(value, again))
                abort();
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
        char words[256];
        struct knob_value value;

        if (size >= sizeof(words))
                return 0;
        memcpy(words, data, size);
        words[size] = '\0';
        for (enum knob_id id = 0; id < KNOB_COUNT; id++) {
                if (knob_read_text(id, words, &value) == 0)
                        round_trip(id, value);
                if (knob_parse(id, words, &value, NULL) < 0)
                        continue;
                if (knob_check(id, value, NULL) < 0)
                        abort();
                round_trip(id, value);
        }
        return 0;
}
