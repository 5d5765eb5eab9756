/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the commands print and ask for, against two daemons that answer from a table. The daemons
 * are the server half of the project's own protocol, in a thread.
 */
#include "governor/cli/commands.h"

#include <fcntl.h>
#include <inttypes.h>
#include <locale.h>
#include <pthread.h>
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include <cmocka.h>

#include "governor/varlink/varlink.h"

#define API "0000000000000000000000000000000000000000000000000000000000000aaa"

/* What a daemon answers: parameters, or an error and its parameters. */
struct fake {
        const char *method, *error;
        char parameters[2048];
};

struct bench {
        char dir[64], path[DAEMON_COUNT][96];
        pthread_t thread;
        int stop[2];
        _Atomic bool up;
        struct fake fakes[24];
        size_t fakes_count;
        char heard[2048]; /* methods and parameters of control.sock that came */
        char out[16384], err[2048];
};

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

                return varlink_error(link, fake->error, "text", text_of(e, "text"), "code",
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

static int on_stop(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        (void)fd;
        (void)events;
        (void)userdata;
        return sd_event_exit(sd_event_source_get_event(source), 0);
}

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
        assert_true(sd_event_add_io(event, NULL, b->stop[0], EPOLLIN, on_stop, NULL) >= 0);
        b->up = true;
        (void)sd_event_loop(event);
        for (size_t i = 0; i < DAEMON_COUNT; i++)
                varlink_server_free(servers[i]);
        (void)sd_event_unref(event);
        return NULL;
}

