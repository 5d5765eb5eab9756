/* SPDX-License-Identifier: Apache-2.0 */
/* The table of commands, options, help. A new command is one row. */
#include <getopt.h>
#include <string.h>

#include "governor/cli/commands.h"
#include "governor/cli/groups.h"
#include "state/parse.h"
#include "state/proposal.h"

#define TYPO_MOST 2 /* edits that a command may be away, in half of its letters at most */

#define READING  OPTION_JSON
#define DECIDING (OPTION_JSON | OPTION_YES | OPTION_DRY_RUN | OPTION_WAIT)

const struct command commands[] = {
        { "status", "", "what hurts most, and the command that mends it",
                        "  dtgov\n  dtgov status --json\n  dtgov status --exit-code || echo look\n",
                        READING | OPTION_EXIT_CODE, 0, 0, run_status },
        { "ps", "[ENV] [--by WHAT]", "each container: use, limits, stalls, time lost",
                        "  dtgov ps\n  dtgov ps api --json\n"
                        "  dtgov ps --by template      what was made from the same image, summed "
                        "up\n  dtgov ps --by environment\n",
                        READING | OPTION_BY, 0, 1, run_ps },
        { "top", "[--once] [-n LINES]", "the containers that lose most time first, once",
                        "  dtgov top\n  dtgov top -n 5\n  watch dtgov top    again and again\n",
                        READING | OPTION_ONCE | OPTION_COUNT, 0, 0, run_top },
        { "findings", "[ENV]", "what slows containers down, and which process",
                        "  dtgov findings\n  dtgov findings api --json\n",
                        READING | OPTION_EXIT_CODE, 0, 1, run_findings },
        { "proposals", "[ENV] [--all]", "better limits that wait for an approval",
                        "  dtgov proposals\n  dtgov proposals --all\n",
                        READING | OPTION_ALL | OPTION_EXIT_CODE, 0, 1, run_proposals },
        { "show", "P|C|F|ENV", "everything about one of them",
                        "  dtgov show P17\n  dtgov show api\n", READING, 1, 1, run_show },
        { "approve", "P [--dry-run] [--wait]", "apply a proposal",
                        "  dtgov approve P17 --dry-run    exactly which files, old and new\n"
                        "  dtgov approve P17 --yes        without a question, for scripts\n"
                        "  dtgov approve P17 --wait       return when its probation has ended\n",
                        DECIDING, 1, 1, run_approve },
        { "trial", "P TIME [--dry-run] [--wait]", "apply it for a while; taken back unless kept",
                        "  dtgov trial P17 10m    TIME is like 90s, 10m or 2h, at most a day\n"
                        "  dtgov keep C17\n",
                        DECIDING, 2, 2, run_trial },
        { "keep", "C", "what is on trial, or held, stays", "  dtgov keep C17\n",
                        OPTION_JSON | OPTION_YES, 1, 1, run_keep },
        { "reject", "P [--reason TEXT]", "do not apply a proposal",
                        "  dtgov reject P17 --reason 'a one-time import'\n",
                        OPTION_JSON | OPTION_REASON, 1, 1, run_reject },
        { "set", "ENV|C KNOB=VALUE...", "your own wish, through the same guard and undo",
                        "  dtgov set api memory.max=4G\n"
                        "  dtgov set api cpu.max=1.5 pids.max=512 --yes\n"
                        "  dtgov set api cpu.max=max --dry-run\n",
                        DECIDING, 2, PROPOSAL_KNOBS_MAX + 1, run_set },
        { "rollback", "C|ENV|--all [--dry-run]", "take changes back, at once",
                        "  dtgov rollback C17\n  dtgov rollback api\n"
                        "  dtgov rollback --all --dry-run\n",
                        OPTION_JSON | OPTION_DRY_RUN | OPTION_ALL | OPTION_YES, 0, 1,
                        run_rollback },
        { "pause", "[--rollback-probation]", "apply nothing until dtgov resume",
                        "  dtgov pause\n"
                        "  dtgov pause --rollback-probation    and take back what is on "
                        "probation\n",
                        OPTION_JSON | OPTION_ROLLBACK_PROBATION, 0, 0, run_pause },
        { "resume", "", "apply changes again", "  dtgov resume\n", OPTION_JSON, 0, 0, run_resume },
        { "changes", "[ENV] [--follow]", "what was changed, and what became of it",
                        "  dtgov changes\n  dtgov changes api --json\n"
                        "  dtgov changes --follow    those that are open, then each step of any\n",
                        READING | OPTION_FOLLOW | OPTION_COUNT, 0, 1, run_changes },
        { "trust", "[RULE]", "the record of each rule; trust it again",
                        "  dtgov trust\n  dtgov trust cpu-quota    it may act alone again\n",
                        READING, 0, 1, run_trust },
        { "watch", "[-n COUNT]", "what happens, a line each, until interrupted",
                        "  dtgov watch\n  dtgov watch --json | jq -c .event\n",
                        READING | OPTION_COUNT, 0, 0, run_watch },
        { "setup", "ENGINE [--opt-in] [--dry-run|--undo]",
                        "docker, podman, containerd or crio call dtgov",
                        "  dtgov setup docker --dry-run        what would be written\n"
                        "  sudo dtgov setup docker --opt-in    for those alone who ask for it\n"
                        "  sudo dtgov setup docker             asks, then has Docker reload it\n"
                        "  sudo dtgov setup docker --undo      as it was before\n"
                        "  sudo dtgov setup podman --yes       without a question, for scripts\n",
                        OPTION_JSON | OPTION_YES | OPTION_DRY_RUN | OPTION_UNDO | OPTION_OPT_IN, 1,
                        1, run_setup },
        { "doctor", "", "what this host lacks, and what mends it",
                        "  dtgov doctor\n  sudo dtgov doctor    also sees what only root may "
                        "read\n",
                        READING, 0, 0, run_doctor },
        { "version", "", "versions of dtgov and its daemons",
                        "  dtgov version\n  dtgov version --json\n", READING, 0, 0, run_version },
};
const size_t commands_count = ARRAY_LEN(commands);

