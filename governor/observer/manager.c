/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time enters here. A timer of a tenth of a second samples a tenth of the containers, so that no
 * sweep comes in one burst; triggers of the ladder come in between.
 */
#include "governor/observer/manager.h"

#include "governor/observer/ladder.h"
#include "state/log.h"
#include "state/text.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#define TICK_USEC         (MANAGER_INTERVAL_NS / MANAGER_SLOTS / NSEC_PER_USEC)
#define TICK_ACCURACY     (10 * USEC_PER_MSEC)
#define AT_ONCE_NS        (100 * NSEC_PER_MSEC) /* by sweep and triggers no container is more often */
#define AGAIN_USEC        (30 * USEC_PER_MSEC)
#define AGAIN_NS          (150 * NSEC_PER_MSEC) /* a period of the quota, and the half of one */
#define STALE_NS          (10 * NSEC_PER_SEC) /* how long a new dtgovd may take to name them all */
#define HISTORY_DIR_FLAGS (O_RDONLY | O_DIRECTORY)

static uint64_t monotonic_usec(void) {
        struct timespec ts;

        (void)clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t)ts.tv_sec * USEC_PER_SEC + (uint64_t)ts.tv_nsec / NSEC_PER_USEC;
}

const struct sizing_host *manager_host(struct manager *m, uint64_t now_ns) {
        struct host host;

        if (m->host_ns == 0 || now_ns >= m->host_ns + NSEC_PER_SEC) {
                m->host_ns = now_ns;
                /* Unreadable: all zero, and nothing is proposed. */
                if (proc_host(m->proc_fd, &host, NULL) < 0)
                        host = (struct host){};
                m->host = (struct sizing_host){ host.memory_total_bytes,
                        host.memory_available_bytes, host.online_cpus };
        }
        return &m->host;
}

struct target *manager_find(struct manager *m, uint64_t cgroup_inode) {
        for (size_t i = 0; i < m->targets_count; i++)
                if (m->targets[i]->container.cgroup_inode == cgroup_inode)
                        return m->targets[i];
        return NULL;
}

struct target *manager_find_id(struct manager *m, const char *container_id) {
        for (size_t i = 0; i < m->targets_count; i++)
                if (strcmp(m->targets[i]->container.id, container_id) == 0)
                        return m->targets[i];
        return NULL;
}

void manager_sample(struct manager *m, struct target *t, uint64_t now_ns) {
        struct sample before = t->sampler.last, s;

        if (sampler_read(&t->sampler, now_ns, &s) < 0) {
                t->gone = true;
                return;
        }
        t->sampled_ns = now_ns;
        if (sample_ring_add(&t->ring, &s) < 0)
                return;
        findings_update(m, t, &before, now_ns);
        findings_probation(m, t);
}

/*
 * Stall is seen at once, but the kernel counts what it was of later: a period as throttled at its
 * end. Without this the evidence would be complete only at the next trigger, half a second later.
 */