PRINTF(4, 5)
static void fake(struct bench *b, const char *method, const char *error, const char *format, ...) {
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

static void fake_proposal(struct bench *b, const char *state) {
        fake(b, "ListProposals", NULL,
                        "{\"proposals\":[{\"id\":\"P17\",\"containerId\":\"" API
                        "\",\"cgroupInode\":7,\"rule\":\"cpu-quota\",\"state\":\"%s\",\"knobs\":["
                        "{\"file\":\"cpu.max\",\"old\":\"50000 100000\",\"new\":\"150000 100000\"}]"
                        ",\"risk\":\"low\",\"digest\":\"d1\",\"reason\":\"\",\"text\":\"\","
                        "\"expiresBoottimeNs\":%" PRIu64 ",\"lostUsecPerMin\":41000000,"
                        "\"finding\":\"F12\"}]}",
                        state, in_seconds(3600 * 23));
}

static void fake_change(struct bench *b, const char *method, const char *around, const char *state,
                const char *more) {
        fake(b, method, NULL,
                        "{\"%s{\"id\":\"C17\",\"proposal\":\"P17\",\"containerId\":\"" API
                        "\",\"cgroupInode\":7,\"state\":\"%s\",\"reason\":\"\",\"text\":\"\","
                        "\"knobs\":[{\"file\":\"cpu.max\",\"old\":\"50000 100000\","
                        "\"new\":\"150000 100000\"%s}],\"deadlineBoottimeNs\":%" PRIu64 "}%s}",
                        around, state, more, in_seconds(60), strchr(around, '[') ? "]" : "");
}

/* One container, called api by Docker, throttled by its quota. */
static void fake_host(struct bench *b) {
        fake(b, "ListContainers", NULL,
                        "{\"containers\":[{\"id\":\"api\",\"environmentRule\":\"container name\","
                        "\"template\":\"sha256:0123456789abcdef\",\"templateRule\":\"image "
                        "digest\",\"name\":\"api\",\"image\":\"node:22\",\"engine\":\"docker\","
                        "\"network\":\"own\",\"notes\":[],\"containerId\":\"" API
                        "\",\"cgroup\":\"/docker/" API
                        "\",\"cgroupInode\":7,\"runtime\":\"runc\",\"windowUsec\":1000000,"
                        "\"cpuUsec\":500000,\"memoryBytes\":104857600,\"pids\":12,"
                        "\"cpuQuotaUsec\":50000,\"cpuPeriodUsec\":100000,"
                        "\"stallCpuUsec\":800000,\"lostUsecPerMin\":41000000}]}");
        fake(b, "ListFindings", NULL,
                        "{\"findings\":[{\"id\":\"F12\",\"containerId\":\"" API
                        "\",\"cgroupInode\":7,\"rule\":\"cpu-quota\",\"title\":\"CPU throttled\","
                        "\"text\":\"CPU is throttled\",\"lostUsecPerMin\":41000000,"
                        "\"processes\":[{\"pid\":99,\"name\":\"cc1plus\",\"ancestor\":\"ninja\","
                        "\"count\":8,\"cpuPermyriad\":9600,\"memoryGrowthBytes\":-4096}],"
                        "\"proposal\":\"P17\",\"why\":\"the quota\",\"risk\":\"low\"}]}");
        fake(b, "Health", NULL, "{\"version\":\"1\",\"containers\":1,\"link\":true,\"notes\":[]}");
        fake(b, "ListChanges", NULL, "{\"changes\":[]}");
        fake_proposal(b, "pending");
}

static int start(void **state) {
        struct bench *b = calloc(1, sizeof(*b));

        assert_non_null(b);
        assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
        (void)snprintf(b->dir, sizeof(b->dir), "/tmp/test-cli-XXXXXX");
        assert_non_null(mkdtemp(b->dir));
        (void)snprintf(b->path[DAEMON_CONTROL], sizeof(b->path[0]), "%s/control.sock", b->dir);
        (void)snprintf(b->path[DAEMON_OBSERVER], sizeof(b->path[0]), "%s/query.sock", b->dir);
        fake_host(b);
        assert_int_equal(pipe(b->stop), 0);
        assert_int_equal(pthread_create(&b->thread, NULL, serve, b), 0);
        while (!b->up)
                (void)usleep(1000);
        *state = b;
        return 0;
}

static int stop(void **state) {
        struct bench *b = *state;
        char command[96];

        assert_int_equal(write(b->stop[1], "x", 1), 1);
        assert_int_equal(pthread_join(b->thread, NULL), 0);
        (void)close(b->stop[0]);
        (void)close(b->stop[1]);
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

/* Carries out a command line, words separated by blanks. @in: what it reads, and asks on */
static int run_on(struct bench *b, const char *line, int in, int err) {
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

static int run(struct bench *b, const char *line) {
        int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
        int r = run_on(b, line, in, -1);

        (void)close(in);
        return r;
}

static void status_opens_with_what_hurts_and_what_mends_it(void **state) {
        struct bench *b = *state;
        char expected[512];

        assert_int_equal(run(b, ""), EXIT_DONE);
        (void)snprintf(expected, sizeof(expected),
                        "api lost 41 s of the last 60 s: quota 0.5 of %ld CPUs; cc1plus \u2190 "
                        "ninja 96 %%; dtgov approve P17\n"
                        "1 container watched\n"
                        "1 proposal waits for you: dtgov proposals\n",
                        sysconf(_SC_NPROCESSORS_ONLN));
        assert_string_equal(b->out, expected);
        assert_string_equal(b->err, "");
        assert_int_equal(run(b, "status --exit-code"), EXIT_FOUND);
}

static void empty_states_name_the_next_command(void **state) {
        struct bench *b = *state;

        b->fakes_count = 0;
        fake(b, "ListContainers", NULL, "{\"containers\":[]}");
        fake(b, "ListFindings", NULL, "{\"findings\":[]}");
        fake(b, "ListProposals", NULL, "{\"proposals\":[]}");
        fake(b, "ListChanges", NULL, "{\"changes\":[]}");
        fake(b, "Health", NULL, "{\"version\":\"1\",\"containers\":0,\"notes\":[\"no psi\"]}");
        assert_int_equal(run(b, "status --exit-code"), EXIT_DONE);
        assert_string_equal(b->out,
                        "No containers yet. Start one; if it does not show up here: dtgov doctor\n"
                        "dtgovd: no psi\ndtgov-observer: no psi\n");
        assert_int_equal(run(b, "findings"), EXIT_DONE);
        assert_non_null(strstr(b->out, "dtgov ps"));
        assert_int_equal(run(b, "proposals"), EXIT_DONE);
        assert_non_null(strstr(b->out, "dtgov findings"));
        assert_int_equal(run(b, "changes"), EXIT_DONE);
        assert_non_null(strstr(b->out, "dtgov proposals"));
        assert_int_equal(run(b, "ps"), EXIT_DONE);
        assert_non_null(strstr(b->out, "dtgov doctor"));
        assert_int_equal(run(b, "ps --json"), EXIT_DONE);
        assert_string_equal(b->out, "[]\n");
}

static void approve_sends_the_digest_of_what_was_shown(void **state) {
        struct bench *b = *state;

        fake_change(b, "Approve", "change\":", "probation", "");
        assert_int_equal(run(b, "approve P17 --yes"), EXIT_DONE);
        assert_non_null(strstr(b->heard, "Approve {\"id\":\"P17\",\"digest\":\"d1\",\"trialSec\":0,"
                                         "\"dryRun\":false,\"wait\":false}"));
        assert_non_null(strstr(b->out,
                        "cpu.max 0.5 \u2192 1.5 CPU, verified. On probation for 60 s.\n"
                        "Undo: dtgov rollback C17\n"
                        "Lasts until the container is re-created; to keep it: "
                        "docker update --cpus 1.5 api\n"));
}

static void a_trial_says_for_how_long(void **state) {
        struct bench *b = *state;

        fake_change(b, "Approve", "change\":", "probation", "");
        assert_int_equal(run(b, "trial P17 10m --yes"), EXIT_DONE);
        assert_non_null(strstr(b->heard, "\"trialSec\":600,"));
        assert_int_equal(run(b, "trial P17 soon --yes"), EXIT_USAGE);
        assert_non_null(strstr(b->err, "want 90s, 10m or 2h"));
}

static void off_a_terminal_nothing_is_asked_and_nothing_done(void **state) {
        struct bench *b = *state;

        assert_int_equal(run(b, "approve P17"), EXIT_USAGE);
        assert_non_null(strstr(b->err, "--yes"));
        assert_int_equal(run(b, "set api cpu.max=1"), EXIT_USAGE);
        assert_string_equal(b->heard, "");
}

static void no_at_the_prompt_changes_nothing(void **state) {
        struct bench *b = *state;
        int master, terminal;

        assert_int_equal(openpty(&master, &terminal, NULL, NULL, NULL), 0);
        assert_int_equal(write(master, "n\n", 2), 2);
        assert_int_equal(run_on(b, "approve P17", terminal, terminal), EXIT_CANCELLED);
        assert_null(strstr(b->heard, "Approve"));

        fake(b, "Propose", NULL,
                        "{\"proposal\":{\"id\":\"P18\",\"state\":\"pending\",\"digest\":\"d2\"},"
                        "\"writes\":[]}");
        fake(b, "Reject", NULL, "{\"proposal\":{\"id\":\"P18\"}}");
        assert_int_equal(write(master, "\n", 1), 1);
        assert_int_equal(run_on(b, "set api memory.max=1.5G", terminal, terminal), EXIT_CANCELLED);
        assert_non_null(strstr(b->heard, "\"assignments\":\"memory.max=1610612736\""));
        assert_non_null(strstr(b->heard, "Reject {\"id\":\"P18\""));
        (void)close(master);
        (void)close(terminal);
}

static void a_dry_run_lists_the_files(void **state) {
        struct bench *b = *state;

        fake(b, "Approve", NULL,
                        "{\"writes\":[{\"file\":\"/docker/x/cpu.max\",\"old\":\"50000 100000\","
                        "\"new\":\"150000 100000\",\"owner\":\"systemd\"}]}");
        assert_int_equal(run(b, "approve P17 --dry-run"), EXIT_DONE);
        assert_string_equal(b->out, "FILE                       OLD           NEW OWNER\n"
                                    "/docker/x/cpu.max 50000 100000 150000 100000 systemd\n");
        assert_non_null(strstr(b->heard, "\"dryRun\":true"));
}

static void what_is_done_already_is_no_error(void **state) {
        struct bench *b = *state;

        fake_proposal(b, "approved");
        fake_change(b, "ListChanges", "changes\":[", "committed", "");
        assert_int_equal(run(b, "approve P17 --yes"), EXIT_DONE);
        assert_string_equal(b->out, "P17 is already applied: C17, kept, unproven.\n");
        fake(b, "Propose", "org.dtgov.Control.Refused",
                        "{\"code\":\"E_NO_CHANGE\",\"text\":\"it is so already\"}");
        assert_int_equal(run(b, "set api cpu.max=0.5 --yes"), EXIT_DONE);
        assert_int_equal(run(b, "set C17 cpu.max=0.5 --yes"), EXIT_DONE);
}

/* What a program is given for --json, read again; the caller frees it. */
static struct json_doc *read_output(const struct bench *b) {
        struct json_doc *doc = NULL;

        if (json_parse(b->out, strlen(b->out), 16, &doc, NULL) < 0)
                fail_msg("no JSON: %s", b->out);
        return doc;
}

static void what_is_done_already_is_json_for_programs(void **state) {
        static const char *const lines[] = { "approve P17 --yes --json",
                "set api cpu.max=0.5 --yes --json", "set api cpu.max=0.5 --dry-run --json" };
        struct bench *b = *state;

        fake_proposal(b, "approved");
        fake_change(b, "ListChanges", "changes\":[", "committed", "");
        fake(b, "Propose", "org.dtgov.Control.Refused",
                        "{\"code\":\"E_NO_CHANGE\",\"text\":\"it is so already\"}");
        for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
                CLEANUP(json_doc_freep) struct json_doc *doc = NULL;

                assert_int_equal(run(b, lines[i]), EXIT_DONE);
                doc = read_output(b);
                assert_string_not_equal(text_of(json_root(doc), "text"), "");
                assert_string_equal(text_of(json_get(json_root(doc), "change"), "id"),
                                i == 0 ? "C17" : "");
        }
        fake(b, "Propose", NULL,
                        "{\"proposal\":{\"id\":\"P18\",\"state\":\"refused\","
                        "\"reason\":\"E_NO_CHANGE\"}}");
        assert_int_equal(run(b, "set api cpu.max=0.5 --yes --json"), EXIT_DONE);
        json_doc_free(read_output(b));
}

static void each_refusal_has_its_exit_status(void **state) {
        static const struct {
                const char *error, *parameters;
                int code;
                const char *says;
        } cases[] = {
                { "org.dtgov.Control.Stale", "{\"code\":\"E_STALE\",\"text\":\"changed\"}",
                                EXIT_OUTDATED, "dtgov: changed (E_STALE)\n" },
                { "org.dtgov.Control.Refused", "{\"code\":\"E_HEADROOM\",\"text\":\"too little\"}",
                                EXIT_REFUSED, "dtgov: too little (E_HEADROOM)\n" },
                { "org.dtgov.Control.NotAuthorized", "{\"text\":\"you may not\"}", EXIT_UNREACHABLE,
                                "sudo usermod -aG dtgov-admin " },
                { "org.dtgov.Control.Busy", "{\"text\":\"E_BUSY: \\u001b[2J\"}", EXIT_ERROR,
                                "E_BUSY: \\x1b[2J" },
        };
        struct bench *b = *state;

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                fake(b, "Approve", cases[i].error, "%s", cases[i].parameters);
                assert_int_equal(run(b, "approve P17 --yes"), cases[i].code);
                assert_non_null(strstr(b->err, cases[i].says));
        }
        fake_proposal(b, "expired");
        assert_int_equal(run(b, "approve P17 --yes"), EXIT_OUTDATED);
        assert_int_equal(run(b, "approve P99 --yes"), EXIT_ERROR);
        assert_int_equal(run(b, "approve api --yes"), EXIT_USAGE);
}

static void a_verification_that_failed_is_seven(void **state) {
        struct bench *b = *state;

        fake_change(b, "Approve", "change\":", "rolled_back", "");
        assert_int_equal(run(b, "approve P17 --yes --wait"), EXIT_REVERTED);
        assert_non_null(strstr(b->out, "C17 cpu.max 0.5 \u2192 1.5 CPU: rolled back"));
}

static void a_rollback_that_kept_more_is_eight(void **state) {
        struct bench *b = *state;

        fake_change(b, "Rollback", "changes\":[", "rolled_back", "");
        assert_int_equal(run(b, "rollback C17"), EXIT_DONE);
        assert_string_equal(b->out, "C17 api: cpu.max 1.5 \u2192 0.5 CPU: rolled back\n");
        fake(b, "Rollback", NULL,
                        "{\"changes\":[{\"id\":\"C17\",\"state\":\"rolled_back\","
                        "\"endedBoottimeNs\":1}]}");
        assert_int_equal(run(b, "rollback C17"), EXIT_DONE);
        assert_non_null(strstr(b->out, "already rolled back"));
        fake_change(b, "Rollback", "changes\":[", "rolled_back", ",\"kept\":\"100000 100000\"");
        assert_int_equal(run(b, "rollback api"), EXIT_KEPT);
        assert_non_null(strstr(b->out, "cpu.max kept at 1 CPU, not 0.5 CPU"));
        assert_non_null(strstr(b->heard, "\"containerId\":\"" API "\",\"cgroupInode\":7"));
        assert_int_equal(run(b, "rollback"), EXIT_USAGE);
        assert_int_equal(run(b, "rollback C17 --all"), EXIT_USAGE);
}

static void lists_for_programs_begin_with_the_id(void **state) {
        struct bench *b = *state;

        fake(b, "ListChanges", NULL,
                        "{\"changes\":[{\"state\":\"committed\",\"id\":\"C2\"},{\"id\":\"C10\"}]}");
        assert_int_equal(run(b, "changes --json"), EXIT_DONE);
        assert_string_equal(b->out, "[{\"id\":\"C10\"},{\"id\":\"C2\",\"state\":\"committed\"}]\n");
        assert_int_equal(run(b, "ps --json"), EXIT_DONE);
        assert_int_equal(strncmp(b->out, "[{\"id\":\"api\",", 13), 0);
        assert_non_null(strstr(b->out, "\"name\":\"api\"}]\n"));
}

/* A daemon of another version, or somebody else at its socket. */
static void an_answer_of_another_shape_is_printed_and_no_crash(void **state) {
        static const char *const lines[] = { "status --json", "ps --json", "top --json",
                "findings --json", "proposals --json", "changes --json", "watch -n 1 --json",
                "pause --json", "rollback C17 --json", "keep C17 --json", "reject P17 --json",
                "status", "ps", "findings", "proposals", "changes", "keep C17", "reject P17" };
        struct bench *b = *state;

        b->fakes_count = 0;
        fake(b, "ListContainers", NULL, "{\"containers\":[[\"x\"],5,null,{}]}");
        fake(b, "ListFindings", NULL, "{\"findings\":[[\"x\"],5,null,{}]}");
        fake(b, "ListProposals", NULL, "{\"proposals\":[[\"x\"],5,null,{}]}");
        fake(b, "ListChanges", NULL, "{\"changes\":[[\"x\"],5,null,{}]}");
        fake(b, "Health", NULL, "{}");
        fake(b, "Pause", NULL, "{}");
        fake(b, "Rollback", NULL, "{\"changes\":[[\"x\"],5,null,{}]}");
        fake(b, "Keep", NULL, "{\"change\":[\"x\"]}");
        fake(b, "Reject", NULL, "{\"proposal\":[\"x\"]}");
        for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
                assert_int_equal(run(b, lines[i]), EXIT_DONE);
                if (strstr(lines[i], "--json") && strncmp(lines[i], "watch", 5) != 0)
                        json_doc_free(read_output(b));
        }
        assert_int_equal(run(b, "findings --json"), EXIT_DONE);
        assert_non_null(strstr(b->out, "[\"x\"]"));
}

