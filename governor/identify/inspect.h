/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Docker and Podman answer to GET /containers/ID/json: the few members that identity needs.
 * All of it is text that others wrote. Environment variables come along and may be secrets: one is
 * looked at, none is kept.
 *
 * Source: Docker Engine API v1.41, "ContainerInspect"; Podman's compatible API
 */
#pragma once

#include "state/identity.h"

/*
 * Makes the record of @c from a document.
 *
 * @engine:  who answered
 * @proc_fd: of /proc; the process that the engine names must be in the cgroup of @c: the same id
 *           may be in two engines, and an engine may lie. -1: not looked at
 * Returns:  what became of it; unless IDENTITY_FOUND @ret is not written
 */
enum identity_status inspect_read(const char *text, size_t len, const struct container *c,
                enum engine_kind engine, int proc_fd, struct identity *ret);
