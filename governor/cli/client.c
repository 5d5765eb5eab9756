/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two daemons: connecting when first needed, calling, and what their errors mean to a person
 * and to a script.
 */
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "governor/cli/cli.h"
#include "governor/varlink/varlink.h"
#include "state/change.h"
#include "state/text.h"

#define ANSWER_WAIT_USEC (30 * USEC_PER_SEC)       /* an approval answers after its verification */
#define END_WAIT_USEC    (2 * 3600 * USEC_PER_SEC) /* --wait: probation, which may be extended */

struct answer {
        struct answer *next;
        struct json_doc *doc;
};

static const struct {
        const char *socket, *interface, *program;
} daemons[DAEMON_COUNT] = {
        [DAEMON_CONTROL] = { "control.sock", "org.dtgov.Control", "dtgovd" },
        [DAEMON_OBSERVER] = { "query.sock", "org.dtgov.Observer", "dtgov-observer" },
};

void cli_done(struct cli *c) {
        for (size_t i = 0; i < DAEMON_COUNT; i++)
                varlink_unref(TAKE(c->daemons[i]));
        for (struct answer *a = c->answers, *next; a; a = next) {
                next = a->next;
                json_doc_free(a->doc);
                free(a);
        }
        c->answers = NULL;
        free(TAKE(c->places));
        out_done(&c->out);
}

int complain(const struct cli *c, int code, const char *format, ...) {
        va_list args;

        (void)fflush(c->out.file);
        (void)fputs("dtgov: ", stderr);
        va_start(args, format);
        (void)vfprintf(stderr, format, args);
        va_end(args);
        (void)fputc('\n', stderr);
        return code;
}

uint64_t boottime_ns(void) {
        struct timespec t;

        (void)clock_gettime(CLOCK_BOOTTIME, &t);
        return (uint64_t)t.tv_sec * NSEC_PER_SEC + (uint64_t)t.tv_nsec;
}

static const char *caller_name(void) {
        const struct passwd *who = getpwuid(getuid());

        return who ? who->pw_name : "USER";
}

/* How somebody who may not comes to be allowed. */
static void say_how(struct cli *c, const char *what, const char *why) {
        (void)error_set(&c->error, 0,
                        "%s: %s; %ssudo usermod -aG " ADMIN_GROUP
                        " %s, then log in again (a session keeps its groups until it ends)",
                        what, why,
                        getgrnam(ADMIN_GROUP) ? "" : "sudo groupadd --system " ADMIN_GROUP "; ",
                        caller_name());
}

static int dial(struct cli *c, enum daemon d) {
        struct error why = { "" };
        char path[256];
        int r;

        if (c->daemons[d])
                return 0;
        (void)snprintf(path, sizeof(path), "%s/%s", c->run_dir, daemons[d].socket);
        r = varlink_connect(&c->daemons[d], path, &why);
        if (r == 0)
                return 0;
        if (r == -EACCES || r == -EPERM)
                say_how(c, path, "you may not connect");
        else if (r == -ENOENT || r == -ECONNREFUSED)
                (void)error_set(&c->error, r,
                                "%s: it does not run, nobody listens at %s; sudo systemctl start "
                                "%s (without systemd: sudo dtgovd), or dtgov doctor",
                                daemons[d].program, path, daemons[d].program);
        else
                (void)error_set(&c->error, r, "%s: it does not answer, %.200s; dtgov doctor",
                                daemons[d].program, why.text);
        return EXIT_UNREACHABLE;
}

int exit_of_error(const char *name, bool has_change) {
        static const struct {
                const char *name;
                int code;
        } table[] = {
                { "NotAuthorized", EXIT_UNREACHABLE },
                { "InvalidParameter", EXIT_USAGE },
                { "Refused", EXIT_REFUSED },
                { "Stale", EXIT_OUTDATED },
        };

        if (strcmp(name, "Failed") == 0)
                return has_change ? EXIT_REVERTED : EXIT_ERROR;
        for (size_t i = 0; i < ARRAY_LEN(table); i++)
                if (strcmp(name, table[i].name) == 0)
                        return table[i].code;
        return EXIT_ERROR;
}

