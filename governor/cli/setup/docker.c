/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dtgov setup docker. A key that is taken away from daemon.json keeps its old value at a reload, so
 * an undo writes the former default first and lets the engine take that.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "governor/cli/setup/docker_client.h"
#include "governor/cli/setup/docker_find.h"
#include "governor/cli/setup/program.h"
#include "governor/cli/setup/setup.h"
#include "state/runtime_conf.h"
#include "state/text.h"

#define VALIDATE_MAJOR 23  /* the first with dockerd --validate */
#define TAKE_MS        100 /* between two looks */
#define RUNTIME_CONF   "/etc/dtgov/runtime.conf"
#define NAMES_MAX      512

/* One run of it. */
struct docker_setup {
        struct setup *s;
        struct docker_engine engine;
        struct client client;
        struct docker_chain chain;
        struct docker_wish wish;
        char former[DOCKER_NAME_MAX], real[DOCKER_PATH_MAX];
};

/*
 * What runtime.conf says, read as the wrapper reads it.
 *
 * Errors: the wrapper would start nothing
 */
static int read_runtime_conf(struct docker_setup *d, struct error *err) {
        struct runtime_conf conf;
        char path[CONF_PATH_MAX];
        struct error why = { "" };
        int r;

        (void)snprintf(path, sizeof(path), "%s" RUNTIME_CONF, d->s->root);
        r = runtime_conf_load(path, &conf, &why);
        if (r > 0)
                setup_say(d->s, SETUP_NOTE, "%s", why.text);
        (void)text_copy(d->real, sizeof(d->real), conf.runtime);
        d->wish = (struct docker_wish){
                .libexec = d->s->libexec, .real = d->real, .opt_in = d->s->opt_in
        };
        if (r < 0 && r != -ENOENT)
                return error_set(err, r,
                                "%.300s: dtgov's runtime would start no container: mend it, or "
                                "remove it",
                                why.text);
        return 0;
}

/* Has the engine itself read the text, where it can. */
static int validate(const struct docker_setup *d, const char *text, struct error *err) {
        const char *const argv[] = { d->engine.program, "--validate", "--config-file",
                "/proc/self/fd/3", NULL };
        CLEANUP(program_done) struct program_answer answer = { 0 };
        CLEANUP(closep) int fd = -1;
        int r;

        if (d->engine.major < VALIDATE_MAJOR)
                return 0;
        fd = memfd_create("daemon.json", MFD_CLOEXEC);
        if (fd < 0)
                return error_errno(err, -errno, "memfd_create");
        r = file_write_all(fd, text, strlen(text));
        if (r < 0)
                return error_errno(err, r, "memfd");
        r = program_run(d->s->root, argv, PROGRAM_PATIENCE_S, fd, &answer, err);
        if (r == 0 && answer.status != 0)
                return error_set(err, -EINVAL, "dockerd does not take %s with that in it: %s",
                                d->engine.config, answer.said);
        return r;
}

/* Whether the engine has taken that default, or that runtime beside it. */
static int has_taken(
                const struct docker_setup *d, const char *wanted, bool beside, struct error *err) {
        char now[DOCKER_NAME_MAX] = "";
        int r;

        if (beside)
                return client_has_runtime(&d->client, wanted, err);
        r = client_default_runtime(&d->client, now, err);
        return r < 0 ? r : strcmp(now, wanted) == 0;
}

/* Waits until it has. Without a client nobody can tell. */
static int wait_taken(
                const struct docker_setup *d, const char *wanted, bool beside, struct error *err) {
        int r = 0;

        for (unsigned ms = 0; ms <= d->s->patience_ms; ms += TAKE_MS) {
                r = has_taken(d, wanted, beside, err);
                if (r == -ENOENT || r > 0)
                        return r < 0 ? r : 0;
                (void)usleep(TAKE_MS * 1000);
        }
        return r < 0 ? r
                     : error_set(err, -ETIME, "Docker still has no %s '%s': journalctl -u docker",
                                       beside ? "runtime" : "default runtime", wanted);
}

static void say_default(const struct docker_setup *d) {
        setup_say(d->s, SETUP_ADDS,
                        "Docker starts new containers by dtgov's runtime, which adds a hook and "
                        "then becomes %s: dtgov knows them from their first instant, and by "
                        "name a second or two later",
                        d->chain.real);
        setup_say(d->s, SETUP_LEAVES,
                        "containers that exist keep their runtime until they are made anew; dtgov "
                        "finds them by itself, a little later");
}