static void show_tells_everything_of_a_finding(void **state) {
        struct bench *b = *state;

        assert_int_equal(run(b, "show F12"), EXIT_DONE);
        assert_non_null(strstr(b->out, "  found      CPU is throttled\n"
                                       "  lost       41 s a minute\n"
                                       "  PROCESS PID BELOW COUNT  CPU"));
        assert_non_null(strstr(b->out, "cc1plus"));
        assert_non_null(strstr(b->out, "-4 KiB"));
        assert_non_null(strstr(b->out, "  why        the quota\n"));
        assert_int_equal(run(b, "show api"), EXIT_DONE);
        assert_non_null(strstr(b->out, "  cpu        0.50 of 0.50 CPUs\n"
                                       "  memory     100 MiB of max\n"));
        assert_int_equal(run(b, "show C9"), EXIT_ERROR);
        assert_int_equal(run(b, "show nobody"), EXIT_ERROR);
}

static void show_names_the_command_that_approves(void **state) {
        struct bench *b = *state;

        assert_int_equal(run(b, "show P17"), EXIT_DONE);
        assert_non_null(strstr(b->out, "dtgov approve P17\n"));
        assert_non_null(strstr(b->out, "dtgov reject P17"));
}

static void usage_errors_say_what_is_wanted(void **state) {
        static const struct {
                const char *line, *says;
        } cases[] = {
                { "aprove P17", "did you mean approve" },
                { "frobnicate", "dtgov --help" },
                { "approve", "usage: dtgov approve P" },
                { "ps --wait", "ps does not take --wait" },
                { "set api memory.mx=4G", "did you mean memory.max" },
                { "set api memory.max=4X", "bytes" },
                { "set api memory.max", "knob=value" },
                { "set api io.max=1", "no knob that dtgov sets" },
                { "top -n x", "-n" },
                { "reject F12", "no proposal" },
        };
        struct bench *b = *state;

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                assert_int_equal(run(b, cases[i].line), EXIT_USAGE);
                if (!strstr(b->err, cases[i].says))
                        fail_msg("%s: %s", cases[i].line, b->err);
        }
}

