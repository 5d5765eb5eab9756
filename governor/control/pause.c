/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A person's "not now": nothing is applied until they resume, over restarts of dtgovd and of the
 * host. What is in force stays in force and under watch; taking back always works.
 */
#include "governor/control/api.h"
#include "governor/control/control.h"
#include "state/log.h"

#include <fcntl.h>
#include <string.h>

#define MARK "paused" /* beside the journal, whose files have other names */

void pause_init(struct control *c) {
        c->paused = faccessat(c->journal_fd, MARK, F_OK, 0) == 0;
        if (c->paused)
                log_notice("paused: nothing is applied until dtgov resume");
}

static int write_mark(const struct control *c) {
        CLEANUP(closep)
        int fd = openat(c->journal_fd, MARK, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

        return fd < 0 ? -errno : 0;
}

static int remove_mark(const struct control *c) {
        return unlinkat(c->journal_fd, MARK, 0) < 0 && errno != ENOENT ? -errno : 0;
}

int pause_set(struct control *c, bool paused) {
        int r = paused ? write_mark(c) : remove_mark(c);

        c->paused = paused;
        if (r < 0)
                log_warning("%s, but only until dtgovd ends: %s", paused ? "paused" : "resumed",
                                strerror(-r));
        return r;
}

static int answer(struct varlink *link, const struct json *parameters, struct control *c,
                const char *method, bool paused) {
        struct json_writer *w;
        struct api_call call;
        struct error err = { "" };
        int kept, r;

        if (api_begin(c, link, method, parameters, &call) < 0)
                return 0;
        kept = pause_set(c, paused);
        r = varlink_reply_begin(link, &w);
        if (r < 0)
                return r;
        json_put_bool(w, "paused", c->paused);
        if (kept < 0) {
                (void)error_errno(&err, kept, "only until dtgovd ends, the journal's directory");
                json_put_string(w, "text", err.text);
        }
        return varlink_reply_end(link);
}

int api_pause(struct varlink *link, const struct json *parameters, void *userdata) {
        return answer(link, parameters, userdata, "Pause", true);
}

int api_resume(struct varlink *link, const struct json *parameters, void *userdata) {
        return answer(link, parameters, userdata, "Resume", false);
}
