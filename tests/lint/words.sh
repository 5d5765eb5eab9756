#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Nothing is left for later in the tree, and no line ends in blanks.
set -euo pipefail
# shellcheck source=tests/lint/lib.sh
. tests/lint/lib.sh

search() { # WHAT PATTERN
        local line
        while IFS= read -r line; do
                complain "$line" "$1"
        done < <(sources ! -path './tests/lint/words.sh' ! -path '*/corpus/*' ! -path '*/fixtures/*' \
                ! -name LICENSE | xargs -0 grep -nIEi "$2" | cut -d: -f1,2)
}

search "left for later" '\b(TODO|FIXME|XXX|HACK)\b|\bfor now\b'
search "blanks at the end of the line" '[[:blank:]]+$'
exit "$bad"
