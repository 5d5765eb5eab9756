/* SPDX-License-Identifier: Apache-2.0 */
/* Everything about one proposal, change, finding or container. */
#include <inttypes.h>
#include <pwd.h>
#include <string.h>

#include "governor/cli/commands.h"
#include "governor/cli/table.h"
#include "governor/cli/words.h"
#include "state/change.h"
#include "state/parse.h"

static const char *ago(struct cli *c, uint64_t ns) {
        return ns ? out_format(&c->out, "%s ago",
                                    out_duration(&c->out,
                                                    u64_sub(boottime_ns(), ns) / NSEC_PER_USEC))
                  : "";
}

static void print_text(
                struct cli *c, const char *name, const struct json *object, const char *key) {
        print_fact(c, name, out_text(&c->out, text_of(object, key)));
}

/* us lost a minute under that key; "" where it is not known. */
static const char *loss_words(struct cli *c, const struct json *e, const char *key) {
        uint64_t usec = number_of(e, key, UINT64_MAX);

        return usec == UINT64_MAX ? ""
                                  : out_format(&c->out, "%s lost a minute",
                                                    out_duration(&c->out, usec));
}

/* An evidence number in its unit. */
static const char *gauge_words(struct cli *c, const struct json *gauge) {
        const char *unit = text_of(gauge, "unit");
        uint64_t value = number_of(gauge, "value", 0);

        if (value >= INT64_MAX)
                return "max";
        if (strcmp(unit, "bytes") == 0)
                return out_bytes(&c->out, value);
        if (strcmp(unit, "permyriad") == 0)
                return out_share(&c->out, value);
        if (strcmp(unit, "usec") == 0)
                return out_duration(&c->out, value);
        return out_format(&c->out, "%" PRIu64 "%s%s", value, unit[0] ? " " : "",
                        out_text(&c->out, unit));
}

/* Bytes that may be fewer than before. */
static const char *growth_words(struct cli *c, const struct json *process) {
        const struct json *growth = json_get(process, "memoryGrowthBytes");
        uint64_t bytes;

        if (growth && growth->type == JSON_NUMBER && growth->text[0] == '-' &&
                        parse_u64(growth->text + 1, &bytes) == 0)
                return out_format(&c->out, "-%s", out_bytes(&c->out, bytes));
        return out_bytes(&c->out, number_of(process, "memoryGrowthBytes", 0));
}

/* "throttled_periods" as people write it. */
static const char *gauge_name(struct cli *c, const struct json *gauge) {
        const char *name = out_text(&c->out, text_of(gauge, "name"));

        for (const char *bar; (bar = strchr(name, '_'));)
                name = out_format(&c->out, "%.*s %s", (int)(bar - name), name, bar + 1);
        return name;
}

static void print_evidence(struct cli *c, const struct json *finding) {
        const char *words = "";

        for (const struct json *g = children_of(finding, "evidence"); g; g = g->next)
                words = out_format(&c->out, "%s%s%s: %s", words, words[0] ? ", " : "",
                                gauge_name(c, g), gauge_words(c, g));
        print_fact(c, "measured", words);
}

static int print_processes(struct cli *c, const struct json *list) {
        static const struct column columns[] = { { "  PROCESS", COLUMN_CUT },
                { "PID", COLUMN_RIGHT }, { "BELOW", COLUMN_CUT }, { "COUNT", COLUMN_RIGHT },
                { "CPU", COLUMN_RIGHT }, { "MEMORY", COLUMN_RIGHT }, { "GROWTH", COLUMN_RIGHT },
                { "WAIT", COLUMN_RIGHT } };
        CLEANUP(table_freep) struct table *t = NULL;
        int r;

        if (!list)
                return 0;
        r = table_new(&t, &c->out, columns, ARRAY_LEN(columns));
        for (; list && r >= 0; list = list->next) {
                const char *const cells[] = {
                        out_format(&c->out, "  %s", out_text(&c->out, text_of(list, "name"))),
                        out_format(&c->out, "%" PRIu64, number_of(list, "pid", 0)),
                        out_text(&c->out, text_of(list, "ancestor")),
                        out_format(&c->out, "%" PRIu64, number_of(list, "count", 1)),
                        out_share(&c->out, number_of(list, "cpuPermyriad", 0)),
                        out_bytes(&c->out, number_of(list, "memoryBytes", 0)),
                        growth_words(c, list),
                        out_format(&c->out, "%s/s",
                                        out_duration(&c->out,
                                                        number_of(list, "waitUsecPerSec", 0))),
                };

                r = table_line(t, cells);
        }
        return r < 0 ? r : table_print(t);
}

