/* SPDX-License-Identifier: Apache-2.0 */
/* dtgovd's side of identity: whom it asks, when, and what it does with answers good and bad. */
#include "tests/unit/short_memory.h"

#include "tests/unit/identifier_fixture.h"

#include <dlfcn.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* Calls of which all fail. */
static enum { CALL_NONE, CALL_SOCKET, CALL_SENDTO, CALL_ADD_IO } failing;

int socket(int domain, int type, int protocol) {
        errno = EMFILE;
        return failing == CALL_SOCKET ? -1 : (int)syscall(SYS_socket, domain, type, protocol);
}

ssize_t send(int fd, const void *data, size_t len, int flags) {
        errno = EPIPE;
        return failing == CALL_SENDTO ? -1 : syscall(SYS_sendto, fd, data, len, flags, NULL, 0);
}

int sd_event_add_io(sd_event *e, sd_event_source **ret, int fd, uint32_t events,
                sd_event_io_handler_t callback, void *userdata) {
        __typeof__(&sd_event_add_io) real;

        *(void **)&real = dlsym(RTLD_NEXT, "sd_event_add_io");
        return failing == CALL_ADD_IO ? -ENOMEM : real(e, ret, fd, events, callback, userdata);
}

static void a_container_is_asked_about_after_its_start_and_the_observer_told(void **state) {
        struct bench *b = *state;
        struct identity_request request;
        struct identity i;

        listen_there(b);
        start(b);
        assert_false(asked(b, 700, &request)); /* a hook may still be waited for */
        assert_true(asked(b, 5000, &request));
        assert_int_equal(request.version, IDENTITY_VERSION);
        assert_string_equal(request.container.id, ID);
        assert_false(told(b, &i));
        i = named(b, "shop/web");
        answer(b, &i, sizeof(i));
        memset(&i, 0, sizeof(i));
        assert_true(told(b, &i));
        assert_string_equal(i.environment, "shop/web");
        assert_int_equal(b->control->identifier.waiting, 0);
        assert_string_equal(identifier_note(b->control), "");
}

static void an_observer_that_comes_back_is_told_again(void **state) {
        struct bench *b = *state;
        struct identity i = named(b, "shop/web");

        b->container->identity = malloc(sizeof(i));
        assert_non_null(b->container->identity);
        *b->container->identity = i;
        b->container->told = false; /* as after its hello */
        b->container->identity_told = true;
        observer_link_container(b->control, b->container);
        assert_true(told(b, &i));
        assert_string_equal(i.environment, "shop/web");
}

static void what_is_no_record_is_not_passed_on(void **state) {
        struct bench *b = *state;
        struct identity_request request;
        struct identity i;

        listen_there(b);
        start(b);
        b->container->ask_ns = 1;
        assert_true(asked(b, 5000, &request));
        i = named(b, "other");
        i.cgroup_inode++;
        answer(b, &i, sizeof(i));
        assert_false(told(b, &i));
        assert_int_equal(b->control->identifier.waiting, 1); /* and it is asked again */

        b->container->ask_ns = 1;
        assert_true(asked(b, 5000, &request));
        i = named(b, "long");
        memset(i.environment, 'a', sizeof(i.environment));
        answer(b, &i, sizeof(i));
        assert_false(told(b, &i));
        assert_int_equal(b->container->asked, 2);
        b->container->ask_ns = 1;
        assert_true(asked(b, 5000, &request));
        answer(b, &i, sizeof(i) - 1);
        b->container->ask_ns = 1;
        assert_true(asked(b, 5000, &request));
        (void)close(take_fd(&b->fd)); /* it ends without a word */
        spin(b, 50);
        assert_false(told(b, &i));
        assert_int_equal(b->container->asked, 4);
}

