/* SPDX-License-Identifier: Apache-2.0 */
/* What the answers on query.sock share. */
#pragma once

#include "governor/observer/manager.h"

/* varlink's numbers have a sign: "max" is the largest of them. */
int64_t query_number(uint64_t value);

void query_put_gauge(struct json_writer *w, const char *name, uint64_t value, const char *unit);
void query_put_process(struct json_writer *w, const struct culprit *c);
void query_put_finding(struct json_writer *w, struct manager *m, const struct entry *e);