static void print_finding(struct cli *c, const struct json *f) {
        const char *victim = out_text(&c->out, text_of(f, "victim"));

        print_text(c, "found", f, "text");
        print_fact(c, "since", ago(c, number_of(f, "sinceBoottimeNs", 0)));
        print_fact(c, "lost",
                        out_format(&c->out, victim[0] ? "%s a minute, by %s" : "%s a minute",
                                        out_duration(&c->out, number_of(f, "lostUsecPerMin", 0)),
                                        victim));
        print_evidence(c, f);
        (void)print_processes(c, children_of(f, "processes"));
        print_text(c, "why", f, "why");
        print_text(c, "effect", f, "effect");
        print_text(c, "risk", f, "risk");
        print_text(c, "undo", f, "undo");
        print_text(c, "lasts", f, "lasts");
        print_text(c, "restart", f, "restart");
}

/* The observer's prose of a finding; NULL when it has none, or does not run. */
static const struct json *finding_of(struct cli *c, const char *id) {
        const struct json *answer;

        if (id[0] == '\0' || ask(c, DAEMON_OBSERVER, "ListFindings", NULL, &answer) != EXIT_DONE)
                return NULL;
        return find_of(answer, "findings", "id", id);
}

/* A person's wish comes without the prose of a finding. */
static const char *risk_words(struct cli *c, const char *risk) {
        static const struct {
                const char *risk, *because;
        } words[] = {
                { "low", "the host has what it takes" },
                { "medium", "others may want what it takes, or it may slow down what runs" },
                { "high", "with less memory what runs may slow down, or end" },
        };

        for (size_t i = 0; i < ARRAY_LEN(words); i++)
                if (strcmp(risk, words[i].risk) == 0)
                        return out_format(&c->out, "%s: %s",
                                        out_color(&c->out, i == 0 ? COLOR_GOOD : COLOR_WARN, risk),
                                        words[i].because);
        return out_text(&c->out, risk);
}

void show_proposal(struct cli *c, const struct json *p) {
        const struct json *finding = finding_of(c, text_of(p, "finding"));
        uint64_t left = u64_sub(number_of(p, "expiresBoottimeNs", 0), boottime_ns());
        const char *risk = text_of(p, "risk"), *id = text_of(p, "id");
        bool is_dry = strcmp(id, "P0") == 0; /* nothing was proposed */

        (void)fprintf(c->out.file, "%s%s%s: %s\n", is_dry ? "" : out_text(&c->out, id),
                        is_dry ? "" : " ", name_of(c, p), knobs_words(c, p));
        if (is_dry)
                print_fact(c, "state", "would be allowed; nothing is written");
        else if (strcmp(text_of(p, "state"), "pending") != 0)
                print_text(c, "state", p, "state");
        else if (!given(c, OPTION_YES)) /* else it is decided */
                print_fact(c, "state",
                                out_format(&c->out, "waits for you, expires in %s",
                                                out_duration(&c->out, left / NSEC_PER_USEC)));
        print_fact(c, "note", reason_words(c, p));
        if (finding)
                print_finding(c, finding);
        else if (number_of(p, "lostUsecPerMin", 0) > 0)
                print_fact(c, "lost",
                                out_format(&c->out, "%s a minute",
                                                out_duration(&c->out, number_of(p, "lostUsecPerMin",
                                                                                      0))));
        print_fact(c, "expected", loss_words(c, p, "expectedUsecPerMin"));
        if (!finding || text_of(finding, "risk")[0] == '\0')
                print_fact(c, "risk", risk_words(c, risk));
        if (!finding)
                print_fact(c, "lasts", "until the container is re-created; no restart is needed");
}

