#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# tests/lint/install.sh TREE: what make install puts below a DESTDIR is complete, and make uninstall
# takes all of it away again, but nothing that was there before.
set -euo pipefail
tree=$1
dest=$(mktemp -d)
trap 'rm -rf "$dest"' EXIT
bad=0

left() {
        (cd "$dest" && find . ! -type d -print)
}

make_it() {
        make -s MODE="${tree##*/}" B="$tree" DESTDIR="$dest" "$1"
}

mkdir -p "$dest/etc/dtgov"
echo kept > "$dest/etc/dtgov/dtgov.json"
make_it install
make_it install
for program in "$tree"/dtgov "$tree"/dtgov[d-]*; do
        [ -x "$program" ] || continue
        [ -n "$(find "$dest/usr" -name "${program##*/}" -type f -perm 755)" ] ||
                { echo "$program is not installed"; bad=1; }
done
if grep -rIl '@[A-Z]*DIR@' "$dest"; then
        echo "a directory is not filled in"
        bad=1
fi
[ -z "$(find "$dest" -xtype l)" ] || { echo "a link leads nowhere"; bad=1; }
make_it uninstall
[ "$(left)" = ./etc/dtgov/dtgov.json ] || { echo "left behind:"; left; bad=1; }
exit "$bad"
