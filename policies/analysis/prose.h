/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sentences of a finding: what is wrong and who is behind it; what is proposed, what to expect,
 * what may go wrong, how to undo it, how long it lasts, and what must be restarted. Made from
 * numbers alone; names of processes and of a victim are escaped.
 */
#pragma once

#include "state/change.h"

#define PROSE_MAX 320

struct prose {
        char text[PROSE_MAX];      /* what is wrong, with the numbers */
        char processes[PROSE_MAX]; /* "cc1plus (of ninja) 96 % of its CPU", "" when none is known */
        char why[PROSE_MAX];       /* how the new value came about, or why there is none */
        char effect[PROSE_MAX], risk[PROSE_MAX], undo[PROSE_MAX], lasts[PROSE_MAX];
        char restart[PROSE_MAX];
};

/*
 * @p:       the proposal; NULL when there is none: then the sentences about it are empty
 * @unsized: why there is none, REASON_NONE with a proposal
 * @refusal: why dtgovd refused it, REASON_NONE when it did not
 * @victim:  name of the container that a brake is for; looked at for no other rule
 */
void prose_make(const struct finding *f, const struct proposal *p, enum reason unsized,
                enum reason refusal, const char *victim, struct prose *ret);
