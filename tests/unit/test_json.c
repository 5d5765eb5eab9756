/* SPDX-License-Identifier: Apache-2.0 */
#include "state/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int parse(const char *text, unsigned depth_max) {
        CLEANUP(json_doc_freep) struct json_doc *doc = NULL;

        return json_parse(text, strlen(text), depth_max, &doc, NULL);
}

static void only_whole_documents_are_parsed(void **state) {
        static const char *const bad[] = { "", "{", "{}x", "{}{}", "[1,]", "{\"a\"}", "'a'", "nul",
                "\"\xff\"", "\xef\xbb\xbf{}", "{\"a\":1,\"a\":1}", "{\"a\\u0000\":1}" };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(bad); i++)
                assert_int_equal(parse(bad[i], 8), -EINVAL);
        assert_int_equal(parse(" { \"a\" : [ 1 , null ] } ", 8), 0);
}

static void depth_is_bounded(void **state) {
        (void)state;
        assert_int_equal(parse("[[[]]]", 3), 0);
        assert_int_equal(parse("[[[[]]]]", 3), -EINVAL);
}

/* {"0":0,...} of @count names, the last one @last. */
static int parse_names(int count, int last) {
        static char text[200000];
        size_t used = 0;

        for (int i = 0; i < count; i++)
                used += (size_t)snprintf(text + used, sizeof(text) - used, "%c\"%d\":0",
                                i ? ',' : '{', i < count - 1 ? i : last);
        (void)snprintf(text + used, sizeof(text) - used, "}");
        return parse(text, 2);
}

static void a_name_that_stands_twice_is_found_among_few_and_many(void **state) {
        static const int counts[] = { 2, 16, 17, 10000 };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
                assert_int_equal(parse_names(counts[i], counts[i]), 0);
                assert_int_equal(parse_names(counts[i], 0), -EINVAL);
                assert_int_equal(parse_names(counts[i], counts[i] - 2), -EINVAL);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(only_whole_documents_are_parsed),
                cmocka_unit_test(depth_is_bounded),
                cmocka_unit_test(a_name_that_stands_twice_is_found_among_few_and_many),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