static int on_again(sd_event_source *source, uint64_t usec, void *userdata) {
        struct manager *m = userdata;
        uint64_t now_ns = proc_boottime_ns();
        bool more = false;

        (void)usec;
        for (size_t i = 0; i < m->targets_count; i++) {
                struct target *t = m->targets[i];

                if (t->gone || now_ns > t->again_until_ns || !findings_near(t, now_ns))
                        continue;
                manager_sample(m, t, now_ns);
                more = true;
        }
        if (more)
                (void)sd_event_source_set_time_relative(source, AGAIN_USEC);
        return sd_event_source_set_enabled(source, more ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

void manager_fired(struct target *t, uint64_t now_ns) {
        int enabled = SD_EVENT_OFF;

        if (t->gone || !findings_near(t, now_ns))
                return;
        if (now_ns >= t->sampled_ns + AT_ONCE_NS)
                manager_sample(t->manager, t, now_ns);
        /* Once a second: the ring has room for a few samples more, not for many. */
        if (t->gone || now_ns < t->again_until_ns + NSEC_PER_SEC - AGAIN_NS)
                return;
        t->again_until_ns = now_ns + AGAIN_NS;
        (void)sd_event_source_get_enabled(t->manager->again, &enabled);
        if (enabled != SD_EVENT_OFF)
                return;
        (void)sd_event_source_set_time_relative(t->manager->again, AGAIN_USEC);
        (void)sd_event_source_set_enabled(t->manager->again, SD_EVENT_ONESHOT);
}

static void close_all(const int *fds, size_t count) {
        for (size_t i = 0; i < count; i++)
                (void)close(fds[i]);
}

static void set_container(struct target *t, const struct link_container *c) {
        t->container = c->container;
        t->container.id[CONTAINER_ID_SIZE - 1] = '\0';
        t->container.cgroup[CONTAINER_PATH_SIZE - 1] = '\0';
        t->container.runtime[sizeof(t->container.runtime) - 1] = '\0';
}

static struct target *make_target(struct manager *m, const struct link_container *c, int dir_fd) {
        struct target *t = NULL;

        if (m->targets_count == m->targets_room) {
                size_t room = m->targets_room ? m->targets_room * 2 : 32;
                struct target **targets = realloc(m->targets, room * sizeof(*targets));

                if (!targets)
                        return NULL;
                m->targets = targets;
                m->targets_room = room;
        }
        t = calloc(1, sizeof(*t));
        if (!t)
                return NULL;

        t->manager = m;
        set_container(t, c);
        t->slot = (unsigned)(m->targets_count % MANAGER_SLOTS);
        t->started_ns = proc_boottime_ns();
        sampler_open(&t->sampler, dir_fd);
        m->targets[m->targets_count++] = t;
        return t;
}

void manager_add(struct manager *m, const struct link_container *c, const int *fds, size_t count) {
        struct target *t = manager_find(m, c->container.cgroup_inode);

        if (count != 1 + (size_t)__builtin_popcount(c->ladder_mask) ||
                        c->ladder_mask >> LINK_LADDER_FDS != 0) {
                close_all(fds, count);
                return;
        }
        if (t) {
                /* From a dtgovd that was restarted, or has heard of it by its hook now. */
                ladder_remove(t);
                set_container(t, c);
                (void)close(fds[0]);
        } else {
                t = m->targets_count < MANAGER_TARGETS_MAX ? make_target(m, c, fds[0]) : NULL;
                if (!t) {
                        close_all(fds, count);
                        log_warning("%s: no room, not observed", c->container.id);
                        return;
                }
        }
        t->flags = c->flags;
        t->stale = t->gone = false;
        ladder_add(m->event, t, c->ladder_mask, fds + 1);
}

static void remove_gone(struct manager *m, uint64_t now_ns) {
        bool all_named = m->uplink.hello && now_ns > m->uplink.hello_ns + STALE_NS;

        for (size_t i = 0; i < m->targets_count;) {
                struct target *t = m->targets[i];

                if (!t->gone && !(t->stale && all_named)) {
                        i++;
                        continue;
                }
                target_free(t);
                m->targets[i] = m->targets[--m->targets_count];
        }
}

void manager_swept(struct manager *m, unsigned slot, uint64_t begin_usec, uint64_t end_usec) {
        if (slot == 0) {
                if (m->sweep_began_usec != 0)
                        m->interval_usec = u64_sub(begin_usec, m->sweep_began_usec);
                m->sweep_began_usec = begin_usec;
        }
        m->sweep_sum_usec += end_usec - begin_usec;
        if (slot == MANAGER_SLOTS - 1) {
                m->sweep_usec = m->sweep_sum_usec;
                m->sweep_sum_usec = 0;
        }
}

uint64_t manager_interval_usec(const struct manager *m) {
        return u64_max(m->interval_usec, MANAGER_INTERVAL_NS / NSEC_PER_USEC);
}

static int on_tick(sd_event_source *source, uint64_t usec, void *userdata) {
        struct manager *m = userdata;
        unsigned slot = (unsigned)(m->tick++ % MANAGER_SLOTS);
        uint64_t begin_usec = monotonic_usec(), now_ns;

        if (slot == 0) {
                pressure_read(&m->pressure, m->proc_fd, proc_boottime_ns());
                disks_tick(m, proc_boottime_ns());
        }
        for (size_t i = 0; i < m->targets_count; i++) {
                struct target *t = m->targets[i];

                if (t->slot != slot || t->gone)
                        continue;
                now_ns = proc_boottime_ns();
                if (now_ns >= t->sampled_ns + AT_ONCE_NS)
                        manager_sample(m, t, now_ns);
        }
        manager_swept(m, slot, begin_usec, monotonic_usec());
        now_ns = proc_boottime_ns();
        remove_gone(m, now_ns);
        uplink_tick(m, now_ns);

        /* Ticks that a stopped or overloaded machine missed are not made up for. */
        usec = u64_max(usec + TICK_USEC, monotonic_usec());
        (void)sd_event_source_set_time(source, usec);
        return 0;
}

static int open_directories(struct manager *m, struct error *err) {
        int history_fd, r;

        m->proc_fd = open(m->options.proc_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (m->proc_fd < 0)
                return error_errno(err, -errno, "cannot open '%s'", m->options.proc_dir);

        history_fd = open(m->options.history_dir, HISTORY_DIR_FLAGS | O_CLOEXEC);
        if (history_fd < 0)
                log_warning("%s: %s; findings have no numbers", m->options.history_dir,
                                strerrordesc_np(errno));
        r = numbers_open(&m->numbers, history_fd, err);
        if (r < 0)
                log_warning("%s", err->text);
        return 0;
}

static int open_events(struct manager *m, struct error *err) {
        sigset_t signals;
        int r;

        r = sd_event_new(&m->event);
        if (r < 0)
                return error_errno(err, r, "cannot make an event loop");

        (void)sigemptyset(&signals);
        (void)sigaddset(&signals, SIGTERM);
        (void)sigaddset(&signals, SIGINT);
        (void)sigprocmask(SIG_BLOCK, &signals, NULL);
        r = sd_event_add_signal(m->event, NULL, SIGTERM, NULL, NULL);
        if (r >= 0)
                r = sd_event_add_signal(m->event, NULL, SIGINT, NULL, NULL);
        if (r >= 0)
                r = sd_event_add_time(m->event, &m->timer, CLOCK_MONOTONIC, monotonic_usec(),
                                TICK_ACCURACY, on_tick, m);
        if (r >= 0)
                r = sd_event_source_set_enabled(m->timer, SD_EVENT_ON);
        if (r >= 0)
                r = sd_event_add_time(m->event, &m->again, CLOCK_MONOTONIC, 0, USEC_PER_MSEC,
                                on_again, m);
        if (r >= 0)
                r = sd_event_source_set_enabled(m->again, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_set_watchdog(m->event, true);
        return r < 0 ? error_errno(err, r, "cannot fill the event loop") : 0;
}

int manager_new(struct manager **ret, const struct manager_options *options, struct error *err) {
        struct manager *m = calloc(1, sizeof(*m));
        int r;

        if (!m)
                return error_set(err, -ENOMEM, "out of memory");

        m->options = *options;
        m->started_ns = proc_boottime_ns();
        m->proc_fd = m->uplink.fd = m->numbers.dir_fd = -1;
        r = open_directories(m, err);
        if (r >= 0)
                r = open_events(m, err);
        if (r >= 0)
                r = api_open(m, err);
        if (r < 0) {
                manager_free(m);
                return r;
        }
        *ret = m;
        return 0;
}

void manager_free(struct manager *m) {
        if (!m)
                return;
        uplink_close(m);
        for (size_t i = 0; i < m->targets_count; i++)
                target_free(m->targets[i]);
        free(m->targets);
        if (m->server)
                varlink_server_free(m->server);
        m->timer = sd_event_source_disable_unref(m->timer);
        m->again = sd_event_source_disable_unref(m->again);
        sd_event_unref(m->event);
        numbers_done(&m->numbers);
        closep(&m->proc_fd);
        free(m);
}

int manager_run(struct manager *m, struct error *err) {
        int r;

        r = uplink_open(m, err);
        if (r < 0)
                return r;
        (void)sd_notify(/* unset_environment= */ 0, "READY=1");
        r = sd_event_loop(m->event);
        (void)sd_notify(/* unset_environment= */ 0, "STOPPING=1");
        return r < 0 ? error_errno(err, r, "the event loop failed") : 0;
}
