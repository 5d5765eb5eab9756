/* SPDX-License-Identifier: Apache-2.0 */
/* The dtgov command. A closed pipe is no accident: what was asked for is done all the same. */
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>

#include "governor/cli/commands.h"

/* With a standard stream closed, a socket would take its place and be printed to. */
static bool fill_standard_streams(void) {
        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
                if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR | O_CLOEXEC) != fd)
                        return false;
        return true;
}

int main(int argc, char **argv) {
        const char *run_dir = secure_getenv("DTGOV_RUN_DIR");
        struct cli c = { .run_dir = run_dir && run_dir[0] ? run_dir : "/run/dtgov" };
        int r;

        if (!fill_standard_streams())
                return EXIT_ERROR;
        (void)signal(SIGPIPE, SIG_IGN);
        (void)setlocale(LC_CTYPE, "");
        out_init(&c.out, stdout);
        r = dtgov_main(&c, argc, argv);
        if (fflush(stdout) != 0 && errno != EPIPE && r == EXIT_DONE)
                r = complain(&c, EXIT_ERROR, "the output could not be written");
        cli_done(&c);
        return r;
}
