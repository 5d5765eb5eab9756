/* SPDX-License-Identifier: Apache-2.0 */
/* An engine may send anything: what comes out is a whole record, or none. */
#include "governor/identify/http.h"
#include "governor/identify/inspect.h"

#include <string.h>

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
        static const struct container c = { .id = ID, .cgroup = "/docker/" ID, .cgroup_inode = 7 };
        CLEANUP(freep) char *bytes = malloc(size + 1);
        struct http_answer answer;
        struct identity identity;
        int r;

        if (!bytes)
                return 0;
        memcpy(bytes, data, size);
        r = http_parse(bytes, size, /* ended= */ false, &answer);
        if (r == 0)
                r = http_parse(bytes, size, /* ended= */ true, &answer);
        if (r != 1)
                return 0;
        if (answer.body < bytes || answer.body + answer.body_bytes > bytes + size)
                abort();
        if (inspect_read(answer.body, answer.body_bytes, &c, ENGINE_DOCKER, -1, &identity) ==
                                        IDENTITY_FOUND &&
                        !identity_is_about(&identity, &c))
                abort();
        return 0;
}
