/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One GET of HTTP/1.1 over a Unix socket, and nothing else of HTTP: no other method, no redirect,
 * no second request on a connection. Everything has a bound and a deadline.
 *
 * Source: RFC 9112, sections 4, 6 and 7.1
 */
#pragma once

#include "state/base.h"

#define HTTP_HEAD_MAX (16 * KIB) /* status line and header fields */
#define HTTP_BODY_MAX (4 * MIB)
#define HTTP_ALL_MAX  (HTTP_HEAD_MAX + 2 * HTTP_BODY_MAX) /* with what chunks cost */

struct http_answer {
        unsigned status;
        char server[32];   /* of the field Server, cut; "" without */
        const char *body;  /* within the bytes that were parsed */
        size_t body_bytes; /* not ended by a NUL */
};

/*
 * Looks whether @bytes hold a whole answer, and if so where it is; a chunked body is put together
 * in place.
 *
 * @ended:  nothing more will come
 * Returns: 1 whole, 0 more is to come
 * Errors:  -EPROTO not an answer, or cut off; -EFBIG longer than the bounds
 */
int http_parse(char *bytes, size_t len, bool ended, struct http_answer *ret);

/*
 * Asks for @target at a socket.
 *
 * @ret_bytes: what @ret points into; the caller frees it
 * Errors:     -ENOENT, -ECONNREFUSED nobody is there; -ETIMEDOUT; -EPROTO; -EFBIG; of connect(2)
 */
int http_get(const char *socket_path, const char *target, uint64_t timeout_usec, char **ret_bytes,
                struct http_answer *ret);