const struct option_help option_help[] = {
        { "    --json", "for programs: raw units, arrays of objects that begin with id",
                        OPTION_JSON },
        { "-y, --yes", "do not ask", OPTION_YES },
        { "    --dry-run", "say what would be written, write nothing", OPTION_DRY_RUN },
        { "    --undo", "take it out again", OPTION_UNDO },
        { "    --opt-in", "of Docker: for those who ask for the runtime", OPTION_OPT_IN },
        { "    --wait", "return when the probation has ended", OPTION_WAIT },
        { "    --reason TEXT", "why; it is kept", OPTION_REASON },
        { "    --rollback-probation", "take back what is on probation", OPTION_ROLLBACK_PROBATION },
        { "    --by WHAT", "one line a template, or an environment", OPTION_BY },
        { "    --all", "all of them", OPTION_ALL },
        { "    --follow", "what happens next too, until interrupted", OPTION_FOLLOW },
        { "    --once", "print once and end, as it does without this", OPTION_ONCE },
        { "-n COUNT", "at most so many", OPTION_COUNT },
        { "    --exit-code", "exit with 3 when there is something to see", OPTION_EXIT_CODE },
};
const size_t option_help_count = ARRAY_LEN(option_help);

#define LONG_FLAG 0x10000 /* with an enum cli_option: takes no argument, and says no more */

enum long_only {
        LONG_REASON = 256,
        LONG_BY,
        LONG_RUN_DIR,
        LONG_NO_COLOR,
        LONG_LIST_COMMANDS,
        LONG_VERSION
};