/* Keeps what a daemon's error says. */
static int note_error(struct cli *c, enum daemon d, const char *error, const struct json *details) {
        const char *dot = strrchr(error, '.'), *text = text_of(details, "text");
        const char *code = text_of(details, "code"), *change = text_of(details, "change");

        (void)text_copy(c->error_name, sizeof(c->error_name), dot ? dot + 1 : error);
        (void)text_copy(c->error_code, sizeof(c->error_code), code);
        text = out_text(&c->out, text);
        if (strcmp(c->error_name, "NotAuthorized") == 0 && strstr(text, ADMIN_GROUP))
                say_how(c, c->command ? c->command->name : "dtgov", text);
        else if (strcmp(c->error_name, "NotFound") == 0 && text_of(details, "id")[0])
                (void)error_set(&c->error, 0, "%s: %s", out_text(&c->out, text_of(details, "id")),
                                text);
        else if (strncmp(error, "org.varlink.service.", 20) == 0)
                (void)error_set(&c->error, 0, "%s: it is of another version (%s); restart it",
                                daemons[d].program, out_text(&c->out, error));
        else
                (void)error_set(&c->error, 0, "%s%s%s%s%s%s",
                                text[0] ? text : out_text(&c->out, c->error_name),
                                code[0] ? " (" : "", out_text(&c->out, code), code[0] ? ")" : "",
                                change[0] ? "; dtgov show " : "", out_text(&c->out, change));
        return exit_of_error(c->error_name, change[0] != '\0');
}

static void write_parameters(struct json_writer *w, const struct parameter *p) {
        for (; p && p->name; p++) {
                if (p->is_flag)
                        json_put_bool(w, p->name, p->number != 0);
                else if (p->text)
                        json_put_string(w, p->name, p->text);
                else
                        json_put_u64(w, p->name, p->number);
        }
}

uint64_t answer_wait_usec(const struct cli *c) {
        if (!given(c, OPTION_WAIT))
                return ANSWER_WAIT_USEC;
        return END_WAIT_USEC + u64_min(c->trial_sec, TRIAL_SEC_MAX) * USEC_PER_SEC;
}

int ask(struct cli *c, enum daemon d, const char *method, const struct parameter *parameters,
                const struct json **ret) {
        struct error why = { "" };
        struct answer *a;
        struct json_writer *w;
        const char *error = NULL;
        int r;

        c->error_name[0] = c->error_code[0] = '\0';
        r = dial(c, d);
        if (r != 0)
                return r;
        a = calloc(1, sizeof(*a));
        r = a ? varlink_call_begin(c->daemons[d],
                                out_format(&c->out, "%s.%s", daemons[d].interface, method), &w)
              : -ENOMEM;
        if (r == 0) {
                write_parameters(w, parameters);
                r = varlink_call(c->daemons[d], answer_wait_usec(c), &a->doc, &error, &why);
        }
        if (r < 0) {
                free(a);
                varlink_unref(TAKE(c->daemons[d]));
                (void)error_set(&c->error, r, "%s: %.300s; dtgov doctor", daemons[d].program,
                                why.text[0] ? why.text : "out of memory");
                return EXIT_UNREACHABLE;
        }
        a->next = c->answers;
        c->answers = a;
        *ret = json_get(json_root(a->doc), "parameters");
        return error ? note_error(c, d, error, *ret) : EXIT_DONE;
}

int ask_or_complain(struct cli *c, enum daemon d, const char *method,
                const struct parameter *parameters, const struct json **ret) {
        int r = ask(c, d, method, parameters, ret);

        return r == EXIT_DONE ? r : complain(c, r, "%s", c->error.text);
}

const char *text_of(const struct json *object, const char *key) {
        const char *text;

        return json_get_string(object, key, &text, NULL) == 0 ? text : "";
}

uint64_t number_of(const struct json *object, const char *key, uint64_t fallback) {
        uint64_t number;

        return json_get_u64(object, key, &number, NULL) == 0 ? number : fallback;
}

bool flag_of(const struct json *object, const char *key) {
        bool flag;

        return json_get_bool(object, key, &flag, NULL) == 0 && flag;
}

const struct json *children_of(const struct json *object, const char *key) {
        const struct json *array = json_get(object, key);

        return array && array->type == JSON_ARRAY ? array->child : NULL;
}

const struct json *find_of(
                const struct json *object, const char *array, const char *key, const char *value) {
        for (const struct json *e = children_of(object, array); e; e = e->next)
                if (strcmp(text_of(e, key), value) == 0)
                        return e;
        return NULL;
}
