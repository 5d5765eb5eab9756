/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text from outside on its way to a person: process names, container ids, labels. It is stored raw
 * and made harmless here, at the output.
 */
#pragma once

#include "state/base.h"

/*
 * Copies @text so that a terminal shows it and does not obey it: C0, C1, DEL and bidirectional
 * controls, and bytes that are not UTF-8, become \xNN or \u{NNNN}.
 *
 * @out, @size: where to, with the NUL; the text is cut at a whole character
 */
void text_printable(const char *text, char *out, size_t size);

/* Whether the @len bytes at @text are UTF-8 (RFC 3629: no overlong forms, no surrogates). */
bool text_is_utf8(const char *text, size_t len);

/*
 * Appends text, or a decimal number, to what is in @out; for the hook, to which printf() and all
 * the pages it touches would cost more than its own work.
 *
 * @used:   bytes in @out now, without the NUL; @size or more after something did not fit
 * Returns: bytes in @out then; @size when it does not fit, and @out stays as it was
 */
size_t text_append(char *out, size_t size, size_t used, const char *text);
size_t text_append_u64(char *out, size_t size, size_t used, uint64_t number);

/* Copies at most @size - 1 bytes and a NUL. Returns whether all of @text fitted. */
bool text_copy(char *out, size_t size, const char *text);