static void print_effect(struct cli *c, const struct json *e) {
        const char *before = loss_words(c, e, "beforeUsecPerMin");
        const char *after = loss_words(c, e, "afterUsecPerMin");
        bool is_brake = strcmp(text_of(e, "rule"), rules[RULE_IO_BRAKE].name) == 0;

        print_fact(c, "expected", loss_words(c, e, "expectedUsecPerMin"));
        if (before[0] && after[0])
                print_fact(c, "measured",
                                out_format(&c->out, "%s before, %s after%s", before, after,
                                                is_brake ? ", by the container that it is for"
                                                         : ""));
        else
                print_fact(c, "measured", after);
}

/* "ada (uid 1000)" */
static const char *who_words(struct cli *c, uint64_t uid) {
        const struct passwd *who = uid < UINT32_MAX ? getpwuid((uid_t)uid) : NULL;

        return who ? out_format(&c->out, "%s (uid %" PRIu64 ")", out_text(&c->out, who->pw_name),
                                     uid)
                   : out_format(&c->out, "uid %" PRIu64, uid);
}

static const char *approved_words(struct cli *c, const struct json *e) {
        return out_format(&c->out, "%s by %s", ago(c, number_of(e, "approvedBoottimeNs", 0)),
                        flag_of(e, "byPolicy") ? "a policy (dtgov.json)"
                                               : who_words(c, number_of(e, "uid", 0)));
}

/* The wish that does it again, for a shell: what a rule found is not proposed twice. */
static const char *again_command(struct cli *c, const struct json *e) {
        const char *words = "";

        for (const struct json *k = children_of(e, "knobs"); k; k = k->next)
                words = out_format(&c->out, "%s '%s=%s'", words,
                                out_text(&c->out, text_of(k, "file")),
                                out_text(&c->out, text_of(k, "new")));
        return out_format(&c->out, "dtgov set %s%s", name_of(c, e), words);
}

static void show_change(struct cli *c, const struct json *e) {
        const char *keep = keep_command(&c->out, place_of(c, e), children_of(e, "knobs"));
        int state = change_state_from_name(text_of(e, "state"));

        (void)fprintf(c->out.file, "%s %s: %s\n", out_text(&c->out, text_of(e, "id")),
                        name_of(c, e), knobs_words(c, e));
        print_fact(c, "state", state_words(c, e));
        print_fact(c, "because", reason_words(c, e));
        print_text(c, "proposal", e, "proposal");
        print_fact(c, "approved", approved_words(c, e));
        print_fact(c, "applied", ago(c, number_of(e, "appliedBoottimeNs", 0)));
        print_fact(c, "ended", ago(c, number_of(e, "endedBoottimeNs", 0)));
        print_text(c, "owner", e, "owner");
        print_effect(c, e);
        for (const struct json *k = children_of(e, "knobs"); k; k = k->next) {
                const char *file = text_of(k, "file"), *kept = text_of(k, "kept");
                const char *current = text_of(k, "current");

                if (kept[0])
                        print_fact(c, "kept", out_step(&c->out, file, text_of(k, "old"), kept));
                if (current[0] && strcmp(current, text_of(k, "new")) != 0)
                        print_fact(c, "now",
                                        out_format(&c->out, "%s %s", out_text(&c->out, file),
                                                        out_value(&c->out, file, current)));
        }
        if (state == CHANGE_COMMITTED || state == CHANGE_PROBATION || state == CHANGE_HELD) {
                print_command(c, "undo",
                                out_format(&c->out, "dtgov rollback %s",
                                                out_text(&c->out, text_of(e, "id"))));
                print_fact(c, "lasts", "until the container is re-created");
                print_command(c, "to keep it", keep);
        } else if (state == CHANGE_ROLLED_BACK && place_of(c, e)) {
                print_command(c, "again", again_command(c, e));
        }
}

/* "0.45 of 0.50 CPUs": a limit that is not there is not known yet, one that is null is none. */
static const char *use_of(struct cli *c, const struct json *e, const char *key, const char *use,
                const char *limit, const char *unit) {
        if (!json_get(e, key))
                return out_format(&c->out, "%s%s, its limit is not known yet", use, unit);
        if (number_of(e, key, KNOB_MAX) == KNOB_MAX)
                return out_format(&c->out, "%s%s, without a limit", use, unit);
        return out_format(&c->out, "%s of %s%s", use, limit, unit);
}