static void say_opt_in(const struct docker_setup *d) {
        setup_say(d->s, SETUP_ADDS,
                        "containers that ask for the runtime " DOCKER_RUNTIME
                        " get a hook, then %s: dtgov knows them from their first instant; in a "
                        "devcontainer.json \"runArgs\": [\"--runtime=" DOCKER_RUNTIME
                        "\"], in a compose file runtime: " DOCKER_RUNTIME,
                        d->chain.real);
        setup_say(d->s, SETUP_LEAVES,
                        "all that do not ask: the default stays %s; dtgov finds them by itself, a "
                        "little later",
                        d->former);
}

static void say_coverage(const struct docker_setup *d) {
        if (d->s->opt_in)
                say_opt_in(d);
        else
                say_default(d);
        if (d->chain.others[0])
                setup_say(d->s, SETUP_ADDS,
                                "for those who name a runtime themselves, each before its own: %s",
                                d->chain.others);
        setup_say(d->s, SETUP_LEAVES,
                        "the steps of BuildKit (docker build), which runs runc by itself");
        setup_say(d->s, SETUP_LEAVES,
                        "rootless Docker, and a Docker in a container: they have files of their "
                        "own");
        if (d->engine.others[0])
                setup_say(d->s, SETUP_LEAVES, "the other Docker that is installed here: %s",
                                d->engine.others);
}

/* Reloads the engine, and waits that the change is there. Returns: 1 taken, 0 nobody can tell */
static int reload(
                const struct docker_setup *d, const char *wanted, bool beside, struct error *err) {
        int r = docker_reload(d->s->root, &d->engine, err);

        if (r < 0)
                return r;
        r = wait_taken(d, wanted, beside, err);
        if (r == -ENOENT) {
                setup_say(d->s, SETUP_NOTE,
                                "Docker was told to reload; not checked: there is no "
                                "docker client");
                return 0;
        }
        return r < 0 ? r : 1;
}

/* What a container of an image that is here says to it. Returns: 0, or -EIO: it does not start */
static int try_container(const struct docker_setup *d, struct error *err) {
        char image[256];
        enum trial trial = client_try(&d->client, d->s->opt_in ? DOCKER_RUNTIME : NULL, image,
                        sizeof(image), err);

        if (trial == TRIAL_FAILED &&
                        client_try(&d->client, d->former, image, sizeof(image), NULL) == TRIAL_RAN)
                return -EIO;
        if (trial == TRIAL_RAN)
                setup_say(d->s, SETUP_CHECKED, "a container of %s ran \"true\" by it", image);
        else if (trial == TRIAL_NO_IMAGE && image[0] == '\0')
                setup_say(d->s, SETUP_NOTE, "no container was started: there is no image here");
        else
                setup_say(d->s, SETUP_NOTE,
                                "no container was started: %s cannot run \"true\" by %s either",
                                image, d->former);
        return 0;
}

/* All as it was; @err keeps what went wrong. */
static int take_back(const struct docker_setup *d, struct setup_plan *p, struct error *err) {
        struct error other = { "" };

        if (setup_take_back(d->s, p, &other) < 0)
                return error_prefix(err, -EIO, "it could not be taken back (%s) after this",
                                other.text);
        (void)docker_reload(d->s->root, &d->engine, NULL);
        return error_prefix(err, SETUP_TAKEN_BACK, "taken back, Docker is as it was");
}

static int put_to_work(const struct docker_setup *d, struct setup_plan *p, struct error *err) {
        int r;

        if (!d->engine.pid) {
                setup_say(d->s, SETUP_NOTE,
                                "Docker does not run: it reads that when it starts; nothing could "
                                "be checked");
                return 0;
        }
        r = reload(d, DOCKER_RUNTIME, d->s->opt_in, err);
        if (r == 1) {
                setup_say(d->s, SETUP_CHECKED, "Docker has taken it, without a restart");
                r = try_container(d, err);
        }
        return r < 0 ? take_back(d, p, err) : 0;
}

static int say_nothing_to_do(const struct docker_setup *d, struct error *err) {
        int r = d->engine.pid ? has_taken(d, DOCKER_RUNTIME, d->s->opt_in, NULL) : -EHOSTDOWN;

        if (setup_check_programs(d->s, d->chain.program, err) < 0)
                return -ENOENT;
        setup_say(d->s, SETUP_DONE, "nothing to do: %s names dtgov's runtime, before %s",
                        d->engine.config, d->chain.real);
        if (r == 0)
                setup_say(d->s, SETUP_NEXT,
                                "Docker has not read it yet: sudo systemctl reload "
                                "docker");
        return 0;
}

