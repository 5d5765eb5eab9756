#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# tests/lint/tidy.sh [--changed] TREE: clang-tidy, a file per core. A file that passed is not asked
# again until it, a header that it includes, the flags or .clang-tidy change (build/lint/tidy).
# --changed: only what differs from the last commit.
set -euo pipefail
# shellcheck source=tests/lint/lib.sh
. tests/lint/lib.sh

if [ "${1-}" = --one ]; then
        file=$2
        mapfile -t flags < build/lint/tidy/flags
        [ "$file" = state/error.c ] || flags+=(-include tests/lint/analyzer.h)
        key=$({ cat .clang-tidy tests/.clang-tidy build/lint/tidy/flags
                clang-14 "${flags[@]}" -MM "$file" | sed 's/^[^:]*://' | tr -d '\\\n' | xargs cat
        } 2> /dev/null | sha256sum)
        stamp=build/lint/tidy/${key%% *}
        [ ! -e "$stamp" ] || exit 0
        out=$(clang-tidy-14 --quiet "$file" -- "${flags[@]}" 2> /dev/null) || {
                grep -A2 ' error: ' <<< "$out" || printf '%s\n' "$out"
                exit 1
        }
        : > "$stamp"
        exit
fi

changed=
if [ "$1" = --changed ]; then
        changed=1
        shift
fi
mkdir -p build/lint/tidy
find build/lint/tidy -type f -mtime +30 -delete
make -s MODE="${1##*/}" flags > build/lint/tidy/flags
if [ "$changed" ]; then
        { git diff -z --relative --name-only --diff-filter=d HEAD -- '*.c' || :
          git ls-files -z --others --exclude-standard -- '*.c' || :; } 2> /dev/null
else
        sources -name '*.c'
fi | xargs -0 -r -n 1 -P "$(nproc)" tests/lint/tidy.sh --one
