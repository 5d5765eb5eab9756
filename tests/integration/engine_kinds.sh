# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154 # the row's words, set by take_row() of engines.sh
#
# How each engine is set up, and how it starts and ends the containers of a row, for engines.sh:
#
#   setup_ENGINE           its daemon and its image
#   start_ENGINE NUMBER    a container of the row: $row-NUMBER, with its quota; 0 is the one that burns
#   stop_ENGINE NUMBER
#   ids_ENGINE             the ids of the containers that dtgov is to know, a line each; the first burns
#
# A row is an $engine with a $runtime and a cgroup $driver, entered by the $how of hook or scan.

IMAGE=/run/image.tar
ROOTFS=/run/rootfs
HOOKS=/run/hooks.d
WRAPPERS=/run/wrappers
QUOTA=5000 # us of each 100 ms
NESTED_QUOTA=20000 # there is an engine within it as well

# The image of all: busybox, and a program to burn with, known by its name.
make_image() {
        mkdir -p "$ROOTFS/bin" "$ROOTFS/proc" "$ROOTFS/dev" "$ROOTFS/tmp" "$ROOTFS/etc" "$ROOTFS/run"
        cp /bin/busybox "$ROOTFS/bin/"
        chroot "$ROOTFS" /bin/busybox --install -s /bin
        printf '#!/bin/sh\nwhile :; do :; done\n' > "$ROOTFS/bin/burner"
        chmod +x "$ROOTFS/bin/burner"
        tar -C "$ROOTFS" -c . -f "$IMAGE"
}

# The wrapper under the name of each runtime: what it stands for is said by that name.
link_wrappers() {
        mkdir -p /etc/dtgov "$WRAPPERS"
        printf '%s\n' "hook $B/dtgov-hook" > /etc/dtgov/runtime.conf
        for word in runc crun; do
                ln -sf "$B/dtgov-runtime" "$WRAPPERS/dtgov-$word"
        done
}

command_of() { # NUMBER
        [ "$1" = 0 ] && echo "exec burner" || echo "exec sleep 100000"
}

names() { # the names of the row's containers
        local i
        for ((i = 0; i < COUNT; i++)); do
                echo "$row-$i"
        done
}

# --- docker: with the driver of the host's init, and a second one with the other ------------------

SECOND=/run/second # cgroupfs where systemd is PID 1

setup_docker() {
        mkdir -p /etc/docker
        jq -n --arg w "$WRAPPERS" '{runtimes: {"wrapped-runc": {path: ($w + "/dtgov-runc")},
                "wrapped-crun": {path: ($w + "/dtgov-crun")}, crun: {path: "/usr/bin/crun"}}}' \
                > /etc/docker/daemon.json
        start_engine && docker import "$IMAGE" busybox || return
        [ "$DTGOV_INIT" = systemd ] || return 0
        mkdir -p "$SECOND" /var/lib/docker/second
        dockerd --host "unix://$SECOND/docker.sock" --pidfile "$SECOND/pid" --exec-root "$SECOND/exec" \
                --data-root /var/lib/docker/second --iptables=false --ip6tables=false --bridge=none \
                --exec-opt native.cgroupdriver=cgroupfs > "$SECOND/log" 2>&1 &
        wait_for 180 docker --host "unix://$SECOND/docker.sock" version ||
                { tail -n 20 "$SECOND/log"; return 1; }
        docker --host "unix://$SECOND/docker.sock" import "$IMAGE" busybox
}

in_docker() { # ARG...: the engine that has the row's driver
        local socket=/run/docker.sock
        [ "$driver-$DTGOV_INIT" != cgroupfs-systemd ] || socket=$SECOND/docker.sock
        docker --host "unix://$socket" "$@"
}

start_docker() { # NUMBER
        local real=$runtime
        [ "$how" = scan ] || real=wrapped-$runtime
        in_docker run --detach --network none --stop-timeout 0 --runtime "$real" --name "$row-$1" \
                --cpu-period 100000 --cpu-quota "$QUOTA" busybox sh -c "$(command_of "$1")"
}

stop_docker() { # NUMBER
        in_docker rm -f "$row-$1"
}

ids_docker() {
        # shellcheck disable=SC2046 # a word each
        in_docker inspect --format '{{.Id}}' $(names)
}

# --- podman ----------------------------------------------------------------------------------------

setup_podman() {
        mkdir -p "$HOOKS" /var/lib/docker/podman
        jq -n --arg hook "$B/dtgov-hook" '{version: "1.0.0",
                hook: {path: $hook, args: ["dtgov-hook"], env: ["DTGOV=1"]},
                when: {always: true}, stages: ["createRuntime", "poststop"]}' > "$HOOKS/dtgov.json"
        in_podman import "$IMAGE" busybox
}

