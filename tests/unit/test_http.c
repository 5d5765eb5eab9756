/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/identify/http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define OK      "HTTP/1.1 200 OK\r\n"
#define CHUNKED OK "Transfer-Encoding: chunked\r\n\r\n"

static int parse(const char *text, bool ended, char *bytes, struct http_answer *ret) {
        (void)strcpy(bytes, text);
        return http_parse(bytes, strlen(text), ended, ret);
}

static void a_whole_answer_is_found(void **state) {
        static const struct {
                const char *text;
                bool ended;
                const char *body;
        } rows[] = {
                { OK "Content-Length: 2\r\n\r\n{}", false, "{}" },
                { OK "content-length:2 \r\n\r\n{}rest", false, "{}" },
                { OK "Content-Length: 0\r\n\r\n", false, "" },
                { "HTTP/1.0 200 OK\r\n\r\n{}", true, "{}" },
                { CHUNKED "2\r\n{}\r\n0\r\n\r\n", false, "{}" },
                { CHUNKED "1;x=y\r\n{\r\n1\r\n}\r\n00\r\n", false, "{}" },
                { CHUNKED "0\r\n\r\n", false, "" },
                { OK "Transfer-Encoding: Chunked\r\n\r\nA\r\n0123456789\r\n0\r\n", false,
                                "0123456789" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct http_answer a;
                char bytes[256];

                assert_int_equal(parse(rows[i].text, rows[i].ended, bytes, &a), 1);
                assert_int_equal(a.status, 200);
                assert_int_equal(a.body_bytes, strlen(rows[i].body));
                assert_memory_equal(a.body, rows[i].body, a.body_bytes);
        }
}

static void who_answered_and_what_is_told(void **state) {
        struct http_answer a;
        char bytes[256];

        (void)state;
        assert_int_equal(parse("HTTP/1.1 404 Not Found\r\nServer: Libpod/4.3.1 (linux) and much "
                               "more than fits\r\nContent-Length: 0\r\n\r\n",
                                         false, bytes, &a),
                        1);
        assert_int_equal(a.status, 404);
        assert_string_equal(a.server, "Libpod/4.3.1 (linux) and much m");
}

/* At every place: first more is to come, and at the end it is cut off. */
static void what_is_cut_off_is_never_taken_for_whole(void **state) {
        static const char *const texts[] = { OK "Content-Length: 5\r\n\r\n12345",
                CHUNKED "3\r\n123\r\n2\r\n45\r\n0\r\n" };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(texts); i++)
                for (size_t len = 0; len < strlen(texts[i]); len++) {
                        struct http_answer a;
                        char bytes[256];

                        (void)strcpy(bytes, texts[i]);
                        assert_int_equal(http_parse(bytes, len, false, &a), 0);
                        (void)strcpy(bytes, texts[i]);
                        assert_int_equal(http_parse(bytes, len, true, &a), -EPROTO);
                }
}

static void what_is_no_answer_is_refused(void **state) {
        static const char *const texts[] = {
                "SSH-2.0-OpenSSH_9.2p1\r\n\r\n",
                "HTTP/2 200\r\n\r\n",
                "HTTP/1.1 2x0 OK\r\n\r\n",
                "HTTP/1.1 100 Continue\r\n\r\n",
                "HTTP/1.1 -12 OK\r\n\r\n",
                "\r\n\r\n",
                OK "no colon\r\n\r\n",
                OK ": no name\r\n\r\n",
                OK "Content-Length: -1\r\n\r\n",
                OK "Content-Length: 1\r\nContent-Length: 2\r\n\r\n12",
                OK "Content-Length: 99999999999999999999\r\n\r\n",
                OK "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                OK "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
                OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                CHUNKED "x\r\n\r\n",
                CHUNKED "-1\r\n\r\n",
                CHUNKED "\r\n\r\n",
                CHUNKED "2\r\n123\r\n",
                CHUNKED "2 ?\r\n12\n\n0\r\n",
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
                struct http_answer a;
                char bytes[256];

                assert_int_equal(parse(texts[i], true, bytes, &a), -EPROTO);
        }
}

static void what_is_too_large_is_refused(void **state) {
        static const char *const texts[] = { OK "Content-Length: 4194305\r\n\r\n",
                CHUNKED "400001\r\n", CHUNKED "fffffffff\r\n" };
        struct http_answer a;
        size_t size = HTTP_ALL_MAX + 1;
        CLEANUP(freep) char *big = malloc(size);
        char bytes[256];

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(texts); i++)
                assert_int_equal(parse(texts[i], false, bytes, &a), -EFBIG);
        assert_non_null(big);
        memset(big, 'a', size);
        assert_int_equal(http_parse(big, HTTP_HEAD_MAX, false, &a), -EFBIG);
        memcpy(big, OK "\r\n", strlen(OK "\r\n")); /* without a length: until the end */
        assert_int_equal(http_parse(big, HTTP_BODY_MAX, false, &a), 0);
        assert_int_equal(http_parse(big, HTTP_BODY_MAX + 1000, false, &a), -EFBIG);
        memset(big, '1', size);
        memcpy(big, CHUNKED "1;", strlen(CHUNKED "1;")); /* an extension without an end */
        assert_int_equal(http_parse(big, HTTP_BODY_MAX, false, &a), -EFBIG);
        assert_int_equal(http_parse(big, size, false, &a), -EFBIG);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_whole_answer_is_found),
                cmocka_unit_test(who_answered_and_what_is_told),
                cmocka_unit_test(what_is_cut_off_is_never_taken_for_whole),
                cmocka_unit_test(what_is_no_answer_is_refused),
                cmocka_unit_test(what_is_too_large_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
