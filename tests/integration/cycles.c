/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes one container many times over one connection, and reads the journal afterwards, with eyes
 * of its own: every record from the first on, whatever dtgovd itself would make of them.
 *
 *     cycles run ID INODE FILE COUNT   COUNT changes of the knob whose file it is, each taken back;
 *                                      prints what failed
 *     cycles check JOURNAL_DIR COUNT   prints what is missing of COUNT changes that were taken back
 */
#include "governor/varlink/varlink.h"
#include "state/file.h"
#include "state/journal/segment.h"
#include "state/parse.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define CALL_TIMEOUT_USEC (120 * USEC_PER_SEC)
#define FAILURES_MAX      20 /* then it is not worth going on */
#define CHANGES_MAX       4096
#define VALUE_FIRST       200 /* what the knob is set to: so many above it, one after the other */
#define VALUES            50

static unsigned failures;

static void fail(uint64_t change, const char *what, const char *text) {
        (void)printf("C%llu: %s: %s\n", (unsigned long long)change, what, text);
        if (++failures >= FAILURES_MAX)
                exit(1);
}

/* --- changes --- */

/* NULL: refused, and said. */
static struct json_doc *call(struct varlink *link, uint64_t change, const char *what) {
        struct json_doc *doc = NULL;
        const char *error = NULL, *text = "";
        struct error err;

        if (varlink_call(link, CALL_TIMEOUT_USEC, &doc, &error, &err) < 0) {
                fail(change, what, err.text);
                exit(1);
        }
        if (!error)
                return doc;
        (void)json_get_string(json_get(json_root(doc), "parameters"), "text", &text, NULL);
        fail(change, what, text);
        json_doc_free(doc);
        return NULL;
}

static void propose_and_approve(
                struct varlink *link, char **argv, const char *assignment, uint64_t change) {
        CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
        const char *id, *digest;
        const struct json *proposal;
        struct json_writer *w;
        uint64_t inode = 0;

        (void)parse_u64(argv[1], &inode);
        varlink_call_begin(link, "org.dtgov.Control.Propose", &w);
        json_put_string(w, "containerId", argv[0]);
        json_put_u64(w, "cgroupInode", inode);
        json_put_string(w, "assignments", assignment);
        doc = call(link, change, "propose");
        if (!doc)
                return;
        proposal = json_get(json_get(json_root(doc), "parameters"), "proposal");
        if (json_get_string(proposal, "id", &id, NULL) < 0 ||
                        json_get_string(proposal, "digest", &digest, NULL) < 0) {
                fail(change, "propose", "no id and digest");
                return;
        }
        varlink_call_begin(link, "org.dtgov.Control.Approve", &w);
        json_put_string(w, "id", id);
        json_put_string(w, "digest", digest);
        json_doc_free(call(link, change, "approve"));
}

static void roll_back(struct varlink *link, uint64_t change) {
        struct json_writer *w;
        char id[24];

        (void)snprintf(id, sizeof(id), "C%llu", (unsigned long long)change);
        varlink_call_begin(link, "org.dtgov.Control.Rollback", &w);
        json_put_string(w, "change", id);
        json_doc_free(call(link, change, "rollback"));
}

static void want(uint64_t change, const char *when, const char *file, const char *wanted) {
        char text[128];

        if (file_read_at(AT_FDCWD, file, text, sizeof(text)) < 0)
                fail(change, when, "the file cannot be read");
        else if (strcmp(text, wanted) != 0)
                fail(change, when, text);
}

static int run_changes(char **argv) {
        const char *file = argv[2], *knob = strrchr(file, '/') + 1;
        CLEANUP(varlink_unrefp) struct varlink *link = NULL;
        char before[128];
        uint64_t count;
        struct error err;

        if (parse_u64(argv[3], &count) < 0 ||
                        file_read_at(AT_FDCWD, file, before, sizeof(before)) < 0)
                return 2;
        if (varlink_connect(&link, "/run/dtgov/control.sock", &err) < 0) {
                (void)puts(err.text);
                return 1;
        }
        for (uint64_t i = 1; i <= count; i++) {
                unsigned value = VALUE_FIRST + (unsigned)(i % VALUES);
                char assignment[64], wanted[32];

                (void)snprintf(assignment, sizeof(assignment), "%s=%u", knob, value);
                (void)snprintf(wanted, sizeof(wanted), "%u\n", value);
                propose_and_approve(link, argv, assignment, i);
                want(i, "changed", file, wanted);
                roll_back(link, i);
                want(i, "taken back", file, before);
        }
        return failures > 0;
}