static int set_up(struct docker_setup *d, struct setup_plan *p, struct error *err) {
        const char *flag = docker_conflict(&d->engine);
        int r = read_runtime_conf(d, err);

        if (r < 0)
                return r;
        r = docker_edit_setup(
                        p->changes[0].file.text, &d->wish, &d->chain, &p->changes[0].text, err);
        if (r < 0)
                return error_prefix(err, r, "%s", d->engine.config);
        if (r == 0)
                return say_nothing_to_do(d, err);
        if (flag)
                return error_set(err, -EEXIST,
                                "dockerd is started with %s, and refuses to have it in %s too: "
                                "take it from its command line first",
                                flag, d->engine.config);
        r = setup_check_programs(d->s, d->chain.program, err);
        if (r == 0)
                r = validate(d, p->changes[0].text, err);
        if (r == 0)
                r = setup_show(d->s, p, err);
        if (r < 0)
                return r;
        say_coverage(d);
        r = setup_decide(d->s, "Write that, and have Docker read it without a restart?", err);
        if (r != 0)
                return r;
        r = setup_commit(d->s, p, err);
        if (r == 0)
                r = put_to_work(d, p, err);
        if (r == 0)
                setup_say(d->s, SETUP_NEXT, "to take it out again: sudo dtgov setup docker --undo");
        return r;
}

/* What an undo knows of the time before, and of those who still need dtgov's runtime. */
struct undo {
        struct conf_file backup;
        struct docker_config config;
        char former[DOCKER_NAME_MAX], names[NAMES_MAX];
        char reals[DOCKER_RUNTIMES_MAX][DOCKER_PATH_MAX]; /* behind each of dtgov's; "" unknown */
        bool keep, is_known; /* dtgov's runtimes stay; who uses them is known */
        char *step;          /* what the engine reads first: the former default, written out */
};

static void undo_done(struct undo *u) {
        conf_done(&u->backup);
        free(u->step);
}

/* The programs that dtgov's runtimes stood before. */
static void find_reals(const struct docker_setup *d, struct undo *u) {
        for (size_t i = 0; i < u->config.ours_count; i++) {
                const char *path = u->config.ours_path[i], *name = docker_real_of(path);
                char found[CONF_PATH_MAX];

                if (name && d->real[0] && strstr(path, "/dtgov-runtime"))
                        (void)text_copy(u->reals[i], sizeof(u->reals[i]), d->real);
                else if (name && program_find(d->s->root, name, found, sizeof(found)))
                        (void)text_copy(u->reals[i], sizeof(u->reals[i]),
                                        found + strlen(d->s->root));
        }
}

/* Whether a program of dtgov's is in it: then it is of no time before dtgov. */
static bool has_ours(const struct docker_config *c) {
        for (size_t i = 0; i < c->ours_count; i++)
                if (docker_real_of(c->ours_path[i]))
                        return true;
        return false;
}

/* Whether the file is what setup, with or without a default, or an undo after it, made of @before.
 */
static bool is_made_from(const struct docker_setup *d, const struct undo *u, const char *now,
                const char *before, bool opt_in) {
        CLEANUP(freep) char *made = NULL;
        CLEANUP(freep) char *undone = NULL;
        CLEANUP(freep) char *pointed = NULL;
        struct docker_wish wish = d->wish;
        struct docker_config config;
        struct docker_chain chain;

        if (docker_config_read(before, &config, NULL) < 0 || has_ours(&config))
                return false;
        wish.opt_in = opt_in;
        if (docker_edit_setup(before, &wish, &chain, &made, NULL) != 1 || !made)
                return false;
        if (strcmp(made, now) == 0)
                return true;
        if (docker_edit_undo(made, u->former, true, NULL, &undone, NULL) == 1 &&
                        strcmp(undone, now) == 0)
                return true;
        /* Their programs were pointed to the real ones, whose paths are what stands there now. */
        return docker_edit_undo(made, u->former, true, u->config.ours_path, &pointed, NULL) == 1 &&
               strcmp(pointed, now) == 0;
}

static int ask_engine(const struct docker_setup *d, struct undo *u) {
        struct error why = { "" };
        int r = -EHOSTDOWN;

        u->keep = true;
        if (d->engine.pid)
                r = client_containers(&d->client, &u->config, u->names, sizeof(u->names), &why);
        else
                (void)error_set(&why, r, "Docker does not run");
        u->is_known = r >= 0;
        u->keep = r != 0;
        if (r > 0)
                setup_say(d->s, SETUP_NOTE,
                                "%d container%s made by dtgov's runtime: %s: the entry stays for "
                                "%s and leads to %s; remove or re-create %s, then undo once more",
                                r, r == 1 ? " was" : "s were", u->names, r == 1 ? "it" : "them",
                                u->config.ours_count > 1 ? "its real runtime"
                                : u->reals[0][0]         ? u->reals[0]
                                                         : "dtgov's program",
                                r == 1 ? "it" : "them");
        else if (r < 0)
                setup_say(d->s, SETUP_NOTE,
                                "the entry stays: whether containers need it is not known (%s); "
                                "undo once more when it is",
                                why.text);
        return 0;
}

