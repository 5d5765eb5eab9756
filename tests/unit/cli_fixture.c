/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/cli_fixture.h"

#include <fcntl.h>
#include <inttypes.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "governor/varlink/varlink.h"

static int answer(struct varlink *link, const struct json *parameters, void *userdata,
                const char *method) {
        CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
        CLEANUP(json_writer_freep) struct json_writer *heard = NULL;
        struct bench *b = userdata;
        const struct fake *fake = NULL;
        struct json_writer *w;
        const char *text;
        size_t len;

        for (size_t i = 0; i < b->fakes_count; i++)
                if (strcmp(b->fakes[i].method, method) == 0)
                        fake = &b->fakes[i];
        if (parameters && parameters->child) {
                assert_int_equal(json_writer_new(&heard), 0);
                json_put_value(heard, NULL, parameters);
                assert_int_equal(json_writer_end(heard, &text, &len), 0);
                len = strlen(b->heard);
                (void)snprintf(b->heard + len, sizeof(b->heard) - len, "%s %s\n", method, text);
        }
        if (!fake)
                return varlink_error(link, "org.varlink.service.MethodNotFound", NULL);
        assert_int_equal(json_parse(fake->parameters, strlen(fake->parameters), 16, &doc, NULL), 0);
        if (fake->error) {
                const struct json *e = json_root(doc);

                return varlink_error(link, fake->error, "text", text_of(e, "text"), "id",
                                json_get(e, "id") ? text_of(e, "id") : NULL, "code",
                                json_get(e, "code") ? text_of(e, "code") : NULL, "change",
                                json_get(e, "change") ? text_of(e, "change") : NULL, NULL);
        }
        assert_int_equal(varlink_reply_begin(link, &w), 0);
        for (const struct json *m = json_root(doc)->child; m; m = m->next)
                json_put_value(w, m->key, m);
        return varlink_reply_end(link);
}

