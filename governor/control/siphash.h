/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SipHash-2-4: a keyed hash of 64 bits that cannot be aimed at without the key.
 *
 * Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012
 */
#pragma once

#include "state/base.h"

uint64_t siphash24(const uint64_t key[static 2], const void *data, size_t len);