/* --- the journal --- */

struct seen {
        unsigned intents, ends, states[CHANGE_STATE_COUNT];
        uint32_t last;
};

static struct seen seen[CHANGES_MAX + 1];

struct reader {
        uint64_t next_seq, group_seq;
        uint32_t crc;
};

static void note_record(struct reader *reader, const struct record *r) {
        struct seen *s = &seen[r->change <= CHANGES_MAX ? r->change : 0];

        if (r->seq != reader->next_seq || (r->seq > 1 && r->previous_crc != reader->crc))
                fail(r->change, "a record does not follow the one before it", "");
        reader->next_seq = r->seq + 1;
        reader->crc = r->crc;
        if (r->type == RECORD_INTENT) {
                s->intents++;
                reader->group_seq = r->seq;
        } else if (r->type == RECORD_END) {
                s->ends++;
                if (r->body.members != r->seq - reader->group_seq + 1)
                        fail(r->change, "its intent", "is not whole");
        } else if (r->type == RECORD_STATE) {
                s->states[r->body.state.state]++;
                s->last = r->body.state.state;
        }
}

static void read_segment(struct segments *segments, size_t i, struct reader *reader) {
        static struct record records[SEGMENT_RECORDS];
        uint64_t limit = i + 1 < segments->count ? segments->first[i + 1] : UINT64_MAX;
        size_t count;
        int fd = -1;

        if (segment_load(segments, segments->first[i], records, &count, &fd, NULL) < 0) {
                fail(0, "a segment cannot be read", "");
                return;
        }
        for (size_t k = 0; k < count && records[k].seq < limit; k++) {
                enum record_check check = record_check(&records[k]);

                if (check == RECORD_ZERO)
                        break;
                if (check != RECORD_GOOD)
                        fail(0, "a record is damaged", "");
                else
                        note_record(reader, &records[k]);
        }
        closep(&fd);
}

static void check_change(uint64_t number) {
        static const enum change_state once[] = { CHANGE_APPLYING, CHANGE_PROBATION,
                CHANGE_ROLLING_BACK, CHANGE_ROLLED_BACK };
        const struct seen *s = &seen[number];

        if (s->intents != 1 || s->ends != 1)
                fail(number, "its intent", s->intents ? "is there twice, or not whole" : "is lost");
        for (size_t i = 0; i < ARRAY_LEN(once); i++)
                if (s->states[once[i]] != 1)
                        fail(number, "not once", change_states[once[i]].name);
        if (s->last != CHANGE_ROLLED_BACK)
                fail(number, "its last record", change_states[s->last].name);
}

static int run_check(char **argv) {
        static struct segments segments;
        struct reader reader = { .next_seq = 1 };
        CLEANUP(closep) int fd = open(argv[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        struct error err;
        uint64_t count;

        if (parse_u64(argv[1], &count) < 0 || count > CHANGES_MAX || fd < 0)
                return 2;
        if (segments_open(&segments, fd, &err) < 0) {
                (void)puts(err.text);
                return 1;
        }
        for (size_t i = 0; i < segments.count; i++)
                read_segment(&segments, i, &reader);
        for (uint64_t number = 1; number <= count; number++)
                check_change(number);
        for (uint64_t number = count + 1; number <= CHANGES_MAX; number++)
                if (seen[number].intents > 0)
                        fail(number, "nobody asked for it", "");
        (void)printf("%llu records in %zu segments\n", (unsigned long long)reader.next_seq - 1,
                        segments.count);
        segments_close(&segments);
        return failures > 0;
}

int main(int argc, char **argv) {
        if (argc == 6 && strcmp(argv[1], "run") == 0)
                return run_changes(argv + 2);
        if (argc == 4 && strcmp(argv[1], "check") == 0)
                return run_check(argv + 2);
        (void)fputs("usage: see the head of tests/integration/cycles.c\n", stderr);
        return 2;
}
