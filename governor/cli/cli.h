/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the commands of dtgov share: options, exit statuses, the two daemons, and the containers
 * that are known. Everything that is read or made while a command runs lives until it ends.
 */
#pragma once

#include "governor/cli/output.h"
#include "governor/cli/resolve.h"

/* In the manual as they are here; scripts rely on them. */
enum exit_code {
        EXIT_DONE = 0, /* also: already so */
        EXIT_ERROR = 1,
        EXIT_USAGE = 2,
        EXIT_FOUND = 3, /* only with --exit-code */
        EXIT_UNREACHABLE = 4,
        EXIT_OUTDATED = 5,
        EXIT_CANCELLED = 6,
        EXIT_REVERTED = 7,
        EXIT_KEPT = 8,
        EXIT_REFUSED = 9,
};

enum cli_option {
        OPTION_JSON = 1 << 0,
        OPTION_YES = 1 << 1,
        OPTION_DRY_RUN = 1 << 2,
        OPTION_WAIT = 1 << 3,
        OPTION_REASON = 1 << 4,
        OPTION_ALL = 1 << 5,
        OPTION_ONCE = 1 << 6,
        OPTION_COUNT = 1 << 7,
        OPTION_EXIT_CODE = 1 << 8,
        OPTION_UNDO = 1 << 9,
        OPTION_BY = 1 << 10,
        OPTION_ROLLBACK_PROBATION = 1 << 11,
        OPTION_FOLLOW = 1 << 12,
        OPTION_OPT_IN = 1 << 13,
};

#define ADMIN_GROUP "dtgov-admin" /* who of it is asked to decides, as root does */

enum daemon { DAEMON_CONTROL, DAEMON_OBSERVER, DAEMON_COUNT };

struct cli;

/* One command. @help: lines for "dtgov COMMAND --help", examples first. */
struct command {
        const char *name, *arguments, *summary, *help;
        unsigned options;     /* enum cli_option */
        unsigned least, most; /* how many arguments */
        int (*run)(struct cli *c, char *const *arguments, unsigned count);
};

extern const struct command commands[];
extern const size_t commands_count;

/* An option as help shows it: "-y, --yes", "    --reason TEXT", "-n LINES". */
struct option_help {
        const char *name, *help;
        enum cli_option option;
};

extern const struct option_help option_help[];
extern const size_t option_help_count;

struct answer; /* one document; cli.answers owns it */

struct cli {
        struct output out;
        const struct command *command;
        unsigned given; /* enum cli_option */
        const char *reason;
        uint64_t count;
        uint64_t trial_sec;   /* 0: no trial */
        const char *run_dir;  /* where the sockets are */
        const char *root;     /* before the paths of engines; NULL but in tests */
        const char *group_by; /* "template", "environment" */
        struct varlink *daemons[DAEMON_COUNT];
        struct answer *answers;
        struct place *places;
        size_t places_count;
        bool places_loaded;
        bool is_nameless; /* the observer, who knows names, did not answer: places are ids alone */
        char error_name[96]; /* of the last call that failed, without interface; "" not by a daemon
                              */
        char error_code[32]; /* "E_HEADROOM" */
        struct error error;  /* what the last failed call says */
};

void cli_done(struct cli *c);

static inline bool given(const struct cli *c, enum cli_option option) {
        return (c->given & option) != 0;
}

/* One line on stderr, "dtgov: what: why; what next". Returns @code. */
int complain(const struct cli *c, int code, const char *format, ...) PRINTF(3, 4);

/* A parameter of a call; the array ends with an empty one. */
struct parameter {
        const char *name, *text; /* without text it is a number, or a flag */
        uint64_t number;
        bool is_flag;
};

/*
 * Calls a method of a daemon; its interface is put before the name.
 *
 * @ret:    the parameters of the answer; they live until cli_done()
 * Returns: an exit code; unless it is 0, c->error says what a person should read
 */
int ask(struct cli *c, enum daemon daemon, const char *method, const struct parameter *parameters,
                const struct json **ret);

/* The same, and complains. */
int ask_or_complain(struct cli *c, enum daemon daemon, const char *method,
                const struct parameter *parameters, const struct json **ret);

/* How long an answer may take: with --wait as long as the trial, and a probation behind it. */
uint64_t answer_wait_usec(const struct cli *c);

/* Parts of an answer. What is absent is "", the fallback, false. */
const char *text_of(const struct json *object, const char *key);
uint64_t number_of(const struct json *object, const char *key, uint64_t fallback);
bool flag_of(const struct json *object, const char *key);
const struct json *children_of(const struct json *object, const char *key); /* first, or NULL */

/* The element of an array of @object whose member @key is @value. */
const struct json *find_of(
                const struct json *object, const char *array, const char *key, const char *value);

/* Asks the observer, else dtgovd, which containers there are. Returns: an exit code */
int load_places(struct cli *c);

/* What a person calls that container, ready to be printed. */
const char *name_of(struct cli *c, const struct json *object);
const struct place *place_of(struct cli *c, const struct json *object);

/* Whether the object is of that container; of any where @place is NULL. */
bool of_place(const struct json *object, const struct place *place);

/* Finds a container by what a person typed, a change of it too; complains unless it is just one. */
int find_place(struct cli *c, const char *words, const struct place **ret);

/* Whether @words are an id of that letter; complains unless they are. */
int want_id(struct cli *c, const char *words, char letter);

/* What has that id, "P17", "C17" or "F12"; complains when there is none. */
int find_id(struct cli *c, const char *id, const struct json **ret);

/* Asks "... [y/N]" unless --yes. Returns: 0 yes; EXIT_CANCELLED; EXIT_USAGE off a terminal */
int confirm(struct cli *c, const char *question);

/* Refuses early what confirm() would refuse later. */
int may_confirm(struct cli *c);

/* What an error of a daemon means as an exit status. @has_change: a change was begun. */
int exit_of_error(const char *name, bool has_change);

uint64_t boottime_ns(void);
