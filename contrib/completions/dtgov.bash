# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# bash completion for dtgov, which knows best what could come next.

_dtgov() {
        local line
        COMPREPLY=()
        # "memory.max=4G" is one word to dtgov and three to bash: values are the person's own.
        [[ ${COMP_WORDS[COMP_CWORD]} != = && ${COMP_WORDS[COMP_CWORD - 1]} != = ]] || return 0
        while IFS= read -r line; do
                COMPREPLY+=("${line%%$'\t'*}")
        done < <("${COMP_WORDS[0]}" --complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2> /dev/null)
        [[ ${#COMPREPLY[@]} != 1 || ${COMPREPLY[0]} != *= ]] || compopt -o nospace
}
complete -F _dtgov dtgov
