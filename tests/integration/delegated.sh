#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What a container in a user namespace does with the cgroups below its own is its own matter: neither
# the limits it writes there nor what they kill has to do with a change of dtgov's.
#
# guests: bookworm trixie
# ci: trixie-plain
# init: plain
# memory: 1536
# timeout: 600
# suite: ci
#
# shellcheck source=tests/integration/lib.sh
. /src/tests/integration/lib.sh

# It waits until it is known, leaves its own cgroup for one below, and never stops writing limits.
# shellcheck disable=SC2016 # the shell of the container expands it
CONTAINER='
until [ -e /run/go ]; do sleep 0.1; done
mount -t cgroup2 none /run/below && cd /run/below && mkdir work inner || exit
echo 0 > work/cgroup.procs
echo "+memory +pids" > cgroup.subtree_control || exit
i=0
while :; do
        i=$((i + 1))
        echo $((40 + i % 7))M > inner/memory.max && echo $((30 + i % 5)) > inner/pids.max || exit
        echo "$i" > /tmp/written
        sleep 0.2
done
'

written() { # MORE: limits were written so often since the mark
        [ "$(cat /tmp/written)" -ge $((written + $1)) ]
}

mark_written() {
        written=$(cat /tmp/written)
}

killed_below() {
        grep -q '^oom_kill [1-9]' "$dir/memory.events"
}

build_peer
make_tree
mkdir /run/below
t_ok "dtgovd and its observer come up" start_dtgovd --probation 600
start_plain dev setpriv --reuid 100000 --regid 100000 --clear-groups \
        unshare --map-root-user --cgroup --mount sh -c "$CONTAINER"
chown 100000:100000 "$dir" "$dir"/cgroup.{procs,subtree_control,threads}
echo 400M > "$dir/memory.max"
echo 200 > "$dir/pids.max"
touch /run/go
t_ok "the container writes limits below its own" wait_for 10 test -s /tmp/written
# shellcheck disable=SC2016 # the inner shell expands it
t_ok "it may not write its own" runs 2 setpriv --reuid 100000 --regid 100000 --clear-groups \
        sh -c 'echo 1M > "$0"' "$dir/memory.max"
before=$(limits_of "$dir")

echo "- limits below, written all the time ($SECONDS s)"
t_ok "its limits are changed" runs 0 dtgov set dev memory.max=500M pids.max=300 --yes
change=$(last_change dev)
mark_written
t_ok "it goes on writing, longer than limits are read again" wait_for 60 written 60
t_is "the change is on probation as before" probation "$(change_state "$change")"
t_is "no limit of its own has changed" "500M 300" \
        "$(($(< "$dir/memory.max") / 1048576))M $(< "$dir/pids.max")"

echo "- a kill below, at a limit of its own ($SECONDS s)"
bash -c 'echo $$ > "$0/inner/cgroup.procs"; exec "$1" anon 150' "$dir" "$peer" &
t_ok "what is too large is killed" wait_for 30 killed_below
mark_written
t_ok "time goes by" wait_for 20 written 15
t_is "the change is on probation as before" probation "$(change_state "$change")"

echo "- taken back ($SECONDS s)"
t_ok "it is taken back" runs 0 dtgov rollback dev --yes
t_is "and is no conflict" rolled_back "$(change_state "$change")"
t_is "every limit is as before" "$before" "$(limits_of "$dir")"
mark_written
t_ok "the container goes on writing" wait_for 10 written 3
stop_dtgovd TERM
t_done
