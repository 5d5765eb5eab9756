/* SPDX-License-Identifier: Apache-2.0 */
#include "governor/control/owner.h"

#include <pthread.h>
#include <string.h>

struct owner {
        pthread_mutex_t mutex;
        struct systemd *bus; /* NULL: broken, or no systemd here */
        bool present;
};

enum question { ASK_UNIT, ASK_CHECK, ASK_TELL, ASK_SYNC };

struct owner_call {
        enum question question;
        const char *name; /* path or unit */
        const struct limits *limits;
        char *ret_unit;
        struct error *err;
};

int owner_new(struct owner **ret) {
        struct owner *o = calloc(1, sizeof(*o));
        struct error err;
        int r;

        if (!o)
                return -ENOMEM;
        r = systemd_open(&o->bus, &err);
        o->present = r >= 0;
        (void)pthread_mutex_init(&o->mutex, NULL);
        *ret = o;
        return 0;
}

void owner_free(struct owner *o) {
        if (!o)
                return;
        if (o->bus)
                systemd_close(o->bus);
        (void)pthread_mutex_destroy(&o->mutex);
        free(o);
}

bool owner_has_systemd(const struct owner *o) {
        return o->present;
}

bool owner_may_be_unit(const char *path) {
        static const char *const suffixes[] = { ".scope", ".service", ".slice" };
        const char *dot = strrchr(path, '.');

        for (size_t i = 0; dot && i < ARRAY_LEN(suffixes); i++)
                if (strcmp(dot, suffixes[i]) == 0)
                        return true;
        return false;
}

static int ask(struct systemd *bus, const struct owner_call *call) {
        switch (call->question) {
        case ASK_UNIT:
                return systemd_unit_of(bus, call->name, call->ret_unit);
        case ASK_CHECK:
                return systemd_check(bus, call->name, call->limits, call->err);
        case ASK_TELL:
                return systemd_tell(bus, call->name, call->limits, call->err);
        case ASK_SYNC:
                return systemd_sync(bus, call->err);
        }
        return -EINVAL;
}

static bool is_broken(int r) {
        return r == -ENOTCONN || r == -ECONNRESET || r == -EPIPE || r == -ESTALE || r == -EBADF;
}

static int owner_ask(struct owner *o, const struct owner_call *call) {
        int r = -ENOTCONN;

        if (!o->present)
                return call->question == ASK_UNIT
                                       ? 0
                                       : error_set(call->err, -ENOENT, "no systemd runs here");
        (void)pthread_mutex_lock(&o->mutex);
        if (o->bus)
                r = ask(o->bus, call);
        if (is_broken(r)) {
                if (o->bus)
                        systemd_close(o->bus);
                o->bus = NULL;
                r = systemd_open(&o->bus, call->err);
                if (r >= 0)
                        r = ask(o->bus, call);
        }
        (void)pthread_mutex_unlock(&o->mutex);
        return r;
}

int owner_unit_of(struct owner *o, const char *path, char ret_unit[static OWNER_UNIT_SIZE]) {
        struct owner_call call = { .question = ASK_UNIT, .name = path, .ret_unit = ret_unit };

        ret_unit[0] = '\0';
        return owner_may_be_unit(path) ? owner_ask(o, &call) : 0;
}

int owner_check(struct owner *o, const char *unit, const struct limits *limits, struct error *err) {
        return owner_ask(o, &(struct owner_call){ ASK_CHECK, unit, limits, NULL, err });
}

int owner_tell(struct owner *o, const char *unit, const struct limits *limits, struct error *err) {
        return owner_ask(o, &(struct owner_call){ ASK_TELL, unit, limits, NULL, err });
}

int owner_sync(struct owner *o, struct error *err) {
        return owner_ask(o, &(struct owner_call){ ASK_SYNC, NULL, NULL, NULL, err });
}