static const struct option long_options[] = {
        { "json", no_argument, NULL, LONG_FLAG | OPTION_JSON },
        { "yes", no_argument, NULL, LONG_FLAG | OPTION_YES },
        { "dry-run", no_argument, NULL, LONG_FLAG | OPTION_DRY_RUN },
        { "undo", no_argument, NULL, LONG_FLAG | OPTION_UNDO },
        { "opt-in", no_argument, NULL, LONG_FLAG | OPTION_OPT_IN },
        { "wait", no_argument, NULL, LONG_FLAG | OPTION_WAIT },
        { "reason", required_argument, NULL, LONG_REASON },
        { "rollback-probation", no_argument, NULL, LONG_FLAG | OPTION_ROLLBACK_PROBATION },
        { "by", required_argument, NULL, LONG_BY },
        { "all", no_argument, NULL, LONG_FLAG | OPTION_ALL },
        { "follow", no_argument, NULL, LONG_FLAG | OPTION_FOLLOW },
        { "once", no_argument, NULL, LONG_FLAG | OPTION_ONCE },
        { "exit-code", no_argument, NULL, LONG_FLAG | OPTION_EXIT_CODE },
        { "run-dir", required_argument, NULL, LONG_RUN_DIR },
        { "no-color", no_argument, NULL, LONG_NO_COLOR },
        { "list-commands", no_argument, NULL, LONG_LIST_COMMANDS },
        { "version", no_argument, NULL, LONG_VERSION },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
};

/* How much of what a command takes comes before its options: the list has no room for these. */
static int operands_len(const char *arguments) {
        const char *options = strstr(arguments, "[-");

        return (int)(options ? options - arguments : (ptrdiff_t)strlen(arguments));
}

static void print_help(const struct cli *c) {
        (void)fputs("dtgov keeps development containers fast: it says what slows them down, "
                    "proposes\n"
                    "better limits, applies them once you approve, and takes them back if they do\n"
                    "not help.\n\n"
                    "  dtgov                     what hurts most now\n"
                    "  dtgov show P17            what a proposal would do, and why\n"
                    "  dtgov approve P17         apply it; dtgov rollback C17 takes it back\n\n"
                    "Commands:\n",
                        c->out.file);
        for (size_t i = 0; i < commands_count; i++)
                (void)fprintf(c->out.file, "  %-10s %-19.*s %s\n", commands[i].name,
                                operands_len(commands[i].arguments), commands[i].arguments,
                                commands[i].summary);
        (void)fputs("\nENV is an environment, a container's name, or the beginning of its id.\n"
                    "All take --json, --run-dir DIR, --no-color and --help, which names the rest.\n"
                    "Manual: man dtgov\n",
                        c->out.file);
}

static void print_command_help(const struct cli *c, const struct command *k) {
        (void)fprintf(c->out.file, "%s\ndtgov %s%s%s: %s\n\n", k->help, k->name,
                        k->arguments[0] ? " " : "", k->arguments, k->summary);
        for (size_t i = 0; i < ARRAY_LEN(option_help); i++)
                if (k->options & option_help[i].option)
                        (void)fprintf(c->out.file, "  %-20s %s\n", option_help[i].name,
                                        option_help[i].help);
        if (k->run == run_set) {
                (void)fputs("\nKnobs:", c->out.file);
                for (size_t i = 0; i < KNOB_COUNT; i++)
                        if (knobs[i].settable)
                                (void)fprintf(c->out.file, " %s", knobs[i].file);
                (void)fputc('\n', c->out.file);
        }
}

static int list_commands(const struct cli *c) {
        for (size_t i = 0; i < commands_count; i++)
                (void)fprintf(c->out.file, "%s\n", commands[i].name);
        return EXIT_DONE;
}

static const struct command *find_command(struct cli *c, const char *name) {
        const struct command *near = NULL;
        unsigned best = TYPO_MOST + 1;

        for (size_t i = 0; i < commands_count; i++) {
                unsigned distance = word_distance(name, commands[i].name);

                if (strcmp(name, commands[i].name) == 0)
                        return &commands[i];
                if (distance < best && distance * 2 <= strlen(commands[i].name)) {
                        best = distance;
                        near = &commands[i];
                }
        }
        (void)complain(c, EXIT_USAGE, "%s: no such command; %s%s%sdtgov help lists them",
                        out_text(&c->out, name), near ? "did you mean " : "",
                        near ? near->name : "", near ? "? " : "");
        return NULL;
}

/* What is wrong with an option that getopt_long() does not take. */
static const char *option_words(struct cli *c, int answer, const char *element) {
        const char *option = optopt > 0 && optopt < LONG_REASON ? out_format(&c->out, "-%c", optopt)
                                                                : element;
        const char *name = out_format(&c->out, "%.*s", (int)strcspn(option, "="), option);

        return out_format(&c->out, "%s %s",
                        answer == ':'           ? "want a value after"
                        : optopt >= LONG_REASON ? "want no value after"
                                                : "no option",
                        out_text(&c->out, name));
}