static void print_cpu(struct cli *c, const struct json *e) {
        const char *use = out_cpus(
                        &c->out, number_of(e, "cpuUsec", 0), number_of(e, "windowUsec", 0));
        const char *most = out_cpus(&c->out, number_of(e, "cpuQuotaUsec", 0),
                        number_of(e, "cpuPeriodUsec", CPU_PERIOD_USEC));

        print_fact(c, "cpu", use_of(c, e, "cpuQuotaUsec", use, most, " CPUs"));
}

static void print_memory(struct cli *c, const struct json *e) {
        uint64_t high = number_of(e, "memoryHighBytes", KNOB_MAX);
        const char *use = out_bytes(&c->out, number_of(e, "memoryBytes", 0));
        const char *most = out_bytes(&c->out, number_of(e, "memoryMaxBytes", 0));

        print_fact(c, "memory", use_of(c, e, "memoryMaxBytes", use, most, ""));
        if (high != KNOB_MAX)
                print_fact(c, "slowed",
                                out_format(&c->out, "from %s on (memory.high)",
                                                out_bytes(&c->out, high)));
        if (number_of(e, "memoryAnonBytes", KNOB_MAX) != KNOB_MAX)
                print_fact(c, "of it",
                                out_format(&c->out, "%s of processes, %s of files",
                                                out_bytes(&c->out,
                                                                number_of(e, "memoryAnonBytes", 0)),
                                                out_bytes(&c->out, number_of(e, "memoryFileBytes",
                                                                                   0))));
}

static void print_tasks(struct cli *c, const struct json *e) {
        const char *use = out_format(&c->out, "%" PRIu64, number_of(e, "pids", 0));
        const char *most = out_format(&c->out, "%" PRIu64, number_of(e, "pidsMax", 0));

        print_fact(c, "tasks", use_of(c, e, "pidsMax", use, most, ""));
}

static void print_stalls(struct cli *c, const struct json *e) {
        static const struct {
                const char *key, *what;
        } stalls[] = { { "stallCpuUsec", "CPU" }, { "stallMemoryUsec", "memory" },
                { "stallIoUsec", "IO" } };
        uint64_t window = number_of(e, "windowUsec", 0);
        const char *words = "";

        for (size_t i = 0; i < ARRAY_LEN(stalls) && window > 0; i++)
                words = out_format(&c->out, "%s%s%s for %s", words, words[0] ? ", " : "",
                                out_share(&c->out, number_of(e, stalls[i].key, 0) * 10000 / window),
                                stalls[i].what);
        if (words[0])
                print_fact(c, "stalled", out_format(&c->out, "%s of the time", words));
}

static void print_limits(struct cli *c, const struct json *e) {
        print_cpu(c, e);
        print_memory(c, e);
        print_tasks(c, e);
        print_stalls(c, e);
        print_fact(c, "lost",
                        out_format(&c->out, "%s a minute",
                                        out_duration(&c->out, number_of(e, "lostUsecPerMin", 0))));
}

static void print_findings_of(struct cli *c, const struct place *p) {
        const struct json *answer;

        if (ask(c, DAEMON_OBSERVER, "ListFindings", NULL, &answer) != EXIT_DONE)
                return;
        for (const struct json *f = children_of(answer, "findings"); f; f = f->next)
                if (place_of(c, f) == p)
                        print_fact(c, out_text(&c->out, text_of(f, "id")), finding_words(c, f));
}

static void print_changes_of(struct cli *c, const struct place *p) {
        const struct json *answer;

        if (ask(c, DAEMON_CONTROL, "ListChanges", NULL, &answer) != EXIT_DONE)
                return;
        for (const struct json *e = children_of(answer, "changes"); e; e = e->next)
                if (place_of(c, e) == p && change_is_open(e))
                        print_fact(c, out_text(&c->out, text_of(e, "id")),
                                        out_format(&c->out, "%s: %s", change_words(c, e),
                                                        state_words(c, e)));
}