static void a_daemon_that_does_not_run_is_named(void **state) {
        struct bench *b = *state;

        (void)unlink(b->path[DAEMON_CONTROL]);
        assert_int_equal(run(b, "status"), EXIT_UNREACHABLE);
        assert_non_null(strstr(b->out, "api lost 41 s"));
        assert_non_null(strstr(b->err, "dtgovd does not run"));
        assert_int_equal(run(b, "version"), EXIT_DONE);
        (void)unlink(b->path[DAEMON_OBSERVER]);
        assert_int_equal(run(b, "ps"), EXIT_UNREACHABLE);
        assert_non_null(strstr(b->err, "sudo systemctl start dtgov-observer"));
        assert_int_equal(run(b, "doctor --json"), EXIT_ERROR);
        assert_non_null(strstr(b->out, "{\"id\":\"dtgovd\",\"state\":\"broken\""));
}

static void a_pause_that_cannot_be_kept_says_so(void **state) {
        struct bench *b = *state;

        fake(b, "Pause", NULL, "{\"paused\":true}");
        assert_int_equal(run(b, "pause"), EXIT_DONE);
        assert_null(strstr(b->out, "But "));
        fake(b, "Pause", NULL, "{\"paused\":true,\"text\":\"only until dtgovd ends\"}");
        assert_int_equal(run(b, "pause"), EXIT_DONE);
        assert_non_null(strstr(b->out, "But only until dtgovd ends\n"));
}

