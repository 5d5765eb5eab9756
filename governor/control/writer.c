/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two queues under one mutex, undos and the rest; what is finished goes to a third and wakes the
 * event loop by an eventfd. A job over its deadline is reported at once, so that the undo starts on
 * another thread, and its thread gets a signal: the kernel's reclaim loops of memory.max and
 * memory.high end at a pending signal (mm/memcontrol.c), before an OOM kill if there is still time.
 */
#include "governor/control/writer.h"

#include "governor/kernel/proc.h"

#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>

#define WRITER_SIGNAL   SIGURG /* ignored by default, so that a late one harms nobody */
#define WRITER_NUDGE_NS (50 * NSEC_PER_MSEC)

struct queue {
        struct job *first, **last;
};

struct writers {
        pthread_mutex_t mutex;
        pthread_cond_t wake;
        struct queue undos, others, finished;
        struct job *running[WRITERS_COUNT];
        pthread_t threads[WRITERS_COUNT];
        unsigned threads_count;
        bool stop;
        int event_fd;
        sd_event_source *finished_source, *deadline_source;
};

struct writer_start {
        struct writers *writers;
        unsigned slot;
};

static uint64_t limit_ns(const struct job *job) {
        return job->slow ? WRITER_BUS_DEADLINE_NS : WRITER_DEADLINE_NS;
}

static void queue_init(struct queue *q) {
        q->first = NULL;
        q->last = &q->first;
}

static void queue_push(struct queue *q, struct job *job) {
        job->next = NULL;
        *q->last = job;
        q->last = &job->next;
}

static struct job *queue_pop(struct queue *q) {
        struct job *job = q->first;

        if (!job)
                return NULL;
        q->first = job->next;
        if (!q->first)
                q->last = &q->first;
        return job;
}

bool job_cancelled(struct job *job) {
        return __atomic_load_n(&job->cancelled, __ATOMIC_SEQ_CST);
}

/* The mutex is held. Slot 0 is the reserved one. */
static struct job *next_job(struct writers *w, unsigned slot) {
        struct job *job = queue_pop(&w->undos);

        return job || slot == 0 ? job : queue_pop(&w->others);
}

static void run_job(struct writers *w, unsigned slot, struct job *job) {
        job->thread = pthread_self();
        job->started_ns = proc_boottime_ns();
        w->running[slot] = job;
        (void)pthread_mutex_unlock(&w->mutex);
        job->result = job->work(job);
        (void)pthread_mutex_lock(&w->mutex);
        w->running[slot] = NULL;
        queue_push(&w->finished, job);
        (void)eventfd_write(w->event_fd, 1);
}

static void *writer_thread(void *data) {
        struct writer_start *start = data;
        struct writers *w = start->writers;
        unsigned slot = start->slot;

        free(start);
        (void)pthread_mutex_lock(&w->mutex);
        while (!w->stop) {
                struct job *job = next_job(w, slot);

                if (job)
                        run_job(w, slot, job);
                else
                        (void)pthread_cond_wait(&w->wake, &w->mutex);
        }
        (void)pthread_mutex_unlock(&w->mutex);
        return NULL;
}

static void hand_back(struct writers *w) {
        for (;;) {
                struct job *job;

                (void)pthread_mutex_lock(&w->mutex);
                job = queue_pop(&w->finished);
                (void)pthread_mutex_unlock(&w->mutex);
                if (!job)
                        return;
                job->abandoned = job_cancelled(job);
                job->done(job, job->result);
        }
}

static int on_finished(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        eventfd_t count;

        (void)s;
        (void)revents;
        (void)eventfd_read(fd, &count);
        hand_back(userdata);
        return 0;
}

/* Gives up what is over its deadline. Returns whether anything is still running or waiting. */
static bool check_deadlines(struct writers *w) {
        struct job *late[WRITERS_COUNT] = { NULL };
        uint64_t now = proc_boottime_ns();
        bool busy;

        (void)pthread_mutex_lock(&w->mutex);
        busy = w->undos.first || w->others.first || w->finished.first;
        for (unsigned i = 0; i < WRITERS_COUNT; i++) {
                struct job *job = w->running[i];

                busy |= job != NULL;
                if (!job || u64_sub(now, job->started_ns) < limit_ns(job))
                        continue;
                if (!__atomic_exchange_n(&job->cancelled, true, __ATOMIC_SEQ_CST))
                        late[i] = job;
                (void)pthread_kill(job->thread, WRITER_SIGNAL);
        }
        (void)pthread_mutex_unlock(&w->mutex);

        /* Only this loop hands finished jobs back, so these cannot be freed under our hands. */
        for (unsigned i = 0; i < WRITERS_COUNT; i++)
                if (late[i])
                        late[i]->done(late[i], -ETIMEDOUT);
        return busy;
}

static int on_deadline(sd_event_source *s, uint64_t usec, void *userdata) {
        struct writers *w = userdata;

        (void)usec;
        hand_back(w); /* should a wake-up have been lost */
        if (!check_deadlines(w))
                return 0; /* a one-shot: the next submit starts it again */
        (void)sd_event_source_set_time_relative(s, WRITER_CHECK_USEC);
        (void)sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
        return 0;
}

void writers_submit(struct writers *w, struct job *job) {
        int enabled = SD_EVENT_OFF;

        job->started_ns = 0;
        job->cancelled = job->abandoned = false;
        (void)pthread_mutex_lock(&w->mutex);
        queue_push(job->undo ? &w->undos : &w->others, job);
        (void)pthread_cond_broadcast(&w->wake);
        (void)pthread_mutex_unlock(&w->mutex);

        (void)sd_event_source_get_enabled(w->deadline_source, &enabled);
        if (enabled == SD_EVENT_OFF) {
                (void)sd_event_source_set_time_relative(w->deadline_source, WRITER_CHECK_USEC);
                (void)sd_event_source_set_enabled(w->deadline_source, SD_EVENT_ONESHOT);
        }
}

