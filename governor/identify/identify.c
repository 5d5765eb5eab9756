/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/identify/identify.h"

#include "governor/identify/http.h"
#include "governor/identify/inspect.h"

#include <stdio.h>
#include <string.h>

#define HTTP_OK        200
#define HTTP_NOT_FOUND 404

static enum identity_status status_of_error(int error) {
        switch (error) {
        case -ENOENT:
        case -ECONNREFUSED:
        case -ENOTDIR:
        case -ENOTSOCK:
                return IDENTITY_NO_ENGINE;
        case -ETIMEDOUT:
                return IDENTITY_SILENT;
        case -EFBIG:
                return IDENTITY_TOO_LARGE;
        case -EACCES:
        case -EPERM:
                return IDENTITY_REFUSED;
        default:
                return IDENTITY_GARBLED;
        }
}

/* podman-docker puts Podman's socket in Docker's place. */
static enum engine_kind engine_of(const struct identify_socket *s, const struct http_answer *a) {
        return strncmp(a->server, "Libpod/", 7) == 0 ? ENGINE_PODMAN : s->engine;
}

static enum identity_status ask(const struct identify_socket *s, int proc_fd, uint64_t wait_usec,
                const struct container *c, struct identity *ret) {
        char target[CONTAINER_ID_SIZE + 32];
        CLEANUP(freep) char *bytes = NULL;
        struct http_answer answer;
        int r;

        /* Without a version in the path an engine of any age answers as it can. */
        (void)snprintf(target, sizeof(target), "/containers/%s/json", c->id);
        r = http_get(s->path, target, wait_usec, &bytes, &answer);
        if (r < 0)
                return status_of_error(r);
        if (answer.status == HTTP_NOT_FOUND)
                return IDENTITY_UNKNOWN;
        if (answer.status != HTTP_OK)
                return IDENTITY_REFUSED;
        return inspect_read(answer.body, answer.body_bytes, c, engine_of(s, &answer), proc_fd, ret);
}

/*
 * What is told of several that did not know it: that one is broken says more than that another one
 * has never heard of it, and that says more than that a third is not there.
 */
static enum identity_status worse(enum identity_status a, enum identity_status b) {
        static const unsigned char ranks[IDENTITY_STATUS_COUNT] = { [IDENTITY_NO_ENGINE] = 1,
                [IDENTITY_UNKNOWN] = 2,
                [IDENTITY_OTHER] = 3,
                [IDENTITY_REFUSED] = 4,
                [IDENTITY_GARBLED] = 5,
                [IDENTITY_TOO_LARGE] = 6,
                [IDENTITY_SILENT] = 7 };

        return ranks[a] >= ranks[b] ? a : b;
}

void identify(const struct identify_sockets *sockets, int proc_fd, uint64_t wait_usec,
                const struct container *c, struct identity *ret) {
        enum identity_status status = IDENTITY_NONE;
        enum engine_kind engine;
        unsigned engines = identity_engines(c, &engine);

        identity_default(c, ret);
        for (size_t i = 0; i < sockets->count; i++) {
                enum identity_status one;

                if (!(engines >> sockets->list[i].engine & 1))
                        continue;
                one = ask(&sockets->list[i], proc_fd, wait_usec, c, ret);
                if (one == IDENTITY_FOUND)
                        return;
                status = worse(status, one);
        }
        ret->status = status;
}
