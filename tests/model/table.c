/* SPDX-License-Identifier: Apache-2.0 */
/* Prints the states as the model includes them: numbers, which are open, which may follow. */
#include "policies/rules/transition.h"

#include <ctype.h>
#include <stdio.h>

static void print_name(const char *name) {
        for (; *name; name++)
                (void)putchar(toupper((unsigned char)*name));
}

int main(void) {
        unsigned open = 0, masks[CHANGE_STATE_COUNT] = { 0 };

        for (unsigned s = 0; s < CHANGE_STATE_COUNT; s++) {
                (void)printf("#define ");
                print_name(change_states[s].name);
                (void)printf(" %u\n", s);
                open |= (unsigned)change_states[s].open << s;
                for (unsigned to = 0; to < CHANGE_STATE_COUNT; to++)
                        masks[s] |= (unsigned)transition_allowed(
                                                    (enum change_state)s, (enum change_state)to)
                                    << to;
        }
        (void)printf("#define ABSENT %u\n", (unsigned)CHANGE_STATE_COUNT);
        (void)printf("#define is_open(s) (%u >> (s) & 1)\n#define follows(a, b) (", open);
        for (unsigned s = 0; s < CHANGE_STATE_COUNT; s++)
                (void)printf("((a) == %u -> %u : ", s, masks[s]);
        (void)printf("0");
        for (unsigned s = 0; s < CHANGE_STATE_COUNT; s++)
                (void)putchar(')');
        (void)printf(" >> (b) & 1)\n");
        return 0;
}
