/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/control/durable.h"

#include "governor/control/control.h"

static int work(struct job *job) {
        return journal_sync_wait(&((struct durable *)job)->wait);
}

static void done(struct job *job, int r) {
        struct durable *d = (struct durable *)job;
        struct control *c = d->control;

        d->stuck = r == -ETIMEDOUT && !job->abandoned && job_cancelled(job);
        if (!d->stuck) {
                d->busy = false;
                r = journal_sync_end(c->journal, &d->wait, r);
                d->again = r < 0 && !d->again;
        }
        if (!d->stuck && d->again)
                durable_begin(c);
        else
                engine_durable(c, r);
}

void durable_begin(struct control *c) {
        struct durable *d = &c->durable;
        int r;

        if (d->busy)
                return;
        r = journal_sync_begin(c->journal, &d->wait);
        if (r <= 0) {
                engine_durable(c, r);
                return;
        }
        d->busy = true;
        d->control = c;
        d->job.work = work;
        d->job.done = done;
        d->job.slow = true;
        writers_submit(c->writers, &d->job);
}

static int on_tick(sd_event_source *s, uint64_t usec, void *userdata) {
        struct control *c = userdata;

        (void)usec;
        if (journal_wants_sync(c->journal))
                durable_begin(c);
        return sd_event_source_set_time_relative(s, DURABLE_TICK_USEC);
}

int durable_init(struct control *c) {
        int r = sd_event_add_time_relative(c->event, &c->durable.tick, CLOCK_MONOTONIC,
                        DURABLE_TICK_USEC, DURABLE_TICK_USEC / 4, on_tick, c);

        return r < 0 ? r : sd_event_source_set_enabled(c->durable.tick, SD_EVENT_ON);
}

void durable_done(struct control *c) {
        (void)sd_event_source_disable_unref(c->durable.tick);
        (void)journal_sync(c->journal);
}
