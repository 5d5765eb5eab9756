#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# dtgovd on a real kernel: a wish all the way to its rollback, a crash, CYCLES changes (100); under
# systemd with Docker too. As root on cgroup v2:
#   tests/vm/run [--systemd --disk 2048] tests/integration/control.sh
#
# guests: bookworm trixie
# init: plain systemd
# disk: 1024
# timeout: 900
# ci: bookworm-plain
here=$(dirname "$(realpath "$0")")
# shellcheck source=tests/vm/lib.sh
. "$here/../vm/lib.sh"
build=$here/../../build/vm/${DTGOV_OS-}/release
[ -x "$build/dtgovd" ] || build=$here/../../build/release
cycles=${1-100}
# Where dtgov is installed its history belongs to its own user.
observer=$(id -u dtgov 2> /dev/null || echo 65534)

if [ "$(id -u)" != 0 ] || [ "$(stat -fc %T /sys/fs/cgroup)" != cgroup2fs ]; then
        t_skip "dtgovd" "want root and cgroup v2 alone"
        t_done
        exit
fi

[ -e /dev/fd ] || ln -s /proc/self/fd /dev/fd
mkdir -p /usr/local/sbin /usr/local/bin /usr/local/libexec/dtgov
cp "$build/dtgovd" /usr/local/sbin/
cp "$build/dtgov" /usr/local/bin/
cp "$build/dtgov-observer" /usr/local/libexec/dtgov/
chmod 755 /usr/local/sbin/dtgovd /usr/local/bin/dtgov /usr/local/libexec/dtgov/*

# A container of Docker's cgroupfs driver, as dtgovd adopts it: a cgroup of that name with a process.
id=$(printf '%064d' 0 | tr 0 a)
cg=/sys/fs/cgroup/docker/$id
mkdir -p "$cg"
[ "$DTGOV_INIT" = systemd ] && echo "+cpu +memory +pids" > /sys/fs/cgroup/cgroup.subtree_control
echo "+cpu +memory +pids" > /sys/fs/cgroup/docker/cgroup.subtree_control
sh -c "echo \$\$ > $cg/cgroup.procs; exec sleep 100000" &
victim=$!
wait_for 5 grep -q . "$cg/cgroup.procs"
echo 200M > "$cg/memory.max"
echo 100 > "$cg/pids.max"

start_dtgovd() { # SECONDS of probation
        dtgovd --observer-user "$observer" --probation "$1" > /run/dtgovd.log 2>&1 &
        daemon=$!
        wait_for 20 dtgov status && wait_for 20 is_observed
}

is_observed() {
        grep -q "observer is here" /run/dtgovd.log
}

# Every limit file of a cgroup but the named ones, with their texts.
limits() { # CGROUP EXCEPT...
        local dir=$1 file
        shift
        for file in "$dir"/{cpu,memory,pids,io,cpuset,hugetlb,misc,rdma}.*; do
                case $file in *.events* | *.pressure | *.reclaim | *.peak | *.stat | *.current) continue ;; esac
                [[ -f $file && -w $file && " $* " != *" ${file##*/} "* ]] || continue
                [ "$(stat -c %A "$file" | cut -c3)" = w ] && echo "${file##*/} $(cat "$file")"
        done
}

t_ok "dtgovd starts and its observer comes" start_dtgovd 300
before=$(limits "$cg" memory.max)
t_ok "a wish is applied" dtgov set --yes "$id" memory.max=300M
t_is "the kernel's file has it" 314572800 "$(cat "$cg/memory.max")"
t_is "every other limit file is byte-equal" "$before" "$(limits "$cg" memory.max)"
t_ok "it is taken back" dtgov rollback --yes C1
t_is "the old value is there" 209715200 "$(cat "$cg/memory.max")"
t_is "and every other as before" "$before" "$(limits "$cg" memory.max)"
t_ok "taking it back twice is no error" dtgov rollback --yes C1

t_ok "two knobs at once" dtgov set --yes "$id" cpu.max=1.5 pids.max=200
t_is "the quota" "150000 100000" "$(cat "$cg/cpu.max")"
t_is "and the tasks" 200 "$(cat "$cg/pids.max")"
kill -9 "$daemon"
wait "$daemon" 2> /dev/null
t_ok "after a crash --recover works" dtgovd --recover
t_is "what was on probation went back" "max 100000 100" "$(cat "$cg/cpu.max" "$cg/pids.max" | xargs)"

t_ok "dtgovd starts again" start_dtgovd 2
t_ok "a change is committed" dtgov set --yes --wait "$id" pids.max=150
t_ok "a second dtgovd does not start" bash -c '! dtgovd'
t_ok "nor does a rollback beside it" bash -c '! dtgovd --rollback --all'
kill "$daemon"
wait "$daemon" 2> /dev/null
t_is "what was committed stays" 150 "$(cat "$cg/pids.max")"
t_ok "a rollback without a daemon" dtgovd --rollback "$id"
t_is "gives the old value" 100 "$(cat "$cg/pids.max")"

