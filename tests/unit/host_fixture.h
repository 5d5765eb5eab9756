/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host in a temporary directory: configuration files, engines' programs as scripts, and a dockerd
 * that reads its configuration on SIGHUP, where a key that is gone keeps its old value.
 */
#pragma once

#include "governor/cli/commands.h"
#include "governor/cli/setup/hooks_dir.h"
#include "governor/cli/setup/setup.h"
#include "tests/unit/tree.h"

#define JSON   "etc/docker/daemon.json"
#define BACKUP JSON CONF_BACKUP
#define OLD    "{\n   \"debug\" : true,\n   \"x\":1e5 }\n"
#define TOML   "etc/containerd/config.toml"
#define DROP   "etc/containers/containers.conf.d/50-dtgov.conf"

struct host {
        struct tree tree;
        struct setup s;
        struct error err;
        char said[16384];
        int answer;            /* of the person */
        const char *meanwhile; /* what somebody writes into daemon.json while a person thinks */
        pid_t dockerd;
};

/* Set-up and teardown of a test: a host without engines, or with a Docker that runs. */
int host_make(void **state);
int host_make_docker(void **state);
int host_drop(void **state);

/* The whole path of one below the host; four are good at a time. */
const char *host_at(const struct host *h, const char *path);
bool host_has(const struct host *h, const char *path);

/* A program there. @body: lines of a shell in the folder "state" below the host, $root */
void host_write_program(const struct host *h, const char *path, const char *body);

/* The command line of a process, as the kernel shows it: a NUL behind each word. */
void host_write_command_line(const struct host *h, int pid, const char *words);

void host_write_podman(const struct host *h);
void host_write_containerd(const struct host *h);

/* dtgov setup ENGINE. Returns: as setup_run(); what it said is in said and err */
int host_setup(struct host *h, const char *engine, bool undo);

/* A whole command, what it printed in said. Returns: its exit status */
int host_command(struct host *h, char *first, char *second, char *third);

void assert_file(const struct host *h, const char *path, const char *want);
void assert_says(const struct host *h, const char *what);
