#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# tests/lint/docs.sh TREE: every program built in TREE has a manual page, every command of dtgov is
# in dtgov(1), every knob that can be set and every rule is named in some page, and the pages are
# well made, with examples. Options of help and page are the same; the catalogue says what the table in the source says.
set -euo pipefail
# shellcheck source=tests/lint/lib.sh
. tests/lint/lib.sh
tree=$1
mkdir -p build/lint
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

# A page has examples: at least one line that can be typed.
for page in ${pages[@]+"${pages[@]}"}; do
        sed -n '/^# EXAMPLES$/,/^# [A-Z][A-Z]/p' "$page" | awk '/^```/ { inside = !inside; next } inside && NF { n++ } END { exit !n }' ||
                complain "$page" "no example under EXAMPLES"
done

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

# Options: what --help prints and what the page has, both ways. A page says "-y, --yes" in bold.
options_of_page() { # PAGE; a command of dtgov that it names, "*dtgov rollback --all*", is another's
        sed -n '/^# OPTIONS/,/^# [^O]/p; /^# COMMANDS/,/^# [^C]/p' "$1" | sed 's/\*dtgov [^*]*\*//g' |
                grep -oE -- '--[a-z][a-z-]+' | sort -u
}
for program in dtgovd dtgov-observer dtgov-identify dtgov-leave dtgov; do
        page=$(compgen -G "contrib/man/$program.[18].scd") || :
        run=("$tree/$program" --help)
        [ "$program" != dtgov-leave ] || run=(sh contrib/dtgov-leave) # says how, and fails
        if [ ! "$page" ] || { [ "$program" != dtgov-leave ] && [ ! -x "$tree/$program" ]; }; then
                continue
        fi
        "${run[@]}" > "build/lint/$program.help" 2>&1 || [ "$program" = dtgov-leave ]
        [ "$program" != dtgov ] || for command in $("$tree/dtgov" --list-commands); do
                "$tree/dtgov" "$command" --help
        done >> "build/lint/$program.help"
        # Of examples and prose in help: what stands at the beginning of a line, or with its fellows.
        grep -oE -- '--[a-z][a-z-]+' "build/lint/$program.help" | sort -u > "build/lint/$program.options"
        while read -r option; do
                grep -qF -- "*$option*" "$page" || complain "$page" "$option of --help is missing"
        done < "build/lint/$program.options"
        while read -r option; do
                case $program:$option in
                *:--help | *:--version | dtgov:--list-commands | dtgov:--complete) continue ;;
                esac
                grep -qxF -- "$option" "build/lint/$program.options" ||
                        complain "$page" "$option is not in --help"
        done < <(options_of_page "$page")
done

# Catalogue: one entry for each event.
diff <(grep -oE '"[0-9a-f]{32}"' state/event.h | tr -d '"' | sort) \
        <(sed -n 's/^-- //p' contrib/systemd/dtgov.catalog | sort) ||
        complain contrib/systemd/dtgov.catalog "other ids than state/event.h"

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
