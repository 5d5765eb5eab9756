/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/identify/http.h"

#include "state/parse.h"
#include "state/text.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>

#define STATUS_LINE_MIN 12 /* "HTTP/1.1 200" */
#define READ_STEP       (64 * KIB)
#define LENGTH_UNKNOWN  UINT64_MAX

/* What the head says of the body. */
struct head {
        uint64_t length; /* LENGTH_UNKNOWN: until the end, or chunked */
        bool chunked;
};

/* --- parsing ---------------------------------------------------------------------------------- */

static int parse_status(const char *line, size_t len, unsigned *ret) {
        if (len < STATUS_LINE_MIN || memcmp(line, "HTTP/1.", 7) != 0 || line[8] != ' ')
                return -EPROTO;
        *ret = 0;
        for (size_t i = 9; i < STATUS_LINE_MIN; i++) {
                if (line[i] < '0' || line[i] > '9')
                        return -EPROTO;
                *ret = *ret * 10 + (unsigned)(line[i] - '0');
        }
        return *ret < 200 ? -EPROTO : 0; /* 1xx: nobody asked for it */
}

static bool field_is(const char *line, size_t name_len, const char *name) {
        return name_len == strlen(name) && strncasecmp(line, name, name_len) == 0;
}

/* One header field. Which of two lengths is meant nobody can know: neither. */
static int parse_field(const char *line, size_t len, struct head *head, struct http_answer *ret) {
        const char *colon = memchr(line, ':', len), *value, *end = line + len;
        size_t name_len;
        char text[32];

        if (!colon || colon == line)
                return -EPROTO;
        name_len = (size_t)(colon - line);
        for (value = colon + 1; value < end && (*value == ' ' || *value == '\t'); value++)
                ;
        while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
                end--;
        (void)snprintf(text, sizeof(text), "%.*s", (int)u64_min((uint64_t)(end - value), 31),
                        value);

        if (field_is(line, name_len, "Server"))
                (void)text_copy(ret->server, sizeof(ret->server), text);
        if (field_is(line, name_len, "Content-Length") &&
                        (head->length != LENGTH_UNKNOWN || parse_u64(text, &head->length) < 0))
                return -EPROTO;
        if (field_is(line, name_len, "Transfer-Encoding")) {
                if (head->chunked || strcasecmp(text, "chunked") != 0)
                        return -EPROTO;
                head->chunked = true;
        }
        return 0;
}

/* The lines of the head, each ended by CR LF, without the empty one. */
static int parse_head(const char *bytes, size_t len, struct head *head, struct http_answer *ret) {
        const char *line = bytes;

        *head = (struct head){ .length = LENGTH_UNKNOWN };
        do {
                const char *end = memmem(line, (size_t)(bytes + len - line), "\r\n", 2);
                size_t n = (size_t)((end ? end : bytes + len) - line);
                int r = line == bytes ? parse_status(line, n, &ret->status)
                                      : parse_field(line, n, head, ret);

                if (r < 0)
                        return r;
                if (memchr(line, '\0', n))
                        return -EPROTO;
                line += n + 2;
        } while (line < bytes + len);
        return head->chunked && head->length != LENGTH_UNKNOWN ? -EPROTO : 0;
}

/* "1a2b" or "1a2b;extension" before CR LF. Returns: 1 and where the data begins, 0 not there yet */
static int chunk_size(const char *at, const char *end, uint64_t *ret, const char **ret_data) {
        const char *line_end = memmem(at, (size_t)(end - at), "\r\n", 2);
        unsigned digits = 0;

        *ret = 0;
        for (; at < end; at++, digits++) {
                const char *hex = *at ? strchr("0123456789abcdef", *at | 0x20) : NULL;

                if (!hex || *at < '0')
                        break;
                if (digits == 8)
                        return -EFBIG;
                *ret = *ret << 4 | (uint64_t)(hex - "0123456789abcdef");
        }
        if (at < end && (digits == 0 || (*at != ';' && *at != '\r' && *at != ' ')))
                return -EPROTO;
        if (!line_end)
                return (size_t)(end - at) > HTTP_HEAD_MAX ? -EFBIG : 0;
        *ret_data = line_end + 2;
        return 1;
}

/*
 * Walks the chunks; @out takes them together, or is NULL. What follows the last one (trailers) is
 * passed over.
 */
static int walk_chunks(const char *at, const char *end, char *out, size_t *ret_bytes) {
        *ret_bytes = 0;
        for (;;) {
                const char *data;
                uint64_t size;
                int r = chunk_size(at, end, &size, &data);

                if (r <= 0)
                        return r;
                if (size == 0)
                        return 1;
                if (size > HTTP_BODY_MAX || *ret_bytes + size > HTTP_BODY_MAX)
                        return -EFBIG;
                if ((uint64_t)(end - data) < size + 2)
                        return 0;
                if (data[size] != '\r' || data[size + 1] != '\n')
                        return -EPROTO;
                if (out)
                        memmove(out + *ret_bytes, data, size);
                *ret_bytes += size;
                at = data + size + 2;
        }
}

static int parse_chunks(char *body, char *end, struct http_answer *ret) {
        int r = walk_chunks(body, end, NULL, &ret->body_bytes);

        return r == 1 ? walk_chunks(body, end, body, &ret->body_bytes) : r;
}

