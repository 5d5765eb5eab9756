/* SPDX-License-Identifier: Apache-2.0 */
/* What dtgov-identify makes of engines that answer well, badly, or not at all. */
#include "governor/identify/identify.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "governor/identify/inspect.h"
#include "governor/kernel/proc.h"
#include "tests/unit/fake_engine.h"

#define ID       "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER_ID "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
#define WAIT     (300 * USEC_PER_MSEC)
#define LONG     (10 * USEC_PER_SEC)

/* As Docker 20.10 answers, as far as it matters; "%d" is the pid. */
#define DOCKER                                                                                     \
        "{\"Id\":\"" ID "\",\"Created\":\"2026-01-01T00:00:00Z\",\"Path\":\"sleep\","              \
        "\"State\":{\"Status\":\"running\",\"Pid\":%d},\"Image\":\"sha256:aa\","                   \
        "\"Name\":\"/api\",\"HostConfig\":{\"NetworkMode\":\"host\",\"Runtime\":\"dtgov\"},"       \
        "\"Config\":{\"Image\":\"node:22\",\"Env\":[\"PATH=/bin\","                                \
        "\"DAYTONA_SANDBOX_SNAPSHOT=base:1\",\"DAYTONA_SANDBOX_SNAPSHOT=other:2\"],"               \
        "\"Labels\":{\"com.docker.compose.project\":\"shop\","                                     \
        "\"com.docker.compose.service\":\"web\",\"daytona.organization_id\":\"o\"}}}"

struct bench {
        struct fake_engine engine;
        struct container container; /* of this very process */
        int proc_fd;
        char body[2048];
};

static int begin(void **state) {
        struct bench *b = calloc(1, sizeof(*b));

        assert_non_null(b);
        b->proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        b->container = (struct container){ .id = ID, .cgroup_inode = 7 };
        assert_true(proc_cgroup(b->proc_fd, getpid(), b->container.cgroup) >= 0);
        (void)snprintf(b->body, sizeof(b->body), DOCKER, getpid());
        b->engine.body = b->body;
        *state = b;
        return 0;
}

static int end(void **state) {
        struct bench *b = *state;

        (void)close(b->proc_fd);
        free(b);
        return 0;
}

/* Asks the bench's engine alone. */
static struct identity ask(struct bench *b, uint64_t wait_usec) {
        struct identify_sockets sockets = { { { ENGINE_DOCKER, b->engine.path } }, 1 };
        struct identity i;

        fake_engine_begin(&b->engine);
        identify(&sockets, b->proc_fd, wait_usec, &b->container, &i);
        fake_engine_end(&b->engine);
        assert_true(identity_is_about(&i, &b->container));
        return i;
}

static void an_engine_that_knows_it_names_it(void **state) {
        struct bench *b = *state;
        struct identity i = ask(b, LONG);

        assert_int_equal(i.status, IDENTITY_FOUND);
        assert_int_equal(i.engine, ENGINE_DOCKER);
        assert_string_equal(i.environment, "shop/web");
        assert_int_equal(i.environment_rule, ENVIRONMENT_COMPOSE);
        assert_string_equal(i.template, "base:1");
        assert_int_equal(i.template_rule, TEMPLATE_DAYTONA);
        assert_string_equal(i.name, "api");
        assert_string_equal(i.image, "node:22");
        assert_string_equal(i.runtime, "dtgov");
        assert_int_equal(i.network, NETWORK_HOST);
        assert_int_equal(i.notes, 0);
}

static void the_health_check_is_the_engines_word(void **state) {
        static const struct {
                const char *json;
                enum health health;
        } rows[] = { { "{\"Status\":\"healthy\"}", HEALTH_HEALTHY },
                { "{\"Status\":\"unhealthy\",\"Log\":[]}", HEALTH_UNHEALTHY },
                { "{\"Status\":\"starting\"}", HEALTH_STARTING },
                { "{\"Status\":\"fine\"}", HEALTH_NONE }, { "{\"Status\":1}", HEALTH_NONE },
                { "null", HEALTH_NONE }, { "\"healthy\"", HEALTH_NONE } };
        struct bench *b = *state;

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                (void)snprintf(b->body, sizeof(b->body),
                                "{\"Id\":\"" ID "\",\"State\":{\"Pid\":%d,\"Health\":%s},"
                                "\"Config\":{}}",
                                getpid(), rows[i].json);
                b->engine.body_bytes = strlen(b->body);
                assert_int_equal(ask(b, LONG).health, rows[i].health);
        }
}

