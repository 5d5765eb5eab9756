#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Every engine, the whole way: twenty containers each are registered by the hook or adopted by the
# scan, the one that suffers is found, its proposal approved and verified, taken back, and all leave.
# Prints a table of what each engine came to.
#
# guests: bookworm trixie
# init: plain systemd
# disk: 6144
# memory: 6144
# timeout: 2900
# suite: full
#
# shellcheck source=tests/integration/lib.sh
. /src/tests/integration/lib.sh

COUNT=${1:-20} ONLY=${2:-.} # how many of each; a pattern of the engines
IMAGE=/run/image.tar
ROOTFS=/run/rootfs
HOOKS=/run/hooks.d
BURN='while :; do :; done'
SLEEP='exec sleep 100000'
QUOTA=5000 # us of each 100 ms

# NAME, how it enters (hook or scan) and what starts it; each has start_KIND, stop_KIND and id_KIND.
ENGINES=(
        "docker-runc hook docker"
        "docker-crun hook docker"
        "docker-plain scan docker"
        "podman-crun hook podman"
        "podman-runc hook podman"
        "podman-plain scan podman"
        "ctr-runc hook ctr"
        "ctr-plain scan ctr"
        "runc hook oci"
        "runc-plain scan oci"
        "crun hook oci"
        "crun-plain scan oci"
)

# --- what each engine needs -----------------------------------------------------------------------

make_image() {
        mkdir -p "$ROOTFS/bin" "$ROOTFS/proc" "$ROOTFS/dev" "$ROOTFS/tmp" "$ROOTFS/etc" "$ROOTFS/run"
        cp /bin/busybox "$ROOTFS/bin/"
        chroot "$ROOTFS" /bin/busybox --install -s /bin
        tar -C "$ROOTFS" -c . -f "$IMAGE"
}

# The wrapper under the name of each runtime: what it stands for is said by that name.
link_wrappers() {
        mkdir -p /etc/dtgov /run/wrappers
        printf '%s\n' "hook $B/dtgov-hook" > /etc/dtgov/runtime.conf
        for runtime in runc crun; do
                ln -sf "$B/dtgov-runtime" "/run/wrappers/dtgov-$runtime"
        done
}

setup_docker() {
        mkdir -p /etc/docker
        jq -n '{runtimes: {"docker-runc": {path: "/run/wrappers/dtgov-runc"},
                "docker-crun": {path: "/run/wrappers/dtgov-crun"}}}' > /etc/docker/daemon.json
        start_engine
}

setup_podman() {
        mkdir -p "$HOOKS" /var/lib/docker/podman
        jq -n --arg hook "$B/dtgov-hook" '{version: "1.0.0",
                hook: {path: $hook, args: ["dtgov-hook"], env: ["DTGOV=1"]},
                when: {always: true}, stages: ["createRuntime", "poststop"]}' > "$HOOKS/dtgov.json"
        in_podman import "$IMAGE" busybox > /dev/null
}

in_podman() { # ARG...
        local manager=cgroupfs
        [ "$DTGOV_INIT" = plain ] || manager=systemd
        podman --root /var/lib/docker/podman --storage-driver overlay --cgroup-manager "$manager" \
                --events-backend none --hooks-dir "${hooks_dir:-/nonexistent}" "$@"
}

setup_ctr() {
        containerd --root /var/lib/docker/containerd --state /run/ctr --address /run/ctr.sock \
                > /run/containerd.log 2>&1 &
        wait_for 30 in_ctr version
        in_ctr image import --base-name busybox "$(oci_image)" > /dev/null
}

in_ctr() { # ARG...
        ctr --address /run/ctr.sock "$@"
}

# The image as containerd takes it: what Docker saves.
oci_image() {
        docker save -o /run/busybox.tar busybox
        echo /run/busybox.tar
}

setup_oci() {
        :
}

# --- start_KIND ENGINE NAME COMMAND, with the quota ------------------------------------------------

start_docker() {
        local runtime=$1
        [ "$runtime" != docker-plain ] || runtime=runc
        docker run --detach --network none --stop-timeout 0 --runtime "$runtime" --name "$2" \
                --cpu-period 100000 --cpu-quota "$QUOTA" busybox sh -c "$3" > /dev/null
}

