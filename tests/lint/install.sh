#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# tests/lint/install.sh TREE: what make install puts below a DESTDIR is complete, and make uninstall
# takes all of it away again, but nothing that was there before; no step on the way leaves somebody
# with the name of a program that is not there.
set -euo pipefail
tree=$1
top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT
dest=$top/dest steps=$top/steps
mkdir "$dest"
bad=0

left() { # files, and folders of our own
        (cd "$dest" && find . ! -type d -print -o -name '*dtgov*' ! -path './etc/*' -print)
}

# A rm and an install that look at the whole after each of their steps: a container may start then.
mkdir "$steps"
for name in rm install; do
        cat > "$steps/$name" <<-END
		#!/bin/bash
		"$(command -v $name)" "\$@" || exit
		cd "$dest"
		hooks=(\$(find . -path '*/hooks.d/dtgov.json'))
		[ ! "\$hooks" ] || [ -x ./usr/local/libexec/dtgov/dtgov-hook ] ||
		        echo "after $name \$*: \$hooks names a hook that is not there" >> "$steps/said"
		lost=\$(find . -xtype l)
		[ ! "\$lost" ] || echo "after $name \$*: \$lost leads nowhere" >> "$steps/said"
	END
        chmod +x "$steps/$name"
done

make_it() {
        PATH=$steps:$PATH make -s MODE="${tree##*/}" B="$tree" DESTDIR="$dest" "$1"
}

# Whatever is started is stopped before it goes; of a template the socket is.
for unit in contrib/systemd/*.socket contrib/systemd/*[!@].service; do
        grep -q "^units=.*\<${unit##*/}\>" contrib/dtgov-leave ||
                { echo "dtgov-leave does not stop ${unit##*/}"; bad=1; }
done

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

# What a container still names stays, alone, and goes once nobody does.
libexec=usr/local/libexec/dtgov
container=$dest/var/lib/docker/containers/0123456789abcdef
make_it install
stand_ins=$(cd "$dest" && printf '%s\n' $libexec/* | grep -vE 'dtgov-(hook|observer|identify)$')
mkdir -p "$container" "$dest/etc/containers/oci/hooks.d"
echo '{"Runtime":"dtgov-runc"}' > "$container/hostconfig.json"
echo '{"Name":"/old"}' > "$container/config.v2.json"
make_it uninstall 2> "$dest/said"
grep -q "Docker's container 0123456789ab old" "$dest/said" || { echo "the container is not named"; bad=1; }
rm -r "$dest/said"
[ "$(cd "$dest" && printf '%s\n' $libexec/*)" = "$stand_ins" ] ||
        { echo "not what a container needs:"; left; bad=1; }
rm -r "${dest:?}/var"
echo '{"hook":{"path":"/usr/local/libexec/dtgov/dtgov-hook"}}' > "$dest/etc/containers/oci/hooks.d/x.json"
make_it install
make_it uninstall 2> /dev/null
[ "$(cd "$dest" && echo $libexec/*)" = "$(echo $libexec/dtgov-{hook,leave})" ] ||
        { echo "not what a folder of hooks needs:"; left; bad=1; }
rm -r "$dest/etc/containers"
sh "$dest/$libexec/dtgov-leave" --root "$dest" finish || { echo "dtgov-leave finish"; bad=1; }
[ "$(left)" = ./etc/dtgov/dtgov.json ] || { echo "left behind:"; left; bad=1; }
[ ! -e "$steps/said" ] || { sort -u "$steps/said" | head; bad=1; }
exit "$bad"