static void nothing_but_one_get_is_sent(void **state) {
        struct bench *b = *state;

        (void)ask(b, LONG);
        assert_int_equal(b->engine.asked, 1);
        assert_int_equal(strncmp(b->engine.heard, "GET /containers/" ID "/json HTTP/1.1\r\n", 95),
                        0);
        assert_string_equal(strstr(b->engine.heard, "\r\n\r\n"), "\r\n\r\n");
}

static void podman_in_dockers_place_is_podman(void **state) {
        struct bench *b = *state;
        struct identity i;

        b->engine.head = "HTTP/1.1 200 OK\r\nServer: Libpod/4.3.1 (linux)\r\n\r\n";
        i = ask(b, LONG);
        assert_int_equal(i.status, IDENTITY_FOUND);
        assert_int_equal(i.engine, ENGINE_PODMAN);
}

static void a_digest_without_its_kind_is_sha256(void **state) {
        struct bench *b = *state;
        struct identity i;

        (void)snprintf(b->body, sizeof(b->body),
                        "{\"Id\":\"" ID "\",\"State\":{\"Pid\":%d},\"Image\":\"" OTHER_ID
                        "\",\"Config\":{}}",
                        getpid());
        i = ask(b, LONG);
        assert_string_equal(i.template, "sha256:" OTHER_ID);
}

static void an_answer_without_labels_has_a_name_alone(void **state) {
        struct bench *b = *state;
        struct identity i;

        (void)snprintf(b->body, sizeof(b->body),
                        "{\"Id\":\"" ID "\",\"State\":{\"Pid\":%d},\"Name\":\"/api\","
                        "\"Config\":{\"Labels\":null,\"Env\":null},\"HostConfig\":null}",
                        getpid());
        i = ask(b, LONG);
        assert_int_equal(i.status, IDENTITY_FOUND);
        assert_string_equal(i.environment, "api");
        assert_int_equal(i.network, NETWORK_UNKNOWN);
        assert_string_equal(i.template, "");
}

static uint64_t msec(void) {
        struct timespec t;

        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / NSEC_PER_MSEC;
}

static void an_engine_that_hangs_is_given_up(void **state) {
        static const enum fake_manner manners[] = { FAKE_HANGS, FAKE_STALLS };
        struct bench *b = *state;

        for (size_t k = 0; k < ARRAY_LEN(manners); k++) {
                uint64_t before = msec();

                b->engine.manner = manners[k];
                assert_int_equal(ask(b, WAIT).status, IDENTITY_SILENT);
                assert_in_range(msec() - before, 290, 5000);
        }
}

static void an_answer_that_breaks_off_is_none(void **state) {
        struct bench *b = *state;

        b->engine.manner = FAKE_BREAKS_OFF;
        assert_int_equal(ask(b, LONG).status, IDENTITY_GARBLED);
}

static void an_engine_that_stays_open_is_not_waited_for(void **state) {
        struct bench *b = *state;

        b->engine.manner = FAKE_STAYS_OPEN;
        assert_int_equal(ask(b, LONG).status, IDENTITY_FOUND);
}

static void ten_mib_are_too_much(void **state) {
        struct bench *b = *state;
        CLEANUP(freep) char *body = malloc(10 * MIB);

        b->engine.manner = FAKE_SENDS_10MIB;
        assert_int_equal(ask(b, LONG).status, IDENTITY_TOO_LARGE);

        assert_non_null(body);
        memset(body, ' ', 10 * MIB);
        b->engine.manner = FAKE_ANSWERS;
        b->engine.body = body;
        b->engine.body_bytes = 10 * MIB;
        assert_int_equal(ask(b, LONG).status, IDENTITY_TOO_LARGE);
        b->engine.head = "HTTP/1.1 200 OK\r\n\r\n";
        assert_int_equal(ask(b, LONG).status, IDENTITY_TOO_LARGE);
}