in_podman() { # ARG...
        podman --root /var/lib/docker/podman --storage-driver overlay --cgroup-manager "${driver:-cgroupfs}" \
                --events-backend none --hooks-dir "${hooks_dir:-/nonexistent}" "$@"
}

start_podman() { # NUMBER
        local hooks_dir=
        [ "$how" = scan ] || hooks_dir=$HOOKS
        in_podman --runtime "/usr/bin/$runtime" run --detach --network none --name "$row-$1" \
                --cpu-period 100000 --cpu-quota "$QUOTA" busybox sh -c "$(command_of "$1")"
}

stop_podman() { # NUMBER
        in_podman rm -f -t 0 "$row-$1"
}

ids_podman() {
        # shellcheck disable=SC2046 # a word each
        in_podman inspect --format '{{.Id}}' $(names)
}

# --- ctr -------------------------------------------------------------------------------------------

setup_ctr() { # the image as containerd takes it: what Docker saves
        containerd --root /var/lib/docker/containerd --state /run/ctr --address /run/ctr.sock \
                > /run/containerd.log 2>&1 &
        wait_for 60 in_ctr version || { tail -n 20 /run/containerd.log; return 1; }
        docker save -o /run/busybox.tar busybox && in_ctr image import --base-name busybox /run/busybox.tar ||
                return
        ctr_image=$(in_ctr image ls -q | head -n 1)
        [ "$ctr_image" ]
}

in_ctr() { # ARG...
        ctr --address /run/ctr.sock "$@"
}

start_ctr() { # NUMBER
        local binary=()
        [ "$how" = scan ] || binary=(--runc-binary "$WRAPPERS/dtgov-$runtime")
        in_ctr run --detach "${binary[@]}" --cpu-period 100000 --cpu-quota "$QUOTA" \
                "$ctr_image" "$row-$1" sh -c "$(command_of "$1")"
}

stop_ctr() { # NUMBER
        in_ctr task kill -s KILL "$row-$1" && wait_for 60 ctr_stopped "$row-$1" &&
                in_ctr task rm "$row-$1" && in_ctr container rm "$row-$1"
}

ctr_stopped() { # NAME
        in_ctr task ls | grep -q "^$1 .*STOPPED"
}

ids_ctr() {
        names
}

# --- the runtime without an engine -----------------------------------------------------------------

setup_alone() {
        :
}

start_alone() { # NUMBER
        local bundle=/run/bundles/$row-$1 path=/$row-$1
        [ "$driver" = cgroupfs ] || path=system.slice:$runtime:$row-$1
        mkdir -p "$bundle"
        jq -n --arg path "$path" --arg command "$(command_of "$1")" --arg rootfs "$ROOTFS" --argjson quota "$QUOTA" '
                {ociVersion: "1.0.2",
                 process: {user: {uid: 0, gid: 0}, cwd: "/", env: ["PATH=/bin"], args: ["/bin/sh", "-c", $command]},
                 root: {path: $rootfs, readonly: true},
                 mounts: [{destination: "/proc", type: "proc", source: "proc"},
                        {destination: "/dev", type: "tmpfs", source: "tmpfs"}],
                 linux: {cgroupsPath: $path, resources: {cpu: {quota: $quota, period: 100000}},
                        namespaces: [{type: "pid"}, {type: "mount"}, {type: "ipc"}, {type: "uts"}, {type: "network"}]}}
        ' > "$bundle/config.json"
        run_alone run --detach --bundle "$bundle" "$row-$1" > "$bundle/out" 2>&1 ||
                { cat "$bundle/out"; return 1; }
}

run_alone() { # ARG...
        local real=$runtime options=()
        [ "$how" = scan ] || real=$WRAPPERS/dtgov-$runtime
        [ "$driver" = cgroupfs ] || options=(--systemd-cgroup)
        "$real" "${options[@]}" "$@" < /dev/null
}

stop_alone() { # NUMBER
        run_alone delete --force "$row-$1"
}

ids_alone() {
        names
}

# --- a container in a container: an engine in one of Docker's, which dtgov governs at its top ------

setup_nested() {
        make_inner_image
}

# The engine comes up and starts its containers without a quota: it would take very long with one.
before_nested() {
        local real=$runtime
        [ "$how" = scan ] || real=wrapped-$runtime
        start_inner "$row" --runtime "$real"
}

start_nested() { # NUMBER
        inner_docker_run "$row" --name "$row-$1" busybox sh -c "$(command_of "$1")"
}

after_nested() {
        docker update --cpu-period 100000 --cpu-quota "$NESTED_QUOTA" "$row"
}

unbind_nested() { # to remove them would take as long
        docker update --cpu-quota -1 "$row"
}

stop_nested() { # NUMBER
        inner_docker "$row" rm -f "$row-$1"
}

end_nested() {
        stop_inner "$row"
}

ids_nested() {
        docker inspect --format '{{.Id}}' "$row"
}
