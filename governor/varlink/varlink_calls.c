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
#include "governor/varlink/varlink_server.h"

#define SERVICE "org.varlink.service"

/* One frame, taken apart. */
struct call {
        const char *method; /* with its interface */
        const char *name;   /* its last part */
        size_t interface_len;
        const struct json *parameters;
};

const struct varlink_peer *varlink_get_peer(const struct varlink *link) {
        return &link->peer;
}

bool varlink_peer_in_group(const struct varlink *link, gid_t gid) {
        if (link->peer.gid == gid)
                return true;
        for (size_t i = 0; i < link->groups_count; i++)
                if (link->groups[i] == gid)
                        return true;
        return false;
}

bool varlink_is_open(const struct varlink *link) {
        return link->server != NULL;
}

bool varlink_wants_more(const struct varlink *link) {
        return link->more;
}

static int begin(struct varlink *link, const char *error, struct json_writer **ret) {
        int r;

        if (!link->server)
                return -ENOTCONN;
        if (!link->calling)
                return -EALREADY;
        json_writer_free(TAKE(link->writer));
        r = json_writer_new(&link->writer);
        if (r < 0)
                return r;
        json_open_object(link->writer, NULL);
        if (error)
                json_put_string(link->writer, "error", error);
        json_open_object(link->writer, "parameters");
        *ret = link->writer;
        return 0;
}

/* Sends the message, or closes the connection when its peer does not read. */
static int end(struct varlink *link, bool continues) {
        int r = 0;

        json_close_object(link->writer);
        if (continues)
                json_put_bool(link->writer, "continues", true);
        json_close_object(link->writer);

        if (link->out_used == 0)
                link->since_usec = varlink_now(link->server);
        if (link->out_used - link->out_sent > VARLINK_QUEUE_MAX)
                r = -ENOBUFS;
        else if (link->oneway)
                json_writer_free(TAKE(link->writer));
        else
                r = varlink_queue_writer(link);
        if (r >= 0)
                r = varlink_flush(link);
        if (r < 0) {
                varlink_disconnect(link);
                return r == -ENOMEM || r == -EINVAL ? r : -ENOTCONN;
        }
        link->calling = continues;
        varlink_settle(link);
        return 0;
}

int varlink_reply_begin(struct varlink *link, struct json_writer **ret) {
        return begin(link, NULL, ret);
}

int varlink_reply_end(struct varlink *link, bool continues) {
        if (!link->server)
                return -ENOTCONN;
        if (!link->writer)
                return -EALREADY;
        if (continues && !link->more)
                return -EPROTO;
        return end(link, continues);
}

int varlink_error(struct varlink *link, const char *error, ...) {
        struct json_writer *w;
        const char *name;
        va_list args;
        int r;

        r = begin(link, error, &w);
        if (r < 0)
                return r;
        va_start(args, error);
        while ((name = va_arg(args, const char *))) {
                const char *value = va_arg(args, const char *);

                if (value)
                        json_put_string(w, name, value);
        }
        va_end(args);
        return end(link, /* continues= */ false);
}

int varlink_error_parameter(struct varlink *link, const char *parameter) {
        return varlink_error(link, SERVICE ".InvalidParameter", "parameter", parameter, NULL);
}

static int get_info(struct varlink *link) {
        struct json_writer *w;
        int r;

        r = varlink_reply_begin(link, &w);
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
        return varlink_reply_end(link, /* continues= */ false);
}

static int get_description(struct varlink *link, const struct json *parameters) {
        const struct varlink_interface *i = link->server->interface;
        const char *name, *text;
        struct json_writer *w;
        int r;

        if (json_get_string(parameters, "interface", &name, NULL) < 0)
                return varlink_error_parameter(link, "interface");
        if (strcmp(name, SERVICE) == 0)
                text = org_varlink_service_varlink;
        else if (strcmp(name, i->name) == 0)
                text = i->description;
        else
                return varlink_error(link, SERVICE ".InterfaceNotFound", "interface", name, NULL);

        r = varlink_reply_begin(link, &w);
        if (r < 0)
                return r;
        json_put_string(w, "description", text);
        return varlink_reply_end(link, /* continues= */ false);
}

static bool of_interface(const struct call *c, const char *interface) {
        return strlen(interface) == c->interface_len &&
               memcmp(c->method, interface, c->interface_len) == 0;
}

static int run(struct varlink *link, const struct call *c) {
        const struct varlink_interface *i = link->server->interface;
        char interface[128];

        if (of_interface(c, SERVICE) && strcmp(c->name, "GetInfo") == 0)
                return get_info(link);
        if (of_interface(c, SERVICE) && strcmp(c->name, "GetInterfaceDescription") == 0)
                return get_description(link, c->parameters);

        for (const struct varlink_entry *e = i->entries; of_interface(c, i->name) && e->method;
                        e++) {
                if (strcmp(c->name, e->method) != 0)
                        continue;
                if (!e->call)
                        return varlink_error(link, SERVICE ".MethodNotImplemented", "method",
                                        c->method, NULL);
                return e->call(link, c->parameters, link->server->userdata);
        }
        if (of_interface(c, SERVICE) || of_interface(c, i->name))
                return varlink_error(link, SERVICE ".MethodNotFound", "method", c->method, NULL);
        if (c->interface_len >= sizeof(interface))
                return -EPROTO;
        memcpy(interface, c->method, c->interface_len);
        interface[c->interface_len] = '\0';
        return varlink_error(link, SERVICE ".InterfaceNotFound", "interface", interface, NULL);
}

/* A flag of the call; absent is false. */
static int read_flag(const struct json *root, const char *key, bool *ret) {
        int r = json_get_bool(root, key, ret, NULL);

        if (r == -ENOENT)
                *ret = false;
        return r == -ENOENT ? 0 : r;
}

static int read_call(struct varlink *link, const struct json *root, struct call *ret) {
        const char *dot;

        if (root->type != JSON_OBJECT || json_get_string(root, "method", &ret->method, NULL) < 0 ||
                        read_flag(root, "more", &link->more) < 0 ||
                        read_flag(root, "oneway", &link->oneway) < 0)
                return -EPROTO;
        ret->parameters = json_get(root, "parameters");
        if (ret->parameters && ret->parameters->type == JSON_NULL)
                ret->parameters = NULL;
        if (ret->parameters && ret->parameters->type != JSON_OBJECT)
                return -EPROTO;
        dot = strrchr(ret->method, '.');
        if (!dot || dot == ret->method || (link->more && link->oneway))
                return -EPROTO;
        ret->name = dot + 1;
        ret->interface_len = (size_t)(dot - ret->method);
        return 0;
}

int varlink_dispatch(struct varlink *link, const char *frame, size_t len) {
        CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
        struct call call = { 0 };
        unsigned references;
        int r;

        if (json_parse(frame, len, link->server->depth_max, &doc, NULL) < 0)
                return -EPROTO;
        r = read_call(link, json_root(doc), &call);
        if (r < 0)
                return r;

        link->calling = true;
        references = link->references;
        r = run(link, &call);
        if (r < 0)
                return link->server ? r : 0;
        /* Nobody kept the connection: nobody is going to answer. */
        if (link->calling && link->references == references)
                return varlink_error(
                                link, SERVICE ".MethodNotImplemented", "method", call.method, NULL);
        return 0;
}