start_podman() {
        local runtime=${1#podman-} hooks_dir=$HOOKS
        [ "$runtime" != plain ] || runtime=crun hooks_dir=
        in_podman --runtime "/usr/bin/$runtime" run --detach --network none --name "$2" \
                --cpu-period 100000 --cpu-quota "$QUOTA" busybox sh -c "$3" > /dev/null
}

start_ctr() {
        local binary=()
        [ "$1" != ctr-runc ] || binary=(--runc-binary /run/wrappers/dtgov-runc)
        in_ctr run --detach "${binary[@]}" --cpu-period 100000 --cpu-quota "$QUOTA" \
                "$(in_ctr image ls -q | head -n 1)" "$2" sh -c "$3"
}

start_oci() {
        local runtime=${1%-plain} bundle=/run/bundles/$2 driver=() path=/$2
        if [ "$DTGOV_INIT" = systemd ]; then
                driver=(--systemd-cgroup) path=system.slice:$runtime:$2
        fi
        mkdir -p "$bundle"
        jq -n --arg path "$path" --arg command "$3" --arg rootfs "$ROOTFS" --argjson quota "$QUOTA" '
                {ociVersion: "1.0.2",
                 process: {user: {uid: 0, gid: 0}, cwd: "/", env: ["PATH=/bin"], args: ["/bin/sh", "-c", $command]},
                 root: {path: $rootfs, readonly: true},
                 mounts: [{destination: "/proc", type: "proc", source: "proc"},
                        {destination: "/dev", type: "tmpfs", source: "tmpfs"}],
                 linux: {cgroupsPath: $path, resources: {cpu: {quota: $quota, period: 100000}},
                        namespaces: [{type: "pid"}, {type: "mount"}, {type: "ipc"}, {type: "uts"}, {type: "network"}]}}
        ' > "$bundle/config.json"
        [ "$1" = "$runtime" ] && runtime=/run/wrappers/dtgov-$runtime
        "$runtime" "${driver[@]}" run --detach --bundle "$bundle" "$2" < /dev/null > "$bundle/out" 2>&1 ||
                { cat "$bundle/out"; return 1; }
}

# --- stop_KIND ENGINE NAME -------------------------------------------------------------------------

stop_docker() {
        docker rm -f "$2"
}

stop_podman() {
        in_podman rm -f -t 0 "$2"
}

stop_ctr() {
        in_ctr task kill -s KILL "$2"
        wait_for 20 ctr_stopped "$2"
        in_ctr task rm "$2"
        in_ctr container rm "$2"
}

ctr_stopped() {
        in_ctr task ls | grep -q "^$1 .*STOPPED"
}

stop_oci() {
        local runtime=${1%-plain} driver=()
        [ "$DTGOV_INIT" = plain ] || driver=(--systemd-cgroup)
        [ "$1" != "$runtime" ] || runtime=/run/wrappers/dtgov-$runtime
        "$runtime" "${driver[@]}" delete --force "$2"
}

# --- id_KIND NAME: the container's id --------------------------------------------------------------

id_docker() {
        docker inspect --format '{{.Id}}' "$1"
}

id_podman() {
        in_podman inspect --format '{{.Id}}' "$1"
}

id_ctr() {
        echo "$1"
}

id_oci() {
        echo "$1"
}

# --- the way ---------------------------------------------------------------------------------------

declare -A cell # "ENGINE STEP" -> what the table says

# step ENGINE STEP COMMAND...: a test whose outcome is a cell of the table
step() {
        local engine=$1 name=$2 before=$t_failed
        shift 2
        t_ok "$engine: $name" "$@"
        cell["$engine $name"]=$([ "$t_failed" = "$before" ] && echo ok || echo FAILED)
}

start_all() { # ENGINE KIND: the first burns
        local i command
        for ((i = 0; i < COUNT; i++)); do
                command=$SLEEP
                [ $i != 0 ] || command=$BURN
                "start_$2" "$1" "$1-$i" "$command" || return 1
        done
}

stop_all() { # ENGINE KIND
        local i
        for ((i = 0; i < COUNT; i++)); do
                "stop_$2" "$1" "$1-$i" || return 1
        done
}

containers_of() { # ENGINE KIND: the ids, a line each
        local i
        for ((i = 0; i < COUNT; i++)); do
                "id_$2" "$1-$i"
        done
}

entered() { # ENGINE HOW: each once, and in the way that it should
        local adopted=false
        [ "$2" = hook ] || adopted=true
        control ListContainers > /run/containers.json
        jq -e --rawfile ids "/run/ids.$1" --argjson adopted "$adopted" '
                ($ids | split("\n") | map(select(. != ""))) as $ids
                | [.containers[] | select(.id as $id | $ids | index($id))]
                | length == ($ids | length) and all(.adopted == $adopted)' /run/containers.json
}

waits_to_enter() { # ENGINE HOW
        wait_for 60 entered "$@" || { cat "/run/ids.$1"; jq -c '.containers[]' /run/containers.json; return 1; }
}

left() { # ENGINE: none of them is known any more
        control ListContainers > /run/containers.json
        jq -e --rawfile ids "/run/ids.$1" '($ids | split("\n")) as $ids
                | all(.containers[]; .id as $id | $ids | index($id) | not)' /run/containers.json
}

hot() { # ENGINE: the id of the one that burns
        head -n 1 "/run/ids.$1"
}

proposed() { # ENGINE: prints the pending proposal
        control ListProposals | jq -re --arg id "$(hot "$1")" \
                'first(.proposals[] | select(.containerId == $id and .state == "pending")).id'
}

cgroup_dir() { # ENGINE: of the one that burns, as dtgovd knows it
        echo "$CG$(control ListContainers | jq -r --arg id "$(hot "$1")" '.containers[] | select(.id == $id).cgroup')"
}

approve() { # ENGINE: and the kernel has the new value, all others are as before
        local dir before proposal
        dir=$(cgroup_dir "$1")
        before=$(limits_of "$dir")
        echo "$before" > "/run/limits.$1"
        proposal=$(proposed "$1") || return 1
        dtgov approve "$proposal" --yes || return 1
        read -r now _ < "$dir/cpu.max"
        [ "$now" -gt "$QUOTA" ] || { echo "cpu.max is $now"; return 1; }
        is_same "$(without cpu.max "$before")" "$(without cpu.max "$(limits_of "$dir")")"
}

rollback() { # ENGINE
        dtgov rollback "$(last_change "$(hot "$1")")" --yes &&
                is_same "$(cat "/run/limits.$1")" "$(limits_of "$(cgroup_dir "$1")")"
}

print_table() {
        local engine how
        printf '\n%-14s %-9s %-7s %-8s %-8s %-9s %s\n' "$DTGOV_OS-$DTGOV_INIT" entered by finding approve rollback left
        for row in "${ENGINES[@]}"; do
                read -r engine how _ <<< "$row"
                printf '%-14s %-9s %-7s %-8s %-8s %-9s %s\n' "$engine" "${cell["$engine enters"]-none}" "$how" \
                        "${cell["$engine is found"]-none}" "${cell["$engine is approved"]-none}" \
                        "${cell["$engine is taken back"]-none}" "${cell["$engine leaves"]-none}"
        done
        echo
}

build_peer
make_image
link_wrappers
t_ok "dtgovd and its observer come up" start_dtgovd --probation 600
t_ok "Docker comes up" setup_docker
t_ok "Podman has an image" setup_podman
t_ok "containerd has an image" setup_ctr
mapfile -t ENGINES < <(printf '%s\n' "${ENGINES[@]}" | grep -E "$ONLY")
for row in "${ENGINES[@]}"; do
        read -r engine how kind <<< "$row"
        t_ok "$engine: $COUNT containers start ($SECONDS s)" start_all "$engine" "$kind"
        containers_of "$engine" "$kind" > "/run/ids.$engine"
done
for row in "${ENGINES[@]}"; do
        read -r engine how kind <<< "$row"
        step "$engine" enters waits_to_enter "$engine" "$how"
done
for row in "${ENGINES[@]}"; do
        read -r engine how kind <<< "$row"
        step "$engine" "is found" wait_for 150 proposed "$engine"
        step "$engine" "is approved" approve "$engine"
        step "$engine" "is taken back" rollback "$engine"
done
for row in "${ENGINES[@]}"; do
        read -r engine how kind <<< "$row"
        t_ok "$engine: all are removed ($SECONDS s)" stop_all "$engine" "$kind"
        step "$engine" leaves wait_for 60 left "$engine"
done
t_is "the registry is empty" "" "$(find "$REGISTRY" -mindepth 1)"
print_table
stop_dtgovd TERM
t_done