# memory in use above the old limit: 150 MiB of a file system in memory, in a cgroup that had 100.
mkdir -p /run/hog
mount -t tmpfs tmpfs /run/hog
t_ok "dtgovd starts once more" start_dtgovd 300
echo 100M > "$cg/memory.max"
t_ok "a raise" dtgov set --yes "$id" memory.max=300M
sh -c "echo \$\$ > $cg/cgroup.procs; exec dd if=/dev/zero of=/run/hog/a bs=1M count=150 2> /dev/null"
dtgov rollback --yes "$id" > /run/t_kept 2>&1
t_is "a rollback below use keeps what is needed, exit status 8" 8 $?
t_ok "and says so" grep -qi kept /run/t_kept
t_ok "the limit is above use" [ "$(cat "$cg/memory.max")" -gt "$(cat "$cg/memory.current")" ]
t_is "and nobody was killed" 0 "$(awk '$1 == "oom_kill" { print $2 }' "$cg/memory.events")"
umount /run/hog

status=$(cat "/proc/$daemon/status")
t_is "its capabilities are CAP_SYS_RESOURCE alone" 0000000001000000 \
        "$(awk '/^CapEff/ { print $2 }' <<< "$status")"
t_is "no_new_privs and seccomp are on" "1 2" \
        "$(awk '/^NoNewPrivs/ { n = $2 } /^Seccomp:/ { s = $2 } END { print n, s }' <<< "$status")"

# As on a machine that was suspended or starved.
weight=$(cat "$cg/cpu.weight")
t_ok "a change before dtgovd stands still" dtgov set --yes "$id" cpu.weight=150
kill -STOP "$daemon"
sleep 14
kill -CONT "$daemon"
weight_is_back() { [ "$(cat "$cg/cpu.weight")" = "$weight" ]; }
t_ok "14 s that nobody watched end its probation" wait_for 10 weight_is_back
t_ok "the observer is still there" dtgov ps

old=$(cat "$cg/pids.max")
lost=0
for ((i = 0; i < cycles; i++)); do
        if dtgov set --yes "$id" "pids.max=$((200 + i % 7))" > /run/t_set 2>&1 &&
                        dtgov rollback --yes "$id" > /run/t_set 2>&1 &&
                        [ "$(cat "$cg/pids.max")" = "$old" ]; then
                continue
        fi
        lost=$((lost + 1))
        cat /run/t_set
        sleep 1
        [ "$lost" -lt 10 ] || break
done
t_is "$cycles changes and rollbacks, all of them whole" 0 "$lost"

kill "$victim"
wait "$victim" 2> /dev/null
gone() { ! dtgov status --json | grep -q "$id"; }
t_ok "the end of the container is seen" wait_for 10 gone

if [ "$DTGOV_INIT" = systemd ] && command -v dockerd > /dev/null; then
        t_ok "dockerd with the systemd driver" start_dockerd systemd
        name=$(docker run -d --network none -m 64m --memory-swap 64m --cpus 0.5 --pids-limit 50 busybox sleep 10000)
        cg=/sys/fs/cgroup/system.slice/docker-$name.scope
        known() { dtgov status --json | grep -q "$name"; }
        t_ok "the container is adopted" wait_for 45 known
        before=$(limits "$cg" memory.max cpu.max)
        t_ok "a wish on a scope" dtgov set --yes "$name" memory.max=128M cpu.max=0.8
        t_is "the kernel has it" "134217728 80000 100000" "$(cat "$cg/memory.max" "$cg/cpu.max" | xargs)"
        t_is "every other limit file, memory.swap.max too, is byte-equal" "$before" \
                "$(limits "$cg" memory.max cpu.max)"
        t_ok "daemon-reload" systemctl daemon-reload
        t_is "undoes nothing" "134217728 80000 100000" "$(cat "$cg/memory.max" "$cg/cpu.max" | xargs)"
        t_is "nor anything else" "$before" "$(limits "$cg" memory.max cpu.max)"
        t_ok "it is taken back" dtgov rollback --yes "$name"
        t_is "to the old values" "67108864 50000 100000" "$(cat "$cg/memory.max" "$cg/cpu.max" | xargs)"
        t_ok "daemon-reload again" systemctl daemon-reload
        t_is "keeps them" "67108864 50000 100000" "$(cat "$cg/memory.max" "$cg/cpu.max" | xargs)"
        t_is "and all others" "$before" "$(limits "$cg" memory.max cpu.max)"
        docker rm -f "$name" > /dev/null
        stop_dockerd
fi
kill "$daemon"
wait "$daemon"
t_is "dtgovd ends in peace" 0 $?
grep -E "^<[0-4]>" /run/dtgovd.log | head -n 20
t_done
