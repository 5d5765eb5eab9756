#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# tests/lint/layers.sh TREE: holds includes, libraries and symbols against tests/lint/layers.txt.
# TREE is a build tree; what is not built there is not looked at.
set -euo pipefail
shopt -s extglob
# shellcheck source=tests/lint/lib.sh
. tests/lint/lib.sh
tree=$1

declare -A may uses headers place needs forbids impure
while IFS='|' read -r head second third; do
        read -r kind name _ <<< "$head"
        case $kind in
        folder) may[$name]=" $second " uses[$name]=" $third " ;;
        library) headers[$name]=$second place[$name]=${third//[[:space:]]/} ;;
        program) needs[$name]=" $second " forbids[$name]=$third ;;
        pure) impure[$name]=$second ;;
        '' | '#'*) ;;
        *) complain layers.txt "'$kind' is no kind of line" ;;
        esac
done < "${0%.sh}.txt"

any_of() { # NAME PATTERNS: whether one of the patterns matches
        local pattern
        set -f
        for pattern in $2; do
                # shellcheck disable=SC2053 # it is a pattern
                if [[ $1 == $pattern ]]; then
                        set +f
                        return 0
                fi
        done
        set +f
        return 1
}

library_of() { # HEADER: prints the library of the table that it belongs to
        local name header
        for name in "${!headers[@]}"; do
                for header in ${headers[$name]}; do
                        case $1 in "$header" | "${header%/}/"*) echo "$name"; return ;; esac
                done
        done
}

check_own() { # FILE:LINE FOLDER INCLUDED
        local other=${3%/*}
        [[ $3 == */* ]] || other=.
        if [ ! -e "$3" ] && [ ! -e "$tree/gen/$3" ]; then
                complain "$1" "there is no $3"
        elif [[ ${may[$2]} == *" !$3 "* ]] ||
                [[ $other != "$2" && $3 != *.varlink.h && ${may[$2]} != *" $other "* ]]; then
                complain "$1" "$2 may not include $3"
        fi
}

check_foreign() { # FILE:LINE FOLDER HEADER
        local library
        library=$(library_of "$3")
        [ "$library" ] || return 0
        if [[ ${uses[$2]} != *" $library "* ]]; then
                complain "$1" "$2 may not use $library"
        elif [ "${place[$library]}" != any ] && ! any_of "${1%%:*}" "${place[$library]}"; then
                complain "$1" "$library is known to ${place[$library]} alone"
        fi
}

check_includes() {
        local file folder line rest
        while IFS=: read -r file line rest; do
                folder=${file%/*}
                [[ $file == tests/* ]] && continue
                if [ ! "${may[$folder]+set}" ]; then
                        complain "$file" "no line for $folder in tests/lint/layers.txt"
                elif [[ $rest =~ \"(.*)\" ]]; then
                        check_own "$file:$line" "$folder" "${BASH_REMATCH[1]}"
                elif [[ $rest =~ \<(.*/.*|.*cgroup.*|seccomp.h|sqlite3.h|zstd.h|.*curses.h)\> ]]; then
                        check_foreign "$file:$line" "$folder" "${BASH_REMATCH[1]}"
                fi
        done < <(c_sources | xargs -0 grep -HnE '^[[:space:]]*#[[:space:]]*include')
}

# A file's own header comes first: that proves that it stands alone.
check_own_header_first() {
        local file first
        while IFS= read -r -d '' file; do
                [ -e "${file%.c}.h" ] || continue
                first=$(grep -m1 '^#include' "$file" || :)
                [ "$first" = "#include \"${file%.c}.h\"" ] ||
                        complain "$file" "its own header is not the first that it includes"
        done < <(sources -name '*.c')
}

check_cycles() {
        local out
        out=$(c_sources | xargs -0 grep -HoE '^#include "[^"]+"' |
                sed -nE 's/^(.*\.h):#include "(.*)"$/\1 \2/p' | tsort 2>&1 > /dev/null) ||
                complain headers "include each other: ${out//$'\n'/ }"
}

check_program() { # NAME
        local library symbol
        while read -r library; do
                any_of "$library" "${needs[$1]}" ||
                        complain "$1" "may not need $library"
        done < <(readelf -d "$tree/$1" | sed -nE 's/.*NEEDED.*\[([^.]*)\..*/\1/p')
        while read -r symbol; do
                ! any_of "${symbol%%@*}" "${forbids[$1]}" || complain "$1" "may not hold $symbol"
        done < <(nm "$tree/$1" | awk '{ print $NF }')
}

check_pure() { # FOLDER ARCHIVE
        local symbol
        while read -r symbol; do
                ! any_of "$symbol" "${impure[$1]}" || complain "$1" "is pure, but uses $symbol"
        done < <(nm -u "$2" 2> /dev/null | awk '/ U / { print $NF }' | sort -u)
        while read -r symbol; do
                complain "$1" "is pure, but $symbol is a global that can change"
        done < <(objdump -t "$2" 2> /dev/null |
                awk '/ O \.(data|bss|tdata|tbss)[^.]/ || / O \*COM\*/ { print $NF }')
}

check_includes
check_own_header_first
check_cycles
for program in "${!needs[@]}"; do
        [ ! -e "$tree/$program" ] || check_program "$program"
done
for folder in "${!impure[@]}"; do
        archive=$tree/lib${folder//\//-}.a
        [ ! -e "$archive" ] || check_pure "$folder" "$archive"
done
exit "$bad"