static void without_the_observer_status_shows_what_dtgovd_knows(void **state) {
        struct bench *b = *state;
        struct json_doc *doc;

        (void)unlink(b->path[DAEMON_OBSERVER]);
        assert_int_equal(run(b, "status"), EXIT_UNREACHABLE);
        assert_non_null(strstr(b->out, "1 container not watched\n"));
        assert_non_null(strstr(b->out, "1 proposal waits for you: dtgov proposals\n"));
        assert_non_null(strstr(b->err, "sudo systemctl start dtgov-observer"));
        assert_int_equal(run(b, "status --json"), EXIT_UNREACHABLE);
        doc = read_output(b);
        assert_int_equal(json_get(json_root(doc), "observer")->type, JSON_NULL);
        assert_int_equal(json_get(json_root(doc), "dtgovd")->type, JSON_OBJECT);
        json_doc_free(doc);
}

static void commands_list_themselves(void **state) {
        struct bench *b = *state;

        assert_int_equal(run(b, "--list-commands"), EXIT_DONE);
        assert_int_equal(strncmp(b->out, "status\nps\n", 10), 0);
        assert_int_equal(run(b, "--help"), EXIT_DONE);
        assert_int_equal(run(b, "approve --help"), EXIT_DONE);
        assert_int_equal(strncmp(b->out, "  dtgov approve P17 --dry-run", 29), 0);
}