int http_parse(char *bytes, size_t len, bool ended, struct http_answer *ret) {
        char *head_end = memmem(bytes, u64_min(len, HTTP_HEAD_MAX), "\r\n\r\n", 4), *body;
        struct head head;
        int r;

        *ret = (struct http_answer){ 0 };
        if (len > HTTP_ALL_MAX)
                return -EFBIG;
        if (!head_end)
                return len >= HTTP_HEAD_MAX ? -EFBIG : ended ? -EPROTO : 0;
        r = parse_head(bytes, (size_t)(head_end - bytes), &head, ret);
        if (r < 0)
                return r;

        body = head_end + 4;
        ret->body = body;
        ret->body_bytes = (size_t)(bytes + len - body);
        if (head.chunked) {
                r = parse_chunks(body, bytes + len, ret);
                return r == 0 && ended ? -EPROTO : r;
        }
        if ((head.length != LENGTH_UNKNOWN && head.length > HTTP_BODY_MAX) ||
                        ret->body_bytes > HTTP_BODY_MAX)
                return -EFBIG;
        if (head.length == LENGTH_UNKNOWN)
                return ended;
        if (ret->body_bytes < head.length)
                return ended ? -EPROTO : 0;
        ret->body_bytes = head.length;
        return 1;
}

/* --- the socket ------------------------------------------------------------------------------- */

static uint64_t now_usec(void) {
        struct timespec t;

        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * USEC_PER_SEC + (uint64_t)t.tv_nsec / NSEC_PER_USEC;
}

/* Errors: -ETIMEDOUT */
static int wait_for(int fd, short events, uint64_t deadline_usec) {
        struct pollfd p = { .fd = fd, .events = events };
        uint64_t left = u64_sub(deadline_usec, now_usec());
        int r = poll(&p, 1, (int)(left / USEC_PER_MSEC));

        if (r < 0)
                return errno == EINTR ? 0 : -errno;
        return r == 0 ? -ETIMEDOUT : 0;
}

static int dial(const char *path, uint64_t timeout_usec, int *ret) {
        struct timeval wait = { .tv_sec = (time_t)(timeout_usec / USEC_PER_SEC),
                .tv_usec = (suseconds_t)(timeout_usec % USEC_PER_SEC) };
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        CLEANUP(closep) int fd = -1;

        if (!text_copy(address.sun_path, sizeof(address.sun_path), path))
                return -ENAMETOOLONG;
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        /* connect(2) waits as long as a send while the queue of connections is full. */
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
        if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
                return errno == EAGAIN || errno == EINPROGRESS ? -ETIMEDOUT : -errno;
        *ret = take_fd(&fd);
        return 0;
}

static int send_all(int fd, const char *text, uint64_t deadline_usec) {
        size_t len = strlen(text);

        while (len > 0) {
                ssize_t n = send(fd, text, len, MSG_DONTWAIT | MSG_NOSIGNAL);
                int r;

                if (n > 0) {
                        text += n;
                        len -= (size_t)n;
                        continue;
                }
                if (n < 0 && errno != EAGAIN && errno != EINTR)
                        return -errno;
                r = wait_for(fd, POLLOUT, deadline_usec);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Reads until the answer is whole. */
static int read_answer(int fd, uint64_t deadline_usec, char **bytes, struct http_answer *ret) {
        size_t used = 0, room = 0;

        for (;;) {
                ssize_t n;
                int r;

                if (room - used < READ_STEP) {
                        char *more = realloc(*bytes, room = room * 2 + READ_STEP);

                        if (!more)
                                return -ENOMEM;
                        *bytes = more;
                }
                r = wait_for(fd, POLLIN, deadline_usec);
                if (r < 0)
                        return r;
                n = recv(fd, *bytes + used, room - used, MSG_DONTWAIT);
                if (n < 0 && (errno == EAGAIN || errno == EINTR))
                        continue;
                if (n < 0 && errno != ECONNRESET)
                        return -errno;
                used += n > 0 ? (size_t)n : 0;
                r = http_parse(*bytes, used, n <= 0, ret);
                if (r != 0)
                        return r;
        }
}

int http_get(const char *socket_path, const char *target, uint64_t timeout_usec, char **ret_bytes,
                struct http_answer *ret) {
        uint64_t deadline = now_usec() + timeout_usec;
        CLEANUP(closep) int fd = -1;
        CLEANUP(freep) char *bytes = NULL;
        char request[512];
        int r;

        r = snprintf(request, sizeof(request),
                        "GET %s HTTP/1.1\r\nHost: localhost\r\nUser-Agent: dtgov/" DTGOV_VERSION
                        "\r\nAccept: application/json\r\nConnection: close\r\n\r\n",
                        target);
        if (r < 0 || (size_t)r >= sizeof(request))
                return -ENAMETOOLONG;
        r = dial(socket_path, timeout_usec, &fd);
        if (r == 0)
                r = send_all(fd, request, deadline);
        if (r == 0)
                r = read_answer(fd, deadline, &bytes, ret);
        if (r < 0)
                return r;
        *ret_bytes = TAKE(bytes);
        return 0;
}
