#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# tests/lint/docs.sh TREE: every program built in TREE has a manual page, every command of dtgov is
# in dtgov(1), every knob that can be set and every rule is named in some page, and the pages are
# well made.
set -euo pipefail
# shellcheck source=tests/lint/lib.sh
. tests/lint/lib.sh
tree=$1
pages=(contrib/man/*.scd)
[ -e "${pages[0]}" ] || pages=()

in_pages() { # WORD
        [ ${#pages[@]} -gt 0 ] && grep -qwF -- "$1" "${pages[@]}"
}

rows() { # FILE TABLE: the second column of X(ID, "second", ...) of a table
        [ -e "$1" ] || return 0
        tr -d '\\\n' < "$1" | sed "s/#define/\n#define/g" | grep "^#define $2(X)" |
                grep -oE 'X\([A-Z0-9_]+, "[^"]+"[^)]*\)' || :
}

for program in dtgov-hook dtgov-runtime dtgovd dtgov-observer dtgov-identify dtgov; do
        [ -e "$tree/$program" ] || continue
        compgen -G "contrib/man/$program.[158].scd" > /dev/null ||
                complain "$program" "has no page in contrib/man"
done

if [ -e "$tree/dtgov" ]; then
        while read -r command _; do
                grep -qw -- "$command" contrib/man/dtgov.1.scd 2> /dev/null ||
                        complain "dtgov $command" "is not in contrib/man/dtgov.1.scd"
        done < <("$tree/dtgov" --list-commands)
fi

if [ ${#pages[@]} -gt 0 ]; then
        while IFS='"' read -r head name rest; do
                [[ $rest == *true* ]] || continue
                in_pages "$name" || complain "${head#X(}$name" "is in no page"
        done < <(rows state/knob.h KNOB_TABLE)
        while IFS='"' read -r _ name _; do
                in_pages "$name" || complain "rule $name" "is in no page"
        done < <(rows state/finding.h RULE_TABLE)
fi

if command -v scdoc > /dev/null && command -v mandoc > /dev/null; then
        for page in "${pages[@]}"; do
                made=build/lint/man/$(basename "${page%.scd}")
                mkdir -p build/lint/man
                sed '/^; SPDX/d' "$page" | scdoc > "$made" || { complain "$page" "scdoc"; continue; }
                # scdoc's own habits: no date of this form, an empty paragraph here and there
                out=$(mandoc -T lint -W error "$made") || complain "$page" "${out//$'\n'/ }"
        done
fi
exit "$bad"
