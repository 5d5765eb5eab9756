/* SPDX-License-Identifier: Apache-2.0 */
/* The floor of the hook: a static program that drains its stdin and exits. */
#include <unistd.h>

int main(void) {
        char buf[4096];

        while (read(STDIN_FILENO, buf, sizeof(buf)) > 0)
                ;
        return 0;
}