static void it_asks_again_a_few_times_and_no_more(void **state) {
        struct bench *b = *state;
        struct identity_request request;
        struct identity i = named(b, ID);

        listen_there(b);
        start(b);
        i.status = IDENTITY_NO_ENGINE;
        for (unsigned try = 0; try < IDENTIFIER_TRIES; try++) {
                b->container->ask_ns = 1;
                assert_true(asked(b, 5000, &request));
                answer(b, &i, sizeof(i));
                assert_true(told(b, &i)); /* so that people see why it has no name */
                assert_int_equal(i.status, IDENTITY_NO_ENGINE);
        }
        assert_int_equal(b->container->ask_ns, 0);
        assert_int_equal(b->control->identifier.waiting, 0);
}

static void an_answer_that_does_not_come_is_given_up(void **state) {
        struct bench *b = *state;
        struct identity_request request;

        listen_there(b);
        start(b);
        b->container->ask_ns = 1;
        assert_true(asked(b, 5000, &request));
        spin(b, 600);
        assert_int_equal(b->container->asked, 0);
        b->control->identifier.deadline_ns = 1;
        spin(b, 700);
        assert_int_equal(b->container->asked, 1);
        assert_null(b->control->identifier.asking);
}

static void an_answer_that_there_is_no_memory_for_is_asked_for_again(void **state) {
        struct bench *b = *state;
        struct identity_request request;
        struct identity i = named(b, "shop/web");

        if (!SHORT_MEMORY) {
                print_message("%s", NO_SHORT_MEMORY);
                skip();
        }
        listen_there(b);
        start(b);
        b->container->ask_ns = 1;
        assert_true(asked(b, 5000, &request));
        memory_left = 0;
        answer(b, &i, sizeof(i));
        assert_true(memory_failed());
        assert_null(b->container->identity);
        b->container->ask_ns = 1;
        assert_true(asked(b, 5000, &request));
        answer(b, &i, sizeof(i));
        assert_true(told(b, &i));
        assert_string_equal(i.environment, "shop/web");
}

static void a_question_that_cannot_be_put_is_put_later(void **state) {
        struct bench *b = *state;
        struct identity_request request;

        listen_there(b);
        start(b);
        for (int call = CALL_SOCKET; call <= CALL_ADD_IO; call++) {
                failing = call;
                b->container->ask_ns = 1;
                spin(b, 700);
                failing = CALL_NONE;
                assert_null(b->control->identifier.asking);
                assert_int_equal(b->container->asked, 0);
                assert_int_equal(b->control->identifier.waiting, 1);
                while ((b->fd = accept4(b->listen_fd, NULL, NULL, SOCK_CLOEXEC)) >= 0)
                        (void)close(take_fd(&b->fd)); /* it hung up */
                b->control->identifier.absent_ns = 0;
        }
        assert_true(asked(b, 5000, &request));
}

static void a_dtgov_identify_that_is_busy_is_no_absent_one(void **state) {
        struct bench *b = *state;
        struct sockaddr_un at = { .sun_family = AF_UNIX };
        int fds[16];
        size_t n = 0;

        listen_there(b);
        start(b);
        (void)strcpy(at.sun_path, b->control->identifier.path);
        do
                fds[n] = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        while (connect(fds[n++], (const struct sockaddr *)&at, sizeof(at)) == 0 &&
                        n < ARRAY_LEN(fds));
        assert_true(n < ARRAY_LEN(fds)); /* the queue is full */
        b->container->ask_ns = 1;
        spin(b, 700);
        assert_string_equal(identifier_note(b->control), "");
        assert_int_equal(b->control->identifier.waiting, 1);
        while (n > 0)
                (void)close(fds[--n]);
}

/* Another container, of which an engine knows. */
static struct managed *add_second(struct bench *b) {
        struct container x = { .id = "f" ID, .runtime = "runc", .cgroup = "/docker/c2" };
        struct fixture *f = b->fixture;
        struct stat st;

        x.id[64] = '\0';
        assert_int_equal(mkdirat(f->container->dir_fd, "../c2", 0700), 0);
        fixture_write(f, "../c2/cgroup.events", "populated 1\n");
        assert_int_equal(fstatat(f->container->dir_fd, "../c2", &st, 0), 0);
        x.cgroup_inode = st.st_ino;
        assert_int_equal(registry_put(b->control->containers_fd, &x), 0);
        containers_scan(b->control);
        assert_non_null(container_by_inode(b->control, st.st_ino));
        return container_by_inode(b->control, st.st_ino);
}

