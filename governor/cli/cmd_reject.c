/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "governor/cli/commands.h"
#include "governor/cli/words.h"

int run_reject(struct cli *c, char *const *arguments, unsigned count) {
        const struct parameter parameters[] = {
                { "id", .text = arguments[0] },
                { c->reason ? "reason" : NULL, .text = c->reason },
                {},
        };
        CLEANUP(json_writer_freep) struct json_writer *w = NULL;
        const struct json *answer, *proposal;
        int r = want_id(c, arguments[0], 'P');

        (void)count;
        if (r == EXIT_DONE)
                r = ask_or_complain(c, DAEMON_CONTROL, "Reject", parameters, &answer);
        if (r != EXIT_DONE)
                return r;
        proposal = json_get(answer, "proposal");
        if (given(c, OPTION_JSON)) {
                if (!proposal || json_writer_new(&w) < 0)
                        return EXIT_ERROR;
                put_object(c, w, NULL, proposal);
                return print_json(c, w);
        }
        (void)fprintf(c->out.file, "%s rejected. Nothing was changed.\n", arguments[0]);
        return EXIT_DONE;
}