/* Row 11 of the fault catalogue. */
static void of_100000_labels_64_are_looked_at(void **state) {
        struct bench *b = *state;
        CLEANUP(freep) char *body = malloc(4 * MIB);
        struct identity i;
        size_t used;

        assert_non_null(body);
        used = (size_t)sprintf(body,
                        "{\"Id\":\"" ID "\",\"State\":{\"Pid\":%d},\"Name\":\"/api\","
                        "\"Config\":{\"Labels\":{\"com.docker.compose.project\":\"shop\"",
                        getpid());
        for (unsigned n = 0; n < 100000; n++)
                used += (size_t)sprintf(body + used, ",\"l%u\":\"value\"", n);
        used += (size_t)sprintf(body + used, ",\"daytona.sandbox_name\":\"late\"}}}");
        b->engine.body = body;
        b->engine.body_bytes = used;
        i = ask(b, LONG);
        assert_int_equal(i.status, IDENTITY_FOUND);
        assert_string_equal(i.environment, "shop");
        assert_int_equal(i.notes, IDENTITY_LABELS_TRUNCATED);
}

/* Row 11 of the fault catalogue. */
static void a_label_of_a_mib_is_passed_over(void **state) {
        struct bench *b = *state;
        CLEANUP(freep) char *body = malloc(2 * MIB);
        struct identity i;
        size_t used;

        assert_non_null(body);
        used = (size_t)sprintf(body,
                        "{\"Id\":\"" ID "\",\"State\":{\"Pid\":%d},\"Name\":\"/api\","
                        "\"Config\":{\"Labels\":{\"daytona.sandbox_name\":\"",
                        getpid());
        memset(body + used, 'a', MIB);
        used += MIB;
        used += (size_t)sprintf(body + used, "\"}}}");
        b->engine.body = body;
        b->engine.body_bytes = used;
        i = ask(b, LONG);
        assert_string_equal(i.environment, "api");
        assert_int_equal(i.notes, IDENTITY_LABELS_TRUNCATED);
}

/* Row 10 of the fault catalogue: kept as it is, escaped where it is shown. */
static void a_label_with_controls_is_kept_raw(void **state) {
        struct bench *b = *state;

        (void)snprintf(b->body, sizeof(b->body),
                        "{\"Id\":\"" ID "\",\"State\":{\"Pid\":%d},\"Config\":{\"Labels\":{"
                        "\"daytona.sandbox_name\":\"\\u001b[2J\\u202e<script>\","
                        "\"com.docker.compose.project\":\"nul\\u0000nul\"}}}",
                        getpid());
        assert_string_equal(ask(b, LONG).environment, "\033[2J\xe2\x80\xae<script>");
}

static void what_is_no_document_is_none(void **state) {
        static const char *const bodies[] = { "", "null", "[]", "{", "{}", "\"text\"", "7",
                "{\"Id\":7}", "{\"Config\":1,\"Config\":2}", "\xff\xfe" };
        struct bench *b = *state;

        for (size_t k = 0; k < ARRAY_LEN(bodies); k++) {
                b->engine.body = bodies[k];
                b->engine.body_bytes = strlen(bodies[k]);
                assert_int_equal(ask(b, LONG).status, IDENTITY_GARBLED);
        }
}

static void members_of_other_types_are_not_there(void **state) {
        struct bench *b = *state;
        struct identity i;

        (void)snprintf(b->body, sizeof(b->body),
                        "{\"Id\":\"" ID "\",\"State\":{\"Pid\":%d},\"Name\":[],\"Image\":{},"
                        "\"HostConfig\":7,\"Config\":{\"Image\":1,\"Env\":{\"a\":1},"
                        "\"Labels\":[\"daytona.sandbox_name\"]}}",
                        getpid());
        i = ask(b, LONG);
        assert_int_equal(i.status, IDENTITY_FOUND);
        assert_string_equal(i.environment, ID);
        assert_int_equal(i.environment_rule, ENVIRONMENT_ID);
}

/* An engine that lies, and the same id in two engines. */
static void what_is_said_of_another_container_is_not_taken(void **state) {
        const struct {
                const char *id;
                long long pid;
        } others[] = { { OTHER_ID, getpid() }, { ID, 0 }, { ID, 4294967297 }, { ID, -1 } };
        struct bench *b = *state;

        for (size_t k = 0; k < ARRAY_LEN(others); k++) {
                (void)snprintf(b->body, sizeof(b->body),
                                "{\"Id\":\"%s\",\"State\":{\"Pid\":%lld},\"Config\":{}}",
                                others[k].id, others[k].pid);
                b->engine.body_bytes = 0;
                assert_int_equal(ask(b, LONG).status, IDENTITY_OTHER);
        }
        (void)snprintf(b->body, sizeof(b->body), DOCKER, getpid());
        b->engine.body_bytes = 0;
        (void)strcpy(b->container.cgroup, "/docker/" ID); /* this process is not in it */
        assert_int_equal(ask(b, LONG).status, IDENTITY_OTHER);
}