/* "shop/web (compose service)" */
static const char *by_rule(struct cli *c, const char *words, const char *rule) {
        return words[0] == '\0'  ? ""
               : rule[0] == '\0' ? words
                                 : out_format(&c->out, "%s (%s)", words, out_text(&c->out, rule));
}

static void print_identity(struct cli *c, const struct place *p) {
        print_fact(c, "is",
                        by_rule(c, out_text(&c->out, p->environment),
                                        text_of(p->json, "environmentRule")));
        print_fact(c, "made from",
                        by_rule(c, template_words(c, p->json), text_of(p->json, "templateRule")));
        print_text(c, "image", p->json, "image");
        print_text(c, "folder", p->json, "folder");
        print_text(c, "name", p->json, "name");
        print_fact(c, "container", out_text(&c->out, p->container_id));
        print_text(c, "engine", p->json, "engine");
        if (strcmp(text_of(p->json, "network"), "unknown") != 0)
                print_text(c, "network", p->json, "network");
        for (const struct json *n = children_of(p->json, "notes"); n; n = n->next)
                if (n->type == JSON_STRING)
                        print_fact(c, "note", out_text(&c->out, n->text));
}

static int show_place(struct cli *c, const struct place *p) {
        const struct parameter id[] = { { "containerId", .text = p->container_id }, {} };
        const struct json *answer;

        (void)fprintf(c->out.file, "%s\n", name_of(c, p->json));
        print_identity(c, p);
        print_fact(c, "cgroup",
                        out_format(&c->out, "%s (inode %" PRIu64 ")", out_text(&c->out, p->cgroup),
                                        p->cgroup_inode));
        print_fact(c, "runtime", out_text(&c->out, p->runtime));
        print_text(c, "owner", p->json, "owner");
        if (json_get(p->json, "windowUsec"))
                print_limits(c, p->json);
        print_findings_of(c, p);
        print_changes_of(c, p);
        if (ask(c, DAEMON_OBSERVER, "ListProcesses", id, &answer) == EXIT_DONE &&
                        print_processes(c, children_of(answer, "processes")) < 0)
                return complain(c, EXIT_ERROR, "out of memory");
        return EXIT_DONE;
}

static int print_object(struct cli *c, const struct json *object) {
        CLEANUP(json_writer_freep) struct json_writer *w = NULL;

        if (json_writer_new(&w) < 0)
                return complain(c, EXIT_ERROR, "out of memory");
        put_object(c, w, NULL, object);
        return print_json(c, w);
}

/* All containers of an environment, or the one that is meant. */
static int show_places(struct cli *c, const char *words) {
        const struct place *place;
        unsigned shown = 0;
        int r = load_places(c);

        for (size_t i = 0; i < c->places_count && r == EXIT_DONE && !given(c, OPTION_JSON); i++)
                if (strcmp(c->places[i].environment, words) == 0) {
                        if (shown++ > 0)
                                (void)fputc('\n', c->out.file);
                        r = show_place(c, &c->places[i]);
                }
        if (shown > 0)
                return r;
        r = find_place(c, words, &place);
        if (r != EXIT_DONE)
                return r;
        return given(c, OPTION_JSON) ? print_object(c, place->json) : show_place(c, place);
}

int run_show(struct cli *c, char *const *arguments, unsigned count) {
        const char *what = arguments[0];
        const struct json *object;
        int r;

        (void)count;
        if (!is_id(what, 'P') && !is_id(what, 'C') && !is_id(what, 'F'))
                return show_places(c, what);
        r = find_id(c, what, &object);
        if (r != EXIT_DONE)
                return r;
        if (given(c, OPTION_JSON))
                return print_object(c, object);
        if (what[0] == 'P') {
                show_proposal(c, object);
                if (strcmp(text_of(object, "state"), "pending") == 0) {
                        print_command(c, "to apply", out_format(&c->out, "dtgov approve %s", what));
                        print_command(c, "not to",
                                        out_format(&c->out, "dtgov reject %s --reason TEXT", what));
                }
        } else if (what[0] == 'C') {
                show_change(c, object);
        } else {
                (void)fprintf(c->out.file, "%s\n", finding_words(c, object));
                print_finding(c, object);
        }
        return EXIT_DONE;
}
