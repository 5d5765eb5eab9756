#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# tests/lint/leave.sh TREE: every place that dtgov-leave looks into, as a table. Where the file there
# names dtgov, what it needs stays when dtgov goes, and it is said why; the same file without that name
# keeps nothing. What no row reaches must not be in the script.
#
# shellcheck disable=SC2317 # functions that a row names
set -euo pipefail
tree=$1
top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT
bad=0
libexec=usr/local/libexec/dtgov
L=/$libexec

make -s MODE="${tree##*/}" B="$tree" DESTDIR="$top/installed" install > "$top/log" 2>&1 ||
        { cat "$top/log"; exit 1; }
leave=$top/leave
# Names are looked at, not programs: empty ones are copied faster.
cp "$top/installed/$libexec/dtgov-leave" "$leave"
rm -r "$top/installed/usr/local/"{bin,lib,share}
find "$top/installed" -type f -exec truncate -s 0 {} +

complain() {
        echo "$row_path: $*"
        sed 's/^/    /' "$top/said"
        bad=1
}

fresh() { # PATH TEXT: dtgov installed, and one file of an engine
        rm -rf "$top/root"
        cp -a "$top/installed" "$top/root"
        mkdir -p "$(dirname "$top/root/$1")"
        printf '%b' "$2" > "$top/root/$1"
        [ -z "$with" ] || "$with"
}

finish() {
        sh "$leave" --root "$top/root" finish >> "$top/said" 2>&1
}

# As make uninstall and the package do: what is needed is told of before, the rest goes.
goes() {
        sh "$leave" --root "$top/root" explain > "$top/said" 2>&1
        rm "$top/root/usr/local/sbin/dtgovd"
        finish || [ $? = 3 ] || complain "finish fails"
}

programs() { # what is left, in one line
        (cd "$top/root" && find $libexec -name 'dtgov-*' -printf '%f\n' 2> /dev/null | LC_ALL=C sort | tr '\n' ' ')
}

# The program that a row's text needs: without which of them its containers do not start or end.
runtime='dtgov-crun dtgov-leave dtgov-nvidia-container-runtime dtgov-runc dtgov-runtime dtgov-sysbox-runc '
hook='dtgov-hook dtgov-leave '

row() { # NEEDS PATH TEXT OTHER [WITH]: TEXT names dtgov, OTHER does not; WITH makes what is beside it
        local needs=$1 text=$3 other=$4
        row_path=$2 with=${5-}
        rows=$((rows + 1))
        fresh "$row_path" "$text"
        goes
        [ "$(programs)" = "$needs" ] || complain "left are '$(programs)', wanted '$needs', with: $text"
        grep -q "pass on to the real runtime" "$top/said" || complain "nothing is said of what stays"
        grep -qF "${says:-$row_path}" "$top/said" || complain "it is not named"
        printf '%b' "$other" > "$top/root/$row_path"
        finish || complain "finish keeps something for: $other"
        [ ! -e "$top/root/$libexec" ] || complain "nobody names any more: $(programs)"
        fresh "$row_path" "$other"
        goes
        [ -z "$(programs)" ] || complain "left are '$(programs)' for: $other"
}

running() { # a process that lives stands for the container's
        mkdir -p "$top/root/run/containers/storage/overlay-containers/c/userdata"
        echo $$ > "$top/root/run/containers/storage/overlay-containers/c/userdata/pidfile"
}

named_container() {
        echo '{"Name":"/old"}' > "$(dirname "$top/root/$row_path")/config.v2.json"
}

elsewhere() { # Docker's data are not where they usually are
        mkdir -p "$top/root/etc/docker"
        echo '{"data-root": "/srv/docker"}' > "$top/root/etc/docker/daemon.json"
}

own_name() { # Docker's configuration calls our runtime something else
        mkdir -p "$top/root/etc/docker"
        printf '{"runtimes": {"fast": {\n"path": "%s/dtgov-runc"}}}' "$L" \
                > "$top/root/etc/docker/daemon.json"
}

told_so() { # the unit says which configuration it is
        mkdir -p "$top/root/etc/systemd/system/docker.service.d"
        printf '[Service]\nExecStart=\nExecStart=/usr/bin/dockerd --config-file=/srv/docker.json\n' \
                > "$top/root/etc/systemd/system/docker.service.d/own.conf"
}

told_where() { # DOCKER_OPTS of Debian
        mkdir -p "$top/root/etc/default"
        echo 'DOCKER_OPTS="--data-root /srv/docker"' > "$top/root/etc/default/docker"
}

