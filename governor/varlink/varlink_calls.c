/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls and their answers: parsing a request, finding its method, and what org.varlink.service
 * answers. What is not a call at all closes the connection without a word.
 *
 * Source: varlink.org, "Protocol", "Service"
 */
#include <stdarg.h>
#include <string.h>

#include "governor/varlink/org.varlink.service.varlink.h"
#include "governor/varlink/varlink_internal.h"

#define SERVICE "org.varlink.service"

/* One frame, taken apart. */
struct call {
        const char *method; /* with its interface */
        const struct json *parameters;
        bool more, oneway;
};

static const struct json_field call_fields[] = {
        { "method", JSON_STRING, offsetof(struct call, method) },
        { "parameters", JSON_OBJECT, offsetof(struct call, parameters) },
        { "more", JSON_BOOL, offsetof(struct call, more) },
        { "oneway", JSON_BOOL, offsetof(struct call, oneway) },
        { 0 },
};

const struct varlink_peer *varlink_get_peer(const struct varlink *link) {
        return &link->peer;
}

bool varlink_is_open(const struct varlink *link) {
        return link->server != NULL;
}

/* An answer: an error, or with @error NULL a reply. */
static int begin(struct varlink *link, const char *error) {
        if (!link->server)
                return -ENOTCONN;
        if (!link->calling)
                return -EALREADY;
        return varlink_message_begin(link, error ? "error" : NULL, error);
}

int varlink_reply_begin(struct varlink *link, struct json_writer **ret) {
        int r = begin(link, NULL);

        *ret = link->writer;
        return r;
}

/* Sends the answer, or closes the connection. */
int varlink_reply_end(struct varlink *link) {
        int r;

        if (!link->server)
                return -ENOTCONN;
        if (!link->calling || !link->writer)
                return -EALREADY;
        r = varlink_message_end(link);
        if (link->oneway)
                link->out_left = 0;
        if (r >= 0)
                r = varlink_flush(link);
        if (r < 0) {
                varlink_disconnect(link);
                return r == -ENOMEM || r == -EINVAL ? r : -ENOTCONN;
        }
        link->since_usec = varlink_now(link->server);
        link->calling = false;
        varlink_settle(link);
        return 0;
}

int varlink_error(struct varlink *link, const char *error, ...) {
        const char *name;
        va_list args;
        int r = begin(link, error);

        if (r < 0)
                return r;
        va_start(args, error);
        while ((name = va_arg(args, const char *))) {
                const char *value = va_arg(args, const char *);

                if (value)
                        json_put_string(link->writer, name, value);
        }
        va_end(args);
        return varlink_reply_end(link);
}

static int get_info(struct varlink *link, const struct json *parameters, void *userdata) {
        struct json_writer *w;
        int r = varlink_reply_begin(link, &w);

        (void)parameters;
        (void)userdata;
        if (r < 0)
                return r;
        json_put_string(w, "vendor", "dtgov");
        json_put_string(w, "product", "dtgov");
        json_put_string(w, "version", DTGOV_VERSION);
        json_put_string(w, "url", "https://varlink.org/");
        json_open_array(w, "interfaces");
        json_put_string(w, NULL, SERVICE);
        json_put_string(w, NULL, link->server->interface->name);
        json_close_array(w);
        return varlink_reply_end(link);
}

static int get_description(struct varlink *link, const struct json *parameters, void *userdata);

static const struct varlink_interface service = {
        .name = SERVICE,
        .description = org_varlink_service_varlink,
        .entries = (const struct varlink_entry[]){ { "GetInfo", get_info },
                        { "GetInterfaceDescription", get_description }, { NULL, NULL } },
};

/* By its name: what every server has, or what this one is for. NULL: there is none */
static const struct varlink_interface *find_interface(
                const struct varlink *link, const char *name) {
        const struct varlink_interface *const known[] = { &service, link->server->interface };

        for (size_t i = 0; i < ARRAY_LEN(known); i++)
                if (strcmp(known[i]->name, name) == 0)
                        return known[i];
        return NULL;
}

static int get_description(struct varlink *link, const struct json *parameters, void *userdata) {
        const struct varlink_interface *i;
        const char *name;
        struct json_writer *w;
        int r;

        (void)userdata;
        if (json_get_string(parameters, "interface", &name, NULL) < 0)
                return varlink_error(
                                link, SERVICE ".InvalidParameter", "parameter", "interface", NULL);
        i = find_interface(link, name);
        if (!i)
                return varlink_error(link, SERVICE ".InterfaceNotFound", "interface", name, NULL);
        r = varlink_reply_begin(link, &w);
        if (r < 0)
                return r;
        json_put_string(w, "description", i->description);
        return varlink_reply_end(link);
}

/* @dot: in the method's name, behind its interface */
static int run(struct varlink *link, const struct call *call, const char *dot) {
        CLEANUP(freep) char *name = strndup(call->method, (size_t)(dot - call->method));
        const struct varlink_interface *i = name ? find_interface(link, name) : NULL;
        const struct varlink_entry *e = i ? i->entries : NULL;
        unsigned references = link->references;
        int r;

        if (!name)
                return -ENOMEM;
        if (!i)
                return varlink_error(link, SERVICE ".InterfaceNotFound", "interface", name, NULL);
        while (e->method && strcmp(e->method, dot + 1) != 0)
                e++;
        if (!e->method)
                return varlink_error(link, SERVICE ".MethodNotFound", "method", call->method, NULL);
        r = e->call ? e->call(link, call->parameters, link->server->userdata) : 0;
        /* Nobody kept the connection: nobody is going to answer. */
        if (r == 0 && link->calling && link->references == references)
                return varlink_error(link, SERVICE ".MethodNotImplemented", "method", call->method,
                                NULL);
        return r;
}

int varlink_dispatch(struct varlink *link, const char *frame, size_t len) {
        CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
        struct call call = { 0 };
        const char *dot, *bad;
        int r;

        if (json_parse(frame, len, VARLINK_REQUEST_DEPTH, &doc, NULL) < 0 ||
                        json_get_fields(json_root(doc), call_fields, &call, &bad, NULL) < 0)
                return -EPROTO;
        dot = call.method ? strrchr(call.method, '.') : NULL;
        if (!dot || dot == call.method || (call.more && call.oneway))
                return -EPROTO;
        link->oneway = call.oneway;
        link->calling = true;
        r = run(link, &call, dot);
        return r < 0 && link->server ? r : 0;
}
