#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Five thousand containers at once, as many as dtgov looks for: all are listed, a change and its
# rollback go their way, a fifth of them ends and others come. Row 54 of rows.txt.
#
# guests: trixie
# init: plain
# memory: 8192
# timeout: 2900
# suite: full
#
# shellcheck source=tests/integration/lib.sh
. /src/tests/integration/lib.sh

COUNT=${1:-5000}
PARENT=$CG/docker

# As a scan adopts it: a cgroup of Docker's cgroupfs driver with a process.
start_one() { # NUMBER
        local dir
        printf -v dir '%s/%064x' "$PARENT" "$1"
        mkdir "$dir"
        busybox sleep 100000 &
        echo $! > "$dir/cgroup.procs"
}

end_one() { # NUMBER
        local dir p
        printf -v dir '%s/%064x' "$PARENT" "$1"
        read -r p < "$dir/cgroup.procs"
        kill -9 "$p"
        wait "$p" 2> /dev/null
        rmdir "$dir"
}

knows() { # COUNT
        [ "$(known_all)" = "$1" ]
}

samples() { # COUNT
        observer Health | jq -e --argjson count "$1" '.containers == $count'
}

interval_ms() {
        observer Health | jq '.intervalUsec / 1000 | floor'
}

build_peer
ulimit -u unlimited
echo 65536 > /proc/sys/kernel/pid_max
mkdir "$PARENT"
echo "+cpu +memory +pids" > "$CG/cgroup.subtree_control"
echo "+cpu +memory +pids" > "$PARENT/cgroup.subtree_control"
for ((n = 1; n <= COUNT; n++)); do
        start_one "$n"
done
echo "- $COUNT containers ($SECONDS s)"
t_ok "dtgovd and its observer come up" start_dtgovd --probation 600
t_ok "54: dtgovd knows all of them" wait_for 300 knows "$COUNT"
t_ok "54: the observer has all of them ($SECONDS s)" wait_for 300 samples "$COUNT"
t_is "54: all are listed" "$COUNT" "$(dtgov ps --json | jq length)"
t_ok "54: with what they use" wait_for 300 eval \
        'dtgov ps --json | jq -e "all(.[]; .memoryBytes != null)"'
sleep 20
interval=$(interval_ms)
echo "  each is sampled every $interval ms ($SECONDS s)"
if [ "$interval" -ge 1500 ]; then
        t_ok "54: the interval has grown, and status says so" wait_for 60 eval \
                'dtgov status | grep -q "each is looked at every"'
else
        t_skip "54: a longer interval" "this machine samples $COUNT containers within $interval ms"
fi

echo "- one of them is changed ($SECONDS s)"
printf -v id '%064x' 7
before=$(limits_of "$PARENT/$id")
t_ok "54: a change is applied" runs 0 dtgov set "$id" cpu.weight=200 --yes
t_is "54: in the kernel" 200 "$(cat "$PARENT/$id/cpu.weight")"
t_ok "54: and taken back" runs 0 dtgov rollback "$id" --yes
t_is "54: to the byte" "$before" "$(limits_of "$PARENT/$id")"

echo "- they come and go ($SECONDS s)"
part=$((COUNT / 5))
for ((n = 101; n <= 100 + part; n++)); do
        end_one "$n"
done
t_ok "54: those that ended have left" wait_for 120 knows $((COUNT - part))
for ((n = COUNT + 1; n <= COUNT + part; n++)); do
        start_one "$n"
done
t_ok "54: those that came are found ($SECONDS s)" wait_for 300 knows "$COUNT"
t_ok "54: and sampled" wait_for 300 samples "$COUNT"
t_ok "54: dtgovd is the same" alive
echo "  dtgovd holds $(fds_of "$dtgovd") descriptors, the observer $(fds_of "$(observer_pid)")"
stop_dtgovd TERM
t_done