/* Takes one option. Returns: 0, or EXIT_USAGE; what ends the program at once is in *ret_word */
static int take_option(struct cli *c, int option, int *ret_word) {
        if (option == 'y')
                option = LONG_FLAG | OPTION_YES;
        if (option & LONG_FLAG) {
                c->given |= (unsigned)option & ~(unsigned)LONG_FLAG;
                return 0;
        }
        switch (option) {
        case LONG_REASON:
                c->given |= OPTION_REASON;
                c->reason = optarg;
                return 0;
        case LONG_BY:
                c->given |= OPTION_BY;
                c->group_by = optarg;
                return groups_know(optarg) ? 0
                                           : complain(c, EXIT_USAGE,
                                                             "--by: no way to group; want template "
                                                             "or environment");
        case 'n':
                c->given |= OPTION_COUNT;
                if (parse_u64(optarg, &c->count) < 0)
                        return complain(c, EXIT_USAGE, "-n: no number; want one like 5");
                return 0;
        case LONG_RUN_DIR:
                c->run_dir = optarg;
                return 0;
        case LONG_NO_COLOR:
                c->out.color = false;
                return 0;
        default: /* help, list of commands, version */
                *ret_word = option;
                return 0;
        }
}

/* Whether command, options and number of arguments go together. */
static int check_usage(struct cli *c, const struct command *k, unsigned count) {
        unsigned excess = c->given & ~k->options;

        for (size_t i = 0; i < ARRAY_LEN(option_help); i++)
                if (excess & option_help[i].option)
                        return complain(c, EXIT_USAGE,
                                        "%s: it does not take %s; dtgov %s --help lists what it "
                                        "takes",
                                        k->name,
                                        option_help[i].name + 4 * (option_help[i].name[0] == ' '),
                                        k->name);
        if (count < k->least || count > k->most)
                return complain(c, EXIT_USAGE, "%s: too %s arguments; usage: dtgov %s%s%s", k->name,
                                count < k->least ? "few" : "many", k->name,
                                k->arguments[0] ? " " : "", k->arguments);
        return EXIT_DONE;
}

int dtgov_main(struct cli *c, int argc, char **argv) {
        const char *wrong = NULL; /* about an option: told with the command, which may follow */
        const struct command *k;
        int option, word = 0, r;
        unsigned count;

        if (argc > 1 && strcmp(argv[1], "--complete") == 0)
                return complete(c, argv + 2, (unsigned)argc - 2);
        optind = opterr = 0;
        while ((option = getopt_long(argc, argv, ":hyn:", long_options, NULL)) >= 0) {
                r = EXIT_DONE;
                if (option != '?' && option != ':')
                        r = take_option(c, option, &word);
                else if (!wrong)
                        wrong = option_words(c, option, argv[optind - 1]);
                if (r != EXIT_DONE)
                        return r;
        }
        if (wrong && optind == argc)
                return complain(c, EXIT_USAGE, "%s; dtgov --help lists the commands", wrong);
        if (word == LONG_LIST_COMMANDS)
                return list_commands(c);
        if (optind < argc && strcmp(argv[optind], "help") == 0) {
                word = 'h';
                optind++;
        }
        if (word == 'h' && optind == argc) {
                print_help(c);
                return EXIT_DONE;
        }
        k = word == LONG_VERSION ? find_command(c, "version")
                                 : find_command(c, optind < argc ? argv[optind] : "status");
        if (!k)
                return EXIT_USAGE;
        if (wrong)
                return complain(c, EXIT_USAGE, "%s: %s; dtgov %s --help lists what it takes",
                                k->name, wrong, k->name);
        if (word == 'h') {
                print_command_help(c, k);
                return EXIT_DONE;
        }
        count = optind < argc ? (unsigned)(argc - optind - 1) : 0;
        c->command = k;
        r = check_usage(c, k, count);
        return r == EXIT_DONE ? k->run(c, argv + optind + (optind < argc), count) : r;
}
