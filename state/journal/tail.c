/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a write or an fdatasync fails, or the segment is full, the whole tail moves to a new
 * segment: after a failed fsync the kernel may have dropped the pages, so asking the same file
 * again proves nothing (PostgreSQL, "fsyncgate").
 *
 * Source: Pillai et al., "All File Systems Are Not Created Equal" (OSDI 2014); etcd
 * server/storage/wal
 */
#include "state/journal/tail.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>

static uint64_t clock_ns(clockid_t clock) {
        struct timespec now;

        (void)clock_gettime(clock, &now);
        return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

void tail_abandon(struct tail *t) {
        closep(&t->fd);
        t->fd = -1;
        t->written = 0;
        t->generation++;
}

bool tail_fits(const struct tail *t, size_t records) {
        return t->fd >= 0 && t->used_bytes + records * JOURNAL_RECORD_SIZE <= JOURNAL_SEGMENT_SIZE;
}

static int write_records(struct tail *t) {
        const char *data = (const char *)&t->records[t->written];
        size_t len = (t->count - t->written) * JOURNAL_RECORD_SIZE, done = 0;

        while (done < len) {
                ssize_t n = pwrite(t->fd, data + done, len - done, (off_t)(t->used_bytes + done));

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : -EIO;
                done += (size_t)n;
        }
        t->used_bytes += len;
        t->written = t->count;
        return 0;
}

/* A new segment, into which the whole tail goes. */
static int advance(struct tail *t) {
        int r;

        tail_abandon(t);
        if (segments_spares(&t->segments) == 0) {
                r = segments_make_spares(&t->segments);
                if (segments_spares(&t->segments) == 0)
                        return r;
        }
        r = segments_advance(&t->segments, t->records[0].seq);
        if (r < 0)
                return r;
        t->fd = r;
        t->used_bytes = 0;
        t->directory_synced = false;
        return 0;
}

int tail_flush(struct tail *t) {
        int r = 0;

        if (t->count == 0)
                return 0;
        if (tail_fits(t, t->count - t->written)) {
                r = write_records(t);
                if (r >= 0)
                        return 0;
        }
        r = advance(t);
        if (r >= 0)
                r = write_records(t);
        if (r < 0)
                tail_abandon(t);
        return r;
}

int tail_sync_begin(struct tail *t, struct journal_wait *ret) {
        int r;

        if (t->count == 0 && (t->fd < 0 || t->durable_seq == t->next_seq))
                return 0;
        r = tail_flush(t);
        if (r < 0)
                return r;
        *ret = (struct journal_wait){
                .fd = fcntl(t->fd, F_DUPFD_CLOEXEC, 0),
                .dir_fd = t->directory_synced ? -1 : t->segments.dir_fd,
                .seq = t->next_seq,
                .generation = t->generation,
        };
        return ret->fd < 0 ? -errno : 1;
}

int tail_sync_wait(const struct journal_wait *w) {
        if (fdatasync(w->fd) < 0 || (w->dir_fd >= 0 && fsync(w->dir_fd) < 0))
                return -errno;
        return 0;
}

int tail_sync_end(struct tail *t, struct journal_wait *w, int r) {
        size_t done;

        closep(&w->fd);
        if (w->generation != t->generation)
                return 0; /* another file has all of it by now, and its own wait to come */
        if (r < 0) {
                tail_abandon(t);
                return r;
        }
        t->directory_synced = true;
        if (w->seq <= t->durable_seq)
                return 0;
        done = t->count - (size_t)(t->next_seq - w->seq);
        t->count -= done;
        t->written -= done;
        memmove(t->records, t->records + done, t->count * sizeof(struct record));
        t->durable_seq = w->seq;
        return 0;
}

int tail_sync(struct tail *t) {
        int r = 0;

        for (int attempt = 0; attempt < 2; attempt++) {
                struct journal_wait w;
                int more = tail_sync_begin(t, &w);

                if (more <= 0)
                        return more < 0 ? more : r;
                r = tail_sync_end(t, &w, tail_sync_wait(&w));
                if (r >= 0)
                        break;
        }
        return r;
}

void tail_add(struct tail *t, enum record_type type, uint64_t change, const uint8_t *boot,
                const void *body, size_t size) {
        struct record *r = &t->records[t->count++];

        memset(r, 0, sizeof(*r));
        r->type = (uint16_t)type;
        r->seq = t->next_seq++;
        r->durable_seq = t->durable_seq;
        r->change = change;
        r->boottime_ns = clock_ns(CLOCK_BOOTTIME);
        r->realtime_ns = clock_ns(CLOCK_REALTIME);
        memcpy(r->boot, boot ? boot : t->boot, sizeof(r->boot));
        memcpy(&r->body, body, size);
        r->previous_crc = t->crc;
        record_seal(r);
        t->crc = r->crc;
}
