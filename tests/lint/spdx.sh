#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The first line of every file, after #!, names the licence. Formats without comments and data
# that tests read byte by byte cannot; nothing that is generated is committed.
set -euo pipefail
# shellcheck source=tests/lint/lib.sh
. tests/lint/lib.sh

while IFS= read -r -d '' file; do
        case $file in
        LICENSE | *.json | *.png | *.svg | *.gz | *.zst | *.bin) continue ;;
        contrib/debian/copyright | contrib/debian/source/*) continue ;;
        tests/*/corpus/* | tests/*/fixtures/* | tests/fixtures/* | tests/golden/*) continue ;;
        *.o | *.d | *.a | *.gcda | *.gcno | *.so) complain "$file" "is generated"; continue ;;
        esac
        { IFS= read -r first && IFS= read -r second; } < "$file" || :
        [[ ${first-} == '#!'* || ${first-} == '#compdef'* ]] && first=${second-}
        [[ ${first-} == *'SPDX-License-Identifier: Apache-2.0'* ]] ||
                complain "$file:1" "no SPDX-License-Identifier: Apache-2.0"
done < <(sources)
exit "$bad"