/* What is to be in the file in the end. Returns: 1 something changes, 0 nothing */
static int plan_undo(const struct docker_setup *d, struct undo *u, struct setup_change *c,
                struct error *err) {
        const char *now = c->file.text, *before = u->backup.exists ? u->backup.text : "";
        int r = docker_edit_undo(now, u->former, true, u->reals, &u->step, err);

        if (r < 0)
                return r;
        if (u->keep) {
                c->text = u->step ? strdup(u->step) : NULL;
                return u->step && !c->text ? error_set(err, -ENOMEM, "out of memory") : r;
        }
        if (is_made_from(d, u, now, before, false) || is_made_from(d, u, now, before, true)) {
                c->text = u->backup.exists ? strdup(u->backup.text) : NULL;
                return u->backup.exists && !c->text ? error_set(err, -ENOMEM, "out of memory") : 1;
        }
        return docker_edit_undo(now, u->former, false, NULL, &c->text, err);
}

/* First the default, for the engine to take; then the file as it is to stay. */
static int carry_out(const struct docker_setup *d, struct undo *u, struct setup_plan *p,
                struct error *err) {
        struct setup_change *c = &p->changes[0];
        char *last = TAKE(c->text);
        int r = 0;

        if (u->step && d->engine.pid && u->config.default_is_ours) {
                c->text = strdup(u->step);
                r = c->text ? conf_write(&c->file, c->text, err)
                            : error_set(err, -ENOMEM, "out of memory");
                if (r == 0)
                        r = reload(d, u->former, false, err);
                if (r == 1)
                        setup_say(d->s, SETUP_CHECKED,
                                        "Docker has '%s' as its default again, without a restart",
                                        u->former);
        }
        if (r >= 0 && (!last || strcmp(last, c->file.text) != 0))
                r = conf_write(&c->file, last, err);
        free(last);
        if (r < 0)
                return r;
        if (d->engine.pid && !u->config.default_is_ours) /* who asks for it gets the real one now */
                (void)docker_reload(d->s->root, &d->engine, NULL);
        setup_say(d->s, SETUP_DONE, "%s is %s", c->file.shown,
                        !c->file.exists ? "removed, as there was none before"
                        : u->backup.exists && strcmp(c->file.text, u->backup.text) == 0
                                        ? "byte for byte as it was before"
                                        : "written");
        if (u->backup.exists && strcmp(c->file.text, u->backup.text) == 0)
                (void)conf_write(&u->backup, NULL, NULL);
        return 0;
}

static int undo(struct docker_setup *d, struct setup_plan *p, const struct docker_config *config,
                struct error *err) {
        CLEANUP(undo_done) struct undo u = { .config = *config };
        struct setup_change *c = &p->changes[0];
        int r;

        if (!u.config.default_is_ours && u.config.ours_count == 0) {
                setup_say(d->s, SETUP_DONE, "nothing to undo: dtgov is not in %s",
                                d->engine.config);
                return 0;
        }
        r = conf_load_backup(d->s->root, d->engine.config, &u.backup, err);
        if (r < 0)
                return r;
        docker_former(c->file.text, u.backup.exists ? u.backup.text : NULL, u.former);
        (void)read_runtime_conf(d, NULL); /* what it cannot say is not known */
        find_reals(d, &u);
        (void)ask_engine(d, &u);
        r = plan_undo(d, &u, c, err);
        if (r <= 0) {
                if (r == 0)
                        setup_say(d->s, SETUP_DONE, "nothing more to undo now");
                return r;
        }
        r = setup_show(d->s, p, err);
        if (r == 0)
                r = setup_decide(d->s, "Write that, and have Docker read it without a restart?",
                                err);
        if (r != 0)
                return r;
        return carry_out(d, &u, p, err);
}

int docker_run(struct setup *s, struct error *err) {
        struct docker_setup d = { .s = s, .client = { .root = s->root } };
        CLEANUP(setup_plan_done) struct setup_plan p = { .count = 1 };
        struct docker_config config;
        int r;

        r = docker_find(s->root, &d.engine, err);
        if (r == 0)
                r = conf_load(s->root, d.engine.config, &p.changes[0].file, err);
        if (r != 0)
                return r;
        r = docker_config_read(p.changes[0].file.text, &config, err);
        if (r < 0)
                return error_prefix(err, r, "%s", d.engine.config);
        p.changes[0].changes = true;
        p.changes[0].is_mend = has_ours(&config);
        (void)text_copy(d.former, sizeof(d.former), config.default_runtime);
        return s->undo ? undo(&d, &p, &config, err) : set_up(&d, &p, err);
}