spaces_of_podman() {
        mkdir -p "$top/root/etc/containers"
        printf '[engine]\nhooks_dir = ["/srv/my hooks"]\n' > "$top/root/etc/containers/containers.conf"
}

folder_of_podman() {
        mkdir -p "$top/root/etc/containers"
        printf '[engine]\nhooks_dir = [\n  "/usr/share/containers/oci/hooks.d",\n  "/srv/hooks",\n]\n' \
                > "$top/root/etc/containers/containers.conf"
}

folder_of_crio() {
        mkdir -p "$top/root/etc/crio/crio.conf.d"
        printf '[crio.runtime]\nhooks_dir = ["/srv/hooks"]\n' > "$top/root/etc/crio/crio.conf.d/10.conf"
}

rows=0 says=
json='{"runtimes": {"dtgov": {"path": "%s"}}}'
# shellcheck disable=SC2059 # the texts are formats
named() { # FORMAT PATH
        printf "$1" "$2"
}
both() { # NEEDS PATH FORMAT [WITH]: the same text with our program and with another
        local ours=$L/dtgov-runtime
        [ "$1" = "$runtime" ] || ours=$L/dtgov-hook
        row "$1" "$2" "$(named "$3" "$ours")" "$(named "$3" /usr/bin/other)" "${4-}"
}

# The runtime: configurations.
both "$runtime" etc/docker/daemon.json "$json"
both "$runtime" etc/docker/second.json "$json"
both "$runtime" etc/default/docker 'DOCKER_OPTS="--add-runtime dtgov=%s"\n'
both "$runtime" etc/containerd/config.toml 'version = 2\n[plugins.x.options]\n  BinaryName = "%s"\n'
both "$runtime" etc/containerd/conf.d/runtimes.toml 'BinaryName = "%s"\n'
both "$runtime" etc/nerdctl/nerdctl.toml 'runtime = "%s"\n'
both "$runtime" etc/crio/crio.conf '[crio.runtime.runtimes.dtgov]\nruntime_path = "%s"\n'
both "$runtime" etc/crio/crio.conf.d/20.conf 'runtime_path = "%s"\n'
both "$runtime" etc/containers/containers.conf '[engine.runtimes]\ndtgov = ["%s"]\n'
both "$runtime" etc/containers/containers.conf.d/20.conf 'runtime = "%s"\n'
both "$runtime" etc/containers/systemd/api.container '[Container]\nPodmanArgs=--runtime=%s\n'
both "$runtime" etc/systemd/system/api.service '[Service]\nExecStart=podman --runtime %s start -a api\n'
both "$runtime" etc/systemd/system/docker.service.d/override.conf '[Service]\nExecStart=dockerd --add-runtime dtgov=%s\n'
for name in runc crun sysbox-runc nvidia-container-runtime; do
        row "$runtime" etc/docker/daemon.json "$(named "$json" "$L/dtgov-$name")" "$(named "$json" "/usr/bin/$name")"
done
# The runtime: containers that were made with it.
says="Docker's container abcdef012345 old"
row "$runtime" var/lib/docker/containers/abcdef0123456789/hostconfig.json \
        '{"Runtime":"dtgov-runc","Memory":0}' '{"Runtime":"runc","Memory":0}' named_container
says="Docker's container abcdef012345"
row "$runtime" srv/docker/containers/abcdef0123456789/hostconfig.json \
        '{"Runtime":"dtgov-runtime"}' '{"Runtime":"io.containerd.runc.v2"}' elsewhere
row "$runtime" srv/docker/containers/abcdef0123456789/hostconfig.json \
        '{"Runtime":"dtgov"}' '{"Runtime":"runc"}' told_where
says="Docker's container abcdef012345 old"
row "$runtime" var/lib/docker/containers/abcdef0123456789/hostconfig.json \
        "{\"Runtime\":\"runc\",\"Binds\":[\"$L:$L:ro\"]}" '{"Runtime":"runc","Binds":null}' named_container
