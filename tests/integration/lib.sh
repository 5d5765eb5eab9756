# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What the tests of the whole share, in a guest: . /src/tests/integration/lib.sh
# It starts the programs of build/vm/$DTGOV_OS/release in the directories where they live when
# installed, governs the whole cgroup tree, and asks dtgovd over its own socket.

# shellcheck source=tests/vm/lib.sh
. /src/tests/vm/lib.sh

B=/src/build/vm/$DTGOV_OS/release
CG=/sys/fs/cgroup
REGISTRY=/run/dtgov/containers
STATE=/var/lib/dtgov
LOG=/run/dtgovd.log
export B CG REGISTRY STATE LOG

# What is installed lies over the guest's system and starts by itself there: not in these tests.
if [ "$DTGOV_INIT" = systemd ] && [ -e /usr/lib/systemd/system/dtgovd.service ]; then
        systemctl stop dtgovd.socket dtgov-link.socket dtgov-observer.socket dtgovd.service dtgov-observer.service
        rm -rf /run/dtgov "$STATE"
fi

dtgov() {
        "$B/dtgov" "$@" < /dev/null
}

# Sends raw things to sockets and holds memory; see its head.
build_peer() {
        peer=/usr/local/bin/peer
        [ -x "$peer" ] || gcc -static -O1 -D_GNU_SOURCE -o "$peer" /src/tests/integration/peer.c
}

# start_dtgovd [ARG...]: as without a service manager; returns when the observer is there too.
start_dtgovd() {
        build_peer
        "$B/dtgovd" --observer-user 65533 "$@" 2>> "$LOG" &
        dtgovd=$!
        if ! wait_for 60 observer_present || ! kill -0 "$dtgovd"; then
                echo "dtgovd did not come up:"
                tail -n 30 "$LOG"
                return 1
        fi
}

stop_dtgovd() { # SIGNAL: and waits for both
        local observer
        observer=$(observer_pid)
        kill "-$1" "$dtgovd"
        wait "$dtgovd" 2> /dev/null || :
        [ -z "$observer" ] || wait_for 20 test ! -d "/proc/$observer"
}

observer_pid() {
        pgrep -x dtgov-observer | head -n 1
}

control() { # METHOD [PARAMETERS]: the reply's parameters, or its error
        local parameters=${2-}
        "$peer" call /run/dtgov/control.sock \
                "{\"method\":\"org.dtgov.Control.$1\",\"parameters\":${parameters:-{\}}}" |
                jq -c 'if .error then {error, parameters} else .parameters end'
}

observer_present() {
        control Health | jq -e '.observer == "present"' && observer Health | jq -e .link
}

known() { # ID: how many containers of that id dtgovd knows
        control ListContainers | jq --arg id "$1" '[.containers[] | select(.id == $id)] | length'
}

known_inode() { # ID
        control ListContainers | jq -r --arg id "$1" '.containers[] | select(.id == $id) | .cgroupInode'
}

known_all() {
        control ListContainers | jq '.containers | length'
}

is_known() { # ID COUNT
        [ "$(known "$1")" = "$2" ]
}

registered() { # [ID]: how many files of it, or at all, the registry holds
        find "$REGISTRY" -type f -name "${1-}*" | wc -l
}

cgroup_of() { # ID of a container of Docker
        local dir
        for dir in "$CG/docker/$1" "$CG/system.slice/docker-$1.scope" \
                "$CG/system.slice/runc-$1.scope" "$CG/$1"; do
                [ ! -d "$dir" ] || echo "$dir"
        done
}

inode_of() { # ID
        stat -c %i "$(cgroup_of "$1")"
}

