#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The rights of each service, as "systemd-analyze security" counts them, against a ceiling; and that
# each has one. Also that the services are in the slice that keeps memory for them.
set -euo pipefail
# shellcheck source=tests/lint/lib.sh
. tests/lint/lib.sh

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
for unit in contrib/systemd/*.service; do
        name=${unit##*/}
        sed 's|@[A-Z]*DIR@|/usr/bin|g' "$unit" > "$dir/$name"
        ceiling=$(awk -v name="$name" '$1 == name { print $2 }' tests/lint/exposure.txt)
        if [ ! "$ceiling" ]; then
                complain "$unit" "has no ceiling in tests/lint/exposure.txt"
                continue
        fi
        out=$(systemd-analyze security --offline=true --no-pager --threshold="$ceiling" "$dir/$name") || {
                complain "$unit" "more exposed than $ceiling tenths: $(tail -n 1 <<< "$out")"
                grep '✗' <<< "$out" || :
        }
        grep -q '^Slice=dtgov.slice$' "$unit" || grep -q '^Type=oneshot$' "$unit" ||
                complain "$unit" "is not in dtgov.slice"
        echo "$name: $(tail -n 1 <<< "$out")"
done
while read -r name; do
        [ -e "contrib/systemd/$name" ] || complain "$name" "has a ceiling, and is no unit"
done < <(awk '$1 !~ /^#/ { print $1 }' tests/lint/exposure.txt)
exit "$bad"