static void on_signal(int number) {
        (void)number;
}

/* Threads that are made from here on hear that signal alone; *ret_before is for afterwards. */
static int take_signal(sigset_t *ret_before) {
        struct sigaction action = { .sa_handler = on_signal }; /* no SA_RESTART: write(2) returns */
        sigset_t all;

        if (sigaction(WRITER_SIGNAL, &action, NULL) < 0)
                return -errno;
        (void)sigfillset(&all);
        (void)sigdelset(&all, WRITER_SIGNAL);
        return -pthread_sigmask(SIG_SETMASK, &all, ret_before);
}

static int start_threads(struct writers *w) {
        sigset_t before;
        int r = take_signal(&before);

        if (r < 0)
                return r;
        for (unsigned i = 0; i < WRITERS_COUNT && r == 0; i++) {
                struct writer_start *start = malloc(sizeof(*start));

                if (!start) {
                        r = -ENOMEM;
                        break;
                }
                *start = (struct writer_start){ w, i };
                r = -pthread_create(&w->threads[i], NULL, writer_thread, start);
                if (r < 0)
                        free(start);
                else
                        w->threads_count++;
        }
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
        return r;
}

int writers_new(struct writers **ret, sd_event *event) {
        struct writers *w = calloc(1, sizeof(*w));
        int r;

        if (!w)
                return -ENOMEM;
        (void)pthread_mutex_init(&w->mutex, NULL);
        (void)pthread_cond_init(&w->wake, NULL);
        queue_init(&w->undos);
        queue_init(&w->others);
        queue_init(&w->finished);
        w->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        r = w->event_fd < 0 ? -errno : 0;
        if (r == 0)
                r = sd_event_add_io(
                                event, &w->finished_source, w->event_fd, EPOLLIN, on_finished, w);
        if (r >= 0)
                r = sd_event_add_time_relative(event, &w->deadline_source, CLOCK_MONOTONIC,
                                WRITER_CHECK_USEC, 0, on_deadline, w);
        if (r >= 0)
                r = start_threads(w);
        if (r < 0) {
                (void)writers_free(w);
                return r;
        }
        /* What a rollback finished is told before anything else is begun. */
        (void)sd_event_source_set_priority(w->finished_source, SD_EVENT_PRIORITY_IMPORTANT);
        *ret = w;
        return 0;
}

static bool join_within(pthread_t thread, uint64_t ns) {
        struct timespec end;

        (void)clock_gettime(CLOCK_MONOTONIC, &end);
        ns += (uint64_t)end.tv_nsec;
        end.tv_sec += (time_t)(ns / NSEC_PER_SEC);
        end.tv_nsec = (long)(ns % NSEC_PER_SEC);
        return pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &end) == 0;
}

/* Whether the thread is back before @end_ns; until then its system call is interrupted. */
static bool join(pthread_t thread, uint64_t end_ns) {
        while (!join_within(thread, WRITER_NUDGE_NS)) {
                if (proc_boottime_ns() >= end_ns)
                        return false;
                (void)pthread_kill(thread, WRITER_SIGNAL);
        }
        return true;
}

static void *job_thread(void *data) {
        struct job *job = data;

        job->result = job->work(job);
        return NULL;
}

int job_do(struct job *job) {
        sigset_t before;
        pthread_t thread;
        int r;

        job->cancelled = job->abandoned = false;
        if (take_signal(&before) < 0)
                return job->work(job);
        r = pthread_create(&thread, NULL, job_thread, job);
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (r != 0)
                return job->work(job); /* late is better than never */
        if (join_within(thread, limit_ns(job)))
                return job->result;
        __atomic_store_n(&job->cancelled, true, __ATOMIC_SEQ_CST);
        (void)pthread_kill(thread, WRITER_SIGNAL);
        if (join(thread, proc_boottime_ns() + NSEC_PER_SEC))
                return job->result;
        (void)pthread_detach(thread);
        job->abandoned = true;
        return -ETIMEDOUT;
}

static void drop_all(struct queue *q) {
        for (struct job *job; (job = queue_pop(q));)
                if (job->drop)
                        job->drop(job);
}

bool writers_free(struct writers *w) {
        uint64_t end_ns = proc_boottime_ns() + WRITER_DEADLINE_NS;
        unsigned left = 0;

        if (!w)
                return true;
        (void)pthread_mutex_lock(&w->mutex);
        w->stop = true;
        for (unsigned i = 0; i < WRITERS_COUNT; i++)
                if (w->running[i])
                        __atomic_store_n(&w->running[i]->cancelled, true, __ATOMIC_SEQ_CST);
        (void)pthread_cond_broadcast(&w->wake);
        (void)pthread_mutex_unlock(&w->mutex);
        for (unsigned i = 0; i < w->threads_count; i++)
                if (!join(w->threads[i], end_ns))
                        w->threads[left++] = w->threads[i];
        w->threads_count = left;
        if (left > 0)
                return false;
        drop_all(&w->undos);
        drop_all(&w->others);
        drop_all(&w->finished);
        (void)sd_event_source_disable_unref(w->finished_source);
        (void)sd_event_source_disable_unref(w->deadline_source);
        if (w->event_fd >= 0)
                (void)close(w->event_fd);
        (void)pthread_cond_destroy(&w->wake);
        (void)pthread_mutex_destroy(&w->mutex);
        free(w);
        return true;
}