says=
both "$runtime" srv/docker.json "$json" told_so
both "$runtime" var/lib/rancher/k3s/agent/etc/containerd/config.toml.tmpl 'BinaryName = "%s"\n'
both "$runtime" var/lib/rancher/rke2/agent/etc/containerd/config.toml 'BinaryName = "%s"\n'
both "$runtime" var/lib/containerd/io.containerd.metadata.v1.bolt/meta.db '\\0001\\0002%s\\0000'
both "$runtime" var/lib/containers/storage/libpod/bolt_state.db '\\0001%s\\0000'
both "$runtime" var/lib/containers/storage/db.sql '\\0001%s\\0000'
# The runtime: what runs, by what containerd's shim keeps of it.
both "$runtime" run/containerd/io.containerd.runtime.v2.task/moby/c/runtime '%s'
both "$runtime" run/containerd/io.containerd.runtime.v2.task/moby/c/options.json '{"binary_name":"%s"}'
both "$runtime" run/docker/containerd/daemon/io.containerd.runtime.v2.task/moby/c/runtime '%s'
both "$runtime" run/docker/containerd/daemon/io.containerd.runtime.v2.task/moby/c/options.json '{"binary_name":"%s"}'
both "$runtime" run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io/c/runtime '%s'
both "$runtime" run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io/c/options.json '{"binary_name":"%s"}'
# The hook: folders of hooks, and those that configurations name.
hooks='{"hook": {"path": "%s"}, "stages": ["poststop"]}'
both "$hook" etc/containers/oci/hooks.d/other.json "$hooks"
both "$hook" usr/share/containers/oci/hooks.d/other.json "$hooks"
both "$hook" srv/hooks/other.json "$hooks" folder_of_podman
both "$hook" srv/hooks/other.json "$hooks" folder_of_crio
both "$hook" "srv/my hooks/other.json" "$hooks" spaces_of_podman
both "$hook" etc/containerd/base.json "$hooks"
both "$hook" run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io/c/config.json "$hooks"
# The hook: containers that run, and call it at their end.
both "$hook" var/lib/containers/storage/overlay-containers/c/userdata/config.json "$hooks" running
both "$hook" run/containerd/io.containerd.runtime.v2.task/k8s.io/c/config.json "$hooks"
both "$hook" run/docker/containerd/daemon/io.containerd.runtime.v2.task/moby/c/config.json "$hooks"
both "$hook" run/docker/runtime-runc/moby/c/state.json "$hooks"
both "$hook" run/runc/c/state.json "$hooks"
both "$hook" run/crun/c/config.json "$hooks"

# Docker's name for our runtime is its user's: a container names that, and the file the program.
row_path=var/lib/docker/containers/abcdef0123456789/hostconfig.json with=own_name
fresh "$row_path" '{"Runtime":"fast"}'
goes
grep -q "Docker's container abcdef012345" "$top/said" || complain "a runtime of another name is not followed"

# What dtgov setup made for Podman calls nothing any more: said, and nothing is kept for it.
row_path=etc/containers/containers.conf.d/50-dtgov.conf with=
fresh "$row_path" '# Made by "dtgov setup podman"; --undo removes it.\n[engine]\nhooks_dir = ["/etc/containers/oci/hooks.d"]\n'
mkdir -p "$top/root/etc/containers/oci/hooks.d"
ln -s /usr/local/share/dtgov/hooks.d/dtgov.json "$top/root/etc/containers/oci/hooks.d/dtgov.json"
goes
[ -z "$(programs)" ] || complain "kept for dtgov's own link: $(programs)"
for name in "$row_path" etc/containers/oci/hooks.d/dtgov.json; do
        grep -q "^    .*/$name\$" "$top/said" || complain "$name is not listed as without effect"
done

# A stopped container of Podman gets a new bundle at its start: nothing is kept for the old one.
row_path=var/lib/containers/storage/overlay-containers/c/userdata/config.json
fresh "$row_path" "$(named "$hooks" "$L/dtgov-hook")"
goes
[ -z "$(programs)" ] || complain "kept for a container that does not run: $(programs)"

# apt may run where a closed pipe is no signal: nothing of that is told then.
row_path=etc/docker/daemon.json
fresh "$row_path" "$(named "$json" "$L/dtgov-runc")"
for i in {1..50}; do cp "$top/root/$row_path" "$top/root/etc/docker/$i.json"; done
(trap '' PIPE && sh "$leave" --root "$top/root" explain) > "$top/said" 2>&1
if grep -q 'error\|roken' "$top/said"; then
        complain "a closed pipe is told of"
fi

# shellcheck disable=SC2016 # text of the script
# No place without a row: each pattern of the script is in this table.
while read -r place; do
        rx=$(sed 's/[.]/[.]/g; s/\*/[^ ]*/g' <<< "${place#/}")
        grep -qE "(^|[ /\"])$rx([ '\"]|\$)" "$0" || { echo "no row reaches $place"; bad=1; }
done < <(sed -n '/^runtime_users()/,/^}/p; /^hook_users()/,/^}/p' contrib/dtgov-leave |
        grep -oE '"\$root"/[^ )]+' | sed 's/"$root"//')
[ "$rows" -ge 30 ] || { echo "only $rows rows"; bad=1; }
exit "$bad"
