/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold after each point. */
#include "tests/faults/faults.h"

#include "governor/kernel/proc.h"
#include "state/file.h"
#include "state/journal/journal.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

static int wrong(struct lane *l, const char *what, const char *name, const char *text) {
        (void)snprintf(l->why, sizeof(l->why), "%s: %s is '%s'", what, name, text);
        return -1;
}

static const struct knob_text *knob_of(const char *file) {
        for (size_t i = 0; i < knob_texts_count; i++)
                if (strcmp(knob_texts[i].file, file) == 0)
                        return &knob_texts[i];
        return NULL;
}

struct sought {
        uint64_t amount;
        bool found;
};

static int look_for_step(void *data, const struct journal_change *c) {
        struct sought *s = data;

        for (unsigned i = 0; i < c->steps_count; i++)
                s->found = s->found || c->steps[i].value.amount == s->amount;
        return 0;
}

/* Whether the journal, as it lies there, holds this value as a step. */
static bool is_journaled(struct lane *l, const char *text) {
        struct sought sought = { .amount = strtoull(text, NULL, 10) };
        struct journal *j = NULL;
        char command[900], copy[300], boot_id[64] = "";

        (void)snprintf(copy, sizeof(copy), "%s/copy", l->dir);
        (void)snprintf(command, sizeof(command), "rm -rf %s && cp -a %s/state/journal %s", copy,
                        l->dir, copy);
        (void)file_text("/proc/sys/kernel/random", "boot_id", boot_id, sizeof(boot_id));
        CLEANUP(closep)
        int fd = system(command) == 0 // NOLINT(cert-env33-c)
                                 ? open(copy, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
                                 : -1;

        if (fd < 0 || journal_open(fd, boot_id, &j, NULL) < 0)
                return false;
        (void)journal_each(j, look_for_step, &sought);
        journal_close(j);
        return sought.found;
}

static int check_knob(struct lane *l, const struct knob_text *k, const char *text,
                enum expected expected, bool kept) {
        bool old = strcmp(text, k->old) == 0, new = strcmp(text, k->new) == 0;

        if (l->foreign && strcmp(k->file, FOREIGN_FILE) == 0)
                return strcmp(text, FOREIGN_TEXT) == 0
                                       ? 0
                                       : wrong(l, "somebody else's value is lost", k->file, text);
        if (l->lowered && expected != EXPECT_OLD && strcmp(k->file, "memory.high") == 0 &&
                        (strcmp(text, LOWERED_TEXT) == 0 || is_journaled(l, text)))
                return 0;

        /* In use is more than the old value: it would kill. */
        if (kept && old && strcmp(k->file, "memory.max") == 0)
                return wrong(l, "the old value kills", k->file, text);
        if ((old && expected != EXPECT_NEW) || (new &&expected != EXPECT_OLD))
                return 0;
        if (kept && !new &&strcmp(k->file, "memory.max") == 0 && is_journaled(l, text))
                return 0;
        return wrong(l,
                        expected == EXPECT_OLD   ? "not the old value"
                        : expected == EXPECT_NEW ? "not the new value"
                                                 : "neither old nor new nor journaled",
                        k->file, text);
}

int check_files(struct lane *l, enum expected expected, bool kept) {
        char text[FILE_TEXT_MAX];

        for (unsigned i = 0; i < l->box_before.count; i++) {
                const char *name = l->box_before.files[i].name;
                const struct knob_text *k = knob_of(name);

                if (file_text(l->box, name, text, sizeof(text)) < 0)
                        return wrong(l, "cannot be read", name, "");
                if (k) {
                        if (check_knob(l, k, text, expected, kept) < 0)
                                return -1;
                } else if (strcmp(text, l->box_before.files[i].text) != 0 &&
                                (expected == EXPECT_OLD || strcmp(name, "cpu.weight.nice") != 0)) {
                        return wrong(l, "another limit changed", name, text);
                }
        }
        for (unsigned i = 0; i < l->other_before.count; i++) {
                const char *name = l->other_before.files[i].name;

                if (file_text(l->other, name, text, sizeof(text)) < 0 ||
                                strcmp(text, l->other_before.files[i].text) != 0)
                        return wrong(l, "the neighbour's limit changed", name, text);
        }
        return 0;
}

int check_settled(struct lane *l, bool kept) {
        if (daemon_up(l) < 0)
                return -1;
        if (request_do(l, REQUEST_SETTLED) != OUTCOME_OK) {
                (void)snprintf(l->why, sizeof(l->why), "after recovery: %.400s", l->shared->text);
                return -1;
        }
        return check_files(l, EXPECT_OLD, kept);
}

int check_works(struct lane *l) {
        uint64_t deadline = proc_boottime_ns() + 20 * NSEC_PER_SEC;
        enum outcome outcome;

        /* A disk that failed a moment ago is tried again after a while. */
        do {
                if (daemon_up(l) < 0)
                        return -1;
                outcome = request_do(l, REQUEST_SET);
                if (outcome != OUTCOME_OK)
                        usleep(200000);
        } while (outcome != OUTCOME_OK && proc_boottime_ns() < deadline);
        if (outcome != OUTCOME_OK) {
                (void)snprintf(l->why, sizeof(l->why), "no set works any more: %.400s",
                                l->shared->text);
                return -1;
        }
        l->acknowledged = l->shared->change;
        if (check_files(l, EXPECT_NEW, false) < 0)
                return -1;
        if (request_do(l, REQUEST_ROLLBACK) != OUTCOME_OK) {
                (void)snprintf(l->why, sizeof(l->why), "no rollback works any more: %.400s",
                                l->shared->text);
                return -1;
        }
        return check_settled(l, false);
}