static void whoever_waits_longest_is_asked_about_first(void **state) {
        struct bench *b = *state;
        struct identity_request request;
        struct managed *second;

        listen_there(b);
        start(b);
        second = add_second(b);
        for (int turn = 0; turn < 2; turn++) {
                b->container->ask_ns = turn == 0 ? 1 : 2;
                second->ask_ns = turn == 0 ? 2 : 1;
                assert_true(asked(b, 5000, &request));
                assert_string_equal(request.container.id,
                                turn == 0 ? b->container->container.id : second->container.id);
                (void)close(take_fd(&b->fd));
                b->container->ask_ns = second->ask_ns = UINT64_MAX;
                spin(b, 700); /* and nobody before the time has come */
                assert_null(b->control->identifier.asking);
        }
        identifier_end(b->control, b->container);
        second->ask_ns = 1;
        assert_true(asked(b, 5000, &request));
        assert_string_equal(request.container.id, second->container.id);
}

static void whoever_is_asked_about_is_not_asked_about_twice(void **state) {
        struct bench *b = *state;
        struct identity_request request;

        identifier_again(b->control, b->container); /* before there is anybody to ask */
        assert_int_equal(b->control->identifier.waiting, 0);
        listen_there(b);
        start(b);
        b->container->ask_ns = 1;
        assert_true(asked(b, 5000, &request));
        b->container->asked = 3;
        identifier_again(b->control, b->container);
        assert_int_equal(b->container->asked, 3);
        b->container->alive = false;
        identifier_end(b->control, b->container);
        (void)close(take_fd(&b->fd)); /* without a word */
        spin(b, 50);
        assert_int_equal(b->container->ask_ns, 0);
        assert_int_equal(b->control->identifier.waiting, 0);
}

static void a_container_that_ends_is_asked_about_no_more(void **state) {
        struct bench *b = *state;
        struct identity_request request;
        struct identity i = named(b, "late");

        listen_there(b);
        start(b);
        b->container->ask_ns = 1;
        assert_true(asked(b, 5000, &request));
        b->container->alive = false;
        identifier_end(b->control, b->container);
        answer(b, &i, sizeof(i));
        assert_false(told(b, &i));
        assert_null(b->container->identity);
        assert_int_equal(b->control->identifier.waiting, 0);
}

/* As without systemd. */
static void without_a_socket_status_says_so(void **state) {
        struct bench *b = *state;
        struct identity_request request;

        start(b);
        spin(b, 1700);
        assert_non_null(strstr(identifier_note(b->control), "dtgov-identify.socket"));
        assert_int_equal(b->container->asked, 0);

        listen_there(b);
        b->control->identifier.absent_ns = 1; /* long ago */
        assert_true(asked(b, 5000, &request));
        assert_string_equal(identifier_note(b->control), "");
}

static void whom_no_engine_knows_is_not_asked_about(void **state) {
        struct bench *b = *state;

        (void)strcpy(b->container->container.id, "c1");
        start(b);
        assert_int_equal(b->control->identifier.waiting, 0);
        spin(b, 700);
        assert_string_equal(identifier_note(b->control), "");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        const struct CMUnitTest tests[] = {
                TEST(a_container_is_asked_about_after_its_start_and_the_observer_told),
                TEST(an_observer_that_comes_back_is_told_again),
                TEST(what_is_no_record_is_not_passed_on),
                TEST(it_asks_again_a_few_times_and_no_more),
                TEST(an_answer_that_does_not_come_is_given_up),
                TEST(an_answer_that_there_is_no_memory_for_is_asked_for_again),
                TEST(a_question_that_cannot_be_put_is_put_later),
                TEST(a_dtgov_identify_that_is_busy_is_no_absent_one),
                TEST(whoever_waits_longest_is_asked_about_first),
                TEST(whoever_is_asked_about_is_not_asked_about_twice),
                TEST(a_container_that_ends_is_asked_about_no_more),
                TEST(without_a_socket_status_says_so),
                TEST(whom_no_engine_knows_is_not_asked_about),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
