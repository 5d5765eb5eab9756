/* SPDX-License-Identifier: Apache-2.0 */
/* Feeds files to a fuzzer where there is no libFuzzer. */
#include "state/file.h"

#include <fcntl.h>
#include <stdio.h>

#define INPUT_MAX (1 << 20) /* bytes of one file */

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int main(int argc, char *argv[]) {
        static char text[INPUT_MAX];

        for (int i = 1; i < argc; i++) {
                ssize_t len = file_read_at(AT_FDCWD, argv[i], text, sizeof(text));

                if (len < 0) {
                        (void)fprintf(stderr, "%s: cannot be read\n", argv[i]);
                        return 1;
                }
                (void)LLVMFuzzerTestOneInput((const unsigned char *)text, (size_t)len);
        }
        return 0;
}