# Every limit file of a cgroup that its owner may write, a line of text each; what is no limit is
# left out. Two processes for all of them: a process is dear in an emulated machine.
limits_of() { # DIR
        find "$1" -maxdepth 1 -type f -perm -200 -regex \
                '.*/\(memory\|cpu\|io\|pids\|cpuset\|hugetlb\|rdma\|misc\)\..*' ! -name '*.pressure' \
                ! -name '*.events*' ! -name memory.reclaim ! -name '*.peak' -exec grep -H '' {} + 2> /dev/null |
                while IFS= read -r line; do
                        line=${line#"$1/"}
                        echo "${line%%:*}: ${line#*:}"
                done | sort
}

# The value that a limits_of() holds of one file.
limit_in() { # FILE TEXT
        sed -n "s/^$1: //p" <<< "$2"
}

without() { # FILE TEXT: limits_of() without some files, given as a pattern of sed
        sed "/^\($1\): /d" <<< "$2"
}

fds_of() { # PID
        find "/proc/$1/fd" -mindepth 1 | wc -l
}

anon_of() { # PID: KiB
        awk '$1 == "RssAnon:" { print $2 }' "/proc/$1/status"
}

# The engine with the wrapper as its default runtime.
use_runtime() { # REAL RUNTIME
        mkdir -p /etc/dtgov /etc/docker
        printf '%s\n' "runtime $1" "hook $B/dtgov-hook" > /etc/dtgov/runtime.conf
        printf '{"runtimes":{"dtgov":{"path":"%s"}},"default-runtime":"dtgov"}\n' \
                "$B/dtgov-runtime" > /etc/docker/daemon.json
}

start_engine() {
        local driver=cgroupfs
        [ "$DTGOV_INIT" = plain ] || driver=systemd
        start_dockerd "$driver"
}

docker_run() { # OPTION... IMAGE COMMAND...: in the background; prints the id
        docker run --detach --network none --stop-timeout 0 "$@"
}

init_of() { # ID: the pid of its first process
        docker inspect --format '{{.State.Pid}}' "$1"
}

# What a refusal, a rollback and a listing must say.
says() { # PATTERN TEXT
        grep -qiE "$1" <<< "$2" || { printf 'wanted: %s\ngot:    %s\n' "$1" "$2"; return 1; }
}

# runs STATUS COMMAND...: the command ends so; its output is kept in $output.
runs() {
        local wanted=$1 status=0
        shift
        output=$("$@" 2>&1) || status=$?
        [ "$status" = "$wanted" ] || { printf 'status %s, wanted %s: %s\n%s\n' "$status" "$wanted" "$*" "$output"; return 1; }
}

runs_one_of() { # STATUSES COMMAND...: as runs
        local wanted=$1 status=0
        shift
        output=$("$@" 2>&1) || status=$?
        [[ " $wanted " == *" $status "* ]] ||
                { printf 'status %s, wanted %s: %s\n%s\n' "$status" "$wanted" "$*" "$output"; return 1; }
}

change_state() { # ID
        control ListChanges | jq -r --arg id "$1" '.changes[] | select(.id == $id) | .state'
}

change_is() { # ID STATE
        [ "$(change_state "$1")" = "$2" ]
}

last_change() { # of a container: the newest
        control ListChanges "{\"containerId\":\"$1\"}" | jq -r '.changes | max_by(.id[1:] | tonumber) | .id'
}

observer() { # METHOD [PARAMETERS]: as control(), of the observer
        local parameters=${2-}
        "$peer" call /run/dtgov/query.sock \
                "{\"method\":\"org.dtgov.Observer.$1\",\"parameters\":${parameters:-{\}}}" |
                jq -c 'if .error then {error, parameters} else .parameters end'
}

# Containers of runc itself, without an engine, with the wrapper before it: busybox and peer, the
# directory DATA of the disk at /data. cgroup_of() finds them too.
make_bundle() { # NAME RESOURCES-JSON COMMAND
        local dir=/run/bundles/$1 path=/$1
        [ "$DTGOV_INIT" = plain ] || path=system.slice:runc:$1
        mkdir -p "$dir/rootfs/bin" "$dir/rootfs/data" "$dir/rootfs/proc" "$dir/rootfs/dev" \
                "/var/lib/docker/$1"
        cp /bin/busybox "$peer" "$dir/rootfs/bin/"
        chroot "$dir/rootfs" /bin/busybox --install -s /bin
        jq -n --arg path "$path" --argjson resources "$2" --arg command "$3" --arg data "/var/lib/docker/$1" '
                {ociVersion: "1.0.2",
                 process: {user: {uid: 0, gid: 0}, cwd: "/", env: ["PATH=/bin"], args: ["/bin/sh", "-c", $command]},
                 root: {path: "rootfs"},
                 mounts: [{destination: "/proc", type: "proc", source: "proc"},
                        {destination: "/dev", type: "tmpfs", source: "tmpfs"},
                        {destination: "/data", type: "bind", source: $data, options: ["rbind", "rw"]}],
                 linux: {cgroupsPath: $path, resources: $resources,
                        namespaces: [{type: "pid"}, {type: "mount"}, {type: "ipc"}, {type: "uts"}, {type: "network"}]}}
        ' > "$dir/config.json"
}

wrapped_runc() { # ARG...
        local driver=()
        [ "$DTGOV_INIT" = plain ] || driver=(--systemd-cgroup)
        "$B/dtgov-runtime" "${driver[@]}" "$@" < /dev/null
}

run_bundle() { # NAME
        wrapped_runc run --detach --bundle "/run/bundles/$1" "$1" > "/run/bundles/$1/out" 2>&1 ||
                { cat "/run/bundles/$1/out"; return 1; }
}

delete_bundle() { # NAME
        wrapped_runc delete --force "$1"
}

T=$CG/t

make_tree() { # the cgroup below which the containers without an engine are
        mkdir "$T"
        echo "+cpu +memory +pids" > "$T/cgroup.subtree_control"
}

# A container without an engine: a cgroup, a process in it, and the hook's word for it.
start_plain() { # NAME [COMMAND...]: sets pid and dir; a name may have parents
        local name=$1 id=${1##*/}
        shift
        [ $# -gt 0 ] || set -- sleep 100000
        dir=$T/$name
        mkdir -p "$dir"
        bash -c 'echo $$ > "$0/cgroup.procs" && exec "$@"' "$dir" "$@" &
        pid=$!
        wait_for 10 grep -q "^$pid\$" "$dir/cgroup.procs"
        tell_hook "$(state_of "$id" "$pid")"
        wait_for 10 is_known "$id" 1
}

end_plain() { # NAME
        local p
        while read -r p; do
                kill -9 "$p"
        done < "$T/$1/cgroup.procs"
        wait_for 10 rmdir "$T/$1"
}

state_of() { # ID PID
        printf '{"ociVersion":"1.0.2","id":"%s","status":"creating","pid":%s,"bundle":"/run"}' "$1" "$2"
}

tell_hook() { # STATE
        "$B/dtgov-hook" <<< "$1"
}

ms() {
        echo $(($(date +%s%N) / 1000000))
}

alive() { # dtgovd answers, and it is the same one
        control Health | jq -e --argjson pid "$dtgovd" '.pid == $pid' > /dev/null
}

logged() { # PATTERN: since the mark
        tail -c +"$mark" "$LOG" | grep -qE "$1" || { tail -c +"$mark" "$LOG"; return 1; }
}

mark_log() {
        mark=$(($(stat -c %s "$LOG") + 1))
}

propose() { # ID ASSIGNMENTS
        control Propose "{\"containerId\":\"$1\",\"assignments\":\"$2\"}" | jq -r .proposal.id
}

# disturb FILE INJECTION: what strace does to writes of dtgovd to that file, until calm
disturb() {
        strace -f -q -p "$dtgovd" -o /run/strace -P "$1" -e "inject=$2" 2> /run/strace.err &
        tracer=$!
        wait_for 20 is_traced
        sleep 0.5
}

is_traced() { # every thread of dtgovd
        ! grep -q '^TracerPid:.0$' "/proc/$dtgovd/task/"*/status
}

calm() { # a tracer that does not end is told of, with what it waits for
        kill "$tracer" 2> /dev/null
        if ! wait_for 30 is_dead "$tracer"; then
                echo "strace does not end:"
                grep -H '^State' "/proc/$tracer/status" "/proc/$dtgovd/task/"*/status
                kill -9 "$tracer"
        fi
        wait "$tracer" 2> /dev/null || :
}

change_is_over() { # ID
        case $(change_state "$1") in
        '' | probation | rolling_back) return 1 ;;
        esac
}

starts_safely() {
        start_dtgovd && is_same 700 "$(stat -c %a "$STATE/journal")"
}

reborn() { # dtgovd was killed: away with its observer, and a new one
        if ! wait_for 20 is_dead "$dtgovd"; then
                echo "dtgovd was not killed"
                kill -9 "$dtgovd"
                return 1
        fi
        wait_for 20 is_dead "$(observer_pid)"
        start_dtgovd "$@"
}

is_dead() { # PID: gone, or a zombie
        ! grep -q '^State:.[^ZX]' "/proc/$1/status"
}


# What the daemons said, when something failed.
say_why() {
        if [ "$t_failed" != 0 ] && [ -e "$LOG" ]; then
                echo "the last words of dtgovd and its observer:"
                { head -n 60 "$LOG"; echo ...; tail -n 40 "$LOG"; } | sed 's/^/  /'
        fi
}
trap say_why EXIT