#define METHOD(name)                                                                               \
        static int method_##name(                                                                  \
                        struct varlink *link, const struct json *parameters, void *userdata) {     \
                return answer(link, parameters, userdata, #name);                                  \
        }
METHOD(ListContainers)
METHOD(ListFindings)
METHOD(ListProcesses)
METHOD(ListProposals)
METHOD(ListRules)
METHOD(Trust)
METHOD(ListChanges)
METHOD(Propose)
METHOD(Approve)
METHOD(Reject)
METHOD(Rollback)
METHOD(Health)
METHOD(Keep)
METHOD(Pause)

static const struct varlink_entry entries[] = {
        { "ListContainers", method_ListContainers },
        { "ListFindings", method_ListFindings },
        { "ListProcesses", method_ListProcesses },
        { "ListProposals", method_ListProposals },
        { "ListRules", method_ListRules },
        { "Trust", method_Trust },
        { "ListChanges", method_ListChanges },
        { "Propose", method_Propose },
        { "Approve", method_Approve },
        { "Reject", method_Reject },
        { "Rollback", method_Rollback },
        { "Health", method_Health },
        { "Keep", method_Keep },
        { "Pause", method_Pause },
        { NULL, NULL },
};

static const struct varlink_interface interfaces[DAEMON_COUNT] = {
        [DAEMON_CONTROL] = { "org.dtgov.Control", "", entries },
        [DAEMON_OBSERVER] = { "org.dtgov.Observer", "", entries },
};

static void *serve(void *data) {
        struct varlink_server *servers[DAEMON_COUNT];
        struct bench *b = data;
        sd_event *event = NULL;
        int fd;

        assert_int_equal(sd_event_new(&event), 0);
        for (size_t i = 0; i < DAEMON_COUNT; i++) {
                assert_int_equal(varlink_listen(b->path[i], 0666, &fd, NULL), 0);
                assert_int_equal(varlink_server_new(&servers[i], event, &interfaces[i], b), 0);
                assert_true(varlink_server_listen_fd(servers[i], fd) >= 0);
        }
        loop_thread_run(&b->loop, event);
        for (size_t i = 0; i < DAEMON_COUNT; i++)
                varlink_server_free(servers[i]);
        (void)sd_event_unref(event);
        return NULL;
}

void fake_answer(struct bench *b, const char *method, const char *error, const char *format, ...) {
        struct fake *f = &b->fakes[b->fakes_count++];
        va_list args;

        assert_true(b->fakes_count <= ARRAY_LEN(b->fakes));
        f->method = method;
        f->error = error;
        va_start(args, format);
        assert_in_range(vsnprintf(f->parameters, sizeof(f->parameters), format, args), 0,
                        sizeof(f->parameters) - 1);
        va_end(args);
}

static uint64_t in_seconds(unsigned seconds) {
        return boottime_ns() + seconds * NSEC_PER_SEC + NSEC_PER_SEC / 2;
}

void fake_proposal(struct bench *b, const char *state) {
        fake_answer(b, "ListProposals", NULL,
                        "{\"proposals\":[{\"id\":\"P17\",\"containerId\":\"" API
                        "\",\"cgroupInode\":7,\"rule\":\"cpu-quota\",\"state\":\"%s\",\"knobs\":["
                        "{\"file\":\"cpu.max\",\"old\":\"50000 100000\",\"new\":\"150000 100000\"}]"
                        ",\"risk\":\"low\",\"digest\":\"d1\",\"reason\":\"\",\"text\":\"\","
                        "\"expiresBoottimeNs\":%" PRIu64 ",\"lostUsecPerMin\":41000000,"
                        "\"finding\":\"F12\"}]}",
                        state, in_seconds(3600 * 23));
}

void fake_change(struct bench *b, const char *method, const char *around, const char *state,
                const char *more) {
        fake_answer(b, method, NULL,
                        "{\"%s{\"id\":\"C17\",\"proposal\":\"P17\",\"containerId\":\"" API
                        "\",\"cgroupInode\":7,\"state\":\"%s\",\"reason\":\"\",\"text\":\"\","
                        "\"knobs\":[{\"file\":\"cpu.max\",\"old\":\"50000 100000\","
                        "\"new\":\"150000 100000\"%s}],\"deadlineBoottimeNs\":%" PRIu64 "}%s}",
                        around, state, more, in_seconds(60), strchr(around, '[') ? "]" : "");
}

/* One container, called api by Docker, throttled by its quota. */
static void fake_host(struct bench *b) {
        fake_answer(b, "ListContainers", NULL,
                        "{\"containers\":[{\"id\":\"api\",\"environmentRule\":\"container name\","
                        "\"template\":\"sha256:0123456789abcdef\",\"templateRule\":\"image "
                        "digest\",\"name\":\"api\",\"image\":\"node:22\",\"engine\":\"docker\","
                        "\"network\":\"own\",\"notes\":[],\"containerId\":\"" API
                        "\",\"cgroup\":\"/docker/" API
                        "\",\"cgroupInode\":7,\"runtime\":\"runc\",\"windowUsec\":1000000,"
                        "\"cpuUsec\":500000,\"memoryBytes\":104857600,\"pids\":12,"
                        "\"cpuQuotaUsec\":50000,\"cpuPeriodUsec\":100000,\"memoryMaxBytes\":null,"
                        "\"stallCpuUsec\":800000,\"lostUsecPerMin\":41000000}]}");
        fake_answer(b, "ListFindings", NULL,
                        "{\"findings\":[{\"id\":\"F12\",\"containerId\":\"" API
                        "\",\"cgroupInode\":7,\"rule\":\"cpu-quota\",\"title\":\"CPU throttled\","
                        "\"text\":\"CPU is throttled\",\"lostUsecPerMin\":41000000,"
                        "\"processes\":[{\"pid\":99,\"name\":\"cc1plus\",\"ancestor\":\"ninja\","
                        "\"count\":8,\"cpuPermyriad\":9600,\"memoryGrowthBytes\":-4096}],"
                        "\"proposal\":\"P17\",\"why\":\"the quota\",\"risk\":\"low\"}]}");
        fake_answer(b, "Health", NULL,
                        "{\"version\":\"1\",\"containers\":1,\"link\":true,\"notes\":[]}");
        fake_answer(b, "ListChanges", NULL, "{\"changes\":[]}");
        fake_proposal(b, "pending");
}

int fake_start(void **state) {
        struct bench *b = calloc(1, sizeof(*b));

        assert_non_null(b);
        assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
        (void)snprintf(b->dir, sizeof(b->dir), "/tmp/test-cli-XXXXXX");
        assert_non_null(mkdtemp(b->dir));
        (void)snprintf(b->path[DAEMON_CONTROL], sizeof(b->path[0]), "%s/control.sock", b->dir);
        (void)snprintf(b->path[DAEMON_OBSERVER], sizeof(b->path[0]), "%s/query.sock", b->dir);
        fake_host(b);
        loop_thread_begin(&b->loop, serve, b);
        *state = b;
        return 0;
}

int fake_stop(void **state) {
        struct bench *b = *state;
        char command[96];

        loop_thread_end(&b->loop);
        (void)snprintf(command, sizeof(command), "rm -rf %s", b->dir);
        assert_int_equal(system(command), 0);
        free(b);
        return 0;
}

static void slurp(FILE *f, char *out, size_t size) {
        size_t n;

        rewind(f);
        n = fread(out, 1, size - 1, f);
        out[n] = '\0';
        (void)fclose(f);
}

int run_line_on(struct bench *b, const char *line, int in, int err) {
        CLEANUP(freep) char *copy = strdup(line);
        char *rest = copy, *argv[16] = { (char[]){ "dtgov" } };
        FILE *out = tmpfile(), *said = tmpfile();
        struct cli c = { .run_dir = b->dir };
        int argc = 1, saved[2] = { dup(STDIN_FILENO), dup(STDERR_FILENO) }, r;

        assert_non_null(copy);
        assert_non_null(out);
        assert_non_null(said);
        while (rest && rest[0])
                argv[argc++] = strsep(&rest, " ");
        assert_true(dup2(in, STDIN_FILENO) >= 0);
        assert_true(dup2(err >= 0 ? err : fileno(said), STDERR_FILENO) >= 0);
        out_init(&c.out, out);
        c.out.columns = b->columns;
        r = dtgov_main(&c, argc, argv);
        cli_done(&c);
        assert_true(dup2(saved[0], STDIN_FILENO) >= 0);
        assert_true(dup2(saved[1], STDERR_FILENO) >= 0);
        (void)close(saved[0]);
        (void)close(saved[1]);
        slurp(out, b->out, sizeof(b->out));
        slurp(said, b->err, sizeof(b->err));
        return r;
}

int run_line(struct bench *b, const char *line) {
        int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
        int r = run_line_on(b, line, in, -1);

        (void)close(in);
        return r;
}

struct json_doc *read_output(const struct bench *b) {
        struct json_doc *doc = NULL;

        if (json_parse(b->out, strlen(b->out), 16, &doc, NULL) < 0)
                fail_msg("no JSON: %s", b->out);
        return doc;
}

void fake_crowd(struct bench *b) {
        fake_answer(b, "ListContainers", NULL,
                        "{\"containers\":["
                        "{\"id\":\"shop/web\",\"environmentRule\":\"compose service\","
                        "\"template\":\"shop/web\",\"name\":\"shop-web-1\",\"containerId\":\"a1\","
                        "\"cgroupInode\":1,\"windowUsec\":1000000,\"cpuUsec\":500000,"
                        "\"memoryBytes\":1048576,\"pids\":2},"
                        "{\"id\":\"shop/web\",\"environmentRule\":\"compose service\","
                        "\"template\":\"shop/web\",\"name\":\"shop-web-2\",\"containerId\":\"a2\","
                        "\"cgroupInode\":2,\"windowUsec\":1000000,\"cpuUsec\":250000,"
                        "\"memoryBytes\":1048576,\"pids\":3},"
                        "{\"id\":\"/home/ada/src/api\",\"environmentRule\":\"devcontainer folder\","
                        "\"template\":\"sha256:0123456789abcdef\",\"image\":\"node:22\","
                        "\"folder\":\"%s\",\"containerId\":\"a3\",\"cgroupInode\":3,"
                        "\"notes\":[\"labels truncated\"],\"cpuQuotaUsec\":100000,"
                        "\"cpuPeriodUsec\":100000,\"memoryMaxBytes\":1073741824},"
                        "{\"id\":\"\\u001b[2J\\u202e<script>\",\"template\":null,"
                        "\"containerId\":\"a4\",\"cgroupInode\":4}]}",
                        b->dir);
}
