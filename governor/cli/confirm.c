/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "governor/cli/cli.h"

int may_confirm(struct cli *c) {
        if (given(c, OPTION_YES) || (isatty(STDIN_FILENO) && isatty(STDERR_FILENO)))
                return 0;
        return complain(c, EXIT_USAGE,
                        "not on a terminal, so nothing is asked and nothing done; add --yes");
}

int confirm(struct cli *c, const char *question) {
        char line[16] = "";
        int r = may_confirm(c);

        if (r != 0 || given(c, OPTION_YES))
                return r;
        (void)fflush(c->out.file);
        (void)fprintf(stderr, "%s [y/N] ", question);
        if (fgets(line, sizeof(line), stdin) &&
                        (strcmp(line, "y\n") == 0 || strcmp(line, "Y\n") == 0 ||
                                        strcasecmp(line, "yes\n") == 0))
                return 0;
        return complain(c, EXIT_CANCELLED, "cancelled: nothing was changed");
}