static void ascii_where_the_locale_is_c(void **state) {
        struct bench *b = *state;

        assert_non_null(setlocale(LC_CTYPE, "C"));
        assert_int_equal(run(b, "status"), EXIT_DONE);
        assert_non_null(strstr(b->out, "cc1plus <- ninja"));
        assert_int_equal(run(b, "proposals"), EXIT_DONE);
        for (const char *s = b->out; *s; s++)
                assert_false(*s & 0x80);
}

static void every_command_is_completed(void **state) {
        struct bench *b = *state;
        char line[64];

        for (size_t i = 0; i < commands_count; i++) {
                (void)snprintf(line, sizeof(line), "--complete %s", commands[i].name);
                assert_int_equal(run(b, line), EXIT_DONE);
                assert_non_null(strstr(b->out, commands[i].name));
                assert_non_null(strstr(b->out, commands[i].summary));
        }
}

static void every_option_of_a_command_is_completed(void **state) {
        struct bench *b = *state;
        char line[64];

        for (size_t i = 0; i < commands_count; i++) {
                (void)snprintf(line, sizeof(line), "--complete %s -", commands[i].name);
                assert_int_equal(run(b, line), EXIT_DONE);
                for (size_t o = 0; o < option_help_count; o++)
                        assert_int_equal(strstr(b->out, option_help[o].help) != NULL,
                                        (commands[i].options & option_help[o].option) != 0);
                assert_non_null(strstr(b->out, "--help\t"));
        }
}

static void what_lives_is_completed(void **state) {
        struct bench *b = *state;

        assert_int_equal(run(b, "--complete approve P"), EXIT_DONE);
        assert_int_equal(strncmp(b->out, "P17\tapi: cpu.max 0.5", 20), 0);
        assert_int_equal(run(b, "--complete show F1"), EXIT_DONE);
        assert_string_equal(b->out, "F12\tapi: CPU throttled\n");
        assert_int_equal(run(b, "--complete ps a"), EXIT_DONE);
        assert_string_equal(b->out, "api\trunc\n");
        assert_int_equal(run(b, "--complete set api cpu.max=1 pids"), EXIT_DONE);
        assert_string_equal(b->out, "pids.max=\t\n");
        assert_int_equal(run(b, "--complete --json --run-dir /tmp ps a"), EXIT_DONE);
        assert_string_equal(b->out, "api\trunc\n");
}

static void nothing_is_completed_where_nothing_is_known(void **state) {
        struct bench *b = *state;
        static const char *const lines[] = { "--complete approve P17 P", "--complete approve X",
                "--complete nonsense P", "--complete approve P17 --reason P",
                "--complete --run-dir P" };

        for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
                assert_int_equal(run(b, lines[i]), EXIT_DONE);
                assert_string_equal(b->out, "");
        }
}

/* It would stand in the command line of whoever pressed the key, to be executed. */
static void a_name_that_a_shell_would_execute_is_not_completed(void **state) {
        struct bench *b = *state;

        b->fakes_count = 0;
        fake(b, "ListContainers", NULL,
                        "{\"containers\":[{\"id\":\"a;reboot\",\"containerId\":\"a;reboot\","
                        "\"cgroupInode\":7},{\"id\":\"a$(reboot)\",\"containerId\":\"a1\","
                        "\"cgroupInode\":8},{\"id\":\"a-b\",\"containerId\":\"a2\","
                        "\"cgroupInode\":9}]}");
        assert_int_equal(run(b, "--complete ps a"), EXIT_DONE);
        assert_string_equal(b->out, "a-b\t\n");
}

static void watch_begins_with_what_is_open(void **state) {
        struct bench *b = *state;

        assert_int_equal(run(b, "watch -n 2"), EXIT_DONE);
        assert_non_null(strstr(b->out, "finding   found      api lost 41 s"));
        assert_non_null(strstr(b->out, "proposal  pending    api: cpu.max 0.5"));
        assert_int_equal(run(b, "watch -n 1 --json"), EXIT_DONE);
        assert_int_equal(strncmp(b->out, "{\"id\":\"F12\",\"kind\":\"finding\"", 28), 0);
}

/* The container ends while somebody watches. */
static void *end_container(void *data) {
        struct bench *b = data;

        (void)usleep(300000);
        for (size_t i = 0; i < b->fakes_count; i++)
                if (strcmp(b->fakes[i].method, "ListContainers") == 0)
                        (void)strcpy(b->fakes[i].parameters, "{\"containers\":[]}");
        return NULL;
}

