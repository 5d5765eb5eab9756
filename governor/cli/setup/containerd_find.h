/* SPDX-License-Identifier: Apache-2.0 */
/* Whether there is a containerd that reads the file that setup would edit. */
#pragma once

#include "state/error.h"

#define CONTAINERD_CONFIG "/etc/containerd/config.toml"

/* Errors: -ENOENT not installed here; -ENOTSUP older than 1.6, or one runs with another file */
int containerd_find(const char *root, struct error *err);