static void statuses_of_http_are_told_apart(void **state) {
        static const struct {
                const char *head;
                enum identity_status status;
        } rows[] = {
                { "HTTP/1.1 404 Not Found\r\n\r\n", IDENTITY_UNKNOWN },
                { "HTTP/1.1 500 Internal Server Error\r\n\r\n", IDENTITY_REFUSED },
                { "HTTP/1.1 403 Forbidden\r\n\r\n", IDENTITY_REFUSED },
                { "HTTP/1.1 301 Moved Permanently\r\nLocation: /x\r\n\r\n", IDENTITY_REFUSED },
                { "220 ftp\r\n\r\n", IDENTITY_GARBLED },
        };
        struct bench *b = *state;

        for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
                b->engine.head = rows[k].head;
                assert_int_equal(ask(b, LONG).status, rows[k].status);
        }
}

static void without_an_engine_the_id_is_the_name(void **state) {
        struct bench *b = *state;
        struct identify_sockets none = {
                { { ENGINE_DOCKER, "/nonexistent/docker.sock" }, { ENGINE_PODMAN, "/dev/null" } }, 2
        };
        struct identity i;

        identify(&none, b->proc_fd, WAIT, &b->container, &i);
        assert_int_equal(i.status, IDENTITY_NO_ENGINE);
        assert_string_equal(i.environment, ID);
        none.count = 0;
        identify(&none, b->proc_fd, WAIT, &b->container, &i);
        assert_int_equal(i.status, IDENTITY_NONE);
}

static void an_engine_installed_twice_is_asked_twice(void **state) {
        struct bench *b = *state;
        struct fake_engine first = { .head = "HTTP/1.1 404 Not Found\r\n\r\n", .body = "{}" };
        struct identify_sockets both;
        struct identity i;

        fake_engine_begin(&first);
        fake_engine_begin(&b->engine);
        both = (struct identify_sockets){ { { ENGINE_DOCKER, "/nonexistent/docker.sock" },
                                                          { ENGINE_DOCKER, first.path },
                                                          { ENGINE_DOCKER, b->engine.path } },
                3 };
        identify(&both, b->proc_fd, LONG, &b->container, &i);
        assert_int_equal(i.status, IDENTITY_FOUND);
        assert_int_equal(first.asked, 1);

        both.count = 2; /* one that is not there, one that does not know it */
        identify(&both, b->proc_fd, LONG, &b->container, &i);
        assert_int_equal(i.status, IDENTITY_UNKNOWN);
        fake_engine_end(&b->engine);
        fake_engine_end(&first);
}

static void engines_that_cannot_know_it_are_not_asked(void **state) {
        struct bench *b = *state;

        (void)strcpy(b->container.cgroup, "/machine.slice/libpod-" ID ".scope");
        assert_int_equal(ask(b, LONG).status, IDENTITY_NONE);
        (void)strcpy(b->container.id, "web");
        assert_int_equal(ask(b, LONG).status, IDENTITY_NONE);
        assert_int_equal(b->engine.asked, 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        const struct CMUnitTest tests[] = {
                TEST(an_engine_that_knows_it_names_it),
                TEST(the_health_check_is_the_engines_word),
                TEST(nothing_but_one_get_is_sent),
                TEST(podman_in_dockers_place_is_podman),
                TEST(a_digest_without_its_kind_is_sha256),
                TEST(an_answer_without_labels_has_a_name_alone),
                TEST(an_engine_that_hangs_is_given_up),
                TEST(an_answer_that_breaks_off_is_none),
                TEST(an_engine_that_stays_open_is_not_waited_for),
                TEST(ten_mib_are_too_much),
                TEST(of_100000_labels_64_are_looked_at),
                TEST(a_label_of_a_mib_is_passed_over),
                TEST(a_label_with_controls_is_kept_raw),
                TEST(what_is_no_document_is_none),
                TEST(members_of_other_types_are_not_there),
                TEST(what_is_said_of_another_container_is_not_taken),
                TEST(statuses_of_http_are_told_apart),
                TEST(without_an_engine_the_id_is_the_name),
                TEST(an_engine_installed_twice_is_asked_twice),
                TEST(engines_that_cannot_know_it_are_not_asked),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