static void watch_for_no_event_ends_at_once(void **state) {
        struct bench *b = *state;

        (void)alarm(20);
        assert_int_equal(run(b, "watch -n 0"), EXIT_DONE);
        (void)alarm(0);
        assert_string_equal(b->out, "");
}

static void watch_tells_what_has_ended(void **state) {
        struct bench *b = *state;
        pthread_t thread;

        assert_int_equal(pthread_create(&thread, NULL, end_container, b), 0);
        assert_int_equal(run(b, "watch -n 3"), EXIT_DONE);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_non_null(strstr(b->out, "container ended      api\n"));
}

/* Four containers: two of one service, one in a folder, one whose label is hostile. */
static void fake_crowd(struct bench *b) {
        fake(b, "ListContainers", NULL,
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

static void ps_lists_environments_and_who_is_in_them(void **state) {
        struct bench *b = *state;

        fake_crowd(b);
        assert_int_equal(run(b, "ps"), EXIT_DONE);
        assert_non_null(strstr(b->out, "\napi "));
        assert_non_null(strstr(b->out, "\nshop/web (shop-web-1) "));
        assert_non_null(strstr(b->out, "\nshop/web (shop-web-2) "));
        assert_int_equal(run(b, "ps shop/web"), EXIT_DONE);
        assert_null(strstr(b->out, "api"));
        assert_non_null(strstr(b->out, "shop-web-2"));
        assert_int_equal(run(b, "ps api"), EXIT_DONE);
        assert_null(strstr(b->out, "shop"));
}

static void ps_sums_up_by_template_or_environment(void **state) {
        struct bench *b = *state;

        fake_crowd(b);
        assert_int_equal(run(b, "ps --by template"), EXIT_DONE);
        assert_non_null(strstr(b->out, "TEMPLATE             CONTAINERS CPUS"));
        assert_non_null(strstr(b->out, "shop/web                      2 0.75  2 MiB     5"));
        assert_non_null(strstr(b->out, "node:22@0123456789ab          1 0.00"));
        assert_int_equal(run(b, "ps --by environment --json"), EXIT_DONE);
        assert_non_null(strstr(b->out, "{\"id\":\"shop/web\",\"by\":\"environment\","
                                       "\"containers\":2,\"cpuPermyriad\":7500,"));
        assert_int_equal(run(b, "ps --by colour"), EXIT_USAGE);
        assert_int_equal(run(b, "ps api --by template"), EXIT_USAGE);
}

/* Row 10 of the fault catalogue. */
static void a_hostile_label_is_shown_and_not_obeyed(void **state) {
        static const char *const lines[] = { "ps", "ps --by environment", "ps --by template",
                "show a4", "ps --json", "findings", "show a" };
        struct bench *b = *state;

        fake_crowd(b);
        for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
                (void)run(b, lines[i]);
                assert_null(strchr(b->out, '\033'));
                assert_null(strchr(b->err, '\033'));
        }
        assert_int_equal(run(b, "show a4"), EXIT_DONE);
        assert_non_null(strstr(b->out, "\\x1b[2J\\u{202e}<script>"));
}

static void a_hostile_error_is_shown_and_not_obeyed(void **state) {
        struct bench *b = *state;

        fake(b, "Rollback", "org.dtgov.Control.Failed",
                        "{\"text\":\"no\",\"change\":\"C1\\u001b[2J\"}");
        assert_int_equal(run(b, "rollback C17"), EXIT_REVERTED);
        assert_string_equal(b->err, "dtgov: no: dtgov show C1\\x1b[2J\n");
        fake(b, "Reject", "org.dtgov.Control.\033[2J", "{}");
        assert_int_equal(run(b, "reject P17"), EXIT_ERROR);
        assert_string_equal(b->err, "dtgov: \\x1b[2J\n");
}

static void show_says_by_which_rule_a_container_has_its_name(void **state) {
        struct bench *b = *state;

        fake_crowd(b);
        assert_int_equal(run(b, "show api"), EXIT_DONE);
        assert_non_null(strstr(b->out, "  is         /home/ada/src/api (devcontainer folder)\n"
                                       "  made from  node:22@0123456789ab\n"));
        assert_non_null(strstr(b->out, "  note       labels truncated\n"));
        assert_int_equal(run(b, "show shop/web"), EXIT_DONE);
        assert_non_null(strstr(b->out, "shop-web-1"));
        assert_non_null(strstr(b->out, "shop-web-2"));
        assert_int_equal(run(b, "set web cpu.max=1 --yes"), EXIT_ERROR);
        assert_non_null(strstr(b->err, "'web' could be 2 containers: shop-web-1 (a1@1), "
                                       "shop-web-2 (a2@2)"));
}

static void write_needs(const struct bench *b) {
        char path[128];
        FILE *f;

        (void)snprintf(path, sizeof(path), "%s/.devcontainer.json", b->dir);
        f = fopen(path, "we");
        assert_non_null(f);
        (void)fputs("{ /* at least */ \"hostRequirements\": { \"cpus\": 2, \"memory\": \"4gb\" } }",
                        f);
        (void)fclose(f);
}

static void a_project_is_not_set_below_what_it_needs(void **state) {
        struct bench *b = *state;
        CLEANUP(freep) char *before = getcwd(NULL, 0);

        write_needs(b);
        fake_crowd(b);
        fake(b, "Propose", "org.dtgov.Control.Refused",
                        "{\"code\":\"E_NO_CHANGE\",\"text\":\"it is so already\"}");
        assert_int_equal(chdir(b->dir), 0);
        assert_int_equal(run(b, "set api memory.max=2G --yes"), EXIT_REFUSED);
        assert_non_null(strstr(b->err, "memory.max: this project needs at least 4 GiB"));
        assert_int_equal(run(b, "set api cpu.max=1.5 --yes"), EXIT_REFUSED);
        assert_non_null(strstr(b->err, "at least 2 CPUs (hostRequirements in .devcontainer.json)"));
        assert_string_equal(b->heard, "");
        assert_int_equal(run(b, "set api memory.max=4G cpu.max=2 --yes"), EXIT_DONE);
        assert_int_equal(run(b, "set api cpu.max=max pids.max=100 --yes"), EXIT_DONE);
        assert_int_equal(run(b, "set shop-web-1 memory.max=1G --yes"), EXIT_DONE);
        (void)run(b, "doctor");
        assert_non_null(strstr(b->out, "project      .devcontainer.json needs 2 CPUs and 4 GiB"));
        assert_non_null(strstr(b->out, "dtgov set a3 memory.max=4294967296 cpu.max=2"));
        assert_int_equal(chdir(before), 0);
        assert_int_equal(run(b, "set api memory.max=2G --yes"), EXIT_DONE);
}

#define AGAINST_DAEMONS(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void) {
        const struct CMUnitTest tests[] = {
                AGAINST_DAEMONS(status_opens_with_what_hurts_and_what_mends_it),
                AGAINST_DAEMONS(empty_states_name_the_next_command),
                AGAINST_DAEMONS(approve_sends_the_digest_of_what_was_shown),
                AGAINST_DAEMONS(a_trial_says_for_how_long),
                AGAINST_DAEMONS(off_a_terminal_nothing_is_asked_and_nothing_done),
                AGAINST_DAEMONS(no_at_the_prompt_changes_nothing),
                AGAINST_DAEMONS(a_dry_run_lists_the_files),
                AGAINST_DAEMONS(what_is_done_already_is_no_error),
                AGAINST_DAEMONS(what_is_done_already_is_json_for_programs),
                AGAINST_DAEMONS(each_refusal_has_its_exit_status),
                AGAINST_DAEMONS(a_verification_that_failed_is_seven),
                AGAINST_DAEMONS(a_rollback_that_kept_more_is_eight),
                AGAINST_DAEMONS(lists_for_programs_begin_with_the_id),
                AGAINST_DAEMONS(an_answer_of_another_shape_is_printed_and_no_crash),
                AGAINST_DAEMONS(show_tells_everything_of_a_finding),
                AGAINST_DAEMONS(show_names_the_command_that_approves),
                AGAINST_DAEMONS(usage_errors_say_what_is_wanted),
                AGAINST_DAEMONS(a_daemon_that_does_not_run_is_named),
                AGAINST_DAEMONS(a_pause_that_cannot_be_kept_says_so),
                AGAINST_DAEMONS(without_the_observer_status_shows_what_dtgovd_knows),
                AGAINST_DAEMONS(commands_list_themselves),
                AGAINST_DAEMONS(every_command_is_completed),
                AGAINST_DAEMONS(every_option_of_a_command_is_completed),
                AGAINST_DAEMONS(what_lives_is_completed),
                AGAINST_DAEMONS(nothing_is_completed_where_nothing_is_known),
                AGAINST_DAEMONS(a_name_that_a_shell_would_execute_is_not_completed),
                AGAINST_DAEMONS(watch_begins_with_what_is_open),
                AGAINST_DAEMONS(watch_for_no_event_ends_at_once),
                AGAINST_DAEMONS(watch_tells_what_has_ended),
                AGAINST_DAEMONS(ps_lists_environments_and_who_is_in_them),
                AGAINST_DAEMONS(ps_sums_up_by_template_or_environment),
                AGAINST_DAEMONS(a_hostile_label_is_shown_and_not_obeyed),
                AGAINST_DAEMONS(a_hostile_error_is_shown_and_not_obeyed),
                AGAINST_DAEMONS(show_says_by_which_rule_a_container_has_its_name),
                AGAINST_DAEMONS(a_project_is_not_set_below_what_it_needs),
                AGAINST_DAEMONS(ascii_where_the_locale_is_c),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
