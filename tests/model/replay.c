/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holds dtgovd's engine against the model: does each step of a trace with the real code, and
 * compares what the limit files hold and where every change is. Reads traces of change.pml:
 *
 *   # NAME            begins a trace
 *   + NUMBER...       what the next step is about
 *   @ STEP NUMBER
 *   = FILES UP OBSERVER CHANGES    what then is, as show() of steps.pml prints it
 *
 * A trace ends early, and is counted so, where the guard refuses what the model lets pass (it wants
 * more headroom), and where two changes wait for one sync, which the model has for each.
 */
#include "tests/model/replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct run *replay_run(struct replay *r, unsigned i) {
        struct run *run = r->host.up ? r->host.control.engine.runs : NULL;

        while (run && run->change.proposal != PROPOSAL + i)
                run = run->next;
        return run;
}

bool replay_is_gone(const struct replay *r, unsigned i) {
        return r->generation[i] != r->generations[r->container[i]];
}

void replay_fail(struct replay *r, const char *format, ...) {
        va_list args;

        if (r->wrong[0])
                return;
        va_start(args, format);
        (void)vsnprintf(r->wrong, sizeof(r->wrong), format, args);
        va_end(args);
}

/* --- traces ------------------------------------------------------------------------------------
 */

static const char *name_of(unsigned state) {
        return state < CHANGE_STATE_COUNT ? change_states[state].name : "absent";
}

/* Nothing of it is left: whether it is still in memory or on record is no difference. */
static bool is_nothing(unsigned state) {
        return state >= ABSENT || state == CHANGE_REFUSED || state == CHANGE_STALE ||
               state == CHANGE_LAPSED;
}

static void compare_change(struct replay *r, unsigned i) {
        const struct run *run = replay_run(r, i);
        unsigned state = run ? run->change.state : ABSENT, want = r->e.change[i].state, kept = 0;

        if (replay_is_gone(r, i))
                return;
        if (state != want && !(is_nothing(state) && is_nothing(want)))
                replay_fail(r, "change %u is %s, the model has %s", i, name_of(state),
                                name_of(want));
        if (is_nothing(want))
                return;
        for (unsigned k = 0; run && k < run->change.changes_count; k++)
                if (run->change.changes[k].knob == KNOB_MEMORY_MAX &&
                                (run->change.kept_mask >> k & 1))
                        kept = host_value(run->change.kept[k]);
        if (kept != r->e.change[i].kept)
                replay_fail(r, "change %u kept %u, the model %u", i, kept, r->e.change[i].kept);
}

static void compare(struct replay *r) {
        for (unsigned c = 0; c < HOST_CONTAINERS; c++)
                for (unsigned file = 0; file < STAGE_FILES; file++) {
                        unsigned value = host_read(&r->host, c, file);

                        if (value != r->e.file[c][file])
                                replay_fail(r, "%s of container %u is %u, the model has %u",
                                                knobs[host_knobs[file]].file, c, value,
                                                r->e.file[c][file]);
                }
        if (r->e.up == 0)
                return;
        for (unsigned i = 0; i < CHANGES; i++)
                compare_change(r, i);
}

/* The numbers of a line after its first word. Returns: how many */
static size_t numbers(const char *line, unsigned *ret, size_t most) {
        size_t count = 0;
        char *end;

        for (; count < most; count++, line = end) {
                ret[count] = (unsigned)strtoul(line, &end, 10);
                if (end == line)
                        break;
        }
        return count;
}

static bool parse_expected(const char *line, struct expected *e) {
        unsigned n[15];

        if (numbers(line + 1, n, ARRAY_LEN(n)) != ARRAY_LEN(n))
                return false;
        memcpy(e->file, n, sizeof(e->file));
        e->up = n[4];
        for (unsigned i = 0; i < CHANGES; i++) {
                e->change[i].state = n[6 + 3 * i];
                e->change[i].kept = n[8 + 3 * i];
        }
        return true;
}

struct totals {
        unsigned whole, early, failed;
        unsigned long steps;
};

static void begin(struct replay *r, const char *name) {
        *r = (struct replay){ 0 };
        (void)snprintf(r->name, sizeof(r->name), "%.*s", (int)strcspn(name, "\n"), name);
        moves_begin(r);
}

static void end(struct replay *r, struct totals *t) {
        if (!r->name[0])
                return;
        if (r->wrong[0])
                t->failed++;
        else if (r->over)
                t->early++;
        else
                t->whole++;
        host_end(&r->host);
        r->name[0] = '\0';
}

static void take_step(struct replay *r, const char *step, unsigned number, unsigned line,
                struct totals *t) {
        if (r->wrong[0] || r->over)
                return;
        r->number = number;
        t->steps++;
        moves_act(r, step);
        if (!r->over)
                compare(r);
        if (r->wrong[0])
                (void)printf("%s: line %u: %s %u: %s\n", r->name, line, step, number, r->wrong);
}

static void take_line(struct replay *r, struct totals *t, const char *line, unsigned at) {
        static char step[32];
        static unsigned number;
        size_t word;

        switch (line[0]) {
        case '#':
                end(r, t);
                begin(r, line + 2);
                break;
        case '+':
                (void)numbers(line + 1, r->plus, ARRAY_LEN(r->plus));
                break;
        case '@':
                word = strcspn(line + 2, " ");
                (void)snprintf(step, sizeof(step), "%.*s", (int)word, line + 2);
                if (numbers(line + 2 + word, &number, 1) != 1)
                        replay_fail(r, "not a step: %s", line);
                break;
        case '=':
                if (!parse_expected(line, &r->e))
                        replay_fail(r, "not a state: %s", line);
                take_step(r, step, number, at, t);
                break;
        }
}

int main(void) {
        static struct replay r;
        struct totals t = { 0 };
        char line[256];

        for (unsigned at = 1; fgets(line, sizeof(line), stdin); at++)
                take_line(&r, &t, line, at);
        end(&r, &t);
        (void)printf("%u traces whole, %u ended early, %lu steps, %u differ\n", t.whole, t.early,
                        t.steps, t.failed);
        return t.failed > 0 || t.whole == 0;
}
