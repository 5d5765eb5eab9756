/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client of control.sock and query.sock that measures; prints nanoseconds.
 *
 *     client apply RUN_DIR ID INODE ASSIGNMENTS FILE  from sending Approve to the write of FILE
 *     client set RUN_DIR ID INODE ASSIGNMENTS         Propose and Approve, no figure
 *     client rollback RUN_DIR                         Rollback of all, from sending to the answer
 */
#include "governor/kernel/proc.h"
#include "governor/varlink/varlink.h"
#include "state/file.h"
#include "state/parse.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define CALL_TIMEOUT_USEC (600 * USEC_PER_SEC)

static struct varlink *connect_to(const char *run_dir, const char *socket) {
        struct varlink *link = NULL;
        struct error err;
        char path[512];

        (void)snprintf(path, sizeof(path), "%s/%s", run_dir, socket);
        if (varlink_connect(&link, path, &err) < 0) {
                (void)fprintf(stderr, "%s\n", err.text);
                exit(1);
        }
        return link;
}

/* One call; a refusal for its rate is tried again. Exits on any other error. */
static struct json_doc *call(struct varlink *link) {
        struct json_doc *doc = NULL;
        const char *error = NULL;
        struct error err;

        if (varlink_call(link, CALL_TIMEOUT_USEC, &doc, &error, &err) < 0) {
                (void)fprintf(stderr, "%s\n", err.text);
                exit(1);
        }
        if (error) {
                const struct json *parameters = json_get(json_root(doc), "parameters");
                const char *text = "";

                (void)json_get_string(parameters, "text", &text, NULL);
                (void)fprintf(stderr, "%s: %s\n", error, text);
                exit(1);
        }
        return doc;
}

/* Proposes the assignments; id and digest of the proposal. */
static void propose(struct varlink *link, char **argv, char id[static 32], char digest[static 64]) {
        CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
        const struct json *proposal;
        struct json_writer *w;
        const char *text;
        uint64_t inode;

        if (parse_u64(argv[1], &inode) < 0)
                exit(2);
        varlink_call_begin(link, "org.dtgov.Control.Propose", &w);
        json_put_string(w, "containerId", argv[0]);
        json_put_u64(w, "cgroupInode", inode);
        json_put_string(w, "assignments", argv[2]);
        doc = call(link);
        proposal = json_get(json_get(json_root(doc), "parameters"), "proposal");
        if (json_get_string(proposal, "id", &text, NULL) < 0)
                exit(1);
        (void)snprintf(id, 32, "%s", text);
        if (json_get_string(proposal, "digest", &text, NULL) < 0)
                exit(1);
        (void)snprintf(digest, 64, "%s", text);
}

static void approve(struct varlink *link, const char *id, const char *digest) {
        struct json_writer *w;

        varlink_call_begin(link, "org.dtgov.Control.Approve", &w);
        json_put_string(w, "id", id);
        json_put_string(w, "digest", digest);
        json_doc_free(call(link));
}

static int run_set(char **argv) {
        CLEANUP(varlink_unrefp) struct varlink *link = connect_to(argv[0], "control.sock");
        char id[32], digest[64];

        propose(link, argv + 1, id, digest);
        approve(link, id, digest);
        return 0;
}

/* The child sends, this process sees the kernel's file written: two clocks would not be one. */
static int run_apply(char **argv) {
        uint64_t *sent =
                        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        struct varlink *link = connect_to(argv[0], "control.sock");
        struct pollfd p = { .fd = inotify_init1(IN_CLOEXEC), .events = POLLIN };
        char id[32], digest[64];
        int status;
        pid_t pid;

        if (sent == MAP_FAILED || p.fd < 0 || inotify_add_watch(p.fd, argv[4], IN_MODIFY) < 0)
                return 1;
        propose(link, argv + 1, id, digest);
        pid = fork();
        if (pid == 0) {
                *sent = proc_boottime_ns();
                approve(link, id, digest);
                _exit(0);
        }
        if (poll(&p, 1, 60000) == 1)
                printf("%llu\n", (unsigned long long)(proc_boottime_ns() - *sent));
        varlink_unref(link);
        return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : 1;
}

static int run_rollback(char **argv) {
        CLEANUP(varlink_unrefp) struct varlink *link = connect_to(argv[0], "control.sock");
        struct json_writer *w;
        uint64_t start;

        varlink_call_begin(link, "org.dtgov.Control.Rollback", &w);
        json_put_bool(w, "all", true);
        start = proc_boottime_ns();
        json_doc_free(call(link));
        printf("%llu\n", (unsigned long long)(proc_boottime_ns() - start));
        return 0;
}

int main(int argc, char **argv) {
        static const struct {
                const char *name;
                int arguments;
                int (*run)(char **argv);
        } modes[] = {
                { "apply", 5, run_apply },
                { "set", 4, run_set },
                { "rollback", 1, run_rollback },
        };

        for (size_t i = 0; argc > 1 && i < ARRAY_LEN(modes); i++)
                if (strcmp(argv[1], modes[i].name) == 0 && argc == 2 + modes[i].arguments)
                        return modes[i].run(argv + 2);
        return 2;
}
